// Everything `cairn serve` was told, as one immutable value. Command.parse makes it; the gateway
// reads it and nothing else: no other room looks at arguments, environment or the configuration
// file.

/// The settings of the gateway.
public struct Settings: Equatable, Sendable {
    public var listen: ListenAddress
    /// In order of preference; at least one.
    public var upstreams: [Upstream]
    /// Asked of callers of the admin endpoints; nil: they are open on a loopback listener and
    /// refused on any other.
    public var adminKey: Secret?
    public var mode: Mode
    /// Mode full: a model whose client has tools may ask for what was left out.
    public var addsExpandTool: Bool
    /// The directory of records, logs and generated certificates. The gateway makes it (0700).
    public var home: String
    /// nil: plain HTTP.
    public var tls: TLSIdentity?
    public var logLevel: LogLevel
    /// Event loops, one a thread.
    public var threads: Int
    /// Host names accepted besides the listener's own, in lower case, without port; IPv6 addresses
    /// without brackets.
    public var allowedHosts: [String]
    /// How long streams may go on after SIGTERM.
    public var drainMilliseconds: Int
    public var limits: Limits
    public var timeouts: ListenTimeouts
    public var usageLog: UsageLogSettings

    public static let listenDefault = ListenAddress(host: "127.0.0.1", port: 8787)
    public static let modeDefault = Mode.stable
    public static let drainMillisecondsDefault = 30_000
    /// Most upstreams that a user can list.
    public static let upstreamsMax = 64

    /// - Precondition: `upstreams` is not empty.
    public init(
        listen: ListenAddress = Settings.listenDefault, upstreams: [Upstream], adminKey: Secret? = nil,
        mode: Mode = Settings.modeDefault, addsExpandTool: Bool = true, home: String, tls: TLSIdentity? = nil,
        logLevel: LogLevel = .info,
        threads: Int,
        allowedHosts: [String] = [], drainMilliseconds: Int = Settings.drainMillisecondsDefault,
        limits: Limits = Limits(), timeouts: ListenTimeouts = ListenTimeouts(),
        usageLog: UsageLogSettings = UsageLogSettings()
    ) {
        precondition(!upstreams.isEmpty, "a gateway needs an upstream")
        self.listen = listen
        self.upstreams = upstreams
        self.adminKey = adminKey
        self.mode = mode
        self.addsExpandTool = addsExpandTool
        self.home = home
        self.tls = tls
        self.logLevel = logLevel
        self.threads = threads
        self.allowedHosts = allowedHosts
        self.drainMilliseconds = drainMilliseconds
        self.limits = limits
        self.timeouts = timeouts
        self.usageLog = usageLog
    }
}

/// How much the gateway does to a call.
public enum Mode: String, CaseIterable, Sendable {
    /// Carries bytes.
    case passthrough
    /// Carries bytes and records what the other modes would have done.
    case observe
    /// Keeps the prompt prefix byte-stable.
    case stable
    /// Keeps the prefix and leaves out what the model can already see.
    case full
}

/// How much is logged: each level includes those before it.
public enum LogLevel: String, CaseIterable, Sendable, Comparable {
    case error, warning, info, debug, trace

    /// `error` is the smallest.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .error: 0
        case .warning: 1
        case .info: 2
        case .debug: 3
        case .trace: 4
        }
    }
}

/// What the listener shows to clients that speak TLS.
public enum TLSIdentity: Equatable, Sendable {
    /// PEM files: the certificate chain and its private key.
    case files(certificate: String, key: String)
    /// A self-signed certificate that the gateway makes in its home.
    case automatic
}

/// What a client may ask for. Above it the gateway refuses, with 413, 431 or 503.
public struct Limits: Equatable, Sendable {
    /// One request body, after decoding.
    public var bodyBytesMax = 64 << 20
    /// Request line and header fields together.
    public var headerBytesMax = 64 << 10
    /// Open connections of clients, all loops together.
    public var connectionsMax = 16_384

    public init() {}
}

/// How long the gateway waits for a client, in milliseconds.
public struct ListenTimeouts: Equatable, Sendable {
    /// From the first byte of a request to the end of its header.
    public var headerMilliseconds = 30_000
    /// Between two bytes of a request's body.
    public var bodyMilliseconds = 60_000
    /// For the next request on an open connection.
    public var keepaliveMilliseconds = 120_000
    /// For the client to take any byte of an answer.
    public var writeMilliseconds = 300_000

    public init() {}
}

/// The size of HOME/usage.jsonl and how many older ones are kept.
public struct UsageLogSettings: Equatable, Sendable {
    /// The file is rotated before it grows beyond this.
    public var bytesMax = 64 << 20
    /// Files kept, the current one included.
    public var filesMax = 8

    public init() {}
}
