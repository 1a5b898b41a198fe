import Testing

@testable import CairnPractice

@Suite struct MessagesTests {
    private let tool =
        #"""
        {"name":"read_file","input_schema":{"type":"object",\#
        "properties":{"path":{"type":"string"}},"required":["path"]}}
        """#

    private func body(_ fields: String = "", messages: String = #"[{"role":"user","content":"hello"}]"#) -> String {
        #"{"model":"claude-practice","max_tokens":500,\#(fields)"messages":\#(messages)}"#
    }

    @Test func `a whole answer has the fields in Anthropic's order`() throws {
        var desk = PracticeDesk()

        let call = desk.post("/anthropic/v1/messages?beta=true", body())
        let document = try call.document()

        #expect(
            document.members?.map(\.key) == [
                "model", "id", "type", "role", "content", "stop_reason", "stop_sequence", "usage",
            ])
        #expect(document["stop_reason"] == "end_turn")
        #expect(document["id"]?.text?.hasPrefix("msg_01") == true)
        #expect(call.header("request-id")?.hasPrefix("req_") == true)
        #expect(call.header("anthropic-ratelimit-requests-limit") != nil)
    }

    @Test func `a stream names its events and pings after the first block begins`() throws {
        var desk = PracticeDesk()

        let call = desk.post(
            "/v1/messages",
            body(#""stream":true,"thinking":{"type":"enabled","budget_tokens":1024},"tools":[\#(tool)],"#))

        var names: [String] = []
        for name in call.events.compactMap(\.name) where names.last != name { names.append(name) }
        let block = ["content_block_start", "content_block_delta", "content_block_stop"]
        #expect(
            names == ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop"]
                + block + block + ["message_delta", "message_stop"])
        #expect(call.text.contains("event: ping\ndata: {\"type\": \"ping\"}\n\n"))
    }

    @Test func `a stream says what the whole answer says`() throws {
        var desk = PracticeDesk()
        let fields = #""thinking":{"type":"enabled","budget_tokens":1024},"tools":[\#(tool)],"#

        let whole = try desk.post("/v1/messages", body(fields)).document()["content"]?.elements ?? []
        let deltas = try desk.post("/v1/messages", body(#""stream":true,"# + fields))
            .eventDocuments().compactMap { $0["delta"] }
        func joined(_ key: String) -> String { deltas.compactMap { $0[key]?.text }.joined() }

        #expect(whole.map { $0["type"]?.text } == ["thinking", "text", "tool_use"])
        #expect(whole[0]["thinking"]?.text == joined("thinking"))
        #expect(whole[0]["signature"]?.text == joined("signature"))
        #expect(whole[1]["text"]?.text == joined("text"))
        #expect(try JSONValue(parsing: Array(joined("partial_json").utf8)) == whole[2]["input"])
    }

    @Test func `a thinking block is taken back only as it was given`() throws {
        var desk = PracticeDesk()
        func reply(thinking: String, signature: String) -> Int {
            desk.post(
                "/v1/messages",
                body(
                    messages:
                        #"""
                        [{"role":"user","content":"a"},{"role":"assistant",\#
                        "content":[{"type":"thinking","thinking":"\#(thinking)",\#
                        "signature":"\#(signature)"},{"type":"text","text":"b"}]},\#
                        {"role":"user","content":"c"}]
                        """#
                )
            ).status
        }

        #expect(reply(thinking: "deep", signature: thinkingSignature("deep")) == 200)
        #expect(reply(thinking: "deeper", signature: thinkingSignature("deep")) == 400)
    }

    @Test func `a stop sequence is reported`() throws {
        var desk = PracticeDesk()

        let document = try desk.post("/v1/messages", body(#""stop_sequences":["hello"],"#)).document()

        #expect(document["stop_reason"] == "stop_sequence")
        #expect(document["stop_sequence"] == "hello")
    }

    @Test func `count_tokens counts the prompt that messages would bill`() throws {
        var desk = PracticeDesk()

        let counted = try desk.post(
            "/v1/messages/count_tokens",
            #"{"model":"claude-practice","messages":[{"role":"user","content":"hello"}]}"#
        ).document()
        let billed = try desk.post("/v1/messages", body()).document()["usage"]?["input_tokens"]

        #expect(counted["input_tokens"] == billed)
        #expect(counted.members?.count == 1)
    }

    @Test(arguments: [
        (#"{"messages":[]}"#, "model: Field required"),
        (#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#, "max_tokens: Field required"),
        (#"{"model":"m","max_tokens":9}"#, "messages: Field required"),
        (
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}"#,
            "non-empty"
        ),
        (
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"}]}"#,
            "input_schema"
        ),
        (
            #"""
            {"model":"m","max_tokens":9,"messages":[{"role":"assistant",\#
            "content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},{"role":"user",\#
            "content":"x"}]}
            """#,
            "without `tool_result` blocks immediately after: t1"
        ),
        (
            #"""
            {"model":"m","max_tokens":9,"messages":[{"role":"user",\#
            "content":[{"type":"tool_result","tool_use_id":"t2","content":"x"}]}]}
            """#,
            "unexpected `tool_use_id`"
        ),
        (
            #"""
            {"model":"m","max_tokens":9,"messages":[{"role":"assistant",\#
            "content":[{"type":"tool_use","id":"t3","name":"f","input":{}}]},{"role":"user",\#
            "content":[{"type":"text","text":"here"},{"type":"tool_result","tool_use_id":"t3","content":"x"}]}]}
            """#,
            "without `tool_result` blocks immediately after: t3"
        ),
        (
            #"""
            {"model":"m","max_tokens":9,"messages":[{"role":"assistant",\#
            "content":[{"type":"tool_use","id":"t4","name":"f","input":{}}]},{"role":"user",\#
            "content":[{"type":"tool_result","tool_use_id":"t4","content":"x"},\#
            {"type":"tool_result","tool_use_id":"t4","content":"y"}]}]}
            """#,
            "Found multiple `tool_result` blocks with id: t4"
        ),
    ])
    func `a bad request is refused in Anthropic's envelope`(body: String, message: String) throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/messages", body)
        let document = try call.document()

        #expect(call.status == 400)
        #expect(document["type"] == "error")
        #expect(document["error"]?["type"] == "invalid_request_error")
        #expect(document["error"]?["message"]?.text?.contains(message) == true, "\(call.text)")
        #expect(document["request_id"]?.text == call.header("request-id"))
    }

    @Test func `messages of one side in a row are read as one`() throws {
        var desk = PracticeDesk()

        let call = desk.post(
            "/v1/messages",
            #"""
            {"model":"m","max_tokens":9,"messages":[{"role":"user","content":"go"},{"role":"assistant",\#
            "content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},{"role":"assistant",\#
            "content":[{"type":"tool_use","id":"t2","name":"f","input":{}}]},{"role":"user",\#
            "content":[{"type":"tool_result","tool_use_id":"t2","content":"x"}]},{"role":"user",\#
            "content":[{"type":"tool_result","tool_use_id":"t1","content":"x"},{"type":"text","text":"on"}]}]}
            """#)

        #expect(call.status == 200, "\(call.text)")
    }

    @Test func `more than four breakpoints are refused`() throws {
        var desk = PracticeDesk()
        let block = #"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#
        let blocks = Array(repeating: block, count: 5).joined(separator: ",")

        let call = desk.post("/v1/messages", body(messages: #"[{"role":"user","content":[\#(blocks)]}]"#))

        #expect(call.status == 400)
        #expect(call.text.contains("A maximum of 4 blocks with cache_control may be provided. Found 5."))
    }
}
