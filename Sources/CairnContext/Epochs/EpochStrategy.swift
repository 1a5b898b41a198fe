// Rules that shorten a part at an epoch, when the model has read it and what follows is sent again anyway. Each leaves
// a
// marker with a handle, and what DigestDraft keeps.

import CairnCore

/// A rule for parts at an epoch.
protocol EpochStrategy: Sendable {
    var name: StrategyName { get }
    func applies(to part: VisiblePart) -> Bool
    /// What to put in the place of the part, and how much of the chance that it is needed is left (0 to 1); nil to
    /// leave
    /// it. Not longer than the part.
    func replacement(
        ofPart number: Int, worth: LineWorth, isFirst: Bool, in content: borrowing VisibleContent
    ) -> (bytes: [UInt8], residue: Double)?
}

/// A result becomes its failures, the lines worth keeping, and the identifiers that would vanish.
struct ResultDigest: EpochStrategy {
    let name = StrategyName("result-digest", version: 1)

    func applies(to part: VisiblePart) -> Bool { part.kind == .result }

    func replacement(
        ofPart number: Int, worth: LineWorth, isFirst: Bool, in content: borrowing VisibleContent
    ) -> (bytes: [UInt8], residue: Double)? {
        let part = content.parts[number]
        let draft = DigestDraft(ofPart: number, text: part.bytes, shown: [], worth: worth, content: content)
        let lineCount = part.bytes.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        let marker = Marker.omission(part.handle, lineCount: lineCount, isFirst: isFirst)
        return (DigestText.joined(marker, draft), draft.residue)
    }
}

/// Arguments keep their beginning, and stay a JSON object: the first bytes of each long string say what was done.
struct ArgumentDigest: EpochStrategy {
    /// Of a long string.
    static let headBytes = 80
    /// Strings up to this size are left whole.
    static let wholeBytesMax = 110

    let name = StrategyName("argument-digest", version: 1)

    func applies(to part: VisiblePart) -> Bool { part.kind == .arguments && part.bytes.count > Self.wholeBytesMax }

    func replacement(
        ofPart number: Int, worth: LineWorth, isFirst: Bool, in content: borrowing VisibleContent
    ) -> (bytes: [UInt8], residue: Double)? {
        let part = content.parts[number]
        guard let document = try? JSONDocument(part.bytes), document.nodeCount > 0, document.kind(of: 0) == .object
        else {
            return nil
        }
        var long: [(node: Int, text: String)] = []
        document.forEachChild(of: 0) { member in
            guard document.kind(of: member) == .string, document.range(of: member).count > Self.wholeBytesMax,
                let text = try? document.string(member), text.utf8.count > Self.wholeBytesMax
            else { return }
            long.append((member, text))
        }
        guard let longest = long.max(by: { ($0.text.utf8.count, $1.node) < ($1.text.utf8.count, $0.node) }) else {
            return nil
        }
        let heads = long.map { Array(DigestText.head($0.text, bytesMax: Self.headBytes).utf8) }
        let shown = Array(heads.joined(separator: [UInt8(ascii: "\n")]))
        let draft = DigestDraft(
            ofPart: number, text: content.readable(number), shown: shown, worth: worth, content: content)
        let marker = Marker.cut(part.handle, isFirst: isFirst)
        var edits: [JSONDocument.Edit] = []
        for (member, head) in zip(long, heads) {
            let tail =
                member.node == longest.node
                ? DigestText.joined(marker, draft) : Array(Marker.cut(part.handle, isFirst: false).utf8)
            let text = String(decoding: head + [UInt8(ascii: " ")] + tail, as: UTF8.self)
            edits.append(JSONDocument.Edit(document.range(of: member.node), with: JSONText.quoted(text)))
        }
        guard let bytes = try? document.spliced(edits) else { return nil }
        return (bytes, draft.residue)
    }
}

/// What the agent said keeps its beginning and the identifiers it had from a tool; so does thinking that is plain text.
struct TalkDigest: EpochStrategy {
    static let headBytes = 60

    let name = StrategyName("talk-digest", version: 1)
    var shortensThinking = false

    func applies(to part: VisiblePart) -> Bool {
        (part.kind == .text || part.kind == .thinking && shortensThinking) && part.substitute != .nothing
            && part.bytes.count > Self.headBytes
    }

    func replacement(
        ofPart number: Int, worth: LineWorth, isFirst: Bool, in content: borrowing VisibleContent
    ) -> (bytes: [UInt8], residue: Double)? {
        let part = content.parts[number]
        let head = Array(DigestText.head(String(decoding: part.bytes, as: UTF8.self), bytesMax: Self.headBytes).utf8)
        let draft = DigestDraft(ofPart: number, text: part.bytes, shown: head, worth: worth, content: content)
        let marker = Marker.cut(part.handle, isFirst: isFirst)
        return (head + [UInt8(ascii: " ")] + DigestText.joined(marker, draft), draft.residue)
    }
}

/// What may be done with thinking of earlier turns; the caller knows the provider. In nine
/// recorded sessions with thinking, 9 to 37 % of the bytes sent were thinking of earlier turns.
public enum ThinkingRule: UInt8, Sendable {
    /// It stays: where it costs nothing, and where nothing is known.
    case keep
    /// It is text without a signature that must be sent back (`reasoning_content`): shortened like talk.
    case shorten
    /// Whole blocks may be left out; signed ones when the tool loop in which they were thought is over.
    case omit
    /// It stays, and so does every part in front of it: its signature holds for those bytes only.
    case hold
}

/// Thinking of turns that are over goes whole, with its signature: a signed block is never changed inside.
struct ThinkingPrune: EpochStrategy {
    let name = StrategyName("thinking-prune", version: 1)

    func applies(to part: VisiblePart) -> Bool {
        part.kind == .thinking && part.substitute != .text && !part.bytes.isEmpty
    }

    func replacement(
        ofPart number: Int, worth: LineWorth, isFirst: Bool, in content: borrowing VisibleContent
    ) -> (bytes: [UInt8], residue: Double)? {
        ([], 1)
    }
}

enum DigestText {
    /// The marker, the identifiers behind it, and the lines below.
    static func joined(_ marker: String, _ draft: DigestDraft) -> [UInt8] {
        var out = Array(marker.utf8)
        if !draft.identifiers.isEmpty { out += [UInt8(ascii: " ")] + draft.identifiers }
        if !draft.lines.isEmpty { out += [UInt8(ascii: "\n")] + draft.lines }
        return out
    }

    /// The first bytes, cut between characters.
    static func head(_ text: String, bytesMax: Int) -> String {
        var end = text.utf8.index(text.startIndex, offsetBy: bytesMax, limitedBy: text.endIndex) ?? text.endIndex
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }
}
