// Damaged and random answers: no reader crashes, every client gets a stream it can read, and nothing that was said is
// lost on a way there and back. Seeds are printed by the failing test; FUZZ_ROUNDS makes it longer.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct AnswerFuzzTests {
    private static let rounds = ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 300

    @Test(arguments: Dialect.allCases)
    func `a damaged answer still makes a readable stream`(client: Dialect) throws {
        let cases = AnswerCase.all.filter { $0.isStream && $0.from != $0.to && $0.to == client }
        for round in 0..<Self.rounds {
            var numbers = SeededGenerator(seed: UInt64(round) << 8 | UInt64(client.rawValue))
            var answerCase = cases.randomElement(using: &numbers)!
            let damaged = Self.damage(answerCase.inputBytes, using: &numbers)
            answerCase.settings.append(("markup", "think dsml"))

            let written = Self.translate(damaged, answerCase, using: &numbers)

            try withKnownContext("round \(round), client \(client.name), \(answerCase.file.lastPathComponent)") {
                try AnswerStreamCheck.check(written, client)
            }
        }
    }

    @Test(arguments: Dialect.allCases)
    func `a damaged document is translated or refused`(from: Dialect) throws {
        let cases = AnswerCase.all.filter { !$0.isStream && $0.from == from && $0.from != $0.to }
        for round in 0..<Self.rounds {
            var numbers = SeededGenerator(seed: UInt64(round) << 8 | UInt64(from.rawValue))
            let answerCase = cases.randomElement(using: &numbers)!
            let damaged = Self.damage(answerCase.inputBytes, using: &numbers)
            var out = ByteWriter(capacity: 1024)

            let told = damaged.withUnsafeBufferPointer { bytes in
                try? AnswerTranslator.translate(
                    document: UnsafeRawBufferPointer(bytes), from: from, to: answerCase.to, context: answerCase.context,
                    to: &out)
            }

            if told == nil {
                let writtenBytes = out.count
                #expect(writtenBytes == 0)
            } else {
                let written = Data(out.copyBytes())
                #expect(throws: Never.self, "round \(round)") { try JSONSerialization.jsonObject(with: written) }
            }
        }
    }

    private func withKnownContext(_ comment: String, _ body: () throws -> Void) throws {
        do { try body() } catch {
            Issue.record("\(comment): \(error)")
            throw error
        }
    }

    /// Bytes changed, left out and doubled; lines swapped; numbers and words replaced.
    static func damage(_ input: [UInt8], using numbers: inout SeededGenerator) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...4, using: &numbers) where bytes.count > 8 {
            let place = Int.random(in: 0..<bytes.count, using: &numbers)
            let end = min(bytes.count, place + Int.random(in: 1...40, using: &numbers))
            switch Int.random(in: 0..<7, using: &numbers) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &numbers)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 3: bytes.replaceSubrange(place..<end, with: "\n\n".utf8)
            case 4:
                // Whole events, in another order.
                var events = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                events.swapAt(
                    .random(in: 0..<events.count, using: &numbers), .random(in: 0..<events.count, using: &numbers))
                bytes = Array(events.joined(separator: [UInt8(ascii: "\n")]))
            case 5:
                // A digit: indexes that jump.
                if let digit = bytes[place...].firstIndex(where: { $0 >= 0x30 && $0 <= 0x39 }) {
                    bytes[digit] = UInt8.random(in: 0x30...0x39, using: &numbers)
                }
            default:
                let words = ["null", "{}", "[]", "\"\"", "true", "-1", "9223372036854775808", "\"\\ud800\""]
                bytes.replaceSubrange(place..<end, with: words.randomElement(using: &numbers)!.utf8)
            }
        }
        return bytes
    }

    private static func translate(
        _ input: [UInt8], _ answerCase: AnswerCase, using numbers: inout SeededGenerator
    ) -> [UInt8] {
        var out = ByteWriter(capacity: 1024)
        var translator = AnswerTranslator(from: answerCase.from, to: answerCase.to, context: answerCase.context)
        var start = 0
        while start < input.count {
            let end = min(input.count, start + Int.random(in: 1...200, using: &numbers))
            Array(input[start..<end]).withUnsafeBytes { translator.feed($0, to: &out) }
            start = end
        }
        _ = translator.finish(to: &out)
        return out.copyBytes()
    }

    // There and back

    @Test(arguments: [Dialect.messages, .responses])
    func `what a model says survives a way through another dialect and back`(middle: Dialect) throws {
        for round in 0..<Self.rounds {
            var numbers = SeededGenerator(seed: UInt64(round) << 4 | UInt64(middle.rawValue))
            let said = SaidAnswer(using: &numbers)
            let chat = said.chatStream(using: &numbers)

            let there = Self.translate(chat, from: .chat, to: middle)
            let back = Self.translate(there, from: middle, to: .chat)

            #expect(SaidAnswer(readingChat: back) == said, "round \(round)")
        }
    }

    @Test func `calls written as markup are the calls that were meant`() throws {
        for round in 0..<Self.rounds {
            var numbers = SeededGenerator(seed: UInt64(round))
            let said = SaidAnswer(using: &numbers)
            let chat = said.chatStreamWithMarkup(using: &numbers)

            let read = Self.translate(chat, from: .chat, to: .chat, markup: [.deepSeekToolCalls, .thinkTags])

            let heard = SaidAnswer(readingChat: read)
            #expect(heard.text == said.text, "round \(round)")
            #expect(heard.thinking == said.thinking, "round \(round)")
            #expect(heard.calls.map(\.name) == said.calls.map(\.name))
            for (one, other) in zip(heard.calls, said.calls) {
                let arguments = try JSONSerialization.jsonObject(with: Data(one.arguments.utf8)) as? NSDictionary
                let meant = try JSONSerialization.jsonObject(with: Data(other.arguments.utf8)) as? NSDictionary
                #expect(arguments == meant, "round \(round)")
            }
        }
    }

    private static func translate(
        _ input: [UInt8], from: Dialect, to: Dialect, markup: AnswerContext.Markup = []
    ) -> [UInt8] {
        var context = AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2))
        context.markup = markup
        context.includesUsage = true
        var out = ByteWriter(capacity: 1024)
        var translator = AnswerTranslator(from: from, to: to, context: context)
        input.withUnsafeBytes { translator.feed($0, to: &out) }
        #expect(translator.finish(to: &out) == .whole)
        return out.copyBytes()
    }
}

