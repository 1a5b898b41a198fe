import CairnHTTP
import Foundation
import Testing

/// A folder with a fresh certificate.
private final class Certificate {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("chttp-\(UUID().uuidString)")
    var file: String { folder.appendingPathComponent("certificate.pem").path }
    var key: String { folder.appendingPathComponent("key.pem").path }

    init(host: String = "localhost") throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        try TLSContext.writeSelfSigned(certificateFile: file, keyFile: key, host: host)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

private func serve(
    _ certificate: Certificate, _ change: (inout ServerOptions, LoggingHandler) -> Void = { _, _ in }
) throws -> TestServer {
    let tls = try TLSContext(certificateFile: certificate.file, keyFile: certificate.key)
    return try TestServer { options, handler in
        options.tls = tls
        change(&options, handler)
    }
}

private func origin(of server: TestServer, host: String = "127.0.0.1", _ tls: TLSContext) throws -> TestOrigin {
    try TestOrigin(port: server.port, host: host) { $0.tls = tls }
}

@Suite struct TLSTests {
    @Test(arguments: ["127.0.0.1", "localhost"])
    func `an origin is verified by the given certificate`(host: String) throws {
        let certificate = try Certificate()
        let server = try serve(certificate)
        let origin = try origin(of: server, host: host, try TLSContext(caFile: certificate.file, verifies: true))

        for _ in 0..<3 { #expect(origin.fetch().outcome() == ["head 200", "end"]) }

        #expect(origin.counts.upstreamConnections == 1)
    }

    @Test func `an origin without a trusted certificate is refused`() throws {
        let certificate = try Certificate()
        let other = try Certificate()
        let server = try serve(certificate)
        let trustsSystem = try origin(of: server, try TLSContext(caFile: nil, verifies: true))
        let trustsOther = try origin(of: server, try TLSContext(caFile: other.file, verifies: true))

        #expect(trustsSystem.fetch().outcome() == ["fail tls sent=false"])
        #expect(trustsOther.fetch().outcome() == ["fail tls sent=false"])
        #expect(server.log.entries.isEmpty)
    }

    @Test(arguments: [("localhost", ["fail tls sent=false"]), ("127.0.0.2", ["head 200", "end"])])
    func `a certificate counts for the hosts that it names`(named: String, expected: [String]) throws {
        let certificate = try Certificate(host: named)
        let server = try serve(certificate) { options, _ in options.host = "127.0.0.2" }
        let origin = try origin(of: server, host: "127.0.0.2", try TLSContext(caFile: certificate.file, verifies: true))

        #expect(origin.fetch().outcome() == expected)
    }

    @Test func `an origin that is not verified is used all the same`() throws {
        let server = try serve(try Certificate())
        let origin = try origin(of: server, try TLSContext(caFile: nil, verifies: false))

        #expect(origin.fetch().outcome() == ["head 200", "end"])
    }

    @Test func `a key is a private file`() throws {
        let certificate = try Certificate(host: "gateway.example")

        let attributes = try FileManager.default.attributesOfItem(atPath: certificate.key)

        #expect((attributes[.posixPermissions] as? Int) == 0o600)
        #expect(try String(contentsOfFile: certificate.file, encoding: .utf8).hasPrefix("-----BEGIN CERTIFICATE-----"))
    }

    @Test func `large bodies pass both ways`() throws {
        let certificate = try Certificate()
        let server = try serve(certificate)
        let origin = try origin(of: server, try TLSContext(caFile: certificate.file, verifies: true))
        let body = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

        for _ in 0..<2 {
            let fetch = body.withUnsafeBytes { body in
                let fetch = origin.fetch(method: "POST", body: body)
                _ = fetch.outcome()
                return fetch
            }
            #expect(fetch.log.entries == ["head 200", "end"])
            #expect(isSame(fetch.log.data, body))
        }
    }

    @Test func `new connections resume and are served alike`() throws {
        let certificate = try Certificate()
        let server = try serve(certificate) { _, handler in handler.onHead = { $0.closeAfter() } }
        let origin = try origin(of: server, try TLSContext(caFile: certificate.file, verifies: true))

        for _ in 0..<5 { #expect(origin.fetch().outcome() == ["head 200", "end"]) }
    }

    @Test func `a client that speaks plainly to a TLS port is closed`() throws {
        let server = try serve(try Certificate())
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        let said = try? client.receiveAll()  // an alert at most, then the end

        #expect((said ?? []).count < 16)
        #expect(server.log.entries.isEmpty)
    }

    @Test func `a plain origin behind a TLS context is a TLS failure`() throws {
        let server = RawServer { connection, _ in
            _ = try connection.receive()
            try connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        defer { server.stop() }
        let origin = try TestOrigin(port: server.port) { $0.tls = try? TLSContext(caFile: nil, verifies: false) }

        #expect(origin.fetch().outcome() == ["fail tls sent=false"])
    }

    @Test func `a handshake that does not end is given up by the listener`() throws {
        let certificate = try Certificate()
        let server = try serve(certificate) { options, _ in options.headMilliseconds = 60 }
        let client = try server.connect()

        try client.send([0x16, 0x03, 0x01])

        #expect(try client.receiveAll().isEmpty)
    }

    @Test func `files that are no certificate are told`() throws {
        let certificate = try Certificate()

        #expect(throws: HTTPError.self) {
            _ = try TLSContext(certificateFile: certificate.key, keyFile: certificate.key)
        }
        #expect(throws: HTTPError.self) { _ = try TLSContext(certificateFile: "/none", keyFile: certificate.key) }
        #expect(throws: HTTPError.self) { _ = try TLSContext(caFile: "/none", verifies: true) }
        #expect(throws: HTTPError.self) {
            try TLSContext.writeSelfSigned(certificateFile: "/none/a", keyFile: "/none/b", host: "x")
        }
    }
}
