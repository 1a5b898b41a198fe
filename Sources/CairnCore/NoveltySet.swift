// NoveltySet.swift: the Swift face of the core's trigram novelty (cairn_novelty.h).
//
// Memory keeps one set a conversation, and compares each new text with it: what is known already may be shortened. Hot:
// `compare` and `add`, once a text, about 1 ns a byte; neither allocates.
internal import CCairn

/// What a text and a set of byte trigrams have in common. A trigram counts once, however often it occurs.
public struct Novelty: Equatable, Sendable {
    /// Distinct trigrams of the text.
    public let textCount: Int
    /// Of those, how many the set has.
    public let knownCount: Int
    /// Distinct trigrams of the set.
    public let setCount: Int

    fileprivate init(_ counts: cairn_novelty) {
        textCount = Int(counts.text_count)
        knownCount = Int(counts.known_count)
        setCount = Int(counts.set_count)
    }

    private var inC: cairn_novelty {
        cairn_novelty(text_count: UInt32(textCount), known_count: UInt32(knownCount), set_count: UInt32(setCount))
    }

    /// The share of the text that the set knows, 0 to 1; 0 for a text without trigrams.
    public var containment: Double { cairn_novelty_containment(inC) }
    /// Common trigrams by those of either, 0 to 1; 0 when there are none.
    public var jaccard: Double { cairn_novelty_jaccard(inC) }
    /// The share of the text that is new, 1 to 0; a text without trigrams is all new.
    public var novelty: Double { 1 - containment }
}

/// The work space for looking at texts: one a thread is enough. 20 MiB of address space, of which English and code use 2.
public struct NoveltyScratch: ~Copyable {
    fileprivate let handle: OpaquePointer

    /// - Throws: `noMemory`.
    public init() throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_novelty_scratch_new(&handle).check()
        self.handle = handle!
    }

    deinit { cairn_novelty_scratch_free(handle) }
}

/// An exact set of byte trigrams, of any number of texts. 3 MiB of address space, of which English and code use 400 KB.
///
///     var seen = try NoveltySet()
///     var scratch = try NoveltyScratch()
///     let before = seen.add(text, using: &scratch)
///     if before.novelty < 0.1 { ... }    // nearly all of it was said before
public struct NoveltySet: ~Copyable {
    private let handle: OpaquePointer

    /// An empty set.
    /// - Throws: `noMemory`.
    public init() throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_novelty_set_new(&handle).check()
        self.handle = handle!
    }

    deinit { cairn_novelty_set_free(handle) }

    /// Distinct trigrams.
    public var count: Int { Int(cairn_novelty_set_count(handle)) }

    /// Compares a text with the set.
    /// - Complexity: one pass over the text, whatever the set holds.
    public func compare(_ text: UnsafeRawBufferPointer, using scratch: inout NoveltyScratch) -> Novelty {
        Novelty(cairn_novelty_find(handle, scratch.handle, text.span.bytes, text.count))
    }

    /// Compares a text with the set, then adds its trigrams. A text in pieces: start each with the last two bytes of the one
    /// before.
    /// - Complexity: one pass over the text, whatever the set holds.
    @discardableResult
    public mutating func add(_ text: UnsafeRawBufferPointer, using scratch: inout NoveltyScratch) -> Novelty {
        Novelty(cairn_novelty_add(handle, scratch.handle, text.span.bytes, text.count))
    }

    /// Compares all of another set with this one.
    /// - Complexity: proportional to the smaller set.
    public func compare(_ text: borrowing NoveltySet) -> Novelty {
        Novelty(cairn_novelty_set_find(handle, text.handle))
    }

    /// Adds all trigrams of another set.
    /// - Complexity: proportional to that set.
    public mutating func merge(_ set: borrowing NoveltySet) {
        cairn_novelty_set_merge(handle, set.handle)
    }

    /// Empties the set.
    /// - Complexity: proportional to what it holds.
    public mutating func reset() {
        cairn_novelty_set_reset(handle)
    }

    /// The stored form; equal sets have equal bytes.
    public var stored: [UInt8] {
        let bytesMax = cairn_novelty_set_bound(handle)
        return [UInt8](unsafeUninitializedCapacity: bytesMax) { out, length in
            let status = cairn_novelty_set_write(handle, out.baseAddress, bytesMax, &length)
            precondition(status == CAIRN_OK, "the bound is enough")
        }
    }

    /// Reads a stored form.
    /// - Throws: `incomplete`, `syntax`, `argument` for another version, or `noMemory`.
    public init(stored: [UInt8]) throws(CoreError) {
        var handle: OpaquePointer?
        try cairn_novelty_set_new(&handle).check()
        let status = stored.withUnsafeBytes { cairn_novelty_set_read(handle, $0.span.bytes, $0.count) }
        if let error = status.error() {
            cairn_novelty_set_free(handle)
            throw error
        }
        self.handle = handle!
    }
}

// Proof: each handle belongs to one value, which cannot be copied, and the core keeps no thread-bound state; sharing a set
// between readers is safe because only mutating functions write through the handle.
extension NoveltyScratch: @unchecked Sendable {}
extension NoveltySet: @unchecked Sendable {}
