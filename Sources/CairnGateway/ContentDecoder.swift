// Decodes request bodies, and answers on the side to read usage out of them, piece by piece as they arrive.

/// Undoes up to two content codings. Not Sendable: it belongs to the call that made it, on that call's thread.
final class ContentDecoder {
    /// Size of the pieces handed on.
    static let pieceBytes = 32 * 1024

    private let stages: [any DecodingStage]
    private let bytesMax: Int
    private let pieces: UnsafeMutablePointer<UInt8>
    private var decodedBytes: [Int]
    private var failure: ContentDecodingError?

    /// `codings` in the order of the Content-Encoding field. More than `bytesMax` decoded bytes, of any of the codings,
    /// are an error, so that a small body cannot become a huge one.
    init(codings: [ContentCoding], bytesMax: Int) throws(ContentDecodingError) {
        guard codings.count <= ContentCoding.listMax else { throw .tooMany }
        var stages: [any DecodingStage] = []
        for coding in codings.reversed() { stages.append(try Self.stage(coding)) }
        self.stages = stages
        self.bytesMax = bytesMax
        decodedBytes = Array(repeating: 0, count: stages.count)
        pieces = .allocate(capacity: stages.count * Self.pieceBytes)
    }

    deinit { pieces.deallocate() }

    private static func stage(_ coding: ContentCoding) throws(ContentDecodingError) -> any DecodingStage {
        switch coding {
        case .gzip: try InflateStage(format: .gzip)
        case .deflate: try InflateStage(format: .deflate)
        case .brotli: try BrotliStage()
        case .zstd: try ZstdStage()
        }
    }

    /// Takes the next bytes and calls `consume` for every piece of decoded content, at most `pieceBytes` each, as a
    /// view. Without codings the input is handed on as it is. After an error every further call throws the same.
    func decode(_ input: UnsafeBufferPointer<UInt8>, consume: (UnsafeBufferPointer<UInt8>) -> Void)
        throws(ContentDecodingError)
    {
        if let failure { throw failure }
        do throws(ContentDecodingError) {
            try push(input, into: 0, consume)
        } catch {
            failure = error
            throw error
        }
    }

    /// The input is complete: throws `.truncated` if the content is not. No input at all is empty content.
    func finish() throws(ContentDecodingError) {
        if let failure { throw failure }
        for stage in stages where !stage.isAtEnd { throw .truncated }
    }

    /// Depth of the recursion: the number of codings.
    private func push(
        _ input: UnsafeBufferPointer<UInt8>, into stageIndex: Int, _ consume: (UnsafeBufferPointer<UInt8>) -> Void
    ) throws(ContentDecodingError) {
        guard stageIndex < stages.count else {
            if !input.isEmpty { consume(input) }
            return
        }
        let piece = UnsafeMutableBufferPointer(
            start: pieces + stageIndex * Self.pieceBytes, count: Self.pieceBytes)
        var rest = input
        var isPieceFull = false
        while !rest.isEmpty || isPieceFull {
            let step = try stages[stageIndex].step(rest, into: piece)
            rest = UnsafeBufferPointer(rebasing: rest[step.consumed...])
            isPieceFull = step.produced == Self.pieceBytes
            decodedBytes[stageIndex] += step.produced
            guard decodedBytes[stageIndex] <= bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
            try push(UnsafeBufferPointer(rebasing: piece[..<step.produced]), into: stageIndex + 1, consume)
            guard step.consumed > 0 || step.produced > 0 || rest.isEmpty else { throw .corrupt }
        }
    }
}

/// One coding being undone. The implementations own a handle of their library each.
protocol DecodingStage: AnyObject {
    /// Takes some of `input` and fills some of `output`; called with empty input as long as it filled all of `output`.
    func step(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep

    /// Whether the content may end here.
    var isAtEnd: Bool { get }
}

/// How far one step came, in bytes.
struct DecodingStep {
    var consumed: Int
    var produced: Int
}
