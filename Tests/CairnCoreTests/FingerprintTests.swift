import Testing

@testable import CairnCore

private func toolCall(_ name: String, _ arguments: String) -> Fingerprint {
    var fingerprinter = ToolCallFingerprinter()
    return Array(name.utf8).withUnsafeBytes { name in
        Array(arguments.utf8).withUnsafeBytes { fingerprinter.fingerprint(name: name, arguments: $0) }
    }
}

private func turn(_ role: UInt8, _ text: String, kind: UInt8 = 1) -> Fingerprint {
    Array(text.utf8).withUnsafeBytes { Fingerprint(turnOf: role, parts: [.init(kind: kind, content: $0)]) }
}

@Suite struct FingerprintTests {
    @Test func `spelling of arguments does not matter and their meaning does`() {
        #expect(toolCall("run", #"{"a":1,"b":"x"}"#) == toolCall("run", #"{ "b":"\u0078", "a":1 }"#))
        #expect(toolCall("run", #"{"a":1}"#) != toolCall("run", #"{"a":"1"}"#))
        #expect(toolCall("run", "{}") != toolCall("ran", "{}"))
        #expect(toolCall("run", "not json") == toolCall("run", "not json"))
    }

    @Test func `the work space grows with the arguments`() {
        let large = "[" + String(repeating: "1,", count: 3000) + "1]"
        #expect(toolCall("run", large) == toolCall("run", large + " "))
        #expect(toolCall("run", "") == toolCall("run", ""))
    }

    @Test func `a lineage depends on every turn and on their order`() {
        let start = Fingerprint.lineageStart
        let ab = start.appending(turn: turn(1, "a")).appending(turn: turn(2, "b"))
        #expect(ab == start.appending(turn: turn(1, "a")).appending(turn: turn(2, "b")))
        #expect(ab != start.appending(turn: turn(2, "b")).appending(turn: turn(1, "a")))
        #expect(turn(1, "a") != turn(2, "a") && turn(1, "a") != turn(1, "a", kind: 2))
        #expect(Fingerprint(turnOf: 1, parts: []) != turn(1, ""))
    }

    @Test func `the stored form comes back and other versions are refused`() throws {
        var stored = turn(1, "a").stored
        #expect(stored.count == Fingerprint.storedBytes && stored[0] == Fingerprint.version)
        #expect(try stored.withUnsafeBytes { try Fingerprint(stored: $0) } == turn(1, "a"))
        #expect(throws: CoreError(.incomplete)) {
            try stored.dropLast().withUnsafeBytes { try Fingerprint(stored: $0) }
        }
        stored[0] += 1
        #expect(throws: CoreError(.argument)) { try stored.withUnsafeBytes { try Fingerprint(stored: $0) } }
    }

    @Test func `the description is 32 digits`() {
        #expect(Fingerprint(high: 0x1, low: 0xAB).description == "000000000000000100000000000000ab")
    }
}
