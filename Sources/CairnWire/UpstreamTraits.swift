// What an encoder must know of the provider beyond its dialect. Facts of providers stand here, in one table, and nowhere in
// the dialects.

/// What an upstream accepts and wants.
public struct UpstreamTraits: Sendable, Hashable {
    /// Who answers; generic for a base URL we know nothing of.
    public enum Family: UInt8, Sendable, CaseIterable {
        case generic
        case deepseek
        case openai
        case anthropic
        case vllm
        case sglang
    }

    public var family: Family
    /// The dialect it is spoken to in.
    public var dialect: Dialect
    /// Tools that only another provider could run are left out, as losses, and not refused. For harnesses that offer such
    /// a tool with every call (Codex: `web_search`) and work without it.
    public var leavesOutBuiltInTools: Bool
    /// What is written is not yet what goes upstream: thoughts of another provider stay, in the form a client carries them.
    public var keepsCarriedThinking: Bool

    public init(
        _ family: Family, dialect: Dialect, leavesOutBuiltInTools: Bool = false, keepsCarriedThinking: Bool = false
    ) {
        self.family = family
        self.dialect = dialect
        self.leavesOutBuiltInTools = leavesOutBuiltInTools
        self.keepsCarriedThinking = keepsCarriedThinking
    }
}

// The table of facts. Sources: OpenAI API reference (create chat completion, create response); api-docs.deepseek.com
// (create-chat-completion, guides/thinking_mode, guides/json_mode); docs.vllm.ai (openai_compatible_server);
// docs.sglang.io (openai_api_completions); platform.claude.com/docs (messages, tool use).
extension UpstreamTraits {
    /// Custom (freeform) tools. Elsewhere they are offered as functions with one string argument.
    var knowsCustomTools: Bool { family == .openai && dialect != .messages }

    /// Namespaces of tools, in responses. Elsewhere the namespace becomes the front of the name.
    var knowsNamespaces: Bool { family == .openai && dialect == .responses }

    /// The role developer of chat messages; elsewhere it is system.
    var knowsDeveloperRole: Bool { family == .openai }

    /// Whether a chat message may spell its texts as an array. DeepSeek's reference has strings only.
    var takesTextArrays: Bool { family != .deepseek }

    /// Whether earlier thinking goes back in `reasoning_content` of chat messages, on turns of a tool loop: those with tool
    /// calls, and the answer after their results. DeepSeek (guides/thinking_mode): between two user messages with tool calls
    /// it "must be fully passed back to the API in all subsequent requests", or the call ends with 400; without tool calls it
    /// is ignored. vLLM and SGLang hand it to the model's chat template. OpenAI has no such member, an unknown upstream may
    /// refuse it.
    var wantsReasoningContent: Bool {
        switch family {
        case .deepseek, .vllm, .sglang: true
        case .generic, .openai, .anthropic: false
        }
    }

    /// Whether a turn with tool calls needs `reasoning_content` even when no thinking is known: empty then.
    var demandsReasoningContent: Bool { family == .deepseek }

    /// Whether responses reasoning items carry plain text (models with open thoughts), not only cipher text.
    var readsPlainReasoningItems: Bool { family != .openai }

    /// Whether a messages endpoint takes thinking blocks nobody signed: those of Anthropic verify the signature.
    var takesUnsignedThinking: Bool {
        switch family {
        case .deepseek, .vllm, .sglang: true
        case .generic, .openai, .anthropic: false
        }
    }

    /// `response_format` of type json_schema. DeepSeek has text and json_object only.
    var knowsJSONSchema: Bool { family != .deepseek }

    /// Where chat takes the limit of output tokens: reasoning models of OpenAI refuse `max_tokens`.
    var maxTokensKey: StaticString { family == .openai ? "max_completion_tokens" : "max_tokens" }

    /// How chat is told not to think.
    enum ThinkingSwitch: Sendable {
        /// `"reasoning_effort":"none"`
        case effortNone
        /// `"thinking":{"type":"disabled"}`
        case thinkingObject
        case none
    }

    var thinkingSwitch: ThinkingSwitch {
        switch family {
        case .openai: .effortNone
        case .deepseek: .thinkingObject
        case .generic, .anthropic, .vllm, .sglang: .none
        }
    }

    /// Identifiers of tool calls an upstream accepts. Others are replaced by a digest of theirs (37 bytes).
    var identifierBytesMax: Int {
        switch (dialect, family) {
        case (.chat, .openai): ToolNames.chatIdentifierBytesMax
        case (.responses, _): ToolNames.responsesIdentifierBytesMax
        case (.chat, _), (.messages, _): ToolNames.identifierBytesMax
        }
    }

    /// Whether a scalar setting of this dialect's table is known to this provider when it comes from another dialect.
    func accepts(_ name: PromptSettings.Name) -> Bool {
        guard dialect == .chat else { return true }
        switch name {
        case .topK, .minP: return family == .vllm || family == .sglang
        case .seed: return family != .deepseek
        case .user, .metadata, .serviceTier, .logitBias, .choiceCount:
            return family == .openai || family == .generic || family == .vllm || family == .sglang
        case .safetyIdentifier, .store, .promptCacheKey, .promptCacheRetention, .verbosity:
            return family == .openai
        default: return true
        }
    }

    /// Whether `parallel_tool_calls` is known to this provider.
    var knowsParallelSwitch: Bool { family != .deepseek }
}
