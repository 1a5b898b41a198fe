// One connection to SQLite and its statements. Owned by one thread at a time: the writer's by the writer, a reader's by
// who took it from the pool.

import CSQLite
import CairnContext

/// An open connection.
final class Database {
    enum Access { case readWrite, readOnly }

    private let handle: OpaquePointer
    let path: String
    private var statements: [String: Statement] = [:]

    /// Opens a file that exists. `fileSystem` is SQLite's name of the layer that does the I/O; nil: the system's.
    init(path: String, access: Access, fileSystem: String?, busyMilliseconds: Int) throws(StoreError) {
        var opened: OpaquePointer?
        let mode = access == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        let status = sqlite3_open_v2(
            path, &opened, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, fileSystem)
        guard status == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw StoreError(status: status, step: "opening \(path)")
        }
        handle = opened
        self.path = path
        sqlite3_busy_timeout(handle, Int32(clamping: busyMilliseconds))
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs statements that give no rows.
    func execute(_ sql: String, step: String) throws(StoreError) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw error(status, step: step) }
    }

    /// The statement of that text, ready to bind; compiled when first asked for.
    func statement(_ sql: String) throws(StoreError) -> Statement {
        if let known = statements[sql] { return known }
        let made = try prepare(sql)
        statements[sql] = made
        return made
    }

    /// A statement of one's own.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        var prepared: OpaquePointer?
        let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard status == SQLITE_OK, let prepared else { throw error(status, step: "preparing a statement on") }
        return Statement(prepared, path: path)
    }

    /// The number in the first column of the first row; nil: no row, or NULL.
    func integer(_ sql: String) throws(StoreError) -> Int64? {
        let statement = try prepare(sql)
        guard try statement.step() else { return nil }
        return statement.integer(0)
    }

    /// Rows changed since the connection was opened.
    var changedRows: Int64 { sqlite3_total_changes64(handle) }

    /// True outside a transaction, also after SQLite gave one up by itself.
    var isInAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

    /// Copies what the write-ahead log holds into the file, as far as no reader needs the old pages.
    func checkpoint() throws(StoreError) {
        let status = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard status == SQLITE_OK || status == SQLITE_BUSY else { throw error(status, step: "checkpointing") }
    }

    /// What an integrity check says.
    enum Check: Equatable { case sound, unfinished, damaged }

    /// Runs `PRAGMA quick_check` or `integrity_check`, at most so long.
    func check(_ pragma: String, withinMilliseconds milliseconds: Int) throws(StoreError) -> Check {
        let clock = CheckDeadline(end: MonotonicClock.nanoseconds(fromNowMilliseconds: milliseconds))
        sqlite3_progress_handler(
            handle, 10_000,
            { context in
                guard let context else { return 0 }
                let end = Unmanaged<CheckDeadline>.fromOpaque(context).takeUnretainedValue().end
                return MonotonicClock.nanoseconds() > end ? 1 : 0
            }, Unmanaged.passUnretained(clock).toOpaque())
        defer {
            sqlite3_progress_handler(handle, 0, nil, nil)
            withExtendedLifetime(clock) {}
        }
        do throws(StoreError) {
            let statement = try prepare("PRAGMA \(pragma)(1)")
            guard try statement.step() else { return .damaged }
            return statement.text(0) == "ok" ? .sound : .damaged
        } catch {
            switch error.kind {
            case .unexpected(code: Int(SQLITE_INTERRUPT)): return .unfinished
            case .corrupt: return .damaged
            default: throw error
            }
        }
    }

    /// Copies the whole database, as it is at this moment, into an empty file. Writers go on meanwhile.
    func copy(to target: Database) throws(StoreError) {
        try execute("BEGIN; SELECT count(*) FROM sqlite_schema", step: "backing up")
        defer { sqlite3_exec(handle, "COMMIT", nil, nil, nil) }
        guard let backup = sqlite3_backup_init(target.handle, "main", handle, "main") else {
            throw target.error(sqlite3_extended_errcode(target.handle), step: "backing up to")
        }
        let status = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard status == SQLITE_DONE else { throw target.error(status, step: "backing up to") }
    }

    private func error(_ status: Int32, step: String) -> StoreError {
        StoreError(status: status, step: "\(step) \(path)")
    }
}

/// Until when a check may run.
private final class CheckDeadline {
    let end: UInt64
    init(end: UInt64) { self.end = end }
}
