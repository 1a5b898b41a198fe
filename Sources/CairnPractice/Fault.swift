// The faults a provider can be asked to show, for a whole run (`--fault`) or one call (`x-practice-fault`).

/// A way of failing. The raw value is the name on the command line and in the header.
public enum Fault: String, Sendable, CaseIterable {
    /// 429 with `retry-after: 7`.
    case rateLimit = "rate-limit"
    /// 500 in the dialect's envelope.
    case serverError = "server-error"
    /// 529 in Anthropic's envelope, whatever the dialect.
    case overloaded
    /// The connection is reset without an answer.
    case resetBeforeFirstByte = "reset-before-first-byte"
    /// The connection is reset in the middle of the answer.
    case resetMidStream = "reset-mid-stream"
    /// The answer starts after 5 s, or after the latency asked for.
    case slowFirstByte = "slow-first-byte"
    /// The answer stops in the middle until the client leaves.
    case stallMidStream = "stall-mid-stream"
    /// The body is half a document with a fitting length; a stream ends inside a data line.
    case truncatedJSON = "truncated-json"
    /// A stream ends without its last event ([DONE], message_stop, response.completed).
    case missingDone = "missing-done"
    /// Lines of a stream end with CR LF.
    case crlfLines = "crlf-lines"
    /// Comment lines stand between the events of a stream.
    case commentLines = "comment-lines"
    /// The text is one word of 2 MiB, in one data line.
    case hugeDataLine = "huge-data-line"
    /// Writes end inside multi-byte characters.
    case splitUTF8 = "split-utf8"
    /// A chunk size in the middle of the answer is no number.
    case badChunking = "bad-chunking"
    /// The end of the connection is the end of the body.
    case closeDelimited = "close-delimited"
    /// The body is compressed, asked for or not; a stream is flushed at every event.
    case gzipResponse = "gzip-response"

    /// All names, for messages and help.
    public static var names: String {
        allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// Bytes of text in the huge data line.
    static let hugeWordBytes = 2 << 20
    static let slowFirstByteMilliseconds: UInt64 = 5000
}
