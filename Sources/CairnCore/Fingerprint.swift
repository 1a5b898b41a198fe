// Fingerprint.swift: the Swift face of the core's fingerprints (cairn_fingerprint.h).
//
// The lineage of a conversation is found and turns are stored by them. Hot: all of it, some hundred times a call; nothing
// allocates but `ToolCallFingerprinter`, when a call needs more work space than any before.
internal import CCairn

/// A 128-bit digest. Good against chance, not against someone who makes collisions on purpose: where that matters, compare
/// the bytes as well.
public struct Fingerprint: Hashable, Sendable {
    /// Stored with each fingerprint; raised when what is hashed changes.
    public static let version = Int(CAIRN_FINGERPRINT_VERSION)
    /// Bytes of the stored form: the version, then 16 bytes, most significant first.
    public static let storedBytes = Int(CAIRN_FINGERPRINT_BYTES)
    /// Where every lineage starts.
    public static let lineageStart = Fingerprint(high: 0, low: 0)

    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    fileprivate init(_ fingerprint: cairn_fingerprint) {
        self.init(high: fingerprint.high, low: fingerprint.low)
    }

    fileprivate var inC: cairn_fingerprint { cairn_fingerprint(high: high, low: low) }

    /// The fingerprint of bytes as they are.
    public init(of bytes: UnsafeRawBufferPointer) {
        self.init(cairn_fingerprint_of(bytes.span.bytes, bytes.count))
    }

    /// One part of a turn. The content is borrowed for the call it is given to.
    public struct Part {
        /// The caller's number for text, tool call, image, ...: it is hashed, so it must never change its meaning.
        public var kind: UInt8
        public var content: UnsafeRawBufferPointer

        public init(kind: UInt8, content: UnsafeRawBufferPointer) {
            self.kind = kind
            self.content = content
        }
    }

    /// The fingerprint of a turn: its role (the caller's number, as ``Part/kind``) and its parts in order.
    public init(turnOf role: UInt8, parts: [Part]) {
        self = withUnsafeTemporaryAllocation(of: cairn_fingerprint_part.self, capacity: parts.count) { cParts in
            for (index, part) in parts.enumerated() {
                cParts.initializeElement(
                    at: index, to: cairn_fingerprint_part(content: part.content.span, kind: part.kind))
            }
            return Fingerprint(cairn_fingerprint_turn(role, cParts.baseAddress, parts.count))
        }
    }

    /// The fingerprint of the lineage that a turn makes of this one.
    public func appending(turn: Fingerprint) -> Fingerprint {
        Fingerprint(cairn_fingerprint_lineage(inC, turn.inC))
    }

    /// The stored form, ``storedBytes`` long.
    public var stored: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Fingerprint.storedBytes) { out, count in
            cairn_fingerprint_write(inC, out.baseAddress)
            count = Fingerprint.storedBytes
        }
    }

    /// Reads a stored form.
    /// - Throws: `incomplete` or `tooBig` for a wrong length, `argument` for another version.
    public init(stored: UnsafeRawBufferPointer) throws(CoreError) {
        var fingerprint = cairn_fingerprint()
        try cairn_fingerprint_read(stored.span.bytes, stored.count, &fingerprint).check()
        self.init(fingerprint)
    }
}

extension Fingerprint: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// Fingerprints tool calls: name and arguments, where key order, white space and escapes do not matter and the spelling of
/// numbers does. Arguments that are no JSON count as they are. Keeps its work space between calls.
public struct ToolCallFingerprinter: ~Copyable {
    private var capacity = 0
    private var nodes: UnsafeMutablePointer<cairn_json_node>
    private var scratch: UnsafeMutablePointer<UInt32>

    public init() {
        nodes = .allocate(capacity: 0)
        scratch = .allocate(capacity: 0)
    }

    deinit {
        nodes.deallocate()
        scratch.deallocate()
    }

    /// - Complexity: one pass over the arguments and one hash; sorting for objects whose members are not in order.
    public mutating func fingerprint(name: UnsafeRawBufferPointer, arguments: UnsafeRawBufferPointer) -> Fingerprint {
        let bound = cairn_json_nodes_bound(arguments.count)
        if capacity == 0 { grow(to: min(bound, 256)) }
        var fingerprint = cairn_fingerprint()
        while cairn_fingerprint_tool_call(name.span, arguments.span, nodes, capacity, scratch, &fingerprint) != CAIRN_OK
        {
            precondition(capacity < bound, "the bound is enough")
            grow(to: min(bound, capacity * 4))
        }
        return Fingerprint(fingerprint)
    }

    private mutating func grow(to capacity: Int) {
        nodes.deallocate()
        scratch.deallocate()
        nodes = .allocate(capacity: capacity)
        scratch = .allocate(capacity: cairn_json_scratch_bound(capacity))
        self.capacity = capacity
    }
}

// Proof: the work space belongs to this value alone, which cannot be copied.
extension ToolCallFingerprinter: @unchecked Sendable {}
