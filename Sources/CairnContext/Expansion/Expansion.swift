// What a marker left out, brought back: the exact bytes of the part it stands in. No text is stored twice for this; the
// part is read again from the turn as its client sent it, and is given out only if it is what the decision was about.
//
//     handle ─▶ decision ─▶ link ─▶ bytes of its turn ─▶ part ─▶ text == decision.original ─▶ lines

import CairnCore
import CairnWire

/// The original of one decision.
public struct Expansion: Equatable, Sendable {
    public let decision: DecisionRecord
    /// The whole part as the model would have read it, without JSON's escapes. Of a middle all its parts, each behind a line
    /// that names who speaks.
    public let bytes: [UInt8]

    /// Reads the part again.
    /// - Parameters:
    ///   - link: the link that the decision's chain names.
    ///   - raw: the bytes under the link's `raw`.
    ///   - dialect: that of the session.
    /// - Throws: `turnMissing` or `bytesMissing` for a link or bytes that are other ones, `partMissing` if they hold no such
    ///   part, `originalDiffers` if it reads otherwise.
    /// - Complexity: one pass over the turn.
    public init(
        _ decision: DecisionRecord, link: LinkRecord, raw: [UInt8], dialect: Dialect
    ) throws(ExpansionError) {
        guard link.chain == decision.chain else { throw .turnMissing }
        guard raw.withUnsafeBytes({ Fingerprint(of: $0) }) == link.raw else { throw .bytesMissing }
        guard let prompt = try? Prompt(storedTurn: raw, dialect: dialect), let turn = prompt.turns.first,
            turn.parts.indices.contains(decision.partIndex),
            let text = turn.parts[decision.partIndex].text(in: prompt.source)
        else { throw .partMissing }
        guard text.withUnsafeBytes({ Fingerprint(of: $0) }) == decision.original else { throw .originalDiffers }
        self.decision = decision
        bytes = text
    }

    /// What a marker of many messages stands for: their parts, in order; at least one.
    init(middle parts: [(part: Expansion, role: Turn.Role)]) {
        decision = parts[0].part.decision
        var bytes: [UInt8] = []
        for (part, role) in parts {
            if !bytes.isEmpty { bytes += Array("\n\n".utf8) }
            bytes += Array("[\(role.name)]\n".utf8) + part.bytes
        }
        self.bytes = bytes
    }

    /// Some lines of the part, or all of it, byte for byte.
    /// - Throws: `linesBeyond` if it has fewer.
    public func bytes(_ lines: LineSelection?) throws(ExpansionError) -> [UInt8] {
        guard let lines else { return bytes }
        guard let selected = lines.bytes(of: bytes) else {
            throw .linesBeyond(lineCount: LineSelection.count(of: bytes))
        }
        return selected
    }
}
