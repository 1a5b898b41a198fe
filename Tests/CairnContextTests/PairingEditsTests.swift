// Every call has its result and every result its call in what is sent, whatever a client dropped, and what was sent stays.

import CairnCore
import CairnWire
import Foundation
import Testing

@testable import CairnContext

@Suite struct PairingEditsTests {
    private func stage(_ dialect: Dialect) -> LineageStage {
        let stage = LineageStage()
        stage.dialect = dialect
        return stage
    }

    /// The turns between the brackets of the array.
    private func turns(_ body: String, _ dialect: Dialect) -> String {
        let key = dialect == .responses ? "\"input\":[" : "\"messages\":["
        let start = body.range(of: key)!.upperBound
        return String(body[start..<body.lastIndex(of: "]")!])
    }

    private func sent(_ talk: [ToolTalk], _ dialect: Dialect) throws -> String {
        let call = try stage(dialect).call(ToolTalk.body(talk, dialect))
        #expect(try PairingJudge.fault(call.body, dialect) == nil)
        return turns(call.body, dialect)
    }

    private func spelled(_ talk: [ToolTalk], _ dialect: Dialect) -> String {
        talk.flatMap { $0.spelled(dialect) }.joined(separator: ",")
    }

    private let start: [ToolTalk] = [.user("go"), .assistant("yes", calls: ["a", "b"])]

    @Test(arguments: Dialect.allCases) func `a prompt that a provider takes leaves as it came`(dialect: Dialect) throws
    {
        let talk =
            start + [
                .results([("b", "B"), ("a", "A")]), .assistant("and", calls: []), .user("on"),
                .assistant("more", calls: ["a"]), .resultsAndText([("a", "A2")], "hm"), .system("be brief"),
            ]

        let call = try stage(dialect).call(ToolTalk.body(talk, dialect))

        #expect(try PairingJudge.fault(ToolTalk.body(talk, dialect), dialect) == nil)
        #expect(call.body == ToolTalk.body(talk, dialect))
        #expect(!call.plan.changesPrompt && call.plan.batch.decisions.isEmpty)
    }

