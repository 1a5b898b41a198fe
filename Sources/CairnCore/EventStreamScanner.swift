// EventStreamScanner.swift: the Swift face of the core's event stream scanner (cairn_sse.h).
//
// The gateway keeps one per streamed answer and shows it each chunk that goes by. Hot: `scan`, once a chunk; an event
// that lies inside one chunk costs no copy and no allocation.
internal import CCairn

/// Finds the events of a `text/event-stream` in chunks that may be cut at any byte.
///
/// Right: look at an event, or copy what is needed, inside the closure. Wrong: keep one of its buffers.
///
///     try scanner.scan(chunk) { event in
///         if event.hasData { usage.look(at: event.data) }
///     }
public struct EventStreamScanner: ~Copyable {
    /// The most bytes of one event; larger ones are skipped and counted in ``skippedEventCount``.
    public static let eventBytesMax = Int(CAIRN_SSE_EVENT_BYTES_MAX)

    private var state = cairn_sse()
    /// Events given up since the start of the stream: larger than the limit, or no memory was left to keep them.
    public private(set) var skippedEventCount = 0

    /// - Parameter eventBytesMax: at least 1; larger events are skipped, never cut short.
    public init(eventBytesMax: Int = EventStreamScanner.eventBytesMax) {
        precondition(eventBytesMax > 0, "an event needs room for at least one byte")
        cairn_sse_init(&state, eventBytesMax)
    }

    deinit {
        // A copy of the struct's pointers: deinit may not mutate self, and the scanner ends here.
        var last = state
        cairn_sse_deinit(&last)
    }

    /// One event, or the unterminated rest of a stream. The buffers are views, valid only inside the closure.
    public struct Event: ~Copyable {
        fileprivate let event: cairn_sse_event

        /// Every byte of the event, its blank line included. The raw bytes of all events are the stream.
        public var raw: UnsafeRawBufferPointer { event.raw.buffer }
        /// The value of the last `event` field; empty when there is none.
        public var type: UnsafeRawBufferPointer { event.type.buffer }
        /// The `data` values, joined with a line feed when there are several.
        public var data: UnsafeRawBufferPointer { event.data.buffer }
        /// False for comments and other events a browser would not dispatch.
        public var hasData: Bool { event.data_line_count > 0 }
        /// The value of the last `id` field; nil when there is none.
        public var id: UnsafeRawBufferPointer? { event.has_id ? event.id.buffer : nil }
        /// The value of the last valid `retry` field; nil when there is none.
        public var retryMilliseconds: UInt64? { event.has_retry ? event.retry_milliseconds : nil }
        /// Lines before the blank one, comments included.
        public var lineCount: Int { Int(event.line_count) }
        /// False only for the rest that ``EventStreamScanner/finish(_:)`` reports.
        public var isTerminated: Bool { event.is_terminated }

        /// Compares the type with a literal, without making a string. ASCII or UTF-8.
        public func isType(_ name: StaticString) -> Bool {
            type.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }

        /// Walks the lines in order: comments, known and unknown fields.
        public func forEachField<Failure: Error>(_ body: (Field) throws(Failure) -> Void) throws(Failure) {
            var cursor = 0
            var field = cairn_sse_field()
            var view = event
            while cairn_sse_field_next(&view, &cursor, &field) { try body(Field(field: field)) }
        }
    }

    /// One line of an event. The buffers are views, valid only inside the closure.
    public struct Field {
        fileprivate let field: cairn_sse_field

        public var isComment: Bool { field.kind == CAIRN_SSE_COMMENT }
        /// False for a comment and for the fields of the standard: event, data, id, retry.
        public var isUnknown: Bool { field.kind == CAIRN_SSE_UNKNOWN }
        /// Empty for a comment.
        public var name: UnsafeRawBufferPointer { field.name.buffer }
        /// Without the one space that may follow the colon.
        public var value: UnsafeRawBufferPointer { field.value.buffer }
    }

    /// Shows the scanner the next chunk and hands out each event that ends in it.
    ///
    /// When `body` throws, the rest of the chunk is lost to the scanner: call ``reset()`` before using it again.
    /// - Complexity: one pass over the chunk; a copy of the front or rest of an event that its border cuts.
    public mutating func scan<Failure: Error>(
        _ chunk: UnsafeRawBufferPointer, _ body: (borrowing Event) throws(Failure) -> Void
    ) throws(Failure) {
        var rest = chunk.span
        var event = cairn_sse_event()
        while true {
            switch cairn_sse_next(&state, &rest, &event) {
            case CAIRN_OK: try body(Event(event: event))
            case CAIRN_ERR_INCOMPLETE: return
            default: skippedEventCount += 1
            }
        }
    }

    /// The stream has ended: hands out what stands behind the last blank line, if anything, and starts over.
    public mutating func finish<Failure: Error>(
        _ body: (borrowing Event) throws(Failure) -> Void
    ) throws(Failure) {
        defer { cairn_sse_reset(&state) }
        var event = cairn_sse_event()
        switch cairn_sse_finish(&state, &event) {
        case CAIRN_OK: try body(Event(event: event))
        case CAIRN_ERR_NO_MEMORY: skippedEventCount += 1
        default: break
        }
    }

    /// Ready for another stream; memory is kept up to 64 KiB.
    public mutating func reset() {
        cairn_sse_reset(&state)
        skippedEventCount = 0
    }
}

// Proof: the memory behind the pointers belongs to this value alone, which cannot be copied, and the core keeps no
// thread-bound state; so whoever holds the value may use it on any thread.
extension EventStreamScanner: @unchecked Sendable {}
