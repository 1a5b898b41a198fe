import Foundation
import Synchronization
import Testing

@testable import CairnGateway

@Suite struct LogTests {
    /// A log into a pipe, with a clock that the test moves.
    private final class Recorder: Sendable {
        let log: Log
        private let readEnd: Int32
        private let writeEnd: Int32
        private let clock: Clock

        final class Clock: Sendable {
            let nanoseconds = Atomic<UInt64>(1_795_169_061_123_000_000)
        }

        init(level: Log.Level) {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            (readEnd, writeEnd) = (ends[0], ends[1])
            _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
            let clock = Clock()
            self.clock = clock
            log = Log(level: level, fileDescriptor: writeEnd) { clock.nanoseconds.load(ordering: .relaxed) }
        }

        deinit {
            close(readEnd)
            close(writeEnd)
        }

        func advance(nanoseconds: UInt64) { clock.nanoseconds.wrappingAdd(nanoseconds, ordering: .relaxed) }

        /// The lines since the last time, without their line feeds.
        func lines() -> [String] {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(readEnd, &buffer, buffer.count)
                if count <= 0 { break }
                bytes.append(contentsOf: buffer[..<count])
            }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    @Test func `a line is logfmt with time, level, event and fields in their order`() {
        let recorder = Recorder(level: .info)

        recorder.log.info("done", ["status": 200, "model": "gpt-5", "note": .text("two words"), "empty": ""])

        #expect(
            recorder.lines() == [
                #"time=2026-11-20T10:04:21.123Z level=info event=done status=200 model=gpt-5 note="two words" empty="""#
            ])
    }

    @Test func `the readiness line says where it listens`() {
        let recorder = Recorder(level: .info)

        recorder.log.listening(url: "http://127.0.0.1:8787")

        #expect(recorder.lines().first?.contains("listening on http://127.0.0.1:8787") == true)
    }

    @Test(arguments: [
        "a\nlevel=error event=forged", "a\r\nb", "\u{1B}[2Jclear", "quote\" level=error", "back\\slash", "k=v",
        "nul\u{0}",
        "\u{85}\u{2028}\u{2029}", "right-to-left \u{202E}", "\u{9B}31m",
    ])
    func `no value can end its line, forge a field or reach the terminal`(value: String) throws {
        let recorder = Recorder(level: .info)

        recorder.log.info("event", ["value": .text(value), "last": 1])

        let lines = recorder.lines()
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0.value != 0x202E })
        #expect(line.contains("value=\"") && line.hasSuffix("\" last=1"))
        let quoted = line.components(separatedBy: "value=")[1].dropLast(" last=1".count)
        #expect(
            try JSONSerialization.jsonObject(with: Data(quoted.utf8), options: .fragmentsAllowed) as? String == value)
    }

    @Test(arguments: Log.Level.allCases)
    func `a level includes those before it and no more`(level: Log.Level) {
        let recorder = Recorder(level: level)

        recorder.log.error("event", ["of": "error"])
        recorder.log.warning("event", ["of": "warning"])
        recorder.log.info("event", ["of": "info"])
        recorder.log.debug("event", ["of": "debug"])
        recorder.log.trace("event", ["of": "trace"])

        let expected = Log.Level.allCases.prefix { $0 != level }.map(\.rawValue) + [level.rawValue]
        #expect(recorder.lines().map { String($0.split(separator: "=").last ?? "") } == expected)
    }

    @Test func `a flood of one event is cut off and counted, other events pass`() {
        let recorder = Recorder(level: .info)

        for _ in 0..<Log.linesPerSecondMax + 7 { recorder.log.info("flood") }
        recorder.log.info("calm")
        let first = recorder.lines()
        recorder.advance(nanoseconds: 1_000_000_000)
        recorder.log.info("flood")
        recorder.log.info("flood")
        let second = recorder.lines()

        #expect(first.count == Log.linesPerSecondMax + 1)
        #expect(first.last?.hasSuffix("event=calm") == true)
        #expect(second.count == 2)
        #expect(second.first?.hasSuffix("event=flood suppressed=7") == true)
        #expect(second.last?.hasSuffix("event=flood") == true)
    }

    @Test func `a clock set back does not silence the log`() {
        let recorder = Recorder(level: .info)
        for _ in 0..<Log.linesPerSecondMax { recorder.log.info("event") }
        _ = recorder.lines()

        recorder.advance(nanoseconds: 0 &- 3_600_000_000_000)
        recorder.log.info("event")

        #expect(recorder.lines().count == 1)
    }

    @Test func `long values and lines are cut, and the line still ends`() {
        let recorder = Recorder(level: .info)
        let long = String(repeating: "x", count: 5000)

        recorder.log.info("event", ["a": .text(long), "b": .text(long), "c": .text(long), "d": .text(long), "e": 5])

        let lines = recorder.lines()
        #expect(lines.count == 1)
        #expect(lines[0].utf8.count < Log.lineBytesMax)
        #expect(lines[0].hasSuffix(" e=5"))
        #expect(lines[0].contains("b=\"x") && !lines[0].contains(" d="))
    }

    @Test func `a reader that stopped costs lines, not time`() {
        let recorder = Recorder(level: .info)
        let start = Date()

        for _ in 0..<200 {
            for _ in 0..<Log.linesPerSecondMax {
                recorder.log.info("event", ["pad": .text(String(repeating: "x", count: 900))])
            }
            recorder.advance(nanoseconds: 1_000_000_000)
        }
        #expect(Date().timeIntervalSince(start) < 5)
        let kept = recorder.lines().count
        recorder.log.info("after")

        #expect(kept < 200 * Log.linesPerSecondMax)
        #expect(recorder.lines().first?.contains("lost=\(200 * Log.linesPerSecondMax - kept)") == true)
    }

    @Test func `lines of many threads come whole`() {
        let recorder = Recorder(level: .info)
        let running = Atomic(4)

        for number in 0..<4 {
            Thread {
                for _ in 0..<50 {
                    recorder.advance(nanoseconds: 1_000_000_000)
                    recorder.log.info("event", ["thread": .integer(number), "end": "end"])
                }
                running.wrappingSubtract(1, ordering: .releasing)
            }.start()
        }
        #expect(eventually { running.load(ordering: .acquiring) == 0 })

        let lines = recorder.lines()
        #expect(lines.count == 200)
        #expect(lines.allSatisfy { $0.hasPrefix("time=") && $0.hasSuffix(" end=end") })
    }

    @Test func `fields of a level that is off are not evaluated`() {
        let recorder = Recorder(level: .info)
        var isEvaluated = false

        recorder.log.debug(
            "event",
            {
                isEvaluated = true
                return ["x": 1]
            }())

        #expect(!isEvaluated)
    }
}
