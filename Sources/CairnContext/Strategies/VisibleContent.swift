// What the model can read in a prompt, as the strategies need to know it: which lines and identifiers stand where,
// which
// parts point at which, what the agent wrote itself and which of it came from a tool. Built part by part; an epoch
// replaces parts. One value a lineage, with the texts it emitted (a session of 600 KB holds about as much again in
// keys).
//
// Hot: `append`, one pass over what is new. Nothing here asks for work that grows with the history but `vanishing`,
// which
// the planner calls for parts it may replace.

import CairnCore

/// A part of the prompt as it is emitted.
public struct VisiblePart: Sendable {
    public let kind: ContextPart.Kind
    public let output: OutputKind
    /// The number of assistant turns up to it.
    public let step: Int
    /// As emitted.
    public internal(set) var bytes: [UInt8]
    /// The name of the part as the client sent it.
    public let handle: Handle
    public let isKept: Bool
    /// An epoch replaced it; it is not replaced again.
    public internal(set) var isReplaced = false
    /// Parts whose markers point at this one, as long as they stand.
    var referrers: [Int] = []
    var identifiers: [UInt64]
    var lines: [UInt64]
    let files: [UInt64]
    let written: [UInt64]
    /// Text of the arguments' values, for arguments; empty for other parts.
    let text: [UInt8]
}

/// The parts of a prompt and what can be read in them.
public struct VisibleContent: ~Copyable {
    public private(set) var parts: [VisiblePart] = []
    /// Assistant turns so far.
    public private(set) var step = 0
    public internal(set) var handles = HandleBook()
    /// By strategy, the part in which its marker is explained.
    var explained: [String: Int] = [:]

    /// How many parts show an identifier or a line.
    private var identifierCounts: [UInt64: Int32] = [:]
    private var lineCounts: [UInt64: Int32] = [:]
    /// Identifiers that some result showed.
    private var toldIdentifiers: Set<UInt64> = []
    /// Results that held a line, as the client sent them.
    private var toldLines: [UInt64: Int32] = [:]
    /// Turns in which the agent wrote a line.
    private var writtenLines: [UInt64: Int32] = [:]
    private var lastWrites: [UInt64: Int] = [:]
    /// Steps in which the agent used a line that was told and is hidden.
    public private(set) var hiddenUses = 0
    private var lastHiddenUse = -1
    var index = LineIndex()
    /// Parts in the index, and the originals seen word for word.
    private var indexed: Set<UInt64> = []
    private var originals: [Fingerprint: Int] = [:]
    /// By tool and arguments, the newest result that is shown whole.
    private var latestResults: [Fingerprint: Int] = [:]

    public init() {}

    // MARK: building

    /// Begins an assistant turn: its parts and the results it asks for belong to this step.
    public mutating func beginAssistantTurn() { step += 1 }

    /// Adds a part at the end of the prompt.
    /// - Parameters:
    ///   - emission: what is sent in its place; nil for the part itself.
    ///   - references: the parts its markers point at.
    /// - Returns: its index.
    @discardableResult
    public mutating func append(_ part: ContextPart, emission: [UInt8]? = nil, references: [Int] = []) -> Int {
        let number = parts.count
        let facts = facts(of: part)
        let bytes = emission ?? part.bytes
        let digest = part.bytes.withUnsafeBytes { Fingerprint(of: $0) }
        let handle = handles.handle(for: digest)
        let readable = part.kind == .arguments ? facts.text : bytes
        let lines = Self.lineKeys(readable)
        let visible = VisiblePart(
            kind: part.kind, output: facts.kind, step: step, bytes: bytes, handle: handle, isKept: part.isKept,
            identifiers: bytes.withUnsafeBufferPointer { IdentifierScan.keys(in: $0) }, lines: lines,
            files: facts.files, written: facts.written, text: part.kind == .arguments ? facts.text : [])
        if part.kind == .arguments || part.kind == .text { noteAction(visible) }
        if part.kind == .result { noteResult(visible, original: part.bytes, isWhole: emission == nil) }
        for key in visible.identifiers { identifierCounts[key, default: 0] += 1 }
        for key in lines { lineCounts[key, default: 0] += 1 }
        if part.kind == .result, emission == nil {
            if originals[digest].map({ parts[$0].isReplaced }) ?? true { originals[digest] = number }
            if !part.arguments.isEmpty { latestResults[Self.callKey(part.toolName, part.arguments)] = number }
        }
        parts.append(visible)
        for target in references { parts[target].referrers.append(number) }
        addToIndex(number)
        return number
    }

    private func facts(of part: ContextPart) -> CallFacts {
        switch part.kind {
        case .arguments: CallFacts(toolName: part.toolName, arguments: part.bytes)
        case .result: CallFacts(toolName: part.toolName, arguments: part.arguments)
        case .system, .user, .text, .thinking: CallFacts(toolName: "", arguments: [])
        }
    }

    private mutating func noteAction(_ part: VisiblePart) {
        for key in part.lines {
            if toldLines[key] != nil, lineCounts[key, default: 0] == 0, lastHiddenUse != step {
                hiddenUses += 1
                lastHiddenUse = step
            }
            writtenLines[key, default: 0] += 1
        }
        for file in part.written { lastWrites[file] = parts.count }
    }

    private mutating func noteResult(_ part: VisiblePart, original: [UInt8], isWhole: Bool) {
        toldIdentifiers.formUnion(part.identifiers)
        for key in isWhole ? part.lines : Self.lineKeys(original) { toldLines[key, default: 0] += 1 }
    }

