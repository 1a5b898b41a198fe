// The tool by which a model asks: what is offered, how its arguments are read, and what it is told.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

struct ExpandToolTests {
    private static func question(_ arguments: String) -> ExpandTool.Question? {
        var content: [UInt8] = []
        JSONText.escape(arguments, into: &content)
        return ExpandTool.question(content)
    }

    @Test(arguments: Dialect.allCases)
    func `the definition is small and is read back as a tool of its dialect`(dialect: Dialect) throws {
        let definition = String(decoding: ExpandTool.definition(dialect), as: UTF8.self)

        #expect(definition.utf8.count <= 262)
        #expect(!definition.contains("[-") && !definition.contains("[="))
        let key = dialect == .responses ? "input" : "messages"
        let body = "{\"\(key)\":[],\"tools\":[\(definition)]}"
        let prompt = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: dialect)
        #expect(prompt.tools.count == 1)
        #expect(prompt.tools[0].name.flatMap { prompt.source.text(of: $0) } == "cairn_expand")
        #expect(prompt.unknown.isEmpty && prompt.tools[0].unknown.isEmpty)
    }

    @Test func `the letter by which it is looked for is its x`() {
        #expect(Array("\(ExpandTool.name)".utf8)[ExpandTool.rareIndex] == UInt8(ascii: "x"))
    }

    @Test(arguments: [
        (#"{"handle":"k7f2"}"#, "k7f2", nil as LineSelection?),
        (#"{"handle":"k7f2","lines":"3-9"}"#, "k7f2", LineSelection(first: 3, last: 9)),
        (#"{"handle":"k7f2","lines":4}"#, "k7f2", LineSelection(first: 4, last: 4)),
        // Models copy more of a marker than its handle.
        (#"{"handle":"[=k7f2:3-9]"}"#, "k7f2", LineSelection(first: 3, last: 9)),
        (#"{"handle":"[-k7f2: 12 lines]"}"#, "k7f2", nil),
        (#"{"handle":"-k7f2","lines":""}"#, "k7f2", nil),
        (#"{"handle":"k7f2:3-9","lines":"5"}"#, "k7f2", LineSelection(first: 5, last: 5)),
    ])
    func `arguments are understood`(arguments: String, handle: String, lines: LineSelection?) {
        #expect(Self.question(arguments) == ExpandTool.Question(handle: Handle(handle)!, lines: lines))
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"handle\":\"\"}", "{\"handle\":\"no handle\"}", "{\"handle\":null}", "{\"handle\":",
    ])
    func `what names no handle is no question`(arguments: String) {
        #expect(Self.question(arguments) == nil)
    }

    // MARK: answers

    /// The original of a tool result in a stored turn.
    private static func found(_ text: String) throws -> Expansion {
        let raw =
            Array("{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":".utf8) + JSONText.quoted(text)
            + Array("}".utf8)
        let chain = Fingerprint(high: 1, low: 1)
        let digest = raw.withUnsafeBytes { Fingerprint(of: $0) }
        let original = Array(text.utf8).withUnsafeBytes { Fingerprint(of: $0) }
        let session = SessionIdentifier(high: 1, low: 1)
        return try Expansion(
            DecisionRecord(
                handle: "k7f2", session: session, chain: chain, partIndex: 0, strategy: "s", strategyVersion: 1,
                original: original, emitted: original, reason: "birth", priceNanodollars: 0, wallNanoseconds: 0),
            link: LinkRecord(
                chain: chain, parent: .lineageStart, session: session, position: 0, turn: digest, raw: digest,
                emission: nil, role: 5, wallNanoseconds: 0, cumulativeBytes: 0, cumulativeTokens: 0),
            raw: raw, dialect: .chat)
    }

    private static func answer(_ text: String, _ lines: LineSelection? = nil) throws -> String {
        ExpandTool.answer(.init(handle: Handle("k7f2")!, lines: lines), .success(try found(text)))
    }

    @Test func `a part comes back whole, or as the lines asked for`() throws {
        let text = "a\nü\n\nd"
        #expect(try Self.answer(text) == text)
        #expect(try Self.answer(text, LineSelection(first: 2, last: 3)) == "ü\n\n")
        #expect(try Self.answer(text, LineSelection(first: 3, last: 9)) == "k7f2: the part has only the lines 1-4.")
    }

    @Test func `a long part is cut behind a line, and asking on brings all of it`() throws {
        let lines = (1...3000).map { "line \($0) of many" }
        let text = lines.joined(separator: "\n")

        var read = ""
        var selection: LineSelection?
        var rounds = 0
        while rounds < 20 {
            rounds += 1
            let answer = try Self.answer(text, selection)
            #expect(answer.utf8.count <= ExpandTool.answerBytesMax + 64)
            guard let note = answer.range(of: "[cut: go on with lines \"") else {
                read += answer
                break
            }
            read += answer[..<note.lowerBound]
            selection = LineSelection(answer[note.upperBound...].prefix { $0 != "\"" })
        }

        #expect(read == text)
        #expect(rounds == 4)
    }

    @Test func `a line that is too long is cut between characters`() throws {
        let answer = try Self.answer(String(repeating: "ü", count: 20_000))

        #expect(answer.hasPrefix("üüü"))
        #expect(answer.hasSuffix("ü\n[cut: line 1 is longer than can be shown]"))
    }

    @Test func `what cannot be found is told in words that help`() {
        let question = ExpandTool.Question(handle: Handle("k7f2")!, lines: nil)
        #expect(
            ExpandTool.answer(question, .failure(.unknownHandle))
                == "k7f2: no marker in this conversation has this handle.")
        #expect(
            ExpandTool.answer(question, .failure(.bytesMissing)) == "k7f2 cannot be read now. Read the source again.")
    }

    @Test(arguments: Dialect.allCases)
    func `answers are results of their calls`(dialect: Dialect) throws {
        let elements = ExpandTool.results([(Array("a\\\"".utf8), "1\n\"2\""), (Array("b".utf8), "x")], dialect)

        let key = dialect == .responses ? "input" : "messages"
        let body = Array("{\"\(key)\":[".utf8) + elements + Array("]}".utf8)
        let prompt = try Prompt(reading: SourceDocument(parsing: body), dialect: dialect)
        let results = prompt.turns.flatMap(\.parts).compactMap { part -> [String?]? in
            guard case .toolResult(let result) = part.content, case .text(let text)? = result.parts.first?.content
            else {
                return nil
            }
            return [prompt.source.text(of: result.identifier), prompt.source.text(of: text)]
        }
        #expect(results == [["a\"", "1\n\"2\""], ["b", "x"]])
    }
}
