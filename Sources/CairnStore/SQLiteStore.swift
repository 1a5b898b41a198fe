// The store: an embedded SQLite file behind the storage protocol. One process writes it, any may read it.
//
//     loops ── append ─▶ StoreQueue ─▶ StoreWriter (one thread) ─▶ cairn.db-wal ─▶ cairn.db
//     anyone ── questions ─▶ ReaderPool (read-only connections) ─────┴──────────────┘
//
// docs/store.md says what it guarantees.

import CairnContext
import CairnCore
import Glibc

/// Keeps turns, emissions, calls and decisions in HOME/cairn.db.
///
/// When the file cannot be opened or written, the store is degraded: appending goes on (what does not fit the queue is
/// lost and counted), promises are broken at once, questions throw if the file was never open, and writing is tried
/// again every second.
public final class SQLiteStore: ContextStorage {
    private let options: StoreOptions
    private let queue: StoreQueue
    private let readers: ReaderPool

    /// Opens the file and starts the writer thread. Takes some milliseconds, and up to ten seconds after a crash, when
    /// all of the file is checked.
    /// - Throws: only if the thread cannot be started. What is wrong with the file is told by ``health``.
    public init(_ options: StoreOptions) throws(StoreError) {
        self.options = options
        queue = StoreQueue(limits: options.limits)
        readers = ReaderPool(options: options)
        // Proof: the writer is used by this thread until the other one starts, and by that one from then on.
        nonisolated(unsafe) let writer = StoreWriter(options: options, queue: queue, readers: readers)
        writer.open()
        try StoreThread.start(name: "cairn-store") { writer.run() }
    }

    deinit { queue.close(atOnce: true) }

    /// How the file was found; nil: it was not opened yet.
    public var opening: StoreOpening? { queue.opening }

    /// Takes nothing more, writes what waits, copies the log into the file and closes it. Waits for that, at most so
    /// long; false: it took longer, what is left is given up.
    public func close(withinMilliseconds milliseconds: Int) -> Bool {
        queue.close(atOnce: false)
        if queue.waitForEnd(withinMilliseconds: milliseconds) { return true }
        queue.close(atOnce: true)
        return false
    }

    /// Copies the store, as it is now, into a new file; calls go on meanwhile. The copy is a store of its own and needs
    /// no other file.
    /// - Throws: `cannotOpen` when something is there already, `full`, and what reading throws.
    public func backup(to path: String) throws(StoreError) {
        try readers.read { (queries) throws(StoreError) in try queries.backup(to: path) }
    }

    // MARK: - ContextStorage

    public func append(_ batch: StorageBatch) { queue.append(batch, promise: nil) }

    public func append(_ batch: StorageBatch, promised: @escaping StoragePromise) {
        queue.append(batch, promise: promised)
    }

    public var health: StorageHealth {
        var health = queue.health
        guard opening != nil else { return health }
        health.fileBytes = FileSize.bytes(options.path)
        health.logBytes = FileSize.bytes(options.path + "-wal")
        return health
    }

    public func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? {
        try readers.read { (queries) throws(StoreError) in try queries.link(chain: chain) }
    }

    public func longestKnownPrefix(newestFirst chains: [Fingerprint]) throws(StoreError) -> KnownPrefix? {
        try readers.read { (queries) throws(StoreError) in try queries.longestKnownPrefix(newestFirst: chains) }
    }

    public func lineage(endingAt chain: Fingerprint) throws(StoreError) -> LineagePath {
        try readers.read { (queries) throws(StoreError) in try queries.lineage(endingAt: chain) }
    }

    public func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? {
        try readers.read { (queries) throws(StoreError) in try queries.blob(digest) }
    }

    public func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord? {
        try readers.read { (queries) throws(StoreError) in try queries.session(id) }
    }

    public func sessions(_ page: StoragePage) throws(StoreError) -> [SessionRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.sessions(page) }
    }

    public func calls(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [CallRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.calls(of: session, page) }
    }

    public func lastCall(of session: SessionIdentifier) throws(StoreError) -> CallRecord? {
        try readers.read { (queries) throws(StoreError) in try queries.lastCall(of: session) }
    }

    public func decisions(handle: String) throws(StoreError) -> [DecisionRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.decisions(handle: handle, of: nil) }
    }

    public func decisions(handle: String, of session: SessionIdentifier) throws(StoreError) -> [DecisionRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.decisions(handle: handle, of: session) }
    }

    public func decisions(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [DecisionRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.decisions(of: session, page) }
    }

    public func call(id: String) throws(StoreError) -> CallRecord? {
        try readers.read { (queries) throws(StoreError) in try queries.call(id: id) }
    }

    public func call(of session: SessionIdentifier, startedNanoseconds: UInt64) throws(StoreError) -> CallRecord? {
        try readers.read { (queries) throws(StoreError) in
            try queries.call(of: session, startedNanoseconds: startedNanoseconds)
        }
    }

    public func response(id: String) throws(StoreError) -> ResponseRecord? {
        try readers.read { (queries) throws(StoreError) in try queries.response(id: id) }
    }

    public func events(_ page: StoragePage) throws(StoreError) -> [EventRecord] {
        try readers.read { (queries) throws(StoreError) in try queries.events(page) }
    }

    public func search(_ search: TurnSearch) throws(StoreError) -> [TurnHit] {
        try readers.read { (queries) throws(StoreError) in try queries.search(search) }
    }

    public func totals(sinceNanoseconds: UInt64) throws(StoreError) -> CallTotals {
        try readers.read { (queries) throws(StoreError) in try queries.totals(sinceNanoseconds: sinceNanoseconds) }
    }
}
