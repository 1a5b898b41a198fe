// Errors a provider tells, between the dialects: whole bodies of answers that are errors, and the last events of
// streams that break. The status decides the word; a few codes that clients act on are kept whatever the dialect.
//
// Facts: platform.claude.com/docs/en/api/errors (types and statuses), platform.openai.com/docs/guides/error-codes,
// api-docs.deepseek.com/quick_start/error_codes. What clients act on: Claude Code shortens its history when a 400 says
// "prompt is too long", Codex when a failed response has the code `context_length_exceeded`, aider by that code's text.

import CairnCore

/// An error a provider told in its own words.
public struct AnswerFailure: Sendable, Equatable {
    /// The provider's word for it (`overloaded_error`, `server_error`); empty if it gave none.
    public var type: String
    public var code: String?
    public var message: String
    /// The HTTP status it has, or would have had, for choosing the word of another dialect.
    public var status: UInt16

    public init(type: String, code: String? = nil, message: String, status: UInt16) {
        self.type = type
        self.code = code
        self.message = message
        self.status = status
    }

    /// More of an error body that is no error object of its dialect is not shown.
    static let messageBytesMax = 4096

    /// An event or a document of the upstream that cannot be read.
    static func malformed(_ what: String) -> AnswerFailure {
        AnswerFailure(type: "api_error", code: "upstream_malformed", message: what, status: 502)
    }

    /// An answer beyond a named limit.
    static func tooBig(_ what: String) -> AnswerFailure {
        AnswerFailure(type: "api_error", code: "answer_too_big", message: what, status: 502)
    }
}

/// The words of each dialect for an error, by its status.
enum AnswerFailureWords {
    /// Anthropic's closed list of types.
    static func messagesType(_ failure: AnswerFailure) -> StaticString {
        switch failure.status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        case 408, 504: "timeout_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }

    /// OpenAI has no closed list; these are the words its API uses.
    static func openAIType(_ failure: AnswerFailure) -> StaticString {
        switch failure.status {
        case 401: "authentication_error"
        case 402: "insufficient_quota"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "server_error"
        }
    }

    /// `error.code` of a failed responses object.
    static func responsesCode(_ failure: AnswerFailure) -> String {
        if failure.isContextTooLong { return contextTooLongCode }
        switch failure.status {
        case 429: return failure.code == "insufficient_quota" ? "insufficient_quota" : "rate_limit_exceeded"
        case 402: return "insufficient_quota"
        case 400..<500: return "invalid_prompt"
        default: return "server_error"
        }
    }

    /// `code` of OpenAI's error object.
    static func openAICode(_ failure: AnswerFailure) -> String? {
        failure.isContextTooLong ? contextTooLongCode : failure.code
    }

    /// The status in the dialect: 529 is Anthropic's own.
    static func status(_ status: UInt16, in dialect: Dialect) -> UInt16 {
        status == 529 && dialect != .messages ? 503 : status
    }

    /// The status an error type stands for where no HTTP status tells it: in the middle of a stream.
    static func status(ofType type: UnsafeRawBufferPointer) -> UInt16 {
        for (word, status) in statuses where type.equals(word) { return status }
        return 500
    }

    private static let statuses: [(StaticString, UInt16)] = [
        ("invalid_request_error", 400), ("invalid_prompt", 400), ("context_length_exceeded", 400),
        ("authentication_error", 401), ("billing_error", 402), ("insufficient_quota", 429),
        ("permission_error", 403), ("not_found_error", 404), ("request_too_large", 413), ("timeout_error", 504),
        ("rate_limit_error", 429), ("rate_limit_exceeded", 429), ("requests", 429), ("tokens", 429),
        ("overloaded_error", 529), ("server_is_overloaded", 503), ("service_unavailable", 503),
        ("insufficient_system_resource", 503),
    ]

    static let contextTooLongCode = "context_length_exceeded"
    /// How Anthropic's refusal of a prompt beyond the window begins.
    static let contextTooLongMessage = "prompt is too long"
}

extension AnswerFailure {
    /// The prompt does not fit the model's window, said in either provider's way.
    var isContextTooLong: Bool {
        code == AnswerFailureWords.contextTooLongCode || message.hasPrefix(AnswerFailureWords.contextTooLongMessage)
    }

