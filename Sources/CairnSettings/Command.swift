// What the user asked the command to do. `Command.parse` is the door of this room.

/// One run of the command.
public enum Command: Equatable, Sendable {
    case serve(Settings)
    case practice(PracticeSettings)
    case demo(DemoSettings)
    case convert(ConvertSettings)
    case version
    case help(HelpTopic)
}

/// The settings of `cairn practice`, the upstream of our own.
public struct PracticeSettings: Equatable, Sendable {
    public var listen = ListenAddress(host: "127.0.0.1", port: 9100)
    /// Waited before the first byte of every answer.
    public var latencyMilliseconds = 0
    /// The pace of streams; nil: as fast as they are read.
    public var tokensPerSecond: Int?
    /// The name of a fault; the practice room knows which there are.
    public var fault: String?
    /// A file of scripted answers.
    public var scriptFile: String?
    /// The only dialect it speaks; nil: all.
    public var dialect: Dialect?
    /// Event loops, one a thread.
    public var threads = 1

    public init() {}
}

/// The settings of `cairn demo`.
public struct DemoSettings: Equatable, Sendable {
    public var mode = Mode.passthrough
    public var logLevel = LogLevel.error
    /// Event loops of the gateway that the demo starts.
    public var threads = 1

    public init() {}
}

/// The settings of `cairn context convert`: a recorded request body from one dialect into another.
public struct ConvertSettings: Equatable, Sendable {
    /// The file with the body; `-` is standard input.
    public var file: String
    /// The dialect to write.
    public var target: Dialect
    /// The dialect of the body; nil: it is recognised.
    public var source: Dialect?

    /// The largest body that is read, in bytes.
    public static let fileBytesMax = 268_435_456

    public init(file: String, target: Dialect, source: Dialect? = nil) {
        self.file = file
        self.target = target
        self.source = source
    }
}

/// What help was asked for.
public enum HelpTopic: String, CaseIterable, Sendable {
    /// The commands.
    case overview
    case serve, practice, demo, context, version
    /// The keys of the configuration file.
    case config
}
