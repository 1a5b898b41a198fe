// Requests that nobody sends: bodies of random conversations and of the case files with values exchanged, removed and
// doubled. A decoder refuses or reads; what is read can be written in every dialect and stored, and is JSON.

import CairnCore
import Testing

@testable import CairnWire

@Suite struct RequestFuzzTests {
    static let iterationsPerDialect = 2500

    @Test(arguments: Dialect.allCases) func `no body breaks a decoder or an encoder`(dialect: Dialect) throws {
        var generator = SeededGenerator(seed: 0xC0FFEE &+ UInt64(dialect.rawValue))
        var seeds = (1...5).map { RandomSession(seed: $0, stepCount: 4).body(4, in: dialect) }
        seeds += GoldenRequest.all.filter { $0.from == dialect }.map(\.input)
        var readCount = 0

        for _ in 0..<Self.iterationsPerDialect {
            let body = try mutated(seeds.randomElement(using: &generator)!, &generator)
            guard let document = try? SourceDocument(parsing: body),
                let prompt = try? Prompt(reading: document, dialect: dialect)
            else { continue }
            readCount += 1
            for target in Dialect.allCases {
                let family = UpstreamTraits.Family.allCases.randomElement(using: &generator)!
                var out = ByteWriter(capacity: 16)
                let upstream = UpstreamTraits(
                    family, dialect: target, leavesOutBuiltInTools: Bool.random(using: &generator))
                guard (try? prompt.encode(for: upstream, to: &out)) != nil else { continue }
                let bytes = out.copyBytes()
                #expect(throws: Never.self, "\(String(decoding: body, as: UTF8.self))") {
                    try SourceDocument(parsing: bytes)
                }
            }
            let stored = prompt.serialized()
            #expect(try Prompt(serialized: stored).serialized() == stored)
        }

        // Enough of them get through for the encoders to be tried.
        #expect(readCount > Self.iterationsPerDialect / 10)
    }

    @Test func `no stored form breaks its reader or an encoder`() throws {
        var generator = SeededGenerator(seed: 7)
        let forms = try Dialect.allCases.map { dialect in
            let body = RandomSession(seed: 3, stepCount: 3).body(3, in: dialect)
            return String(
                decoding: try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: dialect).serialized(),
                as: UTF8.self)
        }
        for _ in 0..<Self.iterationsPerDialect {
            let form = try mutated(forms.randomElement(using: &generator)!, &generator)
            guard let prompt = try? Prompt(serialized: form) else { continue }
            for target in Dialect.allCases {
                var out = ByteWriter(capacity: 16)
                _ = try? prompt.encode(for: UpstreamTraits(.openai, dialect: target), to: &out)
            }
        }
    }

    /// One to three values of the document replaced by others, of the document or of a list.
    private func mutated(_ text: String, _ generator: inout SeededGenerator) throws -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            guard let document = try? JSONDocument(bytes) else { return bytes }
            let node = Int.random(in: 0..<document.nodeCount, using: &generator)
            let replacement: [UInt8]
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let other = Int.random(in: 0..<document.nodeCount, using: &generator)
                replacement = Array(bytes[document.range(of: other)])
            case 1:
                // A byte somewhere: mostly no JSON any more.
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                continue
            default:
                let values = [
                    "null", "true", "0", "-1.5e9", "\"\"", "\"\\ud800\"", "\"data:image/png;base64,\"", "[]", "{}",
                    "[null]", "\"tool\"", "\"system\"",
                ]
                replacement = Array(values.randomElement(using: &generator)!.utf8)
            }
            bytes = try document.spliced([JSONDocument.Edit(document.range(of: node), with: replacement)])
        }
        return bytes
    }
}
