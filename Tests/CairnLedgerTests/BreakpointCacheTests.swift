// Anthropic's cache: prefixes that ended at a breakpoint.

import CairnCore
import Testing

@testable import CairnLedger

@Suite struct BreakpointCacheTests {
    let model = CacheModel.anthropic(minimumTokens: 1024)

    @Test func `a breakpoint writes, the next call reads and writes what is new`() {
        var state = CacheState(model)
        let first = state.play(prompt([1, 2], tokens: 1000, breakpoints: [1: .fiveMinutes]), at: minutes(0))
        let second = state.play(
            prompt([1, 2, 3, 4], tokens: 1000, breakpoints: [3: .fiveMinutes]), at: minutes(1))

        #expect(first == TokenUsage(write5m: 2000))
        #expect(second == TokenUsage(hit: 2000, write5m: 2000))
    }

    @Test func `what follows the last breakpoint is a miss, and without one nothing is kept`() {
        var state = CacheState(model)
        let marked = state.play(prompt([1, 2, 3], tokens: 1100, breakpoints: [1: .fiveMinutes]), at: minutes(0))
        let plain = state.play(prompt([1, 2, 3], tokens: 1100), at: minutes(1))

        #expect(marked == TokenUsage(miss: 1100, write5m: 2200))
        #expect(plain == TokenUsage(miss: 3300))
    }

    @Test func `a prefix below the minimum is not kept`() {
        var state = CacheState(.anthropic(minimumTokens: 4096))
        let shape = prompt([1, 2], tokens: 2047, breakpoints: [1: .fiveMinutes])

        #expect(state.play(shape, at: minutes(0)) == TokenUsage(miss: 4094))
        #expect(state.play(shape, at: minutes(1)) == TokenUsage(miss: 4094))
    }

    @Test func `one hour and five minutes are written at their own prices`() {
        var state = CacheState(model)
        let usage = state.play(
            prompt([1, 2, 3], tokens: 1100, breakpoints: [0: .oneHour, 1: .fiveMinutes]), at: minutes(0))

        #expect(usage == TokenUsage(miss: 1100, write5m: 1100, write1h: 1100))
    }

    @Test func `lifetimes count from the last read`() {
        var state = CacheState(model)
        let shape = prompt([1, 2], tokens: 1100, breakpoints: [0: .oneHour, 1: .fiveMinutes])
        _ = state.play(shape, at: minutes(0))

        #expect(state.play(shape, at: minutes(5)) == TokenUsage(hit: 2200))
        #expect(state.play(shape, at: minutes(10)) == TokenUsage(hit: 2200))
        // Five minutes are over; the hour of the first prefix is not.
        #expect(state.play(shape, at: minutes(60)) == TokenUsage(hit: 1100, write5m: 1100))
        #expect(state.play(shape, at: minutes(121)) == TokenUsage(write5m: 1100, write1h: 1100))
    }

    @Test(arguments: [(18, true), (19, true), (20, false)])
    func `a breakpoint looks back over 20 blocks`(newTurnCount: Int, isFound: Bool) {
        var state = CacheState(model)
        _ = state.play(prompt([1, 2], tokens: 1000, breakpoints: [1: .fiveMinutes]), at: minutes(0))
        let numbers = [1, 2] + (0..<UInt64(newTurnCount)).map { 50 + $0 }

        let usage = state.play(
            prompt(numbers, tokens: 1000, breakpoints: [numbers.count - 1: .fiveMinutes]), at: minutes(1))

        #expect(usage.hit == (isFound ? 2000 : 0))
    }

    @Test func `an earlier breakpoint within reach finds what the last one misses`() {
        var state = CacheState(model)
        _ = state.play(prompt([1, 2], tokens: 1000, breakpoints: [1: .fiveMinutes]), at: minutes(0))
        let numbers = [1, 2] + (0..<UInt64(40)).map { 50 + $0 }

        let usage = state.play(
            prompt(numbers, tokens: 1000, breakpoints: [10: .fiveMinutes, 41: .fiveMinutes]), at: minutes(1))

        #expect(usage == TokenUsage(hit: 2000, write5m: 40_000))
    }

    @Test func `a change before the breakpoint loses everything behind it`() {
        var state = CacheState(model)
        _ = state.play(prompt([1, 2, 3], tokens: 1100, breakpoints: [0: .oneHour, 2: .fiveMinutes]), at: minutes(0))

        let usage = state.play(
            prompt([1, 9, 3], tokens: 1100, breakpoints: [0: .oneHour, 2: .fiveMinutes]), at: minutes(1))

        #expect(usage == TokenUsage(hit: 1100, write5m: 2200))
    }

    @Test func `only the last four breakpoints count`() {
        var state = CacheState(model)
        let all = Dictionary(uniqueKeysWithValues: (0..<6).map { ($0, CacheLifetime.fiveMinutes) })
        _ = state.play(prompt([1, 2, 3, 4, 5, 6], tokens: 2000, breakpoints: all), at: minutes(0))

        #expect(state.predict(prompt([1, 2], tokens: 2000, breakpoints: [1: .oneHour]), at: minutes(1)).usage.hit == 0)
        #expect(
            state.predict(prompt([1, 2, 3], tokens: 2000, breakpoints: [2: .oneHour]), at: minutes(1)).usage.hit == 6000
        )
    }

    @Test func `prefixes beyond the limit forget the one used longest ago`() {
        var state = CacheState(model)
        for number in 0...UInt64(CacheState.prefixesMax) {
            _ = state.play(
                prompt([100 + number], tokens: 2000, breakpoints: [0: .oneHour]),
                at: Moment(milliseconds: Int64(number)))
        }

        #expect(state.predict(prompt([100], tokens: 2000, breakpoints: [0: .oneHour]), at: minutes(1)).usage.hit == 0)
        #expect(
            state.predict(prompt([101], tokens: 2000, breakpoints: [0: .oneHour]), at: minutes(1)).usage.hit == 2000)
    }

    @Test func `the provider's count of a prompt corrects the shape's`() {
        var state = CacheState(model)
        state.record(
            prompt([1, 2], tokens: 1000, breakpoints: [1: .fiveMinutes]), at: minutes(0),
            served: TokenUsage(write5m: 2500))

        let next = state.predict(
            prompt([1, 2, 3], tokens: 1000, breakpoints: [2: .fiveMinutes]), at: minutes(1)
        ).usage

        #expect(next == TokenUsage(hit: 2500, write5m: 1000))

        let told = state.predict(
            prompt([1, 2, 3, 4], tokens: 1000, breakpoints: [2: .fiveMinutes]), at: minutes(1), promptTokens: 5500
        ).usage
        #expect(told == TokenUsage(miss: 1500, hit: 2500, write5m: 1500))
    }
}
