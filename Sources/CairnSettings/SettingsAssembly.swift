// Puts flags, variables, file and defaults together into Settings, in this order of precedence.

/// Everything `cairn serve` was told, still apart.
struct SettingsAssembly {
    let given: GivenOptions
    let file: FileSettings
    let environment: [String: String]
    /// The directory used when no one names another.
    let homeDefault: String
    /// What `~` stands for in paths.
    let userHome: String?

    func settings() throws(SettingsError) -> Settings {
        let filePath = SettingsValue.path(userHome: userHome)
        let listen = try given.value(.listen, ListenAddress.init(parsing:)) ?? file.listen
        let mode: Placed<Mode>? = try given.value(.mode, SettingsValue.choice) ?? file.mode
        let logLevel: Placed<LogLevel>? = try given.value(.logLevel, SettingsValue.choice) ?? file.logLevel
        let threads = try given.value(.threads, SettingsValue.number(SettingsRange.threads)) ?? file.threads
        let drain =
            try given.value(.drainSeconds, SettingsValue.milliseconds(SettingsRange.drainMilliseconds))
            ?? file.drainMilliseconds
        let home = try given.value(.home, filePath) ?? file.home

        return Settings(
            listen: listen?.value ?? Settings.listenDefault, upstreams: try upstreams(),
            adminKey: try adminKey(),
            mode: mode?.value ?? Settings.modeDefault, addsExpandTool: file.addsExpandTool?.value ?? true,
            home: home?.value ?? homeDefault, tls: try tls(filePath),
            logLevel: logLevel?.value ?? .info, threads: threads?.value ?? ProcessorCount.available(),
            allowedHosts: try allowedHosts(),
            drainMilliseconds: drain?.value ?? Settings.drainMillisecondsDefault,
            limits: file.limits, timeouts: file.timeouts, usageLog: file.usageLog)
    }

    func adminKey() throws(SettingsError) -> Secret? {
        if let key = try given.value(.adminKey, Secret.init(parsing:)) { return key.value }
        return try file.adminKey?.resolve(environment)
    }

    private func allowedHosts() throws(SettingsError) -> [String] {
        let texts = given.all(.allowHost)
        guard !texts.isEmpty else { return file.allowedHosts ?? [] }
        var hosts: [String] = []
        for text in texts { hosts.append(try text.parsed(SettingsValue.hostName).value) }
        return hosts
    }
}

// MARK: - TLS

extension SettingsAssembly {
    /// Files and the automatic certificate exclude each other where they are given together; across
    /// the layers the higher one wins, so that --tls-auto overrides a file's certificate and the
    /// other way round.
    private func tls(
        _ filePath: (String) throws(SettingsError) -> String
    ) throws(SettingsError) -> TLSIdentity? {
        let automatic = try given.value(.tlsAuto, SettingsValue.bool) ?? file.tlsAutomatic
        let certificate = try given.value(.tlsCert, filePath) ?? file.tlsCertificate
        let key = try given.value(.tlsKey, filePath) ?? file.tlsKey

        if let automatic, automatic.value {
            let filesPrecedence = max(certificate?.place.precedence ?? 0, key?.place.precedence ?? 0)
            if automatic.place.precedence > filesPrecedence { return .automatic }
            guard automatic.place.precedence < filesPrecedence else {
                throw SettingsError("cannot go together with a certificate or key file", at: automatic.place)
            }
        }
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return .files(certificate: certificate.value, key: key.value)
        case (let certificate?, nil):
            throw SettingsError(
                "the certificate needs its key (--tls-key, CAIRN_TLS_KEY or tls.key)", at: certificate.place)
        case (nil, let key?):
            throw SettingsError(
                "the key needs its certificate (--tls-cert, CAIRN_TLS_CERT or tls.cert)", at: key.place)
        }
    }
}

extension SettingsPlace {
    /// The larger one wins.
    fileprivate var precedence: Int {
        switch self {
        case .file: 1
        case .environment: 2
        case .argument: 3
        }
    }
}

// MARK: - Upstreams

extension SettingsAssembly {
    private func upstreams() throws(SettingsError) -> [Upstream] {
        let drafts = try drafts()
        let keys = try apiKeys(drafts)
        var upstreams: [Upstream] = []
        for draft in drafts {
            upstreams.append(try draft.upstream(apiKey: keys[draft.name], environment: environment))
        }
        return upstreams
    }

