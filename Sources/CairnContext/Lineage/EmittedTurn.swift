// A turn as it was emitted, read again: an epoch puts other texts into it, and a shortener that is made again wants the
// texts it holds.

import CairnCore
import CairnWire

/// One element of the client's array, with its parts.
struct EmittedTurn {
    private let source: SourceDocument
    private let turn: Turn
    let parts: [LocatedPart]

    /// nil for bytes that are not exactly one turn of the dialect.
    init?(_ element: [UInt8], dialect: Dialect) {
        guard let prompt = try? Prompt(storedTurn: element, dialect: dialect), prompt.turns.count == 1 else {
            return nil
        }
        self.init(prompt.turns[0], in: prompt.source)
    }

    /// A turn of a client's prompt, as it came.
    init(_ turn: Turn, in source: SourceDocument) {
        self.source = source
        self.turn = turn
        var calls = CallBook()
        parts = LocatedPart.parts(of: turn, in: source, calls: &calls)
    }

    /// The element with other texts in the place of those of some parts, without cache hints; nil where a part has no
    /// place for another text.
    func replacing(_ texts: [(part: Int, text: [UInt8])]) -> [UInt8]? {
        guard case .source(let start, _)? = turn.element, let element = turn.element else { return nil }
        var edits: [(range: Range<Int>, bytes: [UInt8])] = []
        for (number, text) in texts {
            guard parts.indices.contains(number), case .source(let from, let to)? = parts[number].value else {
                return nil
            }
            edits.append((Int(from - start)..<Int(to - start), parts[number].spelled(text, in: source)))
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        let out = source.withBytes(of: element) { bytes -> [UInt8] in
            var out: [UInt8] = []
            out.reserveCapacity(bytes.count)
            var position = 0
            for edit in edits {
                out.append(contentsOf: bytes[position..<edit.range.lowerBound])
                out += edit.bytes
                position = edit.range.upperBound
            }
            out.append(contentsOf: bytes[position...])
            return out
        }
        return out.withUnsafeBufferPointer { CacheHints.removed(from: $0) } ?? out
    }
}
