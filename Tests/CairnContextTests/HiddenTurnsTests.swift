// Turns that a client does not know: how they leave with the message it made of them, in each dialect, and what happens when
// it sends something else.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

struct HiddenTurnsTests {
    /// "Look." and a question, as the model gave it.
    private static func asking(_ dialect: Dialect, _ shown: [HiddenTurn.Shown], endsMessage: Bool = false)
        -> HiddenTurns
    {
        var turns = HiddenTurns()
        turns.append(
            HiddenTurn(elements: Array("{\"A\":1}".utf8), shown: shown, callIdentifiers: [Array("h1".utf8)]),
            results: Array("{\"R\":1}".utf8), endsMessage: endsMessage)
        return turns
    }

    private static func text(_ text: String) -> HiddenTurn.Shown { .text(Array(text.utf8)) }

    /// What leaves for the assistant's turns of a request.
    private static func emissions(_ turns: HiddenTurns, _ dialect: Dialect, _ elements: String) throws -> [String]? {
        let key = dialect == .responses ? "input" : "messages"
        let source = try SourceDocument(parsing: Array("{\"\(key)\":[\(elements)]}".utf8))
        let prompt = try Prompt(reading: source, dialect: dialect)
        return turns.emissions(of: prompt.turns[...], in: source, dialect)?.map { String(decoding: $0, as: UTF8.self) }
    }

    private static let hidden = #"{"A":1},{"R":1}"#

    @Test(arguments: [
        // What was shown goes, the blank line between the answers too.
        (
            #"{"role":"assistant","content":"Look.\n\nHere.","x":1.0}"#,
            #"{"role":"assistant","content":"Here.","x":1.0}"#
        ),
        // Spelled otherwise, it is the same text.
        (#"{"role":"assistant","content":"L\u006fok.Here."}"#, #"{"role":"assistant","content":"Here."}"#),
        // With calls, nothing need be left of the text.
        (
            #"{"role":"assistant","content":"Look.","tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]}"#,
            #"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]}"#
        ),
        (
            #"{"role":"assistant","content":[{"type":"text","text":"Look."},{"type":"text","text":"Here."}]}"#,
            #"{"role":"assistant","content":[{"type":"text","text":"Here."}]}"#
        ),
    ])
    func `a chat message loses what it was shown of hidden turns`(message: String, rest: String) throws {
        let turns = Self.asking(.chat, [.thinking(Array("hm".utf8)), Self.text("Look.")])

        #expect(try Self.emissions(turns, .chat, message) == [Self.hidden + "," + rest])
    }

    @Test func `blocks of messages go, and thoughts with them`() throws {
        let turns = Self.asking(.messages, [.thinking(Array("hm".utf8)), Self.text("Look.")])
        let call = #"{"type":"tool_use","id":"c","name":"a","input":{"n":1.50}}"#
        let first =
            #"{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Look."},"#

        let whole = try Self.emissions(turns, .messages, #"{"role":"assistant","content":[\#(first)\#(call)]}"#)

        #expect(whole == [Self.hidden + #",{"role":"assistant","content":[\#(call)]}"#])
        // A client need not keep thoughts, and marks for caching are none of the prompt.
        let marked =
            #"{"role":"assistant","content":[{"type":"text","text":"Look."},{"type":"text","text":"B","cache_control":{"type":"ephemeral"}}]}"#
        #expect(
            try Self.emissions(turns, .messages, marked)
                == [Self.hidden + #",{"role":"assistant","content":[{"type":"text","text":"B"}]}"#])
    }

    @Test func `items of responses go one by one`() throws {
        let turns = Self.asking(.responses, [.thinking(Array("hm".utf8)), Self.text("Look.")])
        let reasoning = #"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"e"}"#
        let message = #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Look."}]}"#
        let call = #"{"type":"function_call","call_id":"c","name":"a","arguments":"{}"}"#

        #expect(
            try Self.emissions(turns, .responses, [reasoning, message, call].joined(separator: ","))
                == [Self.hidden, "", call])
        #expect(try Self.emissions(turns, .responses, [message, call].joined(separator: ",")) == [Self.hidden, call])
    }

    @Test func `a message that ends with its calls leaves as the model gave it`() throws {
        let turns = Self.asking(.chat, [Self.text("Both."), .call(Array("c".utf8))], endsMessage: true)
        let call = #"{"id":"ID","type":"function","function":{"name":"a","arguments":"{}"}}"#
        let message = #"{"role":"assistant","content":"Both.","tool_calls":[\#(call)]}"#

        #expect(try Self.emissions(turns, .chat, message.replacing("ID", with: "c")) == [Self.hidden])
        #expect(try Self.emissions(turns, .chat, message.replacing("ID", with: "d")) == nil)
        #expect(try Self.emissions(turns, .chat, #"{"role":"assistant","content":"Both."}"#) == nil)
    }

    @Test(arguments: [
        #"{"role":"assistant","content":"Something else."}"#,
        // Broken off in what was shown: there is nothing to go on with.
        #"{"role":"assistant","content":"Look."}"#,
        #"{"role":"assistant","content":"Loo"}"#,
        #"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]}"#,
    ])
    func `another message is the client's own`(message: String) throws {
        #expect(try Self.emissions(Self.asking(.chat, [Self.text("Look.")]), .chat, message) == nil)
    }

    @Test func `the stored form is read back, and nothing else`() {
        let turns = Self.asking(
            .chat, [Self.text("a \\\"b\\\"\\n"), .thinking(Array("t".utf8)), .call(Array("c".utf8))], endsMessage: true)

        #expect(HiddenTurns(stored: turns.stored) == turns)
        for text in ["", "{}", "{\"version\":2,\"ends\":true,\"shown\":[],\"turns\":[]}", "[1]"] {
            #expect(HiddenTurns(stored: Array(text.utf8)) == nil)
        }
    }

    @Test(arguments: [
        (Dialect.chat, #"{"messages":[{"a":1}],"b":2}"#, #"{"messages":[{"a":1},{"A":1},{"R":1}],"b":2}"#),
        (.messages, #"{"b":"messages","messages":[ ]}"#, #"{"b":"messages","messages":[ {"A":1},{"R":1}]}"#),
        (.responses, #"{"input":[1]}"#, #"{"input":[1,{"A":1},{"R":1}]}"#),
        (.responses, #"{"input":"hi"}"#, #"{"input":[{"role":"user","content":"hi"},{"A":1},{"R":1}]}"#),
    ])
    func `they stand behind the turns of a request`(dialect: Dialect, body: String, wanted: String) {
        let longer = Array(body.utf8).withUnsafeBytes { Self.asking(dialect, []).appended(to: $0, dialect) }

        #expect(longer.map { String(decoding: $0, as: UTF8.self) } == wanted)
    }

    @Test func `a body without turns has no place for them`() {
        for body in ["{}", "{\"messages\":5}", "no JSON"] {
            #expect(Array(body.utf8).withUnsafeBytes { Self.asking(.chat, []).appended(to: $0, .chat) } == nil)
        }
    }
}
