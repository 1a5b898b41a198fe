// The session the benchmark shortens: an agent that looks at files in ranges, searches, runs tests and writes files, again
// and again, as recorded ones do. Deterministic: everything comes from one linear congruential generator.

import CairnContext
import CairnCore

/// A session of a coding agent, as messages of the strategies.
struct CodingSession {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var files: [(name: String, lines: [String])] = []
    private(set) var messages: [ContextMessage] = []
    private(set) var byteCount = 0

    private static let verbs = ["load", "parse", "render", "merge", "resolve", "validate", "collect", "convert"]
    private static let nouns = ["schema", "field", "segment", "token", "parser", "context", "fixture", "record"]

    /// - Parameter bytesMin: the session ends with the first turn that reaches them.
    init(bytesMin: Int) {
        for number in 0..<24 { files.append(("src/module_\(number)/\(word(Self.nouns))_\(number).py", source())) }
        add(ContextMessage(.system, [ContextPart(.system, Array("You are an agent that works in a shell.".utf8))]))
        add(ContextMessage(.user, [ContextPart(.user, Array("The tests of \(files[3].name) fail. Fix it.".utf8))]))
        while byteCount < bytesMin { addTurn() }
    }

    private mutating func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: state >> 33) % bound
    }

    private mutating func word(_ words: [String]) -> String { words[random(words.count)] }

    private mutating func source() -> [String] {
        (0..<120 + random(240)).map { line in
            switch random(8) {
            case 0: ""
            case 1: "def \(word(Self.verbs))_\(word(Self.nouns))_\(random(400))(self, \(word(Self.nouns)), **kwargs):"
            case 2: "        return None"
            default:
                "        self.\(word(Self.nouns))_\(random(90)) = \(word(Self.verbs))_\(word(Self.nouns))(line, \(line))"
            }
        }
    }

    private mutating func add(_ message: ContextMessage) {
        messages.append(message)
        byteCount += message.parts.reduce(0) { $0 + $1.bytes.count }
    }

    private mutating func addTurn() {
        let file = random(files.count)
        let (command, output) = action(file)
        let arguments = Array(#"{"command": "#.utf8) + JSONText.quoted(command) + Array("}".utf8)
        let identifier = "call_\(messages.count)"
        let talk = "Next I look at \(files[file].name), since \(word(Self.verbs))_\(word(Self.nouns)) is called there."
        let thought = "The failure speaks of \(word(Self.nouns))_\(random(90)). " + talk
        add(
            ContextMessage(
                .assistant,
                [
                    ContextPart(.thinking, Array(thought.utf8)), ContextPart(.text, Array(talk.utf8)),
                    ContextPart(.arguments, arguments, toolName: "bash", callID: identifier),
                ]))
        add(
            ContextMessage(
                .tool,
                [
                    ContextPart(
                        .result, Array(output.utf8), toolName: "bash", callID: identifier, arguments: arguments)
                ]))
    }

    /// A command and what it prints.
    private mutating func action(_ file: Int) -> (command: String, output: String) {
        let (name, lines) = files[file]
        let start = random(lines.count - 60)
        switch random(10) {
        case 0:
            let noun = word(Self.nouns)
            let hits = files.flatMap { file in
                file.lines.indices.filter { file.lines[$0].contains("\(noun)_1") }.prefix(2).map {
                    "\(file.name):\($0 + 1):\(file.lines[$0])"
                }
            }
            return ("grep -rn \(noun)_1 src", hits.joined(separator: "\n"))
        case 1:
            let changed = "        self.\(word(Self.nouns))_new_\(messages.count) = changed(\(random(1000)))"
            files[file].lines[start] = changed
            let script = files[file].lines[start..<start + 12].joined(separator: "\n")
            return ("cat > \(name) <<'EOF'\n\(script)\nEOF", "")
        case 2, 3:
            let tests = (0..<30).map { "tests/test_\(word(Self.nouns)).py::test_case_\($0)_\(random(500)) PASSED" }
            return ("python -m pytest tests", (tests + ["30 passed in 1.\(random(99))s"]).joined(separator: "\n"))
        case 4, 5:
            let numbered = (start..<start + 50).map { "    \($0 + 1)\t\(lines[$0])" }
            return ("cat -n \(name) | sed -n '\(start + 1),\(start + 50)p'", numbered.joined(separator: "\n"))
        default:
            let end = start + 20 + random(40)
            return ("sed -n '\(start + 1),\(end)p' \(name)", lines[start..<end].joined(separator: "\n"))
        }
    }
}
