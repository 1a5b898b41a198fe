import Testing

@testable import CairnPractice

@Suite struct AgentTests {
    private let tools = [
        Tool(name: "write_file", input: .schema(["type": "object", "properties": ["path": ["type": "string"]]])),
        Tool(
            name: "read_file",
            input: .schema([
                "type": "object", "properties": ["path": ["type": "string"]], "required": ["path"],
            ])),
        Tool(name: "grep", input: .schema(["type": "object", "properties": ["pattern": ["type": "string"]]])),
    ]

    private func conversation(_ text: String) -> Conversation {
        var conversation = Conversation(dialect: .chat, model: "practice", digest: ContentDigest(text))
        conversation.turns = [Turn(role: .user, text: text)]
        conversation.tools = tools
        return conversation
    }

    /// Plays a whole loop, answering every call.
    private func loop(_ text: String, _ change: (inout Conversation) -> Void = { _ in }) -> [Answer] {
        var conversation = conversation(text)
        change(&conversation)
        var answers: [Answer] = []
        for _ in 0..<10 {
            let answer = ScriptedAgent().answer(to: conversation)
            answers.append(answer)
            guard !answer.toolCalls.isEmpty else { return answers }
            conversation.turns.append(
                Turn(role: .assistant, text: answer.text, calledTools: answer.toolCalls.map(\.name)))
            for _ in answer.toolCalls { conversation.turns.append(Turn(role: .toolResult, text: "result")) }
        }
        return answers
    }

    @Test(arguments: ["one", "two", "three", "four", "five", "six"])
    func `a loop has two or three turns of calls, one of them parallel, and then a summary`(text: String) {
        let answers = loop(text)

        #expect((3...4).contains(answers.count))
        #expect(answers.dropLast().map(\.toolCalls.count).sorted().suffix(2) == [1, 2])
        #expect(answers.last?.text.hasPrefix("Done. I called ") == true)
        #expect(answers.last?.ending == .complete)
    }

    @Test func `loops of both lengths occur`() {
        let lengths = Set((0..<20).map { loop("text \($0)").count })

        #expect(lengths == [3, 4])
    }

    @Test func `tools that change things are left alone while others are offered`() {
        let names = Set(loop("look around").flatMap { $0.toolCalls.map(\.name) })

        #expect(names == ["read_file", "grep"])
    }

    @Test func `a request that forbids parallel calls gets single ones`() {
        let answers = loop("look around") { $0.allowsParallelCalls = false }

        #expect(answers.allSatisfy { $0.toolCalls.count <= 1 })
    }

    @Test func `tool choice is obeyed`() {
        let never = loop("look") { $0.toolChoice = .none }
        let named = loop("look") { $0.toolChoice = .named("write_file") }
        let required = loop("look") { $0.toolChoice = .required }

        #expect(never.count == 1)
        #expect(never[0].toolCalls.isEmpty)
        #expect(named.allSatisfy { $0.toolCalls.allSatisfy { $0.name == "write_file" } })
        #expect(required.allSatisfy { !$0.toolCalls.isEmpty })
    }

    @Test func `a new question starts a new loop`() {
        var conversation = conversation("first")
        conversation.turns += [
            Turn(role: .assistant, text: "Done."), Turn(role: .user, text: "second"),
        ]

        #expect(ScriptedAgent().answer(to: conversation).toolCalls.count == 1)
    }

    @Test func `reasoning follows the model's name and the request's wish`() {
        func hasReasoning(_ model: String, _ wish: ReasoningWish) -> Bool {
            var conversation = conversation("think")
            conversation.model = model
            conversation.reasoningWish = wish
            return ScriptedAgent().answer(to: conversation).reasoning != nil
        }

        #expect(!hasReasoning("practice", .unsaid))
        #expect(hasReasoning("practice-reason", .unsaid))
        #expect(hasReasoning("deepseek-v4-pro", .unsaid))
        #expect(!hasReasoning("deepseek-v4-pro", .off))
        #expect(hasReasoning("practice", .on))
    }

    @Test(arguments: [1, 2, 20, 1000])
    func `the asked number of words is the number of pieces`(count: Int) {
        var conversation = conversation("words")
        conversation.tools = []

        let answer = ScriptedAgent(words: count).answer(to: conversation)

        #expect(answer.text.wordPieces.count == count)
        #expect(answer.text.wordPieces.joined() == answer.text)
    }

    @Test(arguments: ["", " ", "a", "a b", " a  b ", "a\nb\n", "石 を\u{3000}積む"])
    func `word pieces join to the text`(text: String) {
        #expect(text.wordPieces.joined() == text)
    }

    @Test func `a text is cut between characters`() {
        #expect("aé石🪨".prefix(utf8Count: 2) == "a")
        #expect("aé石🪨".prefix(utf8Count: 3) == "aé")
        #expect("aé石🪨".prefix(utf8Count: 9) == "aé石")
        #expect("aé石🪨".prefix(utf8Count: 10) == "aé石🪨")
    }

    // MARK: Arguments

    private func filled(_ schema: String) throws -> JSONValue {
        SchemaFiller(
            root: try JSONValue(parsing: Array(schema.utf8)), hints: ArgumentHints(callIndex: 0, subject: "cairns")
        ).value()
    }

    @Test(arguments: [
        (
            #"{"type":"object","properties":{"a":{"type":"string"},"path":{"type":"string"}},"required":["path"]}"#,
            #"{"path":"README.md"}"#
        ),
        (#"{"type":"object","properties":{"query":{"type":"string"},"b":{"type":"string"}}}"#, #"{"query":"cairns"}"#),
        (#"{"type":"object","properties":{}}"#, "{}"),
        (#"{"properties":{"n":{"type":"integer","minimum":5,"maximum":6}}}"#, #"{"n":5}"#),
        (#"{"properties":{"n":{"type":"number","exclusiveMaximum":1}}}"#, #"{"n":0}"#),
        (#"{"properties":{"e":{"enum":["x","y"]}}}"#, #"{"e":"x"}"#),
        (#"{"properties":{"c":{"const":7}}}"#, #"{"c":7}"#),
        (#"{"properties":{"l":{"type":"array","items":{"type":"boolean"},"minItems":2}}}"#, #"{"l":[false,false]}"#),
        (#"{"properties":{"u":{"anyOf":[{"type":"null"},{"type":"integer"}]}}}"#, #"{"u":1}"#),
        (#"{"properties":{"t":{"type":["null","string"],"maxLength":3}}}"#, #"{"t":"pra"}"#),
        (
            ##"""
            {"properties":{"r":{"$ref":"#/$defs/p"}},"$defs":{"p":{"type":"object",\##
            "properties":{"city":{"type":"string"}}}}}
            """##,
            #"{"r":{"city":"Paris"}}"#
        ),
    ])
    func `arguments fit their schema`(schema: String, expected: String) throws {
        #expect(try filled(schema).compactText == expected)
    }

    @Test func `a schema that refers to itself ends`() throws {
        let schema = ##"{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}"##

        #expect(try filled(schema).compactText.hasSuffix("}"))
    }
}
