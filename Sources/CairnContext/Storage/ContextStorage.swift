// What the context needs of a storage. CairnStore implements it on SQLite; the rooms of this floor see only this.
// Nothing is ever changed or deleted through it: records are appended, and what is stored under a name stands.

import CairnCore

/// Keeps what must survive a restart. Decisions are asked for by ``ExpansionSource`` and ``ExplanationSource``.
///
/// Appending never waits and never throws: the call path goes on when the disk does not. Reading waits for the disk, some
/// microseconds when the pages are in memory; it may be done from any thread.
public protocol ContextStorage: ExplanationSource, Sendable {
    /// Keeps a batch to be written soon: after a crash of the process at most the last 50 ms are missing. When too much
    /// is waiting, the batch is dropped and its records are counted as lost. Any thread; never waits for the disk.
    func append(_ batch: StorageBatch)

    /// Writes a batch at once, after everything appended before it, and tells when it is durable. When the promise is
    /// broken because writing failed, nothing of the batch is written later. When it is broken by a `conflict`, what is
    /// stored stands: a link in conflict is left out and the rest of the batch is durable; of a batch with a blob in
    /// conflict nothing behind that blob is written.
    /// `promised` is called once, from the writer's thread; from the caller's own, before this returns, if the batch is
    /// refused at once (closed, or even promised batches are too many).
    func append(_ batch: StorageBatch, promised: @escaping StoragePromise)

    var health: StorageHealth { get }

    /// The link of that name; nil: not known.
    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord?

    /// The first known of the links named, which the caller gives with the newest first.
    /// - Complexity: one look-up for each that is not known.
    func longestKnownPrefix(newestFirst chains: [Fingerprint]) throws(StoreError) -> KnownPrefix?

    /// The conversation that ends at a link; empty and incomplete when the link is not known.
    /// - Complexity: one look-up for each link.
    func lineage(endingAt chain: Fingerprint) throws(StoreError) -> LineagePath

    /// The bytes under a digest, compared with it; nil: not known.
    /// - Throws: `corrupt` when they are not what was stored.
    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]?

    func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord?

    /// Sessions, the newest first.
    func sessions(_ page: StoragePage) throws(StoreError) -> [SessionRecord]

    /// The calls of a session in the order in which they were appended.
    func calls(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [CallRecord]

    /// The call of a session that was appended last; nil: none is known.
    func lastCall(of session: SessionIdentifier) throws(StoreError) -> CallRecord?

    func response(id: String) throws(StoreError) -> ResponseRecord?

    /// Events, the newest first.
    func events(_ page: StoragePage) throws(StoreError) -> [EventRecord]

    /// Turns whose text has the words, the best first. A turn can be found some moments after it was stored.
    func search(_ search: TurnSearch) throws(StoreError) -> [TurnHit]

    /// Sums over the calls that started at that time or later, in nanoseconds since 1970.
    func totals(sinceNanoseconds: UInt64) throws(StoreError) -> CallTotals
}