    /// The `error` object's value in OpenAI's dialects.
    func appendOpenAI(to out: inout ByteWriter) {
        out.append("{\"error\":{\"message\":")
        appendQuoted(message, to: &out)
        out.append(",\"type\":\"")
        out.append(AnswerFailureWords.openAIType(self))
        out.append("\",\"param\":null,\"code\":")
        if let code = AnswerFailureWords.openAICode(self) {
            appendQuoted(code, to: &out)
        } else {
            out.append("null")
        }
        out.append("}}")
    }

    /// Anthropic's error object. A prompt that is too long is said in Anthropic's words.
    func appendMessages(to out: inout ByteWriter) {
        out.append("{\"type\":\"error\",\"error\":{\"type\":\"")
        out.append(AnswerFailureWords.messagesType(self))
        out.append("\",\"message\":")
        if isContextTooLong, !message.hasPrefix(AnswerFailureWords.contextTooLongMessage) {
            appendQuoted(AnswerFailureWords.contextTooLongMessage + ": " + message, to: &out)
        } else {
            appendQuoted(message, to: &out)
        }
        out.append("}}")
    }

    func append(in dialect: Dialect, to out: inout ByteWriter) {
        switch dialect {
        case .chat, .responses: appendOpenAI(to: &out)
        case .messages: appendMessages(to: &out)
        }
    }

    /// The last event of a stream that passes as it is; `sequenceNumber`: only responses has one. No `[DONE]` follows
    /// in chat: it would end the stream before the error in clients that look for it first.
    func appendEvent(in dialect: Dialect, sequenceNumber: Int, to out: inout ByteWriter) {
        switch dialect {
        case .chat:
            out.append("data: ")
            appendOpenAI(to: &out)
        case .messages:
            out.append("event: error\ndata: ")
            appendMessages(to: &out)
        case .responses:
            out.append("event: error\ndata: {\"type\":\"error\",\"code\":")
            appendQuoted(AnswerFailureWords.responsesCode(self), to: &out)
            out.append(",\"message\":")
            appendQuoted(message, to: &out)
            out.append(",\"param\":null,\"sequence_number\":")
            out.append(decimal: sequenceNumber)
            out.append("}")
        }
        out.append("\n\n")
    }

    private func appendQuoted(_ text: String, to out: inout ByteWriter) {
        out.append(byte: UInt8(ascii: "\""))
        out.append(contentOf: text)
        out.append(byte: UInt8(ascii: "\""))
    }

    /// Reads an error object: `{"message", "type", "code"}`, wherever a dialect puts it, or a string in its place.
    init(_ tape: borrowing JSONTape, _ node: Int, status: UInt16?) {
        let type = tape.content("type", of: node)
        let code = tape.content("code", of: node)
        let number = tape.integer("code", of: node).flatMap { (400..<600).contains($0) ? UInt16($0) : nil }
        let message = tape.content("message", of: node) ?? tape.content(node) ?? UnsafeRawBufferPointer(tape.raw(node))
        self.init(
            type: type?.contentText ?? "", code: code?.contentText, message: message.contentText,
            status: status ?? number
                ?? AnswerFailureWords.status(ofType: code.flatMap { $0.isEmpty ? nil : $0 } ?? type ?? message))
        if status == nil, number == nil, self.status == 500, let type {
            self.status = AnswerFailureWords.status(ofType: type)
        }
    }

    /// Reads the body of an answer with an error status. Anything but an error object becomes the message as it is.
    init(body: UnsafeRawBufferPointer, status: UInt16) {
        var tape = JSONTape()
        if (try? tape.parse(body)) != nil, let error = tape.member("error", of: 0), tape.kind(error) != .null {
            self.init(tape, error, status: status)
            return
        }
        let shown = UTF8Scan.boundary(in: body.assumingMemoryBound(to: UInt8.self), atMost: Self.messageBytesMax)
        let text = String(decoding: body.prefix(shown), as: UTF8.self)
        self.init(
            type: "", message: text.isEmpty ? "The provider answered with status \(status) and no body." : text,
            status: status)
    }
}
