// A short text looked for in bytes, by one of its bytes that other text seldom has: quotes and the common letters are
// everywhere. Used where a document is only parsed if a word stands in it.

import Glibc

public enum ByteSearch {
    /// The first place of `text`; nil if it is not there. `rare`: the index of its least common byte.
    /// - Complexity: a memchr pass, and a comparison for each hit of the rare byte.
    public static func find(_ text: StaticString, rare: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        let length = text.utf8CodeUnitCount
        guard bytes.count >= length, let first = bytes.baseAddress else { return nil }
        let end = first + (bytes.count - length + rare + 1)  // behind the last place the rare byte can have
        var at = first + rare
        while at < end, let hit = memchr(at, Int32(text.utf8Start[rare]), end - at) {
            let start = UnsafeRawPointer(hit) - rare
            if memcmp(start, text.utf8Start, length) == 0 { return start - first }
            at = UnsafeRawPointer(hit) + 1
        }
        return nil
    }
}
