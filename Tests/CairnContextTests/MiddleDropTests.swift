// Prompts that do not fit their model's window: what the model was told and the newest turns stay, no pair is torn, the
// prefix holds between cuts, and every byte that went can be found again.

import CairnCore
import CairnWire
import Foundation
import Testing

@testable import CairnContext

@Suite struct MiddleDropTests {
    /// S U (A T) (A T) ...
    private func turns(_ steps: Int) -> [PairingTurn] {
        let front = [PairingTurn(speaker: .other, items: [.other]), PairingTurn(speaker: .user, items: [.other])]
        return front
            + (0..<steps).flatMap { step in
                [
                    PairingTurn(speaker: .assistant, items: [.other, .call("c\(step)")]),
                    PairingTurn(speaker: .tool, items: [.result("c\(step)")]),
                ]
            }
    }

    private func leftOut(
        _ turns: [PairingTurn], tokens: [Double]? = nil, window: Double, before end: Int? = nil
    ) -> [Int]? {
        MiddleDrop.turns(
            leftOutOf: turns, tokens: tokens ?? turns.map { _ in 10 }, headTokens: 5, windowTokens: window,
            from: turns.firstIndex { $0.speaker == .assistant } ?? turns.count, before: end ?? turns.count - 4)
    }

    @Test func `a prompt that fits is left alone`() {
        #expect(leftOut(turns(10), window: 225) == nil)
        #expect(leftOut(turns(10), window: 224) != nil)
    }

    @Test func `the task and the newest turns stay, and the cut goes well below the window`() throws {
        for steps in 6..<60 {
            let turns = turns(steps)
            let window = Double(turns.count) * 8
            let gone = try #require(leftOut(turns, window: window))
            #expect(gone.first == 2 && gone.last! < turns.count - 4)
            #expect(gone.count % 2 == 0)
            let left = Double(turns.count - gone.count) * 10 + 5
            #expect(left <= window * MiddleDrop.fillShare || gone.last! >= turns.count - 6)
        }
    }

    @Test func `no call goes without its result, however far apart they stand`() throws {
        var turns = turns(20)
        turns[2].items.append(.call("late"))
        turns[31].items.append(.result("late"))
        let gone = try #require(leftOut(turns, window: 400))
        #expect(gone == Array(2..<32))
        #expect(leftOut(turns, window: 400, before: 31) == nil)
    }

    @Test func `no answer is cut in half`() throws {
        var turns: [PairingTurn] = [PairingTurn(speaker: .user, items: [.other])]
        for step in 0..<12 {
            turns += [
                PairingTurn(speaker: .assistant, items: [.other]),
                PairingTurn(speaker: .assistant, items: [.call("c\(step)")]),
                PairingTurn(speaker: .tool, items: [.result("c\(step)")]),
            ]
        }
        for window in stride(from: 130.0, to: 370, by: 10) {
            let gone = try #require(leftOut(turns, window: window))
            #expect((gone.last! + 1) % 3 == 1)
        }
    }

    @Test func `what the user said last stays though it stands in the middle`() throws {
        var turns = turns(20)
        turns.insert(PairingTurn(speaker: .user, items: [.other]), at: 10)
        let gone = try #require(leftOut(turns, window: 300))
        #expect(gone.first == 2 && !gone.contains(10) && gone.contains(11))
    }

    @Test func `nothing goes where that would not help`() {
        #expect(leftOut(turns(1), tokens: [1, 1, 1, 900], window: 100) == nil)
        #expect(leftOut(turns(8), tokens: [1, 900] + turns(8).dropFirst(2).map { _ in 10 }, window: 100) == nil)
        #expect(leftOut([PairingTurn(speaker: .assistant, items: [.other])], window: 1) == nil)
    }

    // MARK: whole conversations

