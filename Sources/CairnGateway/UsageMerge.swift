// One usage object out of two, for streams that report in parts.

/// Anthropic reports usage in two events: input and cache at the start, output at the end.
enum UsageMerge {
    /// `first` with the members of `second` in place of its own of the same name, others added behind. Both are JSON
    /// objects as a provider sent them; anything else leaves `second` as it is.
    static func merged(_ first: [UInt8], with second: [UInt8]) -> [UInt8] {
        guard let old = members(of: first), let new = members(of: second) else { return second }
        var result: [UInt8] = [UInt8(ascii: "{")]
        func add(_ bytes: ArraySlice<UInt8>) {
            if result.count > 1 { result.append(UInt8(ascii: ",")) }
            result.append(contentsOf: bytes)
        }
        for member in old {
            let replacement = new.first { second[$0.key] == first[member.key] }
            add(replacement.map { second[$0.whole] } ?? first[member.whole])
        }
        for member in new where !old.contains(where: { first[$0.key] == second[member.key] }) {
            add(second[member.whole])
        }
        result.append(UInt8(ascii: "}"))
        return result
    }

    private struct Member {
        var key: Range<Int>
        var whole: Range<Int>
    }

    /// The top-level members; nil if the bytes do not look like an object. Linear, no recursion.
    private static func members(of object: [UInt8]) -> [Member]? {
        guard object.first == UInt8(ascii: "{"), object.last == UInt8(ascii: "}") else { return nil }
        var members: [Member] = []
        var depth = 0
        var isInString = false
        var start = 1
        var key: Range<Int>?
        var stringStart = 0
        var index = 1
        while index < object.count {
            let byte = object[index]
            if isInString {
                if byte == UInt8(ascii: "\\") { index += 1 }
                if byte == UInt8(ascii: "\"") {
                    isInString = false
                    if depth == 0 && key == nil { key = stringStart..<index + 1 }
                }
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
                stringStart = index
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
            } else if depth == 0 && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")) {
                if let key {
                    members.append(Member(key: key, whole: key.lowerBound..<trimmedEnd(object, start, index)))
                }
                key = nil
                start = index + 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
            }
            index += 1
        }
        return isInString || depth != 0 ? nil : members
    }

    private static func trimmedEnd(_ object: [UInt8], _ start: Int, _ end: Int) -> Int {
        var end = end
        while end > start, [0x20, 0x09, 0x0a, 0x0d].contains(object[end - 1]) { end -= 1 }
        return end
    }
}
