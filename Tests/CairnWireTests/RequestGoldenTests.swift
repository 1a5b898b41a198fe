// Requests from one dialect to another, as files a person can read: Tests/Wire/requests/<from>-to-<to>/<case>.md holds
// prose, the upstream, the client's body and what leaves. UPDATE_GOLDEN=1 rewrites what is expected.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct RequestGoldenTests {
    @Test(arguments: GoldenRequest.all)
    func `a request leaves as its file says`(golden: GoldenRequest) throws {
        let outcome = golden.outcome()

        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try golden.rewrite(with: outcome)
        } else {
            #expect(outcome == golden.expected)
        }
    }

    @Test(arguments: GoldenRequest.all)
    func `what leaves is a request of its dialect, and the same each time`(golden: GoldenRequest) throws {
        guard case .body(let bytes, _) = golden.encoded() else { return }

        let document = try SourceDocument(parsing: bytes)
        let again = try Prompt(reading: document, dialect: golden.upstream.dialect)
        guard case .body(let repeated, _) = golden.encoded() else {
            Issue.record("encoded once and not twice")
            return
        }

        #expect(repeated == bytes)
        #expect(again.turns.isEmpty == golden.hasNoTurns)
    }

    @Test func `every pair of dialects has its cases`() {
        for from in Dialect.allCases {
            for to in Dialect.allCases {
                let folder = "\(from.name)-to-\(to.name)"
                let count = GoldenRequest.all.count { $0.folder == folder }
                #expect(count >= (from == to ? 12 : 25), "\(folder) has \(count)")
            }
        }
    }
}

/// One case file.
struct GoldenRequest: Sendable, CustomTestStringConvertible {
    enum Encoded {
        case body([UInt8], EncodingReport)
        case refused(WireError)
    }

    let folder: String
    let file: URL
    let prose: String
    let from: Dialect
    let upstream: UpstreamTraits
    /// What the model map makes of the name; nil: the client's own.
    let model: String?
    let input: String
    /// Everything behind the input's block.
    let expected: String

    var testDescription: String { "\(folder)/\(file.deletingPathExtension().lastPathComponent)" }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Wire/requests")

    static let all: [GoldenRequest] = {
        let files =
            FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        return files.filter { $0.pathExtension == "md" }.sorted { $0.path < $1.path }.map(GoldenRequest.init)
    }()

    private static let inputMark = "\n```json input\n"
    private static let blockEnd = "\n```\n"

    init(_ file: URL) {
        self.file = file
        folder = file.deletingLastPathComponent().lastPathComponent
        guard let text = try? String(contentsOf: file, encoding: .utf8), let start = text.range(of: Self.inputMark),
            let end = text.range(of: Self.blockEnd, range: start.upperBound..<text.endIndex)
        else { preconditionFailure("\(file.path) has no input block") }
        prose = String(text[..<start.lowerBound])
        input = String(text[start.upperBound..<end.lowerBound])
        expected = String(text[end.upperBound...])
        let names = folder.components(separatedBy: "-to-")
        from = Dialect(name: names[0])!
        let options = Dictionary(
            prose.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                return words.count == 2 && words[0].hasSuffix(":")
                    ? (String(words[0].dropLast()), String(words[1])) : nil
            }, uniquingKeysWith: { _, last in last })
        let family = UpstreamTraits.Family.allCases.first { "\($0)" == options["upstream"] }!
        upstream = UpstreamTraits(
            family, dialect: Dialect(name: names[1])!, leavesOutBuiltInTools: options["built-in-tools"] == "left-out")
        model = options["model"]
    }

    var hasNoTurns: Bool { input.contains("\"messages\": []") || input.contains("\"input\": []") }

    func encoded() -> Encoded {
        do throws(WireError) {
            let document: SourceDocument
            do { document = try SourceDocument(parsing: Array(input.utf8)) } catch {
                throw WireError(.notJSON, at: "", "\(error)")
            }
            var prompt = try Prompt(reading: document, dialect: from)
            if let model { prompt.model = RawJSON(quoting: model) }
            var out = ByteWriter(capacity: 1024)
            let report = try prompt.encode(for: upstream, to: &out)
            return .body(out.copyBytes(), report)
        } catch {
            return .refused(error)
        }
    }

    /// The blocks behind the input.
    func outcome() -> String {
        switch encoded() {
        case .refused(let error): return "\n```error\n\(error.kind) at \(error.path): \(error.reason)\n```\n"
        case .body(let bytes, let report):
            var text = "\n```json expected\n\(Self.laidOut(bytes))\n```\n"
            if !report.losses.isEmpty {
                let lines = report.losses.map {
                    "\($0.loss.member): \($0.loss.reason.name)" + ($0.count > 1 ? " x\($0.count)" : "")
                }
                text += "\n```losses\n\(lines.joined(separator: "\n"))\n```\n"
            }
            if !report.aliases.isEmpty {
                let lines = report.aliases.map {
                    "\(show($0.sent)) is \(show($0.name)) of \($0.namespace.map(show) ?? "none")"
                }
                text += "\n```aliases\n\(lines.joined(separator: "\n"))\n```\n"
            }
            return text
        }
    }

    private func show(_ value: RawJSON) -> String {
        switch value {
        case .made(let bytes): String(decoding: bytes, as: UTF8.self)
        case .source(let start, let end): String(decoding: Array(input.utf8)[Int(start)..<Int(end)], as: UTF8.self)
        }
    }

    func rewrite(with outcome: String) throws {
        try (prose + Self.inputMark + input + Self.blockEnd + outcome).write(
            to: file, atomically: true, encoding: .utf8)
    }

    /// Line breaks before the members of the request and the elements of its arrays, instead of the white space that stands
    /// there; every other byte as it is.
    static func laidOut(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var brackets: [UInt8] = []
        var isString = false
        var isEscaped = false
        func breakLine() { out += Array(("\n" + String(repeating: "  ", count: brackets.count)).utf8) }
        func isOpen() -> Bool { brackets.count == 1 || brackets.count == 2 && brackets[1] == 0x5B }
        for byte in bytes {
            if isString {
                out.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isString = false
                }
                continue
            }
            switch byte {
            case 0x22:
                isString = true
                out.append(byte)
            case 0x7B, 0x5B:
                out.append(byte)
                brackets.append(byte)
                if isOpen() { breakLine() }
            case 0x7D, 0x5D:
                let wasOpen = isOpen()
                brackets.removeLast()
                if wasOpen { breakLine() }
                out.append(byte)
            case 0x2C:
                out.append(byte)
                if isOpen() { breakLine() }
            case 0x0A, 0x20: if brackets.count > 2 || brackets.isEmpty || !isOpen() { out.append(byte) }
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
