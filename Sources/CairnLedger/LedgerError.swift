// LedgerError.swift: the one error this room throws. Prices and usage objects come from outside: a user's file, a
// provider's answer. Both are refused with a reason, never half understood.

/// What the ledger refuses.
public struct LedgerError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// A price file; the line counts from 1.
        case priceFile(line: Int)
        /// A provider's usage object.
        case usage
    }

    public let kind: Kind
    /// What is wrong, without a value of the input that could be a secret.
    public let reason: String
}

extension LedgerError: CustomStringConvertible {
    public var description: String {
        switch kind {
        case .priceFile(let line): "price file, line \(line): \(reason)"
        case .usage: "usage: \(reason)"
        }
    }
}
