// The full-text index, filled behind the commits: indexing a text costs several times what storing it costs (about 40 us
// against 8), so the writer does it when nothing waits, in slices of its own.

import CairnContext

/// Indexes texts in the order in which they were stored. Used by the writer.
final class SearchIndex {
    /// Texts of one slice: some ten milliseconds.
    static let sliceTexts = 256

    private let database: Database
    /// The last text that is in the index.
    private var indexedText: Int64
    /// Texts that are not.
    private(set) var unindexedTexts: Int

    init(_ database: Database) throws(StoreError) {
        self.database = database
        indexedText = try database.integer("SELECT value FROM facts WHERE name = 'indexed_text'") ?? 0
        unindexedTexts = Int(try database.integer("SELECT count(*) FROM texts WHERE id > \(indexedText)") ?? 0)
    }

    /// Texts were stored.
    func recount() throws(StoreError) {
        let last = try database.statement("SELECT max(id) FROM texts")
        defer { last.reset() }
        unindexedTexts = try last.step() ? Int((last.integer(0) ?? 0) - indexedText) : 0
    }

    /// Indexes the next slice, in a transaction of its own.
    func addSlice() throws(StoreError) {
        try database.execute("BEGIN IMMEDIATE", step: "indexing")
        do throws(StoreError) {
            let last = try lastOfSlice()
            let insert = try database.statement(
                "INSERT INTO text_search (rowid, text) SELECT id, text FROM texts WHERE id > ? AND id <= ?")
            insert.bind(.integer(indexedText), .integer(last))
            try insert.run()
            let mark = try database.statement("INSERT OR REPLACE INTO facts VALUES ('indexed_text', ?)")
            mark.bind(.integer(last))
            try mark.run()
            try database.execute("COMMIT", step: "indexing")
            indexedText = last
        } catch {
            if !database.isInAutocommit { try database.execute("ROLLBACK", step: "indexing") }
            throw error
        }
        try recount()
    }

    private func lastOfSlice() throws(StoreError) -> Int64 {
        let statement = try database.statement(
            "SELECT max(id) FROM (SELECT id FROM texts WHERE id > ? ORDER BY id LIMIT \(Self.sliceTexts))")
        statement.bind(.integer(indexedText))
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) ?? indexedText : indexedText
    }
}
