// Something worth remembering that is no call and no turn: a mode changed, a strategy switched off, a start, an end.

/// An event, in words. Never prompt text, never a secret.
public struct EventRecord: Equatable, Sendable {
    /// Nanoseconds since 1970.
    public var wallNanoseconds: UInt64
    public var kind: String
    /// nil: it concerns no single session.
    public var session: SessionIdentifier?
    public var text: String

    public init(wallNanoseconds: UInt64, kind: String, session: SessionIdentifier?, text: String) {
        self.wallNanoseconds = wallNanoseconds
        self.kind = kind
        self.session = session
        self.text = text
    }
}
