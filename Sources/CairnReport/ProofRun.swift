// `cairn prove` without its command: sessions of a store proven one after the other, as lines for people.

import CairnContext
import CairnStore

/// What is proven.
public enum ProofSelection: Equatable, Sendable {
    case session(SessionIdentifier)
    case all
}

/// What became of a run.
public enum ProofOutcome: Equatable, Sendable {
    case proven
    /// Something stored is not what was sent.
    case differs
    case noSuchSession
}

/// Proves sessions of a store.
public struct ProofRun {
    /// Calls of one session; a longer one is not proven.
    public static let callsMax = 200_000
    private static let pageRows = 1000

    private let store: StoreReader
    /// Takes one line, without its end.
    private let write: (String) -> Void

    public init(_ store: StoreReader, write: @escaping (String) -> Void) {
        self.store = store
        self.write = write
    }

    /// Writes a line a session, and for each that differs where it first does.
    /// - Complexity: reads and hashes each stored turn once a session that has it.
    public func prove(_ selection: ProofSelection) throws(StoreError) -> ProofOutcome {
        switch selection {
        case .session(let id):
            guard let session = try store.session(id) else { return .noSuchSession }
            return try prove(session) ? .proven : .differs
        case .all: return try proveAll() ? .proven : .differs
        }
    }

    private func proveAll() throws(StoreError) -> Bool {
        var count = 0
        var provenCount = 0
        while true {
            let page = try store.oldestSessions(StoragePage(skip: count, count: Self.pageRows))
            for session in page { provenCount += try prove(session) ? 1 : 0 }
            count += page.count
            if page.isEmpty { break }
        }
        write("\(provenCount) of \(count) sessions proven")
        return provenCount == count
    }

    private func prove(_ session: SessionRecord) throws(StoreError) -> Bool {
        var calls: [CallRecord] = []
        var isTooLong = false
        try store.forEachCall(of: session.id) { call in
            if calls.count < Self.callsMax { calls.append(call) } else { isTooLong = true }
        }
        if isTooLong {
            write("\(session.id)  NOT PROVEN  more than \(Self.callsMax) calls")
            return false
        }
        var replay = PromptReplay(of: session, in: store)
        for call in calls { replay.add(call) }
        var summary = SessionProof()
        for (index, call) in calls.enumerated() {
            do throws(ProofFailure) {
                summary.add(try replay.prove(call))
            } catch {
                write(Self.line(session, error, call, index: index))
                return false
            }
        }
        write("\(session.id)  \(summary.text)")
        return true
    }

    private static func line(_ session: SessionRecord, _ failure: ProofFailure, _ call: CallRecord, index: Int)
        -> String
    {
        let turn = failure.turn.map { "turn \($0)" } ?? "tools"
        return "\(session.id)  NOT PROVEN  call \(index + 1) (\(call.id)), \(turn), byte \(failure.byte): \(failure)"
    }
}

/// What one session's proof says.
private struct SessionProof {
    private var calls = 0
    private var observed = 0
    private var bytes = 0
    private var breaks = 0

    mutating func add(_ call: ProvenCall?) {
        guard let call else {
            observed += 1
            return
        }
        calls += 1
        bytes += call.byteCount
        breaks += call.breakReason == .none || call.breakReason == .newSession ? 0 : 1
    }

    var text: String {
        func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
        let proven = "proven  \(counted(calls, "call")), \(counted(bytes, "byte")), \(counted(breaks, "break"))"
        return observed == 0 ? proven : proven + "; not provable: \(counted(observed, "observed call"))"
    }
}
