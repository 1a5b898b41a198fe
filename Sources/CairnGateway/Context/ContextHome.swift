// What of HOME the context needs: the store's file, a secret that names accounts, and the user's prices.
//
//     HOME/cairn.db       the store (docs/store.md)
//     HOME/account-salt   32 random bytes, so that an account's name in the store tells nothing of its key
//     HOME/prices.yaml    optional: prices that come before the built-in ones (docs/ledger.md)

import CairnContext
import CairnLedger
import CairnStore
import Glibc

enum ContextHome {
    static let saltBytes = 32

    /// The salt of this home; made once, whole or not at all. Without a home that can be written, one for this process.
    static func salt(_ home: String) -> [UInt8] {
        let path = home + "/account-salt"
        if let known = readSalt(path) { return known }
        let salt = (0..<saltBytes).map { _ in UInt8.random(in: .min ... .max) }  // of getrandom(2)
        let draft = "\(path).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return salt }
        let isWritten =
            salt.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == saltBytes && fsync(descriptor) == 0
        close(descriptor)
        // Where another process was first, its salt stays; a damaged one gives way.
        if isWritten, readSalt(path) == nil { rename(draft, path) } else { unlink(draft) }
        return readSalt(path) ?? salt
    }

    private static func readSalt(_ path: String) -> [UInt8]? {
        read(path, bytesMax: saltBytes).flatMap { $0.count == saltBytes ? $0 : nil }
    }

    /// The built-in prices, behind those of the user.
    static func prices(_ home: String, log: Log) -> PriceBook {
        guard let file = read(home + "/prices.yaml", bytesMax: PriceBook.fileBytes + 1) else { return .builtIn }
        do throws(LedgerError) {
            return PriceBook.builtIn.overridden(by: try PriceBook(file: file))
        } catch {
            log.warning("prices.yaml is not used", ["reason": .text("\(error)")])
            return .builtIn
        }
    }

    /// Opens the store; nil if not even its thread can be started. What is wrong with the file is told by its health.
    static func store(_ home: String, log: Log) -> SQLiteStore? {
        do throws(StoreError) {
            let store = try SQLiteStore(StoreOptions(folder: home))
            if case .degraded(let error) = store.health.state {
                log.warning("the store is not available", ["reason": .text("\(error)")])
            }
            return store
        } catch {
            log.warning("the store cannot be started", ["reason": .text("\(error)")])
            return nil
        }
    }

    private static func read(_ path: String, bytesMax: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var count = 0
        while count < bytesMax {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, bytesMax - count) }
            if got < 0 && errno == EINTR { continue }
            if got <= 0 { break }
            count += got
        }
        return Array(bytes[..<count])
    }
}
