// What the model can read in a prompt, as the strategies need to know it: which lines and identifiers stand where, which
// parts point at which, what the agent wrote itself and which of it came from a tool. Built part by part; an epoch
// replaces parts. One value a session, with the texts it emitted (docs/shortening.md: what a session holds).
//
// Hot: `append`, one pass over what is new. What the planner asks of every part before every call (how many lines would
// vanish with it) is kept up to date line by line, so that asking costs nothing:
//
//     line      shown in   all their numbers mixed (xor)      a second part shows it: the first one loses a vanishing line
//     "a = b"   1 part     7                       ◀──────    the last but one goes: 7 ^ 12 ^ 12 = 7 gains one

import CairnCore

/// A part of the prompt as it is emitted.
public struct VisiblePart: Sendable {
    public let kind: ContextPart.Kind
    public let output: OutputKind
    public let isKept: Bool
    let substitute: ContextPart.Substitute
    /// An epoch replaced it; it is not replaced again.
    public internal(set) var isReplaced = false
    /// It is in the index of lines.
    fileprivate var isIndexed = false
    /// 1 + the number of the strategy that shortened it, among those of the content; 0: none.
    fileprivate var hiddenBy: UInt8 = 0
    /// The number of assistant turns up to it.
    public let step: Int
    /// As emitted.
    public internal(set) var bytes: [UInt8]
    /// The part as the client sent it, and the name of that.
    public let original: Fingerprint
    public var handle: Handle { Handle(original, characters: Int(handleCharacters)) }
    fileprivate let handleCharacters: UInt8
    /// Parts whose markers point at this one, as long as they stand.
    var referrers: [Int] = []
    /// Telling lines that stand in this part only.
    fileprivate(set) var vanishingLineCount = 0
    fileprivate var numbers: PartNumbers

    /// Whether its call mentions a file, and whether it writes one.
    var hasFiles: Bool { numbers.fileCount > 0 }
    var writesFiles: Bool { numbers.writtenCount > 0 }
}

/// Where the numbers of a part stand: identifiers, lines, files, and those it writes.
private struct PartNumbers {
    var start: UInt32
    var identifierCount: UInt32
    var lineCount: UInt32
    var fileCount: UInt16
    var writtenCount: UInt16

    var count: Int { Int(identifierCount) + Int(lineCount) + Int(fileCount) + Int(writtenCount) }
    private var end: Int { Int(start) + count }
    var identifiers: Range<Int> { Int(start)..<Int(start) + Int(identifierCount) }
    var lines: Range<Int> { identifiers.upperBound..<identifiers.upperBound + Int(lineCount) }
    var files: Range<Int> { lines.upperBound..<lines.upperBound + Int(fileCount) }
    var written: Range<Int> { end - Int(writtenCount)..<end }
}

/// What is known of an identifier.
struct IdentifierFacts {
    static let unknown = IdentifierFacts()
    /// Parts that show it.
    fileprivate(set) var partCount: Int32 = 0
    /// A result showed it.
    fileprivate(set) var isTold = false

    var isLast: Bool { partCount == 1 }
}

/// What is known of a line.
struct LineFacts {
    static let unknown = LineFacts()
    /// Parts that show it, and their numbers mixed: of one part, its number. Of none, 1 + the number of the last that
    /// did; 0: no part ever did.
    fileprivate(set) var partCount: Int32 = 0
    fileprivate var partsMixed: UInt32 = 0
    /// Results that held it, as the client sent them; turns in which the agent wrote it. 255: so many or more.
    fileprivate(set) var tellings: UInt8 = 0
    fileprivate(set) var writings: UInt8 = 0

    var isLast: Bool { partCount == 1 }
    var isTold: Bool { tellings > 0 }
}

/// The parts of a prompt and what can be read in them.
public struct VisibleContent: ~Copyable {
    public private(set) var parts: [VisiblePart] = []
    /// Assistant turns so far.
    public private(set) var step = 0
    public internal(set) var handles = HandleBook()
    /// By strategy, the part in which its marker is explained.
    var explained: [String: Int] = [:]

    private var identifiers = KeyTable()
    private var identifierFacts: [IdentifierFacts] = []
    private var lines = KeyTable()
    private var lineFacts: [LineFacts] = []
    private var files = KeyTable()
    /// By file, the part that wrote it last; -1: none.
    private var lastWrites: [Int32] = []
    /// Of all parts, one behind the other.
    private var numbers: [UInt32] = []
    private var numbersUnused = 0

