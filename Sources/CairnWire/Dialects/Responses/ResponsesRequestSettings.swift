// The settings of /v1/responses: the table both ways, and the members whose shape only responses has.

import CairnCore

extension ResponsesCodec {
    static let settings = SettingsTable(
        scalars: [
            ("max_output_tokens", .maxOutputTokens, .number), ("temperature", .temperature, .number),
            ("top_p", .topP, .number), ("top_logprobs", .topLogProbabilities, .number), ("user", .user, .string),
            ("safety_identifier", .safetyIdentifier, .string), ("metadata", .metadata, .object),
            ("service_tier", .serviceTier, .string), ("store", .store, .bool),
            ("prompt_cache_key", .promptCacheKey, .string),
            ("prompt_cache_retention", .promptCacheRetention, .string),
            ("previous_response_id", .previousResponse, .string), ("conversation", .conversation, .any),
            ("truncation", .truncation, .string), ("include", .include, .array), ("stream", .stream, .bool),
        ],
        fields: [
            ("tool_choice", .toolChoice, decodeToolChoice), ("parallel_tool_calls", .parallelCalls, decodeParallel),
            ("text", [.format, PromptSettings.Fields(.verbosity)], decodeText),
            ("reasoning", .reasoning, decodeReasoning), ("stream_options", [], decodeStreamOptions),
        ])

    // Reading

    private static let choiceWords = WireTable<ToolChoice>([
        ("auto", .automatic), ("none", .none), ("required", .required),
    ])

    @Sendable private static func decodeToolChoice(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        if let choice = reader.meaning(of: node, in: choiceWords) {
            settings.toolChoice = choice
            return
        }
        guard reader.kind(node) == .object else {
            throw reader.malformed(node, "must be auto, none, required or an object that names a tool")
        }
        let type = try reader.requiredMember("type", of: node)
        if reader.holds("function", at: type) {
            settings.toolChoice = .named(try reader.requiredString("name", of: node), isCustom: false)
        } else if reader.holds("custom", at: type) {
            settings.toolChoice = .named(try reader.requiredString("name", of: node), isCustom: true)
        } else {
            settings.toolChoice = .foreign(reader.raw(node))
        }
    }

    @Sendable private static func decodeParallel(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        settings.allowsParallelCalls = try reader.optionalBool(node)
    }

    @Sendable private static func decodeText(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        for member in reader.children(of: node) where reader.kind(member) != .null {
            if reader.holds("verbosity", atKeyOf: member) {
                settings[.verbosity] = try reader.string(member)
            } else if reader.holds("format", atKeyOf: member) {
                settings.format = try decodeFormat(reader, member)
            } else {
                settings.unread.append(reader.path(of: member))
            }
        }
    }

    private static func decodeFormat(
        _ reader: PromptReader, _ node: Int
    ) throws(WireError) -> PromptSettings.OutputFormat {
        try reader.object(node)
        let type = try reader.requiredMember("type", of: node)
        if reader.holds("text", at: type) { return .text }
        if reader.holds("json_object", at: type) { return .jsonObject }
        if reader.holds("json_schema", at: type) { return try reader.jsonSchema(node) }
        return .foreign(reader.raw(node))
    }

    @Sendable private static func decodeReasoning(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        var reasoning = PromptSettings.Reasoning()
        for member in reader.children(of: node) where reader.kind(member) != .null {
            if reader.holds("effort", atKeyOf: member) {
                reasoning = try reader.reasoning(reasoning, effort: member)
            } else if reader.holds("summary", atKeyOf: member) {
                reasoning.summary = try reader.string(member)
            } else {
                settings.unread.append(reader.path(of: member))
            }
        }
        settings.reasoning = reasoning
    }

    @Sendable private static func decodeStreamOptions(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        for member in reader.children(of: node) { settings.unread.append(reader.path(of: member)) }
    }

    // Writing

