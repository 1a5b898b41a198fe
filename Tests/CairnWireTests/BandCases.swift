// Reads Tests/Wire/bands: texts in which the volatile stretches are marked, and spells each as the JSON string of
// several kinds of client, with the spans where they then must be.

import Foundation
import Testing

@testable import CairnWire

/// One labelled text.
struct BandCase: Sendable, CustomTestStringConvertible {
    var file: String
    var name: String
    var role: Turn.Role
    var harness: Harness
    /// The text without marks, cut at every mark: a nil kind for what must stay.
    var pieces: [(kind: VolatileSpan.Kind?, text: String)]

    var isNegative: Bool { pieces.allSatisfy { $0.kind == nil } }
    var place: VolatileScanner.Place { role == .user ? .user : .system }
    var testDescription: String { "\(file): \(name)" }

    static let kinds: [String: VolatileSpan.Kind] = [
        "clock": .clock, "date": .date, "cwd": .workingDirectory, "git": .gitStatus, "env": .environment,
        "pid": .process, "id": .randomIdentifier, "reminder": .reminder,
    ]

    /// Every case of the folder; a file that cannot be read so fails the test that asks.
    static let all: [BandCase] = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Wire/bands").standardizedFileURL
        let files = try! FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return files.filter { $0.pathExtension == "md" && $0.lastPathComponent != "README.md" }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .flatMap { read(try! String(contentsOf: $0, encoding: .utf8), file: $0.lastPathComponent) }
    }()

    private static func read(_ page: String, file: String) -> [BandCase] {
        page.components(separatedBy: "\n### ").dropFirst().map { section in
            let parts = section.components(separatedBy: "\n````\n")
            let head = parts[0].split(separator: "\n")
            let words = head[1].split(separator: " ")
            let roles: [Substring: Turn.Role] = ["system": .system, "developer": .developer, "user": .user]
            guard let role = roles[words[0]], let harness = Harness(name: words[1]), parts.count >= 2 else {
                fatalError("\(file): \(head) is no case")
            }
            let text = parts[1].components(separatedBy: "\n````")[0]
            return BandCase(
                file: file, name: String(head[0]), role: role, harness: harness, pieces: pieces(text, file))
        }
    }

    private static func pieces(_ text: String, _ file: String) -> [(kind: VolatileSpan.Kind?, text: String)] {
        var pieces: [(kind: VolatileSpan.Kind?, text: String)] = []
        for (index, marked) in text.components(separatedBy: "⟦").enumerated() {
            guard index > 0 else {
                pieces.append((nil, marked))
                continue
            }
            let halves = marked.components(separatedBy: "⟧")
            let colon = halves[0].firstIndex(of: ":")!
            guard halves.count == 2, let kind = kinds[String(halves[0][..<colon])] else {
                fatalError("\(file): \(marked)")
            }
            pieces.append((kind, String(halves[0][halves[0].index(after: colon)...])))
            pieces.append((nil, halves[1]))
        }
        return pieces
    }
}

/// How a client writes a JSON string.
enum Spelling: CaseIterable {
    /// Only what must be escaped.
    case plain
    /// Python's default: nothing but ASCII.
    case ascii
    /// Go's default: `<`, `>`, `&` as escapes.
    case html
    /// Line ends as `\u000a`, slashes as `\/`: legal and rare.
    case odd

    func quoted(_ text: String) -> [UInt8] { Array("\"\(content(text))\"".utf8) }

    func content(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\n": return self == .odd ? "\\u000a" : "\\n"
            case "\t": return "\\t"
            case "\r": return "\\r"
            case "\"", "\\": return "\\\(scalar)"
            case "/" where self == .odd: return "\\/"
            case "<", ">", "&": return self == .html ? Self.escape(scalar) : String(scalar)
            default:
                let isEscaped = scalar.value < 0x20 || self == .ascii && scalar.value > 0x7E
                return isEscaped ? Self.escape(scalar) : String(scalar)
            }
        }.joined()
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map {
            "\\u" + String(repeating: "0", count: 4 - String($0, radix: 16).count)
                + String($0, radix: 16)
        }.joined()
    }
}

extension BandCase {
    /// The text as a JSON string, and the spans it must have.
    func spelled(_ spelling: Spelling) -> (bytes: [UInt8], spans: [VolatileSpan]) {
        var bytes: [UInt8] = [0x22]
        var spans: [VolatileSpan] = []
        for piece in pieces {
            let start = UInt32(bytes.count)
            bytes += spelling.content(piece.text).utf8
            if let kind = piece.kind { spans.append(VolatileSpan(kind, start..<UInt32(bytes.count))) }
        }
        return (bytes + [0x22], spans)
    }
}

/// The scanner's answer for a JSON string.
func volatileSpans(_ bytes: [UInt8], _ place: VolatileScanner.Place, _ harness: Harness = .generic) -> [VolatileSpan] {
    bytes.withUnsafeBufferPointer { VolatileScanner.spans(in: $0, place: place, harness: harness) }
}
