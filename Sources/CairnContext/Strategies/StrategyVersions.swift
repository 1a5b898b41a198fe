// Which versions of the strategies a session was begun with. An upgrade of one applies to new sessions only: an old one
// sends again what it sent, and shortens no more.

enum StrategyVersions {
    /// Of all strategies of this build, by name: `argument-digest 1,exact-duplicates 1,...`.
    static let current: String = {
        let names = BirthStrategies.standard.strategies.map(\.name) + PromptShortener.epochStrategyNames
        return names.map { "\($0.name) \($0.version)" }.sorted().joined(separator: ",")
    }()

    /// Whether a session that was begun with these may go on shortening; one begun before any was kept may.
    static func allow(_ versions: String) -> Bool { versions.isEmpty || versions == current }
}
