import Testing

@testable import CairnGateway

@Suite struct ContentDecoderTests {
    /// Decodes in pieces of `pieceBytes` and checks what the decoder hands on.
    private func decode(
        _ codings: [ContentCoding], _ input: [UInt8], pieceBytes: Int = .max, bytesMax: Int = 1 << 20
    ) throws(ContentDecodingError) -> [UInt8] {
        let decoder = try ContentDecoder(codings: codings, bytesMax: bytesMax)
        var output: [UInt8] = []
        var position = 0
        while position < input.count {
            let end = position + min(pieceBytes, input.count - position)
            try input[position..<end].withUnsafeBufferPointer { (piece) throws(ContentDecodingError) in
                try decoder.decode(piece) { decoded in
                    #expect(!decoded.isEmpty && decoded.count <= max(ContentDecoder.pieceBytes, piece.count))
                    output.append(contentsOf: decoded)
                }
            }
            position = end
        }
        try decoder.finish()
        return output
    }

    private static let encoded: [([ContentCoding], [UInt8])] = [
        ([], EncodedContent.plain), ([.gzip], EncodedContent.gzip), ([.gzip], EncodedContent.gzipTwoMembers),
        ([.deflate], EncodedContent.zlib), ([.deflate], EncodedContent.rawDeflate), ([.brotli], EncodedContent.brotli),
        ([.zstd], EncodedContent.zstd), ([.zstd], EncodedContent.zstdTwoFrames),
        ([.gzip, .brotli], EncodedContent.brotliOfGzip),
    ]

    @Test(arguments: encoded.indices, [1, 2, 3, 7, 100, 4096, Int.max])
    func `content comes out whole, however its bytes arrive`(index: Int, pieceBytes: Int) throws {
        let (codings, bytes) = Self.encoded[index]
        guard !codings.isEmpty || pieceBytes >= 100 else { return }

        #expect(try decode(codings, bytes, pieceBytes: pieceBytes) == EncodedContent.plain)
    }

    @Test(arguments: encoded.indices.dropFirst())
    func `content that ends too early is truncated`(index: Int) {
        let (codings, bytes) = Self.encoded[index]
        // Where the first of two members or frames ends is an end too.
        let wholeEnds = Self.encoded[index].1 == EncodedContent.gzipTwoMembers || bytes == EncodedContent.zstdTwoFrames

        for end in 1..<bytes.count {
            do throws(ContentDecodingError) {
                let output = try decode(codings, Array(bytes[..<end]))
                #expect(wholeEnds && output.count == EncodedContent.plain.count / 2, "cut at \(end)")
            } catch {
                #expect(error == .truncated, "cut at \(end)")
            }
        }
    }

