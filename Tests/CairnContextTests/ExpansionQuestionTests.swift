// Which original a handle means, for whom, and what is said when it means none or several.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct ExpansionQuestionTests {
    private func turn(_ text: String) -> String { #"{"role":"tool","tool_call_id":"c","content":"\#(text)"}"# }

    private func session(_ number: UInt64) -> SessionIdentifier { SessionIdentifier(high: number, low: number) }

    private func answer(
        _ stored: StoredConversation, _ handle: String, session: SessionIdentifier? = nil, account: Fingerprint? = nil
    ) throws -> String {
        let question = ExpansionQuestion(try #require(Handle(handle)), session: session, account: account)
        return String(decoding: try question.answer(from: stored).bytes, as: UTF8.self)
    }

    /// Sessions of two accounts, each with one part under the same handle.
    private func twoAccounts() -> (stored: StoredConversation, ours: Fingerprint, theirs: Fingerprint) {
        let stored = StoredConversation()
        let theirs = Fingerprint(high: 77, low: 78)
        let one = stored.add([turn("ours")], of: 1, .chat, at: 1)
        let two = stored.add([turn("theirs")], of: 2, .chat, at: 2, account: theirs)
        stored.decide("ours", chain: one[0], handle: "k7f2", of: 1)
        stored.decide("theirs", chain: two[0], handle: "k7f2", of: 2)
        return (stored, StoredConversation.account, theirs)
    }

    @Test func `an account sees its own sessions and learns nothing of others`() throws {
        let (stored, ours, theirs) = twoAccounts()

        #expect(try answer(stored, "k7f2", account: ours) == "ours")
        #expect(try answer(stored, "k7f2", account: theirs) == "theirs")
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, "k7f2", session: session(2), account: ours) }
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, "k7f2", session: session(9), account: ours) }
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, "zzzz", account: ours) }
        #expect(throws: ExpansionError.unknownHandle) {
            try answer(stored, "k7f2", account: Fingerprint(high: 5, low: 5))
        }
    }

    @Test func `a session whose root is lost or forged is nobody's`() throws {
        let (stored, ours, _) = twoAccounts()
        let root = try #require(stored.sessions[session(1)]?.root)
        stored.sessions[session(1)]?.dialect = "messages"
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, "k7f2", account: ours) }
        stored.sessions[session(1)]?.dialect = "chat"
        stored.links[root] = nil
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, "k7f2", account: ours) }
    }

    @Test func `a handle that means different things wants its session named`() throws {
        let (stored, _, _) = twoAccounts()

        #expect(throws: ExpansionError.manySessions([session(2), session(1)])) { try answer(stored, "k7f2") }
        #expect(try answer(stored, "k7f2", session: session(1)) == "ours")
        #expect(try answer(stored, "k7f2", session: session(2)) == "theirs")
    }

    @Test func `the same original in many sessions is one answer, also when some lost their turns`() throws {
        let stored = StoredConversation()
        var handle = ""
        for number in 1...12 as ClosedRange<UInt64> {
            let path = stored.add([turn("the file"), turn("x\(number)")], of: number, .chat, at: number)
            handle = stored.decide("the file", chain: path[0], of: number).text
            if number > 9 { stored.decisions[stored.decisions.count - 1].chain = Fingerprint(high: 4, low: number) }
        }

        #expect(try answer(stored, handle) == "the file")
        stored.links = [:]
        #expect(throws: ExpansionError.turnMissing) { try answer(stored, handle) }
    }

    @Test func `branches of one session that differ are told apart by longer handles`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("one"), turn("two")], .chat, at: 1)
        stored.decide("one", chain: path[0], handle: "k7f2")
        stored.decide("two", chain: path[1], handle: "k7f2")
        let digests = stored.decisions.map(\.original)
        let whole = digests.map { Handle($0, characters: Handle.charactersMax).text }

        guard
            case .failure(.manyOriginals(let handles)) = Result(catching: {
                () throws(ExpansionError) in try ExpansionQuestion(Handle("k7f2")!).answer(from: stored)
            })
        else {
            Issue.record("nothing was refused")
            return
        }
        #expect(handles.count == 2)
        #expect(handles.allSatisfy { handle in whole.contains { $0.hasPrefix(handle) } })
    }

    @Test func `more characters of a handle mean the same, if they are those of its original`() throws {
        let stored = StoredConversation()
        let path = stored.add([turn("text")], .chat, at: 1)
        stored.decide("text", chain: path[0])
        let whole = Handle(stored.decisions[0].original, characters: Handle.charactersMax).text

        for length in 4...26 { #expect(try answer(stored, String(whole.prefix(length))) == "text") }
        let other = whole.prefix(7) + (whole.dropFirst(7).first == "0" ? "1" : "0")
        #expect(throws: ExpansionError.unknownHandle) { try answer(stored, String(other)) }
    }

    @Test func `what the store cannot do is told as its own error`() throws {
        let (stored, _, _) = twoAccounts()
        let failure = StoreError(.inputOutput, step: "reading")
        stored.failure = failure

        #expect(throws: ExpansionError.storage(failure)) { try answer(stored, "k7f2") }
    }

    @Test func `every error says in one line what to do and shows no long list`() {
        let errors: [ExpansionError] = [
            .unknownHandle, .manySessions((0..<40).map { session($0) }), .manyOriginals((0..<40).map { "k7f2\($0)" }),
            .linesBeyond(lineCount: 3), .turnMissing, .bytesMissing, .partMissing, .originalDiffers,
            .storage(StoreError(.full, step: "reading")),
        ]
        for error in errors {
            #expect(!error.description.isEmpty && !error.description.contains("\n"))
            #expect(error.description.utf8.count < 400)
        }
    }
}
