// VectorIndex.swift: the Swift face of the core's search for similar vectors (cairn_vector.h).
//
// Memory asks it what was said, done or failed before in other words. A search reads a byte a float: 2 ms for 100,000
// vectors of 384, so large indexes are searched on the worker pool.
internal import CCairn

/// Vectors of one dimension, each under an id of the caller's, and the search for the most similar ones.
///
/// Similarity is the cosine of the angle, -1 to 1; the length of a vector does not matter. Results are exact and the same on
/// every machine.
public struct VectorIndex: ~Copyable {
    public static let dimensionMax = Int(CAIRN_VECTOR_DIMENSION_MAX)
    public static let countMax = Int(CAIRN_VECTOR_COUNT_MAX)
    public static let matchesMax = Int(CAIRN_VECTOR_MATCHES_MAX)
    /// From here on two texts are taken to say the same.
    public static let similarityDefault = Float(CAIRN_VECTOR_SIMILARITY_DEFAULT)

    public struct Match: Equatable, Sendable {
        public let id: UInt64
        public let similarity: Float

        public init(id: UInt64, similarity: Float) {
            self.id = id
            self.similarity = similarity
        }
    }

    private let handle: OpaquePointer

    /// An empty index.
    /// - Throws: `argument` for a dimension below 1, `tooBig` above ``dimensionMax``, `noMemory`.
    public init(dimension: Int) throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_vector_index_new(max(dimension, 0), &handle).check()
        self.handle = handle!
    }

    deinit { cairn_vector_index_free(handle) }

    public var dimension: Int { cairn_vector_index_dimension(handle) }
    public var count: Int { cairn_vector_index_count(handle) }

    /// Puts a vector under an id, in place of the one that may be there.
    /// - Throws: `argument` for a vector of another dimension or without direction (zeros, a NaN, an infinity), `tooBig` beyond
    ///   ``countMax``, `noMemory`. The index is then as it was.
    public mutating func add(_ vector: [Float], id: UInt64) throws(CoreError) {
        guard vector.count == dimension else { throw CoreError(.argument) }
        try cairn_vector_index_add(handle, id, vector).check()
    }

    /// Removes the vector under an id. False when there is none.
    @discardableResult
    public mutating func remove(id: UInt64) -> Bool {
        cairn_vector_index_remove(handle, id) == CAIRN_OK
    }

    /// The vector under an id, with length 1; nil when there is none.
    public func vector(id: UInt64) -> [Float]? {
        guard let floats = cairn_vector_index_vector(handle, id) else { return nil }
        return [Float](UnsafeBufferPointer(start: floats, count: dimension))
    }

    /// The vectors most similar to the query, the most similar first, equal ones by id.
    /// - Parameters:
    ///   - similarityMin: less similar ones are left out; -1 for none.
    ///   - limit: 1 to ``matchesMax``.
    /// - Throws: `argument` for a query that could not be added, a NaN or a limit out of range.
    /// - Complexity: one pass over a byte a float.
    public func matches(
        for query: [Float], similarityMin: Float = similarityDefault, limit: Int = 1
    ) throws(CoreError) -> [Match] {
        guard query.count == dimension, (1...VectorIndex.matchesMax).contains(limit) else { throw CoreError(.argument) }
        return try VectorIndex.matches(queryCount: 1, limit: limit) { matches, counts in
            cairn_vector_index_search(handle, query, similarityMin, matches, limit, counts)
        }[0]
    }

    /// The same for several queries through the BLAS library of the system: one pass over the floats for 16 queries. Worth it
    /// where that library is fast; the results are equal.
    /// - Throws: as above.
    public func matchesThroughBLAS(
        forEach queries: [[Float]], similarityMin: Float = similarityDefault, limit: Int = 1
    ) throws(CoreError) -> [[Match]] {
        let dimension = dimension
        guard queries.allSatisfy({ $0.count == dimension }), (1...VectorIndex.matchesMax).contains(limit) else {
            throw CoreError(.argument)
        }
        let floats = queries.flatMap(\.self)
        return try VectorIndex.matches(queryCount: queries.count, limit: limit) { matches, counts in
            var blas = cairn_vector_cblas()
            return cairn_vector_index_search_blas(
                handle, &blas, floats, queries.count, similarityMin, matches, limit, counts)
        }
    }

    /// Gives a search room for its matches and turns them into values.
    private static func matches(
        queryCount: Int, limit: Int,
        _ search: (UnsafeMutablePointer<cairn_vector_match>, UnsafeMutablePointer<Int>) -> cairn_status
    ) throws(CoreError) -> [[Match]] {
        let found = UnsafeMutableBufferPointer<cairn_vector_match>.allocate(capacity: queryCount * limit)
        let counts = UnsafeMutableBufferPointer<Int>.allocate(capacity: queryCount)
        defer {
            found.deallocate()
            counts.deallocate()
        }
        try search(found.baseAddress!, counts.baseAddress!).check()
        return (0..<queryCount).map { query in
            (0..<counts[query]).map { rank in
                let match = found[query * limit + rank]
                return Match(id: match.id, similarity: match.similarity)
            }
        }
    }

    /// The stored form; equal indexes have equal bytes.
    /// - Throws: `noMemory`.
    public func stored() throws(CoreError) -> [UInt8] {
        let bytesMax = cairn_vector_index_bound(handle)
        var status = CAIRN_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: bytesMax) { out, length in
            status = cairn_vector_index_write(handle, out.baseAddress, bytesMax, &length)
        }
        try status.check()
        return bytes
    }

    /// Reads a stored form.
    /// - Throws: `incomplete`, `syntax`, `tooBig`, `argument` for another version, or `noMemory`.
    public init(stored: [UInt8]) throws(CoreError) {
        var handle: OpaquePointer?
        try stored.withUnsafeBytes { cairn_vector_index_read($0.span.bytes, $0.count, &handle) }.check()
        self.handle = handle!
    }
}

// Proof: the handle belongs to this value alone, which cannot be copied, and the core keeps no thread-bound state; only
// mutating functions write through it, so readers may share it.
extension VectorIndex: @unchecked Sendable {}