    @Test(arguments: Dialect.allCases) func `a call without a result is answered in front of what follows`(
        dialect: Dialect
    ) throws {
        let out = try sent(start + [.results([("a", "A")]), .assistant("on", calls: [])], dialect)

        let missing = "[no result: the call was not answered]"
        switch dialect {
        case .chat:
            #expect(
                out.contains(
                    #""content":"A"},{"role":"tool","tool_call_id":"b","content":"\#(missing)"},{"role":"assistant""#))
        case .messages:
            #expect(out.contains(#"{"type":"tool_result","tool_use_id":"b","content":"\#(missing)","is_error":true}]"#))
            #expect(out.contains(#""z":3"#))
        case .responses:
            #expect(out.contains(#"{"type":"function_call_output","call_id":"b","output":"\#(missing)"}"#))
        }
    }

    @Test(arguments: Dialect.allCases) func `a prompt that ends with a call is answered behind it`(dialect: Dialect)
        throws
    {
        let stage = stage(dialect)
        let first = try stage.call(ToolTalk.body(start, dialect))
        #expect(try PairingJudge.fault(first.body, dialect) == nil)

        let second = try stage.call(ToolTalk.body(start + [.results([("a", "A"), ("b", "B")])], dialect))

        #expect(try PairingJudge.fault(second.body, dialect) == nil)
        #expect(second.body.hasPrefix(String(promptText(first.body))))
        for text in ["A", "B"] {
            #expect(second.body.contains(#""\#(text)""#) || second.body.contains(#"\n\#(text)""#))
        }
        #expect(second.body.contains("[a result that no call waits for]"))
        #expect(second.plan.breakReason == .none)
    }

    @Test(arguments: Dialect.allCases) func `the real result of a call stands in its place on another branch`(
        dialect: Dialect
    ) throws {
        let stage = stage(dialect)
        _ = try stage.call(ToolTalk.body(start + [.user("stop")], dialect))
        let talk = start + [.results([("a", "A"), ("b", "B")])]

        let fork = try stage.call(ToolTalk.body(talk, dialect))

        #expect(turns(fork.body, dialect) == spelled(talk, dialect))
    }

    @Test(arguments: Dialect.allCases) func `an orphan becomes text and keeps its bytes`(dialect: Dialect) throws {
        let call = try stage(dialect).call(
            ToolTalk.body([.user("go"), .results([("z", #"lost \u00e9\n1"#)]), .assistant("hm", calls: [])], dialect))

        #expect(try PairingJudge.fault(call.body, dialect) == nil)
        #expect(call.body.contains(#"[a result that no call waits for]\nlost \u00e9\n1"#))
        let decision = try #require(call.plan.batch.decisions.first)
        #expect(decision.strategy == "pairing-repair" && decision.partIndex == 0)
        #expect(decision.chain == call.plan.batch.links[1].chain)
        #expect(decision.original == Array("lost é\n1".utf8).withUnsafeBytes { Fingerprint(of: $0) })
    }

    @Test(arguments: Dialect.allCases) func `a good result beside an orphan stays with its call`(dialect: Dialect)
        throws
    {
        let out = try sent(
            start + [.results([("z", "Z"), ("a", "A"), ("b", "B")]), .assistant("hm", calls: [])], dialect)
        let results = ToolTalk.results([("z", "Z"), ("a", "A"), ("b", "B")]).spelled(dialect)

        if dialect != .messages {
            #expect(out.contains(dialect == .chat ? results[1] + "," + results[2] : results[2]))
        }
        #expect(out.contains(#"[a result that no call waits for]"#))
    }

    @Test(arguments: Dialect.allCases) func `of two results of one call the first counts`(dialect: Dialect) throws {
        let out = try sent(
            [.user("go"), .assistant("x", calls: ["a"]), .results([("a", "one"), ("a", "two")])], dialect)

        #expect(out.contains("[a result that no call waits for]"))
        #expect(out.range(of: "one")!.lowerBound < out.range(of: "two")!.lowerBound)
    }

    @Test(arguments: [Dialect.chat, .messages]) func `text between a call and its result moves behind both`(
        dialect: Dialect
    ) throws {
        let out = try sent(
            [.user("go"), .assistant("x", calls: ["a"]), .user("wait"), .results([("a", "A")])], dialect)

        if dialect == .chat {
            #expect(
                out
                    == spelled(
                        [.user("go"), .assistant("x", calls: ["a"]), .results([("a", "A")]), .user("wait")], dialect))
        } else {
            #expect(
                out.hasSuffix(
                    #""content":[{"type":"tool_result","tool_use_id":"a","content":"A","y":2},{"type":"text","text":"wait"}],"x":1}"#
                ))
        }
    }

    @Test(arguments: Dialect.allCases) func `a result in front of its call moves behind it`(dialect: Dialect) throws {
        let out = try sent([.user("go"), .results([("a", "A")]), .assistant("x", calls: ["a"])], dialect)

        #expect(!out.contains("no call waits") && !out.contains("not answered"))
    }

    @Test func `text in front of results in one message moves behind them`() throws {
        let out = try sent(
            [.user("go"), .assistant("x", calls: ["a"]), .textAndResults("look", [("a", "A")])], .messages)

        #expect(
            out.hasSuffix(
                #"[{"type":"tool_result","tool_use_id":"a","content":"A","y":2},{"type":"text","text":"look"}],"z":3}"#)
        )
    }

    @Test func `results in several messages of the user stay there`() throws {
        let talk = start + [.results([("a", "A")]), .resultsAndText([("b", "B")], "both")]
        #expect(try sent(talk, .messages) == spelled(talk, .messages))
    }

    @Test func `identifiers that come again are paired with the newest call`() throws {
        let talk: [ToolTalk] = [
            .user("go"), .assistant("1", calls: ["call_0"]), .results([("call_0", "A")]),
            .assistant("2", calls: ["call_0"]), .results([("call_0", "B")]),
        ]
        for dialect in Dialect.allCases { #expect(try sent(talk, dialect) == spelled(talk, dialect)) }
    }

    @Test(arguments: [
        #"{"input":[{"type":"local_shell_call","call_id":"s1","action":{}},{"type":"function_call_output","call_id":"s1","output":"x"}]}"#,
        #"{"input":[{"type":"item_reference","id":"fc_1"},{"type":"function_call_output","call_id":"s1","output":"x"}]}"#,
        #"{"input":[{"type":"function_call_output","call_id":"s1","output":"x"}],"previous_response_id":"resp_1"}"#,
        #"{"input":[{"type":"function_call_output","call_id":"s1","output":"x"}],"conversation":"conv_1"}"#,
        #"{"input":[{"type":"function_call","call_id":"\u0061","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"x"}]}"#,
    ]) func `what only the provider can pair is left alone`(body: String) throws {
        let call = try stage(.responses).call(body)
        #expect(call.body == body && !call.plan.changesPrompt)
    }

    @Test func `functions of chat's oldest form need no pairs`() throws {
        let body =
            #"{"messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"user","content":"x"},{"role":"function","name":"g","content":"y"}]}"#
        #expect(try stage(.chat).call(body).body == body)
    }

    @Test func `a call that is only looked at leaves as it came`() throws {
        let stage = stage(.chat)
        stage.onlyObserves = true
        #expect(!(try stage.call(ToolTalk.body(start, .chat)).plan.changesPrompt))
    }

    @Test func `a clock is told behind a repaired turn`() throws {
        let stage = stage(.chat)
        let clock = ToolTalk.system(#"Current time: 2026-11-20T12:00:09Z\nYou are an agent."#)

        let call = try stage.call(ToolTalk.body([clock] + start + [.results([("z", "Z")])], .chat))

        #expect(try PairingJudge.fault(call.body, .chat) == nil)
        #expect(call.body.contains(#"Z\n\n<now>\nCurrent time: 2026-11-20T12:00:09Z\n</now>"}"#))
    }

    // MARK: any mess

    /// Turns that a harness with faults might add.
    private func mess(_ random: inout SeededRandom, _ number: inout Int) -> ToolTalk {
        func name() -> String { "c\(Int.random(in: max(0, number - 4)...number, using: &random))" }
        func results() -> [(call: String, text: String)] {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                number += 1
                return (name(), "result-\(number)-")
            }
        }
        number += 1
        switch Int.random(in: 0...7, using: &random) {
        case 0: return .user("word-\(number)-")
        case 1, 2: return .assistant("word-\(number)-", calls: [name(), "d\(number)"])
        case 3: return .assistant("word-\(number)-", calls: [])
        case 4: return .resultsAndText(results(), "word-\(number)-")
        case 5: return .textAndResults("word-\(number)-", results())
        case 6: return .system("word-\(number)-")
        default: return .results(results())
        }
    }

    @Test(arguments: Dialect.allCases, 0..<20)
    func `any mess becomes valid, loses nothing, only grows, and is in order then`(dialect: Dialect, seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let stage = stage(dialect)
        var number = 0
        var talk: [ToolTalk] = [.user("word-0-")]
        var before = ""
        for step in 0..<12 {
            for _ in 0..<Int.random(in: 1...3, using: &random) { talk.append(mess(&random, &number)) }

            let call = try stage.call(ToolTalk.body(talk, dialect))

            #expect(try PairingJudge.fault(call.body, dialect) == nil, "seed \(seed), step \(step): \(call.body)")
            #expect(call.body.hasPrefix(before), "seed \(seed), step \(step)")
            for word in spelled(talk, dialect).matches(of: /(word|result)-\d+-/).map({ String($0.output.0) }) {
                #expect(call.body.components(separatedBy: word).count == 2, "\(word), seed \(seed), step \(step)")
            }
            let again = try self.stage(dialect).call(call.body)
            #expect(again.body == call.body && !again.plan.changesPrompt, "seed \(seed), step \(step)")
            #expect(Set(call.plan.batch.decisions.map(\.strategy)).isSubset(of: ["pairing-repair"]))
            before = String(promptText(call.body))
            if step % 4 == 3 { stage.restart() }
        }
    }
}
