// TextEmbedder.swift: the Swift face of the core's embedding of texts without a model (cairn_vector.h).
//
// Memory turns what was said, done or failed into vectors with one and keeps them in a VectorIndex. About 15 ns a byte, so
// texts above some kilobytes belong on the worker pool.
internal import CCairn

/// Turns texts into vectors: hashed words and runs of characters, weighted by rarity. Same text, same learned documents, same
/// floats, on every machine.
///
/// Learning moves the vectors of all later texts: learn first, then embed what is to be compared.
public struct TextEmbedder: ~Copyable {
    /// Floats of a vector.
    public static let dimension = Int(CAIRN_VECTOR_EMBEDDING_FLOATS)
    /// Raised when texts get other vectors than before.
    public static let version = Int(CAIRN_VECTOR_VERSION)
    /// Bytes of the longest text.
    public static let textBytesMax = Int(CAIRN_VECTOR_TEXT_BYTES_MAX)

    private let handle: OpaquePointer

    /// Knows no documents: every word weighs the same.
    /// - Throws: `noMemory`.
    public init() throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_vector_embedder_new(&handle).check()
        self.handle = handle!
    }

    deinit { cairn_vector_embedder_free(handle) }

    /// Counts the text as one more document: what many documents have weighs less from now on.
    /// - Throws: `tooBig`.
    public mutating func learn(_ text: UnsafeRawBufferPointer) throws(CoreError) {
        try cairn_vector_embedder_learn(handle, text.span.bytes, text.count).check()
    }

    /// The text's vector, ``dimension`` floats of length 1; nil for a text without direction, such as an empty one.
    /// - Throws: `tooBig`.
    public mutating func embed(_ text: UnsafeRawBufferPointer) throws(CoreError) -> [Float]? {
        var status = CAIRN_OK
        let vector = [Float](unsafeUninitializedCapacity: TextEmbedder.dimension) { out, count in
            status = cairn_vector_embed(handle, text.span.bytes, text.count, out.baseAddress)
            count = status == CAIRN_OK ? TextEmbedder.dimension : 0
        }
        if status == CAIRN_ERR_NOT_FOUND { return nil }
        try status.check()
        return vector
    }

    /// The stored form of what was learned.
    public var stored: [UInt8] {
        let bytes = Int(CAIRN_VECTOR_EMBEDDER_BYTES)
        return [UInt8](unsafeUninitializedCapacity: bytes) { out, count in
            cairn_vector_embedder_write(handle, out.baseAddress)
            count = bytes
        }
    }

    /// Knows the documents of a stored form.
    /// - Throws: `incomplete`, `syntax`, `argument` for another version, or `noMemory`.
    public init(stored: [UInt8]) throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_vector_embedder_new(&handle).check()
        let status = stored.withUnsafeBytes { cairn_vector_embedder_read(handle, $0.span.bytes, $0.count) }
        if let error = status.error() {
            cairn_vector_embedder_free(handle)
            throw error
        }
        self.handle = handle!
    }
}

// Proof: the handle belongs to this value alone, which cannot be copied, and the core keeps no thread-bound state.
extension TextEmbedder: @unchecked Sendable {}
