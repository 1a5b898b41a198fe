// zstd (RFC 8878) by the reference library.

import CZstd

/// Undoes zstd, also of several frames.
final class ZstdStage: DecodingStage {
    /// Windows of more than 8 MiB (2 to this power) are refused, as RFC 9659 asks for this coding.
    static let windowLogMax: Int32 = 23

    /// ZSTD_error_memory_allocation, as functions return it. zstd_errors.h, which names it, promises that it stays 64.
    private static let outOfMemoryStatus = -64

    private let stream: OpaquePointer
    /// What the library says is missing: 0 at the end of a frame.
    private var isInsideFrame = false

    init() throws(ContentDecodingError) {
        guard let stream = ZSTD_createDStream() else { throw .outOfMemory }
        self.stream = stream
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.windowLogMax)
    }

    deinit { ZSTD_freeDStream(stream) }

    var isAtEnd: Bool { !isInsideFrame }

    func step(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep {
        if input.isEmpty, !isInsideFrame { return DecodingStep(consumed: 0, produced: 0) }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let status = ZSTD_decompressStream(stream, &target, &source)
        guard ZSTD_isError(status) == 0 else {
            throw status == Self.outOfMemoryStatus ? .outOfMemory : .corrupt
        }
        isInsideFrame = status != 0
        return DecodingStep(consumed: source.pos, produced: target.pos)
    }
}
