// The prompt of call n+1 extends that of call n: random conversations grown step by step, in all nine pairs.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct GrowingPromptTests {
    struct Pair: Sendable, CustomTestStringConvertible {
        var from: Dialect
        var upstream: UpstreamTraits
        var testDescription: String { "\(from.name) to \(upstream.family) \(upstream.dialect.name)" }

        static let all: [Pair] = Dialect.allCases.flatMap { from in
            [
                UpstreamTraits(.deepseek, dialect: .chat), UpstreamTraits(.openai, dialect: .chat),
                UpstreamTraits(.anthropic, dialect: .messages), UpstreamTraits(.deepseek, dialect: .messages),
                UpstreamTraits(.openai, dialect: .responses), UpstreamTraits(.deepseek, dialect: .responses),
            ].map { Pair(from: from, upstream: $0) }
        }
    }

    static let seeds: [UInt64] = Array(1...25)
    static let stepCount = 9

    @Test(arguments: Pair.all) func `every emitted prompt extends the one before`(pair: Pair) throws {
        for seed in Self.seeds {
            let session = RandomSession(seed: seed, stepCount: Self.stepCount)
            var before: EmittedRequest?
            for count in 1...Self.stepCount {
                let emitted = try EmittedRequest(session, count, pair)
                if let before {
                    #expect(emitted.blocks.starts(with: before.blocks), "seed \(seed), step \(count): blocks")
                    let front = before.bytes[..<before.lastTurnEnd]
                    #expect(emitted.bytes.starts(with: front), "seed \(seed), step \(count): bytes")
                }
                before = emitted
            }
        }
    }

    @Test(arguments: Pair.all) func `every tool call has its result where the provider wants it`(pair: Pair) throws {
        for seed in Self.seeds {
            let session = RandomSession(seed: seed, stepCount: Self.stepCount)
            for count in 1...Self.stepCount {
                let emitted = try EmittedRequest(session, count, pair)
                #expect(emitted.misplacedCalls == [], "seed \(seed), step \(count)")
            }
        }
    }

    @Test(arguments: Pair.all) func `what both dialects have arrives`(pair: Pair) throws {
        for seed in Self.seeds {
            let session = RandomSession(seed: seed, stepCount: Self.stepCount)
            let body = Array(session.body(Self.stepCount, in: pair.from).utf8)
            let prompt = try Prompt(reading: SourceDocument(parsing: body), dialect: pair.from)
            let emitted = try EmittedRequest(session, Self.stepCount, pair)
            let arrived = try Prompt(reading: SourceDocument(parsing: emitted.bytes), dialect: pair.upstream.dialect)

            #expect(arrived.facts == prompt.facts, "seed \(seed)")
        }
    }
}

/// A request as it leaves, seen as a provider's cache sees it.
struct EmittedRequest {
    let bytes: [UInt8]
    /// Tools, system and turns in their order; of messages each content block.
    let blocks: [String]
    /// The offset behind the last turn, or behind the last block of it in messages.
    let lastTurnEnd: Int
    private let turns: [[String: Any]]
    private let dialect: Dialect

    init(_ session: RandomSession, _ count: Int, _ pair: GrowingPromptTests.Pair) throws {
        let body = Array(session.body(count, in: pair.from).utf8)
        let prompt = try Prompt(reading: SourceDocument(parsing: body), dialect: pair.from)
        var out = ByteWriter(capacity: 16)
        _ = try prompt.encode(for: pair.upstream, to: &out)
        bytes = out.copyBytes()
        dialect = pair.upstream.dialect
        let document = try JSONDocument(bytes)
        func raw(_ node: Int) -> String { String(decoding: document.text[document.range(of: node)], as: UTF8.self) }
        func children(_ node: Int) -> [Int] {
            var list: [Int] = []
            document.forEachChild(of: node) { list.append($0) }
            return list
        }
        var blocks = document.member("tools", of: 0).map { children($0).map(raw) } ?? []
        for key in ["system", "instructions"] as [StaticString] {
            if let system = document.member(key, of: 0) { blocks.append(raw(system)) }
        }
        let list = document.member(dialect == .responses ? "input" : "messages", of: 0)!
        var end = document.range(of: list).lowerBound + 1
        for turn in children(list) {
            let content = document.member("content", of: turn)
            if dialect == .messages, let content, document.kind(of: content) == .array {
                let role = raw(document.member("role", of: turn)!)
                for block in children(content) {
                    blocks.append(role + raw(block))
                    end = document.range(of: block).upperBound
                }
            } else {
                blocks.append(raw(turn))
                end = document.range(of: turn).upperBound
            }
        }
        self.blocks = blocks
        lastTurnEnd = end
        let listBytes = Data(document.text[document.range(of: list)])
        turns = try #require(try JSONSerialization.jsonObject(with: listBytes) as? [[String: Any]])
    }

