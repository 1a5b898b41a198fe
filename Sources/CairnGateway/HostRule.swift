// Which Host and Origin fields a listener answers to. A gateway on a loopback address is reachable from every web page
// that the user opens: a page can point its own host name at 127.0.0.1 (DNS rebinding) or just send requests. Such
// requests carry the page's name in Host or Origin, so both are compared with the names the gateway really has.

/// The rule of one listener. Immutable, so all loops share it. Deciding allocates nothing.
struct HostRule: Sendable {
    enum Decision: Equatable, Sendable {
        case allow
        case foreignHost
        case foreignOrigin
    }

    /// Whether only this machine can connect to the listener.
    let isLoopback: Bool
    /// Further host names, in lower case, IPv6 addresses in brackets.
    private let allowedNames: [[UInt8]]
    /// `127.0.0.1:8787` and `localhost:8787`, which nearly every request has.
    private let usualAddress: [UInt8]
    private let usualName: [UInt8]

    /// `allowedNames` are host names without a port; IPv6 addresses with or without brackets.
    init(isLoopback: Bool, port: UInt16, allowedNames: [String]) {
        self.isLoopback = isLoopback
        self.allowedNames = allowedNames.map { name in
            let isBareIPv6 = name.contains(":") && !name.hasPrefix("[")
            return Array((isBareIPv6 ? "[\(name)]" : name).lowercased().utf8)
        }
        usualAddress = Array("127.0.0.1:\(port)".utf8)
        usualName = Array("localhost:\(port)".utf8)
    }

    /// Decides from the values of the two fields. `host` is empty if there is no Host field.
    func decide(host: Span<UInt8>) -> Decision {
        isHostAllowed(host) ? .allow : .foreignHost
    }

    /// Decides about a request that has an Origin field: one that a browser sent.
    func decide(host: Span<UInt8>, origin: Span<UInt8>) -> Decision {
        guard isHostAllowed(host) else { return .foreignHost }
        return isOriginAllowed(origin, host: host) ? .allow : .foreignOrigin
    }

    private func isHostAllowed(_ host: Span<UInt8>) -> Bool {
        guard isLoopback else { return true }
        if host.equals(usualAddress) || host.equals(usualName) { return true }
        guard let name = HostField.name(of: host, in: 0..<host.count) else { return false }
        let nameBytes = host.extracting(name)
        return HostField.isLoopback(nameBytes) || isNamed(nameBytes)
    }

    /// An origin is `scheme://host[:port]` (RFC 6454, section 7); a page without one says `null`.
    private func isOriginAllowed(_ origin: Span<UInt8>, host: Span<UInt8>) -> Bool {
        guard
            let authority = origin.endOfPrefix("http://", ignoringCase: true)
                ?? origin.endOfPrefix("https://", ignoringCase: true),
            let originName = HostField.name(of: origin, in: authority..<origin.count)
        else { return false }
        let originBytes = origin.extracting(originName)
        if isNamed(originBytes) { return true }
        if isLoopback { return HostField.isLoopback(originBytes) }

        guard let hostName = HostField.name(of: host, in: 0..<host.count) else { return false }
        return HostField.isSame(originBytes, host.extracting(hostName))
    }

    private func isNamed(_ name: Span<UInt8>) -> Bool {
        for allowed in allowedNames where HostField.isSame(name, allowed.span) { return true }
        return false
    }
}

/// Reads `host[:port]` as it stands in Host and Origin fields.
enum HostField {
    /// Where the host stands in `authority`, without port and without the dot of a fully qualified name; nil if it is
    /// no host: empty, user information, a bad port, or bytes no name has.
    static func name(of bytes: Span<UInt8>, in authority: Range<Int>) -> Range<Int>? {
        guard !authority.isEmpty else { return nil }
        var end = authority.lowerBound
        if bytes[end] == UInt8(ascii: "[") {
            while end < authority.upperBound, bytes[end] != UInt8(ascii: "]") { end += 1 }
            guard end < authority.upperBound else { return nil }
            end += 1
        } else {
            while end < authority.upperBound, isNameByte(bytes[end]) { end += 1 }
        }
        guard isPort(bytes, in: end..<authority.upperBound) else { return nil }
        if end > authority.lowerBound, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        return end > authority.lowerBound ? authority.lowerBound..<end : nil
    }

    /// `localhost`, names below it (RFC 6761, 6.3), 127.0.0.0/8 as four decimal numbers, `[::1]`.
    static func isLoopback(_ name: Span<UInt8>) -> Bool {
        if isSame(name, "localhost") || name.equals("[::1]") { return true }
        let suffix: StaticString = ".localhost"
        let length = suffix.utf8CodeUnitCount
        if name.count > length, isSame(name.extracting(name.count - length..<name.count), suffix) { return true }
        return isLoopbackVersion4(name)
    }

    /// Equal but for the case of letters.
    static func isSame(_ first: Span<UInt8>, _ second: Span<UInt8>) -> Bool {
        guard first.count == second.count else { return false }
        for index in 0..<first.count where first[index].lowercasedASCII != second[index].lowercasedASCII {
            return false
        }
        return true
    }

    private static func isSame(_ name: Span<UInt8>, _ lowercaseText: StaticString) -> Bool {
        name.count == lowercaseText.utf8CodeUnitCount && name.endOfPrefix(lowercaseText, ignoringCase: true) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte.lowercasedASCII {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Nothing, or a colon and a number up to 65535.
    private static func isPort(_ bytes: Span<UInt8>, in range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        guard bytes[range.lowerBound] == UInt8(ascii: ":"), (2...6).contains(range.count) else { return false }
        var port = 0
        for index in range.dropFirst() {
            guard bytes[index].isASCIIDigit else { return false }
            port = port * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        return port <= 65535
    }

    private static func isLoopbackVersion4(_ name: Span<UInt8>) -> Bool {
        guard name.starts(with: "127.") else { return false }
        var partCount = 1
        var value = 0
        var digitCount = 0
        for index in 4..<name.count {
            if name[index] == UInt8(ascii: ".") {
                guard digitCount > 0 else { return false }
                (partCount, value, digitCount) = (partCount + 1, 0, 0)
            } else {
                guard name[index].isASCIIDigit, digitCount == 0 || value != 0 else { return false }
                value = value * 10 + Int(name[index] - UInt8(ascii: "0"))
                digitCount += 1
                guard value <= 255 else { return false }
            }
        }
        return partCount == 3 && digitCount > 0
    }
}
