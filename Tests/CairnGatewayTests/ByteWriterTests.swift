import CairnCore
import Testing

@testable import CairnGateway

@Suite struct ByteWriterTests {
    @Test func `the buffer grows and keeps what was written`() {
        let text = String(repeating: "0123456789", count: 1000)

        let result = written(capacity: 1) { writer in
            for character in text { writer.append(String(character)) }
        }

        #expect(result == text)
    }

    @Test(arguments: [0, 9, 10, 99, 100, 1_234_567, UInt64.max - 1, UInt64.max, 10_000_000_000_000_000_000])
    func `a decimal has all its digits and no more`(value: UInt64) {
        #expect(written { $0.append(decimal: value) } == "\(value)")
    }

    @Test(arguments: [0, -1, Int.min, Int.max])
    func `a signed decimal keeps its sign`(value: Int) {
        #expect(written { $0.append(decimal: value) } == "\(value)")
    }

    @Test(arguments: [
        (0, "0"), (499, "0"), (500, "0.001"), (42_000, "0.042"), (10_100_000, "10.1"), (12_345_678, "12.346"),
        (999_999_500, "1000"), (UInt64.max, "18446744073709.552"),
    ])
    func `milliseconds are rounded to microseconds`(nanoseconds: UInt64, text: String) {
        #expect(written { $0.append(millisecondsOf: nanoseconds) } == text)
    }

    @Test(arguments: [
        (0, "0"), (1, "0.000000001"), (5_000, "0.000005"), (2_500_000, "0.0025"), (600_000_000_000, "600"),
        (UInt64.max, "18446744073.709551615"),
    ])
    func `seconds lose nothing`(nanoseconds: UInt64, text: String) {
        #expect(written { $0.append(secondsOf: nanoseconds) } == text)
    }

    @Test func `a cleared or shortened buffer forgets its end`() {
        let result = written { writer in
            writer.append("gone")
            writer.clear()
            writer.append("kept, cut")
            writer.truncate(to: 4)
        }

        #expect(result == "kept")
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("", #""""#), ("a\"b\\c", #""a\"b\\c""#),
        ("line\nfeed\r\ttab", #""line\nfeed\r\ttab""#),
        ("\u{1B}[31m", #""\u001b[31m""#), ("\u{7F}", #""\u007f""#), ("grüße 世界 🪨", #""grüße 世界 🪨""#),
        ("\u{85}\u{2028}\u{202E}\u{2066}", #""\u0085\u2028\u202e\u2066""#), ("\u{0}", #""\u0000""#),
    ])
    func `quoted text can neither end its string nor its line`(text: String, quoted: String) {
        #expect(written { $0.append(quoted: text) } == quoted)
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8], [0x80],
            [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0xAA],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 become replacement characters`(bytes: [UInt8]) throws {
        let quoted = written { $0.append(quoted: Array("a".utf8) + bytes + Array("z".utf8)) }

        #expect(quoted == "\"a" + String(repeating: "\u{FFFD}", count: bytes.count) + "z\"")
    }

    @Test(arguments: [(0, ""), (1, "a"), (2, "a"), (3, "aé"), (4, "aé"), (6, "aé"), (7, "aé🪨"), (99, "aé🪨")])
    func `a bound cuts between characters`(bytesMax: Int, kept: String) {
        #expect(written { $0.append(quoted: "aé🪨", bytesMax: bytesMax) } == "\"\(kept)\"")
    }
}
