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
            try answerCase.text(expected: shown, notes: outcome.notes).write(to: file, atomically: true, encoding: .utf8)
        }
        let wanted = AnswerCase(reading: file)
        #expect(shown == (wanted.isStream || shown.isEmpty ? wanted.expected : String(wanted.expected.dropLast())))
        #expect(outcome.notes == wanted.expectedNotes)
    }
}
