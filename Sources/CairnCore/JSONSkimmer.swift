// JSONSkimmer.swift: the Swift face of the core's JSON skimmer (cairn_skim.h).
//
// The gateway reads `model` of a request body with `JSONSkimmer.member`, and `usage` of answers and stream events with a
// skimmer whose plan lives as long as the process. Hot: `feed`, `reset` and `member`; none of them allocates.
internal import CCairn

/// Which members of a document are wanted. Made once, shared by any number of skimmers on any thread.
public final class JSONSkimPlan: Sendable {
    /// One wanted member: the keys from the root to it, and the most bytes its raw value may have (0: only its place).
    public struct Member: Sendable {
        public var path: [String]
        public var valueBytesMax: Int

        public init(_ path: String..., valueBytesMax: Int = JSONSkimPlan.valueBytesMax) {
            self.path = path
            self.valueBytesMax = valueBytesMax
        }
    }

    public static let memberCountMax = Int(CAIRN_SKIM_PATHS_MAX)
    public static let keyCountMax = Int(CAIRN_SKIM_KEYS_MAX)
    public static let keyBytesMax = Int(CAIRN_SKIM_KEY_BYTES_MAX)
    public static let valueBytesMax = Int(CAIRN_SKIM_VALUE_BYTES_MAX)

    // Proof of safety: written in init only, before the object is shared; constant until deinit.
    fileprivate nonisolated(unsafe) let plan: UnsafeMutablePointer<cairn_skim_plan>

    public let memberCount: Int

    /// - Parameter stopsWhenFound: skimming ends as soon as all members were found, so the first of duplicate keys
    ///   wins. Otherwise the last one wins and the document is read to its end.
    /// - Throws: `argument` for no members, too many, an empty path, or a path that leads through another;
    ///   `tooBig` for a key, a path or a value size above its limit.
    public init(_ members: [Member], stopsWhenFound: Bool = false) throws(CoreError) {
        let plan = UnsafeMutablePointer<cairn_skim_plan>.allocate(capacity: 1)
        plan.initialize(to: cairn_skim_plan())
        let status = JSONSkimPlan.compile(members, stopsWhenFound, into: plan)
        if let error = status.error() {
            plan.deallocate()
            throw error
        }
        self.plan = plan
        memberCount = members.count
    }

    deinit { plan.deallocate() }

    private static func compile(
        _ members: [Member], _ stopsWhenFound: Bool, into plan: UnsafeMutablePointer<cairn_skim_plan>
    ) -> cairn_status {
        guard members.allSatisfy({ $0.path.count <= keyCountMax }) else { return CAIRN_ERR_TOO_BIG }
        // All key bytes side by side in one array, so that one closure holds every pointer.
        let keyBytes = members.flatMap { $0.path.flatMap { Array($0.utf8) } }
        return keyBytes.withUnsafeBufferPointer { keys in
            var keyStart = 0
            let paths = members.map { member in
                var path = cairn_skim_path()
                path.key_count = UInt32(member.path.count)
                path.value_bytes_max = UInt32(clamping: member.valueBytesMax)
                withUnsafeMutableBytes(of: &path.keys) { bytes in
                    let slots = bytes.bindMemory(to: cairn_span.self)
                    for (index, key) in member.path.enumerated() {
                        let length = key.utf8.count
                        slots[index] = cairn_span(bytes: keys.baseAddress.map { $0 + keyStart }, length: length)
                        keyStart += length
                    }
                }
                return path
            }
            return cairn_skim_plan_init(paths, paths.count, stopsWhenFound, plan)
        }
    }
}

/// Takes the members of a plan out of a JSON document that is fed in pieces cut at any byte.
public struct JSONSkimmer: ~Copyable {
    public enum Progress: Equatable, Sendable {
        /// The document, or what the plan wants of it, is complete.
        case complete
        case needsMore
    }

