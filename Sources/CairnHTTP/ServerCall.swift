// ServerCall.swift: one request of a client and our answer. Who uses it: the gateway and the practice provider.
//
// Confined to its loop: every method is called on the loop's thread. When the call is over (answered, client left,
// aborted) the C handle is gone and every method does nothing, so no caller can touch freed memory.
import CHTTP

public final class ServerCall: @unchecked Sendable {
    // Sendable: made, used and ended on one loop's thread; each method checks that in debug builds.
    @exclusivity(unchecked) private var handle: OpaquePointer?
    public let loop: EventLoop
    /// The handler's own state for this call; let go when the call is over.
    @exclusivity(unchecked) public var state: AnyObject?
    /// Called once when the call is over.
    @exclusivity(unchecked) public var onClosed: ((CallEnd) -> Void)?
    @exclusivity(unchecked) private var writers: [UnsafeContinuation<Void, Never>] = []
    @exclusivity(unchecked) private var final = (bytes: UInt64(0), bodyBytes: UInt64(0), arrived: UInt64(0))
    /// When the head began, in nanoseconds of `EventLoop.nowNanoseconds`.
    public let beganNanoseconds: UInt64

    init(handle: OpaquePointer, loop: EventLoop) {
        self.handle = handle
        self.loop = loop
        beganNanoseconds = chttp_call_began(handle)
    }

    /// False once the call is over.
    public var isOpen: Bool { handle != nil }

    // MARK: the request

    public var method: String { handle.map { String(decoding: chttp_call_method($0).buffer, as: UTF8.self) } ?? "" }

    /// Path and query as sent (or absolute form).
    public var target: String { handle.map { String(decoding: chttp_call_target($0).buffer, as: UTF8.self) } ?? "" }

    /// Method, target and host as bytes; views for the closure.
    public func withRequestLine<Result>(
        _ read: (_ method: UnsafeRawBufferPointer, _ target: UnsafeRawBufferPointer, _ host: UnsafeRawBufferPointer) ->
            Result
    ) -> Result? {
        guard let handle else { return nil }
        return read(
            chttp_call_method(handle).buffer, chttp_call_target(handle).buffer, chttp_call_host(handle).buffer)
    }

    /// The header fields; nil once the call is over.
    public var head: Head? { handle.map { Head(handle: chttp_call_head($0)) } }

    /// The first field of that name, in any case.
    public func header(_ name: String) -> String? { head?[name] }

    public var headers: [(name: String, value: String)] { head?.fields ?? [] }

