// The last breaks of prefixes, for /health and `cairn status`: which session, why, and how long ago.

import CairnContext

/// One break of a prefix.
struct RecentBreak: Sendable, Equatable {
    let session: SessionIdentifier
    /// Without prompt text.
    let words: String
    let wallNanoseconds: UInt64
}

/// The newest breaks, the last one last.
struct RecentBreaks: Sendable {
    static let countMax = 8
    private(set) var breaks: [RecentBreak] = []

    mutating func add(_ one: RecentBreak) {
        if breaks.count >= Self.countMax { breaks.removeFirst() }
        breaks.append(one)
    }
}
