import Testing

@testable import CairnPractice

@Suite struct ResponsesTests {
    private let tools =
        #"""
        [{"type":"function","name":"read_file","parameters":{"type":"object",\#
        "properties":{"path":{"type":"string"}},"required":["path"]}},{"type":"web_search"}]
        """#

    @Test func `a whole answer is a response object that says back what was asked`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/responses",
            #"{"model":"gpt-5.5","input":"hello","metadata":{"a":"b"},"temperature":0.30}"#
        ).document()

        #expect(document["object"] == "response")
        #expect(document["status"] == "completed")
        #expect(document["metadata"] == ["a": "b"])
        #expect(document["temperature"] == .number("0.30"))
        let message = document["output"]?.elements?.first
        #expect(message?.members?.map(\.key) == ["id", "type", "status", "content", "role"])
        #expect(message?["content"]?.elements?.first?["text"]?.text?.contains("hello") == true)
    }

    @Test func `events are numbered from 0 and run from created to completed`() throws {
        var desk = PracticeDesk()

        let call = desk.post(
            "/v1/responses",
            #"{"model":"gpt-5.5","input":"hello","stream":true,"reasoning":{"effort":"low"},"tools":\#(tools)}"#)
        let documents = try call.eventDocuments()

        #expect(documents.map { $0["sequence_number"]?.integer } == documents.indices.map { $0 })
        #expect(call.events.map(\.name) == documents.map { $0["type"]?.text })
        #expect(!call.text.contains("[DONE]"))
        var kinds: [String] = []
        for name in call.events.compactMap(\.name) where kinds.last != name { kinds.append(name) }
        #expect(
            kinds == [
                "response.created", "response.in_progress", "response.output_item.added",
                "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
                "response.output_item.done", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.done", "response.content_part.done",
                "response.output_item.done", "response.output_item.added",
                "response.function_call_arguments.delta", "response.function_call_arguments.done",
                "response.output_item.done", "response.completed",
            ])
    }

    @Test func `deltas join to the finished items`() throws {
        var desk = PracticeDesk()

        let documents = try desk.post(
            "/v1/responses", #"{"model":"gpt-5.5","input":"hello","stream":true,"tools":\#(tools)}"#
        ).eventDocuments()
        func joined(_ type: JSONValue) -> String {
            documents.filter { $0["type"] == type }.compactMap { $0["delta"]?.text }.joined()
        }
        let output = documents.last?["response"]?["output"]?.elements ?? []

        #expect(output.count == 2)
        #expect(output[0]["content"]?.elements?.first?["text"]?.text == joined("response.output_text.delta"))
        #expect(output[1]["arguments"]?.text == joined("response.function_call_arguments.delta"))
    }

    @Test func `an answer can be built upon by its id`() throws {
        var desk = PracticeDesk()
        let first = try desk.post(
            "/v1/responses", #"{"model":"gpt-5.5","input":"hello","tools":\#(tools)}"#
        ).document()
        let id = first["id"]?.text ?? ""
        let callID = first["output"]?.elements?.last?["call_id"]?.text ?? ""

        let second = desk.post(
            "/v1/responses",
            #"""
            {"model":"gpt-5.5","previous_response_id":"\#(id)",\#
            "input":[{"type":"function_call_output","call_id":"\#(callID)",\#
            "output":"text"}],"tools":\#(tools)}
            """#
        )

        #expect(second.status == 200)
        #expect(try second.document()["previous_response_id"]?.text == id)
    }

    @Test func `an answer that is not to be stored is not`() throws {
        var desk = PracticeDesk()
        let id =
            try desk.post("/v1/responses", #"{"model":"gpt-5.5","input":"hello","store":false}"#)
            .document()["id"]?.text ?? ""

        let second = desk.post(
            "/v1/responses", #"{"model":"gpt-5.5","previous_response_id":"\#(id)","input":"go on"}"#)

        #expect(second.status == 400)
        #expect(try second.document()["error"]?["code"] == "previous_response_not_found")
    }

    @Test func `encrypted reasoning comes when asked for`() throws {
        var desk = PracticeDesk()
        func reasoning(_ include: String) throws -> JSONValue? {
            try desk.post(
                "/v1/responses",
                #"{"model":"gpt-5.5","input":"hello","reasoning":{"effort":"high"}\#(include)}"#
            ).document()["output"]?.elements?.first
        }

        #expect(try reasoning(#","include":["reasoning.encrypted_content"]"#)?["encrypted_content"] != nil)
        #expect(try reasoning("")?["encrypted_content"] == nil)
        #expect(try reasoning("")?["type"] == "reasoning")
    }

    @Test func `a token limit ends the answer as incomplete`() throws {
        var desk = PracticeDesk()

        let documents = try desk.post(
            "/v1/responses", #"{"model":"gpt-5.5","input":"hello","stream":true,"max_output_tokens":2}"#
        ).eventDocuments()

        #expect(documents.last?["type"] == "response.incomplete")
        #expect(documents.last?["response"]?["incomplete_details"] == ["reason": "max_output_tokens"])
    }

    @Test(arguments: [
        (#"{"model":"m"}"#, "parameter: 'input'"),
        (#"{"model":"m","input":7}"#, "Invalid type for 'input'"),
        (#"{"model":"m","input":[{"role":"sheriff","content":"x"}]}"#, "sheriff"),
        (
            #"{"model":"m","input":[{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}]}"#,
            "No tool output found for function call c1."
        ),
        (
            #"{"model":"m","input":[{"type":"function_call_output","call_id":"c2","output":"x"}]}"#,
            "No tool call found for function call output with call_id c2."
        ),
        (
            #"""
            {"model":"m","input":[{"type":"function_call_output","call_id":"c3","output":"x"},\#
            {"type":"function_call","call_id":"c3","name":"f","arguments":"{}"}]}
            """#,
            "No tool call found for function call output with call_id c3."
        ),
    ])
    func `a bad request is refused`(body: String, message: String) throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/responses", body)

        #expect(call.status == 400)
        #expect(try call.document()["error"]?["message"]?.text?.contains(message) == true, "\(call.text)")
    }
}
