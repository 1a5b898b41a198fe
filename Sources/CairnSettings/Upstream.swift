// One place to which calls are sent: what the gateway needs to connect, to authenticate and to
// choose it for a call.

/// A provider's server, and how to talk to it.
public struct Upstream: Equatable, Sendable {
    /// Unique among the upstreams: 1 to 64 letters, digits, `.`, `_`, `-`. Names it in metrics,
    /// logs and records.
    public var name: String
    public var url: UpstreamURL
    public var provider: Provider
    /// The only dialect it speaks, or nil: all.
    public var dialect: Dialect?
    /// Sent instead of the client's own key; nil: the client's key is forwarded, for that call
    /// only.
    public var apiKey: Secret?
    /// Models it answers for; empty: all.
    public var modelPatterns: [Glob]
    public var modelMap: ModelMap
    public var timeouts: UpstreamTimeouts
    /// Whether calls go through HTTP/2 (for origins that speak nothing else).
    public var usesHTTP2: Bool
    /// The forward proxy to go through; nil: direct.
    public var proxy: ProxyURL?
    /// PEM file of the certificate authorities to trust instead of the system's.
    public var caFile: String?
    /// Whether the certificate and the name in it are checked; false only for tests on a private
    /// network.
    public var verifiesTLS: Bool
    /// Open connections to it, all loops together.
    public var connectionsMax: Int

    public static let connectionsMaxDefault = 16_384

    /// `provider` nil: guessed from the URL. `modelMap` nil: the provider's own.
    public init(
        name: String, url: UpstreamURL, provider: Provider? = nil, dialect: Dialect? = nil,
        apiKey: Secret? = nil,
        modelPatterns: [Glob] = [], modelMap: ModelMap? = nil,
        timeouts: UpstreamTimeouts = UpstreamTimeouts(),
        usesHTTP2: Bool = false, proxy: ProxyURL? = nil, caFile: String? = nil, verifiesTLS: Bool = true,
        connectionsMax: Int = Upstream.connectionsMaxDefault
    ) {
        let provider = provider ?? Provider(guessedFrom: url)
        self.name = name
        self.url = url
        self.provider = provider
        self.dialect = dialect
        self.apiKey = apiKey
        self.modelPatterns = modelPatterns
        self.modelMap = modelMap ?? ModelMap(userRules: [], provider: provider)
        self.timeouts = timeouts
        self.usesHTTP2 = usesHTTP2
        self.proxy = proxy
        self.caFile = caFile
        self.verifiesTLS = verifiesTLS
        self.connectionsMax = connectionsMax
    }

    /// Whether a call for `model` in `dialect` may go here. `model` is the client's name, before
    /// the model map.
    public func serves(model: String, dialect: Dialect) -> Bool {
        guard self.dialect == nil || self.dialect == dialect else { return false }
        return modelPatterns.isEmpty || modelPatterns.contains { $0.matches(model) }
    }
}

/// How long the gateway waits for an upstream, in milliseconds.
public struct UpstreamTimeouts: Equatable, Sendable {
    /// For the connection, TLS included.
    public var connectMilliseconds = 10_000
    /// From the last byte of the request to the first of the answer.
    public var firstByteMilliseconds = 600_000
    /// Between two bytes of the answer.
    public var idleMilliseconds = 300_000

    public init() {}
}
