// The help texts, made from the command table and, for the configuration file, from an example that
// a test reads back.

extension HelpTopic {
    /// The text to print: lines of at most `HelpText.columns` characters, with a final newline.
    public var text: String {
        switch self {
        case .overview: HelpText.overview()
        case .serve: HelpText.command(.serve)
        case .practice: HelpText.command(.practice)
        case .demo: HelpText.command(.demo)
        case .status: HelpText.command(.status)
        case .report: HelpText.command(.report)
        case .prove: HelpText.command(.prove)
        case .search: HelpText.command(.search)
        case .expand: HelpText.command(.expand)
        case .why: HelpText.command(.why)
        case .backup: HelpText.command(.backup)
        case .context: HelpText.command(.context)
        case .version: HelpText.command(.version)
        case .config: HelpText.configHead + HelpText.configExample
        }
    }
}

enum HelpText {
    static let columns = 96
    private static let summaryColumn = 28

    static func overview() -> String {
        var text = """
            cairn: a gateway between coding agents and model providers

            Point an agent's base URL at http://\(Settings.listenDefault)/v1 and keep its own key.

            Usage: cairn COMMAND [flags]


            """
        for verb in Verb.allCases {
            text += "  \(padded(verb.rawValue, 12))\(CommandLineTable.of(verb).summary)\n"
        }
        text += """

            cairn COMMAND --help lists a command's flags, cairn help config the keys of the configuration
            file. A bad flag, variable or file is told in one line, and the command exits with 2.

            """
        return text
    }

    static func command(_ verb: Verb) -> String {
        let table = CommandLineTable.of(verb)
        var text = "cairn \(verb.rawValue): \(table.summary)\n\nUsage: cairn \(verb.rawValue)"
        text += table.words.map { " \($0)" }.joined()
        guard !table.options.isEmpty else { return text + "\n" }

        text += " [flags]\n\n"
        let precedence =
            "A flag is written --name VALUE or --name=VALUE. It wins over its environment variable, "
            + "which is in capitals below"
            + (verb == .serve ? ", and that over the configuration file." : ".")
            + (table.options.contains(where: \.isRepeatable)
                ? " A variable of a flag that may be given several times is a list split at commas or spaces."
                : "")
        text += wrapped(precedence, from: 0) + "\n"
        for option in table.options {
            text += optionText(option, table)
        }
        return text + optionText(term: "-h, --help", "This text.")
    }

    private static func optionText(_ option: OptionLine, _ table: CommandLineTable) -> String {
        let fallback = option.defaultText.map { " Default: \($0)." } ?? ""
        let term = option.valueName.map { "\(option.name.flag) \($0)" } ?? option.name.flag
        return optionText(term: term, "\(option.summary)\(fallback) [\(table.variable(of: option.name))]")
    }

    /// The term in its column, or on a line of its own if it is too long for it.
    private static func optionText(term: String, _ summary: String) -> String {
        let body = wrapped(summary, from: summaryColumn)
        let head = "  \(term)"
        guard head.count + 2 <= summaryColumn else { return "\(head)\n\(body)" }
        return padded(head, summaryColumn) + body.dropFirst(summaryColumn)
    }

    /// Lines filled with words up to `columns`, each behind `indent` spaces.
    private static func wrapped(_ text: String, from indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let line = lines.last, line.count + 1 + word.count <= columns {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(margin + word)
            }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

// MARK: - The configuration file

extension HelpText {
    static let configHead = """
        # The configuration file is YAML: --config FILE, CAIRN_CONFIG, or config.yaml in the home directory.
        # All keys, most with their defaults. Every key may be left out; flags and variables win over it.
        # Sizes: 65536, 64KiB, 64MiB. Durations: seconds (10, 0.5) or 500ms, 10s, 5m, 1h.


        """

    /// Every key of the schema in FileSettings and UpstreamDraft; a test reads it and compares it
    /// with the defaults.
    static let configExample = """
        listen: \(Settings.listenDefault)
        threads: 4                         # event loops; by default one a CPU
        mode: stable                       # \(SettingsText.alternatives(Mode.self))
        expand_tool: on                    # mode full: models may ask for what was left out
        home: ~/.cairn
        log_level: info                    # \(SettingsText.alternatives(LogLevel.self))
        admin_key_variable: ADMIN_KEY      # the variable that holds the key; or admin_key: the key itself
        allow_hosts: [host.docker.internal]
        drain_seconds: 30
        tls:                               # cert and key, or auto: true
          cert: /etc/cairn/chain.pem
          key: /etc/cairn/key.pem
          auto: false
        limits:
          body_bytes_max: 64MiB
          header_bytes_max: 64KiB
          connections_max: 16384
        timeouts:                          # of clients
          header_seconds: 30
          body_seconds: 60
          keepalive_seconds: 120
          write_seconds: 300
        usage_log:
          bytes_max: 64MiB
          files_max: 8
        upstreams:                         # in order of preference
          - name: deepseek
            url: https://api.deepseek.com  # with or without /v1; by default the provider's own
            provider: deepseek             # \(SettingsText.alternatives(Provider.self))
            dialect: any                   # any|\(SettingsText.alternatives(Dialect.self))
            api_key_variable: DEEPSEEK_KEY # or api_key: KEY; without both the client's key is forwarded
            models: ["*"]                  # which models go here, with * and ?; by default all
            model_map:                     # first match wins, then the provider's own map
              gpt-5-codex: deepseek-v4-pro
              "gpt-*": deepseek-v4-flash
            timeouts:
              connect_seconds: 10
              first_byte_seconds: 600
              idle_seconds: 300
            http2: false                   # true for an origin that speaks nothing else
            proxy: none                    # or http://user:password@host:3128, socks5h://host:1080;
                                           # by default what https_proxy and its kin say
            ca_file: /etc/ssl/certs/ca-certificates.crt
            connections_max: 16384
            insecure_tls: false            # true: the certificate is not checked

        """
}
