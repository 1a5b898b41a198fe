// A made-up session for the tests of the cache models: turns named by numbers, with token counts.

import CairnCore

@testable import CairnLedger

/// The digest of a made-up turn.
func turn(_ number: UInt64) -> Fingerprint { Fingerprint(high: number, low: ~number) }

/// A prompt of turns with these numbers, all of the same length.
func prompt(_ numbers: [UInt64], tokens: Int = 100, breakpoints: [Int: CacheLifetime] = [:]) -> PromptShape {
    var shape = PromptShape()
    for (index, number) in numbers.enumerated() {
        shape.append(turn: turn(number), tokens: tokens, breakpoint: breakpoints[index])
    }
    return shape
}

func minutes(_ count: Int64) -> Moment { Moment(milliseconds: count * 60_000) }

extension CacheState {
    /// Records a call that went as this state predicted.
    mutating func play(_ prompt: PromptShape, at moment: Moment, output: Int = 0, answer: UInt64? = nil) -> TokenUsage {
        let predicted = predict(prompt, at: moment).usage
        var served = predicted
        served.output = output
        record(prompt, at: moment, served: served, answer: answer.map { AnswerMark(turn: turn($0)) })
        return predicted
    }
}
