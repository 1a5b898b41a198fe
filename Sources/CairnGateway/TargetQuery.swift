// The query of a request's target, for the routes that the gateway answers itself. Their values are words and numbers, which
// nobody percent-encodes, so they are read as they stand.

import CairnCore

/// `name=value` pairs with `&` between them.
struct TargetQuery: Equatable, Sendable {
    private let text: String

    /// Of what stands behind the question mark of a target.
    init(of target: UnsafeRawBufferPointer) {
        let mark = target.firstIndex(of: UInt8(ascii: "?"))
        text = mark.map { String(decoding: target[($0 + 1)...], as: UTF8.self) } ?? ""
    }

    /// The first value of that name; nil: there is none.
    subscript(name: String) -> String? {
        text.split(separator: "&").first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
}
