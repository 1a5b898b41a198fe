import CairnHTTP
import Foundation
import Testing

private let get = "GET / HTTP/1.1\r\nhost: x\r\n\r\n"

@Suite struct ServerTests {
    @Test func `a request is answered with its body`() throws {
        let server = try TestServer()
        let client = try server.connect()

        try client.send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        let answer = try client.receiveAnswer()

        #expect(answer.status == 200 && answer.text == "hello")
        #expect(answer["content-length"] == "5" && answer["date"]?.hasSuffix(" GMT") == true)
        #expect(answer.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(server.log.waits(for: "closed answered"))
        #expect(server.log.entries == ["head POST /a?b=c", "request /a?b=c", "closed answered"])
    }

    @Test func `a connection serves one request after another`() throws {
        let server = try TestServer()
        let client = try server.connect()

        for number in 0..<5 {
            try client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n\(number)")
            #expect(try client.receiveAnswer().text == "\(number)")
        }

        #expect(server.counts.clientConnections == 1)
        #expect(server.log.waits(for: "closed answered", times: 5))
    }

    @Test func `pipelined requests are answered in order though the first takes its time`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                let target = call.target
                let answer = { @Sendable in call.respond(status: 200, headers: [], body: Array(target.utf8)) }
                if target == "/0" { call.loop.after(milliseconds: 20, answer) } else { answer() }
            }
        }
        let client = try server.connect()

        try client.send((0..<20).map { "GET /\($0) HTTP/1.1\r\nhost: x\r\n\r\n" }.joined())

        for number in 0..<20 { #expect(try client.receiveAnswer().text == "/\(number)") }
    }

    @Test func `a chunked body arrives whole in whatever pieces it comes`() throws {
        let server = try TestServer()
        let client = try server.connect()
        let request =
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n"

        for byte in request.utf8 { try client.send([byte]) }

        #expect(try client.receiveAnswer().text == "hello")
    }

    @Test func `a large body arrives whole`() throws {
        let server = try TestServer()
        let client = try server.connect()
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

        try client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.count)\r\n\r\n")
        Thread.detachNewThread { try? client.send(body) }

        #expect(isSame(try client.receiveAnswer().body, body))
    }

    @Test func `an answer of unknown length is chunked`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [("content-type", "text/plain")], contentLength: nil)
                call.write(Array("one".utf8))
                call.write(Array("two".utf8))
                call.loop.after(milliseconds: 1) {
                    call.write(Array("three".utf8))
                    call.end()
                }
            }
        }
        let client = try server.connect()

        try client.send(get + get)

        for _ in 0..<2 {
            let answer = try client.receiveAnswer()
            #expect(answer["transfer-encoding"] == "chunked" && answer["content-length"] == nil)
            #expect(answer.text == "onetwothree")
        }
    }

    @Test func `an HTTP 1_0 client gets an answer that ends with its connection`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: nil)
                call.write(Array("text".utf8))
                call.end()
            }
        }
        let client = try server.connect()

        try client.send("GET / HTTP/1.0\r\n\r\n")
        let answer = try client.receiveAnswer()

        #expect(answer.text == "text" && answer["connection"] == "close" && answer["transfer-encoding"] == nil)
    }

    @Test func `HEAD gets the length and no body`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in call.respond(status: 200, headers: [], body: Array("text".utf8)) }
        }
        let client = try server.connect()

        try client.send("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n" + get)

        #expect(try client.receiveAnswer(toHead: true)["content-length"] == "4")
        #expect(try client.receiveAnswer().text == "text")
    }

    @Test(arguments: [204, 304])
    func `an answer without content stays so`(status: Int) throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.respond(status: status, headers: [], body: call.target == "/" ? Array("text".utf8) : [])
            }
        }
        let client = try server.connect()

        try client.send(get + get)

        for _ in 0..<2 {
            let answer = try client.receiveAnswer()
            #expect(answer.status == status && answer["transfer-encoding"] == nil)
            #expect(status == 304 || answer["content-length"] == nil)
        }
    }

    @Test func `a client that expects 100 is told to go on`() throws {
        let server = try TestServer()
        let client = try server.connect()

        try client.send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        let interim = try client.receiveAnswer()
        try client.send("hello")

        #expect(interim.status == 100)
        #expect(try client.receiveAnswer().text == "hello")
    }

    @Test func `a client that expects 100 and is refused is not told to go on`() throws {
        let server = try TestServer { _, handler in
            handler.onHead = { $0.respond(status: 401, headers: [], body: []) }
        }
        let client = try server.connect()

        try client.send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        let answer = try client.receiveAnswer()

        #expect(answer.status == 401 && answer["connection"] == "close")
        #expect(try client.receiveAll().isEmpty)
        #expect(server.log.entries == ["head POST /", "closed answered"])
    }

    @Test func `an early answer arrives though the client goes on sending`() throws {
        let server = try TestServer { _, handler in
            handler.onHead = { $0.respond(status: 413, headers: [], body: Array("too much".utf8)) }
        }
        let client = try server.connect()

        try client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n")
        try client.send([UInt8](repeating: 0x61, count: 4_000_000))

        #expect(try client.receiveAnswer().text == "too much")
    }

    // MARK: ends

    @Test func `a client that half-closes behind its last request gets the answer`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.loop.after(milliseconds: 20) { call.respond(status: 200, headers: [], body: Array("late".utf8)) }
            }
        }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        client.shutWriting()

        #expect(try client.receiveAnswer().text == "late")
        #expect(server.log.waits(for: "closed answered"))
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhel",
    ])
    func `a client that leaves ends its call at once`(request: String) throws {
        let server = try TestServer { _, handler in handler.onRequest = { _ in } }
        let client = try server.connect()
        try client.send(request)
        server.log.waits { lines, _ in lines.last?.hasPrefix(request.hasPrefix("GET") ? "request" : "head") == true }
        let began = DispatchTime.now()

        client.close()

        #expect(server.log.waits(for: "closed clientLeft"))
        #expect(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds < 1_000_000_000)
        #expect(server.counts.openCalls == 0)
    }

    @Test func `a client that leaves inside a stream ends it`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: nil)
                call.write(Array("piece".utf8))
            }
        }
        let client = try server.connect()
        try client.send(get)
        _ = try client.receiveHead()

        client.reset()

        #expect(server.log.waits(for: "closed clientLeft"))
    }

    @Test func `an aborted answer is not taken for whole`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: nil)
                call.write(Array("half".utf8))
                call.abort()
            }
        }
        let client = try server.connect()

        try client.send(get)

        #expect(throws: RawError.reset) { _ = try client.receiveAll() }
        #expect(server.log.waits(for: "closed aborted"))
    }

    @Test func `an answer shorter than it announced is not taken for whole`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: 10)
                call.write(Array("half".utf8))
                call.end()
            }
        }
        let client = try server.connect()

        try client.send(get)

        #expect(throws: RawError.reset) { _ = try client.receiveAll() }
    }

    @Test func `an answer never grows beyond what it announced`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: 4)
                call.write(Array("text and more".utf8))
                call.end()
            }
        }
        let client = try server.connect()

        try client.send(get + get)

        #expect(try client.receiveAnswer().text == "text")
        #expect(try client.receiveAnswer().text == "text")
    }

    @Test func `raw bytes leave as they are and the connection ends`() throws {
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.writeRaw(Array("HTTP/1.1 200 OK\r\ncontent-length: x\r\n".utf8))
                call.end()
            }
        }
        let client = try server.connect()

        try client.send(get)

        #expect(try client.receiveAll() == Array("HTTP/1.1 200 OK\r\ncontent-length: x\r\n".utf8))
    }

    @Test func `closeAfter ends the connection behind the answer`() throws {
        let server = try TestServer { _, handler in
            handler.onHead = { $0.closeAfter() }
        }
        let client = try server.connect()

        try client.send(get + get)
        let answer = try client.receiveAnswer()

        #expect(answer["connection"] == "close")
        #expect(try client.receiveAll().isEmpty)
    }

    @Test func `a drain lets calls finish and refuses new connections`() throws {
        var open: ServerCall?
        let server = try TestServer { _, handler in handler.onRequest = { open = $0 } }
        let idle = try server.connect()
        let busy = try server.connect()
        try busy.send(get)
        server.log.waits(for: "request /")

        server.thread.onLoop { [server] in server.server.drain() }

        #expect(try idle.receiveAll().isEmpty)
        #expect(throws: RawError.closed) { _ = try server.connect() }
        let call = open
        server.thread.onLoop { call?.respond(status: 200, headers: [], body: Array("whole".utf8)) }
        let answer = try busy.receiveAnswer()
        #expect(answer.text == "whole" && answer["connection"] == "close")
        #expect(try busy.receiveAll().isEmpty)
    }

    @Test func `a closed server ends its calls`() throws {
        let server = try TestServer { _, handler in handler.onRequest = { _ in } }
        let client = try server.connect()
        try client.send(get)
        server.log.waits(for: "request /")

        server.close()

        #expect(server.log.entries.last == "closed aborted")
        #expect(throws: RawError.reset) { _ = try client.receiveAll() }
    }

    @Test func `a server that is dropped closes itself`() throws {
        let thread = try LoopThread()
        let handler = LoggingHandler()
        handler.onRequest = { _ in }
        var server: HTTPServer? = try thread.serve(ServerOptions(host: "127.0.0.1", port: 0), handler)
        let port = server!.port
        let client = try RawConnection.connected(to: port)
        try client.send(get)
        handler.log.waits(for: "request /")

        thread.onLoop { server = nil }

        #expect(handler.log.waits(for: "closed aborted"))
        #expect(throws: RawError.closed) { _ = try RawConnection.connected(to: port) }
    }

    // MARK: the call

    @Test func `a call keeps its numbers and does nothing once it is over`() throws {
        var kept: ServerCall?
        let server = try TestServer { _, handler in handler.onClosed = { call, _ in kept = call } }
        let client = try server.connect()

        try client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")
        let answer = try client.receiveAnswer()
        server.log.waits(for: "closed answered")

        let call = try #require(kept)
        let (bytes, bodyBytes) = server.thread.onLoop { () -> (UInt64, UInt64) in
            call.write(Array("more".utf8))
            call.end()
            call.abort()
            call.respond(status: 500, headers: [], body: [])
            return (call.bytesWritten, call.bodyBytesWritten)
        }
        #expect(!call.isOpen && call.headers.isEmpty && call.takeBody() == nil)
        #expect(bodyBytes == 5 && bytes == UInt64(answer.head.utf8.count + 5))
        #expect(call.arrivedNanoseconds >= call.beganNanoseconds)
        try client.send(get)
        #expect(try client.receiveAnswer().status == 200)
    }

    @Test func `a body that was taken outlives its call`() throws {
        var body: OwnedBytes?
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                body = call.takeBody()
                call.respond(status: 200, headers: [], body: call.withBody { Array($0) })
            }
        }
        let client = try server.connect()

        try client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")

        #expect(try client.receiveAnswer().text == "")
        server.close()
        #expect(body?.withBytes { Array($0) } == Array("hello".utf8))
    }

    @Test func `fields come as they were sent`() throws {
        var seen: [String] = []
        var found: [String?] = []
        let server = try TestServer { _, handler in
            handler.onHead = { call in
                seen = call.headers.map { "\($0.name)|\($0.value)" }
                found = [call.header("X-ONE"), call.head?.value(of: "x-two"), call.header("none")]
            }
        }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nHOST: x\r\nx-One:  a b \t\r\nX-Two:\r\nx-one: c\r\n\r\n")
        _ = try client.receiveAnswer()

        #expect(seen == ["HOST|x", "x-One|a b", "X-Two|", "x-one|c"])
        #expect(found == ["a b", "", nil])
    }

    @Test func `a writer that waits for its reader sends everything and keeps little`() throws {
        let pieceBytes = 256 * 1024
        let pieceCount = 80
        let log = EventLog()
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.perform {
                    call.start(status: 200, headers: [], contentLength: nil)
                    for number in 0..<pieceCount {
                        call.write([UInt8](repeating: UInt8(number & 255), count: pieceBytes))
                        await call.writable()
                        if number == 50 { log.add("far") }
                    }
                    call.end()
                }
            }
        }
        let client = try server.connect()
        try client.send(get)
        _ = try client.receiveHead()
        Thread.sleep(forTimeInterval: 0.05)  // long enough for a writer that does not wait
        #expect(!log.entries.contains("far"))

        let body = try client.receiveChunks()

        #expect(body.count == pieceBytes * pieceCount)
        #expect((0..<pieceCount).allSatisfy { body[$0 * pieceBytes] == UInt8($0 & 255) })
    }

    @Test func `a writer whose reader keeps up is never left waiting`() throws {
        let pieceBytes = 70_000  // above the high-water mark, and the kernel takes it at once
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.perform {
                    call.start(status: 200, headers: [], contentLength: nil)
                    for _ in 0..<20 {
                        call.write([UInt8](repeating: 7, count: pieceBytes))
                        await call.writable()
                    }
                    call.end()
                }
            }
        }
        let client = try server.connect()

        try client.send(get)

        #expect(try client.receiveAnswer().body.count == 20 * pieceBytes)
    }

    @Test func `a writer that waits goes on when its client leaves`() throws {
        let log = EventLog()
        let server = try TestServer { _, handler in
            handler.onRequest = { call in
                call.perform {
                    call.start(status: 200, headers: [], contentLength: nil)
                    while call.isOpen {
                        call.write([UInt8](repeating: 0, count: 65536))
                        await call.writable()
                    }
                    log.add("writer done")
                }
            }
        }
        let client = try server.connect()
        try client.send(get)
        _ = try client.receiveHead()

        client.close()

        #expect(log.waits(for: "writer done"))
        #expect(server.log.waits(for: "closed clientLeft"))
    }

    // MARK: listening

    @Test func `a taken port is told apart from an unknown name`() throws {
        let server = try TestServer()
        let thread = try LoopThread()

        #expect(throws: HTTPError.cannotListen(reason: "Address already in use", isInUse: true)) {
            _ = try thread.serve(ServerOptions(host: "127.0.0.1", port: server.port), server.handler)
        }
        #expect(throws: HTTPError.cannotListen(reason: "the name is unknown", isInUse: false)) {
            let name = String(repeating: "x", count: 70) + ".invalid"  // no label is that long: nobody is asked
            _ = try thread.serve(ServerOptions(host: name, port: 0), server.handler)
        }
    }

    @Test func `two loops share a port`() throws {
        let first = try TestServer()
        let second = try TestServer { options, _ in
            options.port = first.port
            options.sharesPort = true
        }

        for _ in 0..<40 {
            let client = try first.connect()
            try client.send(get)
            #expect(try client.receiveAnswer().status == 200)
        }

        #expect(first.port == second.port)
        #expect(first.log.entries.count + second.log.entries.count >= 80)
        #expect(!first.log.entries.isEmpty && !second.log.entries.isEmpty)
    }

    @Test func `an inherited socket is served`() throws {
        let (descriptor, port) = RawServer.listening(backlog: 16)
        let server = try TestServer { options, _ in options.listenDescriptor = descriptor }
        let client = try RawConnection.connected(to: port)

        try client.send(get)

        #expect(server.port == port)
        #expect(try client.receiveAnswer().status == 200)
    }
}
