// The address a server of ours listens on.

/// An IP address and a TCP port.
public struct ListenAddress: Equatable, Hashable, Sendable {
    /// An IPv4 address, or an IPv6 address without brackets. Never a name: nothing is left to
    /// resolve.
    public let host: String
    /// 0: the system chooses a free one.
    public let port: UInt16

    /// `host` must be an IP address in text.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// From `HOST:PORT`, `[IPV6]:PORT` or `:PORT` (which is 127.0.0.1); `localhost` is 127.0.0.1.
    public init(parsing text: String) throws(SettingsError) {
        guard let colon = text.lastIndex(of: ":") else { throw ListenAddress.error(text) }
        let portText = text[text.index(after: colon)...]
        guard let port = UInt16(portText), portText.utf8.allSatisfy(isDigit) else {
            throw ListenAddress.error(text)
        }

        let hostText = String(text[..<colon])
        if hostText.isEmpty || hostText.lowercased() == "localhost" {
            self.init(host: "127.0.0.1", port: port)
        } else if IPAddress.isVersion4(hostText) {
            self.init(host: hostText, port: port)
        } else if hostText.first == "[", hostText.last == "]",
            let address = IPAddress.version6(String(hostText.dropFirst().dropLast()))
        {
            self.init(host: address, port: port)
        } else {
            throw ListenAddress.error(text)
        }
    }

    private static func error(_ text: String) -> SettingsError {
        SettingsError(
            "expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or :8787, got \(SettingsText.quoted(text))"
        )
    }

    /// Whether only this machine can connect: 127.0.0.0/8, also mapped into IPv6, or ::1.
    public var isLoopback: Bool {
        host == "::1" || host.hasPrefix("127.") || host.hasPrefix("::ffff:127.")
    }
}

extension ListenAddress: CustomStringConvertible {
    /// `127.0.0.1:8787` or `[::1]:8787`.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
