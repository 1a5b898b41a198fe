// One request of the demo's client and its whole answer, over CairnHTTP's fetch, awaited on the loop.

import CairnHTTP

/// An answer, with the time its first and its last byte took.
struct ExchangeAnswer: Sendable {
    var status = 0
    var body: [UInt8] = []
    /// Times the body came in, at the least one for each write that travelled alone.
    var arrivalCount = 0
    var firstByteNanoseconds: UInt64 = 0
    var lastByteNanoseconds: UInt64 = 0
}

/// Collects the answer to one fetch. Confined to the origin's loop.
final class Exchange: FetchHandler {
    private let loop: EventLoop
    private let body: UnsafeMutableRawBufferPointer
    private let startNanoseconds: UInt64
    private var answer = ExchangeAnswer()
    private var continuation: UnsafeContinuation<Result<ExchangeAnswer, PracticeError>, Never>?

    private init(loop: EventLoop, body: [UInt8]) {
        self.loop = loop
        self.body = .allocate(byteCount: body.count, alignment: 1)
        self.body.copyBytes(from: body)
        startNanoseconds = loop.nowNanoseconds
    }

    deinit { body.deallocate() }

    /// Sends a request and waits for the whole answer; call it on the origin's loop.
    /// - Parameter body: nil for a GET.
    static func send(
        _ origin: Origin, host: String, target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws(PracticeError) -> ExchangeAnswer {
        let method = body == nil ? "GET" : "POST"
        let exchange = Exchange(loop: origin.loop, body: body ?? [])
        let result = await withUnsafeContinuation { continuation in
            exchange.continuation = continuation
            let isSent = withBytes(method, target, host) { method, target, host in
                headerLines(headers).withUnsafeBytes { lines in
                    let request = FetchRequest(
                        method: method, target: target, host: host, fieldLines: lines,
                        body: body == nil ? nil : UnsafeRawBufferPointer(exchange.body))
                    return Fetch(origin, request, handler: exchange) != nil
                }
            }
            if !isSent { exchange.finish(.failure(PracticeError("out of memory"))) }
        }
        return try result.get()
    }

    func fetchHead(_ fetch: Fetch) {
        answer.status = fetch.status
    }

    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        answer.lastByteNanoseconds = loop.nowNanoseconds - startNanoseconds
        if answer.arrivalCount == 0 { answer.firstByteNanoseconds = answer.lastByteNanoseconds }
        answer.arrivalCount += 1
        answer.body.append(contentsOf: bytes)
    }

    func fetchEnded(_ fetch: Fetch) {
        finish(.success(answer))
    }

    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        finish(.failure(PracticeError("the request failed: \(failure) (\(detail))")))
    }

    private func finish(_ result: Result<ExchangeAnswer, PracticeError>) {
        continuation?.resume(returning: result)
        continuation = nil
    }
}

/// The bytes of three texts for one closure.
private func withBytes<Result>(
    _ first: String, _ second: String, _ third: String,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Result
) -> Result {
    Array(first.utf8).withUnsafeBytes { first in
        Array(second.utf8).withUnsafeBytes { second in
            Array(third.utf8).withUnsafeBytes { third in body(first, second, third) }
        }
    }
}
