// Sessions as a store would hold them, with decisions made by the strategies themselves, without a lineage or a disk.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

final class StoredConversation: ExplanationSource {
    var sessions: [SessionIdentifier: SessionRecord] = [:]
    var links: [Fingerprint: LinkRecord] = [:]
    var blobs: [Fingerprint: [UInt8]] = [:]
    var decisions: [DecisionRecord] = []
    var calls: [CallRecord] = []
    /// Asked of whatever is looked up.
    var failure: StoreError?

    private func value<Value>(_ value: Value) throws(StoreError) -> Value {
        if let failure { throw failure }
        return value
    }

    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? { try value(links[chain]) }
    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? { try value(blobs[digest]) }
    func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord? { try value(sessions[id]) }
    func decisions(handle: String) throws(StoreError) -> [DecisionRecord] {
        try value(decisions.filter { $0.handle == handle })
    }
    func decisions(handle: String, of session: SessionIdentifier) throws(StoreError) -> [DecisionRecord] {
        try value(decisions.filter { $0.handle == handle && $0.session == session })
    }
    func decisions(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [DecisionRecord] {
        try value(Array(decisions.filter { $0.session == session }.dropFirst(page.skip).prefix(page.count)))
    }
    func call(id: String) throws(StoreError) -> CallRecord? { try value(calls.first { $0.id == id }) }
    func call(of session: SessionIdentifier, startedNanoseconds: UInt64) throws(StoreError) -> CallRecord? {
        try value(calls.first { $0.session == session && $0.startedNanoseconds == startedNanoseconds })
    }

    static let account = Fingerprint(high: 11, low: 12)

    /// Keeps a call: the turns it adds to a session's path, all at its time. The chains of the whole path then.
    @discardableResult
    func add(
        _ turns: [String], to path: [Fingerprint] = [], of number: UInt64 = 1, _ dialect: Dialect, at time: UInt64,
        account: Fingerprint = StoredConversation.account, emissions: [Int: String] = [:]
    ) -> [Fingerprint] {
        let id = SessionIdentifier(high: number, low: number)
        var path = path
        for (index, text) in turns.enumerated() {
            let raw = keep(text)
            let turn = Fingerprint(high: raw.low, low: raw.high)
            let parent = path.last
            let chain = (parent ?? .start(ofAccount: account, dialect)).appending(turn: turn)
            links[chain] = LinkRecord(
                chain: chain, parent: parent ?? .lineageStart, session: id, position: path.count, turn: turn, raw: raw,
                emission: emissions[index].map { keep($0) }, role: Turn.Role.tool.rawValue, wallNanoseconds: time,
                cumulativeBytes: 0, cumulativeTokens: 0)
            path.append(chain)
        }
        if sessions[id] == nil {
            sessions[id] = SessionRecord(
                id: id, root: path[0], harness: "generic", provider: "generic", dialect: dialect.name, model: "m",
                projectHint: "", createdNanoseconds: time, frozenFacts: nil, strategyVersions: "")
        }
        calls.append(Self.call("CALL\(calls.count)", of: id, endingAt: path[path.count - 1], at: time))
        return path
    }

    private func keep(_ text: String) -> Fingerprint {
        let blob = BlobRecord(Array(text.utf8))
        blobs[blob.digest] = blob.bytes
        return blob.digest
    }

    /// Decides that a part's text leaves as another one. The handle is the text's own unless another is given.
    @discardableResult
    func decide(
        _ text: String, to emitted: String = "", chain: Fingerprint, part: Int = 0, handle: String? = nil,
        of number: UInt64 = 1, at time: UInt64 = 1, reason: String = "birth"
    ) -> Handle {
        let original = Array(text.utf8).withUnsafeBytes { Fingerprint(of: $0) }
        let own = Handle(original, characters: Handle.charactersMin)
        decisions.append(
            DecisionRecord(
                handle: handle ?? own.text, session: SessionIdentifier(high: number, low: number), chain: chain,
                partIndex: part, strategy: "seen-line-runs", strategyVersion: 1, original: original,
                emitted: Array(emitted.utf8).withUnsafeBytes { Fingerprint(of: $0) }, reason: reason,
                priceNanodollars: 5, wallNanoseconds: time))
        return own
    }

    static func call(
        _ id: String, of session: SessionIdentifier, endingAt chain: Fingerprint, at time: UInt64, mode: String = "full"
    ) -> CallRecord {
        CallRecord(
            id: id, session: session, chain: chain, startedNanoseconds: time, mode: mode, model: "m", upstream: "u",
            requestBytes: 0, emittedBytes: 0,
            prefix: CallRecord.Prefix(
                commonBytes: 0, commonTokens: 0, commonBytesAsSent: 0, breakCode: 0, breakText: "", movedKinds: ""),
            tools: nil, previousProof: .lineageStart, proof: .lineageStart, usage: nil,
            cost: CallRecord.Cost(
                billedNanodollars: nil, predictedNanodollars: nil, untouchedNanodollars: nil, predictedHitTokens: nil,
                reportedHitTokens: nil),
            status: 200, outcome: "ok")
    }
}
