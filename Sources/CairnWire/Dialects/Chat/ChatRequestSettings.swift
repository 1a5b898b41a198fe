// The settings of /v1/chat/completions: the table both ways, and the members whose shape only chat has.

import CairnCore

extension ChatCodec {
    static let settings = SettingsTable(
        scalars: [
            ("max_tokens", .maxOutputTokens, .number), ("max_completion_tokens", .maxOutputTokens, .number),
            ("temperature", .temperature, .number), ("top_p", .topP, .number), ("top_k", .topK, .number),
            ("min_p", .minP, .number), ("seed", .seed, .number), ("user", .user, .string),
            ("safety_identifier", .safetyIdentifier, .string), ("metadata", .metadata, .object),
            ("service_tier", .serviceTier, .string), ("frequency_penalty", .frequencyPenalty, .number),
            ("presence_penalty", .presencePenalty, .number), ("logit_bias", .logitBias, .object),
            ("logprobs", .logProbabilities, .bool), ("top_logprobs", .topLogProbabilities, .number),
            ("n", .choiceCount, .number), ("store", .store, .bool), ("prompt_cache_key", .promptCacheKey, .string),
            ("prompt_cache_retention", .promptCacheRetention, .string), ("verbosity", .verbosity, .string),
            ("stream", .stream, .bool),
        ],
        fields: [
            ("stop", .stop, decodeStop), ("tool_choice", .toolChoice, decodeToolChoice),
            ("parallel_tool_calls", .parallelCalls, decodeParallel), ("response_format", .format, decodeFormat),
            ("reasoning_effort", .reasoning, decodeEffort), ("thinking", .reasoning, decodeThinking),
            ("stream_options", .usage, decodeStreamOptions),
        ])

    // Reading

