// What can go wrong with a call, as values: the gateway's own failures and refusals. Errors that an upstream answers
// are not here: they pass unchanged. GatewayError+Table.swift says what each kind is on the wire, ErrorBody.swift
// writes it.

/// A failure of a call, or the refusal of one.
struct GatewayError: Error, Equatable, Sendable {
    let kind: Kind
    /// What the message is about, in our own words: an upstream's name, a limit, a reason. Never a key, never bytes of
    /// a prompt. Empty if the kind says it all.
    let detail: String

    init(_ kind: Kind, detail: String = "") {
        self.kind = kind
        self.detail = detail
    }

    /// Who has to act.
    enum Side: String, Sendable {
        case downstream, upstream, ours
    }

    /// Whether the gateway may send the request again.
    enum Retry: Sendable {
        case no, yes
        /// Yes, if not a byte of the request had been written.
        case onlyIfNothingSent
    }

    /// The kinds. Metrics index their tables with the raw values.
    enum Kind: UInt8, CaseIterable, Sendable {
        case upstreamRefused
        case upstreamNameNotFound
        case upstreamTLS
        case upstreamConnectTimeout
        case upstreamFirstByteTimeout
        case upstreamIdleTimeout
        case upstreamReset
        case upstreamMalformed
        case upstreamTruncated
        case upstreamTooManyConnections
        case upstreamProxyRefused
        case upstreamUnreadable
        case upstreamAnswerTooLarge

        case badRequest
        case badEncoding
        case unsupportedEncoding
        case bodyTooLarge
        case headersTooLarge
        case requestTimeout
        case expectationFailed
        case unknownMethod
        case unsupportedVersion
        case foreignHost
        case foreignOrigin
        case adminKeyRequired
        case unknownRoute
        case methodNotAllowed
        case untranslatable
        case unknownResponse
        case unknownPreviousResponse
        case unknownHandle
        case ambiguousHandle

        case tooManyConnections
        case draining
        case outOfMemory
        case storeUnavailable
        case originalLost
        case internalFault

        var side: Side { row.side }
        var retry: Retry { row.retry }
        /// The HTTP status of the answer, if none was sent yet.
        var status: UInt16 { row.status }
        /// The name in metrics, log lines and the `code` of OpenAI's envelope.
        var code: StaticString { row.code }
    }
}
