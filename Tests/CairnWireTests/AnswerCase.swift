// A golden case of the answer side: a Markdown file with prose, what the upstream sent and what the client must get.
// Tests/Wire/answers/README.md describes the form.

import CairnCore
import Foundation

@testable import CairnWire

struct AnswerCase: Sendable {
    var file: URL
    var from: Dialect
    var to: Dialect
    var title: String
    var prose: String
    /// `key: value` lines.
    var settings: [(key: String, value: String)]
    var input: String
    var isStream: Bool
    var expected: String
    var expectedNotes: String

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Wire/answers")

    /// All cases, in the order of their paths.
    static let all: [AnswerCase] = {
        let pairs = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        let files = pairs.filter { $0.lastPathComponent.contains("-to-") }.flatMap { pair in
            (try? FileManager.default.contentsOfDirectory(at: pair, includingPropertiesForKeys: nil)) ?? []
        }
        return files.filter { $0.pathExtension == "md" }.sorted { $0.path < $1.path }.map { AnswerCase(reading: $0) }
    }()

    init(reading file: URL) {
        self.file = file
        let words = file.deletingLastPathComponent().lastPathComponent.components(separatedBy: "-to-")
        from = Dialect(name: words[0])!
        to = Dialect(name: words[1])!
        let text = try! String(contentsOf: file, encoding: .utf8)
        let sections = text.components(separatedBy: "\n## ")
        let head = sections[0].split(separator: "\n", maxSplits: 1)
        title = head[0].dropFirst(2).trimmingCharacters(in: .whitespaces)
        prose = head.count > 1 ? head[1].trimmingCharacters(in: .whitespacesAndNewlines) : ""
        settings = []
        input = ""
        expected = ""
        expectedNotes = ""
        isStream = true
        for section in sections.dropFirst() {
            let lines = section.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let body = lines.count > 1 ? String(lines[1]) : ""
            switch lines[0] {
            case "Settings":
                settings = body.split(separator: "\n").filter { $0.contains(": ") }.map { line in
                    let pair = line.components(separatedBy: ": ")
                    return (pair[0], pair.dropFirst().joined(separator: ": "))
                }
            case "Upstream":
                isStream = body.contains("```sse\n")
                input = AnswerCase.fenced(body)
            case "Client": expected = AnswerCase.fenced(body)
            case "Told": expectedNotes = AnswerCase.fenced(body)
            default: fatalError("\(file.lastPathComponent): no section is called \(lines[0])")
            }
        }
    }

    private static func fenced(_ body: String) -> String {
        guard let start = body.range(of: "```"),
            let lineEnd = body.range(of: "\n", range: start.upperBound..<body.endIndex),
            let end = body.range(of: "\n```", options: .backwards),
            lineEnd.upperBound <= end.lowerBound
        else { return "" }
        return String(body[lineEnd.upperBound..<end.lowerBound]) + "\n"
    }

    func value(_ key: String) -> String? { settings.first { $0.key == key }?.value }

    /// The bytes the upstream sends.
    var inputBytes: [UInt8] {
        var text = input
        if !isStream { return Array(text.dropLast().utf8) }
        if value("line ends") == "crlf" { text = text.replacingOccurrences(of: "\n", with: "\r\n") }
        if value("cut after") != nil, let marker = value("cut after"), let end = text.range(of: marker) {
            text = String(text[..<end.upperBound])
        }
        return Array(text.utf8)
    }

