// The serialised form of a prompt comes back as it was, and nothing in it is trusted.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct PromptStorageTests {
    @Test(arguments: GoldenRequest.all)
    func `a prompt that was stored leaves as the one that was read`(golden: GoldenRequest) throws {
        guard let document = try? SourceDocument(parsing: Array(golden.input.utf8)),
            let prompt = try? Prompt(reading: document, dialect: golden.from)
        else { return }

        let stored = prompt.serialized()
        let back = try Prompt(serialized: stored)

        #expect(back.serialized() == stored)
        for dialect in Dialect.allCases {
            let upstream = UpstreamTraits(golden.upstream.family, dialect: dialect)
            #expect(encoded(back, upstream) == encoded(prompt, upstream))
        }
    }

    @Test func `what was made and marked comes back`() throws {
        let body = #" {"model":"m","messages":[{"role":"system","content":"On 2026-11-20 be brief."}]}"#
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: .chat)
        prompt.model = RawJSON(quoting: "other")
        prompt.turns[0].parts[0].band = .drop
        prompt.turns[0].parts[0].volatileSpans = [VolatileSpan(.date, 4..<14)]

        let back = try Prompt(serialized: prompt.serialized())

        #expect(back.model == RawJSON(quoting: "other"))
        #expect(back.turns[0].parts[0].band == .drop)
        #expect(back.turns[0].parts[0].volatileSpans == [VolatileSpan(.date, 4..<14)])
        #expect(
            encoded(back, UpstreamTraits(.openai, dialect: .messages))
                == encoded(prompt, UpstreamTraits(.openai, dialect: .messages)))
    }

    @Test func `the example of the page is a stored prompt`() throws {
        let page = GoldenRequest.root.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("docs/ir.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let example = try #require(text.firstMatch(of: /```json\n([\s\S]*?)\n```/)).1

        let prompt = try Prompt(serialized: Array(example.utf8))

        #expect(prompt.serialized() == Array(example.replacing(/\n */, with: "").utf8))
        #expect(
            encoded(prompt, UpstreamTraits(.openai, dialect: .chat)).map { String(decoding: $0, as: UTF8.self) }
                == #"{"model":"m","messages":[{"role":"user","content":"It is 12:30. Hi"}]}"#)
    }

    @Test(arguments: [
        (#"[]"#, "malformed at : must be an object"),
        (#"{"cairn_prompt":2}"#, "malformed at cairn_prompt: is no version this program reads"),
        (
            #"{"cairn_prompt":1,"source":{},"dialect":"gemini"}"#,
            "malformed at dialect: must be chat, responses or messages"
        ),
        (
            #"{"cairn_prompt":1,"source":{"a":"b"},"dialect":"chat","model":[1,3]}"#,
            "malformed at model: is no value of the source"
        ),
        (
            #"{"cairn_prompt":1,"source":{"a":5},"dialect":"chat","model":[5,6]}"#,
            "malformed at model: must be a string of the source"
        ),
        (
            #"{"cairn_prompt":1,"source":{"a":"b"},"dialect":"chat","turns":[{"role":"user","parts":[{"kind":"text","text":[5,8],"band":"fold","volatile":[[1,1,3]]}]}]}"#,
            "malformed at turns[0].parts[0].volatile[0]: is no stretch of the part's text"
        ),
        (#"{"cairn_prompt":1"#, "notJSON at : a serialised prompt is JSON: incomplete at byte 17"),
    ])
    func `a form that says what cannot be is refused`(text: String, complaint: String) {
        do throws(WireError) {
            _ = try Prompt(serialized: Array(text.utf8))
            Issue.record("was read")
        } catch {
            #expect("\(error.kind) at \(error.path): \(error.reason)" == complaint)
        }
    }

    private func encoded(_ prompt: Prompt, _ upstream: UpstreamTraits) -> [UInt8]? {
        var out = ByteWriter(capacity: 16)
        guard (try? prompt.encode(for: upstream, to: &out)) != nil else { return nil }
        return out.copyBytes()
    }
}
