// The practice provider on HTTP: takes requests from CairnHTTP, asks the service for a delivery, carries its
// steps out, and keeps the request log. The benchmarks load it, so a whole answer is given without a task;
// only what waits (streams, latency, faults) runs as an async function on the call's loop.

import CairnHTTP
import Synchronization

/// A provider that answers without a model. One may serve several loops: they share its cache and its log.
public final class PracticeProvider: ServerHandler {
    private struct State {
        var service: PracticeService
        var log = RequestLog()
    }

    /// Held for the decision on one request or one line of the log, never across a wait.
    private let state: Mutex<State>

    public init(options: PracticeOptions) {
        state = Mutex(State(service: PracticeService(options: options)))
    }

    public func request(_ call: ServerCall) {
        let path = String(call.target.prefix { $0 != "?" })
        switch (Route(path: path), call.method) {
        case (.health, _): respond(call, Self.health)
        case (.requestLog, "GET"): respond(call, state.withLock { $0.log.document })
        case (.requestLog, "DELETE"):
            state.withLock { $0.log.clear() }
            respond(call, [])
        default: answer(call)
        }
    }

    /// What the server itself refuses (bad HTTP, limits) comes in OpenAI's envelope.
    public func refusal(_ reason: Refusal, target: String) -> RefusalReply {
        let error = ProviderError(status: Int(reason.status), message: "The request was refused: \(reason).")
        return RefusalReply(
            status: reason.status, fieldLines: headerLines([("content-type", "application/json")]),
            body: error.body(family: .openai, requestID: ""))
    }

    private static let health: JSONValue = ["status": "ok", "service": "cairn practice"]

    private func respond(_ call: ServerCall, _ document: JSONValue) {
        call.respond(
            status: 200, headers: [("content-type", "application/json")], body: document.compact)
    }

    private func answer(_ call: ServerCall) {
        let loop = call.loop
        let now = loop.nowNanoseconds
        let (sequence, delivery, pace) = state.withLock { state in
            call.withBody { body in
                let sequence = state.log.begin(
                    method: call.method, target: call.target, headers: call.headers, body: body, now: now)
                let (delivery, pace) = state.service.delivery(
                    for: PracticeRequest(
                        method: call.method, target: call.target, header: { call.header($0) }, body: body,
                        sequence: sequence, nowMilliseconds: now / 1_000_000))
                state.log.update(sequence) { $0.status = delivery.status }
                return (sequence, delivery, pace)
            }
        }
        call.onClosed = { [self] end in
            noteEnd(of: sequence, end, bytesWritten: call.bytesWritten, now: loop.nowNanoseconds)
        }
        carryOut(delivery, on: call, sequence: sequence, tokensPerSecond: pace)
    }

    // MARK: Carrying out

    private func carryOut(
        _ delivery: Delivery, on call: ServerCall, sequence: UInt64, tokensPerSecond: Double?
    ) {
        var delivery = delivery
        if case .respond(let body)? = delivery.peek() {
            note(body, of: sequence)
            call.respond(status: delivery.status, headers: delivery.headers, body: body)
            return
        }
        call.perform { [self, delivery] in
            await play(delivery, on: call, sequence: sequence, tokensPerSecond: tokensPerSecond)
        }
    }

    /// Carries out step after step. The client may have left after every wait; then nothing more is done.
    private func play(
        _ delivery: Delivery, on call: ServerCall, sequence: UInt64, tokensPerSecond: Double?
    ) async {
        var delivery = delivery
        var pacer = Pacer(tokensPerSecond: tokensPerSecond)
        var isUnframed = false
        while call.isOpen, let step = delivery.next() {
            switch step {
            case .wait(let milliseconds):
                await call.loop.sleep(milliseconds: milliseconds)
            case .respond(let body):
                note(body, of: sequence)
                call.respond(status: delivery.status, headers: delivery.headers, body: body)
            case .start(.untilClose):
                isUnframed = true
                call.writeRaw(Self.unframedHead(delivery))
            case .start(.chunked):
                call.start(status: delivery.status, headers: delivery.headers, contentLength: nil)
            case .start(.contentLength(let length)):
                call.start(status: delivery.status, headers: delivery.headers, contentLength: length)
            case .write(let bytes, let isToken):
                if isToken { await pacer.wait(on: call.loop) }
                guard call.isOpen else { return }
                note(bytes, of: sequence)
                if isUnframed { call.writeRaw(bytes) } else { call.write(bytes) }
                // All that is queued in one turn of the loop leaves in one write: an event gets a turn.
                await call.loop.sleep(milliseconds: 0)
                await call.writable()
            case .raw(let bytes):
                call.writeRaw(bytes)
            case .stall:
                return
            case .reset:
                call.abort()
            case .end:
                call.end()
            }
        }
    }

    /// The head of an answer whose end is the end of the connection (RFC 9112, 6.3, rule 8).
    private static func unframedHead(_ delivery: Delivery) -> [UInt8] {
        var head = Array("HTTP/1.1 \(delivery.status) \r\n".utf8)
        head += headerLines(delivery.headers + [("connection", "close")])
        return head + Array("\r\n".utf8)
    }

    // MARK: The log

    private func note(_ bytes: [UInt8], of sequence: UInt64) {
        state.withLock { $0.log.update(sequence) { $0.answer.append(bytes) } }
    }

    private func noteEnd(of sequence: UInt64, _ end: CallEnd, bytesWritten: UInt64, now: UInt64) {
        let ending: RequestLog.Ending =
            switch end {
            case .answered: .answered
            case .clientLeft: .clientLeft
            case .aborted, .stalled, .refused: .reset
            }
        state.withLock { state in
            state.log.update(sequence) { record in
                record.ending = ending
                record.endedNanoseconds = now
                record.bytesWritten = bytesWritten
            }
        }
    }
}

/// Spaces the tokens of one stream evenly from its first one on, so that a late one does not delay the rest.
private struct Pacer {
    let nanosecondsPerToken: Double?
    private var firstNanoseconds: UInt64?
    private var tokenCount = 0.0

    init(tokensPerSecond: Double?) {
        nanosecondsPerToken = tokensPerSecond.map { 1e9 / $0 }
    }

    /// Waits for the turn of the next token.
    mutating func wait(on loop: EventLoop) async {
        guard let nanosecondsPerToken else { return }
        let now = loop.nowNanoseconds
        let first = firstNanoseconds ?? now
        firstNanoseconds = first
        let due = Double(first) + tokenCount * nanosecondsPerToken
        tokenCount += 1
        let milliseconds = ((due - Double(now)) / 1e6).rounded()
        if milliseconds >= 1 { await loop.sleep(milliseconds: UInt64(milliseconds)) }
    }
}
