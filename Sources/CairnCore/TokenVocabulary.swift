// TokenVocabulary.swift: the Swift face of exact token counts (cairn_tokens.h).
//
// A vocabulary is opened once and shared by all loops; each loop has a counter of its own, whose cache makes the next
// count faster. Hot: counting, over whole conversations; nothing there allocates.
internal import CCairn
import Glibc

/// Why a vocabulary cannot be used.
public enum TokenVocabularyError: Error, Equatable, Sendable {
    /// The file cannot be read; the system's error number says why.
    case file(errno: Int32)
    /// The file is no vocabulary of this version, cut off, or damaged.
    case content(CoreError)
}

/// A family of tokenizers: how text is split in front of the merges.
public enum TokenSplitter: Sendable {
    case cl100k
    case o200k
    case deepSeek

    fileprivate var inC: cairn_tokens_splitter {
        switch self {
        case .cl100k: CAIRN_TOKENS_CL100K
        case .o200k: CAIRN_TOKENS_O200K
        case .deepSeek: CAIRN_TOKENS_DEEPSEEK
        }
    }
}

/// A vocabulary file as set-up makes it, mapped read-only for as long as this lives.
public final class TokenVocabulary: Sendable {
    /// As the tokenizer's makers call it: `cl100k_base`, `o200k_base`, `deepseek_v3`.
    public let name: String
    // Proof: constant after init and only read; the mapping lasts until deinit.
    nonisolated(unsafe) fileprivate let tokens: UnsafeMutablePointer<cairn_tokens>
    nonisolated(unsafe) private let mapped: UnsafeMutableRawPointer
    private let mappedBytes: Int

    /// Maps and checks the file. Cost: two passes over its 10 to 20 MB, some milliseconds; not on an event loop.
    public init(path: String) throws(TokenVocabularyError) {
        let (mapped, mappedBytes) = try TokenVocabulary.map(path)
        let tokens = UnsafeMutablePointer<cairn_tokens>.allocate(capacity: 1)
        let status = cairn_tokens_open(mapped.assumingMemoryBound(to: UInt8.self), mappedBytes, tokens)
        if let error = status.error() {
            tokens.deallocate()
            munmap(mapped, mappedBytes)
            throw .content(error)
        }
        self.name = String(cString: cairn_tokens_name(tokens))
        self.tokens = tokens
        self.mapped = mapped
        self.mappedBytes = mappedBytes
    }

    deinit {
        tokens.deallocate()
        munmap(mapped, mappedBytes)
    }

    private static func map(_ path: String) throws(TokenVocabularyError) -> (UnsafeMutableRawPointer, Int) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .file(errno: errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .file(errno: errno) }
        guard status.st_size > 0 else { throw .content(CoreError(.incomplete)) }
        let mapped = mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, file, 0)
        guard let mapped, mapped != MAP_FAILED else { throw .file(errno: errno) }
        return (mapped, status.st_size)
    }
}

/// Counts tokens with one vocabulary and remembers what it met (300 KB). For one task at a time.
public struct TokenCounter: ~Copyable {
    public let vocabulary: TokenVocabulary
    private let cache: UnsafeMutablePointer<cairn_tokens_cache>  // on cache lines: a row is one

    public init(_ vocabulary: TokenVocabulary) {
        self.vocabulary = vocabulary
        cache = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<cairn_tokens_cache>.size, alignment: 64)
            .bindMemory(to: cairn_tokens_cache.self, capacity: 1)
        cairn_tokens_cache_init(cache, vocabulary.tokens)
    }

    deinit { cache.deallocate() }

    /// The tokens of the text. Bytes that are no UTF-8 count one each.
    /// - Throws: `tooBig` for more than a gigabyte.
    public mutating func count(_ text: UnsafeRawBufferPointer) throws(CoreError) -> Int {
        var count: UInt32 = 0
        try cairn_tokens_count(vocabulary.tokens, cache, text.span.bytes, text.count, &count).check()
        return Int(count)
    }

    /// The tokens of the text if there are at most `limit`, else nil, known without counting all of them.
    public mutating func count(_ text: UnsafeRawBufferPointer, upTo limit: UInt32) throws(CoreError) -> Int? {
        var count: UInt32 = 0
        try cairn_tokens_count_up_to(vocabulary.tokens, cache, text.span.bytes, text.count, limit, &count).check()
        return count > limit ? nil : Int(count)
    }

    /// Where to cut so that at most `limit` tokens are in front of the cut, between two characters: the bytes and the
    /// tokens there.
    public mutating func cut(_ text: UnsafeRawBufferPointer, at limit: UInt32) throws(CoreError) -> (
        offset: Int, tokens: Int
    ) {
        var offset = 0
        var count: UInt32 = 0
        try cairn_tokens_split(vocabulary.tokens, cache, text.span.bytes, text.count, limit, &offset, &count).check()
        return (offset, Int(count))
    }
}

// Proof: the cache belongs to this value alone, which cannot be copied; the vocabulary is constant.
extension TokenCounter: @unchecked Sendable {}

/// The count of a text that grows at its end.
public struct GrowingTokenCount: Sendable {
    private let vocabulary: TokenVocabulary
    private var front = cairn_tokens_front()
    /// Of the whole text so far.
    public private(set) var tokens = 0

    public init(_ vocabulary: TokenVocabulary) {
        self.vocabulary = vocabulary
    }

    /// Bytes from the start that need not be kept any more: nothing to come can change their tokens.
    public var settledBytes: Int { Int(front.bytes) }

    /// Counts on. `tail` is the whole text from ``settledBytes`` on: what was left before and what is new.
    public mutating func append(_ tail: UnsafeRawBufferPointer) throws(CoreError) {
        var count: UInt32 = 0
        try cairn_tokens_append(vocabulary.tokens, tail.span.bytes, tail.count, &front, &count).check()
        tokens = Int(count)
    }
}

/// A count without a vocabulary. Label it as an estimate wherever it is shown.
public struct TokenEstimate: Equatable, Sendable {
    /// Most likely.
    public let tokens: Int
    /// Where the true count is for 19 of 20 texts like those of the calibration.
    public let range: ClosedRange<Int>

    public init(_ text: UnsafeRawBufferPointer, splitter: TokenSplitter) throws(CoreError) {
        var estimate = cairn_tokens_estimate()
        try cairn_tokens_estimate_count(splitter.inC, text.span.bytes, text.count, &estimate).check()
        tokens = Int(estimate.tokens)
        range = Int(estimate.tokens_low)...Int(estimate.tokens_high)
    }
}
