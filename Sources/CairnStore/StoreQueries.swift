// The questions a reader asks, one connection's worth. Statements are compiled once and used again; each is reset when its
// rows were read, so that no old pages are kept alive.

import CairnContext
import CairnCore

/// One read-only connection and its questions. Used by one thread at a time.
final class StoreQueries {
    static let blob = "SELECT size, coding, bytes FROM blobs WHERE digest = ?"
    private static let linkByChain = """
        SELECT chain, parent, session, position, turn, raw, emission, role, time, cumulative_bytes, cumulative_tokens,
            state
        FROM links WHERE chain = ?
        """

    let database: Database
    private let coder: BlobCoder
    private let limits: StoreLimits

    init(_ options: StoreOptions) throws(StoreError) {
        database = try Database(
            path: options.path, access: .readOnly, fileSystem: options.fileSystem,
            busyMilliseconds: options.busyMilliseconds)
        coder = try BlobCoder(bytesMax: options.limits.blobBytesMax)
        limits = options.limits
    }

    // MARK: - Lineage

    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? {
        try first(Self.linkByChain, .digest(chain), Self.link)
    }

    func longestKnownPrefix(newestFirst chains: [Fingerprint]) throws(StoreError) -> KnownPrefix? {
        for (index, chain) in chains.enumerated() {
            if let link = try link(chain: chain) { return KnownPrefix(index: index, link: link) }
        }
        return nil
    }

    /// Walks from the link to its root: a look-up each, which a recursive query would do as well, with a bound on what
    /// a damaged file can make of it.
    func lineage(endingAt chain: Fingerprint) throws(StoreError) -> LineagePath {
        var links: [LinkRecord] = []
        var next = chain
        while links.count < limits.lineageLinksMax, next != .lineageStart, let link = try link(chain: next) {
            links.append(link)
            next = link.parent
        }
        return LineagePath(links: links.reversed(), isComplete: next == .lineageStart && !links.isEmpty)
    }

    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? {
        try first(Self.blob, .digest(digest)) { (row) throws(StoreError) in
            try row.withBytes(2) { (bytes) throws(StoreError) in
                try coder.restore(bytes, coding: row.integer(1), size: row.integer(0), digest: digest)
            }
        }
    }

    // MARK: - Sessions, calls, decisions

    private static let sessionColumns =
        "id, root, harness, provider, dialect, model, project_hint, created, frozen_facts, strategy_versions"

    func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord? {
        try first("SELECT \(Self.sessionColumns) FROM sessions WHERE id = ?", .session(id), Self.session)
    }

    func sessions(_ page: StoragePage) throws(StoreError) -> [SessionRecord] {
        try all(
            "SELECT \(Self.sessionColumns) FROM sessions ORDER BY number DESC LIMIT ? OFFSET ?", page, Self.session)
    }

    func oldestSessions(_ page: StoragePage) throws(StoreError) -> [SessionRecord] {
        try all("SELECT \(Self.sessionColumns) FROM sessions ORDER BY number LIMIT ? OFFSET ?", page, Self.session)
    }

    private static let callColumns = """
        id, session, chain, started, mode, model, upstream, request_bytes, emitted_bytes, common_bytes, common_tokens,
        common_bytes_as_sent, break_code, break_text, moved_kinds, tools, previous_proof, proof, usage, billed,
        predicted, untouched, predicted_hit, reported_hit, status, outcome
        """

