// Why a prompt left otherwise than it came: the decisions that hold for it, and no others.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct ExplanationTests {
    private func turn(_ text: String) -> String { #"{"role":"tool","tool_call_id":"c","content":"\#(text)"}"# }

    private func explanation(_ stored: StoredConversation, call: Int) throws -> PromptExplanation {
        try PromptExplanation(of: stored.calls[call], in: stored)
    }

    @Test func `a shortened part is told with both sizes, and unchanged turns are not told`() throws {
        let stored = StoredConversation()
        let path = stored.add(
            [turn("first"), turn("long text"), turn("last")], .chat, at: 5, emissions: [1: turn("[=abcd:1]")])
        stored.decide("long text", to: "[=abcd:1]", chain: path[1], at: 5)

        let found = try explanation(stored, call: 0)

        #expect(found.turnCount == 3 && found.isComplete)
        #expect(found.changed.map(\.position) == [1])
        #expect(found.changed[0].parts.map(\.originalBytes) == [9])
        #expect(found.changed[0].parts.map(\.emittedBytes) == [9])
        #expect(found.changed[0].role == "tool" && !found.changed[0].isTold)
        #expect(found.cameBytes == [turn("first"), turn("long text"), turn("last")].joined().utf8.count)
    }

    @Test func `what was told behind a part does not hide its size`() throws {
        let stored = StoredConversation()
        let told = #"short\n\n<now>\n12:00\n</now>"#
        let path = stored.add([turn("long text")], .chat, at: 5, emissions: [0: turn(told)])
        stored.decide("long text", to: "short", chain: path[0], at: 5)

        let found = try explanation(stored, call: 0)

        #expect(found.changed[0].isTold)
        #expect(found.changed[0].parts.map(\.emittedBytes) == [5])
    }

    @Test func `a decision holds for paths that go on from its call, and a fork from before it is free of it`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("a"), turn("b")], .chat, at: 1)
        let epoch = stored.add([turn("c")], to: path, .chat, at: 2)
        stored.add([turn("d")], to: epoch, .chat, at: 3)
        stored.add([turn("e")], to: path, .chat, at: 4)
        stored.decide("b", chain: path[1], at: 2, reason: "epoch: pays")
        let digest = Fingerprint(high: 9, low: 9)
        stored.blobs[digest] = Array(turn("").utf8)
        let facts = LinkFacts(
            state: nil,
            shortening: TurnShortening(
                births: [], isKept: false,
                epoch: EpochFacts(newTurnCount: 1, parts: [], turns: [1: ReplacedTurn(digest: digest, byteCount: 9)])))
        stored.links[epoch[2]]?.state = facts.stored

        for (call, changed) in [(0, []), (1, [1]), (2, [1]), (3, [])] as [(Int, [Int])] {
            let found = try explanation(stored, call: call)
            #expect(found.changed.map(\.position) == changed, "call \(call)")
            #expect(found.changed.flatMap(\.parts).count == changed.count, "call \(call)")
            #expect(found.changed.flatMap(\.parts).allSatisfy { $0.emittedBytes == 0 && $0.originalBytes == 1 })
        }
    }

    @Test func `of a part that was decided on twice the newest decision is told`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("long text")], .chat, at: 1, emissions: [0: turn("short")])
        stored.add([turn("x")], to: path, .chat, at: 2)
        stored.decide("long text", to: "short", chain: path[0], at: 1)
        stored.decide("long text", to: "s", chain: path[0], at: 2, reason: "epoch: cold")

        #expect(try explanation(stored, call: 0).changed[0].parts.map(\.decision.reason) == ["birth"])
        #expect(try explanation(stored, call: 1).changed[0].parts.map(\.decision.reason) == ["epoch: cold"])
    }

    @Test func `a call that was only looked at left as it came`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("long text")], .chat, at: 1, emissions: [0: turn("short")])
        stored.decide("long text", to: "short", chain: path[0], at: 1)
        stored.calls[0].mode = "observe"

        let found = try explanation(stored, call: 0)

        #expect(found.changed.isEmpty)
        #expect(found.cameBytes == found.leftBytes)
    }

    @Test func `what is missing in the store is said`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("a"), turn("b")], .chat, at: 1, emissions: [1: turn("s")])
        stored.decide("b", to: "s", chain: path[1], at: 1)
        let emission = try #require(stored.links[path[1]]?.emission)
        stored.blobs[emission] = nil

        let found = try explanation(stored, call: 0)

        #expect(!found.isComplete)
        #expect(found.changed[0].leftBytes == nil && found.changed[0].parts[0].emittedBytes == nil)
        stored.links[path[0]] = nil
        #expect(try !explanation(stored, call: 0).isComplete)
    }

    @Test func `a handle is explained by its turn, its sizes and the call that decided`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("a"), turn("long text")], .chat, at: 1, emissions: [1: turn("short")])
        let handle = stored.decide("long text", to: "short", chain: path[1], at: 1)
        stored.decide("long text", to: "s", chain: path[1], at: 7)
        stored.decide("gone", to: "", chain: Fingerprint(high: 3, low: 3), handle: handle.text, at: 1)

        let all = try HandleExplanation.all(of: handle, session: nil, in: stored)

        #expect(all.map(\.position) == [1, 1, nil])
        #expect(all.map(\.role) == ["tool", "tool", nil])
        #expect(all.map(\.call) == ["CALL0", nil, "CALL0"])
        #expect(all.map(\.part.originalBytes) == [9, 9, nil])
        #expect(all.map(\.part.emittedBytes) == [5, nil, nil])
        #expect(try HandleExplanation.all(of: handle, session: SessionIdentifier(high: 2, low: 2), in: stored).isEmpty)
    }
}
