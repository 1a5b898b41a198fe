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
