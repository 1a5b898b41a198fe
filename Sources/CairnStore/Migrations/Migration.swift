// The versions of the file, which only go forward. Each step is a file of its own and is never changed once released;
// SQLite's user_version says how far a file has come.

import CairnContext

/// One step from the version before to this one.
struct Migration: Sendable {
    let version: Int
    let sql: String

    /// All steps, in order.
    static let all: [Migration] = [.tables, .decisionsOfSession]

    /// SQLite's application_id of our files: "CARN".
    static let applicationIdentifier: Int64 = 0x4341_524E

    /// The version of a file; 0: nothing is in it yet.
    /// - Throws: `newer` for a file of a newer program, `foreign` for a database that is not ours.
    static func version(of database: Database, known migrations: [Migration]) throws(StoreError) -> Int {
        let found = Int(try database.integer("PRAGMA user_version") ?? 0)
        let known = migrations.last?.version ?? 0
        let identifier = try database.integer("PRAGMA application_id") ?? 0
        let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
        guard identifier == applicationIdentifier || isEmpty else {
            throw StoreError(.foreign, step: "opening \(database.path)")
        }
        guard found <= known else {
            throw StoreError(.newer(found: found, known: known), step: "opening \(database.path)")
        }
        return found
    }

    /// Brings the file from a version to the last of these, each step in its own transaction.
    static func apply(_ migrations: [Migration], to database: Database, from found: Int) throws(StoreError) {
        for migration in migrations where migration.version > found {
            do throws(StoreError) {
                try database.execute(
                    """
                    BEGIN IMMEDIATE;
                    \(migration.sql);
                    PRAGMA application_id = \(applicationIdentifier);
                    PRAGMA user_version = \(migration.version);
                    COMMIT
                    """, step: "migrating")
            } catch {
                if !database.isInAutocommit { try database.execute("ROLLBACK", step: "migrating") }
                throw error
            }
        }
    }
}
