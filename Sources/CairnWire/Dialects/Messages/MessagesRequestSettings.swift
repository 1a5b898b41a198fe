// The settings of /v1/messages: the table both ways, and how thinking, formats and limits are asked for.

import CairnCore

extension MessagesCodec {
    static let settings = SettingsTable(
        scalars: [
            ("max_tokens", .maxOutputTokens, .number), ("temperature", .temperature, .number),
            ("top_p", .topP, .number), ("top_k", .topK, .number), ("service_tier", .serviceTier, .string),
            ("stream", .stream, .bool),
        ],
        fields: [
            ("stop_sequences", .stop, decodeStop), ("metadata", PromptSettings.Fields(.user), decodeMetadata),
            ("tool_choice", [.toolChoice, .parallelCalls], decodeToolChoice), ("thinking", .reasoning, decodeThinking),
            ("output_config", [.reasoning, .format], decodeOutputConfig),
            ("cache_control", .cacheControl, decodeCacheControl),
        ])

    // Reading

    @Sendable private static func decodeStop(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.array(node)
        settings.stop = reader.raw(node)
    }

    @Sendable private static func decodeMetadata(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        for member in reader.children(of: node) {
            if reader.holds("user_id", atKeyOf: member) {
                settings[.user] = try reader.optionalString(member)
            } else {
                settings.unread.append(reader.path(of: member))
            }
        }
    }

    @Sendable private static func decodeToolChoice(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        let type = try reader.requiredMember("type", of: node)
        if reader.holds("auto", at: type) {
            settings.toolChoice = .automatic
        } else if reader.holds("any", at: type) {
            settings.toolChoice = .required
        } else if reader.holds("none", at: type) {
            settings.toolChoice = ToolChoice.none
        } else if reader.holds("tool", at: type) {
            settings.toolChoice = .named(try reader.requiredString("name", of: node), isCustom: false)
        } else {
            throw reader.malformed(type, "must be auto, any, tool or none")
        }
        if let flag = reader.member("disable_parallel_tool_use", of: node),
            let isDisabled = try reader.optionalBool(flag)
        {
            settings.allowsParallelCalls = !isDisabled
        }
    }

    @Sendable private static func decodeThinking(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        let type = try reader.requiredMember("type", of: node)
        var reasoning = settings.reasoning ?? PromptSettings.Reasoning()
        if reader.holds("disabled", at: type) {
            reasoning.mode = .off
        } else if reader.holds("adaptive", at: type) {
            reasoning.mode = .adaptive
        } else {
            reasoning.mode = .on
            if let budget = reader.member("budget_tokens", of: node) {
                guard reader.kind(budget) == .number else { throw reader.malformed(budget, "must be a number") }
                reasoning.budget = reader.raw(budget)
            }
        }
        reasoning.summary = try reader.optionalString("display", of: node)
        settings.reasoning = reasoning
    }

    @Sendable private static func decodeOutputConfig(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        try reader.object(node)
        for member in reader.children(of: node) where reader.kind(member) != .null {
            if reader.holds("effort", atKeyOf: member) {
                settings.reasoning = try reader.reasoning(settings.reasoning, effort: member)
            } else if reader.holds("format", atKeyOf: member) {
                try reader.object(member)
                settings.format = try reader.jsonSchema(member)
            } else {
                settings.unread.append(reader.path(of: member))
            }
        }
    }

    @Sendable private static func decodeCacheControl(
        _ reader: PromptReader, _ node: Int, _ settings: inout PromptSettings
    ) throws(WireError) {
        settings.cacheControl = reader.raw(node)
    }

    // Writing

