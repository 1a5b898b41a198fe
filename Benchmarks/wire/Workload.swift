// The request the benchmark translates: a coding session of 300 turns and about 600 KB, the same content in each dialect.
// Deterministic: the texts come from a fixed linear congruential generator.

/// A session in three spellings.
struct Workload {
    let turnCount: Int
    let resultBytes: Int

    /// What one call of the session asks and gets.
    private struct Step {
        var thinking: String
        var say: String
        var path: String
        var result: String
    }

    private func steps() -> [Step] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % bound
        }
        let words = [
            "let", "value", "return", "struct", "if", "guard", "else", "index", "café", "// note", "func", "x + 1",
        ]
        return (0..<turnCount / 2).map { index in
            var result = ""
            while result.utf8.count < resultBytes {
                result += "    " + (0..<8).map { _ in words[random(words.count)] }.joined(separator: " ") + "\\n"
            }
            return Step(
                thinking: "I look at file \(index) next, since the test failed there.", say: "Reading file \(index).",
                path: "Sources/Room/File\(random(1000)).swift", result: result)
        }
    }

    func chat() -> String {
        var messages = [
            #"{"role":"system","content":"You are a coding agent."}"#, #"{"role":"user","content":"Fix the test."}"#,
        ]
        for (index, step) in steps().enumerated() {
            messages.append(
                #"{"role":"assistant","reasoning_content":"\#(step.thinking)","content":"\#(step.say)","tool_calls":[{"id":"call_\#(index)","type":"function","function":{"name":"read_file","arguments":"{\"path\":\"\#(step.path)\",\"limit\":200}"}}]}"#
            )
            messages.append(#"{"role":"tool","tool_call_id":"call_\#(index)","content":"\#(step.result)"}"#)
        }
        return
            #"{"model":"m","messages":[\#(messages.joined(separator: ","))],"tools":[\#(Self.chatTools)],"temperature":0.2,"stream":true,"reasoning_effort":"high"}"#
    }

    func messages() -> String {
        var messages = [#"{"role":"user","content":[{"type":"text","text":"Fix the test."}]}"#]
        for (index, step) in steps().enumerated() {
            messages.append(
                #"{"role":"assistant","content":[{"type":"thinking","thinking":"\#(step.thinking)","signature":"RXFvQ2tnSUlBaEFE"},{"type":"text","text":"\#(step.say)"},{"type":"tool_use","id":"toolu_\#(index)","name":"read_file","input":{"path":"\#(step.path)","limit":200}}]}"#
            )
            messages.append(
                #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_\#(index)","content":"\#(step.result)"}]}"#
            )
        }
        return
            #"{"model":"m","max_tokens":8192,"system":[{"type":"text","text":"You are a coding agent.","cache_control":{"type":"ephemeral"}}],"messages":[\#(messages.joined(separator: ","))],"tools":[\#(Self.messagesTools)],"stream":true,"thinking":{"type":"enabled","budget_tokens":4096}}"#
    }

    func responses() -> String {
        var items = [#"{"type":"message","role":"user","content":[{"type":"input_text","text":"Fix the test."}]}"#]
        for (index, step) in steps().enumerated() {
            items.append(
                #"{"type":"reasoning","id":"rs_\#(index)","summary":[{"type":"summary_text","text":"\#(step.thinking)"}],"encrypted_content":"gAAAAABo"}"#
            )
            items.append(
                #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"\#(step.say)"}]}"#)
            items.append(
                #"{"type":"function_call","call_id":"call_\#(index)","name":"read_file","arguments":"{\"path\":\"\#(step.path)\",\"limit\":200}"}"#
            )
            items.append(
                #"{"type":"function_call_output","call_id":"call_\#(index)","output":"\#(step.result)"}"#)
        }
        return
            #"{"model":"m","instructions":"You are a coding agent.","input":[\#(items.joined(separator: ","))],"tools":[\#(Self.responsesTools)],"stream":true,"store":false,"reasoning":{"effort":"high"}}"#
    }

    private static let schema =
        #"{"type":"object","properties":{"path":{"type":"string","description":"The file"},"limit":{"type":"integer"}},"required":["path"]}"#
    private static let toolNames = (0..<20).map { $0 == 0 ? "read_file" : "tool_\($0)" }

    private static var chatTools: String {
        toolNames.map {
            #"{"type":"function","function":{"name":"\#($0)","description":"Does one thing.","parameters":\#(schema)}}"#
        }.joined(separator: ",")
    }

    private static var messagesTools: String {
        toolNames.map { #"{"name":"\#($0)","description":"Does one thing.","input_schema":\#(schema)}"# }
            .joined(separator: ",")
    }

    private static var responsesTools: String {
        toolNames.map {
            #"{"type":"function","name":"\#($0)","description":"Does one thing.","parameters":\#(schema),"strict":false}"#
        }.joined(separator: ",")
    }
}
