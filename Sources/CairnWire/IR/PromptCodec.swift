// The door of the request side. A dialect is a folder under Dialects/: a decode table (wire type to part), an encode table
// (part to wire), a table of settings, and the answer machines; what is alike in all of them stands beside this file.

import CairnCore

/// What an encoder wrote besides bytes.
public struct EncodingReport: Sendable {
    /// What the target dialect had no place for.
    public var losses: [Loss]

    public init() { losses = [] }
}

/// How one dialect reads and writes requests.
protocol PromptCodec {
    /// Reads a request.
    /// - Throws: `malformed` with the path of the first member that is no request of this dialect.
    static func decode(_ source: SourceDocument) throws(WireError) -> Prompt
    /// Writes a request. The bytes of a turn depend on that turn alone, so the prompt of a longer conversation extends the
    /// prompt of a shorter one: model, tools and system first, then turns, then settings.
    static func encode(_ prompt: Prompt, for upstream: UpstreamTraits, to out: inout ByteWriter) throws(WireError)
        -> EncodingReport
}
