// What a request target may contain. Anything that two programs could read differently (encoded dots, backslashes, bare
// control bytes) is refused instead of repaired, because the path goes upstream as it is.

/// The check of a path and query.
enum TargetCheck {
    /// Checks the path from `start` on and the query after it; returns where the path ends. In the path: percent
    /// signs begin an encoded byte, no segment is `.` or `..` (encoded or not), no backslash, no control byte
    /// (encoded or not), nothing beyond ASCII. In the query: no control byte, no space, no fragment; else it is left
    /// alone.
    static func check(_ target: Span<UInt8>, from start: Int) throws(TargetRefusal) -> Int {
        var position = start
        var segment = SegmentDots()
        while position < target.count, target[position] != UInt8(ascii: "?") {
            var byte = target[position]
            position += 1
            if byte == UInt8(ascii: "%") {
                byte = try decode(target, at: position)
                position += 2
                guard byte >= 0x20, byte != 0x7F else { throw .forbiddenByte }
            } else {
                guard byte > 0x20, byte < 0x7F else { throw .forbiddenByte }
                guard byte != UInt8(ascii: "#") else { throw .fragment }
            }
            guard byte != UInt8(ascii: "\\") else { throw .backslash }
            guard segment.take(byte) else { throw .dotSegment }
        }
        guard segment.end() else { throw .dotSegment }
        try checkQuery(target, from: position)
        return position
    }

    private static func checkQuery(_ target: Span<UInt8>, from start: Int) throws(TargetRefusal) {
        for position in start..<target.count {
            let byte = target[position]
            guard byte > 0x20, byte != 0x7F else { throw .forbiddenByte }
            guard byte != UInt8(ascii: "#") else { throw .fragment }
        }
    }

    private static func decode(_ target: Span<UInt8>, at position: Int) throws(TargetRefusal) -> UInt8 {
        guard position + 1 < target.count, let high = hexValue(target[position]),
            let low = hexValue(target[position + 1])
        else { throw .badPercentEncoding }
        return high << 4 | low
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Watches for segments that consist of one or two dots. A slash ends a segment, an encoded one too, and so does a
    /// semicolon, which some servers read as the beginning of parameters.
    private struct SegmentDots {
        private var dotCount = 0
        private var hasOther = false

        /// Takes one decoded byte; false if it ended a dot segment.
        mutating func take(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "."):
                dotCount += 1
                return true
            case UInt8(ascii: "/"), UInt8(ascii: ";"):
                let isFine = end()
                self = SegmentDots()
                return isFine
            default:
                hasOther = true
                return true
            }
        }

        /// False if what came since the last slash is a dot segment.
        func end() -> Bool { hasOther || dotCount == 0 || dotCount > 2 }
    }
}
