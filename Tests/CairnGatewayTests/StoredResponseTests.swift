// Kept responses survive the process, for their caller alone.

import CairnContext
import CairnStore
import Testing

@testable import CairnGateway

@Suite struct StoredResponseTests {
    private static let day: UInt64 = 86_400_000_000_000
    private let alice = CallerDigest(Credentials(apiKey: "sk-alice", authorization: nil))
    private let bob = CallerDigest(Credentials(apiKey: "sk-bob", authorization: nil))

    private func response(_ identifier: String) -> KeptResponse {
        KeptResponse(
            identifier: identifier, caller: alice, object: Array(#"{"id":"resp_1", "n":1.50}"#.utf8),
            input: [ResponseItem(Array(#"{"a":1}"#.utf8)), ResponseItem(Array(#"{"b": "é"}"#.utf8))],
            output: [ResponseItem(Array(#"{"c":[]}"#.utf8))])
    }

    /// Runs `body` as one process after the other would, with the same folder.
    private func process(_ folder: FreshFolder, day: UInt64 = 0, _ body: (StoredResponses) -> Void) throws {
        let store = try SQLiteStore(StoreOptions(folder: folder.path))
        body(StoredResponses(store, salt: [1, 2, 3], now: { 1_760_000_000_000_000_000 + day * Self.day }))
        #expect(store.close(withinMilliseconds: 5000))
    }

    @Test func `a response comes back as it was, after a restart`() throws {
        let folder = try FreshFolder()
        try process(folder) { $0.keep(response("resp_1")) }

        try process(folder) { responses in
            let kept = responses.response("resp_1", of: alice)

            #expect(kept?.object == response("resp_1").object)
            #expect(kept?.input.map(\.bytes) == response("resp_1").input.map(\.bytes))
            #expect(kept?.output.map(\.bytes) == response("resp_1").output.map(\.bytes))
            #expect(responses.response("resp_1", of: bob) == nil)
            #expect(responses.response("resp_2", of: alice) == nil)
        }
    }

    @Test func `a deleted response stays deleted`() throws {
        let folder = try FreshFolder()
        try process(folder) { $0.keep(response("resp_1")) }
        try process(folder) { responses in
            #expect(!responses.remove("resp_1", of: bob))
            #expect(responses.remove("resp_1", of: alice))
            #expect(responses.response("resp_1", of: alice) == nil)
            #expect(!responses.remove("resp_1", of: alice))
        }

        try process(folder) { responses in
            #expect(responses.response("resp_1", of: alice) == nil)
            #expect(!responses.remove("resp_1", of: alice))
            #expect(responses.response("deleted:resp_1", of: alice) == nil)
        }
    }

    @Test func `a response is kept for thirty days`() throws {
        let folder = try FreshFolder()
        try process(folder) { $0.keep(response("resp_1")) }

        try process(folder, day: 29) { #expect($0.response("resp_1", of: alice) != nil) }
        try process(folder, day: 31) { #expect($0.response("resp_1", of: alice) == nil) }
    }
}
