// What kind of output a tool result is, and which files a call is about. Both predict whether lines of it will be
// needed
// again: of 46 recorded sessions, lines of test runs were never copied later, of file views in one of ten. Read from
// the
// tool's name and the call's arguments; nothing here is exact, and nothing that is kept or lost word for word hangs on
// it.

import CairnCore
import Glibc

/// Kinds of output, by what made it.
public enum OutputKind: UInt8, CaseIterable, Sendable {
    case test, search, view, script, write, git, other
}

/// What a call does, as far as its arguments tell.
struct CallFacts: Equatable {
    var kind = OutputKind.other
    /// Keys of the names (without folders) of files that are mentioned.
    var files: [UInt64] = []
    /// Those among them that the call writes.
    var written: [UInt64] = []
    /// Text of the arguments: the values of the JSON object, one after the other.
    var text: [UInt8] = []

    /// Of a part that is no call's.
    init() {}

    /// - Parameter arguments: JSON; taken as text where it is none.
    init(toolName: String, arguments: [UInt8]) {
        text = Self.values(of: arguments)
        kind = Self.kind(toolName: toolName, command: text)
        scanFiles(writesAll: kind == .write && Self.toolKind(toolName) != nil)
    }

    /// The string values of a JSON object, each on lines of its own; other values as they are spelled.
    static func values(of arguments: [UInt8]) -> [UInt8] {
        guard let document = try? JSONDocument(arguments), document.nodeCount > 0, document.kind(of: 0) == .object
        else {
            return arguments
        }
        var out: [UInt8] = []
        document.forEachChild(of: 0) { member in
            if !out.isEmpty { out.append(UInt8(ascii: "\n")) }
            if document.kind(of: member) == .string, let text = try? document.string(member) {
                out.append(contentsOf: text.utf8)
            } else {
                out.append(contentsOf: document.text[document.range(of: member)])
            }
        }
        return out
    }

    // MARK: kind

    /// Tools that say by their name what they do; a shell does not.
    private static func toolKind(_ name: String) -> OutputKind? {
        let name = name.lowercased()
        func holds(_ words: String...) -> Bool {
            words.contains { ByteText.contains(Array(name.utf8), Array($0.utf8)) }
        }
        if holds("bash", "shell", "exec", "terminal", "command") { return nil }
        if holds("edit", "write", "patch", "replace", "create", "insert") { return .write }
        if holds("grep", "glob", "search", "find", "list", "ls") { return .search }
        if holds("read", "view", "cat", "open", "fetch") { return .view }
        if holds("test") { return .test }
        return nil
    }

    private static let testCommands = [
        "pytest", "unittest", "tox", "nosetests", "runtests", "manage.py test", "cargo test", "go test", "npm test",
        "swift test", "ctest", "jest", "make test",
    ].map { Array($0.utf8) }
    private static let writeWords: Set<String> = ["mv", "cp", "rm", "mkdir", "touch", "apply_patch", "patch", "tee"]
    private static let viewWords: Set<String> = ["cat", "sed", "head", "tail", "nl", "less", "more", "awk", "bat"]
    private static let searchWords: Set<String> = ["grep", "rg", "find", "ls", "tree", "wc", "ag", "fd"]
    private static let scriptWords: Set<String> = [
        "python", "python3", "node", "ruby", "perl", "bash", "sh", "swift", "go",
    ]

    private static func kind(toolName: String, command: [UInt8]) -> OutputKind {
        if let kind = toolKind(toolName) { return kind }
        if namesTestCommand(command) { return .test }
        let words = commandWords(command)
        let writes = writesByShell(command) || words.contains { writeWords.contains($0) }
        if writes, !(words.first.map { scriptWords.contains($0) } ?? false) { return .write }
        guard let first = words.first else { return .other }
        if first == "git" { return .git }
        if searchWords.contains(first) { return .search }
        if words.contains(where: { viewWords.contains($0) }) { return .view }
        if words.contains(where: { searchWords.contains($0) }) { return .search }
        if words.contains(where: { scriptWords.contains($0) }) { return .script }
        return .other
    }

    /// Whether one of them stands in the command with no letter or digit at either side.
    private static func namesTestCommand(_ command: [UInt8]) -> Bool {
        command.withUnsafeBufferPointer { text in
            for position in text.indices where isTestStart[Int(text[position])] {
                if position > 0, IdentifierScan.isWordByte(text[position - 1]) { continue }
                for word in testCommands where text.count - position >= word.count {
                    let end = position + word.count
                    guard word.elementsEqual(text[position..<end]) else { continue }
                    if end == text.count || !IdentifierScan.isWordByte(text[end]) { return true }
                }
            }
            return false
        }
    }

    private static let isTestStart: [Bool] = {
        var table = Array(repeating: false, count: 256)
        for word in testCommands { table[Int(word[0])] = true }
        return table
    }()

