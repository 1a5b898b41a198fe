// How records become rows. Everything is an insert; what is there already stays. A link or blob that is there with other
// content is a conflict: it is told, and what is stored stands.

import CairnContext
import CairnCore

/// What a commit wrote.
struct WriteCounts: Equatable, Sendable {
    var rows = 0
    /// Bytes of content, after compression.
    var bytes = 0
    var conflicts = 0

    static func += (left: inout WriteCounts, right: WriteCounts) {
        left.rows += right.rows
        left.bytes += right.bytes
        left.conflicts += right.conflicts
    }
}

/// Writes batches on one connection, inside a transaction that the caller begins and ends.
final class RecordInserts {
    private let database: Database
    private let coder: BlobCoder
    private let textBytesMax: Int
    /// Of the transaction at hand.
    private(set) var counts = WriteCounts()

    init(_ database: Database, limits: StoreLimits) throws(StoreError) {
        self.database = database
        coder = try BlobCoder(bytesMax: limits.blobBytesMax)
        textBytesMax = limits.textBytesMax
    }

    func begin() throws(StoreError) {
        counts = WriteCounts()
        try database.execute("BEGIN IMMEDIATE", step: "writing")
    }

    func commit() throws(StoreError) { try database.execute("COMMIT", step: "committing") }

    /// Gives up the transaction, unless SQLite has done so by itself.
    func rollBack() throws(StoreError) {
        if !database.isInAutocommit { try database.execute("ROLLBACK", step: "rolling back") }
    }

    /// Writes a batch. Returns what is in conflict with what is stored; nil: nothing.
    func write(_ batch: StorageBatch) throws(StoreError) -> StoreError? {
        for blob in batch.blobs {
            // Two contents with one digest: nothing that may refer to it can be trusted.
            if let conflict = try write(blob) {
                counts.conflicts += batch.recordCount
                return conflict
            }
        }
        var conflict: StoreError?
        for session in batch.sessions { try write(session) }
        for link in batch.links {
            guard let found = try write(link) else { continue }
            counts.conflicts += 1
            conflict = conflict ?? found
        }
        for text in batch.texts { try write(text) }
        for call in batch.calls { try write(call) }
        for decision in batch.decisions { try write(decision) }
        for response in batch.responses { try write(response) }
        for event in batch.events { try write(event) }
        return conflict
    }

    /// Runs an insert and says whether it made a row.
    private func insert(_ sql: String, bytes: Int, _ bind: (Statement) -> Void) throws(StoreError) -> Bool {
        let statement = try database.statement(sql)
        bind(statement)
        let before = database.changedRows
        try statement.run()
        guard database.changedRows > before else { return false }
        counts.rows += 1
        counts.bytes += bytes
        return true
    }

    private func write(_ blob: BlobRecord) throws(StoreError) -> StoreError? {
        let isNew = try coder.withStored(blob.bytes) { (coding, stored) throws(StoreError) in
            try insert(
                "INSERT OR IGNORE INTO blobs (digest, size, coding, bytes) VALUES (?, ?, ?, ?)",
                bytes: stored.count + 16
            ) {
                $0.bind(.digest(blob.digest), .integer(blob.bytes.count), .integer(coding.rawValue), .view(stored))
            }
        }
        return isNew ? nil : try compare(blob)
    }

    /// Whether a blob that is there is this one. Damaged bytes are replaced by the good ones.
    private func compare(_ blob: BlobRecord) throws(StoreError) -> StoreError? {
        let stored = try database.statement(StoreQueries.blob)
        stored.bind(.digest(blob.digest))
        defer { stored.reset() }
        guard try stored.step() else { return nil }
        do throws(StoreError) {
            let bytes = try stored.withBytes(2) { (bytes) throws(StoreError) in
                try coder.restore(bytes, coding: stored.integer(1), size: stored.integer(0), digest: blob.digest)
            }
            return bytes == blob.bytes ? nil : StoreError(.conflict(blob.digest), step: "keeping a blob")
        } catch {
            stored.reset()
            try repair(blob)
            return nil
        }
    }

    private func repair(_ blob: BlobRecord) throws(StoreError) {
        _ = try coder.withStored(blob.bytes) { (coding, stored) throws(StoreError) in
            try insert("UPDATE blobs SET size = ?, coding = ?, bytes = ? WHERE digest = ?", bytes: stored.count) {
                $0.bind(.integer(blob.bytes.count), .integer(coding.rawValue), .view(stored), .digest(blob.digest))
            }
        }
    }

