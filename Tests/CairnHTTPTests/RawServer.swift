// RawServer.swift: an origin that is nothing but blocking sockets: a script answers each connection, on a thread of its
// own. Used by the tests of fetches.

import Foundation

final class RawServer: @unchecked Sendable {
    // Sendable: `accepted` is behind its lock, everything else never changes.
    let port: UInt16
    private let listener: Int32
    private let lock = NSLock()
    private var accepted = 0

    /// Runs `script` for each connection, given its number from 0; the connection closes when the script returns.
    init(_ script: @escaping @Sendable (RawConnection, Int) throws -> Void) {
        let (listener, port) = Self.listening(backlog: 128)
        self.listener = listener
        self.port = port
        Thread.detachNewThread { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { break }
                let connection = RawConnection(descriptor: descriptor)
                let number = lock.withLock {
                    accepted += 1
                    return accepted - 1
                }
                Thread.detachNewThread {
                    try? script(connection, number)  // a script may run into a client that has left
                    connection.close()
                }
            }
            close(listener)  // here, because its number must not mean another socket to accept()
        }
    }

    /// Answers each request head of each connection with the same bytes.
    convenience init(answering answer: String) {
        self.init { connection, _ in
            while true {
                _ = try connection.receiveHead()
                try connection.send(answer)
            }
        }
    }

    static func listening(backlog: Int32) -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(descriptor, address, length) == 0 && listen(descriptor, backlog) == 0)
                precondition(getsockname(descriptor, address, &length) == 0)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    var acceptedCount: Int { lock.withLock { accepted } }

    /// Stops listening; the port refuses from now on.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
