// Where a store lives and how patient it is. The defaults are for a gateway; tests make times short and failures sure.

/// Choices of a store.
public struct StoreOptions: Sendable {
    /// The folder of the file; made, for its owner only, when it is missing.
    public var folder: String
    /// How long after a failure writing is tried again.
    public var retryMilliseconds = 1000
    /// How long a commit waits for another process that holds SQLite's own lock on the file.
    public var busyMilliseconds = 250

    /// The migrations to apply, in order.
    var migrations = Migration.all
    /// SQLite's name of the layer that does the I/O; nil: the system's.
    var fileSystem: String?
    var limits = StoreLimits()

    public init(folder: String) { self.folder = folder }

    var path: String { folder + "/" + StoreFile.name }
}

/// The bounds of a store. A test gives smaller ones.
struct StoreLimits: Sendable {
    /// Estimated bytes of plain batches that wait to be written; further ones are lost, and counted.
    var queueBytesMax = 64 << 20
    /// The same with promised batches; beyond it their promises are broken at once.
    var promisedBytesMax = 256 << 20
    /// Plain and promised batches that wait.
    var queueBatchesMax = 65_536
    /// Records of one commit; a batch is never cut.
    var commitRecordsMax = 4_000
    /// Connections that read at one time; further readers wait.
    var readersMax = 8
    /// How long a reader waits for a connection.
    var readerWaitMilliseconds = 2_000
    /// How long the first record of a commit waits for others. With the commit itself it stays under 50 ms.
    var groupMilliseconds = 40
    /// A write-ahead log of this size is copied into the file between commits, also under load.
    var logBytesMax = 64 << 20
    /// How long the quick check at open may take, and the full one after a crash; what they have not read by then counts
    /// as sound.
    var quickCheckMillisecondsMax = 500
    var fullCheckMillisecondsMax = 10_000
    /// The plain text of a turn is cut here for search.
    var textBytesMax = 64 << 10
    /// Words of a search; further ones are left out.
    var searchWordsMax = 16
    /// Rows of one answer; hits of a search are as many at most.
    var pageRowsMax = 10_000
    /// Links of one lineage; a longer one is given from its end, incomplete.
    var lineageLinksMax = 100_000
    /// Bytes of a stored blob before compression; a larger size in a file is not believed.
    var blobBytesMax = 512 << 20
}
