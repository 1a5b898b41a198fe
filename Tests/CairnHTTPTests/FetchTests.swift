import CairnHTTP
import Foundation
import Testing

private let okHi = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

@Suite struct FetchTests {
    @Test func `an answer comes as head, data and end`() throws {
        var seen: (length: Int?, fields: [String]) = (nil, [])
        let server = RawServer(answering: "HTTP/1.1 203 Odd\r\nX-One: a\r\nContent-Length: 5\r\n\r\nhello")
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        let fetch = origin.fetch {
            $0.onHead = { seen = ($0.contentLength, $0.head!.fields.map { "\($0.name)|\($0.value)" }) }
        }

        #expect(fetch.outcome() == ["head 203", "end"])
        #expect(fetch.log.data == Array("hello".utf8))
        #expect(seen.length == 5 && seen.fields == ["X-One|a", "Content-Length|5"])
    }

    @Test func `a request leaves as it was given`() throws {
        let log = EventLog()
        let server = RawServer { connection, _ in
            let (_, _, text) = try connection.receiveHead()
            log.add(text)
            log.add(String(decoding: try connection.receive(exactly: 5), as: UTF8.self))
            try connection.send(okHi)
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        let fetch = Array("hello".utf8).withUnsafeBytes { body in
            let fetch = origin.fetch(method: "POST", fields: [("X-Key", "a b"), ("x-evil", "a\r\nb: c")], body: body)
            _ = fetch.outcome()
            return fetch
        }

        #expect(fetch.log.entries == ["head 200", "end"])
        #expect(
            log.entries == [
                "POST / HTTP/1.1\r\nhost: origin\r\nX-Key: a b\r\nx-evil: ab: c\r\ncontent-length: 5\r\n\r\n", "hello",
            ])
    }

    @Test(arguments: [
        ("chunked", "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nx: y\r\n\r\n"),
        ("until the end", "\r\nhello"), ("after others", "content-length: 5\r\n\r\nhello"),
    ])
    func `every framing delivers the body`(name: String, rest: String) throws {
        let interim =
            name == "after others" ? "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\n" : ""
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            for byte in "\(interim)HTTP/1.1 200 OK\r\n\(rest)".utf8 { try connection.send([byte]) }
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        let fetch = origin.fetch()

        #expect(fetch.outcome() == ["head 200", "end"])
        #expect(fetch.log.data == Array("hello".utf8))
    }

    @Test func `HEAD ends behind the head`() throws {
        let server = RawServer(answering: "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        #expect(origin.fetch(method: "HEAD").outcome() == ["head 200", "end"])
        #expect(origin.fetch(method: "HEAD").outcome() == ["head 200", "end"])
        #expect(server.acceptedCount == 1)
    }

    // MARK: connections

    @Test func `a connection is used again`() throws {
        let server = RawServer(answering: okHi)
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        for _ in 0..<5 { #expect(origin.fetch().outcome() == ["head 200", "end"]) }

        #expect(server.acceptedCount == 1)
        #expect(origin.counts.upstreamConnections == 1 && origin.counts.idleUpstreamConnections == 1)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi and more",
    ])
    func `a connection that ends or is out of step is not used again`(answer: String) throws {
        let server = RawServer(answering: answer)
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        for number in 1...3 {
            let fetch = origin.fetch()
            #expect(fetch.outcome() == ["head 200", "end"])
            #expect(fetch.log.data == Array("hi".utf8))
            #expect(server.acceptedCount == number)
        }
    }

    @Test func `a connection that closed while it was idle is replaced`() throws {
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send(okHi)
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        for number in 1...10 {
            #expect(origin.fetch().outcome() == ["head 200", "end"])
            #expect(server.acceptedCount == number)
            let end = Date(timeIntervalSinceNow: 5)
            while origin.counts.upstreamConnections > 0 && Date() < end {}  // the loop has seen the end
        }
    }

    @Test func `an idle connection goes after its time`() throws {
        let server = RawServer(answering: okHi)
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) { $0.poolIdleMilliseconds = 40 }
        #expect(origin.fetch().outcome() == ["head 200", "end"])

        let end = Date(timeIntervalSinceNow: 5)
        while origin.counts.upstreamConnections > 0 && Date() < end {}

        #expect(origin.counts.upstreamConnections == 0 && origin.counts.idleUpstreamConnections == 0)
    }