    /// Steps in which the agent used a line that was told and is hidden.
    public private(set) var hiddenUses = 0
    private var lastHiddenUse = -1
    var index = LineIndex()
    /// The originals seen word for word.
    private var originals: [Fingerprint: Int32] = [:]
    /// By tool and arguments, the newest result that was emitted whole, and the newest that was shortened.
    private var latestResults: [Fingerprint: Int32] = [:]
    private var latestShortened: [Fingerprint: Int32] = [:]
    /// The newest part that wrote a file.
    private var lastWrite = -1
    /// Those that shortened a part.
    private var strategies: [StrategyName] = []
    /// Of parts that were new to the session, not restored, until they are taken.
    private var signs = ContentSigns()
    /// Calls of this step, whose results come next.
    private var recentCalls: [(toolName: String, arguments: [UInt8], facts: CallFacts)] = []
    /// Of more calls the facts are read again with their results.
    static let recentCallsMax = 16

    /// Bytes of all parts, as emitted.
    private(set) var textBytes = 0

    public init() {}

    /// Bytes of memory that all of it takes, about: texts, keys, and the index of lines.
    public var heldBytes: Int {
        let perPart = MemoryLayout<VisiblePart>.stride + Self.arrayOverheadBytes
        let facts =
            identifierFacts.capacity * MemoryLayout<IdentifierFacts>.stride
            + lineFacts.capacity * MemoryLayout<LineFacts>.stride + lastWrites.capacity * 4 + numbers.capacity * 4
        let tables = identifiers.heldBytes + lines.heldBytes + files.heldBytes + handles.heldBytes
        return textBytes + parts.capacity * perPart + facts + tables + index.heldBytes
            + (originals.capacity + latestResults.capacity + latestShortened.capacity) * 4 / 3
            * (MemoryLayout<Fingerprint>.size + 4)
    }

    /// Of an array on the heap: its header, and what the allocator adds.
    private static let arrayOverheadBytes = 48

    // MARK: building

    /// Begins an assistant turn: its parts and the results it asks for belong to this step.
    public mutating func beginAssistantTurn() {
        step += 1
        recentCalls.removeAll()
    }

    /// Adds a part at the end of the prompt.
    /// - Parameters:
    ///   - emission: what is sent in its place; nil for the part itself.
    ///   - isNew: whether it comes for the first time; what a restored part told was told before.
    /// - Returns: its index.
    @discardableResult
    public mutating func append(_ part: ContextPart, emission: Emission? = nil, isNew: Bool = true) -> Int {
        let number = parts.count
        let facts = facts(of: part)
        let bytes = emission?.bytes ?? part.bytes
        let digest = part.bytes.withUnsafeBytes { Fingerprint(of: $0) }
        var shown = noteNumbers(bytes, readable: part.kind == .arguments ? facts.text : bytes)
        noteFiles(facts, &shown)
        if part.kind == .arguments || part.kind == .text { noteAction(shown, isNew: isNew) }
        if part.kind == .result { noteResult(shown, original: part.bytes, isWhole: emission == nil) }
        parts.appendSparingly(
            VisiblePart(
                kind: part.kind, output: facts.kind, isKept: part.isKept, substitute: part.substitute,
                hiddenBy: emission.map { strategyNumber($0.strategy) } ?? 0, step: step, bytes: bytes,
                original: digest, handleCharacters: UInt8(handles.handle(for: digest).text.utf8.count), numbers: shown))
        textBytes += bytes.count
        show(shown, by: number)
        if part.kind == .result { noteLatest(number, part, digest, isWhole: emission == nil, isNew: isNew) }
        for target in emission?.references ?? [] { parts[target].referrers.append(number) }
        addToIndex(number)
        return number
    }

    private mutating func facts(of part: ContextPart) -> CallFacts {
        switch part.kind {
        case .arguments:
            let facts = CallFacts(toolName: part.toolName, arguments: part.bytes)
            if recentCalls.count == Self.recentCallsMax { recentCalls.removeAll(keepingCapacity: true) }
            recentCalls.append((part.toolName, part.bytes, facts))
            return facts
        case .result:
            let call = recentCalls.first { $0.toolName == part.toolName && $0.arguments == part.arguments }
            return call?.facts ?? CallFacts(toolName: part.toolName, arguments: part.arguments)
        case .system, .user, .text, .thinking: return CallFacts()
        }
    }

