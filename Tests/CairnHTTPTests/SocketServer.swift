// A TCP server of blocking sockets, one thread a connection: plays what our own server never would. Forward proxies that
// tunnel (CONNECT, SOCKS5), and origins that break the protocol. Used by the tests of origins behind libcurl.

import Foundation
import Glibc
import Synchronization

/// Listens on a free loopback port; each connection runs `serve` on a thread of its own and is closed when that returns.
final class SocketServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let connections = OpenFiles()

    init(_ serve: @escaping @Sendable (SocketConnection) -> Void) throws {
        let (listener, port) = try Self.listen()
        self.listener = listener
        self.port = port
        Thread.detachNewThread { [connections] in
            while case let file = accept(listener, nil, nil), file >= 0 {
                connections.add(file)
                Thread.detachNewThread {
                    serve(SocketConnection(file: file))
                    connections.close(file)
                }
            }
        }
    }

    deinit {
        connections.shutAll()
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func listen() throws -> (file: Int32, port: UInt16) {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, length) == 0 && Glibc.listen(file, 64) == 0 && getsockname(file, $0, &length) == 0
            }
        }
        guard file >= 0, isListening else { throw POSIXError(.EADDRINUSE) }
        return (file, UInt16(bigEndian: address.sin_port))
    }

    static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}

/// The connections whose threads still run.
private final class OpenFiles: @unchecked Sendable {
    // Sendable: `files` is touched with the lock held. (The thread sanitizer cannot see Synchronization.Mutex on Linux.)
    private let lock = NSLock()
    private var files: Set<Int32> = []
    func add(_ file: Int32) { lock.withLock { _ = files.insert(file) } }
    func close(_ file: Int32) {
        lock.withLock {
            files.remove(file)
            _ = Glibc.close(file)
        }
    }
    /// Their threads see the end and go.
    func shutAll() { lock.withLock { for file in files { shutdown(file, Int32(SHUT_RDWR)) } } }
}

/// One accepted connection, or one made by `connect`. Blocking.
struct SocketConnection: Sendable {
    let file: Int32

    /// To a loopback port; nil if nobody listens there.
    static func connect(port: UInt16) -> SocketConnection? {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = SocketServer.loopback(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return SocketConnection(file: file) }
        close(file)
        return nil
    }

    /// At most `count` bytes; empty at the end.
    func read(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
            length = max(0, recv(file, buffer.baseAddress, count, 0))
        }
    }

    /// Exactly `count` bytes, or nil if the other side leaves.
    func readExactly(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = read(count - bytes.count)
            if piece.isEmpty { return nil }
            bytes += piece
        }
        return bytes
    }

    /// A head up to its blank line, byte by byte so that nothing behind it is taken; nil if the other side leaves.
    func readHead() -> String? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let byte = read(1).first else { return nil }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent <= 0 { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// Returns when the other side leaves.
    func waitForEnd() { while !read(4096).isEmpty {} }

    /// The connection will end with RST.
    func resetAtEnd() {
        var choice = linger(l_onoff: 1, l_linger: 0)
        setsockopt(file, SOL_SOCKET, SO_LINGER, &choice, socklen_t(MemoryLayout<linger>.size))
    }

    /// Carries bytes both ways between this connection and a loopback port until one side ends or the time is over.
    func splice(toPort port: UInt16, forMilliseconds limit: Int? = nil) {
        guard let other = SocketConnection.connect(port: port) else { return }
        if let limit {
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(limit)) {
                shutdown(file, Int32(SHUT_RDWR))
            }
        }
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            other.carry(to: self)
            isDone.signal()
        }
        carry(to: other)
        isDone.wait()
        close(other.file)
    }

    private func carry(to other: SocketConnection) {
        while case let bytes = read(65536), !bytes.isEmpty, other.write(bytes) {}
        shutdown(other.file, Int32(SHUT_RDWR))
        shutdown(file, Int32(SHUT_RDWR))
    }
}

/// What a server saw, in order; any thread.
final class Seen<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    func add(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }
}

/// A proxy that answers CONNECT with a tunnel to a loopback port, whatever name was asked for.
func tunnelProxy(toPort port: UInt16, heads: Seen<String>) throws -> SocketServer {
    try SocketServer { client in
        guard let head = client.readHead() else { return }
        heads.add(head)
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        client.splice(toPort: port)
    }
}

/// A SOCKS5 proxy (RFC 1928, RFC 1929) that wants a name and a password, and tunnels to a loopback port.
func socksProxy(toPort port: UInt16, names: Seen<String>) throws -> SocketServer {
    try SocketServer { client in
        guard let greeting = client.readExactly(2), let methods = client.readExactly(Int(greeting[1])) else { return }
        guard methods.contains(2) else {
            client.write([5, 0xff])
            return
        }
        client.write([5, 2])
        guard let login = client.readExactly(2), let user = client.readExactly(Int(login[1])),
            let passwordLength = client.readExactly(1), let password = client.readExactly(Int(passwordLength[0]))
        else { return }
        let isKnown = user == Array("ada".utf8) && password == Array("lock:et".utf8)
        client.write([1, isKnown ? 0 : 1])
        guard isKnown, let request = client.readExactly(4) else { return }
        let isName = request[3] == 3
        guard let length = isName ? client.readExactly(1).map({ Int($0[0]) }) : 4,
            let host = client.readExactly(length),
            client.readExactly(2) != nil
        else { return }
        names.add(isName ? String(decoding: host, as: UTF8.self) : host.map(String.init).joined(separator: "."))
        client.write([5, 0, 0, 1, 127, 0, 0, 1, 0, 0])
        client.splice(toPort: port)
    }
}
