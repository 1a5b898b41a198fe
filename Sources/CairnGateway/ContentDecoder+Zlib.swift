// gzip (RFC 1952) and deflate (RFC 1950 and 1951) by zlib.

import CZlib

/// Undoes gzip, also of several members, and deflate with or without its zlib header. RFC 9110 wants the header; some
/// senders leave it out, so the first two bytes decide: a zlib header is a multiple of 31 with method 8.
final class InflateStage: DecodingStage {
    enum Format {
        case gzip, deflate
    }

    private enum State {
        /// Waits for the two bytes that tell the format.
        case opening
        case inside
        /// Behind a complete member.
        case complete
        /// In the zeros that pad the end of a file.
        case padding
    }

    private let format: Format
    private var state = State.opening
    private var header: [UInt8] = []
    /// On the heap, because zlib keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>

    init(format: Format) throws(ContentDecodingError) {
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 16 + 15: gzip with the largest window; 15: zlib. deflate may still turn out to be raw.
        let windowBits: Int32 = format == .gzip ? 16 + 15 : 15
        let status = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    var isAtEnd: Bool {
        switch state {
        case .opening: header.isEmpty
        case .inside: false
        case .complete, .padding: true
        }
    }

    func step(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep {
        switch state {
        case .opening where format == .deflate:
            return try open(input, into: output)
        case .padding:
            return try pad(input)
        case .complete:
            guard let first = input.first else { return DecodingStep(consumed: 0, produced: 0) }
            guard format == .gzip else { throw .corrupt }
            if first == 0 { return try pad(input) }
            inflateReset(stream)
        case .opening, .inside:
            break
        }
        return try inflate(input, into: output)
    }

    private func open(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep {
        let taken = input.prefix(2 - header.count)
        header.append(contentsOf: taken)
        guard header.count == 2 else { return DecodingStep(consumed: taken.count, produced: 0) }

        let isZlib = header[0] & 0x0F == 8 && (UInt16(header[0]) << 8 | UInt16(header[1])) % 31 == 0
        if !isZlib { inflateReset2(stream, -15) }
        let produced = try header.withUnsafeBufferPointer { (bytes) throws(ContentDecodingError) in
            try inflate(bytes, into: output).produced
        }
        return DecodingStep(consumed: taken.count, produced: produced)
    }

    private func pad(_ input: UnsafeBufferPointer<UInt8>) throws(ContentDecodingError) -> DecodingStep {
        state = .padding
        guard input.allSatisfy({ $0 == 0 }) else { throw .corrupt }
        return DecodingStep(consumed: input.count, produced: 0)
    }

    private func inflate(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep {
        if !input.isEmpty { state = .inside }
        let available = UInt32(clamping: input.count)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = available
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(clamping: output.count)
        switch CZlib.inflate(stream, Z_NO_FLUSH) {
        case Z_OK, Z_BUF_ERROR: break  // Z_BUF_ERROR: nothing could be done without more input
        case Z_STREAM_END: state = .complete
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .corrupt  // Z_DATA_ERROR, Z_NEED_DICT
        }
        return DecodingStep(
            consumed: Int(available - stream.pointee.avail_in), produced: output.count - Int(stream.pointee.avail_out))
    }
}
