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

    var isAnswerWithoutThinking: Bool { turn.role == .assistant && !turn.parts.contains(where: \.isThinking) }

    /// The element with other texts in the place of those of some parts, without cache hints; nil where a part has no
    /// place for another text, or cannot go.
    /// - Parameter texts: by part; nil: the part goes whole.
    func replacing(_ texts: [(part: Int, text: [UInt8]?)]) -> [UInt8]? {
        guard case .source(let start, _)? = turn.element, let element = turn.element,
            texts.allSatisfy({ parts.indices.contains($0.part) }),
            let omissions = ranges(omitting: texts.filter { $0.text == nil }.map(\.part))
        else { return nil }
        var edits: [(range: Range<Int>, bytes: [UInt8])] = omissions.map { ($0, []) }
        for case (let number, let text?) in texts {
            guard case .source(let from, let to)? = parts[number].value else { return nil }
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

    /// Where these parts stand in the element, each with the comma on one side of it; nil where they are no elements of
    /// one array, or all there is.
    private func ranges(omitting numbers: [Int]) -> [Range<Int>]? {
        if numbers.isEmpty { return [] }
        let omitted = Set(numbers.map { parts[$0].partIndex })
        guard numbers.allSatisfy({ parts[$0].element != nil }), omitted.count < turn.parts.count,
            let elements = elements()
        else { return nil }
        var ranges: [Range<Int>] = []
        var isAnyKept = false
        for (index, element) in elements.enumerated() {
            if !omitted.contains(index) {
                isAnyKept = true
            } else if isAnyKept {
                ranges.append(elements[index - 1].upperBound..<element.upperBound)
            } else {
                ranges.append(element.lowerBound..<elements[index + 1].lowerBound)
            }
        }
        return ranges
    }

    /// Where all parts stand in the turn's element; nil if they are not the elements of one array, in their order.
    private func elements() -> [Range<Int>]? {
        guard case .source(let start, _)? = turn.element, let element = turn.element else { return nil }
        var ranges: [Range<Int>] = []
        for part in turn.parts {
            guard case .source(let from, let to)? = part.element, Int(from - start) >= ranges.last?.upperBound ?? 0
            else { return nil }
            ranges.append(Int(from - start)..<Int(to - start))
        }
        let stand = source.withBytes(of: element) { bytes in
            zip(ranges, ranges.dropFirst()).allSatisfy { before, next in
                let between = bytes[before.upperBound..<next.lowerBound].filter { !LineForm.isBlank($0) && $0 != 10 }
                return between == [UInt8(ascii: ",")]
            }
        }
        return stand ? ranges : nil
    }
}
