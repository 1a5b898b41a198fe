import CairnCore
import Testing

@testable import CairnPractice

@Suite struct DigestTests {
    @Test(arguments: [
        // FIPS 180-4 examples, as published by NIST.
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            """
            abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq\
            klmnopqrlmnopqrsmnopqrstnopqrstu
            """,
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func `SHA-256 gives the published digests`(text: String, digest: String) {
        #expect(SHA256.hex(Array(text.utf8)) == digest)
    }

    @Test func `SHA-256 of a million letters a is the published one`() {
        #expect(
            SHA256.hex([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test(arguments: [1, 3, 55, 56, 63, 64, 65, 127])
    func `SHA-256 does not depend on how the bytes are cut`(length: Int) {
        let bytes = (0..<1000).map { UInt8($0 % 251) }
        var digest = SHA256()

        for start in stride(from: 0, to: bytes.count, by: length) {
            digest.update(Array(bytes[start..<min(start + length, bytes.count)]))
        }

        #expect(digest.finishHex() == SHA256.hex(bytes))
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func `base64 gives the examples of RFC 4648`(text: String, expected: String) {
        #expect(base64(Array(text.utf8)) == expected)
    }

    @Test func `ids follow from the content and have the asked length`() {
        let digest = ContentDigest("a request")

        #expect(digest == ContentDigest("a request"))
        #expect(digest.base62(22) == ContentDigest("a request").base62(22))
        #expect(digest.base62(22) != ContentDigest("another request").base62(22))
        #expect(digest.hex(48).utf8.count == 48)
        #expect(digest.uuid.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
    }

    @Test func `digests of many short texts do not collide`() {
        let digests = Set((0..<20_000).map { ContentDigest("text \($0)") })

        #expect(digests.count == 20_000)
    }
}
