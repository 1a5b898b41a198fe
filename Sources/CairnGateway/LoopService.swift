// What one loop does with calls: refuses, answers itself, or gives them a life. One object a loop; everything in it
// belongs to that loop's thread, so nothing here is locked.

import CairnContext
import CairnCore
import CairnHTTP
import CairnSettings
import Synchronization

/// What all loops share; immutable, or safe for all threads by itself.
struct SharedService: Sendable {
    let settings: Settings
    let version: String
    let upstreams: UpstreamTable
    let metrics: GatewayMetrics
    let usageLog: UsageLog
    /// Responses kept for upstreams that keep none.
    let responses: any ResponseStorage
    let vocabularies: VocabularyShelf
    let log: Log
    let hostRule: HostRule
    /// Fields of an upstream's answer that speak of its own host: they would mean this gateway's host to a client.
    let withheldFromClient = NameSet(["alt-svc", "strict-transport-security", "x-cairn-*"])
    let startedNanoseconds: UInt64
    let state: ServiceState
    /// What keeps prompts stable; nil: every call passes as it came.
    let context: ContextService?
}

/// The few things that change for all loops at once.
final class ServiceState: Sendable {
    let isDraining = Atomic(false)
    let isCutOff = Atomic(false)
    let connections = LatestCounts()
}

/// The connections of all loops when they were last asked.
final class LatestCounts: Sendable {
    private let counts = Locked<[LoopCounts]>([])
    func store(_ latest: [LoopCounts]) { counts.withLock { $0 = latest } }
    func load() -> [LoopCounts] { counts.withLock { $0 } }
}

final class LoopService: ServerHandler, @unchecked Sendable {
    // Sendable: used on its loop's thread only, after init.
    let index: Int
    let loop: EventLoop
    let shared: SharedService
    let shard: MetricsShard
    let origins: [Origin]
    let reachability: Reachability
    /// The other loops too, for what concerns all of them.
    private(set) var all: [LoopService] = []

    private var identifiers = CallIdentifierSource()
    private var scratch = ByteWriter(capacity: 8 * 1024)
    private var watches: [AnswerWatch] = []
    /// What this loop knows of turns it saw.
    var turnKeys = TurnKeyReader()

    init(index: Int, loop: EventLoop, shared: SharedService, origins: [Origin]) {
        self.index = index
        self.loop = loop
        self.shared = shared
        self.origins = origins
        shard = shared.metrics.shards[index]
        reachability = Reachability(upstreamCount: origins.count)
    }

    /// Tells the service of its peers, before the loops run.
    func join(_ all: [LoopService]) { self.all = all }

    var isCutOff: Bool { shared.state.isCutOff.load(ordering: .relaxed) }

    // MARK: events

    func head(_ call: ServerCall) {
        let wall = SystemTime.wallNanoseconds()
        let identifier = identifiers.next(wallNanoseconds: wall)
        let routing = call.withRequestLine { method, target, _ in Self.route(method, target) }
        switch routing {
        case .success(let routed):
            let dialect = callDialect(routed, call)
            if let error = hostRefusal(call) {
                refuse(call, error, dialect: dialect, identifier: identifier)
            } else if routed.route.isRecorded {
                call.state = CallLife(
                    owner: self, call: call, routed: routed, dialect: dialect, identifier: identifier,
                    wallNanoseconds: wall)
            } else if routed.route == .unknown {
                refuse(call, GatewayError(.unknownRoute), dialect: dialect, identifier: identifier)
            } else {
                call.state = LocalAnswer(owner: self, route: routed.route, identifier: identifier)
            }
        case .failure(let refusal):
            let dialect = call.withRequestLine { _, target, _ in Self.guessedDialect(target) } ?? .other
            refuse(call, refusal.error, dialect: dialect, identifier: identifier)
        case nil: break
        }
    }

    func request(_ call: ServerCall) {
        switch call.state {
        case let life as CallLife: life.requestArrived()
        case let answer as LocalAnswer: answer.give(to: call)
        default:
            answer(
                call, GatewayError(.internalFault), dialect: .other, identifier: identifiers.next(wallNanoseconds: 0))
        }
    }

