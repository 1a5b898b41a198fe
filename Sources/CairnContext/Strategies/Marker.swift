// What stands in place of omitted bytes, and the handle in it that brings them back. A handle names the original of the
// part it stands in: the bytes of the whole part expand from it, and so do the lines a marker names.

import CairnCore

/// A short name of a blob, unique in its session: the first characters of its digest in base 32.
public struct Handle: Hashable, Sendable, CustomStringConvertible {
    /// Most handles have no more; longer ones tell apart digests that begin alike.
    static let charactersMin = 4
    /// All of a digest.
    static let charactersMax = 26

    public let text: String
    public var description: String { text }

    /// Digits and letters without `i`, `l`, `o` and `u`.
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    static func isCharacter(_ byte: UInt8) -> Bool { alphabet.contains(byte) }

    /// From characters that are those of a handle.
    init(characters: String) { text = characters }

    init(_ digest: Fingerprint, characters: Int) {
        var out: [UInt8] = []
        for index in 0..<min(characters, Self.charactersMax) {
            let bit = index * 5
            let window =
                bit < 64
                ? digest.high << UInt64(bit) | (bit > 0 ? digest.low >> UInt64(64 - bit) : 0)
                : digest.low << UInt64(bit - 64)
            out.append(Self.alphabet[Int(window >> 59)])
        }
        text = String(decoding: out, as: UTF8.self)
    }
}

/// The handles of a session. The same originals in the same order get the same handles.
public struct HandleBook: Sendable {
    /// How many characters the handle of an original has.
    private var characters: [Fingerprint: UInt8] = [:]
    /// The handles that are taken: as keys, where 64 bits hold one, and the others.
    private var taken = KeyTable()
    private var takenLong: Set<Handle> = []

    /// Characters of a handle that 64 bits hold: five bits each, and four for how many there are.
    private static let charactersInKey = 11

    public init() {}

    /// Of the heap, about.
    var heldBytes: Int { characters.capacity * 4 / 3 * (MemoryLayout<Fingerprint>.size + 1) + taken.heldBytes }

    /// The handle of an original, given now if it has none.
    public mutating func handle(for digest: Fingerprint) -> Handle {
        if let known = characters[digest] { return Handle(digest, characters: Int(known)) }
        for count in Handle.charactersMin...Handle.charactersMax where take(digest, count) {
            characters[digest] = UInt8(count)
            return Handle(digest, characters: count)
        }
        // Two digests that are equal are one; the longest handle is the whole digest.
        preconditionFailure("a whole digest is unique")
    }

    /// False: another original has this handle.
    private mutating func take(_ digest: Fingerprint, _ count: Int) -> Bool {
        if count > Self.charactersInKey { return takenLong.insert(Handle(digest, characters: count)).inserted }
        let handlesBefore = taken.count
        return taken.insert((digest.high >> UInt64(64 - 5 * count)) << 5 | UInt64(count)) == handlesBefore
    }
}

/// The texts of markers. `=` stands for what is visible above, `-` for what was left out.
enum Marker {
    /// Lines of this part that the model can read further up; lines count from 1. `number` is the one printed in front
    /// of
    /// the first of them.
    static func run(_ handle: Handle, lines: Range<Int>, number: Int?, isFirst: Bool) -> String {
        let last = lines.count == 1 ? "" : "-\(lines.upperBound)"
        let printed = number.map { " #\($0)" } ?? ""
        return "[=\(handle):\(lines.lowerBound + 1)\(last)\(printed)]" + (isFirst ? runLegend(handle) : "")
    }

    /// Told once a session, behind the first marker of a run.
    private static func runLegend(_ handle: Handle) -> String {
        " (\(handle) names this output; these of its lines stand above in the same words; #n: the number printed first)"
    }

    /// The whole part, word for word, stands above.
    static func duplicate(_ handle: Handle, lineCount: Int) -> String {
        "[=\(handle): the same \(lineCount) lines as above]"
    }

    /// The part is what stands above, with the changes that follow.
    static func difference(_ handle: Handle) -> String { "[=\(handle): as shown above but for]\n" }

    /// What stood here is left out; names and lines from it follow.
    static func omission(_ handle: Handle, lineCount: Int, isFirst: Bool) -> String {
        "[-\(handle): \(lineCount) lines]"
            + (isFirst ? " (left out; \(handle) names it; lines and names kept from it follow)" : "")
    }

    /// The rest of what the agent wrote is left out.
    static func cut(_ handle: Handle, isFirst: Bool) -> String {
        "[-\(handle):]"
            + (isFirst ? " (the rest is left out; \(handle) names it; names and lines kept from it follow)" : "")
    }

    /// Messages between the first and the newest ones. Says no count: it must stay the same while more are left out.
    static func middle(_ handle: Handle) -> String { "[-\(handle): earlier messages left out]" }

    /// Whether a text carries a marker: it was shortened before.
    static func stands(in bytes: [UInt8]) -> Bool {
        var stands = false
        forEachHandle(in: bytes) { _ in
            stands = true
            return false
        }
        return stands
    }

    /// The handles in a text's markers, in order.
    static func handles(in bytes: [UInt8]) -> [String] {
        var handles: [String] = []
        forEachHandle(in: bytes) { range in
            handles.append(String(decoding: bytes[range], as: UTF8.self))
            return true
        }
        return handles
    }

    /// Until `body` returns false.
    private static func forEachHandle(in bytes: [UInt8], _ body: (Range<Int>) -> Bool) {
        bytes.withUnsafeBufferPointer { text in
            var position = 0
            while position + 2 + Handle.charactersMin < text.count {
                defer { position += 1 }
                guard text[position] == UInt8(ascii: "["),
                    text[position + 1] == UInt8(ascii: "=") || text[position + 1] == UInt8(ascii: "-")
                else { continue }
                let start = position + 2
                var end = start
                while end < text.count, end < start + Handle.charactersMax, Handle.isCharacter(text[end]) { end += 1 }
                if end - start >= Handle.charactersMin, end < text.count, text[end] == UInt8(ascii: ":"),
                    !body(start..<end)
                {
                    return
                }
            }
        }
    }
}
