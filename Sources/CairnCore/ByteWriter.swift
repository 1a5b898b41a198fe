// A buffer of bytes that text is written into without making Strings: records, metrics, error bodies and log lines are
// all written with it. Appending is a copy; nothing is allocated while the text fits the capacity.

import Glibc

/// A growing buffer of bytes with one owner.
public struct ByteWriter: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    public private(set) var capacity: Int
    public private(set) var count = 0

    /// Reserves `capacity` bytes (at least one). Pages that are never written cost no memory.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    public var isEmpty: Bool { count == 0 }

    /// Forgets the content and keeps the memory.
    public mutating func clear() { count = 0 }

    /// Shortens the content to its first `newCount` bytes.
    public mutating func truncate(to newCount: Int) {
        precondition(newCount <= count, "truncation cannot lengthen")
        count = newCount
    }

    /// The content, as a view until `body` returns.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(start: base, count: count))
    }

    /// A copy of the content.
    public func copyBytes() -> [UInt8] { withBytes { Array($0) } }

    public mutating func append(byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    public mutating func append(_ text: StaticString) {
        guard text.hasPointerRepresentation else {
            text.withUTF8Buffer { append($0) }
            return
        }
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    /// In decimal, without leading zeros.
    public mutating func append(decimal value: UInt64) {
        var digitCount = 1
        var rest = value / 10
        while rest != 0 {
            digitCount += 1
            rest /= 10
        }
        append(decimal: value, digits: digitCount)
    }

    public mutating func append(decimal value: Int) {
        if value < 0 { append(byte: UInt8(ascii: "-")) }
        append(decimal: UInt64(value.magnitude))
    }

    /// The lowest `digits` decimal digits, with leading zeros.
    public mutating func append(decimal value: UInt64, digits: Int) {
        reserve(digits)
        var rest = value
        var position = count + digits
        while position > count {
            position -= 1
            base[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    /// Nanoseconds as milliseconds with at most three decimals and no trailing zeros: 12345678 is `12.346`.
    public mutating func append(millisecondsOf nanoseconds: UInt64) {
        let microseconds = nanoseconds / 1000 + (nanoseconds % 1000 >= 500 ? 1 : 0)
        append(decimal: microseconds / 1000)
        append(fraction: microseconds % 1000, digits: 3)
    }

    /// Nanoseconds as seconds with at most nine decimals and no trailing zeros: 50000 is `0.00005`.
    public mutating func append(secondsOf nanoseconds: UInt64) {
        append(decimal: nanoseconds / 1_000_000_000)
        append(fraction: nanoseconds % 1_000_000_000, digits: 9)
    }

    private mutating func append(fraction: UInt64, digits: Int) {
        guard fraction != 0 else { return }
        append(byte: UInt8(ascii: "."))
        append(decimal: fraction, digits: digits)
        while base[count - 1] == UInt8(ascii: "0") { count -= 1 }
    }

    /// Lets `body` write up to `bytesMax` bytes behind the content and takes over as many as it says.
    mutating func append(bytesMax: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        reserve(bytesMax)
        let written = body(base + count)
        precondition(written >= 0 && written <= bytesMax, "more than was reserved")
        count += written
    }

    /// The last byte; nil when empty.
    public var last: UInt8? { count == 0 ? nil : base[count - 1] }

    private mutating func reserve(_ additional: Int) {
        if additional > capacity - count { grow(additional) }
    }

    private mutating func grow(_ additional: Int) {
        let newCapacity = max(capacity * 2, count + additional)
        let newBase = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        memcpy(newBase, base, count)
        base.deallocate()
        base = newBase
        capacity = newCapacity
    }
}

// The writer is the only owner of its memory, so moving it to another thread moves the memory with it.
extension ByteWriter: @unchecked Sendable {}
