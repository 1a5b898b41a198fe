// The life of one call, from its head to its record. Everything happens in synchronous events on the loop's thread; only
// an encoded or large request body waits, for a worker that decodes it or writes it anew.
//
//     head ─▶ body ─▶ (decode) ─▶ fetch ─▶ answer's head ─▶ data ... ─▶ end ─▶ closed: record
//                                   │          │              │
//                                   └──────────┴──────────────┴─ failure ─▶ error in the caller's dialect ─▶ closed
//
// The answer is written from the buffer it was read into. A client that reads slowly pauses the fetch; a client that
// leaves cancels it at once. Calls that do not pass as they came are in CallLife+Rewriting.swift.

import CairnCore
import CairnHTTP
import CairnSettings

final class CallLife: FetchHandler {
    let owner: LoopService
    let call: ServerCall
    let identifier: CallIdentifier
    let wallNanoseconds: UInt64
    let routed: RoutedTarget
    let dialect: CallDialect

    var upstreamIndex: Int?
    var fetch: Fetch?
    /// The body to send instead of the client's own bytes: decoded, or written anew.
    var heldBody: HeldBody?
    var model: [UInt8]?
    var watch: AnswerWatch?
    var decoder: ContentDecoder?
    /// What writes the answer anew; nil: it passes as it came.
    var rewritten: RewrittenAnswer?
    /// Where the prompt stands in its lineage; nil: nobody looked at it.
    var contextCall: ContextCall?
    /// What becomes of the model's own questions; nil: it has no tool to ask with.
    var asking: AskingCall?
    /// The answer's bytes are not plain: nothing can be added to them.
    private var isEncoded = false

    var status: UInt16 = 0
    var isStream = false
    /// The head of the answer went to the client: no other answer can be given.
    var hasAnswerBegun = false
    var outcome = UsageRecord.Outcome.ok
    var requestBytes: UInt64 = 0
    var arrivedNanoseconds: UInt64 = 0
    var firstByteNanoseconds: UInt64?
    var addedNanoseconds: UInt64 = 0
    /// The last bytes that went to the client, to know whether an event of the stream is open.
    private var tail: UInt32 = 0

    init(
        owner: LoopService, call: ServerCall, routed: RoutedTarget, dialect: CallDialect, identifier: CallIdentifier,
        wallNanoseconds: UInt64
    ) {
        self.owner = owner
        self.call = call
        self.routed = routed
        self.dialect = dialect
        self.identifier = identifier
        self.wallNanoseconds = wallNanoseconds
        owner.shard.callStarted()
    }

    // MARK: request

    /// The whole request is there.
    func requestArrived() {
        arrivedNanoseconds = call.arrivedNanoseconds
        requestBytes = call.withBody { UInt64($0.count) }
        if routed.route == .expand { return expand() }
        let codings: [ContentCoding]
        do throws(ContentDecodingError) {
            codings = try requestCodings()
        } catch {
            refuse(error.requestError)
            return
        }
        if codings.isEmpty {
            send()
        } else {
            decodeThenSend(codings)
        }
    }

    private func requestCodings() throws(ContentDecodingError) -> [ContentCoding] {
        var problem: ContentDecodingError?
        let codings = call.head?.withValue(of: "content-encoding") { field -> [ContentCoding] in
            do throws(ContentDecodingError) {
                return try ContentCoding.list(field: field.assumingMemoryBound(to: UInt8.self).span)
            } catch {
                problem = error
                return []
            }
        }
        if let problem { throw problem }
        return codings ?? []
    }

    /// Providers want plain bodies, and so will everything that reads them here: an encoded one travels on decoded.
    private func decodeThenSend(_ codings: [ContentCoding]) {
        guard let body = call.takeBody() else { return }
        let bytesMax = owner.shared.settings.limits.bodyBytesMax
        let loop = call.loop
        let life = LoopConfined(self)
        call.perform {
            let result = await loop.offload { HeldBody.decode(body, codings: codings, bytesMax: bytesMax) }
            life.value.decoded(result)
        }
    }

    private func decoded(_ result: Result<HeldBody, ContentDecodingError>) {
        guard call.isOpen else { return }
        switch result {
        case .success(let body):
            heldBody = body
            send()
        case .failure(let error):
            refuse(error.requestError)
        }
    }