    @Test func `fetches wait in order for a connection and the queue is bounded`() throws {
        let gate = DispatchSemaphore(value: 0)
        let server = RawServer { connection, _ in
            while true {
                _ = try connection.receiveHead()
                gate.wait()
                try connection.send(okHi)
            }
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) {
            $0.connectionsMax = 1
            $0.waitingMax = 3
        }
        let order = EventLog()

        let fetches = (0..<5).map { number in origin.fetch { $0.onOver = { _ in order.add("\(number)") } } }
        #expect(fetches[4].outcome() == ["fail tooManyConnections sent=false"])
        for _ in 0..<4 { gate.signal() }

        for fetch in fetches[..<4] { #expect(fetch.outcome() == ["head 200", "end"]) }
        #expect(order.entries == ["4", "0", "1", "2", "3"])
        #expect(server.acceptedCount == 1)
    }

    // MARK: failures

    @Test func `a port where nobody listens refuses`() throws {
        let (descriptor, port) = RawServer.listening(backlog: 1)
        close(descriptor)
        let origin = try TestOrigin(port: port)

        #expect(origin.fetch().outcome() == ["fail refused sent=false"])
    }

    @Test func `a name without an address is told`() throws {
        let name = String(repeating: "x", count: 70) + ".invalid"  // no label is that long: nobody is asked
        let origin = try TestOrigin(port: 80, host: name)

        #expect(origin.fetch().outcome() == ["fail nameNotFound sent=false"])
    }

    @Test func `a handshake that is not answered is a connection not made in time`() throws {
        let (descriptor, port) = RawServer.listening(backlog: 8)  // connects, and says nothing
        defer { close(descriptor) }
        let origin = try TestOrigin(port: port) {
            $0.connectMilliseconds = 80
            $0.tls = try? TLSContext(caFile: nil, verifies: false)
        }

        #expect(origin.fetch().outcome() == ["fail connectTimeout sent=false"])
    }

    @Test func `an origin that stays silent fails in time`() throws {
        let (descriptor, port) = RawServer.listening(backlog: 8)
        defer { close(descriptor) }
        let origin = try TestOrigin(port: port) { $0.firstByteMilliseconds = 80 }

        #expect(origin.fetch().outcome() == ["fail firstByteTimeout sent=true"])
    }

    @Test func `an origin that falls silent fails in time`() throws {
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
            _ = try connection.receive()
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) { $0.idleMilliseconds = 80 }

        let fetch = origin.fetch()

        #expect(fetch.outcome() == ["head 200", "fail idleTimeout sent=true"])
        #expect(fetch.log.data == Array("he".utf8))
    }

