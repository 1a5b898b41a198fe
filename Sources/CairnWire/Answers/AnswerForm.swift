// What a writer of answers needs of the call, in the form it is written in: made once an answer from the context, so
// that nothing is looked up or quoted while a stream runs.

import CairnCore

struct AnswerForm: Sendable {
    /// Who made the opaque state of thinking.
    let origin: Dialect
    /// The JSON string of the name the client asked for; nil: the upstream's own.
    let model: [UInt8]?
    let includesUsage: Bool
    let createdSeconds: Int64
    /// Members of a responses object besides the ones that the answer decides, each with a comma in front.
    let echo: [UInt8]
    /// 32 hexadecimal digits of the call's nonce.
    private let nonceDigits: [UInt8]

    init(_ context: AnswerContext, origin: Dialect, client: Dialect) {
        self.origin = origin
        model = context.model.map { model in context.source.withBytes(of: model) { Array($0) } }
        includesUsage = context.includesUsage
        createdSeconds = context.createdSeconds
        echo = client == .responses ? ResponsesEcho.members(of: context) : []
        nonceDigits = Self.digits(context.nonce.0) + Self.digits(context.nonce.1)
    }

    private static func digits(_ value: UInt64) -> [UInt8] {
        let alphabet = Array("0123456789abcdef".utf8)
        return stride(from: UInt64(60), through: 0, by: -4).map { alphabet[Int(value >> $0 & 15)] }
    }

    /// The answer's own identifier, as the dialects form it: `chatcmpl-…`, `msg_…`, `resp_…`.
    func appendIdentifier(_ prefix: StaticString, to out: inout ByteWriter) {
        out.append(prefix)
        out.append(nonceDigits)
    }

    /// The identifier of the answer's item or call with this index: `rs_…`, `fc_…`, `msg_…`, `call_…`.
    func appendIdentifier(_ prefix: StaticString, index: Int, to out: inout ByteWriter) {
        appendIdentifier(prefix, to: &out)
        out.append(decimal: UInt64(index), digits: 4)
    }

    /// The answer's model, quoted: what the client asked for, or what the upstream told, or an empty name.
    func appendModel(upstream: UnsafeRawBufferPointer?, to out: inout ByteWriter) {
        if let model {
            out.append(model)
            return
        }
        out.append(byte: UInt8(ascii: "\""))
        if let upstream { out.append(upstream) }
        out.append(byte: UInt8(ascii: "\""))
    }

    func appendModel(upstream: [UInt8]?, to out: inout ByteWriter) {
        guard let upstream else { return appendModel(upstream: nil as UnsafeRawBufferPointer?, to: &out) }
        upstream.withUnsafeBytes { appendModel(upstream: $0, to: &out) }
    }

    /// Opaque state of thinking (a content) as a client of `dialect` may hold it: its own as it is, another
    /// provider's in the carrying form, which says whose it is even if there is none.
    func appendOpaque(
        _ content: [UInt8], for dialect: Dialect, isRedacted: Bool = false, to out: inout ByteWriter
    ) {
        if origin == dialect { return out.append(content) }
        let text = content.withUnsafeBytes { $0.contentText }
        out.append(contentOf: CarriedThinking.wrap(text, of: origin, isRedacted: isRedacted))
    }

    /// A call's identifier as a content: the upstream's if the client's dialect takes it, else one made of it, or of
    /// the nonce if there is none.
    func appendCallIdentifier(
        _ upstream: UnsafeRawBufferPointer, index: Int, for dialect: Dialect, to out: inout ByteWriter
    ) {
        if upstream.isEmpty {
            return appendIdentifier(CallIdentifierRule.prefix(dialect), index: index, to: &out)
        }
        if CallIdentifierRule.allows(upstream, in: dialect) { return out.append(upstream) }
        out.append(CallIdentifierRule.prefix(dialect))
        out.append(ToolNames.digest(of: upstream.assumingMemoryBound(to: UInt8.self)))
    }
}

/// Which identifiers of tool calls a dialect takes.
enum CallIdentifierRule {
    /// OpenAI refuses a longer `call_id` of a responses item.
    static let responsesBytesMax = 64

    static func prefix(_ dialect: Dialect) -> StaticString { dialect == .messages ? "toolu_" : "call_" }

    /// Messages: `^[a-zA-Z0-9_-]+$` (the pattern in Anthropic's own refusal); responses: at most 64 characters; chat:
    /// any.
    static func allows(_ content: UnsafeRawBufferPointer, in dialect: Dialect) -> Bool {
        switch dialect {
        case .chat: true
        case .responses: content.count <= responsesBytesMax
        case .messages: ToolNames.isPlain(content.assumingMemoryBound(to: UInt8.self))
        }
    }
}
