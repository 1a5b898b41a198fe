// A response object that a client may ask for again by its id (`/v1/responses/{id}`, `previous_response_id`).

import CairnCore

/// Where a stored response is, and whose it is.
public struct ResponseRecord: Equatable, Sendable {
    public var id: String
    public var session: SessionIdentifier
    /// A hash of the key that made it. The key itself is never stored.
    public var ownerKeyHash: Fingerprint
    /// Nanoseconds since 1970.
    public var createdNanoseconds: UInt64
    /// Nanoseconds since 1970; nil: never. The storage deletes nothing by itself; who reads compares.
    public var expiresNanoseconds: UInt64?
    /// The blob with the response as it was sent to the client.
    public var blob: Fingerprint

    public init(
        id: String, session: SessionIdentifier, ownerKeyHash: Fingerprint, createdNanoseconds: UInt64,
        expiresNanoseconds: UInt64?, blob: Fingerprint
    ) {
        self.id = id
        self.session = session
        self.ownerKeyHash = ownerKeyHash
        self.createdNanoseconds = createdNanoseconds
        self.expiresNanoseconds = expiresNanoseconds
        self.blob = blob
    }
}