    /// Chooses the upstream and what is done with the call.
    private func send() {
        if let heldBody {
            send(body: heldBody.bytes)
        } else {
            call.withBody { send(body: $0) }
        }
    }

    private func send(body: UnsafeRawBufferPointer) {
        guard let head = call.head else { return }
        let mode: CallMode
        do throws(GatewayError) {
            mode = try CallMode(head, default: owner.shared.settings.mode)
        } catch {
            refuse(error)
            return
        }
        model = modelName(body)
        let index = owner.shared.upstreams.choose(model: model, dialect: dialect)
        let upstream = owner.shared.upstreams.upstreams[index]
        upstreamIndex = index
        let plan = CallPlan.plan(for: routed.route, dialect: dialect, model: model, mode: mode, upstream: upstream)
        if !keepStable(body, mode, plan) { perform(plan, body) }
    }

    /// Does what was planned with the call; `body` is the client's, or `heldBody`.
    func perform(_ plan: CallPlan, _ body: UnsafeRawBufferPointer) {
        guard let upstreamIndex, let head = call.head else { return }
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        switch plan {
        case .pass: if !passAsking(body) { pass(body, to: upstream, head) }
        case .rewrite(let rewriting): rewrite(body, rewriting, to: upstream, head)
        case .countTokens(let rewriting): countTokens(body, rewriting, to: upstream)
        case .models(let shape): askForModels(shape, of: upstream, head)
        case .storedResponse: if !answerFromMemory(head, upstream) { pass(body, to: upstream, head) }
        }
    }

    /// Sends the request on as it came.
    private func pass(_ body: UnsafeRawBufferPointer, to upstream: PreparedUpstream, _ head: Head) {
        let key = keyLine(upstream, head)
        let withheld = heldBody == nil ? upstream.withheld : upstream.withheldWithCoding
        call.withRequestLine { method, target, _ in
            owner.withUpstreamTarget(routed, target: target, upstream: upstream, dialect: dialect) { path in
                key.withUnsafeBytes { lines in
                    start(
                        method: method, path: path, less: withheld, lines: lines,
                        body: body.isEmpty && Self.meansNoBody(method) ? nil : body)
                }
            }
        }
    }

    /// Asks the chosen upstream. `body` stays until `fetchSent`: it is the client's, or `heldBody`.
    func start(
        method: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer, less withheld: NameSet,
        lines: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer?
    ) {
        guard let upstreamIndex, let head = call.head else { return }
        fetch = owner.shared.upstreams.upstreams[upstreamIndex].host.withUnsafeBytes { host in
            Fetch(
                owner.origins[upstreamIndex],
                FetchRequest(
                    method: method, target: path, host: host, fieldsOf: head, less: withheld, fieldLines: lines,
                    body: body),
                handler: self)
        }
        if fetch == nil { return fail(GatewayError(.outOfMemory)) }
        addedNanoseconds = call.loop.nowNanoseconds &- arrivedNanoseconds
    }

    /// Methods whose requests carry no content when they bring none (RFC 9110, 9.3): no Content-Length is written.
    private static func meansNoBody(_ method: UnsafeRawBufferPointer) -> Bool {
        let first = method.first
        return first == UInt8(ascii: "G") || first == UInt8(ascii: "H") || first == UInt8(ascii: "D")
    }

    private func modelName(_ body: UnsafeRawBufferPointer) -> [UInt8]? {
        switch routed.route {
        case .chatCompletions, .responses, .messages, .countTokens, .embeddings, .otherV1: ModelName.read(body)
        case .model:
            routed.identifier.flatMap { range in
                call.withRequestLine { _, target, _ in [UInt8](target[range].prefix(UsageRecord.nameBytesMax)) }
            }
        default: nil
        }
    }

    func keyLine(_ upstream: PreparedUpstream, _ head: Head) -> [UInt8] {
        guard upstream.bearerLine != nil else { return [] }
        let usesAPIKeyField = head.withValue(of: "x-api-key") { _ in true } ?? false
        let usesAuthorization = head.withValue(of: "authorization") { _ in true } ?? false
        return upstream.keyLine(
            clientUsesAPIKeyField: usesAPIKeyField, clientUsesAuthorization: usesAuthorization, dialect: dialect) ?? []
    }

