// A prompt of any dialect becomes the messages that the strategies work on.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct ContextMessageTests {
    private func messages(_ body: String, _ dialect: Dialect) throws -> [ContextMessage] {
        let source = try SourceDocument(parsing: Array(body.utf8))
        return ContextMessage.messages(of: try Prompt(reading: source, dialect: dialect))
    }

    private let expected = [
        ContextMessage(.system, [ContextPart(.system, Array("Be \"brief\".".utf8))]),
        ContextMessage(.user, [ContextPart(.user, Array("Go".utf8))]),
    ]

    private func parts(_ messages: [ContextMessage]) -> [ContextPart] { messages.flatMap(\.parts) }

    @Test func `results know their call in every dialect`() throws {
        let chat = try messages(
            #"{"model":"m","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"Go"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"sh","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"out\n"}]}"#,
            .chat)
        let anthropic = try messages(
            #"{"model":"m","max_tokens":9,"system":"Be \"brief\".","messages":[{"role":"user","content":"Go"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"sh","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"out\n"}]}]}]}"#,
            .messages)

        #expect(Array(chat.prefix(2)) == expected)
        #expect(parts(chat) == parts(anthropic))
        let result = try #require(parts(chat).last)
        #expect(result.kind == .result)
        #expect(result.toolName == "sh")
        #expect(result.arguments == Array(#"{"a":1}"#.utf8))
        #expect(result.bytes == Array("out\n".utf8))
    }

    @Test func `images and thinking without text have no place`() throws {
        let list = try messages(
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"text","text":"see"}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"},{"type":"thinking","thinking":"hm","signature":"s"}]}]}"#,
            .messages)

        #expect(parts(list).map(\.kind) == [.user, .thinking])
    }
}