    @Test(arguments: [
        ("", false, ["fail reset sent=true"]), ("", true, ["fail reset sent=true"]),
        ("HTTP/1.1 200 OK\r\nconte", false, ["fail reset sent=true"]),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", false, ["head 200", "fail truncated sent=true"]),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n", false,
            ["head 200", "fail truncated sent=true"]
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", true, ["head 200", "fail truncated sent=true"]),
        ("HTTP/1.1 200 OK\r\n\r\nhe", true, ["head 200", "fail truncated sent=true"]),
        ("nonsense\r\n\r\n", false, ["fail malformed sent=true"]),
        ("HTTP/2.0 200 OK\r\n\r\n", false, ["fail malformed sent=true"]),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", false, ["fail malformed sent=true"]),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", false,
            ["head 200", "fail malformed sent=true"]
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", false, ["fail malformed sent=true"]),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", false,
            ["fail malformed sent=true"]
        ),
    ])
    func `a broken answer is told by its kind`(answer: String, isReset: Bool, expected: [String]) throws {
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send(answer)
            if isReset { connection.reset() }
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        #expect(origin.fetch().outcome() == expected)
    }

    @Test func `a head that is too big is malformed`() throws {
        let server = RawServer(answering: "HTTP/1.1 200 OK\r\na: \(String(repeating: "x", count: 300_000))\r\n\r\n")
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        #expect(origin.fetch().outcome() == ["fail malformed sent=true"])
    }

    @Test func `an answer before the request is whole arrives`() throws {
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nslow")
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)
        let body = [UInt8](repeating: 7, count: 20_000_000)

        let fetch = body.withUnsafeBytes { body in
            let fetch = origin.fetch(method: "POST", body: body)
            _ = fetch.outcome()
            return fetch
        }

        #expect(fetch.log.entries == ["head 429", "end"])
        #expect(fetch.log.data == Array("slow".utf8))
        #expect(origin.fetch().outcome() == ["head 429", "end"])  // on a new connection
    }

    // MARK: cancelling

    @Test func `a cancelled fetch is silent in every phase`() throws {
        let log = EventLog()
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            log.add("asked")
            try connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
            log.add(try connection.receive().isEmpty ? "left" : "spoke")
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) { $0.connectionsMax = 1 }

        let flowing = origin.fetch()
        flowing.log.waits { _, count in count == 2 }
        let waiting = origin.fetch()
        origin.thread.onLoop { waiting.fetch?.cancel() }
        origin.thread.onLoop { flowing.fetch?.cancel() }
        #expect(log.waits(for: "left"))
        let connecting = LoggingFetch()
        origin.thread.onLoop {
            connecting.start(origin.origin!)
            connecting.fetch?.cancel()
            connecting.fetch?.cancel()
        }
        let last = origin.fetch { $0.onData = { $0.cancel() } }  // inside a callback
        last.log.waits { _, count in count == 2 }

        #expect(log.waits(for: "left", times: 2))
        #expect(flowing.log.entries == ["head 200"] && last.log.entries == ["head 200"])
        #expect(waiting.log.entries.isEmpty && connecting.log.entries.isEmpty)
        #expect(flowing.fetch?.isOpen == false)
    }

    @Test(arguments: ["head", "data"])
    func `a fetch cancelled inside a callback says no more`(place: String) throws {
        let server = RawServer(
            answering: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-trailer: a\r\n\r\n")
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        let fetch = origin.fetch {
            if place == "head" { $0.onHead = { $0.cancel() } } else { $0.onData = { $0.cancel() } }
        }
        fetch.log.waits { lines, count in place == "head" ? !lines.isEmpty : count == 2 }
        let next = origin.fetch()

        #expect(next.outcome() == ["head 200", "end"])
        #expect(fetch.log.entries == ["head 200"] && fetch.log.dataCount == (place == "head" ? 0 : 2))
    }

    @Test func `an origin that is let go lives until its fetches are over`() throws {
        let gate = DispatchSemaphore(value: 0)
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            gate.wait()
            try connection.send(okHi)
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)
        let first = origin.fetch()
        let second = origin.fetch()

        origin.drop()
        gate.signal()
        #expect(first.outcome().last == "end" || second.outcome().last == "end")
        origin.thread.onLoop {
            first.fetch?.cancel()
            second.fetch?.cancel()
        }
        gate.signal()

        let end = Date(timeIntervalSinceNow: 5)
        while origin.counts.upstreamConnections > 0 && Date() < end {}
        #expect(origin.counts.upstreamConnections == 0)
    }

    // MARK: pausing

    @Test func `a paused answer waits outside and comes whole`() throws {
        let totalBytes = 50_000_000
        let log = EventLog()
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(totalBytes)\r\n\r\n")
            for number in 0..<50 {
                try connection.send([UInt8](repeating: UInt8(number), count: totalBytes / 50))
                if number == 40 { log.add("most has left") }
            }
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port)

        nonisolated(unsafe) var isPaused = false
        let fetch = origin.fetch {
            $0.onData = { fetch in
                if isPaused { return }
                isPaused = true
                fetch.pause()
            }
        }
        fetch.log.waits { _, count in count > 0 }
        Thread.sleep(forTimeInterval: 0.1)  // long enough for a sender that nobody holds back
        #expect(fetch.log.dataCount <= 65536 && !log.entries.contains("most has left"))
        origin.thread.onLoop { fetch.fetch?.resume() }

        #expect(fetch.outcome() == ["head 200", "end"])
        let data = fetch.log.data
        #expect(data.count == totalBytes)
        for number in 0..<50 {
            let piece = data[number * 1_000_000..<(number + 1) * 1_000_000]
            #expect(piece.first == UInt8(number) && piece.last == UInt8(number))
        }
    }

    @Test func `a paused fetch does not run out of time`() throws {
        let server = RawServer { connection, _ in
            _ = try connection.receiveHead()
            try connection.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhi")
            _ = try connection.receive()
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) {
            $0.idleMilliseconds = 60
            $0.firstByteMilliseconds = 60
        }

        let fetch = origin.fetch { $0.onData = { $0.pause() } }
        fetch.log.waits { _, count in count == 2 }
        Thread.sleep(forTimeInterval: 0.2)  // three times what it may be idle
        #expect(fetch.log.entries == ["head 200"])
        origin.thread.onLoop { fetch.fetch?.resume() }

        #expect(fetch.outcome() == ["head 200", "fail idleTimeout sent=true"])
    }
}
