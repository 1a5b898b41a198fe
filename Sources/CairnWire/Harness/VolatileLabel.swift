// The labels in front of volatile values, one row each: what it says, what must follow, where it counts. The scanner
// asks the rows of one first letter; a text without such words costs one look at a mask for each line.

/// Where a label counts.
struct LabelPlaces: OptionSet, Sendable {
    let rawValue: UInt8

    /// At the start of a line of a system or developer text.
    static let systemLine = LabelPlaces(rawValue: 1)
    /// Also at the start of a sentence there.
    static let systemSentence = LabelPlaces(rawValue: 2)
    /// In the lines a harness puts in front of what the user wrote, if nothing else stands in the line.
    static let userHead = LabelPlaces(rawValue: 4)
    /// At the very start of a user's text even if the user goes on in the same line; then the value alone.
    static let userStart = LabelPlaces(rawValue: 8)
    /// In a block of the harness inside a user's turn, if nothing else stands in the line.
    static let block = LabelPlaces(rawValue: 16)
    /// There, even if the line goes on; then the value alone.
    static let blockSentence = LabelPlaces(rawValue: 64)
    /// In the last two lines of a user's text, for a harness that adds some there.
    static let userTail = LabelPlaces(rawValue: 32)
}

struct VolatileLabel: Sendable {
    /// What must stand behind the label.
    enum Shape: Sendable {
        /// A date or a time (`date` or `clock`).
        case moment
        /// The same, or seconds since 1970.
        case momentOrEpoch
        /// Starts with `/`, `~`, or a drive letter.
        case path
        /// Up to ten digits.
        case process
        /// At least eight characters without a blank, with a digit.
        case identifier
        /// One word, alone in its line.
        case word
        /// `name=value` pairs, to the end of the line.
        case pairs
        /// The name of an operating system and what follows in the line.
        case platform
    }

    /// Lower case, without what separates it from the value.
    var words: StaticString
    var shape: Shape
    var kind: VolatileSpan.Kind
    var places: LabelPlaces

    init(_ words: StaticString, _ shape: Shape, _ kind: VolatileSpan.Kind, _ places: LabelPlaces) {
        self.words = words
        self.shape = shape
        self.kind = kind
        self.places = places
    }

    /// Rows whose words start with this letter (lower case, ASCII).
    static func rows(startingWith unit: UInt32) -> ArraySlice<VolatileLabel> {
        guard mask & (1 << (unit & 31)) != 0 else { return [] }
        return byLetter[Int(starts[Int(unit & 31)])..<Int(starts[Int(unit & 31) + 1])]
    }

    /// Whether a word that starts so can be a label.
    @inline(__always)
    static func canStart(_ unit: UInt32) -> Bool {
        SpelledText.isLetter(unit) && mask & (1 << (unit & 31)) != 0
    }

    private static let byLetter = table.enumerated().sorted {
        ($0.element.words.utf8Start[0], $0.offset) < ($1.element.words.utf8Start[0], $1.offset)
    }.map(\.element)
    /// `starts[n]` is the first row of letter n (a is 1).
    private static let starts: [UInt8] = (0...32).map { letter in
        UInt8(byLetter.firstIndex { Int($0.words.utf8Start[0] & 31) >= letter } ?? byLetter.count)
    }
    private static let mask: UInt32 = table.reduce(0) { $0 | 1 << UInt32($1.words.utf8Start[0] & 31) }

    private static let anywhere: LabelPlaces = [.systemLine, .systemSentence, .userHead, .block]

