// The one place where a status of SQLite or an errno becomes a StoreError. SQLite's own messages are not used: they may
// quote what was searched for.

import CSQLite
import CairnContext
import Glibc

extension StoreError {
    /// SQLITE_IOERR_NOMEM, which Swift cannot read from the header: SQLITE_IOERR | 12 << 8.
    private static let outOfMemoryStatus: Int32 = 10 | 12 << 8

    /// The error that an extended result code stands for.
    init(status: Int32, step: String) {
        self.init(Self.kind(status), step: step)
    }

    private static func kind(_ status: Int32) -> Kind {
        switch status & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED: .locked
        case SQLITE_READONLY: .readOnly
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: .cannotOpen
        case SQLITE_FULL: .full
        case SQLITE_IOERR: status == outOfMemoryStatus ? .outOfMemory : .inputOutput
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_NOMEM: .outOfMemory
        default: .unexpected(code: Int(status))
        }
    }

    /// The error that an errno stands for.
    init(errno code: Int32, step: String) {
        let kind: Kind =
            switch code {
            case ENOSPC, EDQUOT: .full
            case EROFS: .readOnly
            case EIO: .inputOutput
            case ENOMEM, ENFILE, EMFILE: .outOfMemory
            default: .cannotOpen
            }
        self.init(kind, step: step)
    }
}
