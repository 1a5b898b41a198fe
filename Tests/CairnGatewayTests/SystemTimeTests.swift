import Foundation
import Testing

@testable import CairnGateway

@Suite struct SystemTimeTests {
    @Test func `a timestamp is RFC 3339 in UTC with milliseconds`() {
        var timestamps = TimestampWriter()

        let text = written { timestamps.append(wallNanoseconds: 1_795_169_061_123_999_999, to: &$0) }

        #expect(text == "2026-11-20T10:04:21.123Z")
    }

    @Test func `timestamps agree with Foundation, leap days included`() {
        let formatter = ISO8601DateFormatter()
        var timestamps = TimestampWriter()
        var generator = SystemRandomNumberGenerator()
        let leapDays: [UInt64] = [
            0, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800, 4_107_542_399, 4_107_542_400,
        ]
        let seconds = leapDays + (0..<500).map { _ in UInt64.random(in: 0..<8_000_000_000, using: &generator) }

        for second in seconds {
            let text = written { timestamps.append(wallNanoseconds: second * 1_000_000_000, to: &$0) }
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(second)))
            #expect(text == expected.dropLast() + ".000Z", "second \(second)")
        }
    }

    @Test func `a second that comes again is spelled again`() {
        var timestamps = TimestampWriter()

        let texts = [10, 11, 10].map { second in
            written { timestamps.append(wallNanoseconds: UInt64(second) * 1_000_000_000, to: &$0) }
        }

        #expect(texts == ["1970-01-01T00:00:10.000Z", "1970-01-01T00:00:11.000Z", "1970-01-01T00:00:10.000Z"])
    }

    @Test func `the clocks run`() {
        let start = SystemTime.monotonicNanoseconds()

        usleep(2000)

        #expect(SystemTime.monotonicNanoseconds() - start >= 2_000_000)
        #expect(abs(Double(SystemTime.wallNanoseconds()) / 1e9 - Date().timeIntervalSince1970) < 1)
    }
}