    // MARK: answer

    /// A stream may go on for long; what it was asked with need not be kept so long.
    func fetchSent(_ fetch: Fetch) {
        heldBody = nil
        call.releaseBody()
    }

    func fetchHead(_ fetch: Fetch) {
        if let asking, asking.isGoingOn, let rewritten { return beginNext(rewritten, asking, fetch) }
        let now = call.loop.nowNanoseconds
        firstByteNanoseconds = now &- arrivedNanoseconds
        status = UInt16(fetch.status)
        if let rewritten { return begin(rewritten, fetch) }
        readForm(fetch)
        hasAnswerBegun = true
        owner.withCallLine(identifier, of: self) { line in
            call.start(passing: fetch, less: owner.shared.withheldFromClient, adding: line)
        }
        addedNanoseconds &+= call.loop.nowNanoseconds &- now
    }

    /// What the answer is, and whether its usage can be read.
    private func readForm(_ fetch: Fetch) {
        guard let head = fetch.head else { return }
        let type = head.withValue(of: "content-type") { value -> (isStream: Bool, isJSON: Bool) in
            let span = value.assumingMemoryBound(to: UInt8.self).span
            return (
                span.endOfPrefix("text/event-stream", ignoringCase: true) != nil,
                span.endOfPrefix("application/json", ignoringCase: true) != nil
            )
        }
        isStream = type?.isStream ?? false
        guard status < 300, isStream || type?.isJSON ?? false, routed.route != .models, routed.route != .model else {
            return
        }
        let codings = head.withValue(of: "content-encoding") { value in
            try? ContentCoding.list(field: value.assumingMemoryBound(to: UInt8.self).span)
        }
        if let codings, codings != [] {
            isEncoded = true
            guard let codings, let decoder = try? ContentDecoder(codings: codings, bytesMax: Self.watchedBytesMax)
            else {
                return
            }
            self.decoder = decoder
        }
        watch = owner.takeWatch(isStream: isStream, dialect: streamDialect)
    }

