// Cache marks are no part of what is remembered, and go where they are found again.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct CacheHintsTests {
    private func removed(_ text: String) -> String? {
        Array(text.utf8).withUnsafeBufferPointer { CacheHints.removed(from: $0) }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func marked(_ text: String, skipping: Int = 0, _ lifetime: CacheLifetime = .fiveMinutes) -> String? {
        Array(text.utf8).withUnsafeBufferPointer { CacheHints.marked($0, with: lifetime.hint, skipping: skipping) }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        (
            #"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#,
            #"{"role":"user","content":[{"type":"text","text":"a"}]}"#
        ),
        (#"[{"cache_control":{"type":"ephemeral"},"type":"text","text":"a"}]"#, #"[{"type":"text","text":"a"}]"#),
        (#"{"cache_control":null}"#, "{}"),
        (
            #"{"role":"user","content":[{"type":"tool_result","content":[{"type":"text", "cache_control" : {"a":1} ,"text":"x"}]}]}"#,
            #"{"role":"user","content":[{"type":"tool_result","content":[{"type":"text", "text":"x"}]}]}"#
        ),
    ])
    func `marks are removed and nothing else`(text: String, expected: String) {
        #expect(removed(text) == expected)
    }

    @Test(arguments: [
        #"{"role":"user","content":"the word \"cache_control\" in a text"}"#,
        #"{"role":"assistant","content":[{"type":"tool_use","input":{"cache_control":{"type":"ephemeral"}}}]}"#,
        #"{"name":"t","input_schema":{"properties":{"cache_control":{"type":"string"}}}}"#, "no JSON \"cache_control\"",
    ])
    func `what only looks like a mark stays`(text: String) {
        #expect(removed(text) == nil)
    }

    @Test func `a text given as a string becomes a block to carry the mark`() {
        #expect(
            marked(#"{"role":"user","content":"a"}"#)
                == #"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#)
        #expect(
            marked(#""a""#, .oneHour)
                == #"[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#)
    }

    @Test func `thinking, empty texts and what was told carry no mark`() throws {
        let turn =
            #"{"content":[{"type":"tool_use","id":"x"},{"type":"text","text":""},{"type":"thinking","thinking":"t"},{"type":"text","text":"now"}]}"#

        let result = try #require(marked(turn, skipping: 1))

        #expect(result.contains(#""id":"x","cache_control""#))
        #expect(result.matches(of: #/cache_control/#).count == 1)
    }

    @Test func `one hour pays when pauses are long`() {
        #expect(CacheLifetime.choose(prefix: 30_000, new: 1000, longPauseShare: 0) == .fiveMinutes)
        #expect(CacheLifetime.choose(prefix: 30_000, new: 1000, longPauseShare: 0.1) == .oneHour)
        #expect(CacheLifetime.choose(prefix: 1000, new: 1000, longPauseShare: 0.1) == .fiveMinutes)
    }

    @Test func `at most four places, the newest among them, none below the minimum`() {
        var outline = PromptOutline()
        for count in [4000, 2000, 9000, 100, 100, 100] {
            outline.append(Fingerprint(high: 0, low: UInt64(count)), byteCount: count)
        }
        let roles: [Turn.Role] = [.system, .user, .assistant, .user, .user]

        let plan = BreakpointPlan.own(
            roles: roles, emitted: outline, hasTools: true, knownTurnCount: 2, commonBytes: 15_000,
            prefixBytesMin: 7000,
            longPauseShare: 0)

        #expect(plan.places == [.turn(1), .turn(4)])
        #expect(plan.places.count <= BreakpointPlan.marksMax)
    }
}
