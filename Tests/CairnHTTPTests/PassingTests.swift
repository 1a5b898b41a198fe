import CairnHTTP
import Foundation
import Testing

/// What a proxy does with this room: a call's request becomes a fetch, the fetch's answer the call's answer.
private final class Passing: FetchHandler {
    let call: ServerCall
    let names: NameSet
    private var fetch: Fetch?

    init(_ call: ServerCall, to origin: Origin, less names: NameSet) {
        self.call = call
        self.names = names
        let added = headerLines([("x-added", "yes")])
        fetch = call.withRequestLine { method, target, _ in
            call.withBody { body in
                added.withUnsafeBytes { added in
                    Array("origin:1".utf8).withUnsafeBytes { host in
                        Fetch(
                            origin,
                            FetchRequest(
                                method: method, target: target, host: host, fieldsOf: call.head, less: names,
                                fieldLines: added, body: body.isEmpty ? nil : body), handler: self)
                    }
                }
            }
        }!
        call.onClosed = { [fetch] _ in fetch?.cancel() }
        call.state = self
    }

    func goOn() { fetch?.resume() }

    func fetchHead(_ fetch: Fetch) {
        headerLines([("x-passed", "yes")]).withUnsafeBytes { call.start(passing: fetch, less: names, adding: $0) }
    }
    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        if !call.write(bytes) { fetch.pause() }
    }
    func fetchEnded(_ fetch: Fetch) { call.end() }
    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        if fetch.status == 0 { call.respond(status: 502, headers: [], body: Array("\(failure)".utf8)) }
        call.abort()
    }
}

/// A server that passes everything on to an origin.
private func passing(
    to port: UInt16, less names: [String] = [], _ change: (inout OriginOptions) -> Void = { _ in }
) throws -> TestServer {
    let names = NameSet(names)
    var options = OriginOptions(host: "127.0.0.1", port: port)
    change(&options)
    let made = options
    return try TestServer { _, handler in
        var origin: Origin?
        handler.onRequest = { call in
            if origin == nil { origin = try? Origin(loop: call.loop, options: made) }
            _ = Passing(call, to: origin!, less: names)
        }
        handler.onDrained = { ($0.state as? Passing)?.goOn() }
    }
}