    func drained(_ call: ServerCall) { (call.state as? CallLife)?.drained() }

    func closed(_ call: ServerCall, _ end: CallEnd) {
        (call.state as? CallLife)?.closed(end)
        call.state = nil
    }

    func refusal(_ reason: Refusal, target: String) -> RefusalReply {
        let error = reason.error(shared.settings.limits)
        shard.refused(error.kind)
        let identifier = identifiers.next(wallNanoseconds: SystemTime.wallNanoseconds())
        var target = target
        let dialect = target.withUTF8 { Self.guessedDialect(UnsafeRawBufferPointer($0)) }
        var body = ByteWriter(capacity: 512)
        error.writeBody(dialect: dialect, call: identifier, to: &body)
        return RefusalReply(
            status: error.kind.status, fieldLines: errorFields(error, identifier), body: body.copyBytes())
    }

    // MARK: routing

    private static func route(
        _ method: UnsafeRawBufferPointer, _ target: UnsafeRawBufferPointer
    ) -> Result<RoutedTarget, TargetRefusal> {
        do throws(TargetRefusal) {
            return .success(
                try Router.route(
                    method: RequestMethod(token: method.assumingMemoryBound(to: UInt8.self).span),
                    target: target.assumingMemoryBound(to: UInt8.self).span))
        } catch {
            return .failure(error)
        }
    }

    /// Where the path says no dialect, Anthropic's SDK is known by a field it always sends.
    private func callDialect(_ routed: RoutedTarget, _ call: ServerCall) -> CallDialect {
        guard routed.dialect == .other, routed.route.isRecorded else { return routed.dialect }
        return call.head?.withValue(of: "anthropic-version") { _ in true } ?? false ? .messages : .other
    }

    /// For requests that were refused before routing: whose error shape does the client expect?
    private static func guessedDialect(_ target: UnsafeRawBufferPointer) -> CallDialect {
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        func contains(_ word: StaticString) -> Bool {
            guard path.count >= word.utf8CodeUnitCount else { return false }
            let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
            return (path.startIndex...path.endIndex - bytes.count).contains {
                path[$0..<$0 + bytes.count].elementsEqual(bytes)
            }
        }
        if contains("/messages") || contains("/anthropic") { return .messages }
        if contains("/responses") { return .responses }
        return contains("/chat/") ? .chat : .other
    }

    private func hostRefusal(_ call: ServerCall) -> GatewayError? {
        let decision = call.withRequestLine { _, _, host in
            let hostSpan = host.assumingMemoryBound(to: UInt8.self).span
            if hostSpan.isEmpty { return HostRule.Decision.allow }  // HTTP/1.0: no browser sends that
            let withOrigin = call.head?.withValue(of: "origin") { origin -> HostRule.Decision in
                if call.head?.count(of: "origin") != 1 { return .foreignOrigin }  // no browser sends two
                return shared.hostRule.decide(host: hostSpan, origin: origin.assumingMemoryBound(to: UInt8.self).span)
            }
            return withOrigin ?? shared.hostRule.decide(host: hostSpan)
        }
        switch decision {
        case .foreignHost: return GatewayError(.foreignHost)
        case .foreignOrigin: return GatewayError(.foreignOrigin)
        case .allow, nil: return nil
        }
    }

    // MARK: answers of our own

    /// Counts and answers a request that gets no life.
    private func refuse(_ call: ServerCall, _ error: GatewayError, dialect: CallDialect, identifier: CallIdentifier) {
        shard.refused(error.kind)
        answer(call, error, dialect: dialect, identifier: identifier)
    }

    func answer(_ call: ServerCall, _ error: GatewayError, dialect: CallDialect, identifier: CallIdentifier) {
        var body = ByteWriter(capacity: 512)
        error.writeBody(dialect: dialect, call: identifier, to: &body)
        call.respond(
            status: Int(error.kind.status), fieldLines: errorFields(error, identifier), body: body.copyBytes())
    }

