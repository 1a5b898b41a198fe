// A part of a conversation as the strategies see it: plain bytes and where they come from. The lineage makes one of
// each
// part of a turn; recorded sessions of coding agents have two to five hundred of 20 bytes to 200 KB.

/// One part of one turn.
public struct ContextPart: Equatable, Sendable {
    /// What the part is. Only results, arguments, an assistant's text and its thinking are ever shortened.
    public enum Kind: UInt8, CaseIterable, Sendable {
        case system, user, text, thinking, arguments, result
    }

    /// What may stand in the place of a part.
    public enum Substitute: UInt8, Sendable {
        case anything, text
        /// It stays as it is or goes whole: thinking that is signed.
        case nothing
    }

    public var kind: Kind
    /// The text as the model reads it; for arguments the JSON as it is sent.
    public var bytes: [UInt8]
    /// Of arguments and results; empty for other parts.
    public var toolName: String
    /// Of arguments and results: what pairs them.
    public var callID: String
    /// Of a result: the arguments of its call, as JSON; empty when they are not known.
    public var arguments: [UInt8]
    /// The client asked that this part be left alone.
    public var isKept: Bool
    public var substitute = Substitute.anything

    public init(
        _ kind: Kind, _ bytes: [UInt8], toolName: String = "", callID: String = "", arguments: [UInt8] = [],
        isKept: Bool = false
    ) {
        self.kind = kind
        self.bytes = bytes
        self.toolName = toolName
        self.callID = callID
        self.arguments = arguments
        self.isKept = isKept
    }
}
