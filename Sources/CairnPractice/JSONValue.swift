// A JSON document as a value: what the practice provider reads from a request and from a script, and what
// it builds its answers from. Key order is kept and numbers stay as they were spelled, because an answer
// may quote the request (tools, metadata, text format) and must quote it faithfully.

/// One JSON value. Keys of an object are in document order; a number is its own spelling.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The value of `key` in an object; nil when there is none or this is not an object.
    /// The last of repeated keys wins, as in the providers' own parsers.
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    var text: String? {
        if case .string(let value) = self { value } else { nil }
    }

    var elements: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    var members: [JSONMember]? {
        if case .object(let value) = self { value } else { nil }
    }

    var isTrue: Bool { self == .bool(true) }
    var isNull: Bool { self == .null }

    /// The number as an integer; nil for anything else, fractions and what exceeds 64 bits included.
    var integer: Int? {
        if case .number(let spelling) = self { Int(spelling) } else { nil }
    }

    static func integer(_ value: Int) -> JSONValue { .number(String(value)) }

    /// The same value with `key` left out at every level: how a prompt is compared without its cache marks.
    func removing(key: String) -> JSONValue {
        switch self {
        case .object(let members):
            .object(
                members.compactMap { member in
                    member.key == key ? nil : JSONMember(member.key, member.value.removing(key: key))
                })
        case .array(let elements): .array(elements.map { $0.removing(key: key) })
        default: self
        }
    }
}

/// A key and its value.
struct JSONMember: Sendable, Equatable {
    var key: String
    var value: JSONValue

    init(_ key: String, _ value: JSONValue) {
        self.key = key
        self.value = value
    }
}

// No nil literal: in `condition ? value : nil` it would silently mean null instead of "no value".
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember($0.0, $0.1) })
    }
}
