// What a client sees of answers in which the model calls a tool that the gateway answers itself: a message written from the
// parts that are the client's is the golden answer, for each dialect, cut at every byte.

import CairnCore
import Testing

@testable import CairnWire

private let tool = "cairn_expand"

struct HiddenCallTests {
    typealias Part = ScriptedAnswer.Part

    private static func expand(_ number: Int = 1) -> Part {
        .call(tool, identifier: "call_hidden\(number)", arguments: "{\"handle\":\"ab\(number)d\",\"lines\":\"3-9\"}")
    }
    private static let read = Part.call("read", identifier: "call_read", arguments: "{\"path\":\"a \\\"b\\\".c\"}")
    private static let list = Part.call("list", identifier: "call_list", arguments: "{\"path\":\".\"}")

    private static func filter(_ dialect: Dialect) -> HiddenCallFilter {
        HiddenCallFilter(
            hiding: "cairn_expand", rareIndex: 7, from: dialect,
            context: AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2)))
    }

    /// What the client gets of answers that follow each other, each cut where `cuts` says, and how each ended.
    private static func play(
        _ dialect: Dialect, _ streams: [String], cutAt cut: Int? = nil, writesEnd: Bool = false
    ) -> (text: String, outcomes: [HiddenCallFilter.Outcome]) {
        let filter = filter(dialect)
        var out = ByteWriter(capacity: 1024)
        var outcomes: [HiddenCallFilter.Outcome] = []
        for (index, stream) in streams.enumerated() {
            let bytes = Array(stream.utf8)
            let places = cut.map { [0, min($0, bytes.count), bytes.count] } ?? Array(0...bytes.count)
            for (start, end) in zip(places, places.dropFirst()) {
                bytes[start..<end].withUnsafeBytes { filter.feed($0, to: &out) }
            }
            outcomes.append(filter.finish(to: &out))
            if index + 1 < streams.count { filter.beginNext() }
        }
        if writesEnd { filter.writeEnd(to: &out) }
        return (String(decoding: out.copyBytes(), as: UTF8.self), outcomes)
    }

    /// Places to cut a stream at: one was cut at every byte already. 61 has no factor in common with the sizes of events.
    private static func cuts(of stream: String) -> StrideTo<Int> { stride(from: 0, to: stream.utf8.count, by: 61) }

    @Test(arguments: Dialect.allCases)
    func `an answer that does not ask passes byte for byte, also when it speaks of the tool`(dialect: Dialect) {
        let answer = ScriptedAnswer(
            dialect: dialect, parts: [.thinking("hm"), .text("I could call \"cairn_expand\" now."), Self.read])
        let stream =
            ": a comment\n\nevent: news\ndata: {\"type\":\"of.tomorrow\",\"a\" : 1.0}\n\n" + answer.stream

        for cut in [nil, 1, 77, 300] {
            let played = Self.play(dialect, [stream], cutAt: cut)

            #expect(played.text == stream)
            #expect(played.outcomes == [.complete])
        }
    }

    @Test(arguments: Dialect.allCases)
    func `of an answer that only asks, the client gets what was said, and the next answer goes on`(dialect: Dialect) {
        let first: [Part] = [.thinking("where was it"), .text("Let me look. "), Self.expand(1), Self.expand(2)]
        let second: [Part] = [.thinking("there"), .text("It is \"x\"."), Self.read]
        let streams = [
            ScriptedAnswer(dialect: dialect, parts: first, usage: (100, 20)).stream,
            ScriptedAnswer(dialect: dialect, identifier: "two", parts: second, usage: (130, 30)).stream,
        ]
        // Chat has no blocks: a blank line stands between two texts.
        let seen: [Part] =
            dialect == .chat
            ? [
                .thinking("where was it"), .text("Let me look. "), .thinking("there"), .text("\n\nIt is \"x\"."),
                Self.read,
            ]
            : [.thinking("where was it"), .text("Let me look. "), .thinking("there"), .text("It is \"x\"."), Self.read]
        let wanted = ScriptedAnswer(
            dialect: dialect, lastIdentifier: "two", parts: seen, usage: (230, 50), usageAtStart: (100, 1)
        ).stream

        let bytewise = Self.play(dialect, streams)

        #expect(bytewise.outcomes == [.asks, .complete])
        if dialect == .chat {
            // The text's pieces are cut elsewhere than in one that was written whole.
            #expect(Self.told(bytewise.text, dialect) == Self.told(wanted, dialect))
        } else {
            #expect(bytewise.text == wanted)
        }
        for cut in Self.cuts(of: streams[0]) {
            #expect(Self.play(dialect, streams, cutAt: cut).text == bytewise.text)
        }
        #expect(!bytewise.text.contains(tool))
    }

    @Test(
        arguments: Dialect.allCases,
        [
            [HiddenCallTests.expand(), HiddenCallTests.read, HiddenCallTests.list],
            [HiddenCallTests.read, HiddenCallTests.expand(), HiddenCallTests.list],
            [HiddenCallTests.read, HiddenCallTests.list, HiddenCallTests.expand()],
            [HiddenCallTests.expand(1), HiddenCallTests.read, HiddenCallTests.expand(2), HiddenCallTests.list],
            [.text("Both."), HiddenCallTests.expand(1), HiddenCallTests.expand(2), HiddenCallTests.read],
        ])
    func `beside calls of the client's own, the client gets its own`(dialect: Dialect, parts: [Part]) {
        let stream = ScriptedAnswer(dialect: dialect, parts: parts).stream
        let wanted = ScriptedAnswer(dialect: dialect, parts: parts.filter { !$0.isCall(of: tool) }).stream

        let bytewise = Self.play(dialect, [stream], writesEnd: true)

        #expect(bytewise.text == wanted)
        #expect(bytewise.outcomes == [.asksBesides])
        for cut in Self.cuts(of: stream) where Self.play(dialect, [stream], cutAt: cut, writesEnd: true).text != wanted
        {
            Issue.record("cut at \(cut)")
        }
    }

    @Test(arguments: Dialect.allCases)
    func `rounds can follow each other, and the last word may be given without one`(dialect: Dialect) {
        let asking = (1...3).map {
            ScriptedAnswer(dialect: dialect, identifier: "\($0)", parts: [Self.expand($0)]).stream
        }

        let played = Self.play(dialect, asking, writesEnd: true)

        #expect(played.outcomes == [.asks, .asks, .asks])
        let wanted = ScriptedAnswer(
            dialect: dialect, identifier: "1", lastIdentifier: "3", parts: [], reason: .stop, usage: (30, 15),
            usageAtStart: (10, 1))
        #expect(played.text == wanted.stream)
    }

    @Test(arguments: Dialect.allCases)
    func `a call that was cut off is taken out, and nothing is asked`(dialect: Dialect) {
        let parts: [Part] = [.text("So"), Self.expand()]
        let stream = ScriptedAnswer(dialect: dialect, parts: parts, reason: .length).stream

        let played = Self.play(dialect, [stream])

        #expect(played.outcomes == [.complete])
        #expect(played.text == ScriptedAnswer(dialect: dialect, parts: [.text("So")], reason: .length).stream)
    }

    @Test(arguments: Dialect.allCases)
    func `a stream that breaks off in a call is cut short`(dialect: Dialect) {
        let stream = ScriptedAnswer(dialect: dialect, parts: [.text("So"), Self.expand()]).stream
        let end = stream.range(of: "handle")!.lowerBound

        let played = Self.play(dialect, [String(stream[..<end])])

        #expect(played.outcomes == [.cutShort])
        #expect(!played.text.contains(tool))
    }

    @Test func `servers that number all calls 0 and send one whole in a chunk are understood`() {
        func chunk(_ delta: String, _ reason: String = "null") -> String {
            "data: {\"choices\":[{\"index\":0,\"delta\":{\(delta)},\"finish_reason\":\(reason)}]}\n\n"
        }
        func call(_ name: String, _ identifier: String) -> String {
            "{\"index\":0,\"id\":\"\(identifier)\",\"type\":\"function\",\"function\":{\"name\":\"\(name)\",\"arguments\":\"{}\"}}"
        }
        let stream =
            chunk("\"role\":\"assistant\",\"tool_calls\":[\(call(tool, "a")),\(call("read", "b"))]")
            + chunk("\"tool_calls\":[\(call(tool, "c"))]") + chunk("\"content\":\"\"", "\"tool_calls\"")
            + "data: [DONE]\n\n"

        let played = Self.play(.chat, [stream], writesEnd: true)

        #expect(played.outcomes == [.asksBesides])
        #expect(
            played.text == chunk("\"role\":\"assistant\",\"tool_calls\":[\(call("read", "b"))]")
                + chunk("\"content\":\"\"", "\"tool_calls\"") + "data: [DONE]\n\n")
    }

    @Test func `the end and usage may come in one chunk with the last words`() {
        func chunk(_ delta: String, _ reason: String, _ usage: String) -> String {
            "data: {\"choices\":[{\"index\":0,\"delta\":{\(delta)},\"finish_reason\":\(reason)}],\"usage\":\(usage)}\n\n"
        }
        let asked =
            "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"cairn_expand\",\"arguments\":\"{}\"}}]"
        let usage = "{\"prompt_tokens\":7,\"completion_tokens\":2}"
        let first = chunk(asked, "null", "null") + chunk("\"content\":\"So.\"", "\"tool_calls\"", usage)
        let second = chunk("\"content\":\"Yes.\"", "\"stop\"", usage) + "data: [DONE]\n\n"

        let played = Self.play(.chat, [first, second])

        #expect(
            played.text == chunk("\"content\":\"So.\"", "null", "null")
                + chunk("\"content\":\"\\n\\nYes.\"", "\"stop\"", "{\"prompt_tokens\":14,\"completion_tokens\":4}")
                + "data: [DONE]\n\n")
    }

    // MARK: whole answers

    @Test(arguments: Dialect.allCases)
    func `whole answers are joined like streams`(dialect: Dialect) throws {
        let filter = Self.filter(dialect)
        let first = ScriptedAnswer(dialect: dialect, parts: [.text("One."), Self.expand()], usage: (100, 20)).document
        let second = ScriptedAnswer(
            dialect: dialect, identifier: "two", parts: [.text("Two."), Self.expand(2), Self.read], usage: (130, 30)
        ).document
        let wanted = ScriptedAnswer(
            dialect: dialect, identifier: "two",
            parts: [.text("One."), .text(dialect == .chat ? "\n\nTwo." : "Two."), Self.read],
            usage: (230, 50)
        ).document

        let asked = try Array(first.utf8).withUnsafeBytes { try filter.read(document: $0) }
        filter.beginNext()
        let ended = try Array(second.utf8).withUnsafeBytes { try filter.read(document: $0) }
        var out = ByteWriter(capacity: 1024)
        filter.writeDocument(to: &out)

        #expect(asked == .asks)
        #expect(ended == .asksBesides)
        #expect(String(decoding: out.copyBytes(), as: UTF8.self) == wanted)
    }

    @Test(arguments: Dialect.allCases)
    func `a whole answer that asks nothing is not touched`(dialect: Dialect) throws {
        let filter = Self.filter(dialect)
        let document = ScriptedAnswer(dialect: dialect, parts: [.text("cairn_expand?"), Self.read]).document + "\n"

        let outcome = try Array(document.utf8).withUnsafeBytes { try filter.read(document: $0) }
        var out = ByteWriter(capacity: 1024)
        filter.writeDocument(to: &out)

        #expect(outcome == .complete)
        #expect(String(decoding: out.copyBytes(), as: UTF8.self) == document)
    }

    @Test(arguments: Dialect.allCases)
    func `a whole answer that asks once too often ends as if the model had stopped`(dialect: Dialect) throws {
        let filter = Self.filter(dialect)
        let document = ScriptedAnswer(dialect: dialect, parts: [.text("So."), Self.expand()]).document

        _ = try Array(document.utf8).withUnsafeBytes { try filter.read(document: $0) }
        var out = ByteWriter(capacity: 1024)
        filter.writeDocument(to: &out)

        let wanted = ScriptedAnswer(dialect: dialect, parts: [.text("So.")], reason: .stop).document
        #expect(String(decoding: out.copyBytes(), as: UTF8.self) == wanted)
    }

    @Test func `what is no answer is an error`() {
        for text in ["<html>", "[]", "{\"choices\":1}"] {
            #expect(throws: WireError.self) {
                try Array(text.utf8).withUnsafeBytes { try Self.filter(.chat).read(document: $0) }
            }
        }
    }

    // MARK: damage

    /// Bytes cut out, doubled or changed anywhere: nothing crashes, and what had not begun to ask passes as it came.
    @Test(arguments: Dialect.allCases)
    func `damaged answers are carried to an end`(dialect: Dialect) throws {
        let asking = ScriptedAnswer(
            dialect: dialect, parts: [.thinking("hm"), .text("So."), Self.expand(1), Self.read, Self.expand(2)])
        for seed in 0..<400 {
            var numbers = SeededGenerator(seed: UInt64(seed) << 8 | UInt64(dialect.rawValue))
            let damaged = AnswerFuzzTests.damage(Array(asking.stream.utf8), using: &numbers)
            let filter = Self.filter(dialect)
            var out = ByteWriter(capacity: 1024)

            damaged.withUnsafeBytes { filter.feed($0, to: &out) }
            let outcome = filter.finish(to: &out)
            filter.writeEnd(to: &out)
            for client in Dialect.allCases { _ = filter.turn(for: client) }
            if outcome == .asks { filter.beginNext() }
            let whole = AnswerFuzzTests.damage(Array(asking.document.utf8), using: &numbers)
            _ = whole.withUnsafeBytes { try? filter.read(document: $0) }
            filter.writeDocument(to: &out)

            if filter.calls.isEmpty, filter.roundIndex == 0, !String(decoding: damaged, as: UTF8.self).contains(tool) {
                #expect(out.copyBytes().starts(with: damaged), "seed \(seed)")
            }
        }
    }

    // MARK: the turn

    /// The hidden turn in each client's dialect, from each upstream's, read again as part of a request.
    @Test(arguments: Dialect.allCases, Dialect.allCases)
    func `the turn has everything the model said, as the client's dialect spells it`(
        upstream: Dialect, client: Dialect
    ) throws {
        let filter = Self.filter(upstream)
        let parts: [Part] = [.text("Look: \"it\"."), Self.expand(), Self.read]
        let stream = ScriptedAnswer(dialect: upstream, parts: parts).stream
        var out = ByteWriter(capacity: 1024)
        Array(stream.utf8).withUnsafeBytes { filter.feed($0, to: &out) }
        _ = filter.finish(to: &out)

        let turn = filter.turn(for: client)

        #expect(filter.calls.map { String(decoding: $0.identifier, as: UTF8.self) } == ["call_hidden1"])
        #expect(turn.callIdentifiers.map { String(decoding: $0, as: UTF8.self) } == ["call_hidden1"])
        #expect(turn.shown == [.text(Array("Look: \\\"it\\\".".utf8)), .call(Array("call_read".utf8))])
        let elements = String(decoding: turn.elements, as: UTF8.self)
        let body =
            client == .responses
            ? "{\"model\":\"m\",\"input\":[\(elements)]}" : "{\"model\":\"m\",\"messages\":[\(elements)]}"
        let prompt = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: client)
        let contents = prompt.turns.flatMap(\.parts).map(\.content)
        let names = contents.compactMap { content -> String? in
            if case .toolCall(let call) = content { prompt.source.text(of: call.name) } else { nil }
        }
        let texts = contents.compactMap { content -> String? in
            if case .text(let text) = content { prompt.source.text(of: text) } else { nil }
        }
        #expect(names == [tool, "read"])
        #expect(texts == ["Look: \"it\"."])
        #expect(prompt.turns.allSatisfy { $0.role == .assistant })
    }

    @Test func `thinking keeps its proof where the provider wants it back`() {
        let filter = Self.filter(.messages)
        let stream = ScriptedAnswer(dialect: .messages, parts: [.thinking("deep"), Self.expand()]).stream
        var out = ByteWriter(capacity: 1024)
        Array(stream.utf8).withUnsafeBytes { filter.feed($0, to: &out) }
        _ = filter.finish(to: &out)

        let turn = filter.turn(for: .messages)

        #expect(
            String(decoding: turn.elements, as: UTF8.self)
                == "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"deep\",\"signature\":\"proof\"},"
                + "{\"type\":\"tool_use\",\"id\":\"call_hidden1\",\"name\":\"cairn_expand\",\"input\":{\"handle\":\"ab1d\",\"lines\":\"3-9\"}}]}"
        )
        #expect(turn.shown == [.thinking(Array("deep".utf8))])
    }

    // MARK: comparing

    /// What an answer tells, whatever pieces it came in.
    private static func told(_ stream: String, _ dialect: Dialect) -> [String] {
        let reader = HiddenCallFilter(
            hiding: "no such tool", rareIndex: 0, from: dialect,
            context: AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2)))
        var out = ByteWriter(capacity: 1024)
        Array(stream.utf8).withUnsafeBytes { reader.feed($0, to: &out) }
        let outcome = reader.finish(to: &out)
        let turn = reader.turn(for: dialect)
        return ["\(outcome)", String(decoding: turn.elements, as: UTF8.self)]
            + reader.usages.map { String(decoding: $0, as: UTF8.self) }
    }
}
