// The names of the three dialects in the rooms below: settings spell them for users, the wire room speaks them, records
// know a fourth, `other`. Here they are one.

import CairnSettings
import CairnWire

/// A dialect as the wire room knows it.
typealias WireDialect = CairnWire.Dialect
/// A dialect as settings spell it.
typealias SettingsDialect = CairnSettings.Dialect

extension CallDialect {
    /// The dialect to read and write; nil for routes that belong to none.
    var wire: WireDialect? {
        switch self {
        case .chat: .chat
        case .responses: .responses
        case .messages: .messages
        case .other: nil
        }
    }

    /// The same in settings; nil for paths that belong to none.
    var settingsDialect: SettingsDialect? {
        switch self {
        case .chat: .chat
        case .responses: .responses
        case .messages: .messages
        case .other: nil
        }
    }
}

extension WireDialect {
    init(_ dialect: SettingsDialect) {
        switch dialect {
        case .chat: self = .chat
        case .responses: self = .responses
        case .messages: self = .messages
        }
    }

    var callDialect: CallDialect {
        switch self {
        case .chat: .chat
        case .responses: .responses
        case .messages: .messages
        }
    }

    /// Where calls of the dialect go, behind the upstream's path prefix.
    var path: StaticString {
        switch self {
        case .chat: "/v1/chat/completions"
        case .responses: "/v1/responses"
        case .messages: "/v1/messages"
        }
    }
}

extension UpstreamTraits.Family {
    init(_ provider: Provider) {
        switch provider {
        case .deepseek: self = .deepseek
        case .openai: self = .openai
        case .anthropic: self = .anthropic
        case .vllm: self = .vllm
        case .sglang: self = .sglang
        case .generic: self = .generic
        }
    }
}
