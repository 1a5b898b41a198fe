// RawClient.swift: a client that is nothing but a blocking socket, so that a test says every byte. Used by the tests of
// the server.

import Foundation
import Testing

/// An answer as it stood on the wire.
struct RawAnswer {
    var status = 0
    var head = ""
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []

    var text: String { String(decoding: body, as: UTF8.self) }

    subscript(name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
}

enum RawError: Error, Equatable {
    case timedOut
    case closed
    case reset
    case notHTTP(String)
}

/// A connected socket. Reads and writes wait 10 seconds at most.
final class RawConnection: @unchecked Sendable {
    // Sendable: used by one thread at a time.
    private(set) var descriptor: Int32
    /// What was received and not yet taken.
    private var held: [UInt8] = []

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var wait = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close() }

    /// Connects to a port of the loopback address.
    static func connected(to port: UInt16) throws -> RawConnection {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(port: port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            Foundation.close(descriptor)
            throw RawError.closed
        }
        return RawConnection(descriptor: descriptor)
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var at = 0
        while at < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress! + at, bytes.count - at, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw Self.error(errno) }
            at += sent
        }
    }

    /// One read. Empty: the other side ended in order.
    func receive(most: Int = 65536) throws -> [UInt8] {
        if !held.isEmpty {
            let piece = Array(held.prefix(most))
            held.removeFirst(piece.count)
            return piece
        }
        var bytes = [UInt8](repeating: 0, count: most)
        let got = recv(descriptor, &bytes, most, 0)
        guard got >= 0 else { throw Self.error(errno) }
        return Array(bytes.prefix(got))
    }

    private static func error(_ code: Int32) -> RawError {
        switch code {
        case EAGAIN: .timedOut
        case ECONNRESET, EPIPE: .reset
        default: .closed
        }
    }

    /// Everything up to the orderly end.
    func receiveAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = try receive()
            if piece.isEmpty { return all }
            all += piece
        }
    }

    /// The next `count` bytes.
    func receive(exactly count: Int) throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let piece = try receive(most: count - all.count)
            if piece.isEmpty { throw RawError.closed }
            all += piece
        }
        return all
    }

    /// Bytes up to and with `end`.
    func receive(through end: String) throws -> [UInt8] {
        let end = Array(end.utf8)
        while true {
            if let found = held.firstRange(of: end) {
                let taken = Array(held[..<found.upperBound])
                held.removeFirst(taken.count)
                return taken
            }
            var bytes = [UInt8](repeating: 0, count: 65536)
            let got = recv(descriptor, &bytes, bytes.count, 0)
            guard got >= 0 else { throw Self.error(errno) }
            if got == 0 { throw RawError.closed }
            held += bytes.prefix(got)
        }
    }

    /// A head: its first line and its fields.
    func receiveHead() throws -> (line: String, fields: [(name: String, value: String)], text: String) {
        let text = String(decoding: try receive(through: "\r\n\r\n"), as: UTF8.self)
        let lines = text.components(separatedBy: "\r\n").dropLast(2)
        let fields = try lines.dropFirst().map { line in
            guard let colon = line.range(of: ": ") else { throw RawError.notHTTP(line) }
            return (name: String(line[..<colon.lowerBound]), value: String(line[colon.upperBound...]))
        }
        return (lines.first ?? "", fields, text)
    }

    /// One answer by its framing; `toHead`: the request was HEAD.
    func receiveAnswer(toHead: Bool = false) throws -> RawAnswer {
        let (line, fields, text) = try receiveHead()
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else { throw RawError.notHTTP(line) }
        var answer = RawAnswer(status: status, head: text, fields: fields)
        if toHead || status == 204 || status == 304 || status < 200 { return answer }
        if answer["transfer-encoding"] == "chunked" {
            answer.body = try receiveChunks()
        } else if let length = answer["content-length"] {
            answer.body = try receive(exactly: Int(length) ?? 0)
        } else {
            answer.body = try receiveAll()
        }
        return answer
    }

    func receiveChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = String(decoding: try receive(through: "\r\n").dropLast(2), as: UTF8.self)
            guard let size = Int(line, radix: 16) else { throw RawError.notHTTP(line) }
            body += try receive(exactly: size)
            guard try receive(exactly: 2) == [13, 10] else { throw RawError.notHTTP("a chunk without its end") }
            if size == 0 { return body }
        }
    }

    /// Says that no more will be sent.
    func shutWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    /// Closes with RST.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Foundation.linger>.size))
        close()
    }
}

func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    return address
}

/// For bodies of megabytes: `#expect(one == other)` would look for the least difference between them, for minutes. Says
/// where they part.
func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    if one == other { return true }
    let at = zip(one, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(one.count, other.count)
    Issue.record("\(one.count) and \(other.count) bytes part at \(at)")
    return false
}