/// What a model says, made at random, and its chat streams.
private struct SaidAnswer: Equatable {
    struct Call: Equatable {
        var name: String
        var arguments: String
    }

    var thinking = ""
    var text = ""
    var calls: [Call] = []

    private static let pieces = [
        "a", "Hello ", "\n", "\n\n", "\"", "\\", "{", "}", "[1]", "<", "</", "<th", "<｜", "｜DSML｜", "é", "\u{1F600}",
        "\u{2028}", "\t", "\u{1}", "data: ", "[DONE]", "`", "0", "/", "漢字", "e\u{301}",
    ]

    private static func someText(using numbers: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...12, using: &numbers)).map { _ in pieces.randomElement(using: &numbers)! }.joined()
    }

    init(using numbers: inout SeededGenerator) {
        if Bool.random(using: &numbers) { thinking = Self.someText(using: &numbers) }
        if Bool.random(using: &numbers) { text = "T" + Self.someText(using: &numbers) + "." }
        for index in 0..<Int.random(in: 0...4, using: &numbers) {
            var members: [String: Any] = [:]
            for key in 0..<Int.random(in: 0...3, using: &numbers) {
                members["k\(key)"] = Bool.random(using: &numbers) ? Self.someText(using: &numbers) : [1, ["x": "y\n"]]
            }
            let arguments = try! JSONSerialization.data(withJSONObject: members)
            calls.append(Call(name: "tool_\(index)", arguments: String(decoding: arguments, as: UTF8.self)))
        }
    }

    /// Thinking, text, then the calls' pieces in any order.
    func chatStream(using numbers: inout SeededGenerator) -> [UInt8] {
        var events: [Any] = Self.cut(thinking, using: &numbers).map { ["reasoning_content": $0] }
        events += Self.cut(text, using: &numbers).map { ["content": $0] as Any }
        var waiting: [[Any]] = calls.enumerated().map { index, call in
            let pieces = Self.cut(call.arguments, using: &numbers).map {
                ["tool_calls": [["index": index, "function": ["arguments": $0]]]] as Any
            }
            let function = ["name": call.name, "arguments": ""]
            return [
                ["tool_calls": [["index": index, "id": "call_\(index)", "type": "function", "function": function]]]
            ]
                + pieces
        }
        // Calls begin in their order; after that their pieces mix.
        events += waiting.indices.map { waiting[$0].removeFirst() }
        while waiting.contains(where: { !$0.isEmpty }) {
            let index = waiting.indices.randomElement(using: &numbers)!
            if !waiting[index].isEmpty { events.append(waiting[index].removeFirst()) }
        }
        return Self.stream(events, finish: calls.isEmpty ? "stop" : "tool_calls")
    }

    /// The same as one text with markup in it, cut anywhere.
    func chatStreamWithMarkup(using numbers: inout SeededGenerator) -> [UInt8] {
        let bar = "｜DSML｜"
        var whole = thinking.isEmpty ? "" : "<think>\(thinking)</think>"
        whole += text
        if !calls.isEmpty {
            whole += "\n\n<\(bar)tool_calls>\n"
            for call in calls {
                whole += "<\(bar)invoke name=\"\(call.name)\">\n"
                let members = try! JSONSerialization.jsonObject(with: Data(call.arguments.utf8)) as! [String: Any]
                for (key, value) in members {
                    if let text = value as? String {
                        whole += "<\(bar)parameter name=\"\(key)\" string=\"true\">\(text)</\(bar)parameter>\n"
                    } else {
                        let json = try! JSONSerialization.data(withJSONObject: value)
                        whole +=
                            "<\(bar)parameter name=\"\(key)\" string=\"false\">"
                            + String(decoding: json, as: UTF8.self) + "</\(bar)parameter>\n"
                    }
                }
                whole += "</\(bar)invoke>\n"
            }
            whole += "</\(bar)tool_calls>"
        }
        return Self.stream(Self.cut(whole, using: &numbers).map { ["content": $0] }, finish: "stop")
    }

    private static func cut(_ text: String, using numbers: inout SeededGenerator) -> [String] {
        var pieces: [String] = []
        var rest = Array(text.unicodeScalars)
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...7, using: &numbers))
            pieces.append(String(String.UnicodeScalarView(rest.prefix(count))))
            rest.removeFirst(count)
        }
        return pieces
    }

    private static func stream(_ deltas: [Any], finish: String) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ choice: [String: Any]) {
            let event: [String: Any] = ["id": "c", "model": "m", "choices": [choice]]
            bytes += Array("data: ".utf8) + (try! JSONSerialization.data(withJSONObject: event)) + Array("\n\n".utf8)
        }
        for delta in deltas { append(["index": 0, "delta": delta]) }
        append(["index": 0, "delta": [String: Any](), "finish_reason": finish])
        return bytes + Array("data: [DONE]\n\n".utf8)
    }

    /// Puts a chat stream together as a client does.
    init(readingChat bytes: [UInt8]) {
        var scanner = EventStreamScanner()
        var heard: [Int: Call] = [:]
        bytes.withUnsafeBytes { all in
            scanner.scan(all) { event in
                guard event.hasData, !event.data.equals("[DONE]"),
                    let object = try? JSONSerialization.jsonObject(with: Data(event.data)) as? [String: Any],
                    let choice = (object["choices"] as? [[String: Any]])?.first,
                    let delta = choice["delta"] as? [String: Any]
                else { return }
                thinking += delta["reasoning_content"] as? String ?? ""
                text += delta["content"] as? String ?? ""
                for call in delta["tool_calls"] as? [[String: Any]] ?? [] {
                    let index = call["index"] as! Int
                    let function = call["function"] as! [String: Any]
                    if let name = function["name"] as? String { heard[index] = Call(name: name, arguments: "") }
                    heard[index]?.arguments += function["arguments"] as? String ?? ""
                }
            }
        }
        calls = heard.sorted { $0.key < $1.key }.map(\.value)
    }
}
