// What the configuration file says: its schema, key by key. Every value is checked here, also those
// that a flag overrides later; only keys held in variables are looked up when they are needed
// (KeySource).

/// The settings of one configuration file; nil where it is silent.
struct FileSettings {
    var listen: Placed<ListenAddress>?
    var threads: Placed<Int>?
    var mode: Placed<Mode>?
    var addsExpandTool: Placed<Bool>?
    var home: Placed<String>?
    var logLevel: Placed<LogLevel>?
    var adminKey: KeySource?
    var allowedHosts: [String]?
    var drainMilliseconds: Placed<Int>?
    var tlsCertificate: Placed<String>?
    var tlsKey: Placed<String>?
    var tlsAutomatic: Placed<Bool>?
    var limits = Limits()
    var timeouts = ListenTimeouts()
    var usageLog = UsageLogSettings()
    /// Empty: the file names none.
    var upstreams: [UpstreamDraft] = []

    /// Of a user without a file.
    init() {}

    /// `userHome` is what `~` stands for in paths.
    init(_ bytes: [UInt8], path: String, userHome: String?) throws(SettingsError) {
        guard let node = try ConfigNode.parse(bytes, path: path) else { return }
        let filePath = SettingsValue.path(userHome: userHome)
        var map = try ConfigMap(node, path: path, key: "")

        listen = try map.value("listen", ListenAddress.init(parsing:))
        threads = try map.value("threads", SettingsValue.number(SettingsRange.threads))
        mode = try map.value("mode", SettingsValue.choice)
        addsExpandTool = try map.value("expand_tool", SettingsValue.bool)
        home = try map.value("home", filePath)
        logLevel = try map.value("log_level", SettingsValue.choice)
        adminKey = try KeySource(&map, key: "admin_key")
        allowedHosts = try map.list("allow_hosts", SettingsValue.hostName)
        drainMilliseconds = try map.value(
            "drain_seconds", SettingsValue.milliseconds(SettingsRange.drainMilliseconds))
        try readTLS(&map, filePath)
        try readLimits(&map)
        try readTimeouts(&map)
        try readUsageLog(&map)
        try readUpstreams(&map, filePath)
        try map.finish()
    }
}

extension FileSettings {
    private mutating func readTLS(
        _ file: inout ConfigMap, _ filePath: (String) throws(SettingsError) -> String
    ) throws(SettingsError) {
        guard var map = try file.map("tls") else { return }
        tlsCertificate = try map.value("cert", filePath)
        tlsKey = try map.value("key", filePath)
        tlsAutomatic = try map.value("auto", SettingsValue.bool)
        try map.finish()
    }

    private mutating func readLimits(_ file: inout ConfigMap) throws(SettingsError) {
        guard var map = try file.map("limits") else { return }
        try map.read(
            "body_bytes_max", SettingsValue.bytes(SettingsRange.bodyBytes), into: &limits.bodyBytesMax)
        try map.read(
            "header_bytes_max", SettingsValue.bytes(SettingsRange.headerBytes), into: &limits.headerBytesMax)
        try map.read(
            "connections_max", SettingsValue.number(SettingsRange.connections), into: &limits.connectionsMax)
        try map.finish()
    }

    private mutating func readTimeouts(_ file: inout ConfigMap) throws(SettingsError) {
        guard var map = try file.map("timeouts") else { return }
        let duration = SettingsValue.milliseconds(SettingsRange.timeoutMilliseconds)
        try map.read("header_seconds", duration, into: &timeouts.headerMilliseconds)
        try map.read("body_seconds", duration, into: &timeouts.bodyMilliseconds)
        try map.read("keepalive_seconds", duration, into: &timeouts.keepaliveMilliseconds)
        try map.read("write_seconds", duration, into: &timeouts.writeMilliseconds)
        try map.finish()
    }

    private mutating func readUsageLog(_ file: inout ConfigMap) throws(SettingsError) {
        guard var map = try file.map("usage_log") else { return }
        try map.read("bytes_max", SettingsValue.bytes(SettingsRange.usageLogBytes), into: &usageLog.bytesMax)
        try map.read("files_max", SettingsValue.number(SettingsRange.usageLogFiles), into: &usageLog.filesMax)
        try map.finish()
    }

    private mutating func readUpstreams(
        _ file: inout ConfigMap, _ filePath: (String) throws(SettingsError) -> String
    ) throws(SettingsError) {
        guard let maps = try file.maps("upstreams") else { return }
        guard maps.count <= Settings.upstreamsMax else {
            throw SettingsError("more than \(Settings.upstreamsMax) upstreams", at: maps[0].place)
        }
        for map in maps {
            upstreams.append(try UpstreamDraft(map, filePath))
        }
        try UpstreamDraft.nameAll(&upstreams)
    }
}

extension ConfigMap {
    /// Replaces `setting` if the key is there.
    mutating func read<Value>(
        _ key: String, _ parse: (String) throws(SettingsError) -> Value, into setting: inout Value
    ) throws(SettingsError) {
        if let given = try value(key, parse) { setting = given.value }
    }
}

/// A key as the file gives it: itself, or the variable that holds it.
enum KeySource: Sendable {
    case value(Secret)
    case variable(Placed<String>)

    /// Reads `key` or `key_variable`; nil if neither is there.
    init?(_ map: inout ConfigMap, key: String) throws(SettingsError) {
        let value = try map.value(key, Secret.init(parsing:))
        let variable = try map.value("\(key)_variable", KeySource.variableName)
        switch (value, variable) {
        case (nil, nil): return nil
        case (let value?, nil): self = .value(value.value)
        case (nil, let variable?): self = .variable(variable)
        case (_?, let variable?):
            throw SettingsError("\(key) is given too; keep one of the two", at: variable.place)
        }
    }

    /// The key. A variable that is not set, or empty, is an error that names it.
    func resolve(_ environment: [String: String]) throws(SettingsError) -> Secret {
        switch self {
        case .value(let secret): return secret
        case .variable(let name):
            guard let text = environment[name.value], !text.isEmpty else {
                throw SettingsError("the environment variable \(name.value) is not set", at: name.place)
            }
            do { return try Secret(parsing: text) } catch {
                throw SettingsError("the environment variable \(name.value): \(error.reason)", at: name.place)
            }
        }
    }

    /// The error does not quote the text: it may be the key itself, in the wrong place.
    private static func variableName(_ text: String) throws(SettingsError) -> String {
        let hasGoodBytes = text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
        guard hasGoodBytes, let first = text.utf8.first, !isDigit(first) else {
            throw SettingsError(
                "expected the name of an environment variable: letters, digits and underscores")
        }
        return text
    }
}