    /// Named drafts, in order of preference.
    private func drafts() throws(SettingsError) -> [UpstreamDraft] {
        var named: [UpstreamDraft] = []
        for text in given.all(.upstream) { named.append(try SettingsAssembly.namedDraft(text)) }
        guard named.count <= Settings.upstreamsMax else {
            throw SettingsError("more than \(Settings.upstreamsMax) upstreams", at: named[0].place)
        }
        let provider: Placed<Provider>? = try given.value(.provider, SettingsValue.choice)
        guard !named.isEmpty else { return try draftsWithoutUpstreamFlags(provider) }

        // Names of the file bring the file's settings with them, and if there are no others, the
        // file's list stays.
        named = named.map { draft in
            guard var known = file.upstreams.first(where: { $0.name == draft.name }) else { return draft }
            known.url = draft.url
            known.place = draft.place
            return known
        }
        if let provider { named[0].provider = provider.value }
        try UpstreamDraft.nameAll(&named)

        let fileNames = Set(file.upstreams.map(\.name))
        guard named.allSatisfy({ fileNames.contains($0.name) }), hasOnlyNamedUpstreams else { return named }
        return file.upstreams.map { draft in named.first { $0.name == draft.name } ?? draft }
    }

    /// The file's list, else the provider's own address, else the built-in three.
    private func draftsWithoutUpstreamFlags(
        _ provider: Placed<Provider>?
    ) throws(SettingsError) -> [UpstreamDraft] {
        guard let provider else {
            return file.upstreams.isEmpty ? SettingsAssembly.builtInDrafts : file.upstreams
        }

        guard file.upstreams.count <= 1 else {
            throw SettingsError(
                "the configuration file lists several upstreams; say with --upstream which one is meant",
                at: provider.place)
        }
        var draft =
            file.upstreams.first ?? UpstreamDraft(name: provider.value.rawValue, place: provider.place)
        draft.provider = provider.value
        return [draft]
    }

    /// Three public providers, chosen by the model's name; the client brings its own key.
    private static let builtInDrafts: [UpstreamDraft] = {
        var deepseek = UpstreamDraft(name: "deepseek", provider: .deepseek)
        deepseek.modelPatterns = [Glob(unchecked: "deepseek-*")]
        var anthropic = UpstreamDraft(name: "anthropic", provider: .anthropic)
        anthropic.modelPatterns = [Glob(unchecked: "claude-*")]
        return [deepseek, anthropic, UpstreamDraft(name: "openai", provider: .openai)]
    }()

    private var hasOnlyNamedUpstreams: Bool {
        given.all(.upstream).allSatisfy { SettingsAssembly.splitName($0.value) != nil }
    }

    private static func namedDraft(_ text: Placed<String>) throws(SettingsError) -> UpstreamDraft {
        guard let (name, url) = splitName(text.value) else {
            return UpstreamDraft(url: try text.parsed(UpstreamURL.init(parsing:)).value, place: text.place)
        }
        let placedName = Placed(value: name, place: text.place)
        let placedURL = Placed(value: url, place: text.place)
        return UpstreamDraft(
            name: try placedName.parsed(SettingsValue.upstreamName).value,
            url: try placedURL.parsed(UpstreamURL.init(parsing:)).value, place: text.place)
    }

    /// Splits `name=rest`. A `=` behind a colon or slash belongs to a URL: nil.
    private static func splitName(_ text: String) -> (name: String, rest: String)? {
        guard let end = text.firstIndex(where: { "=:/".contains($0) }), text[end] == "=" else { return nil }
        return (String(text[..<end]), String(text[text.index(after: end)...]))
    }

    /// The keys that flags give, by upstream name. A text whose part before the first `=` is no
    /// upstream's name is a key as a whole (keys may hold `=`), which only one upstream can take.
    private func apiKeys(_ drafts: [UpstreamDraft]) throws(SettingsError) -> [String: Secret] {
        var keys: [String: Secret] = [:]
        for text in given.all(.apiKey) {
            var name = drafts[0].name
            var key = text
            if let (prefix, rest) = SettingsAssembly.splitName(text.value),
                drafts.contains(where: { $0.name == prefix })
            {
                name = prefix
                key = Placed(value: rest, place: text.place)
            } else if drafts.count > 1 {
                let names = drafts.map(\.name).joined(separator: ", ")
                throw SettingsError("there are several upstreams (\(names)); write name=KEY", at: text.place)
            }
            guard keys.updateValue(try key.parsed(Secret.init(parsing:)).value, forKey: name) == nil else {
                throw SettingsError("two keys for the upstream \"\(name)\"", at: text.place)
            }
        }
        return keys
    }
}
