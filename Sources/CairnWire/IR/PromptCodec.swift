// The door of the request side. A dialect is a folder under Dialects/: a decode table (wire type to part), an encode table
// (part to wire), a table of settings, and the answer machines; what is alike in all of them stands in Requests/.
//
//     let prompt = try Prompt(reading: SourceDocument(parsing: body), dialect: .messages)
//     let report = try prompt.encode(for: UpstreamTraits(.deepseek, dialect: .chat), to: &out)

import CairnCore

/// What an encoder wrote besides bytes.
public struct EncodingReport: Sendable {
    /// One kind of loss and how often it happened.
    public struct CountedLoss: Sendable, Hashable {
        public var loss: Loss
        public var count: Int
    }

    /// A tool that was offered to the model under another name than the client's, since the target has no namespaces or
    /// refuses the name. All three are JSON strings.
    public struct ToolAlias: Sendable, Hashable {
        public var sent: RawJSON
        public var name: RawJSON
        public var namespace: RawJSON?
    }

    /// What the target dialect had no place for, in the order it was met first.
    public private(set) var losses: [CountedLoss] = []
    /// How calls of renamed tools find back.
    public var aliases: [ToolAlias] = []

    public init() {}

    mutating func add(_ loss: Loss) {
        if let index = losses.firstIndex(where: { $0.loss == loss }) {
            losses[index].count += 1
        } else {
            losses.append(CountedLoss(loss: loss, count: 1))
        }
    }
}

/// How one dialect reads and writes requests.
protocol PromptCodec {
    /// The members of a request that are neither model, tools nor turns.
    static var settings: SettingsTable { get }
    /// Reads a request.
    /// - Throws: `malformed` with the path of the first member that is no request of this dialect.
    static func decode(_ source: SourceDocument) throws(WireError) -> Prompt
    /// Writes a request. The bytes of a turn depend on that turn and those before it alone, so the prompt of a longer
    /// conversation extends the prompt of a shorter one: model, tools and system first, then turns, then settings.
    /// - Throws: `untranslatable` with the path of what the dialect cannot express.
    static func encode(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError)
}

extension Dialect {
    /// The one table of codecs.
    var codec: any PromptCodec.Type {
        switch self {
        case .chat: ChatCodec.self
        case .responses: ResponsesCodec.self
        case .messages: MessagesCodec.self
        }
    }
}

extension Prompt {
    /// Reads a request body of `dialect`. Views look at `source`, which is kept.
    /// - Throws: `malformed` with the path of the first member that is no request of the dialect.
    /// - Complexity: one walk over the tape.
    public init(reading source: SourceDocument, dialect: Dialect) throws(WireError) {
        self = try dialect.codec.decode(source)
    }

    /// Writes this request in the dialect of `upstream`. When it is the one the prompt was read from, every turn, part,
    /// tool and setting that still has its `element` leaves as it came.
    /// - Throws: `untranslatable` with a path; `out` then holds the front of a request.
    /// - Complexity: one pass over what is written.
    public func encode(
        for upstream: UpstreamTraits, to out: inout ByteWriter
    ) throws(WireError) -> EncodingReport {
        var writer = PromptWriter(out: out, prompt: self, upstream: upstream)
        do {
            try upstream.dialect.codec.encode(self, to: &writer)
        } catch {
            out = writer.out
            throw error
        }
        let report = writer.report
        out = writer.out
        return report
    }
}
