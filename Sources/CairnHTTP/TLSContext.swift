// TLSContext.swift: certificates and trust, made once and shared by all loops.
import CHTTP

public final class TLSContext: @unchecked Sendable {
    // Sendable: OpenSSL contexts are immutable after set-up and reference-counted with atomics.
    let handle: OpaquePointer

    /// For a listener: PEM files of a certificate chain and its key.
    public init(certificateFile: String, keyFile: String) throws(HTTPError) {
        var made: OpaquePointer?
        let reason = withReason { made = chttp_tls_server_new(certificateFile, keyFile, $0, $1) }
        guard let made else { throw .tls(reason) }
        handle = made
    }

    /// For origins. `caFile` nil: the system's certificates.
    public init(caFile: String?, verifies: Bool) throws(HTTPError) {
        var made: OpaquePointer?
        let reason = withReason { made = chttp_tls_client_new(caFile, verifies, $0, $1) }
        guard let made else { throw .tls(reason) }
        handle = made
    }

    deinit { chttp_tls_free(handle) }

    /// Writes a new self-signed certificate and its key (PEM, mode 0600) for `host`, localhost and the loopback addresses.
    public static func writeSelfSigned(certificateFile: String, keyFile: String, host: String) throws(HTTPError) {
        var isWritten = false
        let reason = withReason { isWritten = chttp_tls_write_self_signed(certificateFile, keyFile, host, $0, $1) }
        if !isWritten { throw .tls(reason) }
    }
}

private func withReason(_ work: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
        buffer.initialize(repeating: 0)
        work(buffer.baseAddress!, buffer.count)
        return String(cString: buffer.baseAddress!)
    }
}
