// What can go wrong before the practice provider serves: a flag, a script, a port. The command prints the
// message in one line and exits with 2.

/// A problem with how the practice provider was started.
public struct PracticeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What happened, to which thing, and what to do.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
