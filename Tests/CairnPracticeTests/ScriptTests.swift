import Testing

@testable import CairnPractice

@Suite struct ScriptTests {
    private func script(_ text: String) throws -> Script {
        try Script(parsing: Array(text.utf8))
    }

    @Test func `the number of assistant turns chooses the turn, the last one for ever`() throws {
        let script = try script(
            #"[{"text":"one","reasoning":"r","tool_calls":[{"name":"f","arguments":{"a":1}}]},{"text":"two"}]"#)

        #expect(script.turn(afterAssistantTurns: 0).calls == [.init(name: "f", input: #"{"a":1}"#)])
        #expect(script.turn(afterAssistantTurns: 0).reasoning == "r")
        #expect(script.turn(afterAssistantTurns: 1).text == "two")
        #expect(script.turn(afterAssistantTurns: 9).text == "two")
    }

    @Test(arguments: [
        ("", "not valid JSON"), ("{}", "expected a list of turns"), ("[]", "empty"),
        ("[7]", "turn 0: expected an object"), (#"[{"text":"a"},{"txt":"b"}]"#, "turn 1: unknown field 'txt'"),
        (#"[{"text":7}]"#, "turn 0: text must be a string"), (#"[{"reasoning":"r"}]"#, "needs a text or tool_calls"),
        (#"[{"tool_calls":7}]"#, "tool_calls must be a list"), (#"[{"tool_calls":[{}]}]"#, "tool call 0: needs a name"),
        (#"[{"tool_calls":[{"name":"f","arguments":7}]}]"#, "arguments must be"),
    ])
    func `a wrong script says where it is wrong`(text: String, message: String) {
        let error = #expect(throws: PracticeError.self) { try script(text) }

        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
    func `every dialect plays the script`(path: String) throws {
        var options = PracticeOptions()
        options.script = try script(#"[{"text":"from the script"}]"#)
        var desk = PracticeDesk(options)
        let input = #""messages":[{"role":"user","content":"x"}],"input":"x","max_tokens":99"#

        let call = desk.post(path, #"{"model":"m",\#(input)}"#)

        #expect(call.status == 200)
        #expect(call.text.contains("from the script"))
    }
}
