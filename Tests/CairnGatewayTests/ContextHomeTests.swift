// What of the home the context needs, also when the home is damaged.

import Testing

@testable import CairnGateway

@Suite struct ContextHomeTests {
    @Test func `a home has one salt`() throws {
        let folder = try FreshFolder()

        let first = ContextHome.salt(folder.path)

        #expect(first.count == ContextHome.saltBytes)
        #expect(ContextHome.salt(folder.path) == first)
        #expect(folder.names() == ["account-salt"])
    }

    @Test func `a salt that was cut off is made anew, once`() throws {
        let folder = try FreshFolder()
        try folder.write("account-salt", "short")

        let made = ContextHome.salt(folder.path)

        #expect(ContextHome.salt(folder.path) == made)
    }

    @Test func `homes have different salts, also those that cannot be written`() throws {
        let folder = try FreshFolder()

        #expect(ContextHome.salt(folder.path + "/missing") != ContextHome.salt(folder.path + "/missing"))
    }
}
