// The gateway as a whole: loops on threads, listeners, logs; starting, draining, stopping. Who uses it: the command, the
// demo, and tests that want a gateway in their own process.
//
// Nothing is half-started: everything that can fail (certificates, the home directory, the port) is tried before the
// first loop runs.

import CairnHTTP
import CairnSettings
import CairnStore
import Glibc
import Synchronization

/// Why the gateway did not start, as one line for the user.
public struct GatewayStartError: Error, Sendable, CustomStringConvertible {
    public let description: String
}

public final class Gateway: Sendable {
    private struct Member: Sendable {
        let loop: EventLoop
        let service: LoopService
        let server: HTTPServer
        let thread: WorkerThread
    }

    private let members: [Member]
    private let shared: SharedService
    private let store: SQLiteStore?
    /// Where it listens; the port is known also when the settings left it to the kernel.
    public let address: ListenAddress

    /// `https` with a certificate.
    public var url: String { "\(shared.settings.tls == nil ? "http" : "https")://\(address)" }
    public var port: UInt16 { address.port }

    /// How often a drain looks whether calls are left.
    private static let drainPollMilliseconds: UInt32 = 10
    /// How long the usage log may take to write the rest at the end.
    private static let logCloseMilliseconds = 2000

    /// Starts everything, or throws and leaves nothing behind. `listenDescriptor`: a listening socket that a service
    /// manager made for us.
    public static func start(
        _ settings: Settings, version: String, listenDescriptor: Int32? = nil
    ) throws(GatewayStartError) -> Gateway {
        try Gateway(settings, version: version, listenDescriptor: listenDescriptor)
    }

    private init(_ settings: Settings, version: String, listenDescriptor: Int32?) throws(GatewayStartError) {
        let log = Log(level: Log.Level(rawValue: settings.logLevel.rawValue) ?? .info)
        try Home.prepare(settings.home)
        let tls = try Self.listenerTLS(settings)
        let loopCount = settings.threads
        let loops = try Self.makeLoops(loopCount)
        let state = ServiceState()
        let usageLog: UsageLog
        do {
            usageLog = try UsageLog(
                directory: settings.home, bytesMax: settings.usageLog.bytesMax, filesMax: settings.usageLog.filesMax,
                loopCount: loopCount, log: log)
        } catch {
            throw GatewayStartError(description: "the usage log's thread cannot start: \(errorText(error.errno))")
        }
        let metrics = GatewayMetrics(
            upstreams: settings.upstreams.map(\.name), loopCount: loopCount, version: version,
            startWallNanoseconds: SystemTime.wallNanoseconds(),
            readings: {
                let counts = state.connections.load()
                return GatewayMetrics.Readings(
                    downstreamConnections: counts.reduce(0) { $0 + $1.clientConnections },
                    upstreamConnections: counts.reduce(0) { $0 + $1.upstreamConnections },
                    usageRecordsDropped: usageLog.droppedCount)
            })
        let upstreams = UpstreamTable(settings.upstreams)
        let store = ContextHome.store(settings.home, log: log)
        let salt = ContextHome.salt(settings.home)
        let responses: any ResponseStorage =
            store.map { StoredResponses($0, salt: salt, now: { SystemTime.wallNanoseconds() }) } ?? ResponseMemory()
        let context = ContextService(
            storage: store, ledger: CallLedger(book: ContextHome.prices(settings.home, log: log)),
            salt: salt, log: log)
        let trust = try settings.upstreams.map { upstream throws(GatewayStartError) in try Self.originTLS(upstream) }

        let vocabularies = VocabularyShelf.besideExecutable()

        var services: [LoopService] = []
        var servers: [HTTPServer] = []
        var port = settings.listen.port
        // The Host rule wants the port, which the first listener may still have to find out.
        var shared: SharedService?
        let quota = ConnectionQuota(connectionsMax: UInt32(clamping: settings.limits.connectionsMax))
        for (index, loop) in loops.enumerated() {
            let relay = HandlerRelay()
            let server = try Self.listen(
                loop, settings, port: port, isFirst: index == 0, tls: tls, descriptor: listenDescriptor,
                quota: quota, handler: relay)
            port = server.port
            let made =
                shared
                ?? SharedService(
                    settings: settings, version: version, upstreams: upstreams, metrics: metrics, usageLog: usageLog,
                    responses: responses, vocabularies: vocabularies, log: log,
                    hostRule: HostRule(
                        isLoopback: settings.listen.isLoopback, port: port, allowedNames: settings.allowedHosts),
                    startedNanoseconds: SystemTime.monotonicNanoseconds(), state: state, context: context)
            shared = made
            let origins = try zip(settings.upstreams, trust).map { upstream, tls throws(GatewayStartError) in
                try Self.origin(loop, upstream, tls: tls, loopCount: loopCount)
            }
            let service = LoopService(index: index, loop: loop, shared: made, origins: origins)
            relay.target = service
            services.append(service)
            servers.append(server)
        }
        for service in services { service.join(services) }
        guard let shared else { throw GatewayStartError(description: "threads must be at least 1") }
        self.shared = shared
        self.store = store
        address = ListenAddress(host: settings.listen.host, port: port)

        var members: [Member] = []
        for (index, service) in services.enumerated() {
            let loop = loops[index]
            do {
                let thread = try WorkerThread(name: "cairn-loop-\(index)") { loop.run() }
                members.append(Member(loop: loop, service: service, server: servers[index], thread: thread))
            } catch {
                for member in members { member.loop.stop() }
                for member in members { _ = member.thread.join(withinMilliseconds: Self.logCloseMilliseconds) }
                throw GatewayStartError(description: "a loop's thread cannot start: \(errorText(error.errno))")
            }
        }
        self.members = members
        for upstream in settings.upstreams {
            log.info(
                "upstream",
                [
                    "name": .text(upstream.name), "provider": .text(upstream.provider.rawValue),
                    "url": .text(upstream.url.description), "proxy": .text(upstream.proxy?.description ?? "none"),
                ])
        }
        log.listening(url: url)
    }

