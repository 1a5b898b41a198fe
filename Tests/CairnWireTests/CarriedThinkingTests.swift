// Opaque thinking state travels through other dialects and comes back as it was.

import Testing

@testable import CairnWire

@Suite struct CarriedThinkingTests {
    @Test(arguments: ["", "a", "ab", "abc", "EqQBCgIYAhIM+/=", "naïve \"quoted\" \u{1F600}"], Dialect.allCases)
    func `what is wrapped comes back`(opaque: String, origin: Dialect) throws {
        let carried = CarriedThinking.wrap(opaque, of: origin)

        let back = try #require(CarriedThinking.unwrap(carried))

        #expect(back.opaque == opaque)
        #expect(back.origin == origin)
        #expect(carried.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
    }

    @Test(arguments: [
        "", "EqQBCg==", "cairn1.", "cairn1.chat", "cairn1.gemini.YQ", "cairn1.chat.Y Q", "cairn1.chat._w",
    ])
    func `a dialect's own state is no carrying form`(text: String) {
        #expect(CarriedThinking.unwrap(text) == nil)
    }
}
