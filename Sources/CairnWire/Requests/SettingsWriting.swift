// Settings on their way out: copied as they are spelled when the dialect stays the same, else each under the target's key,
// or lost under the client's.

import CairnCore

extension PromptSettings.Fields {
    static let user: Self = [Self(.user), Self(.safetyIdentifier)]
    static let maxOutputTokens = Self(.maxOutputTokens)
    static let sampling: Self = [Self(.temperature), Self(.topP), Self(.topK)]
}

extension PromptWriter {
    /// Limit of OpenAI for `user`; a longer one is replaced by its digest.
    static let userBytesMax = 64

    /// Writes what the same dialect copies, and accounts what no other dialect can have.
    /// - Returns: the fields that are done with.
    mutating func spelledSettings(of prompt: Prompt) -> PromptSettings.Fields {
        guard isSameDialect else {
            for path in prompt.settings.unread { lose(path, .unknown) }
            lose(unknown: prompt.unknown, in: "")
            return []
        }
        var written: PromptSettings.Fields = []
        for spelled in prompt.settings.spelled {
            members([spelled.member])
            written.formUnion(spelled.fields)
        }
        members(prompt.unknown)
        return written
    }

    /// Writes the scalars that `done` does not name under the target's keys, in the client's order.
    /// - Throws: `untranslatable` for what only the state of another provider gives meaning.
    mutating func scalars(
        of prompt: Prompt, in table: SettingsTable, except done: PromptSettings.Fields
    ) throws(WireError) {
        for (name, value) in prompt.settings.scalars where !done.contains(PromptSettings.Fields(name)) {
            if let key = table.key(of: name), isSameDialect || upstream.accepts(name) {
                member(key, value)
                continue
            }
            let clientKey = self.clientKey(of: name)
            switch name {
            case .previousResponse, .conversation:
                throw WireError(
                    .untranslatable, at: clientKey,
                    "names state that only a responses upstream keeps: send the whole input")
            case .choiceCount where integer(value) ?? 1 > 1:
                throw WireError(
                    .untranslatable, at: clientKey, "the upstream's dialect gives one answer: ask once for each")
            case .choiceCount: continue
            case .store where !isTrue(value): continue
            default: lose(clientKey, .noCounterpart)
            }
        }
    }

    /// The key of a scalar in the client's dialect, for losses and errors.
    func clientKey(of name: PromptSettings.Name) -> String {
        if clientDialect == .responses, name == .verbosity { return "text.verbosity" }
        if clientDialect == .messages, name == .user { return "metadata.user_id" }
        let table = clientDialect.codec.settings
        let key = table.key(of: name) ?? table.key(of: PromptSettings.Fields(name))
        return key.map { "\($0)" } ?? "\(name)"
    }

    /// Counts a field that the target cannot have, under the client's key.
    mutating func lose(_ fields: PromptSettings.Fields, _ reason: Loss.Reason) {
        switch (clientDialect, fields) {
        case (.messages, .parallelCalls): lose("tool_choice.disable_parallel_tool_use", reason)
        case (.messages, .format): lose("output_config.format", reason)
        case (.responses, .format): lose("text.format", reason)
        default: lose(clientDialect.codec.settings.key(of: fields).map { "\($0)" } ?? "settings", reason)
        }
    }

    /// The client's `user` for OpenAI, which takes 64 bytes.
    mutating func user(_ key: StaticString, _ value: RawJSON) {
        self.key(key)
        let digest: [UInt8]? = source.withBytes(of: value) {
            $0.count - 2 <= Self.userBytesMax
                ? nil : ToolNames.digest(of: UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1]))
        }
        guard let digest else { return out.append(value, of: source) }
        quote()
        out.append(digest)
        quote()
    }

    /// service_tier between OpenAI (auto, default, flex, priority, ...) and Anthropic (auto, standard_only).
    mutating func serviceTier(_ value: RawJSON) {
        if isWord(value, "auto") {
            member("service_tier", value)
        } else if upstream.dialect == .messages, isWord(value, "default") {
            member("service_tier", word: "standard_only")
        } else if isWord(value, "standard_only") {
            member("service_tier", word: "default")
        } else if upstream.dialect != .messages {
            member("service_tier", value)
        } else {
            lose(clientKey(of: .serviceTier), .noCounterpart)
        }
    }
}

/// Words for how much a model shall think, from least to most. The raw values order them.
enum ReasoningEffort: Int, CaseIterable, Sendable {
    case minimal, low, medium, high, xhigh, max

    var word: StaticString {
        switch self {
        case .minimal: "minimal"
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .xhigh: "xhigh"
        case .max: "max"
        }
    }

    /// Tokens of thinking for models that are told a number. docs/translation.md shows the table to users.
    var budgetTokens: Int {
        switch self {
        case .minimal: 1024
        case .low: 4096
        case .medium: 8192
        case .high: 16384
        case .xhigh: 24576
        case .max: 31999
        }
    }

    /// The word for a budget: the largest whose budget it reaches; low below all.
    init(budgetTokens: Int) {
        self = budgetTokens < Self.medium.budgetTokens ? .low : budgetTokens < Self.high.budgetTokens ? .medium : .high
    }
}

extension PromptWriter {
    /// What the client asked for, as a word; nil when it left it open. `none` and budgets count too.
    func effort(of reasoning: PromptSettings.Reasoning) -> ReasoningEffort? {
        if let effort = reasoning.effort {
            return ReasoningEffort.allCases.first { isWord(effort, $0.word) }
        }
        return integer(reasoning.budget).map(ReasoningEffort.init(budgetTokens:))
    }

    /// The nearest word an upstream of chat or responses knows.
    func known(_ effort: ReasoningEffort) -> ReasoningEffort {
        switch upstream.family {
        case .deepseek: effort
        case .openai: min(effort, .xhigh)
        case .generic, .anthropic, .vllm, .sglang: max(.low, min(effort, .high))
        }
    }
}

extension ReasoningEffort: Comparable {
    static func < (one: ReasoningEffort, other: ReasoningEffort) -> Bool { one.rawValue < other.rawValue }
}