    static func encodeSettings(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        let settings = prompt.settings
        let model = writer.anthropicModel(prompt.model)
        var done = writer.spelledSettings(of: prompt)
        let limit = encodeLimit(settings, model, to: &writer, done: &done)
        if let user = settings[.user] ?? settings[.safetyIdentifier], !done.contains(PromptSettings.Fields(.user)) {
            writer.key("metadata")
            writer.open("{")
            writer.member("user_id", user)
            writer.close("}")
        }
        // There is one place for who asks.
        if settings[.user] != nil { done.insert(PromptSettings.Fields(.user)) } else { done.formUnion(.user) }
        if let tier = settings[.serviceTier], !done.contains(PromptSettings.Fields(.serviceTier)) {
            writer.serviceTier(tier)
            done.insert(PromptSettings.Fields(.serviceTier))
        }
        if let include = settings[.include], writer.asksOnlyForEncryptedReasoning(include) {
            done.insert(PromptSettings.Fields(.include))
        }
        var thinks = false
        if !done.contains(.reasoning) { thinks = encodeThinking(prompt, model, limit: limit, to: &writer) }
        if !done.contains(.format) {
            encodeOutputConfig(settings, model, withEffort: !done.contains(.reasoning), to: &writer)
        }
        if !writer.isSameDialect { encodeSampling(settings, model, thinks: thinks, to: &writer, done: &done) }
        try writer.scalars(of: prompt, in: Self.settings, except: done)
        if let stop = settings.stop, !done.contains(.stop) { encodeStop(stop, to: &writer) }
        if !done.contains(.toolChoice), !prompt.tools.isEmpty {
            encodeToolChoice(settings, to: &writer)
        }
        if let cacheControl = settings.cacheControl, !done.contains(.cacheControl) {
            writer.member("cache_control", cacheControl)
        }
    }

    /// max_tokens, which the API wants with every request.
    private static func encodeLimit(
        _ settings: PromptSettings, _ model: AnthropicModel, to writer: inout PromptWriter,
        done: inout PromptSettings.Fields
    ) -> Int {
        let limit = writer.integer(settings[.maxOutputTokens])
        if !done.contains(.maxOutputTokens) {
            if let value = settings[.maxOutputTokens] {
                writer.member("max_tokens", value)
            } else if !writer.isSameDialect {
                writer.member("max_tokens", model.outputTokensDefault)
            }
            done.insert(.maxOutputTokens)
        }
        return limit ?? model.outputTokensDefault
    }

    /// The least budget the API takes.
    static let budgetTokensMinimum = 1024

    /// How the model is asked to think.
    /// - Returns: whether it was.
    private static func encodeThinking(
        _ prompt: Prompt, _ model: AnthropicModel, limit: Int, to writer: inout PromptWriter
    ) -> Bool {
        guard let reasoning = prompt.settings.reasoning else { return false }
        if reasoning.mode == .off {
            if model.thinking != .adaptiveOnly {
                writer.key("thinking")
                writer.out.append("{\"type\":\"disabled\"}")
            } else {
                writer.lose(.reasoning, .conflict)
            }
            return false
        }
        guard reasoning.mode != nil || reasoning.effort != nil || reasoning.budget != nil else {
            if reasoning.summary != nil { writer.lose(.reasoning, .conflict) }
            return false
        }
        if prompt.settings.demandsTool, !prompt.tools.isEmpty {
            // The API refuses a forced tool beside thinking; the tool is what the client relies on.
            writer.lose(.reasoning, .conflict)
            return false
        }
        if model.thinking == .budget, writer.upstream.family != .deepseek {
            return encodeBudget(reasoning, prompt, limit: limit, to: &writer)
        }
        writer.key("thinking")
        writer.open("{")
        writer.member("type", word: model.thinking == .budget ? "enabled" : "adaptive")
        if let summary = reasoning.summary { writer.member("display", word: display(summary, writer)) }
        writer.close("}")
        return true
    }

    private static func display(_ summary: RawJSON, _ writer: borrowing PromptWriter) -> StaticString {
        writer.isWord(summary, "omitted") ? "omitted" : "summarized"
    }

    /// A number of tokens, below max_tokens. Thinking is left off where the API would refuse it: with too small a limit, and
    /// in the middle of a tool loop whose last answer has no thinking of this provider in front.
    private static func encodeBudget(
        _ reasoning: PromptSettings.Reasoning, _ prompt: Prompt, limit: Int, to writer: inout PromptWriter
    ) -> Bool {
        let wanted =
            writer.integer(reasoning.budget) ?? (writer.effort(of: reasoning) ?? .medium).budgetTokens
        let budget = max(budgetTokensMinimum, min(wanted, limit / 4 * 3))
        let isRefused = !writer.isSameDialect && writer.isInToolLoopWithoutThinking(prompt)
        guard budget < limit, !isRefused else {
            writer.lose(.reasoning, .conflict)
            return false
        }
        writer.key("thinking")
        writer.open("{")
        writer.member("type", word: "enabled")
        writer.member("budget_tokens", budget)
        writer.close("}")
        return true
    }

