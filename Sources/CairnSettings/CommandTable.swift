// The one table of commands and flags. The reading of arguments, the names of the environment
// variables and the help texts are all made from it. To add a flag: a name, a line here, and its
// use in SettingsAssembly (or Command+Parse).

/// The word after `cairn`.
enum Verb: String, CaseIterable {
    case serve, practice, demo, status, report, prove, search, expand, why, backup, context, version, help
}

extension Verb {
    /// Looks at a gateway or at what one left in its home.
    var looksAtGateway: Bool {
        switch self {
        case .status, .report, .prove, .search, .expand, .why, .backup, .context: true
        case .serve, .practice, .demo, .version, .help: false
        }
    }
}

/// A flag without its `--`.
enum OptionName: String, CaseIterable {
    case listen, upstream, provider, mode, home, config, threads, fault, script, dialect, to, from
    case all, session, since, format, once, tls, book, lines
    case apiKey = "api-key"
    case adminKey = "admin-key"
    case tlsCert = "tls-cert"
    case tlsKey = "tls-key"
    case tlsAuto = "tls-auto"
    case logLevel = "log-level"
    case allowHost = "allow-host"
    case drainSeconds = "drain-seconds"
    case latencyMs = "latency-ms"
    case tokensPerSecond = "tokens-per-second"

    /// As typed: `--tls-cert`.
    var flag: String { "--\(rawValue)" }
}

/// One flag of one command.
struct OptionLine {
    let name: OptionName
    /// What stands for the value in help; nil: the flag is a switch.
    let valueName: String?
    /// Whether it may be given several times, and its variable be a list split at commas and
    /// spaces.
    let isRepeatable: Bool
    /// Sentences for help.
    let summary: String
    /// For help; nil: there is no default, or the summary tells it.
    let defaultText: String?

    init(
        _ name: OptionName, _ valueName: String?, _ summary: String, default defaultText: String? = nil,
        isRepeatable: Bool = false
    ) {
        self.name = name
        self.valueName = valueName
        self.isRepeatable = isRepeatable
        self.summary = summary
        self.defaultText = defaultText
    }
}

/// One command.
struct CommandLineTable {
    let verb: Verb
    let summary: String
    /// What stands in the command besides flags, in order; what is in brackets may be left out.
    var words: [String] = []
    let options: [OptionLine]

