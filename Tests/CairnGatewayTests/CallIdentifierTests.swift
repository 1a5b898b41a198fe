import Testing

@testable import CairnGateway

@Suite struct CallIdentifierTests {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    @Test func `the text is 26 characters of Crockford's base 32 and holds all bits`() {
        #expect(CallIdentifier(high: 0, low: 0).description == "00000000000000000000000000")
        #expect(CallIdentifier(high: .max, low: .max).description == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")

        let identifier = CallIdentifier(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let (high, low) = Self.decode(identifier.description)

        #expect(high == identifier.high)
        #expect(low == identifier.low)
    }

    @Test func `the written bytes are the description`() {
        let identifier = CallIdentifier(high: 0x1234, low: 0x5678)
        #expect(written { $0.append(identifier) } == identifier.description)
    }

    /// The example of the ULID specification: 01ARYZ6S41 is the time 1469918176385.
    @Test func `the first ten characters are the milliseconds of the ULID specification`() {
        var source = CallIdentifierSource()

        let identifier = source.next(wallNanoseconds: 1_469_918_176_385_000_000)

        #expect(identifier.description.hasPrefix("01ARYZ6S41"))
    }

    @Test func `ids sort by time`() {
        var source = CallIdentifierSource()

        let identifiers = (0..<1000).map {
            source.next(wallNanoseconds: 1_700_000_000_000_000_000 + UInt64($0) * 1_000_000)
        }

        #expect(identifiers.map(\.description) == identifiers.map(\.description).sorted())
    }

    @Test func `ids of one millisecond differ, in one loop and between loops`() {
        var first = CallIdentifierSource()
        var second = CallIdentifierSource()

        var seen = Set<CallIdentifier>()
        for _ in 0..<20_000 {
            seen.insert(first.next(wallNanoseconds: 5))
            seen.insert(second.next(wallNanoseconds: 5))
        }

        #expect(seen.count == 40_000)
    }

    /// The reference vector of SipHash-2-4 for the key 00 01 ... 0f and the input 00 01 ... 07.
    @Test func `the keyed function is SipHash-2-4`() {
        let key = SipKey(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)

        #expect(key.hash(0x0706_0504_0302_0100) == 0x93F5_F579_9A93_2462)
    }

    @Test func `the random part depends on the key`() {
        var first = CallIdentifierSource(key: SipKey(first: 1, second: 2), sourceBits: 7)
        var same = CallIdentifierSource(key: SipKey(first: 1, second: 2), sourceBits: 7)
        var differs = CallIdentifierSource(key: SipKey(first: 1, second: 3), sourceBits: 7)

        let identifier = first.next(wallNanoseconds: 0)

        #expect(identifier == same.next(wallNanoseconds: 0))
        #expect(identifier.low != differs.next(wallNanoseconds: 0).low)
        #expect(identifier.low != first.next(wallNanoseconds: 0).low)
        #expect(identifier.high == 7)
    }

    private static func decode(_ text: String) -> (high: UInt64, low: UInt64) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for character in text {
            let digit = UInt64(alphabet.firstIndex(of: character) ?? 99)
            high = high << 5 | low >> 59
            low = low << 5 | digit
        }
        return (high, low)
    }
}
