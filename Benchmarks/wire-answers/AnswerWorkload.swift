// The answer the benchmark translates: 100 pieces of thinking, 800 of text and 100 of a call's arguments, in each
// dialect as its provider spells it. Deterministic.

import CairnWire

/// An answer as a stream of one dialect.
struct AnswerWorkload {
    private(set) var bytes: [UInt8] = []
    private(set) var eventCount = 0
    /// Events a read of the network brings at once.
    private(set) var chunkEnds: [Int] = []

    private static let words = [
        " the", " value", " of", " x", "\\n", " is", " `a.b`", " caf\u{E9}", ",", " that", " means",
    ]

    init(_ dialect: Dialect, scale: Int) {
        switch dialect {
        case .chat: writeChat(scale)
        case .messages: writeMessages(scale)
        case .responses: writeResponses(scale)
        }
        if chunkEnds.last != bytes.count { chunkEnds.append(bytes.count) }
    }

    private mutating func event(_ text: String) {
        bytes += Array(text.utf8) + [10, 10]
        eventCount += 1
        if eventCount % 4 == 0 { chunkEnds.append(bytes.count) }
    }

    private func word(_ index: Int) -> String { Self.words[index % Self.words.count] }

    private mutating func writeChat(_ scale: Int) {
        func chunk(_ delta: String, _ finish: String = "null") -> String {
            #"data: {"id":"4d2f6c1e-6b2a-4f0e-9a51-1f2d3c4b5a69","object":"chat.completion.chunk","created":1712345678,"model":"deepseek-v4","system_fingerprint":"fp_8802369eaa_prod0623","choices":[{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}]}"#
        }
        event(chunk(#"{"role":"assistant","content":null,"reasoning_content":""}"#))
        for index in 0..<scale { event(chunk(#"{"content":null,"reasoning_content":"\#(word(index))"}"#)) }
        for index in 0..<8 * scale { event(chunk(#"{"content":"\#(word(index))","reasoning_content":null}"#)) }
        event(
            chunk(
                #"{"tool_calls":[{"index":0,"id":"call_0_a1b2c3","type":"function","function":{"name":"edit","arguments":""}}]}"#
            ))
        event(chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"text\":\""}}]}"#))
        for index in 0..<scale { event(chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"w\#(index)"}}]}"#)) }
        event(chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]}"#))
        event(chunk("{}", "\"tool_calls\""))
        event(
            #"data: {"id":"4d2f","object":"chat.completion.chunk","created":1712345678,"model":"deepseek-v4","choices":[],"usage":{"prompt_tokens":9000,"completion_tokens":1000,"total_tokens":10000,"prompt_cache_hit_tokens":8960}}"#
        )
        event("data: [DONE]")
    }

    private mutating func writeMessages(_ scale: Int) {
        func event(_ type: String, _ rest: String) -> String { "event: \(type)\ndata: {\"type\":\"\(type)\",\(rest)}" }
        func delta(_ index: Int, _ text: String) -> String {
            event("content_block_delta", #""index":\#(index),"delta":{\#(text)}"#)
        }
        self.event(
            event(
                "message_start",
                #""message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":40,"cache_read_input_tokens":8960,"output_tokens":1}}"#
            ))
        self.event(
            event("content_block_start", #""index":0,"content_block":{"type":"thinking","thinking":"","signature":""}"#)
        )
        for index in 0..<scale { self.event(delta(0, #""type":"thinking_delta","thinking":"\#(word(index))""#)) }
        self.event(delta(0, #""type":"signature_delta","signature":"EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk""#))
        self.event(event("content_block_stop", #""index":0"#))
        self.event(event("content_block_start", #""index":1,"content_block":{"type":"text","text":""}"#))
        for index in 0..<8 * scale { self.event(delta(1, #""type":"text_delta","text":"\#(word(index))""#)) }
        self.event(event("content_block_stop", #""index":1"#))
        self.event(
            event(
                "content_block_start",
                #""index":2,"content_block":{"type":"tool_use","id":"toolu_01A","name":"edit","input":{}}"#))
        self.event(delta(2, #""type":"input_json_delta","partial_json":"{\"text\":\"""#))
        for index in 0..<scale { self.event(delta(2, #""type":"input_json_delta","partial_json":"w\#(index)""#)) }
        self.event(delta(2, #""type":"input_json_delta","partial_json":"\"}""#))
        self.event(event("content_block_stop", #""index":2"#))
        self.event(
            event(
                "message_delta",
                #""delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":1000}"#))
        self.event("event: message_stop\ndata: {\"type\":\"message_stop\"}")
    }

    private mutating func writeResponses(_ scale: Int) {
        var number = 0
        func event(_ type: String, _ rest: String) -> String {
            defer { number += 1 }
            return "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":\(number),\(rest)}"
        }
        let response =
            #""response":{"id":"resp_68","object":"response","created_at":1,"model":"gpt","output":[],"status":"#
        self.event(event("response.created", response + "\"in_progress\"}"))
        self.event(event("response.in_progress", response + "\"in_progress\"}"))
        let reasoning = #""output_index":0,"item":{"id":"rs_68","type":"reasoning","summary":[]"#
        self.event(event("response.output_item.added", reasoning + "}"))
        for index in 0..<scale {
            self.event(
                event(
                    "response.reasoning_summary_text.delta",
                    #""item_id":"rs_68","output_index":0,"summary_index":0,"delta":"\#(word(index))","obfuscation":"a1b2c3""#
                ))
        }
        self.event(event("response.output_item.done", reasoning + #","encrypted_content":"gAAAAABo"}"#))
        self.event(
            event(
                "response.output_item.added", #""output_index":1,"item":{"id":"msg_68","type":"message","content":[]}"#)
        )
        for index in 0..<8 * scale {
            self.event(
                event(
                    "response.output_text.delta",
                    #""item_id":"msg_68","output_index":1,"content_index":0,"delta":"\#(word(index))","logprobs":[],"obfuscation":"a1b2c3""#
                ))
        }
        self.event(
            event(
                "response.output_item.done", #""output_index":1,"item":{"id":"msg_68","type":"message","content":[]}"#))
        let call = #""output_index":2,"item":{"id":"fc_68","type":"function_call","call_id":"call_1","name":"edit""#
        self.event(event("response.output_item.added", call + #","arguments":""}"#))
        for index in 0..<scale {
            self.event(
                event(
                    "response.function_call_arguments.delta",
                    #""item_id":"fc_68","output_index":2,"delta":"w\#(index)","obfuscation":"a1b2c3""#))
        }
        self.event(event("response.output_item.done", call + "}"))
        self.event(
            event("response.completed", response + #""completed","usage":{"input_tokens":9000,"output_tokens":1000}}"#))
    }
}
