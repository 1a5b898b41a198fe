// The settings of commands that look at a gateway or at what it left in its home: status, report, prove, search, expand, why, backup,
// context export. They find it as `cairn serve` does (flags, the gateway's variables, its configuration file), and
// understand of the file only what they need: a key that is held in a variable of the gateway's own environment must not
// stop a report.

extension Command {
    static func statusSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> StatusSettings {
        let userHome = userHome(environment)
        let (home, file) = try homeAndFile(given, userHome: userHome, files)
        var status = StatusSettings()
        if let listen = file.listen { status.address = listen.value }
        try given.read(.listen, ListenAddress.init(parsing:), into: &status.address)
        status.usesTLS = file.tlsAutomatic?.value == true || file.tlsCertificate != nil
        try given.read(.tls, SettingsValue.bool, into: &status.usesTLS)
        try given.read(.once, SettingsValue.bool, into: &status.isOnce)
        status.adminKey = try SettingsAssembly(
            given: given, file: file, environment: environment, homeDefault: home, userHome: userHome
        ).adminKey()
        return status
    }

    static func reportSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> ReportSettings {
        var report = ReportSettings(home: try home(given, environment, files))
        report.session = try given.value(.session, SettingsValue.session)?.value
        report.since = try given.value(.since, SettingsValue.since)?.value
        try given.read(.format, SettingsValue.choice, into: &report.format)
        return report
    }

    static func proveSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> ProveSettings {
        let session = try given.words.first?.parsed(SettingsValue.session)
        let isAll = try given.value(.all, SettingsValue.bool)
        if let isAll, isAll.value, session != nil {
            throw SettingsError("cannot go together with a SESSION", at: isAll.place)
        }
        return ProveSettings(home: try home(given, environment, files), session: session?.value)
    }

    static func searchSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> SearchSettings {
        guard let words = given.words.first?.value, !words.isEmpty else {
            throw SettingsError("search: expected WORDS to look for")
        }
        return SearchSettings(
            home: try home(given, environment, files), words: words,
            session: try given.value(.session, SettingsValue.session)?.value)
    }

    static func expandSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> ExpandSettings {
        guard let handle = try given.words.first?.parsed(SettingsValue.handle) else {
            throw SettingsError("expand: expected a HANDLE, the characters of a marker in front of its colon")
        }
        return ExpandSettings(
            home: try home(given, environment, files), handle: handle.value,
            session: try given.value(.session, SettingsValue.session)?.value,
            lines: try given.value(.lines, SettingsValue.lines)?.value)
    }

    static func whySettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> WhySettings {
        guard let subject = try given.words.first?.parsed(SettingsValue.explainable) else {
            throw SettingsError("why: expected a HANDLE of a marker, or a CALL as the header x-cairn-call names it")
        }
        return WhySettings(
            home: try home(given, environment, files), subject: subject.value,
            session: try given.value(.session, SettingsValue.session)?.value)
    }

    static func exportSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> ExportSettings {
        guard let session = try given.value(.session, SettingsValue.session), given.words.count == 1 else {
            throw SettingsError("cairn context export: write cairn context export --session ID")
        }
        return ExportSettings(home: try home(given, environment, files), session: session.value)
    }

    static func backupSettings(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> BackupSettings {
        let path = try given.words.first?.parsed(SettingsValue.path(userHome: userHome(environment)))
        return BackupSettings(home: try home(given, environment, files), path: path?.value)
    }

    /// The home of the gateway.
    private static func home(
        _ given: GivenOptions, _ environment: [String: String], _ files: some ConfigFiles
    ) throws(SettingsError) -> String {
        let userHome = userHome(environment)
        let (home, file) = try homeAndFile(given, userHome: userHome, files)
        if try given.value(.home, SettingsValue.path(userHome: userHome)) != nil { return home }
        return file.home?.value ?? home
    }
}
