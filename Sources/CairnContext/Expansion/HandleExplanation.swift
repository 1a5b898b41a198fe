// What became of one handle: every decision behind it, where, when and by which call. What `cairn why HANDLE` tells.

import CairnCore
import CairnWire

/// One decision behind a handle.
public struct HandleExplanation: Equatable, Sendable {
    /// Of the newest decisions behind a handle, as many are explained.
    public static let decisionsMax = 50

    public let part: ExplainedPart
    /// Of the turn, counted from 0; nil: the store does not have it.
    public let position: Int?
    public let role: String?
    /// The identifier of the call that decided; nil: it has not ended, or its record was lost.
    public let call: String?

    /// The newest decisions behind a handle, in one session or in all, the oldest of them first. Waits for the disk.
    /// - Complexity: for each the turns of a prompt are looked up.
    public static func all(
        of handle: Handle, session: SessionIdentifier?, in source: some ExplanationSource
    ) throws(StoreError) -> [HandleExplanation] {
        let decisions: [DecisionRecord]
        if let session {
            decisions = try source.decisions(handle: handle.text, of: session)
        } else {
            decisions = try source.decisions(handle: handle.text)
        }
        var all: [HandleExplanation] = []
        for decision in decisions.suffix(decisionsMax) { all.append(try HandleExplanation(decision, in: source)) }
        return all
    }

    private init(_ decision: DecisionRecord, in source: some ExplanationSource) throws(StoreError) {
        let link = try source.link(chain: decision.chain)
        let call = try source.call(of: decision.session, startedNanoseconds: decision.wallNanoseconds)
        let dialect = try source.session(decision.session).flatMap { Dialect(name: $0.dialect) }
        self.call = call?.id
        position = link?.position
        role = link.flatMap { Turn.Role(rawValue: $0.role)?.name }
        guard let link, let dialect else {
            part = ExplainedPart(decision)
            return
        }
        let emission = try Self.emission(decision, link, call, source)
        part = ExplainedPart(
            decision, link: link, raw: try source.blob(link.raw), emission: emission, dialect: dialect)
    }

    /// What left in the place of the turn in the call that decided.
    private static func emission(
        _ decision: DecisionRecord, _ link: LinkRecord, _ call: CallRecord?, _ source: some ExplanationSource
    ) throws(StoreError) -> [UInt8]? {
        if link.wallNanoseconds == decision.wallNanoseconds { return try source.blob(link.emitted) }
        guard let call else { return nil }
        let path = try PromptPath(endingAt: call.chain, in: source)
        guard let index = path.index(of: decision) else { return nil }
        return try source.blob(path.emitted(index))
    }
}