    @Sendable private static func decodeStop(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        guard reader.kind(node) == .string || reader.kind(node) == .array else {
            throw reader.malformed(node, "must be a string or an array of strings")
        }
        settings.stop = reader.raw(node)
    }

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
        if let function = reader.member("function", of: node) {
            settings.toolChoice = .named(try reader.requiredString("name", of: function), isCustom: false)
        } else if let custom = reader.member("custom", of: node) {
            settings.toolChoice = .named(try reader.requiredString("name", of: custom), isCustom: true)
        } else {
            settings.toolChoice = .foreign(reader.raw(node))
        }
    }

    @Sendable private static func decodeParallel(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        settings.allowsParallelCalls = try reader.optionalBool(node)
    }

    @Sendable private static func decodeFormat(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        let type = try reader.requiredMember("type", of: node)
        if reader.holds("text", at: type) {
            settings.format = .text
        } else if reader.holds("json_object", at: type) {
            settings.format = .jsonObject
        } else if reader.holds("json_schema", at: type) {
            let schema = try reader.requiredMember("json_schema", of: node)
            try reader.object(schema)
            settings.format = try reader.jsonSchema(schema)
        } else {
            settings.format = .foreign(reader.raw(node))
        }
    }

    @Sendable private static func decodeEffort(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        settings.reasoning = try reader.reasoning(settings.reasoning, effort: node)
    }

    /// DeepSeek's switch: `{"type": "enabled" | "disabled"}`.
    @Sendable private static func decodeThinking(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        let type = try reader.requiredMember("type", of: node)
        var reasoning = settings.reasoning ?? PromptSettings.Reasoning()
        reasoning.mode = reader.holds("disabled", at: type) ? .off : .on
        settings.reasoning = reasoning
    }

    @Sendable private static func decodeStreamOptions(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        for member in reader.children(of: node) {
            if reader.holds("include_usage", atKeyOf: member) {
                settings.includesUsage = try reader.optionalBool(member)
            } else {
                settings.unread.append(reader.path(of: member))
            }
        }
    }

    // Writing

    static func encodeSettings(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        let settings = prompt.settings
        var done = writer.spelledSettings(of: prompt)
        if !writer.isSameDialect { encodeRenamed(prompt, to: &writer, done: &done) }
        try writer.scalars(of: prompt, in: Self.settings, except: done)
        if let stop = settings.stop, !done.contains(.stop) { writer.member("stop", stop) }
        if !done.contains(.toolChoice), !prompt.tools.isEmpty { encodeToolChoice(settings, to: &writer) }
        if !done.contains(.parallelCalls), let isAllowed = settings.allowsParallelCalls, !prompt.tools.isEmpty {
            if writer.upstream.knowsParallelSwitch {
                writer.member("parallel_tool_calls", isAllowed)
            } else if !isAllowed {
                writer.lose(.parallelCalls, .noCounterpart)
            }
        }
        if !done.contains(.format), let format = settings.format { encodeFormat(format, to: &writer) }
        if !done.contains(.reasoning), let reasoning = settings.reasoning { encodeReasoning(reasoning, to: &writer) }
        if !done.contains(.usage), settings.includesUsage == true || !writer.isSameDialect,
            writer.isTrue(settings[.stream])
        {
            // The other dialects end every stream with usage: it is asked for on their behalf.
            writer.key("stream_options")
            writer.out.append("{\"include_usage\":true}")
        }
        if settings.cacheControl != nil { writer.lose(.cacheControl, .noCounterpart) }
    }

    /// Scalars whose key or value depends on the provider.
    private static func encodeRenamed(
        _ prompt: Prompt, to writer: inout PromptWriter, done: inout PromptSettings.Fields
    ) {
        if let limit = prompt.settings[.maxOutputTokens] { writer.member(writer.upstream.maxTokensKey, limit) }
        done.insert(.maxOutputTokens)
        if let user = prompt.settings[.user], writer.upstream.accepts(.user) {
            writer.user("user", user)
            done.insert(PromptSettings.Fields(.user))
        }
        if let tier = prompt.settings[.serviceTier], writer.upstream.accepts(.serviceTier) {
            writer.serviceTier(tier)
            done.insert(PromptSettings.Fields(.serviceTier))
        }
        // Cipher text of reasoning comes with every answer in the form the client's dialect has.
        if let include = prompt.settings[.include], writer.asksOnlyForEncryptedReasoning(include) {
            done.insert(PromptSettings.Fields(.include))
        }
    }

    private static func encodeToolChoice(_ settings: PromptSettings, to writer: inout PromptWriter) {
        switch settings.toolChoice {
        case nil: return
        case .automatic: writer.member("tool_choice", word: "auto")
        case .none?: writer.member("tool_choice", word: "none")
        case .required: writer.member("tool_choice", word: "required")
        case .named(let name, let isCustom):
            let kind: StaticString = isCustom && writer.upstream.knowsCustomTools ? "custom" : "function"
            writer.key("tool_choice")
            writer.open("{")
            writer.member("type", word: kind)
            writer.key(kind)
            writer.open("{")
            writer.member("name", writer.sentName(name, namespace: nil))
            writer.close("}}")
        case .foreign: writer.lose(.toolChoice, .noCounterpart)
        }
    }

    private static func encodeFormat(_ format: PromptSettings.OutputFormat, to writer: inout PromptWriter) {
        switch format {
        case .text: return
        case .foreign: writer.lose(.format, .noCounterpart)
        case .jsonObject:
            writer.key("response_format")
            writer.out.append("{\"type\":\"json_object\"}")
        case .jsonSchema(let name, let schema, let strict, let description):
            writer.key("response_format")
            guard writer.upstream.knowsJSONSchema else {
                writer.lose(.format, .conflict)
                writer.out.append("{\"type\":\"json_object\"}")
                return
            }
            writer.out.append("{\"type\":\"json_schema\",\"json_schema\":{")
            writer.schemaMembers(name: name, schema: schema, strict: strict, description: description)
            writer.close("}}")
        }
    }

    private static func encodeReasoning(_ reasoning: PromptSettings.Reasoning, to writer: inout PromptWriter) {
        if let summary = reasoning.summary, !writer.isWord(summary, "omitted") {
            writer.lose(writer.clientDialect == .messages ? "thinking.display" : "reasoning.summary", .noCounterpart)
        }
        if reasoning.mode == .off {
            switch writer.upstream.thinkingSwitch {
            case .effortNone: writer.member("reasoning_effort", word: "none")
            case .thinkingObject:
                writer.key("thinking")
                writer.out.append("{\"type\":\"disabled\"}")
            case .none: writer.lose(.reasoning, .noCounterpart)
            }
            return
        }
        if writer.upstream.thinkingSwitch == .thinkingObject, reasoning.mode != nil {
            writer.key("thinking")
            writer.out.append("{\"type\":\"enabled\"}")
        }
        if let effort = writer.effort(of: reasoning) {
            writer.member("reasoning_effort", word: writer.known(effort).word)
        } else if let word = reasoning.effort {
            writer.member("reasoning_effort", word)
        }
    }
}
