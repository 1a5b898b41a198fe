// Gives each part of a turn its band and marks what is volatile in its texts, when the turn is first seen. The lineage
// compares conversations without the marked spans, the strategies keep them away from what shall stay cached.

import CairnCore

/// How long the parts of a turn stay true.
public enum BandRules {
    /// Sets `band` and `volatileSpans` of each part of `turn`; whatever stood there is forgotten.
    ///
    /// | turn | band |
    /// |---|---|
    /// | system or developer, before all others (`isLeading`) | pin |
    /// | any other | fold |
    /// | a text of system, developer or user that is volatile but for white space | drop |
    ///
    /// Texts of system, developer and user turns are searched; tool results, tool calls, thinking and what an assistant
    /// said never are.
    /// - Parameters:
    ///   - isLeading: no turn of another role stands before it. A later system turn is history: it stays where it is.
    ///   - source: the document the turn's views look at.
    /// - Complexity: linear in the turn; allocates only for spans.
    public static func annotate(_ turn: inout Turn, isLeading: Bool, source: SourceDocument, harness: Harness) {
        let isSystem = turn.role == .system || turn.role == .developer
        let place: VolatileScanner.Place? = isSystem ? .system : turn.role == .user ? .user : nil
        let band: Band = isSystem && isLeading ? .pin : .fold
        for index in turn.parts.indices {
            turn.parts[index].band = band
            turn.parts[index].volatileSpans = []
            guard let place, case .text(let text) = turn.parts[index].content else { continue }
            let (spans, isWholly) = source.withBytes(of: text) { bytes in
                let spans = VolatileScanner.spans(in: bytes, place: place, harness: harness)
                return (spans, covers(spans, bytes))
            }
            turn.parts[index].volatileSpans = spans
            if isWholly { turn.parts[index].band = .drop }
        }
    }

    /// Whether only white space stands outside of `spans`.
    private static func covers(_ spans: [VolatileSpan], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !spans.isEmpty, let text = SpelledText(bytes) else { return false }
        var at = text.start
        for span in spans {
            guard isWhite(text, at..<Int(span.range.lowerBound)) else { return false }
            at = Int(span.range.upperBound)
        }
        return isWhite(text, at..<text.end)
    }

    private static func isWhite(_ text: SpelledText, _ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        while at < range.upperBound, case let step = text.unit(at: at), step.value <= 0x20 { at = step.next }
        return at >= range.upperBound
    }
}
