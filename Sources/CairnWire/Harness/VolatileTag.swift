// The tags harnesses put around what they tell the model about a call: one table.

struct VolatileTag: Sendable {
    /// Whether a block is volatile as a whole.
    enum Content: Sendable {
        /// Always: it holds no instruction.
        case wholly
        /// If it is one line without another tag in it.
        case oneLine
        /// If it opens with one of ``VolatileTag/reminders``; else its lines are read by themselves.
        case reminder
    }

    var name: StaticString
    var kind: VolatileSpan.Kind
    var content: Content
    /// Whether it counts in front of a user's words, too.
    var isInUserTurns: Bool

    init(_ name: StaticString, _ kind: VolatileSpan.Kind, _ content: Content, isInUserTurns: Bool) {
        self.name = name
        self.kind = kind
        self.content = content
        self.isInUserTurns = isInUserTurns
    }

    /// Looked through for each `<` that opens a line.
    static let table: [VolatileTag] = [
        VolatileTag("system-reminder", .reminder, .reminder, isInUserTurns: true),
        // Codex: cwd, shell, date, zone, network and file system rules of the sandbox.
        VolatileTag("environment_context", .environment, .wholly, isInUserTurns: true),
        VolatileTag("environment_info", .environment, .wholly, isInUserTurns: true),
        // Claude Code and the many that follow its prompt: working directory, platform, date.
        VolatileTag("env", .environment, .wholly, isInUserTurns: false),
        VolatileTag("git_status", .gitStatus, .wholly, isInUserTurns: false),
        VolatileTag("cwd", .workingDirectory, .oneLine, isInUserTurns: false),
        VolatileTag("current_working_directory", .workingDirectory, .oneLine, isInUserTurns: false),
        VolatileTag("current_date", .date, .oneLine, isInUserTurns: false),
        VolatileTag("current_time", .clock, .oneLine, isInUserTurns: true),
        VolatileTag("current_datetime", .clock, .oneLine, isInUserTurns: true),
        // Claude Code 2.1: "<total_tokens>14999841 tokens left</total_tokens>", in every call another.
        VolatileTag("total_tokens", .reminder, .oneLine, isInUserTurns: true),
    ]

    /// How Claude Code's reminders open that repeat what the user never asked for. Others carry the user's own
    /// CLAUDE.md, the output of hooks, a plan mode's rules or skills: those are instructions, and stay.
    static let reminders: [StaticString] = [
        "<total_tokens>",
        "Token usage:",
        "USD budget:",
        "The TodoWrite tool hasn't been used recently",
        "The task tools haven't been used recently",
        "This is a reminder that your todo list is currently empty",
    ]
}
