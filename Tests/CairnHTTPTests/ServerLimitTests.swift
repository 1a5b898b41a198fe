import CairnHTTP
import Foundation
import Testing

private let post = "POST / HTTP/1.1\r\n"
private let host = "host: x\r\n"

/// Requests that two readers could read differently, or that no reader should accept.
private let hostile: [(name: String, request: String, status: Int)] = [
    ("both lengths", "\(post)\(host)content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", "\(post)\(host)content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", 400),
    ("the same length twice", "\(post)\(host)content-length: 5\r\ncontent-length: 5\r\n\r\nhello", 400),
    ("a list of lengths", "\(post)\(host)content-length: 5, 5\r\n\r\nhello", 400),
    ("a length with a sign", "\(post)\(host)content-length: +5\r\n\r\nhello", 400),
    ("a length beyond 64 bits", "\(post)\(host)content-length: 18446744073709551621\r\n\r\nhello", 400),
    ("an unknown coding", "\(post)\(host)transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("a coding before chunked", "\(post)\(host)transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked twice", "\(post)\(host)transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunks from HTTP/1.0", "POST / HTTP/1.0\r\n\(host)transfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("a space before the colon", "\(post)\(host)content-length : 5\r\n\r\nhello", 400),
    ("a folded field", "GET / HTTP/1.1\r\n\(host)a: b\r\n c\r\n\r\n", 400),
    ("bare line feeds", "GET / HTTP/1.1\nhost: x\n\n", 400),
    ("a bare carriage return", "GET / HTTP/1.1\r\nhost: x\ra: b\r\n\r\n", 400),
    ("a NUL in a value", "GET / HTTP/1.1\r\n\(host)a: b\0c\r\n\r\n", 400),
    ("chunk data without its end", "\(post)\(host)transfer-encoding: chunked\r\n\r\n2\r\nhi0\r\n\r\n", 400),
    ("a chunk size with 0x", "\(post)\(host)transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk size beyond 64 bits", "\(post)\(host)transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", "GET / HTTP/1.1\r\n\(host)\(host)\r\n", 400),
    ("a host with a path", "GET / HTTP/1.1\r\nhost: x/y\r\n\r\n", 400),
    ("userinfo in the target", "GET http://me@x/ HTTP/1.1\r\n\(host)\r\n", 400),
    ("an unknown method", "BREW / HTTP/1.1\r\n\(host)\r\n", 501),
    ("HTTP/1.2", "GET / HTTP/1.2\r\n\(host)\r\n", 505),
    ("HTTP/2.0", "GET / HTTP/2.0\r\n\(host)\r\n", 505),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("an unknown expectation", "\(post)\(host)expect: tea\r\ncontent-length: 1\r\n\r\n", 417),
    (
        "a Connection that names hundreds",
        "GET / HTTP/1.1\r\n\(host)connection: \(String(repeating: "a,", count: 300))\r\n\r\n", 400
    ),
]

@Suite struct ServerLimitTests {
    @Test(arguments: hostile)
    func `an ambiguous request is refused and nothing behind it is read`(
        name: String, request: String, status: Int
    ) throws {
        let server = try TestServer { _, handler in handler.onRequest = { _ in } }
        let client = try server.connect()

        try client.send(request + "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
        let answer = try client.receiveAnswer()

        #expect(answer.status == status, "\(name)")
        #expect(answer["connection"] == "close")
        #expect(try client.receiveAll().isEmpty)
        #expect(!server.log.entries.contains { $0.contains("request") || $0.contains("smuggled") })
    }

    @Test(arguments: ["a: \(String(repeating: "x", count: 2000))\r\n", String(repeating: "a:b\r\n", count: 1001)])
    func `a head that is too big is refused`(fields: String) throws {
        let server = try TestServer { options, _ in options.headBytesMax = 1500 + 1000 }
        let client = try server.connect()

        try client.send("GET /\(String(repeating: "y", count: 600)) HTTP/1.1\r\nhost: x\r\n\(fields)\r\n")

        #expect(try client.receiveAnswer().status == 431)
        #expect(server.log.entries == ["refused headTooBig"])
    }

    @Test func `a head that just fits is served`() throws {
        let value = String(repeating: "x", count: 990)
        let sizes = ["/", "host", "x", "a", value].map(\.utf8.count)
        let server = try TestServer { options, _ in options.headBytesMax = UInt32(sizes.reduce(0, +)) }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nhost: x\r\na: \(value)\r\n\r\n")
        #expect(try client.receiveAnswer().status == 200)
        try client.send("GET / HTTP/1.1\r\nhost: x\r\na: \(value)y\r\n\r\n")
        #expect(try client.receiveAnswer().status == 431)
    }

    @Test func `a body that is announced too big is refused before it comes`() throws {
        let server = try TestServer { options, _ in options.bodyBytesMax = 10 }
        let client = try server.connect()

        try client.send("\(post)\(host)content-length: 11\r\nexpect: 100-continue\r\n\r\n")

        #expect(try client.receiveAnswer().status == 413)
        #expect(server.log.waits(for: "closed refused"))
        #expect(server.log.entries == ["head POST /", "refused bodyTooBig", "closed refused"])
    }

    @Test func `a chunked body is refused where it becomes too big`() throws {
        let server = try TestServer { options, _ in options.bodyBytesMax = 10 }
        let client = try server.connect()

        try client.send("\(post)\(host)transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n")
        try client.send("1\r\nx\r\n")

        #expect(try client.receiveAnswer().status == 413)
        #expect(server.log.waits(for: "closed refused"))
    }

    @Test func `chunk extensions and trailers are bounded`() throws {
        let long = String(repeating: "x", count: 20_000)
        for tail in ["1;\(long)\r\nx\r\n0\r\n\r\n", "0\r\na: \(long)\r\n\r\n"] {
            let server = try TestServer()
            let client = try server.connect()

            try client.send("\(post)\(host)transfer-encoding: chunked\r\n\r\n\(tail)")

            #expect(try client.receiveAnswer().status == 431)
        }
    }

    @Test func `a connection too many is told so`() throws {
        let server = try TestServer { options, _ in options.quota = ConnectionQuota(connectionsMax: 2) }
        let first = try server.connect()
        let second = try server.connect()
        try second.send("GET / HTTP/1.1\r\n\(host)\r\n")
        _ = try second.receiveAnswer()

        let third = try server.connect()
        #expect(try third.receiveAnswer().status == 503)
        #expect(try third.receiveAll().isEmpty)
        third.close()
        first.close()
        second.close()

        while server.counts.clientConnections > 0 {}
        let fourth = try server.connect()
        try fourth.send("GET / HTTP/1.1\r\n\(host)\r\n")
        #expect(try fourth.receiveAnswer().status == 200)
    }

    // MARK: time

    @Test func `a head that takes too long is refused`() throws {
        let server = try TestServer { options, _ in options.headMilliseconds = 60 }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nho")

        #expect(try client.receiveAnswer().status == 408)
        #expect(server.log.entries == ["refused timeout"])
    }

    @Test func `a head that trickles is refused all the same`() throws {
        let server = try TestServer { options, _ in options.headMilliseconds = 100 }
        let client = try server.connect()
        try client.send("GET / HTTP/1.1\r\nx: ")
        let end = Date(timeIntervalSinceNow: 8)

        while server.log.entries.isEmpty && Date() < end {
            try? client.send("y")
            Thread.sleep(forTimeInterval: 0.005)  // the pace of the trickle
        }

        #expect(server.log.entries == ["refused timeout"])
    }

    @Test func `a body that stops is refused`() throws {
        let server = try TestServer { options, _ in options.bodyMilliseconds = 60 }
        let client = try server.connect()

        try client.send("\(post)\(host)content-length: 5\r\n\r\nhel")

        #expect(try client.receiveAnswer().status == 408)
        #expect(server.log.waits(for: "closed refused"))
    }

    @Test func `an idle connection is closed without a word`() throws {
        let server = try TestServer { options, _ in options.idleMilliseconds = 60 }
        let fresh = try server.connect()
        let used = try server.connect()
        try used.send("GET / HTTP/1.1\r\n\(host)\r\n")
        _ = try used.receiveAnswer()

        #expect(try fresh.receiveAll().isEmpty)
        #expect(try used.receiveAll().isEmpty)
    }

    @Test func `a client that reads nothing is given up`() throws {
        let server = try TestServer { options, handler in
            options.writeMilliseconds = 80
            handler.onRequest = { call in
                call.start(status: 200, headers: [], contentLength: nil)
                call.write([UInt8](repeating: 0, count: 32 << 20))
                call.end()
            }
        }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\n\(host)\r\n")

        #expect(server.log.waits(for: "closed stalled"))
        withExtendedLifetime(client) {}
    }

    @Test func `an answer that takes its time is no reason to close`() throws {
        let server = try TestServer { options, handler in
            options.writeMilliseconds = 40
            options.idleMilliseconds = 40
            options.headMilliseconds = 40
            options.bodyMilliseconds = 40
            handler.onRequest = { call in
                call.loop.after(milliseconds: 150) { call.respond(status: 200, headers: [], body: Array("late".utf8)) }
            }
        }
        let client = try server.connect()

        try client.send("\(post)\(host)content-length: 1\r\n\r\nx")

        #expect(try client.receiveAnswer().text == "late")
    }
}