    /// The keys of the telling lines of a text, each once.
    private static func lineKeys(_ bytes: [UInt8]) -> [UInt64] {
        bytes.withUnsafeBufferPointer { text in
            var seen: Set<UInt64> = []
            var keys: [UInt64] = []
            LineForm.forEachLine(in: text) { line in
                let content = LineForm.content(of: line, in: text)
                guard content.count >= LineForm.tellingBytesMin else { return }
                let key = ContentKey.of(text, content)
                if seen.insert(key).inserted { keys.append(key) }
            }
            return keys
        }
    }

    // MARK: runs

    /// What a part shows in the form that runs are found in; nil for parts whose words are not the model's to point at.
    func comparable(_ number: Int) -> [UInt8]? {
        let part = parts[number]
        if part.isReplaced { return nil }
        switch part.kind {
        case .result, .user: return part.bytes.withUnsafeBufferPointer { LineForm.comparable($0) }
        case .arguments: return Self.plainLines(part.text)
        case .system, .text, .thinking: return nil
        }
    }

    /// Lines that read the same inside a JSON string; the others become empty.
    private static func plainLines(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBufferPointer { text in
            var out: [UInt8] = []
            LineForm.forEachLine(in: text) { line in
                var end = line.range.upperBound
                while end > line.contentStart, LineForm.isBlank(text[end - 1]) { end -= 1 }
                let bytes = text[line.contentStart..<end]
                if !bytes.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 < 0x20 }) {
                    out.append(contentsOf: bytes)
                }
                out.append(UInt8(ascii: "\n"))
            }
            return out
        }
    }

    /// A part that does not fit the index is not pointed at; nothing else changes.
    private mutating func addToIndex(_ number: Int) {
        guard let text = comparable(number) else { return }
        do throws(CoreError) {
            try text.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(CoreError) in
                try index.read(UnsafeRawBufferPointer(bytes))
            }
            try index.add(as: UInt64(number))
            indexed.insert(UInt64(number))
        } catch {}
    }

    /// The visible part with exactly this original, emitted whole.
    func wholeCopy(of digest: Fingerprint) -> Int? {
        guard let number = originals[digest], !parts[number].isReplaced else { return nil }
        return number
    }

    /// The newest result that is shown whole of a call with this tool and these arguments.
    func wholeResult(ofTool name: String, arguments: [UInt8]) -> Int? {
        guard let number = latestResults[Self.callKey(name, arguments)], !parts[number].isReplaced else { return nil }
        return number
    }

    private static func callKey(_ name: String, _ arguments: [UInt8]) -> Fingerprint {
        let bytes = Array(name.utf8) + [0] + arguments
        return bytes.withUnsafeBytes { Fingerprint(of: $0) }
    }

    // MARK: what would vanish

    /// Whether an identifier stands in one part only.
    func isLastIdentifier(_ key: UInt64) -> Bool { identifierCounts[key, default: 0] == 1 }
    func isLastLine(_ key: UInt64) -> Bool { lineCounts[key, default: 0] == 1 }
    func isTold(identifier key: UInt64) -> Bool { toldIdentifiers.contains(key) }
    func isTold(line key: UInt64) -> Bool { toldLines[key] != nil }
    /// Results that held the line.
    func tellings(ofLine key: UInt64) -> Int { Int(toldLines[key, default: 0]) }
    /// Turns in which the agent wrote the line.
    func writings(ofLine key: UInt64) -> Int { Int(writtenLines[key, default: 0]) }
    func isEdited(file key: UInt64) -> Bool { lastWrites[key] != nil }
    /// Whether one of the files was not written again since this part wrote it.
    func isLatestWrite(_ number: Int) -> Bool { parts[number].written.contains { lastWrites[$0] == number } }

    /// Telling lines that stand in this part only.
    /// - Complexity: one look-up a line of the part.
    func vanishingLineCount(of number: Int) -> Int {
        parts[number].lines.reduce(0) { $0 + (isLastLine($1) ? 1 : 0) }
    }

    /// Whether markers of parts outside `replaced` point at it.
    func isReferenced(_ number: Int, besides replaced: Set<Int> = []) -> Bool {
        parts[number].referrers.contains { !parts[$0].isReplaced && !replaced.contains($0) }
    }

    // MARK: replacing

    /// Puts other bytes in the place of a part, in an epoch. No part may be left whose markers point at it.
    /// After the last one ``forgetReplaced()`` is due.
    mutating func replace(_ number: Int, with bytes: [UInt8]) {
        precondition(!isReferenced(number), "a part that is pointed at stays")
        let readable = parts[number].kind == .arguments ? CallFacts(toolName: "", arguments: bytes).text : bytes
        let identifiers = bytes.withUnsafeBufferPointer { IdentifierScan.keys(in: $0) }
        let lines = Self.lineKeys(readable)
        for key in parts[number].identifiers { identifierCounts[key, default: 0] -= 1 }
        for key in parts[number].lines { lineCounts[key, default: 0] -= 1 }
        for key in identifiers { identifierCounts[key, default: 0] += 1 }
        for key in lines { lineCounts[key, default: 0] += 1 }
        parts[number].identifiers = identifiers
        parts[number].lines = lines
        parts[number].bytes = bytes
        parts[number].isReplaced = true
        explained = explained.filter { $0.value != number }
    }

    /// Takes replaced parts out of the index of lines.
    /// - Complexity: one pass over the index.
    mutating func forgetReplaced() {
        let gone = indexed.filter { parts[Int($0)].isReplaced }
        guard !gone.isEmpty else { return }
        index.remove(gone)
        indexed.subtract(gone)
    }
}
