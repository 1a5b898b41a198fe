// Which agent sends a call. The gateway asks once a call; the bands of a prompt and the ledger's rows depend on it.
// Decided from what clients really send: headers first, then what the system prompt says of itself, then the names of
// the tools.

/// The kind of agent that calls. Raw values are stored: never change their meaning.
public enum Harness: UInt8, Sendable, CaseIterable {
    case claudeCode = 1
    case codex = 2
    case openclaw = 3
    case hermes = 4
    /// Any other client.
    case generic = 5

    /// The name in settings, headers, records and files.
    public var name: String {
        switch self {
        case .claudeCode: "claude-code"
        case .codex: "codex"
        case .openclaw: "openclaw"
        case .hermes: "hermes"
        case .generic: "generic"
        }
    }

    public init?(name: some StringProtocol) {
        guard let harness = Harness.allCases.first(where: { $0.name == name }) else { return nil }
        self = harness
    }
}

extension Harness {
    /// Leading system and developer texts that are read, and how much of each.
    static let identityTextsMax = 4
    static let identityBytesMax = 4096
    /// Tools whose names are read.
    static let toolsMax = 64

    /// The agent that sent `prompt`: the harness whose clues (``HarnessClue``) weigh most, if they weigh enough; of
    /// equals the earlier case.
    /// - Parameter header: the value of a request header by its lower-case name; nil if there is none. Asked once for
    ///   each clue that needs one.
    /// - Complexity: bounded by ``identityTextsMax`` x ``identityBytesMax`` bytes and ``toolsMax`` names.
    public static func recognise(_ prompt: Prompt, header: (String) -> String?) -> Harness {
        let tools = prompt.tools.prefix(toolsMax)
        var weights: [Harness: Int] = [:]
        for clue in HarnessClue.table where holds(clue.evidence, prompt, tools, header) {
            weights[clue.harness, default: 0] += clue.weight
        }
        var best = (harness: Harness.generic, weight: HarnessClue.weightMin - 1)
        for harness in allCases {
            if let weight = weights[harness], weight > best.weight { best = (harness, weight) }
        }
        return best.harness
    }

    private static func holds(
        _ evidence: HarnessClue.Evidence, _ prompt: Prompt, _ tools: ArraySlice<ToolDefinition>,
        _ header: (String) -> String?
    ) -> Bool {
        switch evidence {
        case .header(let name): header(name) != nil
        case .headerStart(let name, let start): header(name)?.lowercased().hasPrefix(start) ?? false
        case .headerWord(let name, let word): header(name)?.lowercased().contains(word) ?? false
        case .systemSays(let words): systemSays(words, prompt)
        case .tools(let names, let countMin): names.lazy.filter { offers($0, tools, prompt.source) }.count >= countMin
        }
    }

    private static func systemSays(_ words: String, _ prompt: Prompt) -> Bool {
        let leading = prompt.turns.prefix { $0.role == .system || $0.role == .developer }
        let texts = leading.lazy.flatMap(\.parts).compactMap { part -> RawJSON? in
            if case .text(let text) = part.content { text } else { nil }
        }
        return texts.prefix(identityTextsMax).contains { text in
            prompt.source.withBytes(of: text) { contains($0.prefix(identityBytesMax), words) }
        }
    }

    private static func contains(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ words: String) -> Bool {
        var words = words
        return words.withUTF8 { word in
            SpelledText.holds(word, in: UnsafeBufferPointer(rebasing: bytes))
        }
    }

    private static func offers(_ name: String, _ tools: ArraySlice<ToolDefinition>, _ source: SourceDocument) -> Bool {
        tools.contains { tool in
            guard let spelled = tool.name else { return false }
            return source.withBytes(of: spelled) { $0.dropFirst().dropLast().elementsEqual(name.utf8) }
        }
    }
}