    @Test(arguments: Dialect.allCases, 0..<2)
    func `a conversation outgrows its window and goes on`(dialect: Dialect, seed: Int) throws {
        var random = SeededRandom(seed: UInt64(40 + seed))
        let stage = LineageStage()
        stage.dialect = dialect
        var terms = ShorteningTerms()
        terms.prices = EpochPrices(miss: 0.15, hit: 0.003, output: 0.6)
        terms.windowTokens = 5000
        stage.terms = terms
        let spelled = Spelled(dialect: dialect)
        var messages = GrowingConversation.messages(turns: 60, fileLinesMax: 30, &random)
        messages.insert(ContextMessage(.user, [ContextPart(.user, Array("And mind the newest order.".utf8))]), at: 42)
        var reader = MarkerReader()
        var before: EmissionPlan?
        var cuts = 0
        for count in messages.indices.filter({ $0 > 1 && messages[$0].role == .assistant }) + [messages.count] {
            if count % 26 == 2 * (seed % 2) { stage.restart() }
            reader.read(Array(messages[..<count]))

            let call = try stage.call(spelled.body(Array(messages[..<count])))

            reader.note(stage.decisions)
            #expect(try PairingJudge.fault(call.body, dialect) == nil)
            let texts = try texts(call.body, dialect)
            let shown = texts.reduce(0) { $0 + $1.text.count }
            #expect(Double(shown) / 3.3 < 5000 + 10, "call at \(count)")
            #expect(texts.contains { $0.text == Array("Fix name_1_3 in file1.py".utf8) })
            if count > 42 { #expect(texts.contains { $0.text == Array("And mind the newest order.".utf8) }) }
            #expect(texts.last!.text == messages[count - 1].parts.last!.bytes || Marker.stands(in: texts.last!.text))
            try reader.check(texts)
            let drops = call.plan.batch.decisions.filter { $0.strategy == "middle-drop" }
            if !drops.isEmpty {
                cuts += 1
                #expect(call.plan.breakReason == .epoch && call.body.contains(": earlier messages left out]"))
            }
            if let before, call.plan.breakReason == .none {
                #expect(call.plan.commonBytes == before.emitted.byteCount, "call at \(count)")
            }
            #expect(call.plan.session == before?.session ?? call.plan.session)
            before = call.plan
        }
        #expect((1...20).contains(cuts), "\(cuts)")
        let drops = stage.decisions.filter { $0.strategy == "middle-drop" }
        #expect(Set(drops.map(\.handle)).count == 1, "\(Set(drops.map(\.handle)))")
        #expect(drops.allSatisfy { $0.reason == "epoch: window" })
        #expect(Set(drops.map { "\($0.chain) \($0.partIndex)" }).count == drops.count)
        try checkExpansion(of: drops, stage, messages)
    }

    /// The marker leads to every text that went, in the order of the conversation.
    private func checkExpansion(of drops: [DecisionRecord], _ stage: LineageStage, _ messages: [ContextMessage]) throws
    {
        let stored = StoredConversation()
        for session in Set(drops.map(\.session)) {
            stored.sessions[session] = SessionRecord(
                id: session, root: .lineageStart, harness: "", provider: "", dialect: stage.dialect.name, model: "",
                projectHint: "", createdNanoseconds: 0, frozenFacts: nil, strategyVersions: "")
        }
        stored.links = stage.links
        stored.blobs = stage.blobs
        stored.decisions = stage.decisions

        let expansion = try ExpansionQuestion(#require(Handle(drops[0].handle))).answer(from: stored)

        let gone = Set(drops.map(\.original))
        let texts = messages.flatMap(\.parts).map(\.bytes).filter { !$0.isEmpty }
        var rest = expansion.bytes[...]
        for text in texts where gone.contains(text.withUnsafeBytes { Fingerprint(of: $0) }) {
            guard texts.filter({ $0 == text }).count == 1 else {
                #expect(expansion.bytes.firstRange(of: text) != nil)
                continue
            }
            let place = try #require(rest.firstRange(of: text), "\(String(decoding: text, as: UTF8.self))")
            rest = rest[place.upperBound...]
        }
    }

    @Test func `a fork from before the cut has the middle`() throws {
        var random = SeededRandom(seed: 7)
        let stage = LineageStage()
        var terms = ShorteningTerms()
        terms.prices = EpochPrices(miss: 0.15, hit: 0.003, output: 0.6)
        terms.windowTokens = 4000
        stage.terms = terms
        let spelled = Spelled(dialect: .chat)
        let messages = GrowingConversation.messages(turns: 40, fileLinesMax: 30, &random)
        var body = ""
        var count = 4
        while count < messages.count, !body.contains("earlier messages left out") {
            body = try stage.call(spelled.body(Array(messages[..<count]))).body
            count += 2
        }
        #expect(count < messages.count)

        let other = ContextMessage(.user, [ContextPart(.user, Array("Another way.".utf8))])
        let fork = try stage.call(spelled.body(Array(messages[..<8]) + [other]))

        #expect(!fork.body.contains("earlier messages left out"))
        #expect(fork.body.contains("turn 2"))
    }
}
