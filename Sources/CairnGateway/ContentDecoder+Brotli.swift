// br (RFC 7932) by Google's brotli.

import CBrotli

/// Undoes brotli. The large-window extension is off, as it is in browsers: at most 16 MiB of window.
final class BrotliStage: DecodingStage {
    private let decoder: OpaquePointer
    private var hasBegun = false

    init() throws(ContentDecodingError) {
        guard let decoder = BrotliDecoderCreateInstance(nil, nil, nil) else { throw .outOfMemory }
        self.decoder = decoder
    }

    deinit { BrotliDecoderDestroyInstance(decoder) }

    var isAtEnd: Bool { !hasBegun || BrotliDecoderIsFinished(decoder) == BROTLI_TRUE }

    func step(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(ContentDecodingError) -> DecodingStep {
        if BrotliDecoderIsFinished(decoder) == BROTLI_TRUE {
            guard input.isEmpty else { throw .corrupt }
            return DecodingStep(consumed: 0, produced: 0)
        }
        if !input.isEmpty { hasBegun = true }
        var inputLeft = input.count
        var nextInput = input.baseAddress
        var outputLeft = output.count
        var nextOutput = output.baseAddress
        let status = BrotliDecoderDecompressStream(
            decoder, &inputLeft, &nextInput, &outputLeft, &nextOutput, nil)
        if status == BROTLI_DECODER_RESULT_ERROR {
            let code = BrotliDecoderGetErrorCode(decoder).rawValue
            let isMemory =
                code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES.rawValue
                && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES.rawValue
            throw isMemory ? .outOfMemory : .corrupt
        }
        return DecodingStep(consumed: input.count - inputLeft, produced: output.count - outputLeft)
    }
}
