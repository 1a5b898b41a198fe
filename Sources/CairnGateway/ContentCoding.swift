// Names of content codings as they stand in Content-Encoding fields (RFC 9110, 8.4.1; RFC 7932; RFC 8878).

/// A coding that the gateway can read.
enum ContentCoding: Equatable, Sendable {
    case gzip, deflate, brotli, zstd

    /// Most codings one on top of the other.
    static let listMax = 2

    /// The codings of a field value in the order in which they were applied; empty for `identity`.
    /// Throws `.unsupported` for names that are not known, and `.tooMany`.
    static func list(field: Span<UInt8>) throws(ContentDecodingError) -> [ContentCoding] {
        var codings: [ContentCoding] = []
        var position = 0
        while position < field.count {
            var end = position
            while end < field.count, field[end] != UInt8(ascii: ",") { end += 1 }
            if let coding = try named(field.extracting(trimmed(field, position..<end))) { codings.append(coding) }
            guard codings.count <= listMax else { throw .tooMany }
            position = end + 1
        }
        return codings
    }

    /// nil: nothing was done to the content.
    private static func named(_ name: Span<UInt8>) throws(ContentDecodingError) -> ContentCoding? {
        if isSame(name, "gzip") || isSame(name, "x-gzip") { return .gzip }
        if isSame(name, "deflate") { return .deflate }
        if isSame(name, "br") { return .brotli }
        if isSame(name, "zstd") { return .zstd }
        if name.isEmpty || isSame(name, "identity") { return nil }
        throw .unsupported
    }

    private static func isSame(_ name: Span<UInt8>, _ text: StaticString) -> Bool {
        name.count == text.utf8CodeUnitCount && name.endOfPrefix(text, ignoringCase: true) != nil
    }

    /// Without white space at both ends.
    private static func trimmed(_ field: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, field[start] == 0x20 || field[start] == 0x09 { start += 1 }
        while end > start, field[end - 1] == 0x20 || field[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }
}

/// Why content could not be decoded.
enum ContentDecodingError: Error, Equatable, Sendable {
    /// A coding that is not known.
    case unsupported
    /// More than `ContentCoding.listMax` codings.
    case tooMany
    /// The bytes are not of that coding, or bytes follow its end.
    case corrupt
    /// The input ended before the content did.
    case truncated
    /// The content is larger than the limit; the limit in bytes.
    case tooLarge(bytesMax: Int)
    case outOfMemory

    /// The error for a client whose request body it was.
    var requestError: GatewayError {
        switch self {
        case .unsupported: GatewayError(.unsupportedEncoding, detail: "the coding is not known")
        case .tooMany: GatewayError(.unsupportedEncoding, detail: "more than \(ContentCoding.listMax) codings")
        case .corrupt: GatewayError(.badEncoding, detail: "the bytes are not of that coding")
        case .truncated: GatewayError(.badEncoding, detail: "the body ends too early")
        case .tooLarge(let bytesMax): GatewayError(.bodyTooLarge, detail: "\(bytesMax) bytes after decoding")
        case .outOfMemory: GatewayError(.outOfMemory)
        }
    }
}