    static func encodeSettings(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        let settings = prompt.settings
        var done = writer.spelledSettings(of: prompt)
        if !writer.isSameDialect { encodeRenamed(prompt, to: &writer, done: &done) }
        try writer.scalars(of: prompt, in: Self.settings, except: done.union(PromptSettings.Fields(.verbosity)))
        if settings.stop != nil, !done.contains(.stop) { writer.lose(.stop, .noCounterpart) }
        if !done.contains(.toolChoice), !prompt.tools.isEmpty { encodeToolChoice(settings, to: &writer) }
        if !done.contains(.parallelCalls), let isAllowed = settings.allowsParallelCalls, !prompt.tools.isEmpty {
            writer.member("parallel_tool_calls", isAllowed)
        }
        if !done.contains(.format) { encodeText(settings, to: &writer) }
        if !done.contains(.reasoning), let reasoning = settings.reasoning { encodeReasoning(reasoning, to: &writer) }
        if settings.cacheControl != nil { writer.lose(.cacheControl, .noCounterpart) }
    }

    /// The least limit the API takes.
    static let outputTokensMinimum = 16

    private static func encodeRenamed(
        _ prompt: Prompt, to writer: inout PromptWriter, done: inout PromptSettings.Fields
    ) {
        let settings = prompt.settings
        if let limit = settings[.maxOutputTokens] {
            if let count = writer.integer(limit), count < outputTokensMinimum {
                writer.lose(writer.clientKey(of: .maxOutputTokens), .conflict)
                writer.member("max_output_tokens", outputTokensMinimum)
            } else {
                writer.member("max_output_tokens", limit)
            }
        }
        done.insert(.maxOutputTokens)
        if let user = settings[.user] { writer.user("user", user) }
        done.insert(PromptSettings.Fields(.user))
        if let tier = settings[.serviceTier] { writer.serviceTier(tier) }
        done.insert(PromptSettings.Fields(.serviceTier))
        // The other dialects keep no state at the provider, so its answers need not be kept either, and what it thought
        // must come with the answer.
        if settings[.store] == nil { writer.member("store", false) }
        if writer.upstream.family == .openai, let reasoning = settings.reasoning, reasoning.mode != .off {
            writer.key("include")
            writer.out.append("[\"reasoning.encrypted_content\"]")
        }
    }

    private static func encodeToolChoice(_ settings: PromptSettings, to writer: inout PromptWriter) {
        switch settings.toolChoice {
        case nil: return
        case .automatic: writer.member("tool_choice", word: "auto")
        case .none?: writer.member("tool_choice", word: "none")
        case .required: writer.member("tool_choice", word: "required")
        case .named(let name, let isCustom):
            writer.key("tool_choice")
            writer.open("{")
            writer.member("type", word: isCustom && writer.upstream.knowsCustomTools ? "custom" : "function")
            writer.member("name", writer.sentName(name, namespace: nil))
            writer.close("}")
        case .foreign: writer.lose(.toolChoice, .noCounterpart)
        }
    }

    private static func encodeText(_ settings: PromptSettings, to writer: inout PromptWriter) {
        let start = writer.out.count
        writer.key("text")
        writer.open("{")
        let contentStart = writer.out.count
        switch settings.format {
        case nil, .text: break
        case .foreign: writer.lose(.format, .noCounterpart)
        case .jsonObject:
            writer.key("format")
            writer.out.append("{\"type\":\"json_object\"}")
        case .jsonSchema(let name, let schema, let strict, let description):
            writer.key("format")
            writer.out.append("{\"type\":\"json_schema\"")
            writer.schemaMembers(name: name, schema: schema, strict: strict, description: description)
            writer.close("}")
        }
        writer.member("verbosity", ifGiven: settings[.verbosity])
        if writer.out.count == contentStart { return writer.out.truncate(to: start) }
        writer.close("}")
    }

    private static func encodeReasoning(_ reasoning: PromptSettings.Reasoning, to writer: inout PromptWriter) {
        let start = writer.out.count
        writer.key("reasoning")
        writer.open("{")
        let contentStart = writer.out.count
        if reasoning.mode == .off {
            writer.member("effort", word: "none")
        } else if let effort = writer.effort(of: reasoning) {
            writer.member("effort", word: writer.known(effort).word)
        } else if let word = reasoning.effort {
            writer.member("effort", word)
        }
        if writer.isWord(reasoning.summary, "summarized") {
            writer.member("summary", word: "auto")
        } else if let summary = reasoning.summary, !writer.isWord(summary, "omitted") {
            writer.member("summary", summary)
        }
        if writer.out.count == contentStart { return writer.out.truncate(to: start) }
        writer.close("}")
    }
}
