// A turn's place in the client's array may hold no element, one or several, in each dialect.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct ElementSequenceTests {
    private static let elements: [Dialect: [String]] = [
        .chat: (0..<4).map { #"{"role":"user","content":"t\#($0)"}"# },
        .messages: (0..<4).map { #"{"role":"user","content":"t\#($0)"}"# },
        .responses: (0..<4).map { #"{"type":"message","role":"user","content":"t\#($0)"}"# },
    ]

    private func body(_ elements: [String], _ dialect: Dialect) -> String {
        let list = "[" + elements.joined(separator: ",") + "]"
        switch dialect {
        case .chat: return #"{"model":"m","messages":\#(list),"n":1}"#
        case .messages: return #"{"model":"m","system":"S","messages":\#(list),"max_tokens":9}"#
        case .responses: return #"{"model":"m","instructions":"S","input":\#(list),"store":false}"#
        }
    }

    /// Encodes the prompt with other bytes in the place of some of its four elements.
    private func encoded(_ dialect: Dialect, _ made: [Int: String]) throws -> String {
        let text = body(Self.elements[dialect]!, dialect)
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: dialect)
        let first = prompt.turns.count - 4
        for (index, bytes) in made { prompt.turns[first + index].element = .made(Array(bytes.utf8)) }
        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: UpstreamTraits(.generic, dialect: dialect), to: &out)
        return String(decoding: out.copyBytes(), as: UTF8.self)
    }

    @Test(
        arguments: Dialect.allCases,
        [[0], [3], [1, 2], [0, 1], [2, 3], [0, 3], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]] as [[Int]])
    func `turns without elements leave nothing, and no comma`(dialect: Dialect, empty: [Int]) throws {
        let left = Self.elements[dialect]!.enumerated().filter { !empty.contains($0.offset) }.map(\.element)
        let out = try encoded(dialect, Dictionary(uniqueKeysWithValues: empty.map { ($0, "") }))
        #expect(out == body(left, dialect))
    }

    @Test(arguments: Dialect.allCases, 0..<4)
    func `several elements in the place of one leave as they are`(dialect: Dialect, index: Int) throws {
        let several = #"{"role":"user","content":"a"} , {"role":"user","content":"b", "x":[1,2]}"#
        var elements = Self.elements[dialect]!
        elements[index] = several
        #expect(try encoded(dialect, [index: several]) == body(elements, dialect))
        elements.remove(at: (index + 1) % 4)
        #expect(try encoded(dialect, [index: several, (index + 1) % 4: ""]) == body(elements, dialect))
    }

    @Test func `a system prompt that is left out leaves no member`() throws {
        let text = body(Self.elements[.messages]!, .messages)
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: .messages)
        prompt.turns[0].element = .made([])
        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: UpstreamTraits(.generic, dialect: .messages), to: &out)
        #expect(
            String(decoding: out.copyBytes(), as: UTF8.self)
                == text.replacingOccurrences(of: #""system":"S","#, with: ""))
    }

    @Test(arguments: [(UpstreamTraits.Family.anthropic, false), (.deepseek, true)])
    func `bytes in the place of a turn do not show another provider's thoughts`(
        family: UpstreamTraits.Family, keepsThoughts: Bool
    ) throws {
        let carried = CarriedThinking.wrap("cipher", of: .responses)
        let thought = #"{"type":"thinking","thinking":"hm","signature":"\#(carried)"}"#
        let answer = #"{"role":"assistant","content":[\#(thought),{"type":"text","text":"long"}]}"#
        let text = #"{"model":"m","messages":[\#(answer)]}"#
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: .messages)
        let made = #"{"role":"user","content":"q"},"# + answer.replacingOccurrences(of: "long", with: "short")
        prompt.turns[0].element = .made(Array(made.utf8))

        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: UpstreamTraits(family, dialect: .messages), to: &out)

        let body = String(decoding: out.copyBytes(), as: UTF8.self)
        let kept = keepsThoughts ? #"{"type":"thinking","thinking":"hm","signature":""},"# : ""
        #expect(
            body
                == #"{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":[\#(kept){"type":"text","text":"short"}]}]}"#
        )
    }

    @Test func `an item of another provider's thoughts goes, what stands beside it stays`() throws {
        let carried = CarriedThinking.wrap("signature", of: .messages)
        let item = #"{"type":"reasoning","summary":[],"encrypted_content":"\#(carried)"}"#
        let text = #"{"model":"m","input":[\#(item)]}"#
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(text.utf8)), dialect: .responses)
        let output = #"{"type":"function_call_output","call_id":"a","output":"x"}"#
        prompt.turns[0].element = .made(Array((output + "," + item).utf8))

        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: UpstreamTraits(.openai, dialect: .responses), to: &out)

        #expect(String(decoding: out.copyBytes(), as: UTF8.self) == #"{"model":"m","input":[\#(output)]}"#)
    }

    @Test(arguments: ["{", "{},", "1 2", "],["]) func `what are no elements is told`(bytes: String) {
        if ElementSequence(Array(bytes.utf8)) != nil { Issue.record("elements in \(bytes)") }
    }
}
