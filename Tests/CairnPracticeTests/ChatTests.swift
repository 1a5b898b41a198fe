import Testing

@testable import CairnPractice

@Suite struct ChatTests {
    private let hello = #"{"model":"practice","messages":[{"role":"user","content":"hello"}]}"#

    private func streaming(_ model: String, options: String = "") -> String {
        #"{"model":"\#(model)","stream":true,\#(options)"messages":[{"role":"user","content":"hello"}]}"#
    }

    @Test func `a DeepSeek answer is one line with the fields in DeepSeek's order`() throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/chat/completions", hello)
        let document = try call.document()

        #expect(call.status == 200)
        #expect(call.header("content-type") == "application/json")
        #expect(!call.text.contains("\n"))
        #expect(
            document.members?.map(\.key) == [
                "id", "object", "created", "model", "choices", "usage", "system_fingerprint",
            ])
        #expect(
            document["usage"]?.members?.map(\.key) == [
                "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
                "prompt_cache_hit_tokens", "prompt_cache_miss_tokens",
            ])
    }

    @Test func `an OpenAI answer is indented and has refusal, annotations and service tier`() throws {
        var desk = PracticeDesk()

        let call = desk.post(
            "/v1/chat/completions", #"{"model":"gpt-5.5","messages":[{"role":"user","content":"hello"}]}"#)
        let document = try call.document()

        #expect(call.text.hasPrefix("{\n  \"id\": \"chatcmpl-"))
        #expect(call.text.hasSuffix("}\n"))
        #expect(
            document.members?.map(\.key) == [
                "id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint",
            ])
        #expect(
            document["choices"]?.elements?.first?["message"]?.members?.map(\.key) == [
                "role", "content", "refusal", "annotations",
            ])
    }

    @Test func `the same request gets the same bytes`() {
        var desk = PracticeDesk()

        let first = desk.post("/v1/chat/completions", streaming("gpt-5.5"))
        let second = desk.post("/v1/chat/completions", streaming("gpt-5.5"))

        #expect(first.payload == second.payload)
        #expect(first.header("x-request-id") != second.header("x-request-id"))
    }

    @Test(arguments: ["practice", "practice-reason", "gpt-5.5"])
    func `a stream says what the whole answer says`(model: String) throws {
        var desk = PracticeDesk()

        let whole = try desk.post(
            "/v1/chat/completions", #"{"model":"\#(model)","messages":[{"role":"user","content":"hello"}]}"#
        ).document()
        let stream = desk.post("/v1/chat/completions", streaming(model))
        let deltas = try stream.eventDocuments().compactMap { $0["choices"]?.elements?.first?["delta"] }

        let message = whole["choices"]?.elements?.first?["message"]
        #expect(deltas.compactMap { $0["content"]?.text }.joined() == message?["content"]?.text)
        let reasoning = deltas.compactMap { $0["reasoning_content"]?.text }.joined()
        #expect(reasoning == message?["reasoning_content"]?.text ?? "")
        #expect(model != "practice-reason" || !reasoning.isEmpty)
        #expect(stream.text.hasSuffix("data: [DONE]\n\n"))
        #expect(stream.header("content-type") == "text/event-stream; charset=utf-8")
    }

    @Test func `OpenAI reports usage in a last chunk without choices, only when asked`() throws {
        var desk = PracticeDesk()

        let asked = try desk.post(
            "/v1/chat/completions", streaming("gpt-5.5", options: #""stream_options":{"include_usage":true},"#)
        ).eventDocuments()
        let unasked = try desk.post("/v1/chat/completions", streaming("gpt-5.5")).eventDocuments()

        #expect(asked.last?["choices"] == [])
        #expect(asked.last?["usage"]?["total_tokens"]?.integer ?? 0 > 0)
        #expect(asked.dropLast().allSatisfy { $0["usage"] == .null })
        #expect(unasked.allSatisfy { $0["usage"] == nil })
    }

    @Test func `DeepSeek reports usage in the chunk with the finish reason`() throws {
        var desk = PracticeDesk()

        let chunks = try desk.post(
            "/v1/chat/completions", streaming("practice", options: #""stream_options":{"include_usage":true},"#)
        ).eventDocuments()

        #expect(chunks.last?["choices"]?.elements?.first?["finish_reason"] == "stop")
        #expect(chunks.last?["usage"]?["prompt_cache_miss_tokens"]?.integer ?? 0 > 0)
    }

    @Test func `padding can be switched off`() throws {
        var desk = PracticeDesk()

        let padded = try desk.post("/v1/chat/completions", streaming("gpt-5.5")).eventDocuments()
        let plain = try desk.post(
            "/v1/chat/completions",
            streaming("gpt-5.5", options: #""stream_options":{"include_obfuscation":false},"#)
        ).eventDocuments()

        #expect(padded.allSatisfy { $0["obfuscation"]?.text?.isEmpty == false })
        #expect(plain.allSatisfy { $0["obfuscation"] == nil })
    }

    @Test func `tool calls are streamed as a head and pieces of their arguments`() throws {
        var desk = PracticeDesk()
        let tools =
            #"""
            "tools":[{"type":"function","function":{"name":"read_file",\#
            "parameters":{"type":"object","properties":{"path":{"type":"string"}},\#
            "required":["path"]}}}],
            """#

        let chunks = try desk.post("/v1/chat/completions", streaming("practice", options: tools))
            .eventDocuments()
        let calls = chunks.compactMap {
            $0["choices"]?.elements?.first?["delta"]?["tool_calls"]?.elements?.first
        }

        #expect(calls.first?["id"]?.text?.hasPrefix("call_00_") == true)
        #expect(calls.first?["function"]?["name"] == "read_file")
        #expect(calls.dropFirst().allSatisfy { $0["id"] == nil && $0["index"] == 0 })
        let arguments = calls.compactMap { $0["function"]?["arguments"]?.text }.joined()
        #expect(try JSONValue(parsing: Array(arguments.utf8)) == ["path": "README.md"])
        #expect(chunks.last?["choices"]?.elements?.first?["finish_reason"] == "tool_calls")
    }

    @Test func `custom tools are called with plain text`() throws {
        var desk = PracticeDesk()
        let body =
            #"""
            {"model":"gpt-5.5","messages":[{"role":"user","content":"go"}],\#
            "tools":[{"type":"custom","custom":{"name":"shell"}}]}
            """#

        let call = try desk.post("/v1/chat/completions", body).document()["choices"]?.elements?.first?["message"]?[
            "tool_calls"]?.elements?.first

        #expect(call?["type"] == "custom")
        #expect(call?["custom"]?["input"]?.text?.contains("go") == true)
    }

    @Test func `several choices are counted and listed`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/chat/completions", #"{"model":"gpt-5.5","n":3,"messages":[{"role":"user","content":"hello"}]}"#
        ).document()

        #expect(document["choices"]?.elements?.map { $0["index"]?.integer } == [0, 1, 2])
    }

    @Test func `a token limit cuts the answer and says so`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/chat/completions",
            #"{"model":"practice","max_tokens":3,"messages":[{"role":"user","content":"hello"}]}"#
        ).document()

        #expect(document["choices"]?.elements?.first?["finish_reason"] == "length")
        #expect(document["usage"]?["completion_tokens"]?.integer == 3)
    }

    @Test func `a stop sequence cuts the answer before it`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/chat/completions",
            #"{"model":"practice","stop":["hello"],"messages":[{"role":"user","content":"hello"}]}"#
        ).document()

        #expect(document["choices"]?.elements?.first?["message"]?["content"] == "You said: “")
    }

    @Test func `structured output fits its schema`() throws {
        var desk = PracticeDesk()
        let format =
            #"""
            {"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object",\#
            "properties":{"kind":{"enum":["cairn","hill"]},"size":{"type":"integer",\#
            "minimum":7}},"required":["kind","size"]}}}
            """#

        let document = try desk.post(
            "/v1/chat/completions",
            #"{"model":"practice","response_format":\#(format),"messages":[{"role":"user","content":"hello"}]}"#
        ).document()
        let content = document["choices"]?.elements?.first?["message"]?["content"]?.text ?? ""

        #expect(try JSONValue(parsing: Array(content.utf8)) == ["kind": "cairn", "size": 7])
    }

    @Test(arguments: [
        ("[]", "must be a JSON object"),
        ("{", "could not parse the JSON body"),
        (#"{"messages":[]}"#, "parameter: 'model'"),
        (#"{"model":"m"}"#, "parameter: 'messages'"),
        (#"{"model":"m","messages":[]}"#, "empty array"),
        (#"{"model":"m","messages":"x"}"#, "Invalid type for 'messages'"),
        (#"{"model":"m","messages":[{"role":"sheriff","content":"x"}]}"#, "messages[0].role"),
        (#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream_options":{}}"#, "stream_options"),
        (#"{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"auto"}"#, "tool_choice"),
        (#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"file"}]}"#, "tools[0].type"),
        (#"{"model":"m","messages":[{"role":"tool","tool_call_id":"c","content":"x"}]}"#, "role 'tool'"),
        (
            #"""
            {"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c",\#
            "function":{"name":"f","arguments":"{}"}}]},{"role":"user","content":"x"}]}
            """#,
            "did not have response messages: c"
        ),
        (#"{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"x"}]}"#, "max_tokens"),
    ])
    func `a bad request is refused in OpenAI's envelope`(body: String, message: String) throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/chat/completions", body)
        let error = try call.document()["error"]

        #expect(call.status == 400)
        #expect(error?.members?.map(\.key) == ["message", "type", "param", "code"])
        #expect(error?["type"] == "invalid_request_error")
        #expect(error?["message"]?.text?.contains(message) == true, "\(call.text)")
    }
}
