// How a reply goes onto the wire: a sequence of small steps, the fault already in it. The provider only
// carries the steps out, so every fault is tested here as a value, without a socket.

/// One thing to do on the connection.
enum DeliveryStep: Sendable, Equatable {
    case wait(milliseconds: UInt64)
    /// Status, headers and body at once.
    case respond([UInt8])
    /// Status and headers; the body follows in writes.
    case start(Framing)
    /// Body bytes. A token waits for its turn where tokens per second are limited.
    case write([UInt8], isToken: Bool)
    /// Bytes outside the framing.
    case raw([UInt8])
    /// Nothing more until the client leaves.
    case stall
    case reset
    case end

    enum Framing: Sendable, Equatable {
        case contentLength(Int)
        case chunked
        case untilClose
    }
}

/// The steps of one reply, in order.
struct Delivery: Sendable {
    /// Writes that split-utf8 may cut in one reply; each costs a pause.
    static let splitsMax = 64
    static let splitPauseMilliseconds: UInt64 = 5
    /// Lets what was written leave before a reset discards it.
    static let resetPauseMilliseconds: UInt64 = 20
    /// Events between two comment lines.
    static let commentEvery = 3

    let status: Int
    private(set) var headers: [(String, String)]
    private let fault: Fault?
    /// Steps made and not yet given out, last first.
    private var pending: [DeliveryStep] = []
    private var events: EventStream.Iterator?
    private var eventCount = 0
    private var eventIndex = 0
    private var splitCount = 0

    /// - Parameter latencyMilliseconds: the wait before anything is written.
    init(_ reply: Reply, fault: Fault? = nil, latencyMilliseconds: UInt64 = 0) {
        status = reply.status
        headers = reply.headers
        self.fault = fault
        var steps: [DeliveryStep] = []
        if latencyMilliseconds > 0 { steps.append(.wait(milliseconds: latencyMilliseconds)) }
        switch (reply.body, fault) {
        case (_, .resetBeforeFirstByte):
            steps.append(.reset)
        case (.whole(let body), _):
            steps += wholeSteps(body)
        case (.stream(var stream), _):
            if fault == .gzipResponse {
                headers.append(("content-encoding", "gzip"))
                stream = gzipped(stream)
            }
            eventCount = stream.count
            events = stream.makeIterator()
            steps.append(.start(fault == .closeDelimited ? .untilClose : .chunked))
        }
        pending = steps.reversed()
    }

    /// The step that `next` will give.
    mutating func peek() -> DeliveryStep? {
        guard let step = next() else { return nil }
        pending.append(step)
        return step
    }

    /// The next step; nil when the reply is done.
    mutating func next() -> DeliveryStep? {
        if let step = pending.popLast() { return step }
        guard let event = events?.next() else {
            guard events != nil else { return nil }
            events = nil
            return .end
        }
        pending = eventSteps(event, index: eventIndex).reversed()
        eventIndex += 1
        return next()
    }

    // MARK: Whole bodies

    private mutating func wholeSteps(_ body: [UInt8]) -> [DeliveryStep] {
        let half = Array(body.prefix(body.count / 2))
        switch fault {
        case .truncatedJSON:
            return [.respond(half)]
        case .resetMidStream:
            return [
                .start(.contentLength(body.count)), .write(half, isToken: false),
                .wait(milliseconds: Self.resetPauseMilliseconds), .reset,
            ]
        case .stallMidStream:
            return [.start(.contentLength(body.count)), .write(half, isToken: false), .stall]
        case .splitUTF8:
            return [.start(.contentLength(body.count))] + split(body, isToken: false) + [.end]
        case .badChunking:
            return [.start(.chunked), .write(half, isToken: false), .raw(Self.badChunk), .end]
        case .closeDelimited:
            return [.start(.untilClose), .write(body, isToken: false), .end]
        case .gzipResponse:
            headers.append(("content-encoding", "gzip"))
            return [.respond(gzip([body]).flatMap { $0 })]
        default:
            return [.respond(body)]
        }
    }

    /// A chunk whose size is no hexadecimal number.
    private static let badChunk = Array("not-a-size\r\n{}\r\n".utf8)

    // MARK: Streams

    private mutating func eventSteps(_ event: EventStream.Event, index: Int) -> [DeliveryStep] {
        let write = DeliveryStep.write(event.bytes, isToken: event.isToken)
        let isCut = index == max(1, eventCount / 2)
        switch fault {
        case .resetMidStream where isCut:
            events = nil
            return [.wait(milliseconds: Self.resetPauseMilliseconds), .reset]
        case .stallMidStream where isCut:
            events = nil
            return [.stall]
        case .truncatedJSON where isCut:
            events = nil
            return [.write(Array(event.bytes.prefix(event.bytes.count * 2 / 3)), isToken: false), .end]
        case .badChunking where isCut:
            events = nil
            return [.raw(Self.badChunk), .end]
        case .missingDone where index == eventCount - 1:
            return []
        case .crlfLines:
            return [.write(withCarriageReturns(event.bytes), isToken: event.isToken)]
        case .commentLines where index % Self.commentEvery == 0:
            return [.write(Array(": keep-alive\n\n".utf8), isToken: false), write]
        case .splitUTF8:
            return split(event.bytes, isToken: event.isToken)
        default:
            return [write]
        }
    }

    private func withCarriageReturns(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { $0 == UInt8(ascii: "\n") ? [UInt8(ascii: "\r"), $0] : [$0] }
    }

    /// Cuts after the first byte of every multi-byte character, with a pause at each cut.
    private mutating func split(_ bytes: [UInt8], isToken: Bool) -> [DeliveryStep] {
        var steps: [DeliveryStep] = []
        var start = 0
        for (index, byte) in bytes.enumerated() where byte >= 0xC2 && splitCount < Self.splitsMax {
            steps.append(.write(Array(bytes[start...index]), isToken: isToken && start == 0))
            steps.append(.wait(milliseconds: Self.splitPauseMilliseconds))
            start = index + 1
            splitCount += 1
        }
        if start < bytes.count {
            steps.append(.write(Array(bytes[start...]), isToken: isToken && start == 0))
        }
        return steps
    }

    private func gzipped(_ stream: EventStream) -> EventStream {
        var compressed = EventStream()
        for piece in gzip(stream.map(\.bytes)) { compressed.append(piece) }
        return compressed
    }
}
