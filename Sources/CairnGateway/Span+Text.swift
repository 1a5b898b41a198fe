// Comparisons of bytes from the wire with known text. None allocates.

extension Span<UInt8> {
    /// Whether the bytes are exactly this ASCII text.
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && starts(with: text)
    }

    /// Whether the bytes are exactly these.
    func equals(_ bytes: [UInt8]) -> Bool {
        guard count == bytes.count else { return false }
        for index in bytes.indices where self[index] != bytes[index] { return false }
        return true
    }

    func starts(with text: StaticString) -> Bool {
        endOfPrefix(text, ignoringCase: false) != nil
    }

    /// Whether the bytes are this path or begin with it and a slash.
    func isBelow(_ path: StaticString) -> Bool {
        guard let end = endOfPrefix(path, ignoringCase: false) else { return false }
        return end == count || self[end] == UInt8(ascii: "/")
    }

    /// The length of the prefix if it is there. With `ignoringCase`, `prefix` is in lower case.
    func endOfPrefix(_ prefix: StaticString, ignoringCase: Bool) -> Int? {
        let length = prefix.utf8CodeUnitCount
        guard count >= length else { return nil }
        for index in 0..<length {
            let byte = ignoringCase ? self[index].lowercasedASCII : self[index]
            if byte != prefix.utf8Start[index] { return nil }
        }
        return length
    }
}

extension UInt8 {
    /// A letter A-Z in lower case; any other byte as it is.
    var lowercasedASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
