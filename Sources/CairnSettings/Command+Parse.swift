// The door: from the arguments, the environment and the configuration file to one Command or one
// error.

extension Command {
    /// The largest configuration file that is read, in bytes.
    public static let configFileBytesMax = ConfigNode.fileBytesMax

    /// Understands one run of the command. `arguments` are those behind the program's name. Reads
    /// at most one file and changes nothing, so a caller who prints the error and exits leaves
    /// nothing half-started.
    public static func parse(
        arguments: [String], environment: [String: String], files: some ConfigFiles
    ) throws(SettingsError) -> Command {
        guard let first = arguments.first else { return .help(.overview) }
        if first == "-h" || first == "--help" { return .help(.overview) }
        if first == "--version" { return .version }
        guard let verb = Verb(rawValue: first) else { throw unknownVerb(first) }

        let rest = arguments.dropFirst()
        if rest.contains("-h") || rest.contains("--help") { return .help(helpTopic(of: verb)) }
        if verb == .help { return .help(try helpTopic(rest)) }

        let table = CommandLineTable.of(verb)
        let given = try GivenOptions(arguments: rest, environment: environment, table: table)
        switch verb {
        case .serve: return .serve(try serveSettings(given, environment, files))
        case .practice: return .practice(try practiceSettings(given, userHome: userHome(environment)))
        case .demo: return .demo(try demoSettings(given))
        case .context where given.words.first?.value == "export":
            return .exportContext(try exportSettings(given, environment, files))
        case .context where given.words.first?.value == "shorten":
            return .shorten(try shortenSettings(given, userHome: userHome(environment)))
        case .context: return .convert(try convertSettings(given, userHome: userHome(environment)))
        case .status: return .status(try statusSettings(given, environment, files))
        case .report: return .report(try reportSettings(given, environment, files))
        case .prove: return .prove(try proveSettings(given, environment, files))
        case .search: return .search(try searchSettings(given, environment, files))
        case .expand: return .expand(try expandSettings(given, environment, files))
        case .why: return .why(try whySettings(given, environment, files))
        case .backup: return .backup(try backupSettings(given, environment, files))
        case .version: return .version
        case .help: return .help(.overview)
        }
    }
}

extension Command {
    private static func serveSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> Settings {
        let userHome = userHome(environment)
        let (home, file) = try homeAndFile(given, userHome: userHome, files)
        return try SettingsAssembly(
            given: given, file: file, environment: environment, homeDefault: home, userHome: userHome
        ).settings()
    }

    /// The home as flags and variables tell it, and the configuration file, which may name another one.
    static func homeAndFile(
        _ given: GivenOptions, userHome: String?, _ files: some ConfigFiles
    ) throws(SettingsError) -> (home: String, file: FileSettings) {
        let filePath = SettingsValue.path(userHome: userHome)
        let home = try given.value(.home, filePath)?.value ?? userHome.map { "\($0)/.cairn" }
        guard let home else {
            throw SettingsError(
                "HOME is not set; say with --home DIR or CAIRN_HOME where the home directory is")
        }
        let config = try given.value(.config, filePath)
        return (home, try fileSettings(config, home: home, userHome: userHome, files))
    }

    /// The file that was named; without one config.yaml in the home directory, which may be absent.
    private static func fileSettings(
        _ config: Placed<String>?, home: String, userHome: String?, _ files: some ConfigFiles
    ) throws(SettingsError) -> FileSettings {
        let path = config?.value ?? "\(home)/config.yaml"
        let bytes: [UInt8]
        do throws(ConfigFileError) {
            bytes = try files.contents(ofFile: path, bytesMax: configFileBytesMax)
        } catch {
            if error == .notFound, config == nil { return FileSettings() }
            throw SettingsError("cannot read the configuration file \(path): \(error)", at: config?.place)
        }
        return try FileSettings(bytes, path: path, userHome: userHome)
    }