    /// The whole body, once the request has arrived. A view for the closure; empty once the call is over.
    public func withBody<Result>(_ read: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try read(handle.map { chttp_call_body($0).buffer } ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Nobody will look at the body again: its memory serves the next call.
    public func releaseBody() {
        guard let handle else { return }
        chttp_call_release_body(handle)
    }

    /// Takes the body out of the call, so that it may be used elsewhere. Afterwards `withBody` sees none.
    public func takeBody() -> OwnedBytes? {
        guard let handle else { return nil }
        var length = 0
        let bytes = chttp_call_take_body(handle, &length)
        return OwnedBytes(start: bytes, count: length)
    }

    /// When the request was whole; 0 before. Stays readable after the call is over, as all numbers here do.
    public var arrivedNanoseconds: UInt64 { handle.map { chttp_call_arrived($0) } ?? final.arrived }

    // MARK: the answer

    /// Queues the head of the answer. `fields` are lines as `headerLines` makes them. `contentLength` nil: chunked, or
    /// closed at its end for an HTTP/1.0 client.
    public func start(status: Int, fieldLines: [UInt8], contentLength: Int?) {
        guard let handle else { return }
        fieldLines.withUnsafeBytes { lines in
            var answer = chttp_answer(
                status: UInt16(status), reason: chttp_bytes(), fields_of: nil, fields_less: nil,
                fields: chttp_bytes(lines), content_length: contentLength.map(Int64.init) ?? -1)
            chttp_call_start(handle, &answer)
        }
    }

    public func start(status: Int, headers: [(String, String)], contentLength: Int?) {
        start(status: status, fieldLines: headerLines(headers), contentLength: contentLength)
    }

    /// Queues the head of an upstream's answer: its status, reason and end-to-end fields less `names`, then `fieldLines`.
    public func start(passing fetch: Fetch, less names: NameSet?, adding fieldLines: UnsafeRawBufferPointer) {
        guard let handle, let source = fetch.openHandle else { return }
        var answer = chttp_answer(
            status: chttp_fetch_status(source), reason: chttp_fetch_reason(source),
            fields_of: chttp_fetch_head(source), fields_less: names?.handle, fields: chttp_bytes(fieldLines),
            content_length: chttp_fetch_content_length(source))
        chttp_call_start(handle, &answer)
    }

    /// Queues bytes of the body; all that one turn of the loop queues leaves in one write. Bytes that a fetch is
    /// delivering are not copied. False: more than the high-water mark waits; go on when `drained` was called.
    @discardableResult
    public func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let handle, let start = bytes.baseAddress else { return true }
        return chttp_call_write(handle, start.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { write($0) } }

    /// Queues bytes outside any framing, for tests that need a broken answer. The connection closes afterwards.
    public func writeRaw(_ bytes: [UInt8]) {
        guard let handle else { return }
        bytes.withUnsafeBytes { raw in
            guard let start = raw.baseAddress else { return }
            chttp_call_write_raw(handle, start.assumingMemoryBound(to: CChar.self), raw.count)
        }
    }

    /// The body is complete.
    public func end() {
        guard let handle else { return }
        chttp_call_end(handle)
    }

    /// Head, body and end in one.
    public func respond(status: Int, fieldLines: [UInt8], body: [UInt8]) {
        start(status: status, fieldLines: fieldLines, contentLength: body.count)
        write(body)
        end()
    }

    public func respond(status: Int, headers: [(String, String)], body: [UInt8]) {
        respond(status: status, fieldLines: headerLines(headers), body: body)
    }

    /// Ends the call without completing its answer: the connection is reset.
    public func abort() {
        guard let handle else { return }
        chttp_call_abort(handle)
    }

    /// The connection closes after this answer.
    public func closeAfter() {
        guard let handle else { return }
        chttp_call_close_after(handle)
    }

    /// Body bytes of the answer queued so far, framing not counted.
    public var bodyBytesWritten: UInt64 { handle.map { chttp_call_body_bytes_written($0) } ?? final.bodyBytes }

    /// Everything of the answer that the kernel took.
    public var bytesWritten: UInt64 { handle.map { chttp_call_bytes_sent($0) } ?? final.bytes }

    /// Waits while more than the high-water mark is queued. Returns at once when the call is over.
    public func writable() async {
        guard let handle, chttp_call_is_congested(handle) else { return }
        await withUnsafeContinuation { writers.append($0) }
    }

    /// Runs an async function on the loop, beginning at once. It ends by itself: everything it may wait for (timers,
    /// `writable`, fetches) returns when the call is over.
    public func perform(_ work: @escaping @Sendable () async -> Void) {
        Task.immediate(executorPreference: loop.taskExecutor) { await work() }
    }

    // MARK: events from C

    func drained() {
        let waiting = writers
        writers = []
        for writer in waiting { writer.resume() }
    }

    func closed(_ end: CallEnd) {
        final = (bytesWritten, bodyBytesWritten, arrivedNanoseconds)
        handle = nil
        drained()
        let closure = onClosed
        onClosed = nil
        closure?(end)
    }
}

/// Bytes that the C room allocated; freed with this object. Immutable, so it may cross threads.
public final class OwnedBytes: @unchecked Sendable {
    // Sendable: nothing writes to the bytes after init.
    private let start: UnsafeMutablePointer<CChar>?
    public let count: Int

    init(start: UnsafeMutablePointer<CChar>?, count: Int) {
        self.start = start
        self.count = count
    }

    deinit { chttp_free(start) }

    public func withBytes<Result>(_ read: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try read(UnsafeRawBufferPointer(start: start, count: count))
    }
}
