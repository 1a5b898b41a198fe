// How the storage is, for /health, /metrics and the log.

/// A moment's view of a storage. Cheap to ask for; counts are since the start.
public struct StorageHealth: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case ready
        /// Nothing is written for this reason; tried again by itself. What was written can be read, if the file is open.
        case degraded(StoreError)
        case closed
    }

    public var state: State
    /// Records appended and not yet committed, and their estimated bytes.
    public var queuedRecords: Int
    public var queuedBytes: Int
    /// Records that will never be written: the queue was full, the storage closed, or the promise was broken.
    public var lostRecords: UInt64
    /// Records refused because others with their name are stored.
    public var conflictRecords: UInt64
    public var commits: UInt64
    /// Rows written by commits; what was already there does not count.
    public var writtenRows: UInt64
    /// Bytes of content in those rows, after compression.
    public var writtenBytes: UInt64
    /// Texts not yet in the search index.
    public var unindexedTexts: UInt64
    /// Bytes on disk: the database and its write-ahead log. 0 when not open.
    public var fileBytes: UInt64
    public var logBytes: UInt64

    public init(
        state: State, queuedRecords: Int = 0, queuedBytes: Int = 0, lostRecords: UInt64 = 0,
        conflictRecords: UInt64 = 0, commits: UInt64 = 0, writtenRows: UInt64 = 0, writtenBytes: UInt64 = 0,
        unindexedTexts: UInt64 = 0, fileBytes: UInt64 = 0, logBytes: UInt64 = 0
    ) {
        self.state = state
        self.queuedRecords = queuedRecords
        self.queuedBytes = queuedBytes
        self.lostRecords = lostRecords
        self.conflictRecords = conflictRecords
        self.commits = commits
        self.writtenRows = writtenRows
        self.writtenBytes = writtenBytes
        self.unindexedTexts = unindexedTexts
        self.fileBytes = fileBytes
        self.logBytes = logBytes
    }
}
