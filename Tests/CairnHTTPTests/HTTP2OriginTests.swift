import CairnHTTP
import Foundation
@preconcurrency import Glibc
import Synchronization
import Testing

/// Origins that speak HTTP/2, played by nghttpd (the package nghttp2-server). Without it these tests are skipped.
@Suite(.serialized, .enabled(if: HTTP2Server.path != nil, "nghttpd is not installed"))
struct HTTP2OriginTests {
    let stage: FetchStage
    let server: HTTP2Server

    init() throws {
        stage = try FetchStage()
        server = try HTTP2Server()
    }

    private func options(tls: Bool = false) throws -> OriginOptions {
        var options = OriginOptions(host: "localhost", port: tls ? server.tlsPort : server.plainPort)
        if !tls { options.host = "127.0.0.1" }
        options.usesHTTP2 = true
        options.tls = tls ? try TLSContext(caFile: server.certificateFile, verifies: true) : nil
        return options
    }

    @Test(arguments: [false, true])
    func `a body goes there and back over HTTP 2, with TLS or with prior knowledge`(usesTLS: Bool) async throws {
        let origin = try await stage.origin(try options(tls: usesTLS))
        let body = patterned(3_000_000)

        let first = await stage.fetch(
            origin,
            StagedRequest(method: "POST", target: "/echo?x=1", headers: [("x-a", "1"), ("x-b", "")], body: body))
        let second = await stage.fetch(origin, StagedRequest(method: "GET", target: "/file"))

        #expect(first.failure == nil, "\(first.detail)")
        #expect(first.status == 200)
        #expect(isSame(first.body, body))
        #expect(second.body == server.fileBytes)
        #expect(second.headers.contains { $0.hasPrefix("server: nghttpd") })
    }

    @Test func `an answer of 20 MB is intact over HTTP 2 when its reader pauses, and nobody waits for it`() async throws
    {
        let origin = try await stage.origin(try options())
        let body = patterned(20_000_000)
        let loop = stage.loop
        let isOtherDone = RaisedFlag()

        // Held until the other answer is there: if the paused stream held that one up, neither would ever end.
        async let slow = stage.fetch(
            origin, StagedRequest(method: "POST", target: "/echo", body: body),
            FetchSteps(atData: { fetch, _ in
                fetch.pause()
                resume(LoopHeld(fetch), on: loop, when: isOtherDone)
            }))
        let other = await stage.fetch(origin, StagedRequest(target: "/file"))
        isOtherDone.raise()
        let outcome = await slow

        #expect(other.failure == nil)
        #expect(outcome.failure == nil, "\(outcome.detail)")
        #expect(isSame(outcome.body, body))
    }

    @Test func `a tunnel carries HTTP 2 too`() async throws {
        let heads = Seen<String>()
        var options = try options()
        options.proxy = ForwardProxy(
            url: "http://127.0.0.1:\(stage.keep(try tunnelProxy(toPort: server.plainPort, heads: heads)).port)")

        let outcome = await stage.fetch(try await stage.origin(options), StagedRequest(target: "/file"))

        #expect(outcome.failure == nil, "\(outcome.detail)")
        #expect(outcome.body == server.fileBytes)
        #expect(heads.all.count == 1 && heads.all[0].hasPrefix("CONNECT 127.0.0.1:"))
    }

    @Test func `a connection with TLS is kept for the next request`() async throws {
        let heads = Seen<String>()
        var options = try options(tls: true)
        options.proxy = ForwardProxy(
            url: "http://127.0.0.1:\(stage.keep(try tunnelProxy(toPort: server.tlsPort, heads: heads)).port)")
        let origin = try await stage.origin(options)

        let first = await stage.fetch(origin, StagedRequest(method: "POST", target: "/echo", body: patterned(100_000)))
        let second = await stage.fetch(origin, StagedRequest(target: "/file"))

        #expect(first.body == patterned(100_000))
        #expect(second.body == server.fileBytes)
        #expect(heads.all.count == 1)
    }

