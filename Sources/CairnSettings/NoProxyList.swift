// The list in no_proxy: hosts that are reached without the proxy. Entries stand between commas or spaces:
//
//     *                        every host
//     example.com .example.com *.example.com   this host and all below it
//     10.1.2.3 [::1] ::1       this address
//     10.0.0.0/8 fd00::/8      every address of the network
//     example.com:8080 [::1]:8080              the same, on this port only
//
// An entry that is none of these fits nothing, as with other programs that read the same variable.

struct NoProxyList {
    /// Longest list.
    static let entriesMax = 1024

    private enum Host {
        case any
        /// Without a leading dot.
        case name(String)
        /// 4 or 16 bytes, of which the first bits count.
        case network([UInt8], bitCount: Int)
    }

    private let entries: [(host: Host, port: UInt16?)]

    init(parsing text: String) throws(SettingsError) {
        let words = text.lowercased().split { $0 == "," || $0.isWhitespace }
        guard words.count <= NoProxyList.entriesMax else {
            throw SettingsError("the list has more than \(NoProxyList.entriesMax) entries")
        }
        entries = words.compactMap(NoProxyList.entry)
    }

    func contains(_ url: UpstreamURL) -> Bool {
        let address = IPAddress.bytes(of: url.host)
        return entries.contains { host, port in
            guard port == nil || port == url.port else { return false }
            switch host {
            case .any: return true
            case .name(let name): return address == nil && (url.host == name || url.host.hasSuffix(".\(name)"))
            case .network(let network, let bitCount):
                return address.map { NoProxyList.isEqual($0, network, bitCount: bitCount) } ?? false
            }
        }
    }

    private static func entry(_ word: Substring) -> (Host, UInt16?)? {
        if word == "*" { return (.any, nil) }
        if let host = network(word) { return (host, nil) }
        let (hostText, portText) = UpstreamURL.splitAuthority(word)
        var port: UInt16?
        if let portText {
            guard portText.utf8.allSatisfy(isDigit), let number = UInt16(portText), number > 0 else { return nil }
            port = number
        }
        if let host = network(hostText) { return (host, port) }
        let name = hostText.drop { $0 == "*" }.drop { $0 == "." }
        return name.isEmpty ? nil : (.name(String(name.last == "." ? name.dropLast() : name)), port)
    }

    /// An address, with or without brackets, or a network as `address/bits`.
    private static func network(_ text: Substring) -> Host? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard var host = parts.first else { return nil }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard let address = IPAddress.bytes(of: String(host)) else { return nil }
        guard parts.count == 2 else { return .network(address, bitCount: address.count * 8) }
        guard parts[1].utf8.allSatisfy(isDigit), let bitCount = Int(parts[1]), bitCount <= address.count * 8 else {
            return nil
        }
        return .network(address, bitCount: bitCount)
    }

    /// Whether the first bits of two addresses of the same family are equal.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8], bitCount: Int) -> Bool {
        guard left.count == right.count, left.prefix(bitCount / 8) == right.prefix(bitCount / 8) else { return false }
        guard bitCount % 8 != 0 else { return true }
        return (left[bitCount / 8] ^ right[bitCount / 8]) >> UInt8(8 - bitCount % 8) == 0
    }
}
