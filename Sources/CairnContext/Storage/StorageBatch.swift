// What is appended at one time: a call's new turns with their blobs, or its line of the ledger. The room for work in
// progress; a storage writes many batches in one commit.

/// Records that are written together: after a crash either all of them are there or none.
public struct StorageBatch: Equatable, Sendable {
    public var blobs: [BlobRecord]
    public var sessions: [SessionRecord]
    public var links: [LinkRecord]
    /// Texts of links that are in this batch or were appended before.
    public var texts: [TurnText]
    public var calls: [CallRecord]
    public var decisions: [DecisionRecord]
    public var responses: [ResponseRecord]
    public var events: [EventRecord]

    public init(
        blobs: [BlobRecord] = [], sessions: [SessionRecord] = [], links: [LinkRecord] = [], texts: [TurnText] = [],
        calls: [CallRecord] = [], decisions: [DecisionRecord] = [], responses: [ResponseRecord] = [],
        events: [EventRecord] = []
    ) {
        self.blobs = blobs
        self.sessions = sessions
        self.links = links
        self.texts = texts
        self.calls = calls
        self.decisions = decisions
        self.responses = responses
        self.events = events
    }

    /// Records of all kinds.
    public var recordCount: Int {
        blobs.count + sessions.count + links.count + texts.count + calls.count + decisions.count + responses.count
            + events.count
    }

    /// About the memory the batch holds: its bytes and texts, and 256 for the fixed part of each record.
    public var estimatedBytes: Int {
        var bytes = recordCount * 256
        for blob in blobs { bytes += blob.bytes.count }
        for text in texts { bytes += text.text.utf8.count }
        for session in sessions { bytes += session.frozenFacts?.count ?? 0 }
        for call in calls { bytes += call.usage?.count ?? 0 }
        return bytes
    }
}

/// Told once whether a promised batch is durable: success means that it survives the end of the process however that
/// comes. It must return quickly and must not wait for the storage.
public typealias StoragePromise = @Sendable (Result<Void, StoreError>) -> Void
