// The file on disk: its folder, its lock, its checks when it is opened, and what happens to a damaged one.
//
//     HOME/cairn.db         the database            0600, like the two below, in a folder of 0700
//     HOME/cairn.db-wal     the write-ahead log     what is committed and not yet copied into the database
//     HOME/cairn.db-shm     SQLite's index of it
//     HOME/cairn.lock       locked by the process that writes; the kernel lets go of it however that process ends
//     HOME/cairn.db.damaged-20261120T104512Z        what was set aside, with its log beside it

import CairnContext
import CairnCore
import Glibc

/// How the file was found when it was opened, for the log.
public struct StoreOpening: Equatable, Sendable {
    public enum Check: Equatable, Sendable {
        /// A new file needs none.
        case none
        case quick
        case full
        /// Time was up before all of the file was read; what was read is sound.
        case unfinished
    }

    public var path: String
    /// Where the damaged file is that was found instead; nil: none was.
    public var setAsidePath: String?
    /// The version the file had; nil: it is new, or up to date.
    public var migratedFrom: Int?
    /// False: the process before ended without closing the store, or the file is new.
    public var wasClosedCleanly: Bool
    public var check: Check
}

/// The open file, its lock and the writing connection. Used by one thread at a time.
final class StoreFile {
    static let name = "cairn.db"
    private static let lockName = "cairn.lock"
    /// Damaged files of one second that get a name of their own.
    private static let setAsideNumberMax = 1000
    /// Pages the writing connection keeps in memory, in KiB.
    private static let cacheKibibytes = 16_384
    /// A log that was copied is cut to this size when it is used again.
    private static let logKeptBytes = 16 << 20

    let database: Database
    let opening: StoreOpening
    private let lock: FileLock

    /// Opens the file of a store, or makes it.
    static func open(_ options: StoreOptions) throws(StoreError) -> StoreFile {
        try makeFolder(options.folder)
        let lock = try FileLock(path: options.folder + "/" + lockName)
        do throws(StoreError) {
            return try StoreFile(options, lock: lock, setAsidePath: nil)
        } catch {
            guard error.kind == .corrupt else { throw error }
            let setAsidePath = try setAside(options.path)
            return try StoreFile(options, lock: lock, setAsidePath: setAsidePath)
        }
    }

    private init(_ options: StoreOptions, lock: FileLock, setAsidePath: String?) throws(StoreError) {
        self.lock = lock
        try Self.makeFile(options.path)
        database = try Database(
            path: options.path, access: .readWrite, fileSystem: options.fileSystem,
            busyMilliseconds: options.busyMilliseconds)
        let found = try Migration.version(of: database, known: options.migrations)
        let isNew = found == 0
        let openMark = isNew ? nil : try database.integer("SELECT value FROM facts WHERE name = 'open'")
        let wasClosedCleanly = openMark == 0
        let check = try Self.check(database, isNew: isNew, wasClosedCleanly: wasClosedCleanly, options.limits)
        try Self.prepare(database)
        try Migration.apply(options.migrations, to: database, from: found)
        let isMigrated = !isNew && found < options.migrations.last?.version ?? 0
        opening = StoreOpening(
            path: options.path, setAsidePath: setAsidePath, migratedFrom: isMigrated ? found : nil,
            wasClosedCleanly: wasClosedCleanly, check: check)
        try Self.compareFingerprints(database)
        try mark(isOpen: true)
    }

    /// Copies the log into the file and notes that nothing is missing; the connection closes with this object.
    func close() throws(StoreError) {
        try mark(isOpen: false)
        try database.checkpoint()
    }

    /// Writes what is there already: throws while the disk takes nothing.
    func probe() throws(StoreError) { try mark(isOpen: true) }

    private func mark(isOpen: Bool) throws(StoreError) {
        try database.execute("INSERT OR REPLACE INTO facts VALUES ('open', \(isOpen ? 1 : 0))", step: "marking")
    }

