// A store that another process may be writing, for those who only read: the commands prove, report and backup. SQLite lets
// readers in beside the writer; the lock of the home is the writer's and is not asked for.

import CairnContext
import CairnCore
import Glibc

/// Questions to the file of a home. Makes no file, takes no lock, changes nothing. Used by one thread at a time.
public final class StoreReader {
    private let queries: StoreQueries
    public let path: String

    /// Opens the file of a store that is there.
    /// - Throws: `cannotOpen` when there is none, `newer`, `foreign` and `otherFingerprints` as the store does.
    public init(folder: String) throws(StoreError) {
        let options = StoreOptions(folder: folder)
        path = options.path
        guard access(path, F_OK) == 0 else { throw StoreError(errno: errno, step: "opening \(path)") }
        queries = try StoreQueries(options)
        let found = try Migration.version(of: queries.database, known: options.migrations)
        guard found == options.migrations.last?.version else {
            throw StoreError(.cannotOpen, step: "opening \(path), which waits for a gateway to bring it up to date,")
        }
        let known = Fingerprint.version
        let fingerprints = try queries.database.integer("SELECT value FROM facts WHERE name = 'fingerprints'") ?? 0
        guard fingerprints == known else {
            throw StoreError(.otherFingerprints(found: Int(fingerprints), known: known), step: "opening \(path)")
        }
    }

    public func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord? { try queries.session(id) }

    /// Sessions, the oldest first: pages stay where they are while new ones begin.
    public func oldestSessions(_ page: StoragePage) throws(StoreError) -> [SessionRecord] {
        try queries.oldestSessions(page)
    }

    /// The calls that started at that time (nanoseconds since 1970) or later, of one session or of all, in the order in which
    /// they were stored. One snapshot: what is written meanwhile is not seen.
    public func forEachCall(
        of session: SessionIdentifier? = nil, sinceNanoseconds: UInt64 = 0, _ body: (CallRecord) -> Void
    ) throws(StoreError) {
        try queries.forEachCall(of: session, sinceNanoseconds: sinceNanoseconds, body)
    }

    /// Events, the newest first.
    public func events(_ page: StoragePage) throws(StoreError) -> [EventRecord] { try queries.events(page) }

    /// Turns whose text has the words, the best first.
    public func search(_ search: TurnSearch) throws(StoreError) -> [TurnHit] { try queries.search(search) }

    /// Copies the store as ``SQLiteStore/backup(to:)`` does.
    public func backup(to path: String) throws(StoreError) { try queries.backup(to: path) }
}

extension StoreReader: ExplanationSource {
    public func decisions(handle: String) throws(StoreError) -> [DecisionRecord] {
        try queries.decisions(handle: handle, of: nil)
    }

    public func decisions(handle: String, of session: SessionIdentifier) throws(StoreError) -> [DecisionRecord] {
        try queries.decisions(handle: handle, of: session)
    }

    public func decisions(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [DecisionRecord] {
        try queries.decisions(of: session, page)
    }

    public func call(id: String) throws(StoreError) -> CallRecord? { try queries.call(id: id) }

    public func call(of session: SessionIdentifier, startedNanoseconds: UInt64) throws(StoreError) -> CallRecord? {
        try queries.call(of: session, startedNanoseconds: startedNanoseconds)
    }
    public func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? { try queries.link(chain: chain) }
    public func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? { try queries.blob(digest) }
}
