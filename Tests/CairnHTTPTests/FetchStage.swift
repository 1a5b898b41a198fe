// A loop on a thread of its own for tests of fetches: runs them and tells how they went. Used by CurlOriginTests.

import CairnHTTP
import Foundation
import Synchronization

/// How a fetch went. `failure` nil: the answer was whole.
struct FetchOutcome: Sendable {
    var status = 0
    var headers: [String] = []
    var contentLength: Int?
    var body: [UInt8] = []
    var failure: FetchFailure?
    var detail = ""
    var wasSent = false

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A request, with the parts a test cares about.
struct StagedRequest: Sendable {
    var method = "GET"
    var target = "/"
    var host = "origin.test"
    var headers: [(String, String)] = []
    var body: [UInt8]?
}

/// What a test does while an answer comes; on the loop.
struct FetchSteps: Sendable {
    var atHead: @Sendable (Fetch) -> Void = { _ in }
    var atData: @Sendable (Fetch, Int) -> Void = { _, _ in }
}

final class FetchStage: Sendable {
    let loop: EventLoop
    private let kept = Mutex<[any Sendable]>([])

    init() throws {
        // A connection that ends while it is written to is an event, as in the command.
        signal(SIGPIPE, SIG_IGN)
        loop = try EventLoop()
        Thread.detachNewThread { [loop] in loop.run() }
    }

    /// Origins and servers go on their loop's thread.
    deinit {
        let last = kept.withLock { $0 }
        loop.post { [loop] in withExtendedLifetime(last) { loop.stop() } }
    }

    /// Lets the server live as long as the stage.
    func keep(_ server: SocketServer) -> SocketServer {
        kept.withLock { $0.append(server) }
        return server
    }

    /// A server on this loop that answers every request with `answer`.
    func serve(tls: TLSContext? = nil, _ answer: @escaping @Sendable (ServerCall) -> Void) async throws -> StagedServer
    {
        let loop = loop
        let made = await loop.ask { () -> Result<HTTPServer, HTTPError> in
            var options = ServerOptions(host: "127.0.0.1", port: 0)
            options.tls = tls
            do throws(HTTPError) {
                return .success(try HTTPServer(loop: loop, options: options, handler: AnswerHandler(answer)))
            } catch {
                return .failure(error)
            }
        }
        let server = StagedServer(server: try made.get(), loop: loop)
        kept.withLock { $0.append(server) }
        return server
    }

    func origin(_ options: OriginOptions) async throws -> Origin {
        let loop = loop
        let origin = try await loop.ask { () -> Result<Origin, HTTPError> in
            do throws(HTTPError) { return .success(try Origin(loop: loop, options: options)) } catch {
                return .failure(error)
            }
        }.get()
        kept.withLock { $0.append(origin) }
        return origin
    }

    /// Sends the request and waits for its end.
    func fetch(_ origin: Origin, _ request: StagedRequest = StagedRequest(), _ steps: FetchSteps = FetchSteps())
        async -> FetchOutcome
    {
        await withCheckedContinuation { continuation in
            loop.post {
                let recorder = FetchRecorder(request, steps) { continuation.resume(returning: $0) }
                recorder.start(origin)
            }
        }
    }

    /// Waits until `condition` holds on the loop, at most five seconds.
    func wait(until condition: @escaping @Sendable () -> Bool) async -> Bool {
        for _ in 0..<500 {
            if await loop.ask(condition) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// Closes with its stage.
final class StagedServer: Sendable {
    let port: UInt16
    private let server: HTTPServer
    private let loop: EventLoop

    init(server: HTTPServer, loop: EventLoop) {
        self.server = server
        self.loop = loop
        port = server.port
    }

    deinit { loop.post { [server] in server.close() } }
}

private final class AnswerHandler: ServerHandler {
    private let answer: @Sendable (ServerCall) -> Void
    init(_ answer: @escaping @Sendable (ServerCall) -> Void) { self.answer = answer }
    func request(_ call: ServerCall) { answer(call) }
}

/// Holds a request's bytes and collects its answer. On the loop's thread.
final class FetchRecorder: FetchHandler, @unchecked Sendable {
    // Sendable: made, used and dropped on one loop's thread.
    private let request: StagedRequest
    private let steps: FetchSteps
    private let done: (FetchOutcome) -> Void
    private(set) var outcome = FetchOutcome()
    private(set) var fetch: Fetch?
    /// How many events came.
    private(set) var eventCount = 0
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(
        _ request: StagedRequest, _ steps: FetchSteps = FetchSteps(), done: @escaping (FetchOutcome) -> Void = { _ in }
    ) {
        self.request = request
        self.steps = steps
        self.done = done
    }

    deinit { memory.deallocate() }

    func start(_ origin: Origin, fieldsOf: Head? = nil, less: NameSet? = nil) {
        var body: UnsafeRawBufferPointer?
        if let bytes = request.body {
            memory = .allocate(byteCount: bytes.count, alignment: 1)
            memory.copyBytes(from: bytes)
            body = UnsafeRawBufferPointer(memory)
        }
        let texts = [request.method, request.target, request.host].map { Array($0.utf8) }
        let lines = headerLines(request.headers)
        fetch = texts[0].withUnsafeBytes { method in
            texts[1].withUnsafeBytes { target in
                texts[2].withUnsafeBytes { host in
                    lines.withUnsafeBytes { lines in
                        Fetch(
                            origin,
                            FetchRequest(
                                method: method, target: target, host: host, fieldsOf: fieldsOf, less: less,
                                fieldLines: lines, body: body),
                            handler: self)
                    }
                }
            }
        }
        precondition(eventCount == 0, "an event came inside the initialiser")
    }

    /// Frees the body at once, as a caller may.
    func cancel() {
        fetch?.cancel()
        fetch = nil
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    func fetchHead(_ fetch: Fetch) {
        eventCount += 1
        outcome.status = fetch.status
        outcome.headers = (fetch.head?.fields ?? []).map { "\($0.name): \($0.value)" }
        outcome.contentLength = fetch.contentLength
        steps.atHead(fetch)
    }

    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        eventCount += 1
        outcome.body.append(contentsOf: bytes)
        steps.atData(fetch, bytes.count)
    }

    func fetchEnded(_ fetch: Fetch) { end(fetch) }

    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        outcome.failure = failure
        outcome.detail = detail
        end(fetch)
    }

    private func end(_ fetch: Fetch) {
        eventCount += 1
        outcome.wasSent = fetch.wasSent
        self.fetch = nil
        done(outcome)
    }
}

/// Bytes whose every position can be told apart from its neighbours'; at most 30 MB.
func patterned(_ count: Int) -> [UInt8] { Array(pattern[..<count]) }

private let pattern = [UInt8](unsafeUninitializedCapacity: 30_000_000) { buffer, length in
    var state: UInt32 = 1
    for index in buffer.indices {
        state = state &* 1_664_525 &+ 1_013_904_223
        buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
    }
    length = buffer.count
}
