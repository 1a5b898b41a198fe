// The one table from the gateway's own errors to the wire. Statuses follow RFC 9110 and RFC 6585; the Anthropic types
// are those of platform.claude.com/docs/en/api/errors and of the SDK's `ErrorType`; OpenAI's API has no closed list
// of types, and its SDK chooses the exception class by the status alone.

extension GatewayError {
    /// How one kind is shown.
    struct Row {
        let status: UInt16
        let code: StaticString
        let openAIType: StaticString
        let anthropicType: StaticString
        let side: Side
        let retry: Retry
        /// What happened and what to do; `{}` stands for the detail.
        let message: StaticString
    }
}

extension GatewayError.Kind {
    var row: GatewayError.Row {
        switch self {
        case .upstreamRefused:
            upstream(
                502, "upstream_refused", retry: .yes,
                "The upstream {} refused the connection or cannot be reached. Check that it runs and its URL is right."
            )
        case .upstreamNameNotFound:
            upstream(
                502, "upstream_name_not_found",
                "The host name of the upstream {} has no address. Check its URL and this machine's DNS.")
        case .upstreamTLS:
            upstream(
                502, "upstream_tls",
                "TLS with the upstream {} failed. Check its certificate, this machine's clock and its CA certificates.")
        case .upstreamConnectTimeout:
            upstream(
                504, "upstream_connect_timeout",
                "The upstream {} did not accept a connection in time. Check its URL and the network, then try again.")
        case .upstreamFirstByteTimeout:
            upstream(
                504, "upstream_first_byte_timeout",
                "The upstream {} did not begin to answer in time. Try again, or raise its first-byte timeout.")
        case .upstreamIdleTimeout:
            upstream(
                504, "upstream_idle_timeout",
                "The upstream {} stopped in the middle of its answer. Try again, or raise its idle timeout.")
        case .upstreamReset:
            upstream(
                502, "upstream_reset", retry: .onlyIfNothingSent,
                "The upstream {} closed the connection before it answered. Try again.")
        case .upstreamMalformed:
            upstream(
                502, "upstream_malformed",
                "The upstream {} answered with something that is not valid HTTP. Check that its URL names an HTTP API.")
        case .upstreamTruncated:
            upstream(
                502, "upstream_truncated",
                "The upstream {} closed the connection in the middle of its answer; what came is incomplete. Try again."
            )
        case .upstreamTooManyConnections:
            upstream(
                503, "upstream_too_many_connections", anthropicType: "overloaded_error",
                "All connections to the upstream {} are busy. Try again later, or raise its connection limit.")
        case .upstreamProxyRefused:
            upstream(
                502, "upstream_proxy_refused",
                "The forward proxy did not connect to the upstream {}. Check the proxy settings.")
        case .upstreamUnreadable:
            upstream(
                502, "upstream_unreadable",
                "The upstream answered with something that cannot be translated: {}. Check its URL and its dialect setting."
            )
        case .upstreamAnswerTooLarge:
            upstream(
                502, "upstream_answer_too_large",
                "The upstream's answer is larger than this gateway translates ({}). Ask for a stream.")

        case .badRequest:
            request(400, "bad_request", "The request cannot be read: {}.")
        case .badEncoding:
            request(400, "bad_encoding", "The request body does not match its Content-Encoding: {}.")
        case .unsupportedEncoding:
            request(
                415, "unsupported_encoding",
                "The body's Content-Encoding is not supported: {}. Send it plain, or as gzip, deflate, br or zstd."
            )
        case .bodyTooLarge:
            request(
                413, "body_too_large", type: "request_too_large",
                "The request body is larger than this gateway accepts ({}). Send less, or raise the body limit.")
        case .headersTooLarge:
            request(
                431, "headers_too_large", type: "request_too_large",
                "The request's header is larger than this gateway accepts ({}). Send fewer or shorter fields.")
        case .requestTimeout:
            request(408, "request_timeout", type: "timeout_error", "The request did not arrive in time. Send it again.")
        case .expectationFailed:
            request(
                417, "expectation_failed", "The Expect field asks for something other than 100-continue. Leave it out.")
        case .unknownMethod:
            request(501, "unknown_method", "This request method is not known. Use GET or POST.")
        case .unsupportedVersion:
            request(505, "unsupported_version", "This version of HTTP is not supported. Use HTTP/1.1.")
        case .foreignHost:
            request(
                403, "foreign_host", type: "permission_error",
                "The Host field names a host that is not this gateway. Use its own address, or --allow-host."
            )
        case .foreignOrigin:
            request(
                403, "foreign_origin", type: "permission_error",
                "The request comes from a web page of another origin. If that is wanted, use --allow-host."
            )
        case .adminKeyRequired:
            request(
                401, "admin_key_required", type: "authentication_error",
                "This path needs the gateway's admin key. Send it as `Authorization: Bearer KEY`.")
        case .unknownRoute:
            request(
                404, "unknown_route", type: "not_found_error",
                "There is nothing at this path. The API begins at /v1/, and /health tells how the gateway is.")
        case .methodNotAllowed:
            request(405, "method_not_allowed", "This path does not take this method. Use {}.")
        case .untranslatable:
            request(
                400, "untranslatable",
                "The request cannot be said in the API of the upstream that serves this model: {}.")
        case .unknownResponse:
            request(
                404, "response_not_found", type: "not_found_error",
                "There is no response {} for this key. Responses are kept for a time, unless store is false.")
        case .unknownPreviousResponse:
            request(
                400, "previous_response_not_found",
                "There is no previous response {} for this key. Send the whole input instead.")
        case .unknownHandle:
            request(
                404, "handle_not_found", type: "not_found_error",
                "There is nothing under the handle {} for this key. An old one is found with ?session= and its session."
            )
        case .ambiguousHandle:
            request(
                409, "handle_ambiguous", "The handle cannot be expanded: {}.")

        case .tooManyConnections:
            ours(
                503, "too_many_connections", anthropicType: "overloaded_error",
                "The gateway has as many connections open as it may ({}). Try again later.")
        case .draining:
            ours(
                503, "draining", anthropicType: "overloaded_error",
                "The gateway is shutting down. Try again in a moment.")
        case .outOfMemory:
            ours(
                503, "out_of_memory", anthropicType: "overloaded_error",
                "The gateway is out of memory. Try again later.")
        case .storeUnavailable:
            ours(
                503, "store_unavailable", anthropicType: "overloaded_error",
                "The gateway cannot read its store: {}. Try again later.")
        case .originalLost:
            ours(
                500, "original_lost", anthropicType: "api_error",
                "What was left out cannot be given back: {}. The gateway's log names the call.")
        case .internalFault:
            ours(
                500, "internal_fault", anthropicType: "api_error",
                "The gateway failed while it handled this call. Its log names the fault beside the id of the call.")
        }
    }

    private func upstream(
        _ status: UInt16, _ code: StaticString, retry: GatewayError.Retry = .no, anthropicType: StaticString? = nil,
        _ message: StaticString
    ) -> GatewayError.Row {
        GatewayError.Row(
            status: status, code: code, openAIType: "server_error",
            anthropicType: anthropicType ?? (status == 504 ? "timeout_error" : "api_error"),
            side: .upstream, retry: retry, message: message)
    }

    private func request(
        _ status: UInt16, _ code: StaticString, type: StaticString = "invalid_request_error", _ message: StaticString
    ) -> GatewayError.Row {
        GatewayError.Row(
            status: status, code: code, openAIType: type, anthropicType: type, side: .downstream, retry: .no,
            message: message)
    }

    private func ours(
        _ status: UInt16, _ code: StaticString, anthropicType: StaticString, _ message: StaticString
    ) -> GatewayError.Row {
        GatewayError.Row(
            status: status, code: code, openAIType: "server_error", anthropicType: anthropicType, side: .ours,
            retry: .no,
            message: message)
    }
}
