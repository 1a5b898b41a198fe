// Records for tests, made from small numbers.

import CairnContext
import CairnCore

/// A conversation that grows: links with bytes and texts of their own, chained as the lineage room will chain them.
struct SampleLineage {
    let session: SessionIdentifier
    private(set) var links: [LinkRecord] = []
    private var tip = Fingerprint.lineageStart

    init(session number: UInt64) { session = SessionIdentifier(high: number, low: ~number) }

    /// A branch that shares the first links.
    init(branchOf lineage: SampleLineage, after count: Int) {
        session = lineage.session
        links = Array(lineage.links[..<count])
        tip = links.last?.chain ?? .lineageStart
    }

    /// Adds a turn. The batch holds what must be stored for it.
    mutating func add(_ text: String, emission: String? = nil) -> StorageBatch {
        let raw = BlobRecord(Array("{\"role\":\"user\",\"content\":\"\(text)\"}".utf8))
        let emitted = emission.map { BlobRecord(Array($0.utf8)) }
        let turn = Fingerprint(high: raw.digest.low, low: raw.digest.high)
        let chain = tip.appending(turn: turn)
        let link = LinkRecord(
            chain: chain, parent: tip, session: session, position: links.count, turn: turn, raw: raw.digest,
            emission: emitted?.digest, role: UInt8(links.count % 3), wallNanoseconds: UInt64(links.count) * 1000,
            cumulativeBytes: UInt64(links.count) * 100, cumulativeTokens: UInt64(links.count) * 30)
        links.append(link)
        tip = chain
        return StorageBatch(
            blobs: [raw] + (emitted.map { [$0] } ?? []), links: [link], texts: [TurnText(chain: chain, text: text)])
    }
}

extension SessionRecord {
    static func sample(_ number: UInt64) -> SessionRecord {
        SessionRecord(
            id: SessionIdentifier(high: number, low: ~number), root: Fingerprint(high: number, low: 1),
            harness: "codex", provider: "openai", dialect: "responses", model: "gpt-5", projectHint: "/home/ü/p\u{0}q",
            createdNanoseconds: number * 10, frozenFacts: number % 2 == 0 ? [] : [0, 1, 255],
            strategyVersions: "dedup 1")
    }
}

extension CallRecord {
    static func sample(_ number: UInt64, session: SessionIdentifier) -> CallRecord {
        CallRecord(
            id: "call-\(number)", session: session, chain: Fingerprint(high: 7, low: number),
            startedNanoseconds: number * 1000, mode: "stable", model: "gpt-5", upstream: "main", requestBytes: 10,
            emittedBytes: 9,
            prefix: .init(
                commonBytes: 8, commonTokens: 2, commonBytesAsSent: 4, breakCode: Int(number % 3),
                breakText: "tools changed", movedKinds: number % 2 == 0 ? "" : "clock,process"),
            tools: number % 2 == 0 ? nil : Fingerprint(high: 9, low: number),
            previousProof: Fingerprint(high: 1, low: number &- 1), proof: Fingerprint(high: 1, low: number),
            usage: number % 2 == 0 ? nil : Array("{\"total\":1}".utf8),
            cost: .init(
                billedNanodollars: number % 2 == 0 ? nil : 5, predictedNanodollars: 6, untouchedNanodollars: 7,
                predictedHitTokens: 3, reportedHitTokens: nil),
            status: 200, outcome: "ok")
    }
}

extension DecisionRecord {
    static func sample(handle: String, part: Int) -> DecisionRecord {
        DecisionRecord(
            handle: handle, session: SessionIdentifier(high: 1, low: 2), chain: Fingerprint(high: 3, low: 4),
            partIndex: part, strategy: "line-run", strategyVersion: 2, original: Fingerprint(high: 5, low: 6),
            emitted: Fingerprint(high: 7, low: 8), reason: "seen before", priceNanodollars: -12, wallNanoseconds: 99)
    }
}

/// Numbers that look random and are the same in every run.
struct SampleNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// splitmix64 (Steele, Lea, Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
