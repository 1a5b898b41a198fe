// A decision leads back to the exact bytes of its part, in every dialect, or to an error that says why not.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// A part in a turn of some dialect, and what the model reads of it.
struct PlacedPart: Sendable, CustomTestStringConvertible {
    let dialect: Dialect
    let turn: String
    let part: Int
    let text: String
    var testDescription: String { "\(dialect.name): \(turn.prefix(60))" }

    init(_ dialect: Dialect, _ turn: String, part: Int = 0, reads text: String) {
        self.dialect = dialect
        self.turn = turn
        self.part = part
        self.text = text
    }

    static let all: [PlacedPart] = [
        PlacedPart(.chat, #"{"role":"tool","tool_call_id":"c","content":"a\tb\n\"c\"\\\/"}"#, reads: "a\tb\n\"c\"\\/"),
        PlacedPart(.chat, #"{"role":"tool","content":"\u00e9\ud83d\ude42é🙂","tool_call_id":"c"}"#, reads: "é🙂é🙂"),
        PlacedPart(
            .chat,
            #"{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}"#,
            reads: "1\n2"),
        PlacedPart(
            .chat,
            #"{"role":"assistant","content":"so","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ \"a\":\"\\n\" }"}}]}"#,
            part: 1, reads: #"{ "a":"\n" }"#),
        PlacedPart(.chat, #"{"role":"assistant","reasoning_content":"hm\n","content":"so"}"#, reads: "hm\n"),
        PlacedPart(.chat, #"{"role":"system","content":"be\r\nbrief"}"#, reads: "be\r\nbrief"),
        PlacedPart(
            .messages,
            #"{"role":"user","content":[{"type":"text","text":"see"},{"type":"tool_result","tool_use_id":"c","content":"x\ny"}]}"#,
            part: 1, reads: "x\ny"),
        PlacedPart(
            .messages,
            #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"image","source":{"type":"url","url":"u"}},{"type":"text","text":"one"}]}]}"#,
            reads: "one"),
        PlacedPart(
            .messages,
            #"{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{ "a" : 1.0, "\u0062":"\n"}}]}"#,
            reads: #"{ "a" : 1.0, "\u0062":"\n"}"#),
        PlacedPart(
            .messages, #"{"role":"assistant","content":[{"type":"thinking","thinking":"well","signature":"s"}]}"#,
            reads: "well"),
        PlacedPart(.messages, #""You are brief.\n""#, reads: "You are brief.\n"),
        PlacedPart(.messages, #"[{"type":"text","text":"one"},{"type":"text","text":"two"}]"#, part: 1, reads: "two"),
        PlacedPart(.responses, #"{"type":"function_call_output","call_id":"c","output":"a\nb"}"#, reads: "a\nb"),
        PlacedPart(
            .responses, #"{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}"#,
            reads: #"{"a":1}"#),
        PlacedPart(
            .responses, #"{"type":"custom_tool_call","call_id":"c","name":"f","input":"*** Begin\n+\"x\""}"#,
            reads: "*** Begin\n+\"x\""),
        PlacedPart(
            .responses,
            #"{"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"ok"}]}"#,
            reads: "ok"),
        PlacedPart(
            .responses,
            #"{"type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]}"#,
            reads: "a\nb"),
        PlacedPart(.responses, #""Be brief.""#, reads: "Be brief."),
    ]
}

@Suite struct ExpansionTests {
    @Test(arguments: PlacedPart.all)
    func `a part comes back as the model would have read it`(placed: PlacedPart) throws {
        let stored = StoredConversation()
        let path = stored.add([placed.turn], placed.dialect, at: 1)
        let handle = stored.decide(placed.text, chain: path[0], part: placed.part)

        let expansion = try ExpansionQuestion(handle).answer(from: stored)

        #expect(String(decoding: expansion.bytes, as: UTF8.self) == placed.text)
        #expect(expansion.bytes == Array(placed.text.utf8))
    }

    /// Each place reads as the strategies read the same prompt: one digest, two ways.
    @Test(arguments: PlacedPart.all)
    func `the strategies read the same text`(placed: PlacedPart) throws {
        let prompt = try Prompt(storedTurn: Array(placed.turn.utf8), dialect: placed.dialect)
        let texts = ContextMessage.messages(of: prompt).flatMap(\.parts).map(\.bytes)

        #expect(texts.contains(Array(placed.text.utf8)))
    }

    private func expansion(
        _ stored: StoredConversation, _ change: (inout DecisionRecord, inout LinkRecord, inout [UInt8]) -> Void
    ) throws -> Expansion {
        let path = stored.add([#"{"role":"tool","tool_call_id":"c","content":"a\nb"}"#], .chat, at: 1)
        stored.decide("a\nb", chain: path[0])
        var decision = stored.decisions[0]
        var link = try #require(stored.links[path[0]])
        var raw = try #require(stored.blobs[link.raw])
        change(&decision, &link, &raw)
        return try Expansion(decision, link: link, raw: raw, dialect: .chat)
    }

    @Test func `what is not what was decided on is never given out`() {
        let other = Fingerprint(high: 1, low: 1)
        #expect(throws: ExpansionError.originalDiffers) {
            try expansion(StoredConversation()) { decision, _, _ in decision.original = other }
        }
        #expect(throws: ExpansionError.turnMissing) {
            try expansion(StoredConversation()) { decision, _, _ in decision.chain = other }
        }
        #expect(throws: ExpansionError.bytesMissing) {
            try expansion(StoredConversation()) { _, _, raw in raw[raw.count - 3] ^= 1 }
        }
        for index in [-1, 1, .max] {
            #expect(throws: ExpansionError.partMissing) {
                try expansion(StoredConversation()) { decision, _, _ in decision.partIndex = index }
            }
        }
        for text in ["", "{", "[]", "7", #"{"role":"x"}"#, #"{"role":"user","content":[{"type":"image_url"}]}"#] {
            #expect(throws: ExpansionError.partMissing) {
                try expansion(StoredConversation()) { _, link, raw in
                    raw = Array(text.utf8)
                    link.raw = raw.withUnsafeBytes { Fingerprint(of: $0) }
                }
            }
        }
    }

    @Test(arguments: ["", "\n", "a", "a\nb", "a\nb\n", "\n\n\n", "é\r\n🙂\r\n", "one\n\nthree\n"])
    func `lines are those between line feeds, and all of them are the text`(text: String) throws {
        let bytes = Array(text.utf8)
        let count = LineSelection.count(of: bytes)
        let lines = (1...count).map { LineSelection(first: $0, last: $0)?.bytes(of: bytes) }

        #expect(lines.allSatisfy { $0 != nil })
        #expect(lines.flatMap { $0 ?? [] } == bytes)
        #expect(LineSelection(first: 1, last: count)?.bytes(of: bytes) == bytes)
        #expect(LineSelection(first: 1, last: count + 1)?.bytes(of: bytes) == nil)
        #expect(LineSelection(first: count + 1, last: count + 1)?.bytes(of: bytes) == nil)
        for middle in 1..<max(2, count) where middle < count {
            let front = LineSelection(first: 1, last: middle)?.bytes(of: bytes) ?? []
            let back = LineSelection(first: middle + 1, last: count)?.bytes(of: bytes) ?? []
            #expect(front + back == bytes)
        }
    }

    @Test func `a selection of lines is two numbers in order`() {
        #expect(LineSelection("3-9") == LineSelection(first: 3, last: 9))
        #expect(LineSelection("7") == LineSelection(first: 7, last: 7))
        for text in [
            "", "-", "0", "0-3", "4-3", "3-", "-3", "3-4-5", "+1-2", "1 - 2", "a", "1-b", "٣", "1-99999999999999999999",
        ] {
            #expect(LineSelection(text) == nil, "\(text)")
        }
    }

    @Test func `a line that the part does not have is told with how many it has`() throws {
        let found = try expansion(StoredConversation()) { _, _, _ in }

        #expect(try found.bytes(LineSelection("2")) == Array("b".utf8))
        #expect(try found.bytes(nil) == Array("a\nb".utf8))
        #expect(throws: ExpansionError.linesBeyond(lineCount: 2)) { try found.bytes(LineSelection("2-3")) }
    }

    @Test func `a handle is its characters and nothing else`() {
        #expect(Handle("k7f2")?.text == "k7f2")
        #expect(Handle(String(repeating: "z", count: 26)) != nil)
        for text in [
            "", "k7f", "k7fi", "k7fl", "k7fo", "k7fu", "K7F2", "k7f2:", "k7f 2", String(repeating: "z", count: 27),
        ] {
            #expect(Handle(text) == nil, "\(text)")
        }
    }
}