    // MARK: ending

    /// SIGHUP: the usage log goes on in a file newly opened by its name.
    public func reopenLogs() {
        shared.usageLog.reopen()
        shared.log.info("logs reopened")
    }

    /// Stops accepting and lets calls under way finish, at most so long; then everything is closed. True: no call was cut.
    /// `isHurried` is asked all the while and ends the wait.
    @discardableResult
    public func drain(withinMilliseconds limit: Int, isHurried: () -> Bool = { false }) -> Bool {
        shared.state.isDraining.store(true, ordering: .relaxed)
        for member in members { member.loop.post { member.server.drain() } }
        let start = SystemTime.monotonicNanoseconds()
        var open = openCalls()
        if open > 0 { shared.log.info("draining", ["calls": .integer(open)]) }
        while open > 0, !isHurried(), SystemTime.monotonicNanoseconds() &- start < UInt64(limit) * 1_000_000 {
            usleep(Self.drainPollMilliseconds * 1000)
            open = openCalls()
        }
        if open > 0 { shared.log.warning("calls cut off", ["calls": .integer(open)]) }
        stop()
        return open == 0
    }

    /// Closes everything at once.
    public func stop() {
        shared.state.isCutOff.store(true, ordering: .relaxed)
        for member in members {
            member.loop.post {
                member.server.close()
                member.loop.stop()
            }
        }
        for member in members { _ = member.thread.join(withinMilliseconds: Self.logCloseMilliseconds) }
        if let store, !store.close(withinMilliseconds: Self.logCloseMilliseconds) {
            shared.log.warning("the store was not closed in time", [:])
        }
        if !shared.usageLog.close(withinMilliseconds: Self.logCloseMilliseconds) {
            shared.log.warning("usage records lost", ["count": .integer(Int(shared.usageLog.droppedCount))])
        }
        shared.log.info("stopped")
    }

    /// Calls of all loops; each loop is asked on its own thread.
    private func openCalls() -> Int {
        let counter = OpenCallCounter(loopCount: members.count)
        for member in members { member.loop.post { counter.add(member.loop.counts.openCalls) } }
        return counter.total()
    }

    // MARK: starting

    private static func makeLoops(_ count: Int) throws(GatewayStartError) -> [EventLoop] {
        var loops: [EventLoop] = []
        for _ in 0..<count {
            do { loops.append(try EventLoop()) } catch { throw GatewayStartError(description: "\(error)") }
        }
        return loops
    }

    private static func listenerTLS(_ settings: Settings) throws(GatewayStartError) -> TLSContext? {
        do throws(HTTPError) {
            switch settings.tls {
            case nil: return nil
            case .files(let certificate, let key): return try TLSContext(certificateFile: certificate, keyFile: key)
            case .automatic:
                let certificate = settings.home + "/tls-certificate.pem"
                let key = settings.home + "/tls-key.pem"
                if access(certificate, R_OK) != 0 || access(key, R_OK) != 0 {
                    try TLSContext.writeSelfSigned(
                        certificateFile: certificate, keyFile: key, host: settings.listen.host)
                }
                return try TLSContext(certificateFile: certificate, keyFile: key)
            }
        } catch {
            throw GatewayStartError(description: error.text)
        }
    }

    private static func originTLS(_ upstream: Upstream) throws(GatewayStartError) -> TLSContext? {
        guard upstream.url.scheme == .https else { return nil }
        do {
            return try TLSContext(caFile: upstream.caFile, verifies: upstream.verifiesTLS)
        } catch {
            throw GatewayStartError(description: "upstream \(upstream.name): \(error.text)")
        }
    }

