// A compiled statement: bind, step, read the columns, reset. Columns and parameters are counted from 0 here.

import CSQLite
import CairnContext
import CairnCore

/// Tells SQLite to copy what is bound.
private let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

/// One statement of one connection.
final class Statement {
    private let handle: OpaquePointer
    private let path: String

    init(_ handle: OpaquePointer, path: String) {
        self.handle = handle
        self.path = path
    }

    deinit { sqlite3_finalize(handle) }

    /// Goes to the next row. False: there is none, and the statement is reset.
    func step() throws(StoreError) -> Bool {
        let status = sqlite3_step(handle)
        if status == SQLITE_ROW { return true }
        sqlite3_reset(handle)
        guard status == SQLITE_DONE else { throw StoreError(status: status, step: "using \(path)") }
        return false
    }

    /// Runs a statement that gives no rows.
    func run() throws(StoreError) {
        _ = try step()
    }

    /// Ends the reading of rows; the connection keeps no old pages alive for it.
    func reset() { sqlite3_reset(handle) }

    /// Binds all parameters in order.
    func bind(_ values: SQLValue...) {
        for (index, value) in values.enumerated() { bind(value, at: Int32(index + 1)) }
    }

    private func bind(_ value: SQLValue, at index: Int32) {
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let integer): sqlite3_bind_int64(handle, index, integer)
        case .text(var text):
            text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    // An empty string may have no address, which SQLite would take for NULL.
                    guard let start = $0.baseAddress else {
                        sqlite3_bind_text(handle, index, "", 0, copied)
                        return
                    }
                    sqlite3_bind_text64(handle, index, start, UInt64($0.count), copied, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes): bytes.withUnsafeBytes { bind($0, at: index, destructor: copied) }
        case .digest(let digest):
            withUnsafeBytes(of: (digest.high.bigEndian, digest.low.bigEndian)) {
                bind($0, at: index, destructor: copied)
            }
        case .view(let bytes): bind(bytes, at: index, destructor: nil)
        }
    }

    private func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32, destructor: sqlite3_destructor_type?) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            sqlite3_bind_zeroblob(handle, index, 0)
            return
        }
        sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), destructor)
    }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func integer(_ column: Int32) -> Int64? {
        isNull(column) ? nil : sqlite3_column_int64(handle, column)
    }
    func real(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }
    func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Lends the bytes of a column until the next step.
    func withBytes<Result>(
        _ column: Int32, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let start = sqlite3_column_blob(handle, column)
        return try body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// nil: NULL.
    func bytes(_ column: Int32) -> [UInt8]? {
        guard !isNull(column) else { return nil }
        let start = sqlite3_column_blob(handle, column)
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// Reads a digest; nil: NULL.
    /// - Throws: `corrupt` when it has not 16 bytes.
    func digest(_ column: Int32) throws(StoreError) -> Fingerprint? {
        guard !isNull(column) else { return nil }
        return try withBytes(column) { (bytes) throws(StoreError) in
            guard bytes.count == 16 else { throw StoreError(.corrupt, step: "reading \(path)") }
            return Fingerprint(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// Reads a digest that is never NULL.
    func requiredDigest(_ column: Int32) throws(StoreError) -> Fingerprint {
        guard let digest = try digest(column) else { throw StoreError(.corrupt, step: "reading \(path)") }
        return digest
    }
}

/// A value for a parameter.
enum SQLValue {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
    case digest(Fingerprint)
    /// Not copied: the bytes must stay until the statement has run.
    case view(UnsafeRawBufferPointer)

    static func integer(_ value: UInt64) -> SQLValue { .integer(Int64(clamping: value)) }
    static func integer(_ value: Int) -> SQLValue { .integer(Int64(value)) }
    static func optional(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }
    static func optional(_ value: Fingerprint?) -> SQLValue { value.map { .digest($0) } ?? .null }
    static func optional(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
    static func session(_ id: SessionIdentifier) -> SQLValue { .digest(Fingerprint(high: id.high, low: id.low)) }
}
