// Every golden case of the answer side, whole and cut at every byte. UPDATE_GOLDEN=1 rewrites the expected sections.

import Foundation
import Testing

@testable import CairnWire

@Suite struct AnswerGoldenTests {
    @Test(arguments: AnswerCase.all.map(\.file))
    func `an answer is translated as its case says`(file: URL) throws {
        let answerCase = AnswerCase(reading: file)

        let outcome = AnswerOutcome(answerCase)

        let shown = String(decoding: outcome.bytes, as: UTF8.self)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try answerCase.text(expected: shown, notes: outcome.notes).write(
                to: file, atomically: true, encoding: .utf8)
        }
        let wanted = AnswerCase(reading: file)
        #expect((shown.hasSuffix("\n") ? shown : shown + "\n") == wanted.expected)
        #expect(outcome.notes == wanted.expectedNotes)
    }

    /// The pieces of a network are cut anywhere: byte by byte, and in two at every place.
    @Test(arguments: AnswerCase.all.filter(\.isStream).map(\.file))
    func `where a stream is cut makes no difference`(file: URL) {
        let answerCase = AnswerCase(reading: file)
        let whole = AnswerOutcome(answerCase)
        let count = answerCase.inputBytes.count

        let bytewise = AnswerOutcome(answerCase, cutAt: Array(1..<max(1, count)))

        #expect(bytewise == whole)
        // Every place of a short stream, every 61st of a long one: 61 has no factor in common with the sizes of events.
        let step = count < 700 ? 1 : 61
        let differing = stride(from: 1, to: count, by: step).first { AnswerOutcome(answerCase, cutAt: [$0]) != whole }
        #expect(differing == nil)
    }

    @Test(arguments: AnswerCase.all.filter(\.isStream).map(\.file))
    func `what a client gets is well-formed`(file: URL) throws {
        let answerCase = AnswerCase(reading: file)

        let outcome = AnswerOutcome(answerCase)

        // What passes as it is has the faults it came with.
        if answerCase.from != answerCase.to { try AnswerStreamCheck.check(outcome.bytes, answerCase.to) }
    }

    @Test func `there are at least 25 cases in each translating direction`() {
        for from in Dialect.allCases {
            for to in Dialect.allCases where from != to {
                #expect(AnswerCase.all.count { $0.from == from && $0.to == to } >= 25)
            }
        }
    }
}
