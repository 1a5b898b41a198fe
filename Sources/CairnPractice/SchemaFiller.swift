// Invents a small JSON value that fits a JSON schema: the arguments of a practised tool call, or a whole
// answer where the request asked for structured output. Covers what tools use in practice: types, enums,
// constants, bounds, nested objects and arrays, unions and local references.

struct SchemaFiller {
    /// Levels of nested schemas followed before an empty value ends the recursion.
    static let depthMax = 16

    /// The schema that local references (`#/$defs/...`) point into.
    let root: JSONValue
    /// What to put into a string by the name of its property.
    let hints: ArgumentHints

    /// A value for the whole schema.
    func value() -> JSONValue {
        value(for: root, name: "", depth: 0)
    }

    private func value(for schema: JSONValue, name: String, depth: Int) -> JSONValue {
        guard depth < Self.depthMax else { return .null }
        if let constant = schema["const"] { return constant }
        if let choices = schema["enum"]?.elements, let first = choices.first { return first }
        if let preset = schema["default"], !preset.isNull { return preset }
        if let reference = schema["$ref"]?.text {
            return value(for: resolved(reference), name: name, depth: depth + 1)
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let choice = schema[key]?.elements?.first(where: { $0["type"] != "null" }) {
                return value(for: choice, name: name, depth: depth + 1)
            }
        }
        switch type(of: schema) {
        case "object": return object(schema, depth: depth)
        case "array": return array(schema, name: name, depth: depth)
        case "integer": return .integer(bounded(schema, preferred: hints.number(for: name)))
        case "number": return .integer(bounded(schema, preferred: hints.number(for: name)))
        case "boolean": return false
        case "null": return .null
        default: return .string(text(schema, name: name))
        }
    }

    /// Required properties; the first one where none is required, so that the call says something.
    private func object(_ schema: JSONValue, depth: Int) -> JSONValue {
        let properties = schema["properties"]?.members ?? []
        let required = schema["required"]?.elements?.compactMap(\.text) ?? []
        let named = properties.filter { required.contains($0.key) }
        let chosen = named.isEmpty ? Array(properties.prefix(1)) : named
        return .object(
            chosen.map { JSONMember($0.key, value(for: $0.value, name: $0.key, depth: depth + 1)) })
    }

    private func array(_ schema: JSONValue, name: String, depth: Int) -> JSONValue {
        let item = schema["items"] ?? ["type": "string"]
        let count = max(1, min(schema["minItems"]?.integer ?? 1, 8))
        return .array(
            (0..<count).map { _ in value(for: item, name: name, depth: depth + 1) })
    }

    private func text(_ schema: JSONValue, name: String) -> String {
        var text = hints.text(for: name, format: schema["format"]?.text)
        let least = min(schema["minLength"]?.integer ?? 0, 256)
        while text.unicodeScalars.count < least { text += "." }
        if let most = schema["maxLength"]?.integer, most >= 0 { text = String(text.prefix(most)) }
        return text
    }

    private func bounded(_ schema: JSONValue, preferred: Int) -> Int {
        let least = schema["minimum"]?.integer ?? schema["exclusiveMinimum"]?.integer.map { $0 + 1 }
        let most = schema["maximum"]?.integer ?? schema["exclusiveMaximum"]?.integer.map { $0 - 1 }
        return min(max(preferred, least ?? preferred), most ?? .max)
    }

    /// The type, the first that is not null of several; an object where only properties are given.
    private func type(of schema: JSONValue) -> String? {
        if let types = schema["type"]?.elements { return types.compactMap(\.text).first { $0 != "null" } }
        return schema["type"]?.text ?? (schema["properties"] == nil ? nil : "object")
    }

    private func resolved(_ reference: String) -> JSONValue {
        var schema = root
        for step in reference.split(separator: "/").dropFirst() {
            guard let next = schema[String(step)] else { return .null }
            schema = next
        }
        return schema
    }
}

/// Harmless values by the name of a property: what an agent exploring a small project would ask for.
struct ArgumentHints {
    /// Which call of the conversation this is, so that calls differ from one another.
    var callIndex: Int
    /// Words from what the user asked.
    var subject: String
    /// Whether a path should be a folder (the tool lists).
    var isListing = false

    func text(for name: String, format: String?) -> String {
        switch format {
        case "date": return "2025-01-15"
        case "date-time": return "2025-01-15T12:00:00Z"
        case "email": return "practice@example.com"
        case "uri", "url": return "http://127.0.0.1/"
        case "uuid": return ContentDigest(subject).uuid
        default: break
        }
        let name = name.lowercased()
        let table: [(stem: String, values: [String])] = [
            ("command", ["ls", "pwd", "git status --short"]),
            ("cmd", ["ls", "pwd", "git status --short"]),
            ("dir", [".", "docs"]),
            ("folder", [".", "docs"]),
            ("cwd", ["."]),
            ("file", ["README.md", "docs/overview.md"]),
            ("path", isListing ? [".", "docs"] : ["README.md", "docs/overview.md", "notes.txt"]),
            ("pattern", ["*.md", "cairn"]),
            ("glob", ["*.md", "*.txt"]),
            ("url", ["http://127.0.0.1/"]),
            ("city", ["Paris", "Zürich", "東京"]),
            ("location", ["Paris", "Zürich", "東京"]),
            ("unit", ["celsius"]),
            ("language", ["en"]),
            ("query", [subject]),
            ("question", [subject]),
            ("prompt", [subject]),
            ("description", ["practice call \(callIndex + 1)"]),
        ]
        guard let row = table.first(where: { name.contains($0.stem) }) else {
            return "practice \(callIndex + 1)"
        }
        return row.values[callIndex % row.values.count]
    }

    func number(for name: String) -> Int {
        let name = name.lowercased()
        if name.contains("limit") || name.contains("max") || name.contains("count") { return 10 }
        if name.contains("timeout") { return 1000 }
        return callIndex + 1
    }
}
