// Head.swift: header fields as they came, and sets of names that are not passed on.
import CHTTP

/// The header fields of a request or an answer: order, case and spelling as sent. A view: valid while its call or fetch
/// is open, used on the loop's thread.
public struct Head {
    let handle: OpaquePointer

    public var count: Int { chttp_head_count(handle) }

    /// The first field of that name, which is given in lower case. No allocation.
    public func withValue<Result>(of lowerName: StaticString, _ read: (UnsafeRawBufferPointer) -> Result) -> Result? {
        var value = chttp_bytes()
        let name = chttp_bytes(
            data: UnsafeRawPointer(lowerName.utf8Start).assumingMemoryBound(to: CChar.self),
            length: lowerName.utf8CodeUnitCount)
        guard chttp_head_find(handle, name, &value) else { return nil }
        return read(value.buffer)
    }

    /// How many fields have that name, which is given in lower case.
    public func count(of lowerName: StaticString) -> Int {
        let wanted = UnsafeRawBufferPointer(start: lowerName.utf8Start, count: lowerName.utf8CodeUnitCount)
        var name = chttp_bytes()
        var value = chttp_bytes()
        return (0..<count).count { index in
            chttp_head_at(handle, index, &name, &value)
            return name.buffer.count == wanted.count && zip(name.buffer, wanted).allSatisfy { $0 | 0x20 == $1 | 0x20 }
        }
    }

    /// The first field of that name as text; the name is given in lower case.
    public func value(of lowerName: StaticString) -> String? {
        withValue(of: lowerName) { String(decoding: $0, as: UTF8.self) }
    }

    /// The first field of that name, in any case.
    public subscript(name: String) -> String? {
        var lower = name.lowercased()
        return lower.withUTF8 { bytes in
            var value = chttp_bytes()
            guard chttp_head_find(handle, chttp_bytes(UnsafeRawBufferPointer(bytes)), &value) else { return nil }
            return String(decoding: value.buffer, as: UTF8.self)
        }
    }

    /// All fields in wire order and case.
    public var fields: [(name: String, value: String)] {
        (0..<count).map { index in
            var name = chttp_bytes()
            var value = chttp_bytes()
            chttp_head_at(handle, index, &name, &value)
            return (String(decoding: name.buffer, as: UTF8.self), String(decoding: value.buffer, as: UTF8.self))
        }
    }
}

/// Header names (any case) that are not passed on; a name that ends in `*` stands for all that begin so.
public final class NameSet: @unchecked Sendable {
    // Sendable: immutable after init.
    let handle: OpaquePointer

    public init(_ names: [String]) {
        let copies = names.map { Array($0.utf8) }
        let all = copies.flatMap { $0 }
        handle = all.withUnsafeBytes { bytes in
            var at = 0
            let views = copies.map { copy in
                defer { at += copy.count }
                return chttp_bytes(UnsafeRawBufferPointer(rebasing: bytes[at..<at + copy.count]))
            }
            guard let made = chttp_names_new(views, views.count) else { preconditionFailure("out of memory") }
            return made
        }
    }

    deinit { chttp_names_free(handle) }
}

extension chttp_bytes {
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(data: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length: bytes.count)
    }

    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: length) }
}

/// Header lines `name: value CRLF`. Bytes that would end a line are dropped from values, so nothing can be smuggled in.
public func headerLines(_ fields: [(String, String)]) -> [UInt8] {
    var lines: [UInt8] = []
    for (name, value) in fields {
        lines.append(contentsOf: name.utf8)
        lines.append(contentsOf: [0x3a, 0x20])
        lines.append(contentsOf: value.utf8.filter { $0 != 0x0d && $0 != 0x0a && $0 != 0 })
        lines.append(contentsOf: [0x0d, 0x0a])
    }
    return lines
}
