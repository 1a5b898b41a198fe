// A file system for SQLite whose writes fail when a test says so: the system's own, with three functions of its files
// exchanged. SQLite calls it a VFS. There is one a process, so the suites that use it run their tests one by one.

import CSQLite
import CairnStore
import Glibc
import Synchronization

enum FaultyFileSystem {
    static let name = "cairn-faulty"

    /// Writes, truncations and syncs since `fail` was called, and which of them fail with what.
    private static let operations = Atomic(0)
    private static let firstFailing = Atomic(Int.max)
    private static let failingCount = Atomic(0)
    private static let status = Atomic<Int32>(0)

    /// From the operation of that number on (1 is the next), so many fail.
    static func fail(with code: Int32, from first: Int = 1, count: Int = .max) {
        operations.store(0, ordering: .sequentiallyConsistent)
        status.store(code, ordering: .sequentiallyConsistent)
        failingCount.store(count, ordering: .sequentiallyConsistent)
        firstFailing.store(first, ordering: .sequentiallyConsistent)
    }

    static func heal() { firstFailing.store(.max, ordering: .sequentiallyConsistent) }

    /// Operations since `fail`.
    static var operationCount: Int { operations.load(ordering: .sequentiallyConsistent) }

    /// Makes it known to SQLite. Once.
    static let register: Void = {
        guard let system = sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has a file system") }
        let faulty = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        faulty.initialize(to: system.pointee)
        faulty.pointee.pNext = nil
        faulty.pointee.zName = UnsafePointer(strdup(name))
        faulty.pointee.xOpen = { _, path, file, flags, outFlags in
            guard let system = sqlite3_vfs_find(nil), let file else { return SQLITE_CANTOPEN }
            let status = system.pointee.xOpen(system, path, file, flags, outFlags)
            guard status == SQLITE_OK, let own = file.pointee.pMethods else { return status }
            originals.store(UInt(bitPattern: own), ordering: .sequentiallyConsistent)
            file.pointee.pMethods = UnsafePointer(exchanged(own))
            return status
        }
        sqlite3_vfs_register(faulty, 0)
    }()

    /// The system's functions for files on disk; it has one set of them for all we open.
    private static let originals = Atomic<UInt>(0)
    private static var original: UnsafePointer<sqlite3_io_methods>? {
        UnsafePointer(bitPattern: originals.load(ordering: .sequentiallyConsistent))
    }

    /// Kept for the life of the process, as its files may be.
    private static func exchanged(
        _ own: UnsafePointer<sqlite3_io_methods>
    ) -> UnsafeMutablePointer<sqlite3_io_methods> {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: own.pointee)
        methods.pointee.xWrite = { file, bytes, count, offset in
            if let status = FaultyFileSystem.failure() { return status }
            return FaultyFileSystem.original?.pointee.xWrite(file, bytes, count, offset) ?? SQLITE_IOERR
        }
        methods.pointee.xTruncate = { file, size in
            if let status = FaultyFileSystem.failure() { return status }
            return FaultyFileSystem.original?.pointee.xTruncate(file, size) ?? SQLITE_IOERR
        }
        methods.pointee.xSync = { file, flags in
            if let status = FaultyFileSystem.failure() { return status }
            return FaultyFileSystem.original?.pointee.xSync(file, flags) ?? SQLITE_IOERR
        }
        return methods
    }

    /// Counts an operation. The status it is to fail with; nil: it may succeed.
    private static func failure() -> Int32? {
        let number = operations.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        let first = firstFailing.load(ordering: .sequentiallyConsistent)
        guard number >= first, number - first < failingCount.load(ordering: .sequentiallyConsistent) else { return nil }
        return status.load(ordering: .sequentiallyConsistent)
    }
}