    private mutating func noteAction(_ shown: PartNumbers, isNew: Bool) {
        for line in shown.lines {
            let line = Int(numbers[line])
            if lineFacts[line].isTold, lineFacts[line].partCount == 0, lastHiddenUse != step {
                hiddenUses += 1
                lastHiddenUse = step
                if isNew, lineFacts[line].partsMixed > 0 {
                    noteMiss(.hiddenUse, of: Int(lineFacts[line].partsMixed) - 1)
                }
            }
            if lineFacts[line].writings < .max { lineFacts[line].writings += 1 }
        }
        for file in shown.written { lastWrites[Int(numbers[file])] = Int32(parts.count) }
        if shown.writtenCount > 0 { lastWrite = parts.count }
    }

    private mutating func noteResult(_ shown: PartNumbers, original: [UInt8], isWhole: Bool) {
        for identifier in shown.identifiers { identifierFacts[Int(numbers[identifier])].isTold = true }
        if isWhole {
            for line in shown.lines { tell(Int(numbers[line])) }
        } else {
            original.withUnsafeBufferPointer { text in
                var told = NumberSet(count: lines.count)
                Self.forEachTellingLine(in: text) {
                    let line = number(ofLine: ContentKey.of(text, $0))
                    if told.insert(line) { tell(line) }
                }
            }
        }
    }

    /// Notes a result as the newest of its call, and whether the call was a repeat.
    private mutating func noteLatest(
        _ number: Int, _ part: ContextPart, _ digest: Fingerprint, isWhole: Bool, isNew: Bool
    ) {
        if isWhole, originals[digest].map({ parts[Int($0)].isReplaced }) ?? true { originals[digest] = Int32(number) }
        if isWhole, isNew { signs.visibleResults += 1 }
        if part.arguments.isEmpty { return }
        let call = Self.callKey(part.toolName, part.arguments)
        let earlier = max(latestResults[call] ?? -1, latestShortened[call] ?? -1)
        if isNew, earlier >= 0, parts[Int(earlier)].original == digest, !isEdited(since: Int(earlier)) {
            if parts[Int(earlier)].hiddenBy > 0 {
                noteMiss(.reread, of: Int(earlier))
            } else {
                signs.visibleRepeats += 1
            }
        }
        if isWhole { latestResults[call] = Int32(number) } else { latestShortened[call] = Int32(number) }
    }

    /// Whether what a call told may have changed since: a view or search by a write to one of its files, all else by any.
    private func isEdited(since number: Int) -> Bool {
        let isOfFiles = parts[number].output == .view || parts[number].output == .search
        guard isOfFiles, parts[number].hasFiles else { return lastWrite > number }
        return parts[number].numbers.files.contains { lastWrites[Int(numbers[$0])] > Int32(number) }
    }

    private mutating func noteMiss(_ kind: MissSign.Kind, of part: Int) {
        guard parts[part].hiddenBy > 0 else { return }
        signs.misses.append(MissSign(kind, of: strategies[Int(parts[part].hiddenBy) - 1]))
    }

    /// What new parts told since this was asked last.
    mutating func takeSigns() -> ContentSigns {
        defer { signs = ContentSigns() }
        return signs
    }

    /// 1 + its number; beyond what a byte holds, the last one's.
    private mutating func strategyNumber(_ name: StrategyName) -> UInt8 {
        if let known = strategies.firstIndex(of: name) { return UInt8(known + 1) }
        if strategies.count == UInt8.max { return .max }
        strategies.append(name)
        return UInt8(strategies.count)
    }

    private mutating func tell(_ line: Int) {
        if lineFacts[line].tellings < .max { lineFacts[line].tellings += 1 }
    }

    // MARK: numbers

