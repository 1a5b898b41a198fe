// What the user asked the command to do. `Command.parse` is the door of this room.

/// One run of the command.
public enum Command: Equatable, Sendable {
    case serve(Settings)
    case practice(PracticeSettings)
    case demo(DemoSettings)
    case convert(ConvertSettings)
    /// Tell what shortening would leave out of a recorded request.
    case shorten(ShortenSettings)
    case exportContext(ExportSettings)
    case prove(ProveSettings)
    /// Look for words in stored turns.
    case search(SearchSettings)
    /// Write what a marker left out.
    case expand(ExpandSettings)
    /// Tell why a prompt left otherwise than it came.
    case why(WhySettings)
    case report(ReportSettings)
    case status(StatusSettings)
    case backup(BackupSettings)
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
    /// The demo shows that bytes pass, and fails where one does not.
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

/// The settings of `cairn context export`: a stored conversation in the form of docs/ir.md.
public struct ExportSettings: Equatable, Sendable {
    public var home: String
    /// 32 hexadecimal digits.
    public var session: String

    public init(home: String, session: String) {
        self.home = home
        self.session = session
    }
}

/// The settings of `cairn prove`.
public struct ProveSettings: Equatable, Sendable {
    public var home: String
    /// 32 hexadecimal digits; nil: all sessions.
    public var session: String?

    public init(home: String, session: String? = nil) {
        self.home = home
        self.session = session
    }
}

/// The settings of `cairn report`.
public struct ReportSettings: Equatable, Sendable {
    public enum Format: String, CaseIterable, Sendable {
        case text, md, json, svg
    }

    /// Where the period begins; it ends now.
    public enum Since: Equatable, Sendable {
        case hoursAgo(Int)
        /// A day in UTC, as `2026-11-01`; whether the calendar has it is not checked yet.
        case day(String)
    }

    public var home: String
    /// 32 hexadecimal digits; nil: all sessions.
    public var session: String?
    /// nil: everything the store has.
    public var since: Since?
    public var format = Format.text

    public init(home: String) { self.home = home }
}

/// The settings of `cairn status`: how to reach the running gateway.
public struct StatusSettings: Equatable, Sendable {
    public var address = Settings.listenDefault
    public var usesTLS = false
    public var adminKey: Secret?
    /// Show it once, also on a terminal.
    public var isOnce = false

    public init() {}
}

/// The settings of `cairn context shorten`.
public struct ShortenSettings: Equatable, Sendable {
    /// The file with the body; `-` is standard input.
    public var file: String
    /// The dialect of the body; nil: it is recognised.
    public var source: Dialect?
    /// The named price book that decides what pays.
    public var book = ShortenSettings.bookDefault

    public static let bookDefault = "anthropic"
}

/// The settings of `cairn search`.
public struct SearchSettings: Equatable, Sendable {
    public var home: String
    public var words: String
    /// 32 hexadecimal digits; nil: all sessions.
    public var session: String?
    /// Hits shown.
    public static let hitsMax = 20
}

/// The settings of `cairn expand`.
public struct ExpandSettings: Equatable, Sendable {
    public var home: String
    /// What a marker shows: 4 to 26 of its characters.
    public var handle: String
    /// 32 hexadecimal digits; nil: whichever has the handle.
    public var session: String?
    /// Counted from 1; nil: all of them.
    public var lines: ClosedRange<Int>?

    public init(home: String, handle: String, session: String? = nil, lines: ClosedRange<Int>? = nil) {
        self.home = home
        self.handle = handle
        self.session = session
        self.lines = lines
    }
}

/// The settings of `cairn why`.
public struct WhySettings: Equatable, Sendable {
    public enum Subject: Equatable, Sendable {
        case handle(String)
        /// The identifier of a call, as in `x-cairn-call`.
        case call(String)
    }

    public var home: String
    public var subject: Subject
    /// 32 hexadecimal digits; nil: all sessions.
    public var session: String?

    public init(home: String, subject: Subject, session: String? = nil) {
        self.home = home
        self.subject = subject
        self.session = session
    }
}

/// The settings of `cairn backup`.
public struct BackupSettings: Equatable, Sendable {
    public var home: String
    /// nil: a name with the time, in the home.
    public var path: String?

    public init(home: String, path: String? = nil) {
        self.home = home
        self.path = path
    }
}

/// What help was asked for.
public enum HelpTopic: String, CaseIterable, Sendable {
    /// The commands.
    case overview
    case serve, practice, demo, status, report, prove, search, expand, why, backup, context, version
    /// The keys of the configuration file.
    case config
}