    /// The option's environment variable: `CAIRN_TLS_CERT` for serve; for other commands the
    /// command's name is in it (`CAIRN_PRACTICE_LISTEN`), because the gateway's variables must not
    /// move the practice provider. Commands that look at a gateway find it by its own variables.
    func variable(of name: OptionName) -> String {
        let words =
            verb == .serve || CommandLineTable.gatewayOptions.contains(name) && verb.looksAtGateway
            ? "cairn-\(name.rawValue)" : "cairn-\(verb.rawValue)-\(name.rawValue)"
        return String(words.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    /// Options by which a gateway and what it left are found.
    private static let gatewayOptions: Set<OptionName> = [.home, .config, .listen, .adminKey]

    func option(flag: some StringProtocol) -> OptionLine? {
        options.first { $0.name.flag == flag }
    }

    static func of(_ verb: Verb) -> CommandLineTable {
        switch verb {
        case .serve: serve
        case .practice: practice
        case .demo: demo
        case .context: context
        case .status: status
        case .report: report
        case .prove: prove
        case .search: search
        case .expand: expand
        case .why: why
        case .backup: backup
        case .version: CommandLineTable(verb: verb, summary: "print the version", options: [])
        case .help:
            CommandLineTable(
                verb: verb, summary: "print help for a command or the configuration file", options: [])
        }
    }

    private static let serve = CommandLineTable(
        verb: .serve, summary: "run the gateway",
        options: [
            OptionLine(
                .listen, "HOST:PORT",
                "Address to listen on: an IPv4 address, an IPv6 address in brackets or "
                    + "localhost; :PORT alone is 127.0.0.1, port 0 lets the system choose.",
                default: "\(Settings.listenDefault)"),
            OptionLine(
                .upstream, "URL | name=URL",
                "Where calls go, with or without /v1; may be given several times. Replaces "
                    + "the list of the configuration file; but if every name given is in that file, "
                    + "its list stays and only those URLs change. Without any upstream and "
                    + "provider: deepseek for models deepseek-*, anthropic for claude-*, openai for "
                    + "all others.",
                isRepeatable: true),
            OptionLine(
                .provider, SettingsText.alternatives(Provider.self),
                "Who answers at the first upstream given. Without an upstream: call this "
                    + "provider at its own address (vllm: port 8000, sglang: port 30000 on this "
                    + "machine). Guessed from the URL when absent."
            ),
            OptionLine(
                .apiKey, "KEY | name=KEY",
                "Key to send upstream instead of the client's own. With several upstreams it "
                    + "must be name=KEY and may be given several times.",
                isRepeatable: true),
            OptionLine(
                .adminKey, "KEY",
                "Key that callers of the admin endpoints must show. Without it they answer on "
                    + "a loopback address only."
            ),
            OptionLine(
                .mode, SettingsText.alternatives(Mode.self), "How much the gateway does to a call.",
                default: Settings.modeDefault.rawValue),
            OptionLine(
                .home, "DIR", "Directory of records, logs and generated certificates.", default: "~/.cairn"),
            OptionLine(
                .config, "FILE",
                "Configuration file in YAML; see cairn help config. Without it config.yaml in "
                    + "the home directory is read if it is there."),
            OptionLine(.tlsCert, "FILE", "Certificate chain in PEM; the listener then speaks TLS."),
            OptionLine(.tlsKey, "FILE", "Private key of the certificate, in PEM."),
            OptionLine(.tlsAuto, nil, "Speak TLS with a self-signed certificate made in the home directory."),
            OptionLine(
                .logLevel, SettingsText.alternatives(LogLevel.self), "How much is logged to standard error.",
                default: LogLevel.info.rawValue),
            OptionLine(.threads, "N", "Event loops, one a thread.", default: "the CPUs this process may use"),
            OptionLine(
                .allowHost, "NAME",
                "Host name that clients may use besides the listener's own, such as "
                    + "host.docker.internal; may be given several times.",
                isRepeatable: true),
            OptionLine(
                .drainSeconds, "N", "How long open calls may go on after SIGTERM.",
                default: "\(Settings.drainMillisecondsDefault / 1000)"),
        ])

    private static let practice = CommandLineTable(
        verb: .practice, summary: "run the practice provider, an upstream that needs no key and no network",
        options: [
            OptionLine(
                .listen, "HOST:PORT", "Address to listen on.", default: "\(PracticeSettings().listen)"),
            OptionLine(
                .latencyMs, "N", "Milliseconds before the first byte of every answer.",
                default: "\(PracticeSettings().latencyMilliseconds)"),
            OptionLine(.tokensPerSecond, "N", "Pace of streams.", default: "as fast as they are read"),
            OptionLine(
                .fault, "NAME", "Make every answer fail in this way; an unknown name prints the list."),
            OptionLine(.script, "FILE", "Answer from a script."),
            OptionLine(
                .dialect, SettingsText.alternatives(Dialect.self),
                "Speak this dialect only; paths of the others are not found.", default: "all of them"),
            OptionLine(.threads, "N", "Event loops, one a thread.", default: "\(PracticeSettings().threads)"),
        ])

    private static let demo = CommandLineTable(
        verb: .demo,
        summary: "play agents against the gateway and the practice provider, and show what happened",
        options: [
            OptionLine(
                .mode, SettingsText.alternatives(Mode.self), "Mode of the gateway.",
                default: DemoSettings().mode.rawValue),
            OptionLine(
                .logLevel, SettingsText.alternatives(LogLevel.self), "How much is logged to standard error.",
                default: DemoSettings().logLevel.rawValue),
            OptionLine(.threads, "N", "Event loops of the gateway.", default: "\(DemoSettings().threads)"),
        ])

    private static let homeOptions = [
        OptionLine(.home, "DIR", "Home of the gateway.", default: "~/.cairn"),
        OptionLine(
            .config, "FILE",
            "Configuration file that names the home; without it config.yaml in the home is read if it is there."),
    ]

    private static let status = CommandLineTable(
        verb: .status, summary: "show how the running gateway is; on a terminal every second anew",
        options: [
            OptionLine(
                .listen, "HOST:PORT", "Address the gateway listens on.", default: "\(Settings.listenDefault)"),
            OptionLine(.adminKey, "KEY", "Its admin key, if it has one."),
            OptionLine(
                .tls, nil, "It speaks TLS; known from the configuration file too. Its certificate is not checked."),
            OptionLine(.once, nil, "Show it once and end, also on a terminal."),
        ] + homeOptions)

    private static let report = CommandLineTable(
        verb: .report, summary: "what calls cost, what they would have cost, and what to change",
        options: [
            OptionLine(.session, "ID", "Only this session: the 32 digits of the header x-cairn-session."),
            OptionLine(
                .since, "TIME", "Only calls since then: 12h, 7d, or a day such as 2026-11-01.", default: "all calls"),
            OptionLine(
                .format, SettingsText.alternatives(ReportSettings.Format.self),
                "text, Markdown, JSON, or a chart of what was saved each day.",
                default: ReportSettings.Format.text.rawValue),
        ] + homeOptions)

    private static let prove = CommandLineTable(
        verb: .prove, summary: "derive the prompts of a session, or of all, again and compare them with their proofs",
        words: ["[SESSION]"],
        options: [
            OptionLine(
                .all, nil,
                "All sessions; so it is without a SESSION. The status is 0 when all is proven, 1 at the first byte that "
                    + "differs, 2 when nothing could be compared.")
        ] + homeOptions)

    private static let search = CommandLineTable(
        verb: .search, summary: "find the stored turns that have these words, the best first", words: ["WORDS"],
        options: [
            OptionLine(.session, "ID", "Only turns first seen in this session.")
        ] + homeOptions)

    private static let expand = CommandLineTable(
        verb: .expand, summary: "write the exact bytes that a marker left out of a prompt", words: ["HANDLE"],
        options: [
            OptionLine(.session, "ID", "The session of the marker: the 32 digits of the header x-cairn-session."),
            OptionLine(
                .lines, "A-B",
                "Only these lines, counted from 1. The status is 0, 1 when there is no such original or no such line, 2 "
                    + "when nothing could be read."),
        ] + homeOptions)

    private static let why = CommandLineTable(
        verb: .why, summary: "tell why a part, or a call's prompt, left otherwise than it came", words: ["HANDLE|CALL"],
        options: [
            OptionLine(
                .session, "ID",
                "Of a handle, only what this session made of it. A CALL is what the header x-cairn-call says. The status "
                    + "is 0, 1 when nothing is known of it, 2 when nothing could be read.")
        ] + homeOptions)

    private static let backup = CommandLineTable(
        verb: .backup, summary: "copy the store into a new file while the gateway runs", words: ["[PATH]"],
        options: homeOptions)

    private static let context = CommandLineTable(
        verb: .context,
        summary: "export a stored conversation, convert it into another dialect, or see it shortened",
        words: ["convert|export|shorten", "[FILE]"],
        options: [
            OptionLine(
                .to, SettingsText.alternatives(Dialect.self),
                "convert: the dialect to write, to standard output. FILE is a request body or what export wrote; - is "
                    + "standard input. What it has no place for is listed on standard error. "
                    + "The status is 0, or 1 if the body is no request or cannot be translated."),
            OptionLine(
                .from, SettingsText.alternatives(Dialect.self), "convert, shorten: the dialect of the body.",
                default: "recognised"),
            OptionLine(
                .book, "NAME",
                "shorten: the prices that decide what pays: deepseek-flash, deepseek-pro, openai, anthropic, no-cache.",
                default: ShortenSettings.bookDefault),
            OptionLine(.session, "ID", "export: the session, by the 32 digits of the header x-cairn-session."),
        ] + homeOptions)
}

extension SettingsText {
    /// `a|b|c`, for help.
    static func alternatives<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) -> String {
        type.allCases.map(\.rawValue).joined(separator: "|")
    }
}
