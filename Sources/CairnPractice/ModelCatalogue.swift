// GET /v1/models and /v1/models/{id}, in OpenAI's shape, or in Anthropic's for clients that send an
// anthropic-version. A call may name any model; the list shows one of each kind.

enum ModelCatalogue {
    static let names = [
        "practice", "practice-reason", "deepseek-v4-flash", "deepseek-v4-pro", "gpt-5.5", "gpt-practice",
        "claude-practice", "claude-sonnet-4-6", "text-embedding-practice",
    ]

    static func list(isAnthropic: Bool) -> JSONValue {
        let entries = JSONValue.array(names.map { entry($0, isAnthropic: isAnthropic) })
        guard isAnthropic else { return ["object": "list", "data": entries] }
        return [
            "data": entries, "has_more": false, "first_id": .string(names[0]),
            "last_id": .string(names[names.count - 1]),
        ]
    }

    /// One model of the list; nil when it is not there.
    static func model(_ name: String, isAnthropic: Bool) -> JSONValue? {
        names.contains(name) ? entry(name, isAnthropic: isAnthropic) : nil
    }

    private static func entry(_ name: String, isAnthropic: Bool) -> JSONValue {
        guard isAnthropic else {
            return [
                "id": .string(name), "object": "model", "created": .integer(createdSeconds),
                "owned_by": "cairn-practice",
            ]
        }
        return [
            "type": "model", "id": .string(name), "display_name": .string(name),
            "created_at": "2025-10-09T08:53:20Z", "lifecycle": "active",
        ]
    }
}