@Suite struct PassingTests {
    @Test func `end-to-end fields pass as they came and hop-by-hop fields do not`() throws {
        let log = EventLog()
        let origin = RawServer { connection, _ in
            log.add(try connection.receiveHead().text)
            try connection.send(
                "HTTP/1.1 299 Very Fine\r\nServer: Odd/1\r\nConnection: X-Own , keep-alive\r\nX-OWN: gone\r\n"
                    + "Set-Cookie: a=1\r\nset-cookie: b=2\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\n"
                    + "Trailer: x\r\nUpgrade: h2c\r\nX-Empty:\r\nX-Inner:  two  spaces \r\nX-Secret-Key: s\r\n"
                    + "Content-Length: 2\r\n\r\nhi")
        }
        defer { origin.stop() }
        let server = try passing(to: origin.port, less: ["x-secret-*", "AUTHORIZATION"])
        let client = try server.connect()

        try client.send(
            "GET /a%20b?c=d HTTP/1.1\r\nHost: me\r\nUser-Agent: t\r\nX-Keep: 1\r\nConnection: x-drop, X-Also\r\n"
                + "X-Drop: 1\r\nx-also: 2\r\nConnection: third\r\nThird: 3\r\nTE: trailers\r\nTransfer-Encodings: kept\r\n"
                + "Proxy-Authorization: x\r\nProxy-Connection: x\r\nx-keep: 2\r\nAuthorization: secret\r\n"
                + "X-Secret-1: s\r\nX-Secre: kept\r\nAccept: */*\r\n\r\n")
        let answer = try client.receiveAnswer()

        #expect(
            log.entries == [
                "GET /a%20b?c=d HTTP/1.1\r\nhost: origin:1\r\nUser-Agent: t\r\nX-Keep: 1\r\nTransfer-Encodings: kept\r\n"
                    + "x-keep: 2\r\nX-Secre: kept\r\nAccept: */*\r\nx-added: yes\r\n\r\n"
            ])
        #expect(
            answer.head
                == "HTTP/1.1 299 Very Fine\r\nServer: Odd/1\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Empty: \r\n"
                + "X-Inner: two  spaces\r\nx-passed: yes\r\ncontent-length: 2\r\n\r\n")
        #expect(answer.text == "hi")
    }

    @Test(arguments: ["length", "chunked", "until the end"])
    func `a large body passes both ways untouched and nobody is outrun`(framing: String) throws {
        let pieces = (0..<80).map { number in [UInt8](repeating: UInt8(number), count: 100_000 + number) }
        let whole = pieces.flatMap { $0 }
        let origin = RawServer { connection, _ in
            let (_, fields, _) = try connection.receiveHead()
            let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
            let body = try connection.receive(exactly: length)
            let head = ["length": "content-length: \(body.count)\r\n", "chunked": "transfer-encoding: chunked\r\n"]
            try connection.send("HTTP/1.1 200 OK\r\n\(head[framing] ?? "")\r\n")
            var at = 0
            for piece in pieces {
                let part = Array(body[at..<at + piece.count])
                at += piece.count
                let isChunked = framing == "chunked"
                try connection.send(
                    isChunked ? Array("\(String(part.count, radix: 16))\r\n".utf8) + part + [13, 10] : part)
            }
            if framing == "chunked" { try connection.send("0\r\n\r\n") }
        }
        defer { origin.stop() }
        let server = try passing(to: origin.port)
        let client = try server.connect()

        Thread.detachNewThread {
            try? client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: \(whole.count)\r\n\r\n")
            try? client.send(whole)
        }
        let answer = try client.receiveAnswer()

        #expect(isSame(answer.body, whole))
        #expect(answer["transfer-encoding"] == (framing == "length" ? nil : "chunked"))
    }

    @Test func `a client that does not read holds the origin back`() throws {
        let log = EventLog()
        let origin = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            for number in 0..<64 {
                try connection.send([UInt8](repeating: UInt8(number), count: 1 << 20))
                if number == 48 { log.add("most has left") }
            }
        }
        defer { origin.stop() }
        let server = try passing(to: origin.port)
        let client = try server.connect()
        try client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        _ = try client.receiveHead()
        Thread.sleep(forTimeInterval: 0.1)  // long enough for a sender that nobody holds back
        #expect(!log.entries.contains("most has left"))

        let body = try client.receiveChunks()

        #expect(body.count == 64 << 20)
        #expect((0..<64).allSatisfy { body[$0 << 20] == UInt8($0) })
        #expect(server.log.waits(for: "closed answered"))
    }

    @Test func `a client that leaves ends the fetch`() throws {
        let log = EventLog()
        let origin = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nhi")
            log.add((try? connection.receive().isEmpty) == false ? "spoke" : "left")
        }
        defer { origin.stop() }
        let server = try passing(to: origin.port)
        let client = try server.connect()
        try client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        _ = try client.receiveHead()

        client.close()

        #expect(log.waits(for: "left"))
        #expect(server.log.waits(for: "closed clientLeft"))
        #expect(server.counts.upstreamConnections == 0)
    }

    @Test func `an answer that breaks off is not taken for whole by the client`() throws {
        let origin = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
        }
        defer { origin.stop() }
        let server = try passing(to: origin.port)
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")

        #expect(throws: RawError.reset) { _ = try client.receiveAll() }
        #expect(server.log.waits(for: "closed aborted"))
    }

    @Test(arguments: ["HEAD", "GET"])
    func `answers without content keep their length`(method: String) throws {
        let origin = RawServer(
            answering: method == "HEAD"
                ? "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"
                : "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n")
        defer { origin.stop() }
        let server = try passing(to: origin.port)
        let client = try server.connect()

        for _ in 0..<3 {
            try client.send("\(method) / HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try client.receiveAnswer(toHead: true)["content-length"] == "7")
        }
        #expect(origin.acceptedCount == 1)
    }

    @Test func `many clients at once get each their own`() throws {
        let origin = try TestServer { _, handler in
            handler.onRequest = { $0.respond(status: 200, headers: [], body: Array($0.target.utf8)) }
        }
        let server = try passing(to: origin.port) { $0.connectionsMax = 4 }
        let group = DispatchGroup()
        let log = EventLog()
        let port = server.port

        for number in 0..<16 {
            Thread.detachNewThread(in: group) {
                guard let client = try? RawConnection.connected(to: port) else { return log.add("no connection") }
                for round in 0..<25 {
                    try? client.send("GET /\(number)/\(round) HTTP/1.1\r\nhost: x\r\n\r\n")
                    let answer = try? client.receiveAnswer()
                    if answer?.text != "/\(number)/\(round)" {
                        log.add("wrong \(number)/\(round): \(answer?.text ?? "none")")
                    }
                }
            }
        }
        group.wait()

        #expect(log.entries == [])
        #expect(server.counts.upstreamConnections <= 4)
    }
}

extension Thread {
    /// A thread that a group waits for.
    fileprivate static func detachNewThread(in group: DispatchGroup, _ work: @escaping @Sendable () -> Void) {
        group.enter()
        Thread.detachNewThread {
            work()
            group.leave()
        }
    }
}
