import Testing

@testable import CairnPractice

@Suite struct AgentDialogueTests {
    private func dialogue(_ dialect: Dialect) -> AgentDialogue {
        let models: [Dialect: String] = [
            .chat: "deepseek-v4-flash", .responses: "gpt-5.5", .messages: "claude-sonnet-4-6",
        ]
        return AgentDialogue(dialect: dialect, model: models[dialect]!, question: "What is this project about?")
    }

    @Test(arguments: Dialect.allCases)
    func `an agent's loop ends with words after calls that really read the project`(dialect: Dialect) throws {
        var desk = PracticeDesk()
        var dialogue = dialogue(dialect)
        let project = PracticeProject()

        var tools: [String] = []
        var last: AgentDialogue.Turn?
        var cachedTokens = 0
        for _ in 0..<6 {
            let call = desk.post(dialogue.target, dialogue.request.compactText)
            let turn = try dialogue.take(call.payload)
            last = turn
            cachedTokens += turn.cachedTokens
            guard !turn.calls.isEmpty else { break }
            tools += turn.calls.map(\.name)
            let results = turn.calls.map { (call: $0, text: project.result(of: $0.name, input: $0.input)) }
            #expect(results.allSatisfy { !$0.text.hasPrefix("There is no") }, "\(results)")
            dialogue.add(results)
        }

        #expect(tools.count >= 3)
        #expect(last?.calls.isEmpty == true)
        #expect(last?.text.isEmpty == false)
        #expect(cachedTokens > 0)
    }

    @Test(arguments: Dialect.allCases)
    func `each request of an agent begins with the messages of the one before`(dialect: Dialect) throws {
        var desk = PracticeDesk()
        var dialogue = dialogue(dialect)
        let key = dialect == .responses ? "input" : "messages"

        let first = dialogue.request[key]?.elements ?? []
        let turn = try dialogue.take(desk.post(dialogue.target, dialogue.request.compactText).payload)
        dialogue.add(turn.calls.map { ($0, "result") })
        let second = dialogue.request[key]?.elements ?? []

        #expect(second.count > first.count)
        #expect(Array(second.prefix(first.count)) == first)
    }

    @Test func `a stream that ends early is an error`() throws {
        var desk = PracticeDesk()
        var dialogue = dialogue(.chat)
        let call = desk.post(
            dialogue.target, dialogue.request.compactText, headers: ["x-practice-fault": "missing-done"])

        #expect(throws: PracticeError.self) { try dialogue.take(call.payload) }
    }

    @Test func `the play without a gateway between finds all bytes identical`() throws {
        let provider = try ProviderUnderTest()

        let report = try playAgents(gatewayPort: provider.running.port, providerPort: provider.running.port)

        #expect(report.conversations.map(\.dialect) == ["chat", "responses", "messages"])
        #expect(report.callCount == report.identicalRequestCount)
        #expect(report.callCount == report.identicalAnswerCount)
        #expect(report.conversations.allSatisfy { $0.cachedTokens > 0 })
        #expect(report.conversations.allSatisfy { $0.tools.contains { $0.contains(" + ") } })
        #expect(report.streaming.arrivalCount > 1)
        #expect(report.timedCallCount == 100)
    }

    @Test func `the play against a port where nobody listens is an error`() {
        #expect(throws: PracticeError.self) { try playAgents(gatewayPort: 1, providerPort: 1) }
    }
}
