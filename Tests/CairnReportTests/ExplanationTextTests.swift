// What `cairn why` prints of explanations read from a store.

import CairnContext
import CairnCore
import CairnStore
import Foundation
import Testing

@testable import CairnReport

@Suite struct ExplanationTextTests {
    private let folder = NSTemporaryDirectory() + "cairn-why-" + UUID().uuidString
    private let session = SessionIdentifier(high: 1, low: 1)

    /// A session of one call: a turn that was shortened, one that was not, and the reader of its store.
    private func store(_ change: (inout CallRecord, inout DecisionRecord) -> Void = { _, _ in }) throws -> StoreReader {
        let raw = BlobRecord(Array(#"{"role":"tool","tool_call_id":"c","content":"a long text"}"#.utf8))
        let other = BlobRecord(Array(#"{"role":"user","content":"go"}"#.utf8))
        let emission = BlobRecord(Array(#"{"role":"tool","tool_call_id":"c","content":"short"}"#.utf8))
        func link(_ chain: UInt64, _ raw: BlobRecord, _ emission: BlobRecord?, role: UInt8) -> LinkRecord {
            LinkRecord(
                chain: Fingerprint(high: 2, low: chain),
                parent: chain == 1 ? .lineageStart : Fingerprint(high: 2, low: chain - 1), session: session,
                position: Int(chain) - 1, turn: raw.digest, raw: raw.digest, emission: emission?.digest, role: role,
                wallNanoseconds: SampleCalls.start, cumulativeBytes: 0, cumulativeTokens: 0)
        }
        var sample = SampleCalls(1)
        sample.add(bytes: 9000, reason: .newSession)
        var call = sample.calls[0]
        call.id = "01J00000000000000000000000"
        call.chain = Fingerprint(high: 2, low: 2)
        call.mode = "full"
        func digest(_ text: String) -> Fingerprint { Array(text.utf8).withUnsafeBytes { Fingerprint(of: $0) } }
        var decision = DecisionRecord(
            handle: "k7f2", session: session, chain: Fingerprint(high: 2, low: 2), partIndex: 0,
            strategy: "seen-line-runs", strategyVersion: 1, original: digest("a long text"), emitted: digest("short"),
            reason: "birth", priceNanodollars: 120_000, wallNanoseconds: SampleCalls.start)
        change(&call, &decision)
        let store = try SQLiteStore(StoreOptions(folder: folder))
        store.append(
            StorageBatch(
                blobs: [raw, other, emission], sessions: [sample.session],
                links: [link(1, other, nil, role: 3), link(2, raw, emission, role: 5)], calls: [call],
                decisions: [decision]))
        try #require(store.close(withinMilliseconds: 5000))
        return try StoreReader(folder: folder)
    }

    private func text(_ change: (inout CallRecord, inout DecisionRecord) -> Void = { _, _ in }) throws -> String {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try store(change)
        let call = try #require(try store.call(id: "01J00000000000000000000000"))
        return ExplanationText.text(of: try PromptExplanation(of: call, in: store))
    }

    @Test func `a call tells its sums, its prefix and each changed turn`() throws {
        #expect(
            try text() == """
                call 01J00000000000000000000000  session 00000000000000010000000000000001
                  2026-11-20 00:00:00 UTC, mode full, deepseek-v4-flash through main
                  2 turns, 88 bytes came and 82 left: 6 less (6.8 %)
                  the first call of its session
                turn 1 (tool): 58 bytes left as 52
                  part 0  k7f2  11 bytes became 5  seen-line-runs 1: birth, thought to save $0.000120  (this call)

                """)
    }

    @Test func `a broken prefix and an epoch say why`() throws {
        let text = try text { call, decision in
            call.previousProof = Fingerprint(high: 1, low: 1)
            call.prefix.commonBytes = 1234
            call.prefix.breakText = "planned rewrite at turn 1"
            call.prefix.movedKinds = "clock,process"
            decision.reason = "epoch: pays"
        }

        #expect(
            text.contains(
                "\n  1,234 of 9,000 bytes stood in the call before; then the prefix broke: planned rewrite at turn 1\n")
        )
        #expect(text.contains("\n  1 part rewritten (epoch: pays), thought to save $0.000120\n"))
        #expect(text.contains("\n  kept out of the prefix in this call: clock, process\n"))
    }

    @Test func `what is not known is not guessed`() throws {
        let text = try text { _, decision in
            decision.original = Fingerprint(high: 1, low: 1)
            decision.emitted = Fingerprint(high: 1, low: 1)
            decision.priceNanodollars = 0
            decision.wallNanoseconds = SampleCalls.start
        }

        #expect(text.contains("  part 0  k7f2  ? bytes became ?  seen-line-runs 1: birth  (this call)\n"))
    }

    @Test func `a handle tells where, by what, for how much and when`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try store()
        let handle = try #require(Handle("k7f2"))

        #expect(
            ExplanationText.text(of: handle, try HandleExplanation.all(of: handle, session: nil, in: store)) == """
                k7f2  session 00000000000000010000000000000001, turn 1 (tool), part 0
                  11 bytes became 5
                  seen-line-runs 1: birth, thought to save $0.000120
                  2026-11-20 00:00:00 UTC, call 01J00000000000000000000000

                """)
    }
}
