// The upstreams of a gateway with everything that can be computed once: what a request head needs is ready as bytes.

import CairnHTTP
import CairnSettings
import CairnWire

/// One upstream as the hot path sees it. Immutable; shared by all loops.
struct PreparedUpstream: Sendable {
    let settings: Upstream
    /// Value of the Host field.
    let host: [UInt8]
    /// What stands before `/v1` in a target, and the same for calls of the messages dialect.
    let pathPrefix: [UInt8]
    let messagesPathPrefix: [UInt8]
    /// The key to send instead of the client's, as header lines of either form; nil: the client's own key is forwarded.
    let bearerLine: [UInt8]?
    let apiKeyLine: [UInt8]?
    /// What never goes upstream, for a body sent as it came and for one that was decoded.
    let withheld: NameSet
    let withheldWithCoding: NameSet
    /// The same where the answer is written anew: it is asked for without a content coding.
    let withheldFromRenamed: NameSet
    /// The dialect in which calls of each dialect are sent; nil: in their own. By the raw value of ``CallDialect``.
    private let targets: [WireDialect?]

    init(_ settings: Upstream) {
        self.settings = settings
        host = Array(settings.url.hostHeader.utf8)
        pathPrefix = Array(settings.url.pathPrefix.utf8)
        // DeepSeek serves Anthropic's API below /anthropic (api-docs.deepseek.com/guides/anthropic_api).
        let isDeepSeekItself =
            settings.url.host == Provider.deepseek.defaultURL?.host && settings.url.pathPrefix.isEmpty
        messagesPathPrefix = isDeepSeekItself ? Array("/anthropic".utf8) : pathPrefix
        let key = settings.apiKey?.reveal()
        bearerLine = key.map { headerLines([("authorization", "Bearer \($0)")]) }
        apiKeyLine = key.map { headerLines([("x-api-key", $0)]) }
        // A client's cookies are for this host, not for the provider; x-cairn-* is said to Cairn alone.
        let names = ["cookie", "x-cairn-*"] + (key == nil ? [] : ["authorization", "x-api-key"])
        withheld = NameSet(names)
        withheldWithCoding = NameSet(names + ["content-encoding"])
        withheldFromRenamed = NameSet(names + ["content-encoding", "accept-encoding"])
        targets = CallDialect.allCases.map { dialect in
            dialect.wire.flatMap { own in settings.dialect(for: own) == own ? nil : settings.dialect(for: own) }
        }
    }

    /// The dialect a call must be translated into; nil: it is sent in its own.
    func target(for dialect: CallDialect) -> WireDialect? { targets[Int(dialect.rawValue)] }

    /// The line that replaces the client's key: in the client's own form, or as the provider documents it.
    func keyLine(clientUsesAPIKeyField: Bool, clientUsesAuthorization: Bool, dialect: CallDialect) -> [UInt8]? {
        if settings.provider == .anthropic { return apiKeyLine }
        if clientUsesAPIKeyField && !clientUsesAuthorization { return apiKeyLine }
        if !clientUsesAuthorization && dialect == .messages && settings.provider == .generic { return apiKeyLine }
        return bearerLine
    }
}

/// All upstreams, and the choice among them.
struct UpstreamTable: Sendable {
    let upstreams: [PreparedUpstream]

    init(_ settings: [Upstream]) { upstreams = settings.map(PreparedUpstream.init) }

    /// The first upstream that claims the model for the dialect; if none does, the first that claims the model at all, to
    /// which the call is translated; if none does, the first that speaks the dialect. One upstream alone takes everything,
    /// without a look at the model.
    func choose(model: [UInt8]?, dialect: CallDialect) -> Int {
        if upstreams.count == 1 { return 0 }
        if let model {
            let name = String(decoding: model, as: UTF8.self)
            let choice =
                upstreams.firstIndex { $0.settings.claims(model: name, dialect: dialect) }
                ?? upstreams.firstIndex { $0.settings.claims(model: name, dialect: .other) }
            if let choice { return choice }
        }
        return upstreams.firstIndex { $0.settings.speaks(dialect) } ?? 0
    }
}

extension Upstream {
    /// Whether a call for the model belongs here: a pattern names it, or the upstream takes all models. One that takes all
    /// models claims none in a dialect it does not speak, and one whose settings name a dialect claims no other.
    fileprivate func claims(model: String, dialect: CallDialect) -> Bool {
        guard let wanted = dialect.settingsDialect else {
            return SettingsDialect.allCases.contains { serves(model: model, dialect: $0) }
        }
        return serves(model: model, dialect: wanted) && (!modelPatterns.isEmpty || speaks(dialect))
    }
}
