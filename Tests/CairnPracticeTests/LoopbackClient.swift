// A client on a plain blocking socket: what the serving tests talk to the provider with, so that they see
// the bytes on the wire as they are. Reads give up after ten seconds.

import Glibc

@testable import CairnPractice

final class LoopbackClient {
    enum ReadEnd: Equatable { case closed, reset, timedOut }

    private let descriptor: Int32

    init(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        // A small window, so that a client that does not read is felt soon.
        var window = Int32(64 << 10)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(status == 0, "cannot connect to the provider under test")
    }

    deinit { close(descriptor) }

    /// Sends one request; `headers` are whole lines.
    func send(_ method: String, _ target: String, headers: [String] = [], body: String = "") {
        let head =
            (["\(method) \(target) HTTP/1.1", "Host: 127.0.0.1", "Content-Length: \(body.utf8.count)"] + headers)
            .joined(separator: "\r\n")
        let bytes = Array((head + "\r\n\r\n" + body).utf8)
        precondition(write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// What one read gives; nil at the end of the connection.
    func readSome() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &bytes, bytes.count)
        end = count == 0 ? .closed : count > 0 ? nil : errno == ECONNRESET ? .reset : .timedOut
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    /// How the connection ended, once `readSome` gave nil.
    private(set) var end: ReadEnd?

    /// All that comes until the end of the connection.
    func readAll() -> String {
        var bytes: [UInt8] = []
        while let some = readSome() { bytes += some }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Head and body of one answer that has a Content-Length.
    func readAnswer() -> (head: String, body: [UInt8]) {
        var bytes: [UInt8] = []
        let emptyLine = Array("\r\n\r\n".utf8)
        while let some = readSome() {
            bytes += some
            guard let bodyStart = bytes.indices.first(where: { bytes[$0...].starts(with: emptyLine) }) else {
                continue
            }
            let head = String(decoding: bytes[..<bodyStart], as: UTF8.self)
            let length =
                head.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
                .flatMap { Int($0.dropFirst(16)) } ?? 0
            let body = Array(bytes[(bodyStart + 4)...])
            if body.count >= length { return (head, body) }
        }
        return ("", [])
    }
}

/// A provider on a free port, stopped when it goes.
final class ProviderUnderTest {
    let running: RunningPractice

    init(_ change: (inout PracticeOptions) -> Void = { _ in }) throws {
        var options = PracticeOptions()
        options.port = 0
        change(&options)
        running = try RunningPractice(options)
    }

    deinit { running.stop() }

    /// A request on a connection of its own that is closed after the answer.
    func client(_ method: String, _ target: String, headers: [String] = [], body: String = "") -> LoopbackClient {
        let client = LoopbackClient(port: running.port)
        client.send(method, target, headers: headers, body: body)
        return client
    }

    func requestLog() throws -> [JSONValue] {
        let answer = client("GET", "/practice/requests").readAnswer()
        return try JSONValue(parsing: answer.body).elements ?? []
    }

    /// The last record of the log, once it satisfies the condition; as it is after two seconds otherwise.
    func lastRecord(when isReady: (JSONValue) -> Bool) throws -> JSONValue {
        for _ in 0..<200 {
            if let last = try requestLog().last, isReady(last) { return last }
            usleep(10_000)
        }
        return try requestLog().last ?? .null
    }
}