    @Test func `a cancelled stream is over at once`() async throws {
        let origin = try await stage.origin(try options())
        let recorder = await stage.loop.ask {
            let recorder = FetchRecorder(
                StagedRequest(method: "POST", target: "/echo", body: patterned(20_000_000)),
                FetchSteps(atData: { fetch, _ in fetch.cancel() }))
            recorder.start(origin)
            return recorder
        }
        let isOver = await stage.wait { recorder.eventCount == 2 }
        let next = await stage.fetch(origin, StagedRequest(target: "/file"))
        let heard = await stage.loop.ask { recorder.eventCount }

        #expect(isOver)
        #expect(heard == 2)
        #expect(next.body == server.fileBytes)
    }

    @Test func `an origin that knows only HTTP 1 gives no answer, and one that is not there refuses`() async throws {
        let wrong = stage.keep(
            try SocketServer { client in
                _ = client.read(1024)
                client.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            })
        let gone: UInt16
        do { gone = try SocketServer { _ in }.port }
        func outcome(_ port: UInt16) async throws -> FetchOutcome {
            var options = try options()
            options.port = port
            return await stage.fetch(try await stage.origin(options))
        }

        let unanswered = try await outcome(wrong.port)
        let refused = try await outcome(gone)

        #expect(unanswered.failure == .reset)
        #expect(refused.failure == .refused)
    }
}

/// Two nghttpd processes on free ports, plain and TLS, that send every POST back and serve one file.
final class HTTP2Server: Sendable {
    static let path = ["/usr/sbin/nghttpd", "/usr/bin/nghttpd", "/usr/local/bin/nghttpd"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let plainPort: UInt16
    let tlsPort: UInt16
    let certificateFile: String
    let fileBytes = patterned(70_000)
    private let processes: [pid_t]

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(fileBytes).write(to: folder.appendingPathComponent("file"))
        certificateFile = folder.appendingPathComponent("certificate.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        try TLSContext.writeSelfSigned(certificateFile: certificateFile, keyFile: key, host: "localhost")
        plainPort = try SocketServer { _ in }.port
        tlsPort = try SocketServer { _ in }.port
        let shared = ["-a", "127.0.0.1", "-d", folder.path, "--echo-upload"]
        processes = try [
            Self.start(shared + ["--no-tls", "\(plainPort)"]),
            Self.start(shared + ["\(tlsPort)", key, certificateFile]),
        ]
        for port in [plainPort, tlsPort] { try Self.waitForPort(port) }
    }

    /// SIGKILL, because a process inherits the blocked signals of the thread that starts it.
    deinit {
        for process in processes {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// posix_spawn, because Foundation's Process leaks and the address sanitizer counts that.
    private static func start(_ arguments: [String]) throws -> pid_t {
        var process = pid_t()
        var texts = ([path ?? "nghttpd"] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        // No socket of a test that runs beside this one may stay open in the child.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for file in 3..<Int32(1024) { posix_spawn_file_actions_addclose(&actions, file) }
        let status = posix_spawn(&process, texts[0]!, &actions, nil, &texts, environ)
        guard status == 0 else { throw POSIXError(.ENOENT) }
        return process
    }

    private static func waitForPort(_ port: UInt16) throws {
        for _ in 0..<200 {
            if let connection = SocketConnection.connect(port: port) {
                Glibc.close(connection.file)
                return
            }
            usleep(20_000)
        }
        throw POSIXError(.ETIMEDOUT)
    }
}

/// A flag that one thread raises and another sees.
private final class RaisedFlag: Sendable {
    private let value = Atomic(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}

/// Looks every millisecond whether the flag is raised, and lets the fetch go on then.
private func resume(_ fetch: LoopHeld<Fetch>, on loop: EventLoop, when flag: RaisedFlag) {
    loop.after(milliseconds: 1) {
        if flag.isRaised { fetch.value.resume() } else { resume(fetch, on: loop, when: flag) }
    }
}
