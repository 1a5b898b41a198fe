// The one error of storage: what any implementation reports, on the way in and on the way out.

import CairnCore

/// Why the storage could not do what it was asked. Never holds prompt text, keys or values of records.
public struct StoreError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The folder or file cannot be made or opened: missing rights, a wrong path.
        case cannotOpen
        /// The file, folder or file system may only be read.
        case readOnly
        /// Another process uses the file; it may be another Cairn with the same home.
        case locked
        /// No space is left, or a quota is used up.
        case full
        /// The disk failed.
        case inputOutput
        /// The file is damaged, or a blob is not what its digest says.
        case corrupt
        /// A newer program wrote the file.
        case newer(found: Int, known: Int)
        /// The file belongs to something else.
        case foreign
        /// Digests in the file were made by another rule.
        case otherFingerprints(found: Int, known: Int)
        /// A link is already stored with another emission, or a digest with other bytes: what is stored stands.
        case conflict(Fingerprint)
        /// Too much is waiting to be written.
        case queueFull
        /// All readers were busy for too long.
        case readersBusy
        case outOfMemory
        /// The storage was closed.
        case closed
        /// What the implementation did not foresee, with its own code.
        case unexpected(code: Int)
    }

    public var kind: Kind
    /// What was tried, and on which file.
    public var step: String

    public init(_ kind: Kind, step: String) {
        self.kind = kind
        self.step = step
    }
}

extension StoreError: CustomStringConvertible {
    /// One line: what was tried, what went wrong, what to do about it.
    public var description: String { "\(step): \(reason)" }

    private var reason: String {
        switch kind {
        case .cannotOpen: "cannot be opened or made; check the path and its rights"
        case .readOnly: "may only be read; make the folder and the file writable"
        case .locked: "is in use by another process; stop it, or give this one another home"
        case .full: "no space is left; free some, writing goes on by itself"
        case .inputOutput: "the disk reported an error; check it"
        case .corrupt: "is damaged; it is set aside at the next start"
        case .newer(let found, let known):
            "has version \(found) and this program knows \(known); use the newer program or another home"
        case .foreign: "is a database of another program; use another home"
        case .otherFingerprints(let found, let known):
            "has fingerprints of version \(found) and this program makes \(known); use another home"
        case .conflict(let digest): "\(digest) is already stored with other content, which stands"
        case .queueFull: "too much is waiting to be written"
        case .readersBusy: "all readers stayed busy; try again"
        case .outOfMemory: "out of memory"
        case .closed: "the store is closed"
        case .unexpected(let code): "unexpected status \(code)"
        }
    }
}
