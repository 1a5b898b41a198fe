// A part that left shorter than it came, with its sizes before and after, both read again from the store.

import CairnCore
import CairnWire

/// A decision and what it did.
public struct ExplainedPart: Equatable, Sendable {
    public let decision: DecisionRecord
    /// Bytes of the part's text as the model would have read it; nil: it cannot be read again.
    public let originalBytes: Int?
    /// Bytes of the text that stands in its place; nil: it cannot be read again.
    public let emittedBytes: Int?

    /// - Parameters:
    ///   - raw: the turn as the client sent it, nil if it is missing in the store.
    ///   - emission: what left in the place of the turn, nil if it is missing or not known.
    init(_ decision: DecisionRecord, link: LinkRecord, raw: [UInt8]?, emission: [UInt8]?, dialect: Dialect) {
        self.decision = decision
        originalBytes = raw.flatMap { raw in
            (try? Expansion(decision, link: link, raw: raw, dialect: dialect))?.bytes.count
        }
        emittedBytes = emission.flatMap { Self.byteCount(of: decision.emitted, in: $0, dialect) }
    }

    /// One whose turn is not in the store.
    init(_ decision: DecisionRecord) {
        self.decision = decision
        originalBytes = nil
        emittedBytes = nil
    }

    /// Bytes of the text with this digest in an emission; nil: there is none.
    private static func byteCount(of digest: Fingerprint, in emission: [UInt8], _ dialect: Dialect) -> Int? {
        func isIt(_ text: [UInt8]) -> Bool { text.withUnsafeBytes { Fingerprint(of: $0) } == digest }
        if isIt([]) { return 0 }
        guard let prompt = try? Prompt(storedTurn: emission, dialect: dialect) else { return nil }
        for part in prompt.turns.flatMap(\.parts) {
            guard let text = part.text(in: prompt.source) else { continue }
            if isIt(text) { return text.count }
            let untold = TailText.removed(from: text)
            if untold.count < text.count, isIt(untold) { return untold.count }
        }
        return nil
    }
}