    /// Sources: Claude Code's environment section, date and reminders; Codex's environment_context; OpenClaw's
    /// system-prompt.ts and current-time.ts; Hermes' system_prompt.py; the labels that deeplossless and TELOS look for.
    private static let table: [VolatileLabel] = [
        // Clocks. The kind of a moment follows from what is read: `date` here only names the usual one.
        VolatileLabel("current time", .momentOrEpoch, .clock, [anywhere, .userStart, .userTail]),
        VolatileLabel("the current time", .momentOrEpoch, .clock, [.systemLine, .systemSentence, .block]),
        VolatileLabel("current date and time", .moment, .clock, [anywhere, .userStart]),
        VolatileLabel("the current date and time", .moment, .clock, [.systemLine, .systemSentence, .block]),
        VolatileLabel("current date/time", .moment, .clock, [anywhere, .userStart]),
        VolatileLabel("current datetime", .moment, .clock, [anywhere, .userStart]),
        VolatileLabel("the current datetime", .moment, .clock, [.systemLine, .systemSentence, .block]),
        VolatileLabel("current timestamp", .momentOrEpoch, .clock, anywhere),
        VolatileLabel("current utc time", .momentOrEpoch, .clock, anywhere),
        VolatileLabel("current local time", .momentOrEpoch, .clock, anywhere),
        VolatileLabel("reference utc", .moment, .clock, [.systemLine, .userTail]),
        VolatileLabel("local time", .moment, .clock, .systemLine),
        VolatileLabel("utc time", .moment, .clock, .systemLine),
        VolatileLabel("system time", .momentOrEpoch, .clock, .systemLine),
        VolatileLabel("timestamp", .momentOrEpoch, .clock, .systemLine),
        VolatileLabel("unix time", .momentOrEpoch, .clock, .systemLine),
        VolatileLabel("unix timestamp", .momentOrEpoch, .clock, .systemLine),
        VolatileLabel("generated at", .moment, .clock, .systemLine),
        VolatileLabel("session started", .moment, .clock, .systemLine),
        VolatileLabel("session start time", .moment, .clock, .systemLine),
        VolatileLabel("conversation started", .moment, .date, .systemLine),

        // Dates.
        VolatileLabel("today's date", .moment, .date, anywhere),
        VolatileLabel("the date has changed. today's date", .moment, .date, [.systemLine, .blockSentence]),
        VolatileLabel("today", .moment, .date, [.systemLine, .systemSentence, .block]),
        VolatileLabel("current date", .moment, .date, anywhere),
        VolatileLabel("the current date", .moment, .date, [.systemLine, .systemSentence, .block]),

        // Working directories. A user who names one means it, so they never count in a user's own words.
        VolatileLabel("working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("primary working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("additional working directories", .path, .workingDirectory, .systemLine),
        VolatileLabel("current working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("your working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("your current working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("the current working directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("cwd", .path, .workingDirectory, .systemLine),
        VolatileLabel("workspace root folder", .path, .workingDirectory, .systemLine),
        VolatileLabel("workspace folder", .path, .workingDirectory, .systemLine),
        VolatileLabel("workspace path", .path, .workingDirectory, .systemLine),
        VolatileLabel("project directory", .path, .workingDirectory, .systemLine),
        VolatileLabel("sandbox workspace", .path, .workingDirectory, .systemLine),

        // Git, outside of the snapshots that GitSnapshot reads.
        VolatileLabel("current branch", .word, .gitStatus, .systemLine),
        VolatileLabel("git branch", .word, .gitStatus, .systemLine),
        VolatileLabel("git commit", .word, .gitStatus, .systemLine),
        VolatileLabel("git head", .word, .gitStatus, .systemLine),

        // The machine.
        VolatileLabel("is a git repository", .word, .environment, .systemLine),
        VolatileLabel("is directory a git repo", .word, .environment, .systemLine),
        VolatileLabel("os version", .platform, .environment, .systemLine),
        VolatileLabel("runtime", .pairs, .environment, .systemLine),

        // Processes.
        VolatileLabel("session pid", .process, .process, [.systemLine, .userHead]),
        VolatileLabel("server pid", .process, .process, .systemLine),
        VolatileLabel("pid", .process, .process, .systemLine),
        VolatileLabel("parent pid", .process, .process, .systemLine),
        VolatileLabel("ppid", .process, .process, .systemLine),
        VolatileLabel("process id", .process, .process, .systemLine),
        VolatileLabel("parent process id", .process, .process, .systemLine),

        // Random identifiers.
        VolatileLabel("session id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("session_id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("conversation id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("thread id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("request id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("request_id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("trace id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("correlation id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("invocation id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("run id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("turn id", .identifier, .randomIdentifier, .systemLine),
        VolatileLabel("nonce", .identifier, .randomIdentifier, .systemLine),
        // Claude Code's attribution line: "cc_version=...; cc_entrypoint=cli; cch=fa690;", another cch in each call.
        VolatileLabel("x-anthropic-billing-header", .pairs, .randomIdentifier, .systemLine),
    ]
}