    @Test(arguments: encoded.indices.dropFirst())
    func `content beyond the limit is an error and nothing beyond it is kept`(index: Int) {
        let (codings, bytes) = Self.encoded[index]
        let limit = EncodedContent.plain.count - 1

        #expect(throws: ContentDecodingError.tooLarge(bytesMax: limit)) { try decode(codings, bytes, bytesMax: limit) }
        #expect(throws: ContentDecodingError.tooLarge(bytesMax: limit)) {
            try decode(codings, bytes, pieceBytes: 1, bytesMax: limit)
        }
        #expect((try? decode(codings, bytes, bytesMax: limit + 1)) == EncodedContent.plain)
    }

    @Test(arguments: encoded.indices.dropFirst())
    func `bytes behind the end are corrupt`(index: Int) {
        let (codings, bytes) = Self.encoded[index]

        #expect(throws: ContentDecodingError.corrupt) { try decode(codings, bytes + Array("trailing garbage".utf8)) }
    }

    @Test(arguments: [[ContentCoding.gzip], [.deflate], [.brotli], [.zstd], [.gzip, .brotli]])
    func `bytes of no coding are corrupt or never end`(codings: [ContentCoding]) {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 1...80, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Random deflate and brotli data now and then is valid: then it is short.
            if let output = try? decode(codings, bytes) { #expect(output.count < 1 << 20) }
        }
        #expect(throws: ContentDecodingError.self) { try decode(codings, Array("{\"model\":\"gpt-5\"}".utf8)) }
    }

    @Test func `a flipped bit of gzip is found by its checksum`() {
        var bytes = EncodedContent.gzip
        bytes[bytes.count - 6] ^= 1

        #expect(throws: ContentDecodingError.corrupt) { try decode([.gzip], bytes) }
    }

    @Test func `zeros pad the end of gzip and nothing may follow them`() throws {
        let padded = EncodedContent.gzip + [UInt8](repeating: 0, count: 100)

        #expect(try decode([.gzip], padded, pieceBytes: 64) == EncodedContent.plain)
        #expect(throws: ContentDecodingError.corrupt) { try decode([.gzip], padded + [1]) }
        #expect(throws: ContentDecodingError.corrupt) { try decode([.gzip], padded + [1], pieceBytes: 1) }
    }

    @Test(arguments: [[ContentCoding.gzip], [.deflate], [.brotli], [.zstd], [.gzip, .zstd], []])
    func `no bytes are empty content`(codings: [ContentCoding]) throws {
        #expect(try decode(codings, []) == [])
    }

    @Test func `a zstd window beyond 8 MiB is refused`() {
        #expect(throws: ContentDecodingError.corrupt) { try decode([.zstd], EncodedContent.zstdWideWindow) }
    }

    @Test func `an error stays`() throws {
        let decoder = try ContentDecoder(codings: [.gzip], bytesMax: 100)
        let garbage = Array("not gzip at all".utf8)

        for _ in 0..<2 {
            #expect(throws: ContentDecodingError.corrupt) {
                try garbage.withUnsafeBufferPointer { try decoder.decode($0) { _ in } }
            }
        }
        #expect(throws: ContentDecodingError.corrupt) { try decoder.finish() }
    }

    @Test(arguments: [
        ("gzip", [ContentCoding.gzip]), ("x-gzip", [.gzip]), ("GZIP", [.gzip]), ("deflate", [.deflate]),
        ("br", [.brotli]),
        ("zstd", [.zstd]), ("identity", []), ("", []), (" gzip \t", [.gzip]), ("gzip, br", [.gzip, .brotli]),
        ("identity,gzip,,identity", [.gzip]),
    ])
    func `codings are read in their order`(field: String, codings: [ContentCoding]) throws {
        #expect(try ContentCoding.list(field: Array(field.utf8).span) == codings)
    }

    @Test func `unknown and too many codings are refused with 415`() {
        #expect(throws: ContentDecodingError.unsupported) { try ContentCoding.list(field: Array("compress".utf8).span) }
        #expect(throws: ContentDecodingError.unsupported) { try ContentCoding.list(field: Array("gzip;q=1".utf8).span) }
        #expect(throws: ContentDecodingError.tooMany) {
            try ContentCoding.list(field: Array("gzip,gzip,gzip".utf8).span)
        }
        #expect(throws: ContentDecodingError.tooMany) {
            try ContentDecoder(codings: [.gzip, .gzip, .brotli], bytesMax: 1)
        }
        #expect(ContentDecodingError.unsupported.requestError.kind.status == 415)
        #expect(ContentDecodingError.tooMany.requestError.kind.status == 415)
    }

    @Test func `decoding errors of a request become 400, 413 or 503`() {
        #expect(ContentDecodingError.corrupt.requestError.kind == .badEncoding)
        #expect(ContentDecodingError.truncated.requestError.kind == .badEncoding)
        #expect(ContentDecodingError.tooLarge(bytesMax: 7).requestError.message.contains("7 bytes"))
        #expect(ContentDecodingError.tooLarge(bytesMax: 7).requestError.kind == .bodyTooLarge)
        #expect(ContentDecodingError.outOfMemory.requestError.kind.status == 503)
    }
}
