// Reading the fields that the three dialects share, with the error each provider gives when one is missing
// or of the wrong type.

/// The top-level object of a request, read by its dialect's rules.
struct RequestFields {
    let dialect: Dialect
    let body: JSONValue

    /// The body must be an object.
    init(dialect: Dialect, body: JSONValue) throws(ProviderError) {
        guard body.members != nil else {
            throw .invalid("The body of the request must be a JSON object.")
        }
        self.dialect = dialect
        self.body = body
    }

    /// The value of a field; null counts as absent.
    subscript(key: String) -> JSONValue? {
        guard let value = body[key], !value.isNull else { return nil }
        return value
    }

    func model() throws(ProviderError) -> String {
        guard let value = self["model"] else { throw .missing("model", dialect: dialect) }
        guard let model = value.text, !model.isEmpty else {
            throw .wrongType("model", expected: "a string", dialect: dialect)
        }
        guard !model.hasPrefix(unknownModelPrefix) else {
            throw ProviderError(
                status: 404,
                message: dialect == .messages
                    ? "model: \(model)" : "The model `\(model)` does not exist or you do not have access to it.",
                code: "model_not_found")
        }
        return model
    }

    func flag(_ key: String) throws(ProviderError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let flag) = value else {
            throw .wrongType(key, expected: "a boolean", dialect: dialect)
        }
        return flag
    }

    func positiveInteger(_ key: String) throws(ProviderError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let number = value.integer, number >= 1 else {
            throw .wrongType(key, expected: "an integer of at least 1", dialect: dialect)
        }
        return number
    }

    func list(_ key: String) throws(ProviderError) -> [JSONValue]? {
        guard let value = self[key] else { return nil }
        guard let elements = value.elements else {
            throw .wrongType(key, expected: "an array", dialect: dialect)
        }
        return elements
    }

    /// A list of objects that must be there and not be empty.
    func messages(_ key: String) throws(ProviderError) -> [JSONValue] {
        guard let messages = try list(key) else { throw .missing(key, dialect: dialect) }
        guard !messages.isEmpty else {
            throw .invalid(
                dialect == .messages
                    ? "\(key): at least one message is required"
                    : """
                    Invalid '\(key)': empty array. Expected an array with minimum length 1, \
                    but got an empty array instead.
                    """,
                parameter: key, code: "empty_array")
        }
        return messages
    }
}

/// Any model name is served except those that begin like this: they show a client the provider's 404.
let unknownModelPrefix = "no-such-"