    /// Identifiers of calls without a result in its place, and of results without a call.
    var misplacedCalls: [String] {
        switch dialect {
        case .chat: chatMisplaced
        case .messages: messagesMisplaced
        case .responses: responsesMisplaced
        }
    }

    private var chatMisplaced: [String] {
        var open: [String] = []
        var wrong: [String] = []
        for turn in turns {
            if turn["role"] as? String == "tool" {
                let identifier = turn["tool_call_id"] as? String ?? "?"
                if open.first == identifier { open.removeFirst() } else { wrong.append(identifier) }
                continue
            }
            wrong += open
            open = (turn["tool_calls"] as? [[String: Any]] ?? []).map { $0["id"] as? String ?? "?" }
        }
        return wrong + open
    }

    private var messagesMisplaced: [String] {
        var open: [String] = []
        var wrong: [String] = []
        for turn in turns {
            let content = turn["content"] as? [[String: Any]] ?? []
            let results = content.prefix { $0["type"] as? String == "tool_result" }.map {
                $0["tool_use_id"] as? String ?? "?"
            }
            let later = content.dropFirst(results.count).filter { $0["type"] as? String == "tool_result" }
            if results != open || !later.isEmpty { wrong += open + results }
            open = content.filter { $0["type"] as? String == "tool_use" }.map { $0["id"] as? String ?? "?" }
        }
        return wrong + open
    }

    private var responsesMisplaced: [String] {
        func identifiers(_ type: String) -> [String] {
            turns.filter { $0["type"] as? String == type }.map { $0["call_id"] as? String ?? "?" }
        }
        let calls = identifiers("function_call")
        let results = identifiers("function_call_output")
        return calls == results ? [] : calls + results
    }
}

extension Prompt {
    /// What a conversation says, line by line, in words that do not depend on the dialect: texts, notes, calls and results in
    /// their order. Tags this room puts around a text where a dialect has no other form are taken off.
    var facts: [String] {
        var facts: [String] = []
        for turn in turns {
            switch turn.role {
            case .system, .developer: facts += lines("note", turn.parts)
            case .assistant:
                facts += lines("answer", turn.parts)
                for case .toolCall(let call) in turn.parts.map(\.content) { facts.append("call " + told(call)) }
            case .user, .tool: for part in turn.parts { facts += said(part) }
            }
        }
        // Images of results, which a tool message of chat cannot show in place.
        return facts.filter { !$0.hasPrefix("user Output of tool call ") && !$0.hasPrefix("result (see the message") }
    }

    private func said(_ part: Part) -> [String] {
        if case .toolResult(let result) = part.content {
            return lines("result", result.parts).map {
                $0.replacing("<tool_error>", with: "").replacing("</tool_error>", with: "")
            }
        }
        guard let text = part.text.flatMap(source.text), text.hasPrefix("<system-message>\n") else {
            return lines("user", [part])
        }
        return lines("note", [Part(.text(RawJSON(quoting: String(text.dropFirst(17).dropLast(18)))))])
    }

    private func lines(_ kind: String, _ parts: [Part]) -> [String] {
        parts.compactMap { $0.text.flatMap(source.text) }.flatMap { $0.split(separator: "\n") }.map { "\(kind) \($0)" }
    }

    private func told(_ call: Part.ToolCall) -> String {
        let text: String?
        switch call.arguments {
        case .quoted(let value): text = source.text(of: value)
        case .object(let value), .freeform(let value):
            text = source.withBytes(of: value) { String(decoding: $0, as: UTF8.self) }
        }
        let name = source.text(of: call.name) ?? "?"
        guard let object = try? SourceDocument(parsing: Array((text ?? "?").utf8)) else { return name + " no JSON" }
        return name + " " + String(decoding: object.json.canonical(0), as: UTF8.self)
    }
}