    var context: AnswerContext {
        var context = AnswerContext(
            source: .empty, createdSeconds: 1_700_000_000, nonce: (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210))
        context.includesUsage = value("usage") == "wanted"
        context.model = value("model").map { RawJSON(quoting: $0) }
        for (key, value) in settings where key == "markup" {
            if value.contains("think") { context.markup.insert(.thinkTags) }
            if value.contains("dsml") { context.markup.insert(.deepSeekToolCalls) }
        }
        for (key, value) in settings where key == "tool" {
            // sent name, client's name, namespace or -, freeform or function
            let words = value.components(separatedBy: " ")
            context.changedTools.append(
                AnswerContext.ChangedTool(
                    sentName: RawJSON(quoting: words[0]), name: RawJSON(quoting: words[1]),
                    namespace: words[2] == "-" ? nil : RawJSON(quoting: words[2]), isFreeform: words[3] == "freeform"))
        }
        for (key, value) in settings where key == "echo" {
            let words = value.components(separatedBy: " = ")
            context.echo.append(
                Prompt.Member(key: RawJSON(quoting: words[0]), value: .made(Array(words[1].utf8))))
        }
        return context
    }

    /// The file as it should be.
    func text(expected: String, notes: String) -> String {
        var text = "# \(title)\n\n"
        if !prose.isEmpty { text += prose + "\n\n" }
        if !settings.isEmpty {
            text += "## Settings\n\n" + settings.map { "\($0.key): \($0.value)\n" }.joined() + "\n"
        }
        let kind = isStream ? "sse" : "json"
        text += "## Upstream\n\n```\(kind)\n\(input)```\n\n"
        let end = expected.hasSuffix("\n") ? "" : "\n"
        text += "## Client\n\n```\(kind)\n\(expected)\(end)```\n\n## Told\n\n```text\n\(notes)```\n"
        return text
    }
}

/// What a translator made of an input.
struct AnswerOutcome: Equatable {
    var bytes: [UInt8]
    /// Ending, usage and losses, a line each.
    var notes: String

    /// The whole input, cut at the places given.
    init(_ answerCase: AnswerCase, cutAt cuts: [Int] = []) {
        let input = answerCase.inputBytes
        var out = ByteWriter(capacity: 1024)
        notes =
            answerCase.isStream
            ? Self.translate(answerCase, input, cuts, &out) : Self.translate(document: answerCase, input, &out)
        bytes = out.copyBytes()
    }

    private static func translate(
        _ answerCase: AnswerCase, _ input: [UInt8], _ cuts: [Int], _ out: inout ByteWriter
    ) -> String {
        var translator = AnswerTranslator(from: answerCase.from, to: answerCase.to, context: answerCase.context)
        var start = 0
        for end in cuts + [input.count] {
            Array(input[start..<end]).withUnsafeBytes { translator.feed($0, to: &out) }
            start = end
        }
        let ending = translator.finish(to: &out)
        return "ending \(ending)\n" + notes(translator.usage, translator.losses, translator.failure)
    }

    private static func translate(
        document: AnswerCase, _ input: [UInt8], _ out: inout ByteWriter
    ) -> String {
        do throws(WireError) {
            let told = try input.withUnsafeBufferPointer { bytes throws(WireError) in
                try AnswerTranslator.translate(
                    document: UnsafeRawBufferPointer(bytes), from: document.from, to: document.to,
                    context: document.context, to: &out)
            }
            return notes(told.usage, told.losses, told.failure)
        } catch {
            return "error \(error.kind) at \(error.path.isEmpty ? "the top" : error.path): \(error.reason)\n"
        }
    }

    private static func notes(_ usage: WireUsage, _ losses: [Loss], _ failure: AnswerFailure?) -> String {
        var text = "usage"
        let counts: [(String, Int?)] = [
            ("input", usage.input), ("cached", usage.cached), ("written5m", usage.cacheWrite5Minutes),
            ("written1h", usage.cacheWrite1Hour), ("output", usage.output), ("reasoning", usage.reasoning),
        ]
        for (name, count) in counts { if let count { text += " \(name)=\(count)" } }
        text += "\n"
        for loss in losses { text += "loss \(loss.member) \(loss.reason.name)\n" }
        if let failure {
            text += "failure \(failure.status) \(failure.type) \(failure.code ?? "-"): \(failure.message)\n"
        }
        return text
    }
}