    private static func prepare(_ database: Database) throws(StoreError) {
        let mode = try database.prepare("PRAGMA journal_mode = WAL")
        guard try mode.step(), mode.text(0) == "wal" else {
            throw StoreError(.cannotOpen, step: "starting the write-ahead log of \(database.path)")
        }
        mode.reset()
        try database.execute(
            """
            PRAGMA synchronous = NORMAL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = \(logKeptBytes);
            PRAGMA cache_size = -\(cacheKibibytes);
            PRAGMA temp_store = MEMORY
            """, step: "opening")
    }

    private static func check(
        _ database: Database, isNew: Bool, wasClosedCleanly: Bool, _ limits: StoreLimits
    ) throws(StoreError) -> StoreOpening.Check {
        if isNew { return .none }
        let result =
            wasClosedCleanly
            ? try database.check("quick_check", withinMilliseconds: limits.quickCheckMillisecondsMax)
            : try database.check("integrity_check", withinMilliseconds: limits.fullCheckMillisecondsMax)
        switch result {
        case .damaged: throw StoreError(.corrupt, step: "checking \(database.path)")
        case .unfinished: return .unfinished
        case .sound: return wasClosedCleanly ? .quick : .full
        }
    }

    /// Digests of another rule would find nothing, silently.
    private static func compareFingerprints(_ database: Database) throws(StoreError) {
        let known = Fingerprint.version
        try database.execute("INSERT OR IGNORE INTO facts VALUES ('fingerprints', \(known))", step: "opening")
        let found = try database.integer("SELECT value FROM facts WHERE name = 'fingerprints'").map { Int($0) } ?? 0
        guard found == known else {
            throw StoreError(.otherFingerprints(found: found, known: known), step: "opening \(database.path)")
        }
    }

    // MARK: - Files and folders

    /// Makes the folder and those above it that are missing, for the owner only.
    private static func makeFolder(_ folder: String) throws(StoreError) {
        if mkdir(folder, 0o700) == 0 || errno == EEXIST { return }
        let failure = errno
        guard failure == ENOENT, let slash = folder.lastIndex(of: "/"), slash > folder.startIndex else {
            throw StoreError(errno: failure, step: "making \(folder)")
        }
        try makeFolder(String(folder[..<slash]))
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw StoreError(errno: errno, step: "making \(folder)")
        }
    }

    /// SQLite gives its log the rights of the file, so the file is made here, with the right ones.
    private static func makeFile(_ path: String) throws(StoreError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StoreError(errno: errno, step: "opening \(path)") }
        defer { Glibc.close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw StoreError(errno: errno, step: "protecting \(path)") }
    }

    /// Moves a damaged file and its log out of the way. Returns the new path.
    private static func setAside(_ path: String) throws(StoreError) -> String {
        let target = freePath(path + ".damaged-" + timestamp())
        guard rename(path, target) == 0 else { throw StoreError(errno: errno, step: "setting aside \(path)") }
        guard rename(path + "-wal", target + "-wal") == 0 || errno == ENOENT else {
            throw StoreError(errno: errno, step: "setting aside \(path)-wal")
        }
        unlink(path + "-shm")
        return target
    }

    /// The path, or with a number behind it where that is taken: two files may be set aside within a second.
    private static func freePath(_ path: String) -> String {
        var candidate = path
        var number = 1
        while access(candidate, F_OK) == 0, number < setAsideNumberMax {
            number += 1
            candidate = "\(path)-\(number)"
        }
        return candidate
    }

    /// UTC as 20261120T104512Z.
    private static func timestamp() -> String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func digits(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = "\(parts.tm_year + 1900)" + digits(parts.tm_mon + 1) + digits(parts.tm_mday)
        return day + "T" + digits(parts.tm_hour) + digits(parts.tm_min) + digits(parts.tm_sec) + "Z"
    }
}

/// A lock on a file of its own, held as long as this object lives.
private final class FileLock {
    private let descriptor: Int32

    init(path: String) throws(StoreError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StoreError(errno: errno, step: "opening \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = errno
            Glibc.close(descriptor)
            if failure == EWOULDBLOCK { throw StoreError(.locked, step: "locking \(path)") }
            throw StoreError(errno: failure, step: "locking \(path)")
        }
        self.descriptor = descriptor
    }

    deinit { Glibc.close(descriptor) }
}
