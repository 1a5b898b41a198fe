// Which dialects a provider speaks by itself, and in which of them a call is sent on that comes in another one. The one
// table of that choice.

import CairnSettings
import CairnWire

extension Upstream {
    /// The dialects the upstream answers in. A `dialect` in its settings decides; else what the provider documents
    /// (platform.openai.com/docs/api-reference, platform.claude.com/docs/en/api, api-docs.deepseek.com). A server we know
    /// nothing of is asked in the client's own dialect.
    var spokenDialects: [WireDialect] {
        if let dialect { return [WireDialect(dialect)] }
        switch provider {
        case .anthropic: return [.messages]
        case .openai: return [.chat, .responses]
        case .deepseek: return [.chat, .messages]
        case .vllm, .sglang, .generic: return WireDialect.allCases
        }
    }

    /// Whether calls of the dialect pass as they come. Routes of no dialect are OpenAI's.
    func speaks(_ dialect: CallDialect) -> Bool {
        guard let wanted = dialect.wire else { return self.dialect != .messages && provider != .anthropic }
        return spokenDialects.contains(wanted)
    }

    /// The dialect in which a client's call is sent: its own if the upstream speaks it, else the one that keeps most of
    /// what the client can say.
    func dialect(for client: WireDialect) -> WireDialect {
        let spoken = spokenDialects
        return client.nearest.first { spoken.contains($0) } ?? client
    }

    /// Whether `/v1/messages/count_tokens` is answered: DeepSeek's messages API has no such path
    /// (api-docs.deepseek.com/guides/anthropic_api).
    var countsTokens: Bool { spokenDialects.contains(.messages) && provider != .deepseek }
}

extension WireDialect {
    /// All dialects, the one that keeps most of this one's requests first. Responses and messages both have items of
    /// thinking with a proof, instructions apart from turns and freeform parts of tool results; chat has none of them.
    fileprivate var nearest: [WireDialect] {
        switch self {
        case .chat: [.chat, .responses, .messages]
        case .responses: [.responses, .chat, .messages]
        case .messages: [.messages, .responses, .chat]
        }
    }
}