    func calls(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [CallRecord] {
        try all(
            """
            SELECT \(Self.callColumns) FROM calls WHERE session = ? ORDER BY number LIMIT ? OFFSET ?
            """, key: .session(session), page, Self.call)
    }

    func forEachCall(
        of session: SessionIdentifier?, sinceNanoseconds: UInt64, _ body: (CallRecord) -> Void
    ) throws(StoreError) {
        let condition = session == nil ? "started >= ?" : "started >= ? AND session = ?"
        let statement = try database.statement(
            "SELECT \(Self.callColumns) FROM calls WHERE \(condition) ORDER BY number")
        if let session {
            statement.bind(.integer(sinceNanoseconds), .session(session))
        } else {
            statement.bind(.integer(sinceNanoseconds))
        }
        defer { statement.reset() }
        while try statement.step() { body(try Self.call(statement)) }
    }

    func lastCall(of session: SessionIdentifier) throws(StoreError) -> CallRecord? {
        try first(
            "SELECT \(Self.callColumns) FROM calls WHERE session = ? ORDER BY number DESC LIMIT 1", .session(session),
            Self.call)
    }

    func call(id: String) throws(StoreError) -> CallRecord? {
        try first("SELECT \(Self.callColumns) FROM calls WHERE id = ?", .text(id), Self.call)
    }

    func call(of session: SessionIdentifier, startedNanoseconds: UInt64) throws(StoreError) -> CallRecord? {
        let statement = try database.statement(
            "SELECT \(Self.callColumns) FROM calls WHERE started = ? AND session = ? ORDER BY number LIMIT 1")
        statement.bind(.integer(startedNanoseconds), .session(session))
        return try rows(of: statement, Self.call).first
    }

    private static let decisionColumns =
        "handle, session, chain, part, strategy, strategy_version, original, emitted, reason, price, time"

    /// The newest decisions behind a handle, in one session or in all, the oldest of them first.
    func decisions(handle: String, of session: SessionIdentifier?) throws(StoreError) -> [DecisionRecord] {
        let condition = session == nil ? "handle = ?1" : "handle = ?1 AND session = ?3"
        let statement = try database.statement(
            """
            SELECT \(Self.decisionColumns) FROM decisions WHERE \(condition) ORDER BY number DESC LIMIT ?2
            """)
        if let session {
            statement.bind(.text(handle), .integer(limits.pageRowsMax), .session(session))
        } else {
            statement.bind(.text(handle), .integer(limits.pageRowsMax))
        }
        return try rows(of: statement, Self.decision).reversed()
    }

    func decisions(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [DecisionRecord] {
        try all(
            """
            SELECT \(Self.decisionColumns) FROM decisions WHERE session = ? ORDER BY number LIMIT ? OFFSET ?
            """, key: .session(session), page, Self.decision)
    }

    func response(id: String) throws(StoreError) -> ResponseRecord? {
        try first("SELECT id, session, owner, created, expires, blob FROM responses WHERE id = ?", .text(id)) {
            (row) throws(StoreError) in
            ResponseRecord(
                id: row.text(0), session: try row.session(1), ownerKeyHash: try row.requiredDigest(2),
                createdNanoseconds: row.count(3), expiresNanoseconds: row.integer(4).map { UInt64(clamping: $0) },
                blob: try row.requiredDigest(5))
        }
    }

    func events(_ page: StoragePage) throws(StoreError) -> [EventRecord] {
        try all("SELECT time, kind, session, text FROM events ORDER BY id DESC LIMIT ? OFFSET ?", page) {
            (row) throws(StoreError) in
            EventRecord(
                wallNanoseconds: row.count(0), kind: row.text(1),
                session: try row.digest(2).map { SessionIdentifier(high: $0.high, low: $0.low) }, text: row.text(3))
        }
    }

    func totals(sinceNanoseconds: UInt64) throws(StoreError) -> CallTotals {
        let totals = try first(
            """
            SELECT count(*), sum(request_bytes), sum(emitted_bytes), sum(common_tokens), sum(billed), sum(predicted),
                sum(untouched), sum(predicted_hit), sum(reported_hit), count(*) - count(billed)
            FROM calls WHERE started >= ?
            """, .integer(sinceNanoseconds)
        ) { (row) throws(StoreError) in
            let sums = (0..<10).map { row.integer($0) ?? 0 }
            return CallTotals(
                calls: sums[0], requestBytes: sums[1], emittedBytes: sums[2], commonPrefixTokens: sums[3],
                billedNanodollars: sums[4], predictedNanodollars: sums[5], untouchedNanodollars: sums[6],
                predictedHitTokens: sums[7], reportedHitTokens: sums[8], unbilledCalls: sums[9])
        }
        guard let totals else { throw StoreError(.corrupt, step: "adding up \(database.path)") }
        return totals
    }

    // MARK: - Search

    /// Ranked by bm25; `text_search` may lag behind `texts` by what was stored last.
    func search(_ search: TurnSearch) throws(StoreError) -> [TurnHit] {
        guard let match = Self.match(search, wordsMax: limits.searchWordsMax) else { return [] }
        let statement = try database.statement(
            """
            SELECT links.chain, links.session, links.position, -bm25(text_search),
                snippet(text_search, 0, '', '', '...', 32)
            FROM text_search JOIN texts ON texts.id = text_search.rowid JOIN links ON links.id = texts.link
            WHERE text_search MATCH ?1 AND (?2 IS NULL OR links.session = ?2)
            ORDER BY bm25(text_search) LIMIT ?3
            """)
        statement.bind(
            .text(match), search.session.map { .session($0) } ?? .null,
            .integer(min(max(0, search.hitsMax), limits.pageRowsMax)))
        return try rows(of: statement) { (row) throws(StoreError) in
            TurnHit(
                chain: try row.requiredDigest(0), session: try row.session(1), position: Int(row.integer(2) ?? 0),
                score: row.real(3), excerpt: row.text(4))
        }
    }

    /// The words as an expression of FTS5: each in quotes, so that none is an operator. nil: there are none.
    static func match(_ search: TurnSearch, wordsMax: Int) -> String? {
        let words = search.words.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.prefix(wordsMax)
        guard !words.isEmpty else { return nil }
        return words.map { "\"\($0)\"" }.joined(separator: search.needsAll ? " AND " : " OR ")
    }

    // MARK: - Rows

    private func first<Record>(
        _ sql: String, _ key: SQLValue, _ read: (Statement) throws(StoreError) -> Record
    ) throws(StoreError) -> Record? {
        let statement = try database.statement(sql)
        statement.bind(key)
        defer { statement.reset() }
        return try statement.step() ? try read(statement) : nil
    }

    private func all<Record>(
        _ sql: String, key: SQLValue? = nil, _ page: StoragePage,
        _ read: (Statement) throws(StoreError) -> Record
    ) throws(StoreError) -> [Record] {
        let statement = try database.statement(sql)
        let count = SQLValue.integer(min(max(0, page.count), limits.pageRowsMax))
        let skip = SQLValue.integer(max(0, page.skip))
        if let key { statement.bind(key, count, skip) } else { statement.bind(count, skip) }
        return try rows(of: statement, read)
    }

    private func rows<Record>(
        of statement: Statement, _ read: (Statement) throws(StoreError) -> Record
    ) throws(StoreError) -> [Record] {
        defer { statement.reset() }
        var records: [Record] = []
        while try statement.step() { records.append(try read(statement)) }
        return records
    }

    private static func link(_ row: Statement) throws(StoreError) -> LinkRecord {
        LinkRecord(
            chain: try row.requiredDigest(0), parent: try row.requiredDigest(1), session: try row.session(2),
            position: Int(row.integer(3) ?? 0), turn: try row.requiredDigest(4), raw: try row.requiredDigest(5),
            emission: try row.digest(6), role: UInt8(clamping: row.integer(7) ?? 0), wallNanoseconds: row.count(8),
            cumulativeBytes: row.count(9), cumulativeTokens: row.count(10), state: row.bytes(11))
    }

    private static func session(_ row: Statement) throws(StoreError) -> SessionRecord {
        SessionRecord(
            id: try row.session(0), root: try row.requiredDigest(1), harness: row.text(2), provider: row.text(3),
            dialect: row.text(4), model: row.text(5), projectHint: row.text(6), createdNanoseconds: row.count(7),
            frozenFacts: row.bytes(8), strategyVersions: row.text(9))
    }

    private static func call(_ row: Statement) throws(StoreError) -> CallRecord {
        CallRecord(
            id: row.text(0), session: try row.session(1), chain: try row.requiredDigest(2),
            startedNanoseconds: row.count(3), mode: row.text(4), model: row.text(5), upstream: row.text(6),
            requestBytes: row.count(7), emittedBytes: row.count(8),
            prefix: .init(
                commonBytes: row.count(9), commonTokens: row.count(10), commonBytesAsSent: row.count(11),
                breakCode: Int(row.integer(12) ?? 0), breakText: row.text(13), movedKinds: row.text(14)),
            tools: try row.digest(15), previousProof: try row.requiredDigest(16), proof: try row.requiredDigest(17),
            usage: row.bytes(18),
            cost: .init(
                billedNanodollars: row.integer(19), predictedNanodollars: row.integer(20),
                untouchedNanodollars: row.integer(21), predictedHitTokens: row.integer(22),
                reportedHitTokens: row.integer(23)),
            status: Int(row.integer(24) ?? 0), outcome: row.text(25))
    }

    private static func decision(_ row: Statement) throws(StoreError) -> DecisionRecord {
        DecisionRecord(
            handle: row.text(0), session: try row.session(1), chain: try row.requiredDigest(2),
            partIndex: Int(row.integer(3) ?? 0), strategy: row.text(4), strategyVersion: Int(row.integer(5) ?? 0),
            original: try row.requiredDigest(6), emitted: try row.requiredDigest(7), reason: row.text(8),
            priceNanodollars: row.integer(9) ?? 0, wallNanoseconds: row.count(10))
    }
}

extension Statement {
    fileprivate func session(_ column: Int32) throws(StoreError) -> SessionIdentifier {
        let digest = try requiredDigest(column)
        return SessionIdentifier(high: digest.high, low: digest.low)
    }

    /// A number that is never negative.
    fileprivate func count(_ column: Int32) -> UInt64 { UInt64(clamping: integer(column) ?? 0) }
}