    /// Notes which identifiers and lines a text shows, each once.
    /// - Parameter readable: the text whose lines the model copies; of arguments the values, unescaped.
    private mutating func noteNumbers(_ bytes: [UInt8], readable: [UInt8]) -> PartNumbers {
        let start = numbers.count
        bytes.withUnsafeBufferPointer { text in
            var seen = NumberSet(count: identifiers.count)
            IdentifierScan.forEach(in: text) {
                let identifier = identifiers.insert(ContentKey.of(text, $0))
                if identifier == identifierFacts.count { identifierFacts.appendSparingly(.unknown) }
                if seen.insert(identifier) { numbers.appendSparingly(UInt32(identifier)) }
            }
        }
        let identifierCount = numbers.count - start
        readable.withUnsafeBufferPointer { text in
            var seen = NumberSet(count: lines.count)
            Self.forEachTellingLine(in: text) {
                let line = number(ofLine: ContentKey.of(text, $0))
                if seen.insert(line) { numbers.appendSparingly(UInt32(line)) }
            }
        }
        return PartNumbers(
            start: UInt32(start), identifierCount: UInt32(identifierCount),
            lineCount: UInt32(numbers.count - start - identifierCount), fileCount: 0, writtenCount: 0)
    }

    private mutating func noteFiles(_ facts: CallFacts, _ shown: inout PartNumbers) {
        for key in facts.files + facts.written {
            let file = files.insert(key)
            if file == lastWrites.count { lastWrites.append(-1) }
            numbers.appendSparingly(UInt32(file))
        }
        shown.fileCount = UInt16(facts.files.count)
        shown.writtenCount = UInt16(facts.written.count)
    }

    private mutating func number(ofLine key: UInt64) -> Int {
        let line = lines.insert(key)
        if line == lineFacts.count { lineFacts.appendSparingly(.unknown) }
        return line
    }

    /// The contents of lines that are worth a look-up.
    private static func forEachTellingLine(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        LineForm.forEachLine(in: text) { line in
            let content = LineForm.content(of: line, in: text)
            if content.count >= LineForm.tellingBytesMin { body(content) }
        }
    }

    private mutating func show(_ shown: PartNumbers, by number: Int) {
        for identifier in shown.identifiers { identifierFacts[Int(numbers[identifier])].partCount += 1 }
        for line in shown.lines {
            let line = Int(numbers[line])
            if lineFacts[line].isLast { parts[Int(lineFacts[line].partsMixed)].vanishingLineCount -= 1 }
            if lineFacts[line].partCount == 0 { lineFacts[line].partsMixed = 0 }
            lineFacts[line].partCount += 1
            lineFacts[line].partsMixed ^= UInt32(number)
            if lineFacts[line].isLast { parts[number].vanishingLineCount += 1 }
        }
    }

    private mutating func hide(_ shown: PartNumbers, by number: Int) {
        for identifier in shown.identifiers { identifierFacts[Int(numbers[identifier])].partCount -= 1 }
        for line in shown.lines {
            let line = Int(numbers[line])
            if lineFacts[line].isLast { parts[number].vanishingLineCount -= 1 }
            lineFacts[line].partCount -= 1
            lineFacts[line].partsMixed ^= UInt32(number)
            if lineFacts[line].isLast { parts[Int(lineFacts[line].partsMixed)].vanishingLineCount += 1 }
            if lineFacts[line].partCount == 0 { lineFacts[line].partsMixed = UInt32(number) + 1 }
        }
    }

    // MARK: runs

    /// The text of a part in which the model finds lines: of arguments the values, unescaped.
    func readable(_ number: Int) -> [UInt8] {
        parts[number].kind == .arguments ? CallFacts.values(of: parts[number].bytes) : parts[number].bytes
    }

    /// What a part shows in the form that runs are found in; nil for parts whose words are not the model's to point at.
    func comparable(_ number: Int) -> [UInt8]? {
        if parts[number].isReplaced { return nil }
        switch parts[number].kind {
        case .result, .user: return parts[number].bytes.withUnsafeBufferPointer { LineForm.comparable($0) }
        case .arguments: return Self.plainLines(readable(number))
        case .system, .text, .thinking: return nil
        }
    }

    /// Lines that read the same inside a JSON string; the others become empty.
    private static func plainLines(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBufferPointer { text in
            var out: [UInt8] = []
            out.reserveCapacity(text.count + 1)
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
            parts[number].isIndexed = true
        } catch {}
    }

    /// The visible part with exactly this original, emitted whole.
    func wholeCopy(of digest: Fingerprint) -> Int? {
        guard let number = originals[digest], !parts[Int(number)].isReplaced else { return nil }
        return Int(number)
    }