    private static func origin(
        _ loop: EventLoop, _ upstream: Upstream, tls: TLSContext?, loopCount: Int
    ) throws(GatewayStartError) -> Origin {
        var options = OriginOptions(host: upstream.url.host, port: upstream.url.port)
        options.tls = tls
        options.connectMilliseconds = UInt32(clamping: upstream.timeouts.connectMilliseconds)
        options.firstByteMilliseconds = UInt32(clamping: upstream.timeouts.firstByteMilliseconds)
        options.idleMilliseconds = UInt32(clamping: upstream.timeouts.idleMilliseconds)
        options.usesHTTP2 = upstream.usesHTTP2
        options.proxy = upstream.proxy.map {
            ForwardProxy(url: $0.description, user: $0.user?.reveal(), password: $0.password?.reveal())
        }
        options.connectionsMax = UInt32(clamping: max(1, upstream.connectionsMax / loopCount))
        do { return try Origin(loop: loop, options: options) } catch {
            throw GatewayStartError(description: error.text)
        }
    }

    private static func listen(
        _ loop: EventLoop, _ settings: Settings, port: UInt16, isFirst: Bool, tls: TLSContext?, descriptor: Int32?,
        quota: ConnectionQuota, handler: any ServerHandler
    ) throws(GatewayStartError) -> HTTPServer {
        var options = ServerOptions(host: settings.listen.host, port: port)
        options.sharesPort = !isFirst
        options.listenDescriptor = descriptor.map { isFirst ? $0 : dup($0) }
        options.tls = tls
        options.quota = quota
        options.headBytesMax = UInt32(clamping: settings.limits.headerBytesMax)
        options.bodyBytesMax = UInt64(settings.limits.bodyBytesMax)
        options.headMilliseconds = UInt32(clamping: settings.timeouts.headerMilliseconds)
        options.bodyMilliseconds = UInt32(clamping: settings.timeouts.bodyMilliseconds)
        options.idleMilliseconds = UInt32(clamping: settings.timeouts.keepaliveMilliseconds)
        options.writeMilliseconds = UInt32(clamping: settings.timeouts.writeMilliseconds)
        do {
            return try HTTPServer(loop: loop, options: options, handler: handler)
        } catch {
            throw GatewayStartError(description: "cannot listen on \(settings.listen): \(error.text)")
        }
    }
}

/// The home directory: made if it is missing, for its owner alone.
private enum Home {
    static func prepare(_ path: String) throws(GatewayStartError) {
        var partial = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            partial +=
                partial.isEmpty && part.isEmpty ? "/" : (partial.hasSuffix("/") || partial.isEmpty ? "" : "/") + part
            if partial == "/" || part.isEmpty { continue }
            if mkdir(partial, 0o700) != 0 && errno != EEXIST {
                throw GatewayStartError(description: "cannot make the home directory \(partial): \(errorText(errno))")
            }
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw GatewayStartError(description: "the home \(path) is not a directory")
        }
        if status.st_uid == geteuid(), status.st_mode & 0o077 != 0 { chmod(path, 0o700) }
    }
}

/// Takes the place of a service until it is made: a listener wants its handler before its port is known.
private final class HandlerRelay: ServerHandler, @unchecked Sendable {
    // Sendable: `target` is set before the loops run and never again.
    var target: LoopService!
    func head(_ call: ServerCall) { target.head(call) }
    func request(_ call: ServerCall) { target.request(call) }
    func drained(_ call: ServerCall) { target.drained(call) }
    func closed(_ call: ServerCall, _ end: CallEnd) { target.closed(call, end) }
    func refusal(_ reason: Refusal, target path: String) -> RefusalReply { target.refusal(reason, target: path) }
}

/// Adds up what loops report, and waits for all of them.
private final class OpenCallCounter: Sendable {
    private let state: Locked<(sum: Int, missing: Int)>
    init(loopCount: Int) { state = Locked((0, loopCount)) }
    func add(_ count: Int) { state.withLock { $0 = ($0.sum + count, $0.missing - 1) } }
    /// Waits at most a second; a loop that does not answer by then counts as busy.
    func total() -> Int {
        for _ in 0..<1000 {
            let (sum, missing) = state.withLock { $0 }
            if missing == 0 { return sum }
            usleep(1000)
        }
        return 1
    }
}

func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

extension HTTPError {
    /// One line for a user.
    var text: String {
        switch self {
        case .outOfResources(let what): what
        case .cannotListen(let reason, let isInUse):
            isInUse ? "the port is in use (another gateway?); choose another with --listen" : reason
        case .tls(let reason): reason
        case .fetch(let failure, let detail): "\(failure): \(detail)"
        }
    }
}
