// How often a volatile value changes. The strategies ask: what jitters from call to call must never stand before what
// is kept, what changes once a day may, at the price of one miss.

extension VolatileSpan.Kind {
    /// True for what differs in nearly every call or every run of the agent (clock, process, random identifier,
    /// reminder); false for what stays through most of a session and changes when the user moves on (date, working
    /// directory, git status, environment).
    public var isPerCall: Bool {
        switch self {
        case .clock, .process, .randomIdentifier, .reminder: true
        case .date, .workingDirectory, .gitStatus, .environment: false
        }
    }
}

extension VolatileSpan.Kind {
    /// For records and reports; stored, so a name never changes.
    public var name: String {
        switch self {
        case .clock: "clock"
        case .date: "date"
        case .workingDirectory: "working directory"
        case .gitStatus: "git status"
        case .environment: "environment"
        case .process: "process"
        case .randomIdentifier: "random identifier"
        case .reminder: "reminder"
        }
    }
}
