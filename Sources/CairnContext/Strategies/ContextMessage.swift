// A message of a conversation in parts: what pairing, the drop of a middle and the library face work on.

/// One message.
public struct ContextMessage: Equatable, Sendable {
    public enum Role: UInt8, CaseIterable, Sendable {
        case system, user, assistant, tool
    }

    public var role: Role
    public var parts: [ContextPart]

    public init(_ role: Role, _ parts: [ContextPart]) {
        self.role = role
        self.parts = parts
    }

    var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }
    var holdsResults: Bool { parts.contains { $0.kind == .result } }
}
