// What was sent can be derived again from the store, and nothing in it can be changed unnoticed.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// Sessions as a store would hold them, open to be tampered with.
private final class StoredSessions: PromptSource {
    let stage = LineageStage()
    var sessions: [SessionRecord] = []
    var links: [Fingerprint: LinkRecord] = [:]
    var blobs: [Fingerprint: [UInt8]] = [:]
    var calls: [CallRecord] = []

    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? { links[chain] }
    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? { blobs[digest] }

    @discardableResult
    func call(_ body: String, observed: Bool = false) throws -> EmissionPlan {
        stage.onlyObserves = observed
        let plan = try stage.call(body).plan
        sessions += plan.batch.sessions
        for link in plan.batch.links where links[link.chain] == nil { links[link.chain] = link }
        for blob in plan.batch.blobs { blobs[blob.digest] = blob.bytes }
        calls.append(stage.record(of: plan))
        return plan
    }

    /// Proves all calls of all sessions; how many were proven.
    func prove() throws(ProofFailure) -> Int {
        var proven = 0
        for session in sessions {
            var replay = PromptReplay(of: session, in: self)
            let own = calls.filter { $0.session == session.id }
            for call in own { replay.add(call) }
            for call in own { proven += try replay.prove(call) == nil ? 0 : 1 }
        }
        return proven
    }

    /// The reason of the first failure; nil: all is proven.
    func failure() -> ProofFailure.Reason? {
        do throws(ProofFailure) {
            _ = try prove()
            return nil
        } catch { return error.reason }
    }
}

@Suite struct PromptReplayTests {
    private static let tools =
        #"[{"type":"function","function":{"name":"a","parameters":{"type":"object","x":1}}},{"type":"function","function":{"name":"b"}}]"#
    private static let toolsShuffled =
        #"[ {"function":{"name":"b"},"type":"function"}, {"type":"function","function":{"parameters":{"x":1,"type":"object"},"name":"a"}}]"#
    private static let otherTools = #"[{"type":"function","function":{"name":"c"}}]"#