    /// What is known of a wanted member.
    public enum Value: Equatable, Sendable {
        /// Not in what was fed so far.
        case notFound
        /// There, but larger than the plan allows. Its place in the document.
        case tooBig(Range<Int>)
        /// The raw JSON text of the value, as spelled; empty if the plan only wants its place.
        case found([UInt8], Range<Int>)
    }

    private let plan: JSONSkimPlan
    private var state = cairn_skim()
    private let capture: UnsafeMutablePointer<UInt8>

    /// Allocates the space for the plan's values once; ``reset()`` reuses it.
    public init(plan: JSONSkimPlan) {
        self.plan = plan
        capture = .allocate(capacity: max(1, cairn_skim_capture_bound(plan.plan)))
        cairn_skim_init(&state, plan.plan, capture)
    }

    deinit { capture.deallocate() }

    /// Forgets the document at hand; the next byte fed is the first of another one.
    public mutating func reset() {
        cairn_skim_init(&state, plan.plan, capture)
    }

    /// Scans the next piece.
    /// - Throws: `syntax` with the place of the wrong byte; the document stays refused until ``reset()``.
    /// - Complexity: one pass, no allocation.
    @discardableResult
    public mutating func feed(_ piece: UnsafeRawBufferPointer) throws(CoreError) -> Progress {
        let status = cairn_skim_feed(&state, piece.span.bytes, piece.count)
        if status == CAIRN_ERR_INCOMPLETE { return .needsMore }
        try status.check(offset: offset)
        return .complete
    }

    /// The document has ended.
    /// - Throws: `incomplete` or `syntax`.
    public mutating func finish() throws(CoreError) {
        try cairn_skim_finish(&state).check(offset: offset)
    }

    /// True when every wanted member was found: who does not care for a later duplicate may stop feeding.
    public var hasAll: Bool {
        mutating get { cairn_skim_done(&state) }
    }

    /// Bytes accepted so far.
    public var offset: Int {
        mutating get { Int(clamping: cairn_skim_offset(&state)) }
    }

    /// A copy of what is known of the member with this index in the plan.
    public mutating func value(at memberIndex: Int) -> Value {
        var value = cairn_skim_value()
        let status = cairn_skim_value_at(&state, memberIndex, &value)
        guard status == CAIRN_OK || status == CAIRN_ERR_TOO_BIG else { return .notFound }
        let place = Int(value.offset)..<Int(value.offset + value.length)
        return status == CAIRN_OK ? .found([UInt8](value.raw.buffer), place) : .tooBig(place)
    }

    /// Shows the raw value of a member without copying it; nil, and no call, when there is none or it was too big.
    /// The buffer is valid only inside the closure.
    public mutating func withValue<Result, Failure: Error>(
        at memberIndex: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        var value = cairn_skim_value()
        guard cairn_skim_value_at(&state, memberIndex, &value) == CAIRN_OK else { return nil }
        return try body(value.raw.buffer)
    }

    /// The place of the raw value of the first top-level member `key` in a body that is in one piece; nil when the
    /// document is complete without it. Stops behind that value, so what follows is not checked.
    /// - Throws: `syntax` or `incomplete` with the place, `tooBig` for a key above ``JSONSkimPlan/keyBytesMax``.
    public static func member(_ key: StaticString, of body: UnsafeRawBufferPointer) throws(CoreError) -> Range<Int>? {
        var value = cairn_span()
        var offset = 0
        let name = cairn_span(bytes: key.utf8Start, length: key.utf8CodeUnitCount)
        let status = cairn_skim_member(body.span.bytes, body.count, name, &value, &offset)
        if status == CAIRN_ERR_NOT_FOUND { return nil }
        try status.check(offset: offset)
        return offset..<(offset + value.length)
    }
}

// Proof: the captured bytes belong to this value alone, which cannot be copied; the plan is constant and shared.
extension JSONSkimmer: @unchecked Sendable {}