    private static func encodeOutputConfig(
        _ settings: PromptSettings, _ model: AnthropicModel, withEffort: Bool, to writer: inout PromptWriter
    ) {
        let knowsEffort = model.thinking != .budget || writer.upstream.family == .deepseek
        var effort = withEffort && knowsEffort ? settings.reasoning.flatMap { writer.effort(of: $0) } : nil
        if effort == .minimal { effort = .low }
        if effort == .xhigh, model.thinking == .adaptive { effort = .high }
        var schema: RawJSON?
        switch settings.format {
        case nil, .text: break
        case .jsonSchema(_, let given, _, _): schema = given
        case .jsonObject, .foreign: writer.lose(.format, .noCounterpart)
        }
        guard effort != nil || schema != nil else { return }
        writer.key("output_config")
        writer.open("{")
        if let effort { writer.member("effort", word: effort.word) }
        if let schema {
            writer.key("format")
            writer.open("{")
            writer.member("type", word: "json_schema")
            writer.member("schema", schema)
            writer.close("}")
        }
        writer.close("}")
    }

    /// temperature, top_p and top_k: refused by the newest models and beside thinking; a temperature above 1 is 1 here.
    private static func encodeSampling(
        _ settings: PromptSettings, _ model: AnthropicModel, thinks: Bool, to writer: inout PromptWriter,
        done: inout PromptSettings.Fields
    ) {
        let isRefused = model.thinking == .adaptiveOnly || thinks && model.isClaude
        for (name, key) in [
            (PromptSettings.Name.temperature, "temperature" as StaticString), (.topP, "top_p"), (.topK, "top_k"),
        ] {
            guard let value = settings[name] else { continue }
            if isRefused {
                writer.lose(writer.clientKey(of: name), .conflict)
            } else if name == .temperature, (writer.number(value) ?? 0) > 1 {
                writer.lose(writer.clientKey(of: name), .conflict)
                writer.member("temperature", 1)
            } else {
                writer.member(key, value)
            }
        }
        done.formUnion(.sampling)
    }

    private static func encodeStop(_ stop: RawJSON, to writer: inout PromptWriter) {
        let isString = writer.source.withBytes(of: stop) { $0.first == UInt8(ascii: "\"") }
        writer.key("stop_sequences")
        if isString { writer.open("[") }
        writer.out.append(stop, of: writer.source)
        if isString { writer.close("]") }
    }

    private static func encodeToolChoice(_ settings: PromptSettings, to writer: inout PromptWriter) {
        let isSerial = settings.allowsParallelCalls == false
        var choice = settings.toolChoice
        if case .foreign = choice {
            writer.lose(.toolChoice, .noCounterpart)
            choice = nil
        }
        guard choice != nil || isSerial else { return }
        writer.key("tool_choice")
        writer.open("{")
        switch choice {
        case nil, .automatic, .foreign: writer.member("type", word: "auto")
        case .none?: writer.member("type", word: "none")
        case .required: writer.member("type", word: "any")
        case .named(let name, _):
            writer.member("type", word: "tool")
            writer.member("name", writer.sentName(name, namespace: nil))
        }
        if isSerial, !isNone(choice) { writer.member("disable_parallel_tool_use", true) }
        writer.close("}")
    }

    private static func isNone(_ choice: ToolChoice?) -> Bool {
        if case .some(.none) = choice { true } else { false }
    }
}

extension PromptSettings {
    /// Whether the model must call a tool.
    var demandsTool: Bool {
        switch toolChoice {
        case .required, .named: true
        case nil, .automatic, .some(.none), .foreign: false
        }
    }
}

extension PromptWriter {
    func anthropicModel(_ name: RawJSON?) -> AnthropicModel {
        guard let name else { return AnthropicModel(name: UnsafeBufferPointer(start: nil, count: 0)) }
        return source.withBytes(of: name) { AnthropicModel(name: UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1])) }
    }

    /// Whether the last thing said is a tool's result, and the answer that asked for it starts without thinking the target
    /// accepts.
    func isInToolLoopWithoutThinking(_ prompt: Prompt) -> Bool {
        guard let last = prompt.turns.last, last.parts.contains(where: \.isToolResult) else { return false }
        guard var index = prompt.turns.lastIndex(where: { $0.role == .assistant }) else { return false }
        while index > 0, prompt.turns[index - 1].role == .assistant { index -= 1 }
        for turn in prompt.turns[index...] where turn.role == .assistant {
            for part in turn.parts {
                guard case .thinking(let thinking) = part.content else { return true }
                if signedThinking(thinking) != nil { return false }
            }
        }
        return true
    }
}