    private static func practiceSettings(
        _ given: GivenOptions, userHome: String?
    ) throws(SettingsError) -> PracticeSettings {
        var practice = PracticeSettings()
        try given.read(.listen, ListenAddress.init(parsing:), into: &practice.listen)
        try given.read(
            .latencyMs, SettingsValue.number(SettingsRange.latencyMilliseconds),
            into: &practice.latencyMilliseconds)
        practice.tokensPerSecond = try given.value(
            .tokensPerSecond, SettingsValue.number(SettingsRange.tokensPerSecond))?.value
        practice.fault = try given.value(.fault, SettingsValue.faultName)?.value
        practice.scriptFile = try given.value(.script, SettingsValue.path(userHome: userHome))?.value
        practice.dialect = try given.value(.dialect, SettingsValue.choice)?.value
        try given.read(.threads, SettingsValue.number(SettingsRange.threads), into: &practice.threads)
        return practice
    }

    private static func demoSettings(_ given: GivenOptions) throws(SettingsError) -> DemoSettings {
        var demo = DemoSettings()
        try given.read(.mode, SettingsValue.choice, into: &demo.mode)
        try given.read(.logLevel, SettingsValue.choice, into: &demo.logLevel)
        try given.read(.threads, SettingsValue.number(SettingsRange.threads), into: &demo.threads)
        return demo
    }

    private static func convertSettings(
        _ given: GivenOptions, userHome: String?
    ) throws(SettingsError) -> ConvertSettings {
        let usage =
            "write cairn context convert --to DIALECT FILE, cairn context export --session ID or "
            + "cairn context shorten FILE"
        guard let action = given.words.first else { throw SettingsError("cairn context: \(usage)") }
        guard action.value == "convert" else {
            throw SettingsError("cairn context: unknown action\(SettingsText.spacedName(action.value)); \(usage)")
        }
        guard given.words.count == 2 else { throw SettingsError("cairn context convert: a FILE is missing; \(usage)") }
        let target: Placed<Dialect>? = try given.value(.to, SettingsValue.choice)
        guard let target else { throw SettingsError("cairn context convert: --to is missing; \(usage)") }
        let file = given.words[1]
        let path = file.value == "-" ? "-" : try file.parsed(SettingsValue.path(userHome: userHome)).value
        return ConvertSettings(
            file: path, target: target.value, source: try given.value(.from, SettingsValue.choice)?.value)
    }

    private static func shortenSettings(
        _ given: GivenOptions, userHome: String?
    ) throws(SettingsError) -> ShortenSettings {
        guard given.words.count == 2 else {
            throw SettingsError("cairn context shorten: write cairn context shorten [--book NAME] FILE")
        }
        let file = given.words[1]
        let path = file.value == "-" ? "-" : try file.parsed(SettingsValue.path(userHome: userHome)).value
        var settings = ShortenSettings(file: path, source: try given.value(.from, SettingsValue.choice)?.value)
        try given.read(.book, { $0 }, into: &settings.book)
        return settings
    }

    static func userHome(_ environment: [String: String]) -> String? {
        environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func unknownVerb(_ word: String) -> SettingsError {
        let verbs = Verb.allCases.map(\.rawValue)
        let advice = NearestName.find(word, among: verbs).map { "did you mean \($0)?" }
        return SettingsError(
            "cairn: unknown command\(SettingsText.spacedName(word));"
                + " \(advice ?? "expected \(SettingsText.choices(verbs))")")
    }

    private static func helpTopic(of verb: Verb) -> HelpTopic {
        HelpTopic(rawValue: verb.rawValue) ?? .overview
    }

    private static func helpTopic(_ words: some Collection<String>) throws(SettingsError) -> HelpTopic {
        guard let word = words.first else { return .overview }
        let topics = HelpTopic.allCases.map(\.rawValue)
        guard words.count == 1, let topic = HelpTopic(rawValue: word) else {
            throw SettingsError("cairn help: expected one of \(topics.joined(separator: ", "))")
        }
        return topic
    }
}

extension GivenOptions {
    /// Replaces `setting` if the option is given.
    func read<Value>(
        _ name: OptionName, _ parse: (String) throws(SettingsError) -> Value, into setting: inout Value
    ) throws(SettingsError) {
        if let given = try value(name, parse) { setting = given.value }
    }
}
