// What is left out of a result when it first appears: what stands above, word for word, and nothing else.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct BirthStrategyTests {
    private let file = (1...30).map { "    value_\($0) = compute_the_value_of(argument_\($0))" }

    private func result(_ text: String, command: String = "cat a.py") -> ContextPart {
        ContextPart(
            .result, Array(text.utf8), toolName: "bash", arguments: Array(#"{"command": "\#(command)"}"#.utf8))
    }

    private func shown(_ shortener: borrowing PromptShortener, _ number: Int) -> String {
        String(decoding: shortener.content.parts[number].bytes, as: UTF8.self)
    }

    @Test func `a result that stands above becomes one marker`() {
        var shortener = PromptShortener()
        let text = file.joined(separator: "\n")

        #expect(shortener.append(result(text)) == nil)
        let second = shortener.append(result(text))

        #expect(second?.strategy.name == "exact-duplicates")
        #expect(second?.references == [0])
        #expect(shown(shortener, 1).hasPrefix("[="))
        #expect(shown(shortener, 1).contains("30 lines"))
    }

    @Test func `the first marker of a run explains itself, also behind a duplicate`() {
        var shortener = PromptShortener()
        let text = file.joined(separator: "\n")
        _ = shortener.append(result(text))
        #expect(shortener.append(result(text))?.strategy.name == "exact-duplicates")

        _ = shortener.append(result("a new line\n" + text, command: "cat b.py"))
        _ = shortener.append(result("another line\n" + text, command: "cat c.py"))

        #expect(shown(shortener, 2).contains("names this output"))
        #expect(!shown(shortener, 3).contains("names this output"))
    }

    @Test func `lines that stand above are left out and the others stay`() {
        var shortener = PromptShortener()
        _ = shortener.append(result(file.joined(separator: "\n")))

        let changed = ["first new line"] + file[2...27] + ["last new line"]
        let emission = shortener.append(result(changed.joined(separator: "\n"), command: "cat b.py"))

        #expect(emission?.strategy.name == "seen-line-runs")
        let lines = shown(shortener, 1).split(separator: "\n")
        #expect(lines.first == "first new line")
        #expect(lines.last == "last new line")
        #expect(lines.count == 3)
        #expect(lines[1].contains(":2-27]"))
    }

    @Test func `printed line numbers do not matter and are told`() {
        var shortener = PromptShortener()
        _ = shortener.append(result(file.joined(separator: "\n")))

        let numbered = file.enumerated().map { "   \($0.offset + 101)\t\($0.element)" }.joined(separator: "\n")
        _ = shortener.append(result(numbered, command: "cat -n a.py"))

        #expect(shown(shortener, 1).contains(":1-30 #101]"))
    }

    @Test func `a run ends where printed numbers do not follow each other`() {
        var shortener = PromptShortener()
        _ = shortener.append(result(file.joined(separator: "\n")))

        let numbered = file.enumerated().map { "\($0.offset < 6 ? $0.offset + 1 : $0.offset + 50):\($0.element)" }
        _ = shortener.append(result(numbered.joined(separator: "\n"), command: "grep -n value a.py"))

        #expect(shown(shortener, 1).contains(":1-6 #1]"))
        #expect(shown(shortener, 1).contains(":7-30 #56]"))
    }

    @Test func `lines the agent wrote count where they read the same inside JSON`() {
        var shortener = PromptShortener()
        shortener.beginAssistantTurn()
        let plain = (1...5).map { "the agent wrote this plain line of text itself, number \($0)" }.joined(
            separator: "\n")
        let quoted = #"print("the agent wrote this line with quotes")"#
        let arguments = JSONText.quoted("cat > a.py <<EOF\n\(plain)\n\(quoted)\nEOF")
        _ = shortener.append(
            ContextPart(.arguments, Array(#"{"command": "#.utf8) + arguments + Array("}".utf8), toolName: "bash"))

        _ = shortener.append(result("\(plain)\n\(quoted)"))

        #expect(!shown(shortener, 1).contains(plain))
        #expect(shown(shortener, 1).contains(quoted))
    }

    @Test func `what was never shown is never left out`() {
        var shortener = PromptShortener()
        _ = shortener.append(result(file[0...5].joined(separator: "\n")))
        #expect(shortener.append(result(file[6...11].joined(separator: "\n"), command: "tail a.py")) == nil)
    }

    @Test func `a part that is to be kept is left alone`() {
        var shortener = PromptShortener()
        let text = file.joined(separator: "\n")
        _ = shortener.append(result(text))
        var kept = result(text)
        kept.isKept = true
        #expect(shortener.append(kept) == nil)
    }

    @Test func `a file read again after scattered edits is shown as a difference`() {
        var shortener = PromptShortener()
        let lines = (0..<400).map { "this is item \($0)" }
        let text = lines.joined(separator: "\n") + "\n"
        let edited = lines.enumerated().map { $0.offset % 20 == 2 ? "x" : $0.element }.joined(separator: "\n") + "\n"
        _ = shortener.append(result(text))

        let emission = BirthStrategies([RereadDiff()]).emission(for: result(edited), in: &shortener.content)

        #expect(emission?.strategy.name == "reread-diff")
        let patch = emission.map { Array($0.bytes.drop { $0 != UInt8(ascii: "\n") }.dropFirst()) } ?? []
        let restored = patch.withUnsafeBytes { patch in
            Array(text.utf8).withUnsafeBytes { try? UnifiedPatch.apply(patch, to: $0) }
        }
        #expect(restored == Array(edited.utf8))
    }

    @Test func `what an epoch hid is shown again in full`() {
        var shortener = PromptShortener()
        let text = file.joined(separator: "\n")
        _ = shortener.append(result(text))
        shortener.content.replace(
            0, with: Array("[-zzzz: 30 lines]".utf8), by: StrategyName("result-digest", version: 1))
        shortener.content.forgetReplaced()
        #expect(shortener.append(result(text)) == nil)
    }

    @Test func `handles are unique and the same for the same originals`() {
        var book = HandleBook()
        var again = HandleBook()
        var seen: Set<String> = []
        for number in 0..<5000 {
            let digest = Array("blob \(number)".utf8).withUnsafeBytes { Fingerprint(of: $0) }
            let handle = book.handle(for: digest)
            #expect(seen.insert(handle.text).inserted)
            #expect(again.handle(for: digest) == handle)
            #expect(handle.text.utf8.count < 8)
        }
    }

    @Test func `a digest that begins like another gets a longer handle`() {
        var book = HandleBook()
        let first = book.handle(for: Fingerprint(high: 0xABCD_EF00_0000_0000, low: 1))
        let second = book.handle(for: Fingerprint(high: 0xABCD_EF00_0000_0000, low: 2))
        #expect(first.text.utf8.count == 4)
        #expect(second.text.utf8.count > 4)
        #expect(second.text.hasPrefix(first.text))
    }

    @Test(arguments: [
        ("cat src/a.py", OutputKind.view), ("cd /x && sed -n '1,20p' a.py", .view), ("grep -rn foo .", .search),
        ("find . -name '*.py' | head", .search), ("python -m pytest tests", .test), ("python run.py", .script),
        ("cat > a.py <<'EOF'\nx\nEOF", .write), ("sed -i s/a/b/ a.py", .write), ("git diff", .git), ("date", .other),
    ])
    func `a command tells what its output is`(command: String, kind: OutputKind) {
        let arguments = Array(#"{"command": "#.utf8) + JSONText.quoted(command) + Array("}".utf8)
        #expect(CallFacts(toolName: "bash", arguments: arguments).kind == kind)
    }

    @Test(arguments: [
        ("Read", OutputKind.view), ("Grep", .search), ("Edit", .write), ("run_tests", .test), ("Think", .other),
    ])
    func `a tool's name tells what its output is`(name: String, kind: OutputKind) {
        #expect(CallFacts(toolName: name, arguments: Array(#"{"file_path": "a.py"}"#.utf8)).kind == kind)
    }

    @Test func `files are found and so is which of them a call writes`() {
        let read = CallFacts(toolName: "bash", arguments: Array(#"{"command": "cat src/a.py"}"#.utf8))
        let write = CallFacts(
            toolName: "bash", arguments: Array(#"{"command": "cp x.py y.txt; echo 1 > dir/a.py"}"#.utf8))
        let edit = CallFacts(toolName: "Edit", arguments: Array(#"{"file_path": "/r/a.py", "new": "b"}"#.utf8))
        #expect(read.files.count == 1)
        #expect(read.written.isEmpty)
        #expect(write.files.count == 3)
        #expect(write.written == read.files)
        #expect(edit.written == read.files)
    }
}
