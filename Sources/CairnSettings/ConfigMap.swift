// One map of the configuration file while it is read: the reader asks for each key it knows, and
// what is left over at the end is an error. So the keys that are accepted are exactly those that
// are read.

/// Reads the values of one map, with the path of its keys for errors.
struct ConfigMap {
    private let path: String
    /// `tls.` or `upstreams[0].`; empty at the top.
    private let prefix: String
    private var entries: [String: ConfigEntry] = [:]
    private var order: [String] = []
    /// Keys asked for so far, in order.
    private var known: [String] = []

    /// `key` is the path of the map itself, empty at the top.
    init(_ node: ConfigNode, path: String, key: String) throws(SettingsError) {
        guard case .map(let entries) = node.value else {
            throw SettingsError(
                "expected keys and values, got \(node.kindText)",
                at: .file(path: path, line: node.line, key: key))
        }
        self.path = path
        prefix = key.isEmpty ? "" : "\(key)."
        for entry in entries {
            self.entries[entry.key] = entry
            order.append(entry.key)
        }
    }

    /// The entries that no one asked for are errors; the first one is told. Call it after all keys
    /// are read.
    func finish() throws(SettingsError) {
        guard let key = order.first(where: { !known.contains($0) }), let entry = entries[key] else { return }
        let advice = NearestName.find(key, among: known).map { "did you mean \($0)?" }
        throw SettingsError(
            "unknown key\(SettingsText.spacedName(key));"
                + " \(advice ?? "expected one of \(known.joined(separator: ", "))")",
            at: .file(path: path, line: entry.line, key: String(prefix.dropLast())))
    }

    /// A text, understood by `parse`.
    mutating func value<Value>(
        _ key: String, _ parse: (String) throws(SettingsError) -> Value
    ) throws(SettingsError) -> Placed<Value>? {
        guard let entry = take(key) else { return nil }
        return try ConfigMap.text(entry.value, at: place(entry)).parsed(parse)
    }

    /// A list of texts, each understood by `parse`.
    mutating func list<Value>(
        _ key: String, _ parse: (String) throws(SettingsError) -> Value
    ) throws(SettingsError) -> [Value]? {
        guard let nodes = try nodes(key) else { return nil }
        var values: [Value] = []
        for (node, place) in nodes {
            values.append(try ConfigMap.text(node, at: place).parsed(parse).value)
        }
        return values
    }

    /// A map under a key. `finish` it after its keys are read.
    mutating func map(_ key: String) throws(SettingsError) -> ConfigMap? {
        guard let entry = take(key) else { return nil }
        return try ConfigMap(entry.value, path: path, key: prefix + key)
    }

    /// A list of at least one map, each with its place.
    mutating func maps(_ key: String) throws(SettingsError) -> [Placed<ConfigMap>]? {
        guard let nodes = try nodes(key) else { return nil }
        guard !nodes.isEmpty else { throw SettingsError("the list is empty", at: entries[key].map(place)) }
        var maps: [Placed<ConfigMap>] = []
        for (index, (node, place)) in nodes.enumerated() {
            maps.append(
                Placed(value: try ConfigMap(node, path: path, key: "\(prefix)\(key)[\(index)]"), place: place)
            )
        }
        return maps
    }

    /// A key of the user's own and its text.
    typealias Pair = (key: Placed<String>, value: Placed<String>)

    /// A map whose keys are the user's own, in the order written.
    mutating func pairs(_ key: String) throws(SettingsError) -> [Pair]? {
        guard let map = try map(key) else { return nil }
        var pairs: [Pair] = []
        for entry in map.order.compactMap({ map.entries[$0] }) {
            let place = SettingsPlace.file(path: path, line: entry.line, key: prefix + key)
            pairs.append((Placed(value: entry.key, place: place), try ConfigMap.text(entry.value, at: place)))
        }
        return pairs
    }

    private mutating func take(_ key: String) -> ConfigEntry? {
        known.append(key)
        return entries[key]
    }

    private mutating func nodes(_ key: String) throws(SettingsError) -> [(ConfigNode, SettingsPlace)]? {
        guard let entry = take(key) else { return nil }
        guard case .list(let nodes) = entry.value.value else {
            throw SettingsError("expected a list, got \(entry.value.kindText)", at: place(entry))
        }
        return nodes.enumerated().map { index, node in
            (node, .file(path: path, line: node.line, key: "\(prefix)\(key)[\(index)]"))
        }
    }

    private func place(_ entry: ConfigEntry) -> SettingsPlace {
        .file(path: path, line: entry.line, key: prefix + entry.key)
    }

    private static func text(
        _ node: ConfigNode, at place: SettingsPlace
    ) throws(SettingsError) -> Placed<String> {
        guard case .text(let text, _) = node.value, !node.isNull else {
            throw SettingsError("expected a single value, got \(node.kindText)", at: place)
        }
        return Placed(value: text, place: place)
    }
}

extension ConfigNode {
    fileprivate var kindText: String {
        switch value {
        case .text: isNull ? "nothing" : "a single value"
        case .list: "a list"
        case .map: "keys and values"
        }
    }
}
