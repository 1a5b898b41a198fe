// What a client asks of a handle, and what it is told when it cannot have it.

import CairnContext
import CairnCore
import CairnStore
import Testing

@testable import CairnGateway

@Suite struct ExpansionRouteTests {
    private let account = Fingerprint(high: 1, low: 2)

    private func route(_ handle: String, _ text: String = "") throws(GatewayError) -> ExpansionRoute {
        try ExpansionRoute(handle: handle, query: query(text), account: account)
    }

    @Test func `a question is a handle, perhaps a session, perhaps lines`() throws {
        let asked = try route("k7f2", "lines=3-9&session=0123456789abcdef0123456789abcdef")

        #expect(asked.question.handle == Handle("k7f2"))
        #expect(asked.question.session?.description == "0123456789abcdef0123456789abcdef")
        #expect(asked.question.account == account)
        #expect(asked.lines == LineSelection(first: 3, last: 9))
        #expect(try route("k7f2").lines == nil)
    }

    @Test(arguments: [
        ("k7f2", "lines=0", GatewayError.Kind.badRequest), ("k7f2", "lines=9-3", .badRequest),
        ("k7f2", "lines=", .badRequest), ("k7f2", "session=1", .badRequest), ("k7", "", .unknownHandle),
        ("K7F2", "", .unknownHandle), ("k7f2%20", "", .unknownHandle),
    ])
    func `what cannot be asked is refused`(handle: String, text: String, kind: GatewayError.Kind) {
        let error = #expect(throws: GatewayError.self) { _ = try route(handle, text) }
        #expect(error?.kind == kind)
    }

    @Test func `a store that cannot be read is no missing handle`() throws {
        let store = try SQLiteStore(StoreOptions(folder: "/proc/cairn"))
        defer { _ = store.close(withinMilliseconds: 1000) }

        let error = #expect(throws: GatewayError.self) { _ = try route("k7f2").answer(from: store) }
        #expect(error?.kind == .storeUnavailable)
    }
}
