// Where the conversations of an account begin: the name in front of their first link. Conversations of different accounts,
// and of different dialects, never share a link; and whose a session is can be told from its root alone.

import CairnCore
import CairnWire

extension Fingerprint {
    /// The name in front of an account's conversations of one dialect.
    static func start(ofAccount account: Fingerprint, _ dialect: Dialect) -> Fingerprint {
        account.appending(turn: Fingerprint(high: UInt64(dialect.rawValue), low: UInt64(Fingerprint.version)))
    }
}

extension SessionRecord {
    /// Whether an account began this session; `rootTurn` is the digest of the turn at its root.
    func belongs(to account: Fingerprint, rootTurn: Fingerprint) -> Bool {
        guard let dialect = Dialect(name: dialect) else { return false }
        return Fingerprint.start(ofAccount: account, dialect).appending(turn: rootTurn) == root
    }
}