    private func errorFields(_ error: GatewayError, _ identifier: CallIdentifier) -> [UInt8] {
        var fields = [("content-type", "application/json"), ("x-cairn-call", identifier.description)]
        if error.kind == .methodNotAllowed { fields.append(("allow", error.detail)) }
        if error.kind == .adminKeyRequired { fields.append(("www-authenticate", "Bearer")) }
        if error.kind == .tooManyConnections || error.kind == .draining || error.kind == .storeUnavailable {
            fields.append(("retry-after", "1"))
        }
        return headerLines(fields)
    }

    // MARK: what lives borrow

    /// The header lines that tell the client the id of its call and where its prompt stands, as a view.
    func withCallLine(_ identifier: CallIdentifier, of life: CallLife, _ use: (UnsafeRawBufferPointer) -> Void) {
        scratch.clear()
        scratch.append("x-cairn-call: ")
        scratch.append(identifier)
        scratch.append("\r\n")
        life.writeContextLines(to: &scratch)
        scratch.withBytes { use(UnsafeRawBufferPointer($0)) }
    }

    /// The target to ask the upstream for, as a view.
    func withUpstreamTarget<Result>(
        _ routed: RoutedTarget, target: UnsafeRawBufferPointer, upstream: PreparedUpstream, dialect: CallDialect,
        _ use: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        scratch.clear()
        scratch.append(dialect == .messages ? upstream.messagesPathPrefix : upstream.pathPrefix)
        routed.writeUpstreamTarget(of: target.assumingMemoryBound(to: UInt8.self).span, to: &scratch)
        return scratch.withBytes { use(UnsafeRawBufferPointer($0)) }
    }

    func takeWatch(isStream: Bool, dialect: CallDialect) -> AnswerWatch {
        let watch = watches.popLast() ?? AnswerWatch()
        watch.begin(isStream: isStream, dialect: dialect)
        return watch
    }

    func give(back watch: AnswerWatch) {
        if watches.count < AnswerWatch.keptMax { watches.append(watch) }
    }

    /// Counts and logs a fetch that brought no usable answer. One that brought an answer, but none that can be read, says
    /// nothing against the upstream's reachability.
    func upstreamFailed(_ upstreamIndex: Int, _ error: GatewayError, detail: String, call: CallIdentifier) {
        shard.upstreamFailed(upstreamIndex: upstreamIndex, kind: error.kind)
        if error.kind != .upstreamUnreadable && error.kind != .upstreamAnswerTooLarge {
            reachability.failed(upstreamIndex, error.kind, at: loop.nowNanoseconds)
        }
        shared.log.warning(
            "upstream failed",
            [
                "upstream": .text(shared.upstreams.upstreams[upstreamIndex].settings.name),
                "kind": .text(error.kind.code.description), "reason": .text(detail), "call": .text(call.description),
            ])
    }
}

extension Refusal {
    func error(_ limits: Limits) -> GatewayError {
        switch self {
        case .malformed: GatewayError(.badRequest, detail: "it is not HTTP/1.1 as RFC 9112 wants it")
        case .unknownMethod: GatewayError(.unknownMethod)
        case .headTooBig: GatewayError(.headersTooLarge, detail: "\(limits.headerBytesMax) bytes")
        case .bodyTooBig: GatewayError(.bodyTooLarge, detail: "\(limits.bodyBytesMax) bytes")
        case .badHost: GatewayError(.badRequest, detail: "its Host field is missing, doubled or no host")
        case .badFraming:
            GatewayError(.badRequest, detail: "its length is contradictory or its transfer coding unknown")
        case .timeout: GatewayError(.requestTimeout)
        case .tooManyConnections: GatewayError(.tooManyConnections, detail: "\(limits.connectionsMax)")
        case .badVersion: GatewayError(.unsupportedVersion)
        case .badExpectation: GatewayError(.expectationFailed)
        case .outOfMemory: GatewayError(.outOfMemory)
        }
    }
}
