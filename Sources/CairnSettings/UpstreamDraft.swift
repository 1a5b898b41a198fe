// An upstream while it is put together from the configuration file and the flags.

/// An upstream of which parts may still be unknown.
struct UpstreamDraft: Sendable {
    /// Empty until `nameAll`.
    var name = ""
    var url: UpstreamURL?
    var provider: Provider?
    var dialect: Dialect?
    var key: KeySource?
    var modelPatterns: [Glob] = []
    var modelRules: [ModelMap.Rule] = []
    var timeouts = UpstreamTimeouts()
    var usesHTTP2 = false
    /// Nil: the environment decides.
    var proxy: ProxyChoice?
    var caFile: String?
    var verifiesTLS = true
    var connectionsMax = Upstream.connectionsMaxDefault
    /// Where errors about it are told; nil for the built-in ones.
    var place: SettingsPlace?

    init(name: String = "", url: UpstreamURL? = nil, provider: Provider? = nil, place: SettingsPlace? = nil) {
        self.name = name
        self.url = url
        self.provider = provider
        self.place = place
    }

    /// From an entry of the file's list.
    init(
        _ entry: Placed<ConfigMap>, _ filePath: (String) throws(SettingsError) -> String
    ) throws(SettingsError) {
        place = entry.place
        var map = entry.value
        try map.read("name", SettingsValue.upstreamName, into: &name)
        url = try map.value("url", UpstreamURL.init(parsing:))?.value
        provider = try map.value("provider", SettingsValue.choice)?.value
        dialect = try map.value("dialect", UpstreamDraft.dialect)?.value ?? nil
        key = try KeySource(&map, key: "api_key")
        modelPatterns = try map.list("models", Glob.init(parsing:)) ?? []
        modelRules = try UpstreamDraft.modelRules(&map)
        if var timeouts = try map.map("timeouts") { try readTimeouts(&timeouts) }
        try map.read("http2", SettingsValue.bool, into: &usesHTTP2)
        proxy = try map.value("proxy", ProxyChoice.init(parsing:))?.value
        caFile = try map.value("ca_file", filePath)?.value
        if let isInsecure = try map.value("insecure_tls", SettingsValue.bool) {
            verifiesTLS = !isInsecure.value
        }
        try map.read(
            "connections_max", SettingsValue.number(SettingsRange.connections), into: &connectionsMax)
        try map.finish()

        guard url != nil || provider?.defaultURL != nil else {
            throw SettingsError("expected a url, or a provider that has one of its own", at: entry.place)
        }
    }

    /// Gives a name to each draft that has none (its provider's, with a number if that is taken),
    /// and checks that no two have the same.
    static func nameAll(_ drafts: inout [UpstreamDraft]) throws(SettingsError) {
        var taken: Set<String> = []
        for draft in drafts where !draft.name.isEmpty {
            guard taken.insert(draft.name).inserted else {
                throw SettingsError("the upstream name \"\(draft.name)\" is used twice", at: draft.place)
            }
        }
        for index in drafts.indices where drafts[index].name.isEmpty {
            let stem = drafts[index].resolvedProvider.rawValue
            let candidates = [stem] + (2...(drafts.count + 1)).map { "\(stem)-\($0)" }
            drafts[index].name = candidates.first { !taken.contains($0) } ?? stem
            taken.insert(drafts[index].name)
        }
    }

    /// The finished upstream. `apiKey` comes from flags and wins over the draft's own.
    func upstream(apiKey: Secret?, environment: [String: String]) throws(SettingsError) -> Upstream {
        let provider = resolvedProvider
        guard let url = url ?? provider.defaultURL else {
            throw SettingsError(
                "the provider generic has no address of its own; give --upstream URL", at: place)
        }
        var apiKey = apiKey
        if apiKey == nil { apiKey = try key?.resolve(environment) }
        return Upstream(
            name: name, url: url, provider: provider, dialect: dialect,
            apiKey: apiKey, modelPatterns: modelPatterns,
            modelMap: ModelMap(userRules: modelRules, provider: provider), timeouts: timeouts,
            usesHTTP2: usesHTTP2, proxy: try resolvedProxy(for: url, environment),
            caFile: caFile, verifiesTLS: verifiesTLS, connectionsMax: connectionsMax)
    }

    private func resolvedProxy(
        for url: UpstreamURL, _ environment: [String: String]
    ) throws(SettingsError) -> ProxyURL? {
        switch proxy {
        case .direct: return nil
        case .through(let proxy): return proxy
        case nil: return try ProxyRule(environment: environment).proxy(for: url)
        }
    }

    private var resolvedProvider: Provider {
        provider ?? url.map(Provider.init(guessedFrom:)) ?? .generic
    }

    private mutating func readTimeouts(_ map: inout ConfigMap) throws(SettingsError) {
        let duration = SettingsValue.milliseconds(SettingsRange.timeoutMilliseconds)
        try map.read("connect_seconds", duration, into: &timeouts.connectMilliseconds)
        try map.read("first_byte_seconds", duration, into: &timeouts.firstByteMilliseconds)
        try map.read("idle_seconds", duration, into: &timeouts.idleMilliseconds)
        try map.finish()
    }

    private static func modelRules(_ map: inout ConfigMap) throws(SettingsError) -> [ModelMap.Rule] {
        var rules: [ModelMap.Rule] = []
        for (pattern, target) in try map.pairs("model_map") ?? [] {
            rules.append(
                ModelMap.Rule(
                    pattern: try pattern.parsed(Glob.init(parsing:)).value,
                    target: try target.parsed(SettingsValue.modelName).value))
        }
        return rules
    }

    /// `any` is nil.
    private static func dialect(_ text: String) throws(SettingsError) -> Dialect? {
        if text == "any" { return nil }
        guard let dialect = Dialect(rawValue: text) else {
            let names = ["any"] + Dialect.allCases.map(\.rawValue)
            throw SettingsError("expected \(SettingsText.choices(names)), got \(SettingsText.quoted(text))")
        }
        return dialect
    }
}