    /// The newest result that is shown whole of a call with this tool and these arguments.
    func wholeResult(ofTool name: String, arguments: [UInt8]) -> Int? {
        guard let number = latestResults[Self.callKey(name, arguments)], !parts[Int(number)].isReplaced else {
            return nil
        }
        return Int(number)
    }

    private static func callKey(_ name: String, _ arguments: [UInt8]) -> Fingerprint {
        let bytes = Array(name.utf8) + [0] + arguments
        return bytes.withUnsafeBytes { Fingerprint(of: $0) }
    }

    // MARK: what would vanish

    func identifier(_ key: UInt64) -> IdentifierFacts {
        identifiers.number(of: key).map { identifierFacts[$0] } ?? .unknown
    }
    func line(_ key: UInt64) -> LineFacts { lines.number(of: key).map { lineFacts[$0] } ?? .unknown }

    /// Whether one of the files that a part's call mentions was written since the session began.
    func mentionsEditedFile(_ number: Int) -> Bool {
        parts[number].numbers.files.contains { lastWrites[Int(numbers[$0])] >= 0 }
    }

    /// Whether one of the files was not written again since this part wrote it.
    func isLatestWrite(_ number: Int) -> Bool {
        parts[number].numbers.written.contains { lastWrites[Int(numbers[$0])] == Int32(number) }
    }

    /// Whether markers of a part that stands point at it.
    func isReferenced(_ number: Int) -> Bool { parts[number].referrers.contains { !parts[$0].isReplaced } }

    /// The parts whose markers point at it.
    func standingReferrers(of number: Int) -> [Int] {
        parts[number].referrers.isEmpty ? [] : parts[number].referrers.filter { !parts[$0].isReplaced }
    }

    // MARK: replacing

    /// Puts other bytes in the place of a part, in an epoch. No part may be left whose markers point at it.
    /// After the last one ``forgetReplaced()`` is due.
    mutating func replace(_ number: Int, with bytes: [UInt8], by strategy: StrategyName) {
        precondition(!isReferenced(number), "a part that is pointed at stays")
        put(bytes, at: number)
        parts[number].isReplaced = true
        parts[number].hiddenBy = strategyNumber(strategy)
        if explained.values.contains(number) { explained = explained.filter { $0.value != number } }
    }

    /// Leaves parts out, and puts whole texts in the place of parts whose markers point at them.
    mutating func leaveOut(_ gone: Set<Int>, restoring whole: [Int: [UInt8]]) {
        for (number, bytes) in whole { put(bytes, at: number) }
        for number in gone {
            put([], at: number)
            parts[number].isReplaced = true
            parts[number].hiddenBy = strategyNumber(MiddleDrop.name)
            parts[number].referrers = []
        }
        explained = explained.filter { !gone.contains($0.value) && whole[$0.value] == nil }
        forgetReplaced()
    }

    /// What can be read in a part from now on.
    private mutating func put(_ bytes: [UInt8], at number: Int) {
        let old = parts[number].numbers
        hide(old, by: number)
        let isArguments = parts[number].kind == .arguments
        var new = noteNumbers(bytes, readable: isArguments ? CallFacts.values(of: bytes) : bytes)
        for place in [old.files, old.written].joined() { numbers.appendSparingly(numbers[place]) }
        new.fileCount = old.fileCount
        new.writtenCount = old.writtenCount
        show(new, by: number)
        numbersUnused += old.count
        textBytes += bytes.count - parts[number].bytes.count
        parts[number].numbers = new
        parts[number].bytes = bytes
    }

    /// Takes replaced parts out of the index of lines, and their old numbers out of memory.
    /// - Complexity: one pass over the index.
    mutating func forgetReplaced() {
        var gone: [UInt64] = []
        for number in parts.indices where parts[number].isIndexed && parts[number].isReplaced {
            parts[number].isIndexed = false
            gone.append(UInt64(number))
        }
        if gone.isEmpty { return }
        index.remove(gone)
        if numbersUnused > numbers.count / 4 { closeGaps() }
    }

    private mutating func closeGaps() {
        var close: [UInt32] = []
        close.reserveCapacity(numbers.count - numbersUnused)
        for number in parts.indices {
            let old = parts[number].numbers
            parts[number].numbers.start = UInt32(close.count)
            close += numbers[Int(old.start)..<Int(old.start) + old.count]
        }
        numbers = close
        numbersUnused = 0
    }
}
