// What the arguments and the environment say, before any value is understood: split by the command
// table, each text with its place for errors. Flags win over variables, option by option.

/// A value and where it was given.
struct Placed<Value> {
    let value: Value
    let place: SettingsPlace
}

extension Placed: Sendable where Value: Sendable {}

extension Placed<String> {
    /// The text understood by `parse`; its error tells the place.
    func parsed<Parsed>(
        _ parse: (String) throws(SettingsError) -> Parsed
    ) throws(SettingsError) -> Placed<Parsed> {
        do { return Placed<Parsed>(value: try parse(value), place: place) } catch {
            throw error.placed(at: place)
        }
    }
}

/// The texts given for the options of one command.
struct GivenOptions {
    private var texts: [OptionName: [Placed<String>]] = [:]
    /// What was given besides flags, in order; at most as many as the command's table names.
    private(set) var words: [Placed<String>] = []

    /// Reads the arguments behind the command's name, then the variables of those options that no
    /// flag gave.
    init(arguments: some Collection<String>, environment: [String: String], table: CommandLineTable)
        throws(SettingsError)
    {
        try readArguments(arguments, table)
        for option in table.options where texts[option.name] == nil {
            let variable = table.variable(of: option.name)
            guard let text = environment[variable], !text.isEmpty else { continue }
            let parts = option.isRepeatable ? GivenOptions.listParts(text) : [text]
            texts[option.name] = parts.map { Placed(value: $0, place: .environment(variable)) }
        }
    }

    /// All texts of an option that may be given several times, in order.
    func all(_ name: OptionName) -> [Placed<String>] {
        texts[name] ?? []
    }

    /// The value of an option that is given once, understood by `parse`.
    func value<Value>(
        _ name: OptionName, _ parse: (String) throws(SettingsError) -> Value
    ) throws(SettingsError) -> Placed<Value>? {
        guard let text = texts[name]?.first else { return nil }
        return try text.parsed(parse)
    }

    private mutating func readArguments(
        _ arguments: some Collection<String>, _ table: CommandLineTable
    ) throws(SettingsError) {
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-" else {
                if words.count < table.words.count {
                    let name = table.words[words.count].filter { $0 != "[" && $0 != "]" }
                    words.append(Placed(value: argument, place: .argument(name)))
                    continue
                }
                throw SettingsError(
                    "cairn \(table.verb.rawValue): expected a flag, written --name VALUE or --name=VALUE,"
                        + " as argument \(rest.startIndex)")
            }
            let flag = argument.prefix { $0 != "=" }
            guard let option = table.option(flag: flag) else { throw GivenOptions.unknownFlag(flag, table) }
            let place = SettingsPlace.argument(option.name.flag)
            guard option.isRepeatable || texts[option.name] == nil else {
                throw SettingsError("given twice", at: place)
            }

            let text: String
            if flag.endIndex < argument.endIndex {
                text = String(argument[argument.index(after: flag.endIndex)...])
            } else if option.valueName == nil {
                text = "true"
            } else if let next = rest.first, !next.hasPrefix("--") {
                text = rest.removeFirst()
            } else {
                throw SettingsError(
                    "a value is missing: --\(option.name.rawValue) \(option.valueName ?? "")", at: place)
            }
            texts[option.name, default: []].append(Placed(value: text, place: place))
        }
    }

    private static func unknownFlag(_ flag: Substring, _ table: CommandLineTable) -> SettingsError {
        let names = table.options.map(\.name.rawValue) + ["help"]
        let advice = NearestName.find(String(flag.drop { $0 == "-" }), among: names).map {
            "did you mean --\($0)?"
        }
        return SettingsError(
            "cairn \(table.verb.rawValue): unknown flag\(SettingsText.spacedName(String(flag)));"
                + " \(advice ?? "cairn \(table.verb.rawValue) --help lists the flags")")
    }

    private static func listParts(_ text: String) -> [String] {
        text.split { $0 == "," || $0.isWhitespace }.map(String.init)
    }
}