    /// The first word of each simple command of a command line, in order, without folders; `cd` does not count.
    /// Only the first lines are looked at: what follows is a document or a script.
    private static func commandWords(_ command: [UInt8]) -> [String] {
        var words: [String] = []
        var isAtStart = true
        var position = 0
        let end = min(command.count, Self.commandBytesMax)
        while position < end {
            let byte = command[position]
            if byte == UInt8(ascii: "|") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "&") || byte == 10 {
                isAtStart = true
                position += 1
            } else if LineForm.isBlank(byte) {
                position += 1
            } else {
                let start = position
                while position < end, !isCommandBreak(command[position]) { position += 1 }
                if position == start {
                    position += 1
                    continue
                }
                guard isAtStart, command[start] != UInt8(ascii: "#") else { continue }
                let word = command[start..<position].split(separator: UInt8(ascii: "/")).last.map {
                    String(decoding: $0, as: UTF8.self)
                }
                isAtStart = false
                if let word, word != "cd" { words.append(word) }
            }
        }
        return words
    }

    /// Bytes of a command line that are looked at for commands.
    static let commandBytesMax = 400

    private static func isCommandBreak(_ byte: UInt8) -> Bool {
        LineForm.isBlank(byte) || byte == 10 || byte == UInt8(ascii: "|") || byte == UInt8(ascii: ";")
            || byte == UInt8(ascii: "&")
    }

    private static func writesByShell(_ command: [UInt8]) -> Bool {
        ByteText.contains(command, Array("<<".utf8)) && ByteText.contains(command, Array(">".utf8))
            || ByteText.contains(command, Array("sed -i".utf8)) || ByteText.contains(command, Array("git apply".utf8))
    }

    // MARK: files

    /// Endings of names that are files.
    private static let endings: Set<String> = [
        "py", "cfg", "toml", "txt", "md", "rst", "json", "yaml", "yml", "sql", "sh", "js", "jsx", "ts", "tsx", "c", "h",
        "cc", "cpp", "hpp", "go", "rs", "java", "kt", "patch", "diff", "ini", "html", "css", "swift", "rb", "php",
        "xml",
        "lua", "scala", "cs", "m", "mm", "ipynb", "lock", "gradle", "proto", "log",
    ]

    private mutating func scanFiles(writesAll: Bool) {
        var files: [UInt64] = []
        var written: [UInt64] = []
        text.withUnsafeBufferPointer { text in
            let editsInPlace = ByteText.contains(self.text, Array("sed -i".utf8))
            var position = 0
            while position < text.count {
                guard Self.isNameByte(text[position]) else {
                    position += 1
                    continue
                }
                let start = position
                while position < text.count, Self.isNameByte(text[position]) { position += 1 }
                guard let key = Self.fileKey(text, start..<position) else { continue }
                if !files.contains(key) { files.append(key) }
                let isWritten = writesAll || editsInPlace || Self.isWriteTarget(text, start, position)
                if isWritten, !written.contains(key) { written.append(key) }
                if files.count == Self.filesMax { break }
            }
        }
        self.files = files
        self.written = written
    }

    /// Files of one call that are remembered.
    static let filesMax = 64

    /// The key of the name behind the last `/`, if its ending is one of a file.
    private static func fileKey(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UInt64? {
        var nameStart = range.lowerBound
        var dot: Int?
        for position in range {
            if text[position] == UInt8(ascii: "/") {
                nameStart = position + 1
                dot = nil
            } else if text[position] == UInt8(ascii: ".") {
                dot = position
            }
        }
        guard let dot, dot > nameStart, range.upperBound - dot <= 8 else { return nil }
        let ending = String(decoding: text[dot + 1..<range.upperBound], as: UTF8.self)
        return endings.contains(ending) ? ContentKey.of(text, nameStart..<range.upperBound) : nil
    }

    /// Behind `>`, `tee`, or in `open("...", "w")`.
    private static func isWriteTarget(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var before = start
        while before > 0, LineForm.isBlank(text[before - 1]) || isQuote(text[before - 1]) { before -= 1 }
        if before > 0, text[before - 1] == UInt8(ascii: ">") { return true }
        if before >= 3, ByteText.hasSuffix(text, before, "tee") { return true }
        guard ByteText.hasSuffix(text, before, "open(") else { return false }
        var after = end
        while after < text.count,
            isQuote(text[after]) || LineForm.isBlank(text[after]) || text[after] == UInt8(ascii: ",")
        {
            after += 1
        }
        return after < text.count && (text[after] == UInt8(ascii: "w") || text[after] == UInt8(ascii: "a"))
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        IdentifierScan.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/")
            || byte == UInt8(ascii: "-")
    }
}

/// Searches in bytes.
enum ByteText {
    static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool { find(text, word) != nil }

    static func hasSuffix(_ text: UnsafeBufferPointer<UInt8>, _ end: Int, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end >= count else { return false }
        return word.withUTF8Buffer { $0.elementsEqual(text[end - count..<end]) }
    }

    private static func find(_ text: [UInt8], _ word: [UInt8]) -> Int? {
        guard let first = word.first else { return nil }
        return text.withUnsafeBytes { text in
            word.withUnsafeBytes { word in
                var position = 0
                while text.count - position >= word.count {
                    let left = text.count - position - word.count + 1
                    guard let found = memchr(text.baseAddress! + position, Int32(first), left) else { return nil }
                    if memcmp(found, word.baseAddress!, word.count) == 0 {
                        return UnsafeRawPointer(found) - text.baseAddress!
                    }
                    position = UnsafeRawPointer(found) - text.baseAddress! + 1
                }
                return nil
            }
        }
    }
}
