// A copy of the store while it is in use, by SQLite's online backup: one snapshot, whatever is written meanwhile.

import CairnContext
import Glibc

extension StoreQueries {
    /// Writes the copy beside its place, makes it durable, and moves it there: no half copy bears the name.
    func backup(to path: String) throws(StoreError) {
        guard access(path, F_OK) != 0 else {
            throw StoreError(.cannotOpen, step: "backing up to \(path), which exists")
        }
        let part = path + ".part"
        do throws(StoreError) {
            try writeCopy(to: part)
            guard rename(part, path) == 0 else { throw StoreError(errno: errno, step: "backing up to \(path)") }
        } catch {
            unlink(part)
            throw error
        }
    }

    private func writeCopy(to part: String) throws(StoreError) {
        let descriptor = Glibc.open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StoreError(errno: errno, step: "backing up to \(part)") }
        defer { Glibc.close(descriptor) }
        try copy(to: part)
        guard fsync(descriptor) == 0 else { throw StoreError(errno: errno, step: "backing up to \(part)") }
    }

    private func copy(to part: String) throws(StoreError) {
        let target = try Database(path: part, access: .readWrite, fileSystem: nil, busyMilliseconds: 0)
        try database.copy(to: target)
    }
}
