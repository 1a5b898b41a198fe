// Compression by zlib: answers for the gzip-response fault, and request bodies that come compressed.

import CZlib

/// One gzip member (RFC 1952), cut so that each piece decompresses as soon as it and those before it are there.
func gzip(_ pieces: [[UInt8]]) -> [[UInt8]] {
    var stream = z_stream()
    // 15 is the window, 16 asks for the gzip wrapper. Only a lack of memory or a wrong library can fail here.
    let begun = deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    precondition(begun == Z_OK)
    defer { deflateEnd(&stream) }
    return pieces.enumerated().map { index, piece in
        deflated(piece, by: &stream, flush: index == pieces.count - 1 ? Z_FINISH : Z_SYNC_FLUSH)
    }
}

private func deflated(_ piece: [UInt8], by stream: inout z_stream, flush: Int32) -> [UInt8] {
    let bound = Int(deflateBound(&stream, UInt(piece.count))) + 64
    return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
        var input = piece
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(bound)
            _ = deflate(&stream, flush)
        }
        count = bound - Int(stream.avail_out)
    }
}

/// The bytes behind a gzip or zlib wrapper; nil when they are damaged or more than `bytesMax`.
func inflated(_ compressed: UnsafeRawBufferPointer, bytesMax: Int) -> [UInt8]? {
    var stream = z_stream()
    // 32 accepts both wrappers.
    let begun = inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard begun == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(
        mutating: compressed.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(clamping: compressed.count)
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while output.count <= bytesMax {
        let room = piece.count
        let (status, produced) = piece.withUnsafeMutableBufferPointer { buffer in
            stream.next_out = buffer.baseAddress
            stream.avail_out = UInt32(room)
            let status = inflate(&stream, Z_NO_FLUSH)
            return (status, room - Int(stream.avail_out))
        }
        output.append(contentsOf: piece[..<produced])
        if status == Z_STREAM_END { return output.count <= bytesMax ? output : nil }
        guard status == Z_OK, produced > 0 || stream.avail_in > 0 else { return nil }
    }
    return nil
}
