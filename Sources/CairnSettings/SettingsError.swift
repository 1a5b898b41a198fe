// The one error of this room: where a bad setting stands (a flag, a variable, a line of the
// configuration file) and what is wrong with it. The command prints `description`, which is always
// exactly one line, and exits with 2. Nothing in this room puts a secret into an error: keys and
// URLs are never quoted, other values are.

/// What is wrong with the command line, the environment or the configuration file.
public struct SettingsError: Error, Equatable, Sendable {
    /// Where the bad value stands; nil when the trouble is not in one place (for instance, HOME is
    /// not set).
    public let place: SettingsPlace?
    /// What is wrong and what is expected, without a final full stop. May hold control characters;
    /// `description` does not.
    public let reason: String

    public init(_ reason: String, at place: SettingsPlace? = nil) {
        self.place = place
        self.reason = reason
    }

    /// The same error, said of `place` if it does not have one yet.
    func placed(at place: SettingsPlace) -> SettingsError {
        SettingsError(reason, at: self.place ?? place)
    }
}

/// Where a setting was given.
public enum SettingsPlace: Equatable, Sendable {
    /// A flag of the command line, as written in help: `--listen`.
    case argument(String)
    /// A variable of the environment: `CAIRN_LISTEN`.
    case environment(String)
    /// A line of the configuration file, counted from 1, and the key's path: `upstreams[1].url`;
    /// empty for the file as a whole.
    case file(path: String, line: Int, key: String)
}

extension SettingsError: CustomStringConvertible {
    /// One line of text: place, colon, reason; control characters are written as `\u{..}`.
    public var description: String {
        guard let place else { return SettingsText.singleLine(reason) }
        return SettingsText.singleLine("\(place): \(reason)")
    }
}

extension SettingsPlace: CustomStringConvertible {
    public var description: String {
        switch self {
        case .argument(let flag): flag
        case .environment(let variable): variable
        case .file(let path, let line, let key): key.isEmpty ? "\(path):\(line)" : "\(path):\(line): \(key)"
        }
    }
}
