// What goes back for one call, before any fault or pacing: a status, headers, and a body that is either
// whole or a stream of server-sent events. Values only; PracticeProvider puts them on the wire.

struct Reply: Sendable {
    enum Body: Sendable {
        case whole([UInt8])
        case stream(EventStream)
    }

    var status: Int
    var headers: [(String, String)]
    var body: Body
}

/// The events of a stream in order, each the exact bytes of one event with its empty line. Runs of word
/// events are made as they are sent, so that a long stream costs no more memory than its text.
struct EventStream: Sendable {
    fileprivate enum Part: Sendable {
        case event([UInt8])
        case tokens(count: Int, make: @Sendable (Int) -> [UInt8])
    }

    /// One event of the stream.
    struct Event: Sendable, Equatable {
        var bytes: [UInt8]
        /// Whether it carries a piece of the answer: such events are what tokens per second paces.
        var isToken: Bool
    }

    private var parts: [Part] = []
    private(set) var count = 0

    mutating func append(_ bytes: [UInt8]) {
        parts.append(.event(bytes))
        count += 1
    }

    /// Appends `count` events; `make` is called when one is sent and must always give the same bytes.
    mutating func appendTokens(_ count: Int, make: @escaping @Sendable (Int) -> [UInt8]) {
        guard count > 0 else { return }
        parts.append(.tokens(count: count, make: make))
        self.count += count
    }
}

extension EventStream: Sequence {
    struct Iterator: IteratorProtocol, Sendable {
        fileprivate let parts: [Part]
        private var partIndex = 0
        private var tokenIndex = 0

        fileprivate init(parts: [Part]) {
            self.parts = parts
        }

        mutating func next() -> Event? {
            guard partIndex < parts.count else { return nil }
            switch parts[partIndex] {
            case .event(let bytes):
                partIndex += 1
                return Event(bytes: bytes, isToken: false)
            case .tokens(let count, let make):
                let event = Event(bytes: make(tokenIndex), isToken: true)
                tokenIndex += 1
                if tokenIndex == count {
                    partIndex += 1
                    tokenIndex = 0
                }
                return event
            }
        }
    }

    func makeIterator() -> Iterator { Iterator(parts: parts) }
}

/// An event of which only a few values differ from one to the next: the bytes between them are made once.
struct EventTemplate: Sendable {
    /// Stands in the document for a value given later.
    static let slot = JSONValue.string("practice-event-slot")

    private let pieces: [[UInt8]]

    init(event: String?, document: JSONValue) {
        let frame = serverSentEvent(event, document)
        let slot = Self.slot.compact
        var pieces: [[UInt8]] = [[]]
        var offset = 0
        while offset < frame.count {
            if frame[offset...].starts(with: slot) {
                pieces.append([])
                offset += slot.count
            } else {
                pieces[pieces.count - 1].append(frame[offset])
                offset += 1
            }
        }
        self.pieces = pieces
    }

    /// The event with its slots filled in order; as many values as the document has slots.
    func bytes(_ values: JSONValue...) -> [UInt8] {
        precondition(values.count == pieces.count - 1)
        var out: [UInt8] = []
        out.reserveCapacity(320)
        for (piece, value) in zip(pieces, values) {
            out.append(contentsOf: piece)
            value.writeCompact(into: &out)
        }
        out.append(contentsOf: pieces[pieces.count - 1])
        return out
    }
}

/// One server-sent event: an `event:` line where the dialect has names, a `data:` line, an empty line.
func serverSentEvent(_ event: String?, _ document: JSONValue) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(256)
    if let event { out.append(contentsOf: "event: \(event)\n".utf8) }
    out.append(contentsOf: "data: ".utf8)
    document.writeCompact(into: &out)
    out.append(contentsOf: "\n\n".utf8)
    return out
}
