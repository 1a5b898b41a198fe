// Lossless by contract, over whole conversations in mode full: what was left out comes back byte for byte, whatever the
// client respells, whatever was restarted; and every changed byte has its explanation.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// What the gateway and its store make of a conversation.
private final class ShorteningStage {
    let stage = LineageStage()
    let stored = StoredConversation()

    init(_ dialect: Dialect, _ prices: EpochPrices) {
        stage.dialect = dialect
        var terms = ShorteningTerms()
        terms.prices = prices
        terms.thinking = dialect == .chat ? .shorten : .keep
        terms.missNanodollars = 100
        stage.terms = terms
    }

    var account: Fingerprint { stage.account }

    @discardableResult
    func call(_ body: String) throws -> (record: CallRecord, plan: EmissionPlan, body: String) {
        let call = try stage.call(body)
        for session in call.plan.batch.sessions { stored.sessions[session.id] = session }
        stored.links = stage.links
        stored.blobs = stage.blobs
        stored.decisions = stage.decisions
        var record = stage.record(of: call.plan)
        record.mode = "full"
        stored.calls.append(record)
        return (record, call.plan, call.body)
    }
}

@Suite struct LosslessTests {
    private static let prices = [
        EpochPrices(miss: 3.75, hit: 0.3, output: 15), EpochPrices(miss: 1, hit: 1, output: 4),
    ]

    /// The same conversation as a client that writes its JSON anew in every second call.
    private func respelled(_ body: String) -> String {
        body.replacing(#""input":{"command": "#, with: #""input":{ "command":"#)
            .replacing(#"{\"command\": \""#, with: #"{ \"command\":\""#)
    }

    /// Where a conversation's calls end: in front of each assistant turn.
    private func ends(_ messages: [ContextMessage]) -> [Int] {
        messages.indices.filter { $0 > 1 && messages[$0].role == .assistant } + [messages.count]
    }

    /// The texts the model reads of a body.
    private func texts(_ body: String, _ dialect: Dialect) throws -> [(kind: ContextPart.Kind, text: [UInt8])] {
        let prompt = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: dialect)
        return ContextMessage.messages(of: prompt).flatMap { $0.parts.map { ($0.kind, $0.bytes) } }
    }

    @Test(arguments: Dialect.allCases, 0..<4)
    func `every marker that was ever sent expands to what its client sent first`(dialect: Dialect, seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed) + 100)
        let stage = ShorteningStage(dialect, Self.prices[seed % 2])
        let messages = GrowingConversation.messages(turns: 40, &random)
        let spelled = Spelled(dialect: dialect)
        // The text of each part when it was first sent: what the model read, or would have read.
        var first: [[UInt8]] = []
        var handles: Set<String> = []
        for (number, end) in ends(messages).enumerated() {
            if number % 9 == 8 { stage.stage.restart() }
            let plain = spelled.body(Array(messages[..<end]))
            let sent = number % 2 == 1 ? respelled(plain) : plain
            first += try texts(sent, dialect).dropFirst(first.count).map(\.text)
            let body = try stage.call(sent).body
            for (kind, text) in try texts(body, dialect) where kind != .user && kind != .system {
                handles.formUnion(Marker.handles(in: text))
            }
        }

        #expect(handles.count > 5)
        for handle in handles {
            let question = ExpansionQuestion(
                try #require(Handle(handle)), session: stage.stored.sessions.keys.first, account: stage.account)
            do {
                let bytes = try question.answer(from: stage.stored).bytes
                #expect(first.contains(bytes))
            } catch {
                Issue.record("\(handle): \(error)")
            }
        }
    }

    @Test(arguments: Dialect.allCases, 0..<4)
    func `every changed byte of every call is explained, on each branch of a session`(
        dialect: Dialect, seed: Int
    ) throws {
        var random = SeededRandom(seed: UInt64(seed) + 200)
        let stage = ShorteningStage(dialect, Self.prices[seed % 2])
        let messages = GrowingConversation.messages(turns: 24, &random)
        let others = GrowingConversation.messages(turns: 24, &random)
        let spelled = Spelled(dialect: dialect)
        let fork = ends(messages)[12]
        let branches = [
            ends(messages).map { Array(messages[..<$0]) },
            ends(others).filter { $0 > fork }.map { Array(messages[..<fork] + others[fork..<$0]) },
            ends(messages).suffix(2).map { Array(messages[..<$0]) },
        ]
        var explained = 0
        for prompt in branches.joined() {
            let call = try stage.call(spelled.body(prompt))

            let found = try PromptExplanation(of: call.record, in: stage.stored)

            let tools = call.plan.emitted.byteCounts.count > found.turnCount ? call.plan.emitted.byteCounts[0] : 0
            #expect(found.isComplete)
            #expect(found.leftBytes == call.plan.emitted.byteCount - tools)
            #expect(found.cameBytes == call.plan.asSent.byteCount - tools)
            for turn in found.changed {
                #expect(turn.isTold || !turn.parts.isEmpty, "turn \(turn.position)")
                for part in turn.parts {
                    let (original, emitted) = (try #require(part.originalBytes), try #require(part.emittedBytes))
                    #expect(emitted < original)
                    explained += 1
                }
            }
        }
        #expect(explained > 20)
    }
}
