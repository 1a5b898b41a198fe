// LoopThread.swift: an event loop on a thread of its own, a log that a test can wait on, and the two sides of the room
// that write into it.

import CairnHTTP
import Foundation

/// Runs a loop until the test lets go of it.
final class LoopThread: @unchecked Sendable {
    // Sendable: both members never change and are made for other threads.
    let loop: EventLoop
    private let stopped = DispatchSemaphore(value: 0)

    init() throws {
        loop = try EventLoop()
        Thread.detachNewThread { [loop, stopped] in
            loop.run()
            stopped.signal()
        }
        _ = onLoop { true }  // it runs now
    }

    deinit {
        loop.stop()
        stopped.wait()
    }

    /// Listens, on the loop's thread.
    func serve(_ options: ServerOptions, _ handler: LoggingHandler) throws -> HTTPServer {
        try onLoop { [loop] in try HTTPServer(loop: loop, options: options, handler: handler) }
    }

    /// Runs `work` on the loop's thread and waits for it.
    func onLoop<Result>(_ work: @escaping () throws -> Result) rethrows -> Result {
        nonisolated(unsafe) var result: Swift.Result<Result, any Error>!
        nonisolated(unsafe) let work = work
        let done = DispatchSemaphore(value: 0)
        loop.post {
            result = Swift.Result { try work() }
            done.signal()
        }
        done.wait()
        return try { try result.get() }()
    }
}

/// What happened, in order; any thread may add and wait.
final class EventLog: @unchecked Sendable {
    // Sendable: everything is behind the condition.
    private let condition = NSCondition()
    private var lines: [String] = []
    private var bytes: [UInt8] = []

    func add(_ line: String) {
        condition.withLock {
            lines.append(line)
            condition.broadcast()
        }
    }

    func add(_ piece: UnsafeRawBufferPointer) {
        condition.withLock {
            bytes += piece
            condition.broadcast()
        }
    }

    var entries: [String] { condition.withLock { lines } }
    var data: [UInt8] { condition.withLock { bytes } }
    var dataCount: Int { condition.withLock { bytes.count } }

    /// Waits until the log has that line. False: it did not come in 10 seconds.
    @discardableResult
    func waits(for line: String, times: Int = 1) -> Bool {
        waits { lines, _ in lines.count { $0 == line } >= times }
    }

    @discardableResult
    func waits(until holds: ([String], Int) -> Bool) -> Bool {
        let end = DispatchTime.now() + 10  // by a clock that nobody sets
        return condition.withLock {
            while !holds(lines, bytes.count) {
                if DispatchTime.now() > end { return false }
                _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
            }
            return true
        }
    }
}

/// A server whose behaviour is closures; what happened stands in its log.
final class LoggingHandler: ServerHandler, @unchecked Sendable {
    // Sendable: the closures are set before the server starts; the log is made for it.
    let log = EventLog()
    var onHead: (ServerCall) -> Void = { _ in }
    var onRequest: (ServerCall) -> Void = { call in
        call.respond(status: 200, headers: [], body: call.withBody { Array($0) })
    }
    var onDrained: (ServerCall) -> Void = { _ in }
    var onClosed: (ServerCall, CallEnd) -> Void = { _, _ in }

    func head(_ call: ServerCall) {
        log.add("head \(call.method) \(call.target)")
        onHead(call)
    }
    func request(_ call: ServerCall) {
        log.add("request \(call.target)")
        onRequest(call)
    }
    func drained(_ call: ServerCall) {
        log.add("drained")
        onDrained(call)
    }
    func closed(_ call: ServerCall, _ end: CallEnd) {
        onClosed(call, end)
        log.add("closed \(end)")
    }
    func refusal(_ reason: Refusal, target: String) -> RefusalReply {
        log.add("refused \(reason)")
        return .plain(reason)
    }
}

/// A server on a loop of its own.
final class TestServer {
    let thread: LoopThread
    let handler = LoggingHandler()
    let server: HTTPServer
    var port: UInt16 { server.port }
    var log: EventLog { handler.log }

    init(_ change: (inout ServerOptions, LoggingHandler) -> Void = { _, _ in }) throws {
        thread = try LoopThread()
        var options = ServerOptions(host: "127.0.0.1", port: 0)
        change(&options, handler)
        server = try thread.serve(options, handler)
    }

    deinit { close() }

    func close() { thread.onLoop { [server] in server.close() } }

    func connect() throws -> RawConnection { try .connected(to: port) }

    var counts: LoopCounts { thread.onLoop { [thread] in thread.loop.counts } }
}

/// Writes down what happens to a fetch.
final class LoggingFetch: FetchHandler {
    let log = EventLog()
    var onHead: (Fetch) -> Void = { _ in }
    var onData: (Fetch) -> Void = { _ in }
    var onOver: (Fetch) -> Void = { _ in }
    private(set) var fetch: Fetch?

    /// Call it on the loop.
    func start(
        _ origin: Origin, method: String = "GET", target: String = "/", fields: [(String, String)] = [],
        body: UnsafeRawBufferPointer? = nil
    ) {
        let lines = headerLines(fields)
        fetch = Array(method.utf8).withUnsafeBytes { method in
            Array(target.utf8).withUnsafeBytes { target in
                Array("origin".utf8).withUnsafeBytes { host in
                    lines.withUnsafeBytes { lines in
                        Fetch(
                            origin,
                            FetchRequest(method: method, target: target, host: host, fieldLines: lines, body: body),
                            handler: self)
                    }
                }
            }
        }
    }

    func fetchHead(_ fetch: Fetch) {
        log.add("head \(fetch.status)")
        onHead(fetch)
    }
    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        log.add(bytes)
        onData(fetch)
    }
    func fetchEnded(_ fetch: Fetch) {
        onOver(fetch)
        log.add("end")
    }
    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        onOver(fetch)
        log.add("fail \(failure) sent=\(fetch.wasSent)")
    }

    /// Waits for the end of the fetch and returns what happened.
    func outcome() -> [String] {
        log.waits { lines, _ in lines.contains { $0 == "end" || $0.hasPrefix("fail") } }
        return log.entries
    }
}

/// A loop with an origin on it.
final class TestOrigin {
    let thread: LoopThread
    var origin: Origin?

    init(port: UInt16, host: String = "127.0.0.1", _ change: (inout OriginOptions) -> Void = { _ in }) throws {
        thread = try LoopThread()
        var options = OriginOptions(host: host, port: port)
        change(&options)
        let made = options
        origin = try thread.onLoop { [thread] in try Origin(loop: thread.loop, options: made) }
    }

    deinit { drop() }

    func drop() { thread.onLoop { self.origin = nil } }

    /// Starts a fetch on the loop.
    func fetch(
        method: String = "GET", fields: [(String, String)] = [], body: UnsafeRawBufferPointer? = nil,
        _ change: (LoggingFetch) -> Void = { _ in }
    ) -> LoggingFetch {
        let one = LoggingFetch()
        change(one)
        thread.onLoop { one.start(self.origin!, method: method, fields: fields, body: body) }
        return one
    }

    var counts: LoopCounts { thread.onLoop { [thread] in thread.loop.counts } }
}
