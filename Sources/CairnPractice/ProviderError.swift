// A refusal, and how each provider words it on the wire: OpenAI and DeepSeek as {"error":{message, type,
// param, code}}, Anthropic as {"type":"error","error":{type, message},"request_id"}.

struct ProviderError: Error, Equatable {
    var status: Int
    var message: String
    /// The parameter at fault, where OpenAI names one.
    var parameter: String?
    var code: String?
    var retryAfterSeconds: Int?

    static func invalid(_ message: String, parameter: String? = nil, code: String? = nil) -> ProviderError {
        ProviderError(status: 400, message: message, parameter: parameter, code: code)
    }

    /// A required field that is not there, in the provider's own words.
    static func missing(_ parameter: String, dialect: Dialect) -> ProviderError {
        switch dialect {
        case .messages:
            invalid("\(parameter): Field required")
        case .chat, .responses:
            invalid(
                "Missing required parameter: '\(parameter)'.", parameter: parameter,
                code: "missing_required_parameter")
        }
    }

    static func wrongType(_ parameter: String, expected: String, dialect: Dialect) -> ProviderError {
        switch dialect {
        case .messages:
            invalid("\(parameter): Input should be \(expected)")
        case .chat, .responses:
            invalid(
                "Invalid type for '\(parameter)': expected \(expected).", parameter: parameter, code: "invalid_type")
        }
    }

    static func notJSON(_ cause: JSONError) -> ProviderError {
        invalid(
            "We could not parse the JSON body of your request: \(cause.reason) at byte \(cause.offset).")
    }

    func body(family: ProviderFamily, requestID: String) -> [UInt8] {
        family.document(family == .anthropic ? anthropicEnvelope(requestID: requestID) : openAIEnvelope)
    }

    private var openAIEnvelope: JSONValue {
        let type =
            switch status {
            case 429: "requests"
            case 500...: "server_error"
            default: "invalid_request_error"
            }
        return [
            "error": [
                "message": .string(message),
                "type": .string(type),
                "param": parameter.map { .string($0) } ?? .null,
                "code": code.map { .string($0) } ?? .null,
            ]
        ]
    }

    private func anthropicEnvelope(requestID: String) -> JSONValue {
        let type =
            switch status {
            case 401: "authentication_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 529: "overloaded_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        return [
            "type": "error",
            "error": ["type": .string(type), "message": .string(message)],
            "request_id": .string(requestID),
        ]
    }
}
