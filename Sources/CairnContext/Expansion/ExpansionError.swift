// Why a handle does not lead to bytes. Holds no prompt text.

import CairnCore

/// What went wrong on the way from a handle to the original.
public enum ExpansionError: Error, Equatable, Sendable {
    /// No decision has this handle, or none that the asker may see: who asks is not told which.
    case unknownHandle
    /// The handle means other bytes in each of these sessions: one must be named.
    case manySessions([SessionIdentifier])
    /// Branches of one session gave the handle to several originals: one of these longer handles must be named.
    case manyOriginals([String])
    /// The part has only so many lines.
    case linesBeyond(lineCount: Int)
    /// The turn is not in the store.
    case turnMissing
    /// The turn's bytes are not in the store.
    case bytesMissing
    /// The stored bytes are no turn with such a part.
    case partMissing
    /// The part is there and is not what the decision was about.
    case originalDiffers
    case storage(StoreError)
}

extension ExpansionError: CustomStringConvertible {
    /// What happened and what to do, in one line.
    public var description: String {
        switch self {
        case .unknownHandle: "nothing is known under this handle"
        case .manySessions(let sessions):
            "it means different things in \(sessions.count) sessions; name one: "
                + Self.listed(sessions.map(\.description))
        case .manyOriginals(let handles):
            "it means \(handles.count) things in one session; ask for one of these handles: " + Self.listed(handles)
        case .linesBeyond(let lineCount): "the part has only the lines 1-\(lineCount)"
        case .turnMissing: "the turn it stood in is not in the store"
        case .bytesMissing: "the bytes of the turn it stood in are not in the store"
        case .partMissing: "the stored turn has no such part"
        case .originalDiffers: "the stored part is not the one that was left out"
        case .storage(let error): "\(error)"
        }
    }

    /// Of a longer list no more is shown.
    private static let shownMax = 8

    private static func listed(_ names: [String]) -> String {
        let more = names.count - shownMax
        return names.prefix(shownMax).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}