    /// A prompt with a clock in its system turn.
    private static func body(
        _ steps: Int, minute: Int = 0, tools: String? = PromptReplayTests.tools, edited: Int? = nil
    ) -> String {
        var turns = [
            #"{"role":"system","content":"Current time: 2026-11-20T12:\#(10 + minute):09Z\nYou are a coding agent."}"#,
            #"{"role":"user","content":"Go"}"#,
        ]
        for number in 0..<steps {
            turns.append(#"{"role":"assistant","content":"step \#(number)"}"#)
            turns.append(#"{"role":"user","content":"\#(number == edited ? "another" : "a") result \#(number)"}"#)
        }
        return #"{"model":"m",\#(tools.map { "\"tools\":\($0)," } ?? "")"messages":[\#(turns.joined(separator: ","))]}"#
    }

    /// A session with a clock, shuffled tools, an edit of history, changed tools, a retry and a restart.
    private func session() throws -> StoredSessions {
        let stored = StoredSessions()
        for step in 0..<4 {
            try stored.call(Self.body(step, minute: step, tools: step % 2 == 0 ? Self.tools : Self.toolsShuffled))
        }
        try stored.call(Self.body(4, minute: 4, edited: 2))
        try stored.call(Self.body(4, minute: 4, tools: Self.otherTools, edited: 2))
        try stored.call(Self.body(2, minute: 5))
        stored.stage.restart()
        try stored.call(Self.body(3, minute: 6, edited: 2))
        return stored
    }

    @Test func `every call of a restless session is proven`() throws {
        let stored = try session()

        #expect(stored.calls.contains { $0.prefix.breakCode == PrefixBreak.historyChanged.rawValue })
        #expect(stored.calls.contains { $0.prefix.breakCode == PrefixBreak.toolsChanged.rawValue })
        #expect(try stored.prove() == stored.calls.count)
    }

    @Test func `calls that end in another order are proven`() throws {
        let stored = try session()
        stored.calls.swapAt(1, 2)

        #expect(try stored.prove() == stored.calls.count)
    }

    @Test func `observed calls are left out, and those behind them are proven`() throws {
        let stored = StoredSessions()
        try stored.call(Self.body(0))
        try stored.call(Self.body(1, minute: 3), observed: true)
        try stored.call(Self.body(2, minute: 4))

        #expect(try stored.prove() == 2)
    }

    @Test func `a branch in another session is proven by the links it shares`() throws {
        let stored = StoredSessions()
        try stored.call(Self.body(2))
        try stored.call(#"{"model":"m","tools":\#(Self.tools),"messages":[{"role":"user","content":"Another task"}]}"#)

        #expect(stored.sessions.count == 2)
        #expect(try stored.prove() == 2)
    }

    @Test func `a lost emission is told`() throws {
        let stored = StoredSessions()
        let first = try stored.call(Self.body(0))
        stored.stage.restart()
        stored.stage.forgotten = Set(first.emitted.digests)

        try stored.call(Self.body(1, minute: 2))

        #expect(stored.failure() == .emissionLost)
    }

    /// Each change of a stored record, and what it must lead to.
    private struct Tampering: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let reasons: [ProofFailure.Reason]
        let change: @Sendable (StoredSessions) -> Void

        init(_ name: String, _ reasons: ProofFailure.Reason..., change: @escaping @Sendable (StoredSessions) -> Void) {
            testDescription = name
            self.reasons = reasons
            self.change = change
        }

        /// A change of the third turn's link.
        static func link(
            _ name: String, _ reasons: ProofFailure.Reason..., change: @escaping @Sendable (inout LinkRecord) -> Void
        ) -> Tampering {
            var made = Tampering("link: \(name)") { stored in
                let chain = stored.links.values.first { $0.position == 2 }!.chain
                change(&stored.links[chain]!)
            }
            made = Tampering(made.testDescription, reasons, made.change)
            return made
        }

        static func call(
            _ name: String, _ reasons: ProofFailure.Reason..., change: @escaping @Sendable (inout CallRecord) -> Void
        ) -> Tampering {
            Tampering("call: \(name)", reasons) { change(&$0.calls[2]) }
        }

        private init(
            _ name: String, _ reasons: [ProofFailure.Reason], _ change: @escaping @Sendable (StoredSessions) -> Void
        ) {
            testDescription = name
            self.reasons = reasons
            self.change = change
        }
    }

    private static let elsewhere = Fingerprint(high: 77, low: 78)
    private static let tamperings: [Tampering] = [
        .link("chain", .linkMisplaced) { $0.chain = elsewhere },
        .link("parent", .linkMissing) { $0.parent = elsewhere },
        .link("parent to the root", .linkMisplaced) { $0.parent = .lineageStart },
        .link("position", .linkMisplaced) { $0.position += 1 },
        .link("turn", .linkMisplaced) { $0.turn = elsewhere },
        .link("raw", .bytesMissing) { $0.raw = elsewhere },
        .link("emission", .bytesMissing) { $0.emission = elsewhere },
        .link("role", .linkMisplaced) { $0.role = 200 },
        .link("bytes", .bytesDiffer) { $0.cumulativeBytes += 1 },
        .link("state", .stateDiffers) { $0.state = [9] },
        Tampering("link: emission of another turn", .bytesDiffer, .proofDiffers, .lengthDiffers) { stored in
            let path = stored.links.values.sorted { $0.position < $1.position }
            stored.links[path[2].chain]!.emission = path[0].emitted
        },
        Tampering("link: gone", .linkMissing) { stored in
            stored.links[stored.links.values.first { $0.position == 2 }!.chain] = nil
        },
        Tampering("state: other tools", .stateDiffers) { stored in
            let root = stored.links.values.first { $0.position == 0 }!
            let state = PromptState(stored: root.state!)!
            let frozen = state.tools!
            stored.links[root.chain]!.state =
                PromptState(
                    tools: FrozenTools(
                        set: frozen.set, emitted: elsewhere, blob: frozen.blob, byteCount: frozen.byteCount,
                        tools: frozen.tools), told: [:]
                ).stored
        },
        Tampering("blob: one byte of a turn", .bytesDiffer) { stored in
            stored.blobs[stored.links.values.first { $0.position == 2 }!.emitted]![20] ^= 1
        },
        Tampering("blob: gone", .bytesMissing) { stored in
            stored.blobs[stored.links.values.first { $0.position == 2 }!.emitted] = nil
        },
        Tampering("blob: one byte of the client's own turn", .bytesDiffer) { stored in
            stored.blobs[stored.links.values.first { $0.position == 0 }!.raw]![20] ^= 1
        },
        Tampering("blob: one byte of the tools", .bytesDiffer) { $0.blobs[$0.calls[0].tools!]![20] ^= 1 },
        Tampering("session: root", .rootDiffers) { $0.sessions[0].root = elsewhere },
        .call("chain", .linkMissing) { $0.chain = elsewhere },
        .call("emitted bytes", .lengthDiffers) { $0.emittedBytes += 1 },
        .call("common bytes", .commonBytesDiffer) { $0.prefix.commonBytes -= 1 },
        .call("no tools", .lengthDiffers) { $0.tools = nil },
        .call("previous proof", .previousCallMissing) { $0.previousProof = elsewhere },
        .call("the first proof", .commonBytesDiffer) { $0.previousProof = .lineageStart },
        .call("proof", .proofDiffers) { $0.proof = elsewhere },
        .call("break", .breakDiffers) { $0.prefix.breakCode = PrefixBreak.historyChanged.rawValue },
        .call("break in words", .breakDiffers) { $0.prefix.breakText = "planned rewrite" },
        .call("break without a meaning", .breakDiffers) { $0.prefix.breakCode = 99 },
        Tampering("call: gone", .previousCallMissing) { $0.calls.remove(at: 1) },
        Tampering("call: a break denied", .breakDiffers) { stored in
            stored.calls[4].prefix.breakCode = 0
            stored.calls[4].prefix.breakText = ""
        },
    ]

    @Test(arguments: tamperings)
    private func `no stored field can be changed unnoticed`(_ tampering: Tampering) throws {
        let stored = try session()

        tampering.change(stored)

        let failure = stored.failure()
        #expect(failure.map { tampering.reasons.contains($0) } == true, "\(String(describing: failure))")
    }

    @Test func `a failure names the turn and the byte`() throws {
        let stored = try session()
        let link = stored.links.values.first { $0.position == 2 }!
        stored.blobs[link.emitted]![20] ^= 1

        let failure = #expect(throws: ProofFailure.self) { _ = try stored.prove() }

        #expect(failure?.turn == 2)
        let toolBytes = Self.tools.utf8.count - 3
        #expect(failure?.byte == toolBytes + Int(link.cumulativeBytes) - stored.blobs[link.emitted]!.count)
    }
}
