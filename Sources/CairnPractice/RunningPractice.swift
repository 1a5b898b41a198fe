// A practice provider that runs: its loops on threads of their own, until it is stopped. `cairn practice`
// runs one until a signal; the demo and the tests run one beside themselves.

import CairnHTTP
import Glibc

public final class RunningPractice: Sendable {
    /// The port it listens on, also where a free one was asked for.
    public let port: UInt16
    public let host: String
    private let loops: [RunningLoop]

    /// Starts to serve. Returns when the port is open.
    public init(_ options: PracticeOptions) throws(PracticeError) {
        let provider = PracticeProvider(options: options)
        var port = options.port
        var loops: [RunningLoop] = []
        do throws(HTTPError) {
            for index in 0..<max(1, options.threads) {
                var serverOptions = ServerOptions(host: options.host, port: port)
                serverOptions.sharesPort = index > 0
                let loop = try EventLoop()
                let server = try HTTPServer(loop: loop, options: serverOptions, handler: provider)
                port = server.port
                loops.append(RunningLoop(loop: loop, server: server))
            }
        } catch {
            throw PracticeError(
                "cannot listen on \(Self.authority(options.host, options.port)): \(Self.reason(error))")
        }
        host = options.host
        self.port = port
        self.loops = loops
        for loop in loops { try loop.start() }
    }

    /// Closes all connections and ends the threads. Call it once.
    public func stop() {
        for loop in loops { loop.stop() }
    }

    /// Where clients point their base URL.
    public var url: String { "http://" + Self.authority(host, port) }

    private static func authority(_ host: String, _ port: UInt16) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func reason(_ error: HTTPError) -> String {
        switch error {
        case .cannotListen(let reason, _): reason
        case .outOfResources(let text), .tls(let text): text
        case .fetch(_, let detail): detail
        }
    }
}

/// A loop, its server and the thread both live on.
private final class RunningLoop: @unchecked Sendable {
    // Sendable: `thread` is written before anyone else sees this object; the rest never changes.
    let loop: EventLoop
    let server: HTTPServer
    private var thread = pthread_t()

    init(loop: EventLoop, server: HTTPServer) {
        self.loop = loop
        self.server = server
    }

    func start() throws(PracticeError) {
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<RunningLoop>.fromOpaque(context!).takeRetainedValue().loop.run()
                return nil
            }, context)
        guard status == 0 else {
            Unmanaged<RunningLoop>.fromOpaque(context).release()
            throw PracticeError("cannot start a thread: \(String(cString: strerror(status)))")
        }
    }

    func stop() {
        loop.post { [self] in
            server.close()
            loop.stop()
        }
        pthread_join(thread, nil)
    }
}

/// `cairn practice`: serves until SIGTERM or SIGINT. Prints one line on standard output when it is ready:
/// `practice provider on http://HOST:PORT`.
public func runPractice(_ options: PracticeOptions) throws(PracticeError) {
    // Blocked before any thread is made, so that the signals come to sigwait below and nowhere else.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let running = try RunningPractice(options)
    let line = Array("practice provider on \(running.url)\n".utf8)
    _ = write(STDOUT_FILENO, line, line.count)
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    running.stop()
}