    /// An encoded answer is decoded on the side up to this size.
    static let watchedBytesMax = 256 * 1024 * 1024

    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        if let rewritten { return take(bytes, rewritten, fetch) }
        let mustWait = !call.write(bytes)
        if isStream { remember(bytes) }
        if let watch { show(bytes, to: watch) }
        if mustWait { fetch.pause() }
    }

    private func show(_ bytes: UnsafeRawBufferPointer, to watch: AnswerWatch) {
        guard let decoder else {
            watch.see(bytes)
            return
        }
        do throws(ContentDecodingError) {
            try decoder.decode(bytes.assumingMemoryBound(to: UInt8.self)) { watch.see(UnsafeRawBufferPointer($0)) }
        } catch {
            owner.give(back: watch)
            self.watch = nil
        }
    }

    /// The dialect whose streams are known from first to last event; other for streams of other routes.
    private var streamDialect: CallDialect {
        switch routed.route {
        case .chatCompletions, .responses, .messages: dialect
        default: .other
        }
    }

    func remember(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes.suffix(4) { tail = tail << 8 | UInt32(byte) }
    }

    /// Whether the stream stands between two events: after a blank line of any spelling.
    private var isBetweenEvents: Bool {
        tail == 0 || tail & 0xffff == 0x0a0a || tail & 0xffff == 0x0d0d || tail == 0x0d0a_0d0a
    }

    func fetchEnded(_ fetch: Fetch) {
        self.fetch = nil
        if let rewritten { return finish(rewritten) }
        if let watch, watch.finish() {
            failed(.truncated, detail: "the stream ended before the answer did")
        } else {
            call.end()
        }
    }

    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        self.fetch = nil
        failed(failure, detail: detail)
    }

    func failed(_ failure: FetchFailure, detail: String) {
        guard let upstreamIndex else { return }
        failed(
            GatewayError(failure.kind, detail: owner.shared.upstreams.upstreams[upstreamIndex].settings.name),
            detail: detail)
    }

    /// The upstream did not give a usable answer. `detail` is for the log.
    func failed(_ error: GatewayError, detail: String) {
        guard let upstreamIndex else { return }
        owner.upstreamFailed(upstreamIndex, error, detail: detail, call: identifier)
        outcome = .upstreamError
        fail(error)
    }

    // MARK: errors

    /// The request cannot be carried: answered here, nothing goes upstream.
    func refuse(_ error: GatewayError) {
        owner.shard.refused(error.kind)
        outcome = .refused
        fail(error)
    }

    /// Tells the client in its own dialect: as an answer, as a last event of a stream, or, where neither can be said,
    /// by a broken connection.
    func fail(_ error: GatewayError) {
        if !hasAnswerBegun {
            status = error.kind.status
            owner.answer(call, error, dialect: dialect, identifier: identifier)
        } else if isStream && !isEncoded {
            var writer = ByteWriter(capacity: 1024)
            if !isBetweenEvents { writer.append("\n\n") }
            error.writeStreamEvent(
                dialect: dialect, call: identifier, sequenceNumber: watch?.eventCount ?? 0, to: &writer)
            writer.withBytes { _ = call.write(UnsafeRawBufferPointer($0)) }
            call.closeAfter()
            call.end()
        } else {
            call.abort()
        }
    }

    // MARK: events of the client's side

    func drained() { fetch?.resume() }

    /// The call is over: nothing more is fetched for it, and it is recorded.
    func closed(_ end: CallEnd) {
        fetch?.cancel()
        fetch = nil
        call.state = nil
        switch end {
        case .answered: break
        case .clientLeft: outcome = .clientLeft
        case .stalled: outcome = .clientStalled
        case .refused: outcome = .refused
        case .aborted: if outcome == .ok { outcome = owner.isCutOff ? .cutOff : .fault }
        }
        record()
        if let watch { owner.give(back: watch) }
        watch = nil
    }

    private func record() {
        let total = call.loop.nowNanoseconds &- call.beganNanoseconds
        let responseBytes = call.bodyBytesWritten
        let rewriting = rewritten?.record
        let usage = watch?.usage() ?? rewritten?.usage
        let line = settleContext(usage: status < 300 ? usage : nil)
        if let rewriting { owner.shard.dropped(rewriting.dropped.counts) }
        owner.shard.callFinished(
            FinishedCall(
                route: routed.route, upstreamIndex: upstreamIndex, status: status, requestBytes: requestBytes,
                responseBytes: responseBytes, addedNanoseconds: addedNanoseconds,
                firstByteNanoseconds: firstByteNanoseconds, durationNanoseconds: total))
        owner.shared.usageLog.append(
            UsageRecord(
                wallNanoseconds: wallNanoseconds, call: identifier, dialect: dialect, route: routed.route,
                upstream: upstreamIndex.map { owner.shared.upstreams.upstreams[$0].settings.name }, model: model,
                status: status, isStream: isStream, outcome: outcome, totalNanoseconds: total,
                firstByteNanoseconds: firstByteNanoseconds, addedNanoseconds: addedNanoseconds,
                requestBytes: requestBytes, responseBytes: responseBytes,
                usage: usage, rewriting: rewriting, ledger: line),
            loopIndex: owner.index)
    }
}

/// Carries a value of the loop into a task that runs on the same loop.
struct LoopConfined<Value>: @unchecked Sendable {
    // Sendable: made and read on one loop's thread; the task between them runs on that loop's executor.
    let value: Value
    init(_ value: Value) { self.value = value }
}

extension FetchFailure {
    /// The kind of error that the client is told.
    var kind: GatewayError.Kind {
        switch self {
        case .nameNotFound: .upstreamNameNotFound
        case .refused: .upstreamRefused
        case .connectTimeout: .upstreamConnectTimeout
        case .tls: .upstreamTLS
        case .firstByteTimeout: .upstreamFirstByteTimeout
        case .idleTimeout: .upstreamIdleTimeout
        case .reset: .upstreamReset
        case .truncated: .upstreamTruncated
        case .malformed: .upstreamMalformed
        case .tooManyConnections: .upstreamTooManyConnections
        case .outOfMemory: .outOfMemory
        case .proxy: .upstreamProxyRefused
        }
    }
}
