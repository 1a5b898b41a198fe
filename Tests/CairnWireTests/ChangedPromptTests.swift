// Who changes a part, a tool or a setting forgets its element: what is changed is written from its value, everything beside it
// leaves as it came.

import CairnCore
import Testing

@testable import CairnWire

@Suite struct ChangedPromptTests {
    static let bodies: [Dialect: String] = [
        .chat: #"""
        {"model":"m","x":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","y":2},{"type":"text" , "text":"b"}],"z":3},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"long"}],"stop":"END","temperature":0.50}
        """#,
        .messages: #"""
        {"model":"m","x":1,"max_tokens":9,"system":"S","messages":[{"role":"user","content":[{"type":"text","text":"a","y":2},{"type":"text" , "text":"b"}],"z":3},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"long"}]}],"stop_sequences":["END"],"temperature":0.50}
        """#,
        .responses: #"""
        {"model":"m","x":1,"instructions":"S","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a","y":2},{"type":"input_text" , "text":"b"}],"z":3},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"long"}],"temperature":0.50}
        """#,
    ]

    private func prompt(_ dialect: Dialect) throws -> Prompt {
        try Prompt(reading: SourceDocument(parsing: Array(Self.bodies[dialect]!.utf8)), dialect: dialect)
    }

    private func encoded(_ prompt: Prompt) throws -> String {
        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: UpstreamTraits(.generic, dialect: prompt.dialect), to: &out)
        return String(decoding: out.copyBytes(), as: UTF8.self)
    }

    @Test(arguments: Dialect.allCases) func `a shortened result leaves shortened`(dialect: Dialect) throws {
        var prompt = try prompt(dialect)
        let turn = try #require(prompt.turns.firstIndex { $0.parts.contains(where: \.isToolResult) })
        guard case .toolResult(var result) = prompt.turns[turn].parts[0].content else { return }

        result.parts = [Part(.text(RawJSON(quoting: "short")))]
        prompt.turns[turn].parts[0].content = .toolResult(result)
        prompt.turns[turn].parts[0].element = nil
        prompt.turns[turn].element = nil

        let text = try encoded(prompt)
        #expect(text.contains(#""short""#) && !text.contains(#""long""#))
        #expect(
            try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: dialect).turns.count
                == prompt.turns.count)
    }

    @Test(arguments: Dialect.allCases) func `the other part of a changed turn leaves as it came`(dialect: Dialect)
        throws
    {
        var prompt = try prompt(dialect)
        let turn = try #require(prompt.turns.firstIndex { $0.role == .user })

        prompt.turns[turn].parts[0].content = .text(RawJSON(quoting: "changed"))
        prompt.turns[turn].parts[0].element = nil
        prompt.turns[turn].element = nil

        let text = try encoded(prompt)
        let type = dialect == .responses ? "input_text" : "text"
        #expect(text.contains(#"{"type":"\#(type)","text":"changed""#))
        #expect(text.contains(#"{"type":"\#(type)" , "text":"b"}"#))
        #expect(text.contains(#""z":3"#) && text.contains(#""x":1"#) && text.contains(#""y":2"#))
    }

    @Test(arguments: Dialect.allCases) func `a changed setting leaves changed, its neighbours as they came`(
        dialect: Dialect
    ) throws {
        var prompt = try prompt(dialect)

        prompt.settings[.maxOutputTokens] = RawJSON(spelled: "77")
        prompt.settings.stop = nil

        let text = try encoded(prompt)
        #expect(text.contains(#"_tokens":77"#) && !text.contains("END"))
        #expect(text.contains(#""temperature":0.50"#))
    }

    @Test(arguments: Dialect.allCases) func `an inserted turn stands among the others`(dialect: Dialect) throws {
        var prompt = try prompt(dialect)

        prompt.turns.append(Turn(.user, parts: [Part(.text(RawJSON(quoting: "made")))]))

        let text = try encoded(prompt)
        let again = try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: dialect)
        #expect(again.turns.count == prompt.turns.count)
        #expect(again.turns.last?.parts.first?.text.flatMap(again.source.text) == "made")
    }
}