    private func write(_ link: LinkRecord) throws(StoreError) -> StoreError? {
        let isNew = try insert(
            """
            INSERT OR IGNORE INTO links (chain, parent, session, position, turn, raw, emission, role, time,
                cumulative_bytes, cumulative_tokens, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, bytes: 100 + (link.state?.count ?? 0)
        ) {
            $0.bind(
                .digest(link.chain), .digest(link.parent), .session(link.session), .integer(link.position),
                .digest(link.turn), .digest(link.raw), .optional(link.emission), .integer(Int64(link.role)),
                .integer(link.wallNanoseconds), .integer(link.cumulativeBytes), .integer(link.cumulativeTokens),
                .optional(link.state))
        }
        if isNew { return nil }
        let stored = try database.statement("SELECT coalesce(emission, raw) FROM links WHERE chain = ?")
        stored.bind(.digest(link.chain))
        defer { stored.reset() }
        guard try stored.step(), try stored.requiredDigest(0) != link.emitted else { return nil }
        return StoreError(.conflict(link.chain), step: "keeping a link")
    }

    private func write(_ session: SessionRecord) throws(StoreError) {
        let facts = session.frozenFacts
        _ = try insert(
            """
            INSERT OR IGNORE INTO sessions (id, root, harness, provider, dialect, model, project_hint, created,
                frozen_facts, strategy_versions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, bytes: 128 + (facts?.count ?? 0)
        ) {
            $0.bind(
                .session(session.id), .digest(session.root), .text(session.harness), .text(session.provider),
                .text(session.dialect), .text(session.model), .text(session.projectHint),
                .integer(session.createdNanoseconds), .optional(facts), .text(session.strategyVersions))
        }
    }

    private func write(_ text: TurnText) throws(StoreError) {
        let cut = text.text.cut(toBytes: textBytesMax)
        _ = try insert(
            "INSERT OR IGNORE INTO texts (link, text) SELECT id, ? FROM links WHERE chain = ?",
            bytes: cut.utf8.count
        ) {
            $0.bind(.text(cut), .digest(text.chain))
        }
    }

    private func write(_ call: CallRecord) throws(StoreError) {
        _ = try insert(
            """
            INSERT OR IGNORE INTO calls (id, session, chain, started, mode, model, upstream, request_bytes,
                emitted_bytes, common_bytes, common_tokens, common_bytes_as_sent, break_code, break_text, moved_kinds,
                tools, previous_proof, proof, usage, billed, predicted, untouched, predicted_hit, reported_hit, status,
                outcome)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, bytes: 240 + (call.usage?.count ?? 0) + call.prefix.breakText.utf8.count
        ) {
            $0.bind(
                .text(call.id), .session(call.session), .digest(call.chain), .integer(call.startedNanoseconds),
                .text(call.mode), .text(call.model), .text(call.upstream), .integer(call.requestBytes),
                .integer(call.emittedBytes), .integer(call.prefix.commonBytes), .integer(call.prefix.commonTokens),
                .integer(call.prefix.commonBytesAsSent), .integer(call.prefix.breakCode), .text(call.prefix.breakText),
                .text(call.prefix.movedKinds), .optional(call.tools), .digest(call.previousProof),
                .digest(call.proof), .optional(call.usage), .optional(call.cost.billedNanodollars),
                .optional(call.cost.predictedNanodollars), .optional(call.cost.untouchedNanodollars),
                .optional(call.cost.predictedHitTokens), .optional(call.cost.reportedHitTokens),
                .integer(call.status), .text(call.outcome))
        }
    }

    private func write(_ decision: DecisionRecord) throws(StoreError) {
        _ = try insert(
            """
            INSERT INTO decisions (handle, session, chain, part, strategy, strategy_version, original, emitted,
                reason, price, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, bytes: 140 + decision.reason.utf8.count
        ) {
            $0.bind(
                .text(decision.handle), .session(decision.session), .digest(decision.chain),
                .integer(decision.partIndex), .text(decision.strategy), .integer(decision.strategyVersion),
                .digest(decision.original), .digest(decision.emitted), .text(decision.reason),
                .integer(decision.priceNanodollars), .integer(decision.wallNanoseconds))
        }
    }

    private func write(_ response: ResponseRecord) throws(StoreError) {
        _ = try insert(
            "INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?, ?, ?)", bytes: 100
        ) {
            $0.bind(
                .text(response.id), .session(response.session), .digest(response.ownerKeyHash),
                .integer(response.createdNanoseconds),
                response.expiresNanoseconds.map { .integer($0) } ?? .null, .digest(response.blob))
        }
    }

    private func write(_ event: EventRecord) throws(StoreError) {
        _ = try insert("INSERT INTO events (time, kind, session, text) VALUES (?, ?, ?, ?)", bytes: 24) {
            $0.bind(
                .integer(event.wallNanoseconds), .text(event.kind), event.session.map { .session($0) } ?? .null,
                .text(event.text))
        }
    }
}

extension String {
    /// The longest beginning of whole characters (Unicode scalars) within so many bytes.
    fileprivate func cut(toBytes bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        var end = utf8.index(startIndex, offsetBy: bytesMax)
        // A scalar has at most 4 bytes.
        for _ in 0..<3 where end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(unicodeScalars[..<end])
    }
}
