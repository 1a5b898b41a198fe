// How the bytes of a blob are kept: as they are, or compressed with zstd where that makes them smaller. One coder a
// connection: its buffers and contexts are used again.

import CZstd
import CairnContext
import CairnCore

/// Compresses and restores blobs.
final class BlobCoder {
    /// Bytes from which compression is tried; below it the frame eats what it saves.
    static let compressedFromBytes = 1024
    /// Fast, and within some percent of what slower levels reach on turns.
    static let level: Int32 = 3

    /// How the bytes are kept. Stored: numbers never change their meaning.
    enum Coding: Int64 {
        case plain = 0
        case zstd = 1
    }

    private let compressor: OpaquePointer
    private let decompressor: OpaquePointer
    private let bytesMax: Int
    private var buffer: [UInt8] = []

    /// Blobs of more than `bytesMax` bytes are not believed when they are read.
    init(bytesMax: Int) throws(StoreError) {
        guard let compressor = ZSTD_createCCtx() else { throw StoreError(.outOfMemory, step: "starting zstd") }
        guard let decompressor = ZSTD_createDCtx() else {
            ZSTD_freeCCtx(compressor)
            throw StoreError(.outOfMemory, step: "starting zstd")
        }
        self.compressor = compressor
        self.decompressor = decompressor
        self.bytesMax = bytesMax
    }

    deinit {
        ZSTD_freeCCtx(compressor)
        ZSTD_freeDCtx(decompressor)
    }

    /// Lends the form in which the bytes are to be kept.
    func withStored<Result>(
        _ bytes: [UInt8], _ body: (Coding, UnsafeRawBufferPointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        if bytes.count >= Self.compressedFromBytes, let size = compress(bytes) {
            return try withView(of: buffer) { (view) throws(StoreError) in
                try body(.zstd, UnsafeRawBufferPointer(rebasing: view[..<size]))
            }
        }
        return try withView(of: bytes) { (view) throws(StoreError) in try body(.plain, view) }
    }

    /// The size in `buffer`; nil: it does not shrink.
    private func compress(_ bytes: [UInt8]) -> Int? {
        let bound = ZSTD_compressBound(bytes.count)
        if buffer.count < bound { buffer = [UInt8](repeating: 0, count: bound) }
        let size = buffer.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                ZSTD_compressCCtx(
                    compressor, target.baseAddress, target.count, source.baseAddress, source.count, Self.level)
            }
        }
        return ZSTD_isError(size) == 0 && size < bytes.count ? size : nil
    }

    /// The bytes that were kept in this form under this digest.
    /// - Throws: `corrupt` when they are not those.
    func restore(
        _ stored: UnsafeRawBufferPointer, coding: Int64?, size: Int64?, digest: Fingerprint
    ) throws(StoreError) -> [UInt8] {
        let damaged = StoreError(.corrupt, step: "reading blob \(digest)")
        guard let coding = coding.flatMap(Coding.init(rawValue:)), let size = size.flatMap(Int.init(exactly:)),
            (0...bytesMax).contains(size)
        else { throw damaged }
        let bytes: [UInt8]
        switch coding {
        case .plain: bytes = [UInt8](stored)
        case .zstd:
            bytes = [UInt8](unsafeUninitializedCapacity: size) { target, count in
                let written = ZSTD_decompressDCtx(
                    decompressor, target.baseAddress, size, stored.baseAddress, stored.count)
                count = ZSTD_isError(written) == 0 ? min(written, size) : 0
            }
        }
        guard bytes.count == size, bytes.withUnsafeBytes({ Fingerprint(of: $0) }) == digest else { throw damaged }
        return bytes
    }
}

/// Lends an array's bytes to a body that throws a typed error.
private func withView<Result>(
    of bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Result
) throws(StoreError) -> Result {
    try bytes.withUnsafeBufferPointer { (buffer) throws(StoreError) in try body(UnsafeRawBufferPointer(buffer)) }
}
