// Told texts and cache marks on turns that leave as no element, or as several.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct EmittedElementsTests {
    private func told(_ turn: String, _ dialect: Dialect) -> String? {
        Array("NEWS\\n".utf8).withUnsafeBufferPointer { news in
            Array(turn.utf8).withUnsafeBufferPointer { TailText.inserted(news, into: $0, dialect: dialect) }
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    private func marked(_ turn: String, skipping: Int = 0) -> String? {
        Array(turn.utf8).withUnsafeBufferPointer {
            CacheHints.marked($0, with: Array(#"{"type":"ephemeral"}"#.utf8), skipping: skipping)
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a text is told at the end of the last element`() {
        let news = #"<now>\nNEWS\n</now>"#
        #expect(
            told(#"{"role":"tool","content":"a"},{"role":"user","content":"b","x":1}"#, .chat)
                == #"{"role":"tool","content":"a"},{"role":"user","content":"b\n\n\#(news)","x":1}"#)
        #expect(
            told(#"{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"user","content":"b"}"#, .messages)
                == #"{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"\#(news)"}]}"#
        )
        #expect(
            told(
                #"{"type":"function_call_output","call_id":"c","output":"a"},{"type":"function_call_output","call_id":"d","output":[{"type":"input_text","text":"b"}]}"#,
                .responses)
                == #"{"type":"function_call_output","call_id":"c","output":"a"},{"type":"function_call_output","call_id":"d","output":[{"type":"input_text","text":"b"},{"type":"input_text","text":"\#(news)"}]}"#
        )
    }

    @Test(arguments: Dialect.allCases) func `nothing is told in a turn that is left out`(dialect: Dialect) {
        #expect(told("", dialect) == nil)
        #expect(told(#"{"type":"function_call","call_id":"c"}"#, dialect) == nil)
    }

    @Test func `a mark goes on the last element that may carry one`() {
        let mark = #","cache_control":{"type":"ephemeral"}"#
        let first = #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}"#
        let thinking = #"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]}"#
        #expect(
            marked(first + "," + thinking)
                == #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"\#(mark)}]},\#(thinking)"#)
        #expect(
            marked(first + #",{"role":"user","content":"b"}"#)
                == first + #",{"role":"user","content":[{"type":"text","text":"b"\#(mark)}]}"#)
        // What is told last stays behind the mark, also when it is all of its element.
        #expect(
            marked(first + #",{"role":"user","content":[{"type":"text","text":"now"}]}"#, skipping: 1)
                == #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"\#(mark)}]},{"role":"user","content":[{"type":"text","text":"now"}]}"#
        )
        #expect(marked("") == nil)
        #expect(marked(thinking) == nil)
        #expect(marked(#""system""#) == #"[{"type":"text","text":"system"\#(mark)}]"#)
    }

    @Test func `breakpoints stand on turns that leave anything`() {
        var emitted = PromptOutline()
        for count in [5000, 4000, 0, 3000, 0, 0] {
            emitted.append(Fingerprint(high: UInt64(count), low: 1), byteCount: count)
        }
        let plan = BreakpointPlan.own(
            roles: [.system, .user, .assistant, .user, .assistant, .user], emitted: emitted, hasTools: false,
            knownTurnCount: 3, commonBytes: 0, prefixBytesMin: 1, longPauseShare: 0)
        #expect(plan.places == [.turn(0), .turn(1), .turn(3)])
    }

    @Test func `breakpoints are found again in what was written`() throws {
        let stage = LineageStage()
        stage.dialect = .chat
        let call = try stage.call(
            ToolTalk.body(
                [
                    .user("go"), .assistant("x", calls: ["a", "b"]), .user("wait"), .results([("a", "A")]),
                    .user("on"),
                ], .chat))
        var plan = BreakpointPlan()
        plan.places = [.tools, .turn(1), .turn(2), .turn(4)]

        let written = call.plan.asWritten(plan)

        // user, assistant, [tool a, tool b, user wait], nothing, user on
        #expect(written.places == [.tools, .turn(1), .turn(4), .turn(5)])
        let prompt = try Prompt(reading: SourceDocument(parsing: Array(call.body.utf8)), dialect: .chat)
        #expect(prompt.turns.count == 6)
        plan.places = [.turn(3)]
        #expect(call.plan.asWritten(plan).places.isEmpty)
    }

    @Test func `a client's mark on a turn that is left out goes on the one in front of it`() throws {
        let stage = LineageStage()
        stage.dialect = .messages
        let body =
            #"{"messages":[{"role":"user","content":"go"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":"wait"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"A","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}"#
        let call = try stage.call(body)
        let client = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: .messages)
        var prompt = client

        call.plan.apply(to: &prompt)
        call.plan.mark(&prompt, of: client, BreakpointPlan())

        var out = ByteWriter(capacity: 64)
        _ = try prompt.encode(for: UpstreamTraits(.anthropic, dialect: .messages), to: &out)
        #expect(
            String(decoding: out.copyBytes(), as: UTF8.self).hasSuffix(
                #"[{"type":"tool_result","tool_use_id":"a","content":"A"},{"type":"text","text":"wait","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}"#
            ))
    }
}
