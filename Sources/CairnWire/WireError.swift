// What this room refuses, and what it had to leave out: an error is the client's to mend, a loss is told and the call goes on.

/// A body that cannot be read or translated.
public struct WireError: Error, Equatable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// No JSON, or cut off.
        case notJSON
        /// JSON, but no request of the dialect: a member is missing or has the wrong type.
        case malformed
        /// The target dialect cannot express it, and leaving it out would change what the client asked for.
        case untranslatable
        /// A named limit would be exceeded.
        case tooBig
    }

    public let kind: Kind
    /// Where: a path as the client would write it, such as `messages[3].content[0].source`. Never content.
    public let path: String
    /// What is wrong and what to do, in one sentence without prompt text.
    public let reason: String

    public init(_ kind: Kind, at path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }
}

/// Something of a request or an answer that the other dialect has no place for. It was left out; the call went on.
public struct Loss: Sendable, Hashable {
    public enum Reason: UInt8, Sendable, CaseIterable {
        /// The target dialect has nothing like it.
        case noCounterpart = 1
        /// Only the provider that made it can read it (signatures, cipher text).
        case bound = 2
        /// This room does not know the member.
        case unknown = 3
        /// The target provider refuses it in this combination.
        case conflict = 4

        /// The name in the debug header and in metrics.
        public var name: String {
            switch self {
            case .noCounterpart: "no-counterpart"
            case .bound: "bound"
            case .unknown: "unknown"
            case .conflict: "conflict"
            }
        }
    }

    /// The member's name in the client's dialect: `logit_bias`, `thinking.signature`. A key, never a value.
    public var member: String
    public var reason: Reason

    public init(_ member: String, _ reason: Reason) {
        self.member = member
        self.reason = reason
    }
}
