// The settings of a dialect: its keys, what each is read into, and under which key a scalar is written. One table a dialect,
// used both ways; a setting without a key in the target's table is a loss under its key in the source's.

import CairnCore

/// The members of a request that are neither model, tools nor turns.
struct SettingsTable: Sendable {
    /// What type a scalar has. null stands for a setting that is not given.
    enum Shape: Sendable {
        case number
        case string
        case bool
        case object
        case array
        case any

        func fits(_ kind: JSONDocument.Kind) -> Bool {
            switch self {
            case .number: kind == .number
            case .string: kind == .string
            case .bool: kind == .true || kind == .false
            case .object: kind == .object
            case .array: kind == .array
            case .any: true
            }
        }

        var complaint: String {
            switch self {
            case .number: "must be a number"
            case .string: "must be a string"
            case .bool: "must be true or false"
            case .object: "must be an object"
            case .array: "must be an array"
            case .any: ""
            }
        }
    }

    /// Reads a member whose shape differs between dialects into the settings.
    typealias Decode = @Sendable (PromptReader, Int, inout PromptSettings) throws(WireError) -> Void

    private enum Reading: Sendable {
        case scalar(PromptSettings.Name, Shape)
        case field(PromptSettings.Fields, Decode)
    }

    private let readings: WireTable<Reading>
    private let keys: [StaticString?]
    private let fieldKeys: [(PromptSettings.Fields, StaticString)]

    /// - Parameters:
    ///   - scalars: in this order the first key of a name is the one it is written under.
    ///   - fields: members that are read into a typed field, and which.
    init(
        scalars: [(StaticString, PromptSettings.Name, Shape)],
        fields: [(StaticString, PromptSettings.Fields, Decode)]
    ) {
        var keys = [StaticString?](repeating: nil, count: PromptSettings.Name.allCases.count + 1)
        for (key, name, _) in scalars where keys[Int(name.rawValue)] == nil { keys[Int(name.rawValue)] = key }
        self.keys = keys
        fieldKeys = fields.map { ($0.1, $0.0) }
        readings = WireTable(
            scalars.map { ($0.0, .scalar($0.1, $0.2)) } + fields.map { ($0.0, .field($0.1, $0.2)) })
    }

    /// The key a scalar has in this dialect; nil when it has none.
    func key(of name: PromptSettings.Name) -> StaticString? { keys[Int(name.rawValue)] }

    /// The key of the first member that `fields` are read from; nil when this dialect has none.
    func key(of fields: PromptSettings.Fields) -> StaticString? {
        fieldKeys.first { !$0.0.isDisjoint(with: fields) }?.1
    }

    /// Reads one member of the request; false when it is no setting of this dialect.
    /// - Throws: `malformed` when its type is wrong.
    func read(_ node: Int, of reader: PromptReader, into settings: inout PromptSettings) throws(WireError) -> Bool {
        guard let reading = reader.meaning(ofKey: node, in: readings) else { return false }
        let earlier = settings.spelled
        let fields: PromptSettings.Fields
        switch reading {
        case .scalar(let name, let shape):
            fields = PromptSettings.Fields(name)
            try readScalar(name, shape, node, of: reader, into: &settings)
        case .field(let read, let decode):
            fields = read
            if reader.kind(node) != .null { try decode(reader, node, &settings) }
        }
        settings.restore(earlier)
        settings.remember(Prompt.Member(key: reader.key(node), value: reader.raw(node)), as: fields)
        return true
    }

    private func readScalar(
        _ name: PromptSettings.Name, _ shape: Shape, _ node: Int, of reader: PromptReader,
        into settings: inout PromptSettings
    ) throws(WireError) {
        let kind = reader.kind(node)
        guard kind != .null else { return }
        guard shape.fits(kind) else { throw reader.malformed(node, shape.complaint) }
        settings[name] = reader.raw(node)
    }
}
