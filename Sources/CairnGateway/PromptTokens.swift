// The tokens of a prompt, for clients that ask before they send (Anthropic's count_tokens) where the upstream has no such
// path. Counted over what would be sent: the request is written for the upstream first, and read again.

import CairnCore
import CairnWire
import Glibc

/// A count, and what it is worth.
struct PromptTokens: Equatable, Sendable {
    let count: Int
    /// Every text was counted with the model's own vocabulary. The few tokens that the provider's template puts around
    /// turns are in the count as that template's documentation has them, or as OpenAI's (4 a turn); media make it an
    /// estimate.
    let isExact: Bool

    /// Tokens around each turn: role and end markers (OpenAI cookbook, how to count tokens with tiktoken).
    private static let tokensPerTurn = 4
    /// An image, about: Anthropic's documentation has width x height / 750, which is 1,600 for the largest that is not
    /// scaled down (platform.claude.com/docs/en/build-with-claude/vision).
    private static let tokensPerMedium = 1600

    /// - Throws: what rewriting the request throws.
    init(of work: RequestRewriting, _ body: UnsafeRawBufferPointer, _ shelf: VocabularyShelf) throws(GatewayError) {
        let sent = try work.write(work.read(body))
        let prompt: Prompt
        let model: String
        do {
            let source = try SourceDocument(parsing: Array(sent.body.bytes))
            prompt = try Prompt(reading: source, dialect: work.rewriting.target)
            model = prompt.model.flatMap { source.text(of: $0) } ?? ""
        } catch {
            throw GatewayError(.internalFault)
        }
        var tally = Tally(prompt.source, Tokenizer(model: model, shelf: shelf))
        for tool in prompt.tools { tally.add(tool) }
        for turn in prompt.turns {
            tally.count += Self.tokensPerTurn
            for part in turn.parts { tally.add(part) }
        }
        count = tally.count + tally.mediumCount * Self.tokensPerMedium
        isExact = tally.isExact && tally.mediumCount == 0
    }

    /// Adds up texts.
    private struct Tally: ~Copyable {
        private let source: SourceDocument
        private var tokenizer: Tokenizer
        var count = 0
        var mediumCount = 0
        var isExact: Bool { tokenizer.isExact }

        init(_ source: SourceDocument, _ tokenizer: consuming Tokenizer) {
            self.source = source
            self.tokenizer = tokenizer
        }

        mutating func add(_ tool: ToolDefinition) {
            add(tool.name)
            add(tool.description)
            switch tool.kind {
            case .function(let parameters, _): addRaw(parameters)
            case .custom(let format): addRaw(format)
            case .builtIn(let type): add(type)
            }
        }

        mutating func add(_ part: Part) {
            switch part.content {
            case .text(let text), .refusal(let text): add(text)
            case .thinking(let thinking): for text in thinking.texts { add(text) }
            case .image, .audio, .file: mediumCount += 1
            case .toolCall(let call):
                add(call.name)
                switch call.arguments {
                case .quoted(let text), .freeform(let text): add(text)
                case .object(let object): addRaw(object)
                }
            case .toolResult(let result): for part in result.parts { add(part) }
            case .foreign(_, let element): addRaw(element)
            }
        }

        /// A JSON string: its text counts.
        private mutating func add(_ text: RawJSON?) {
            guard let text, var plain = source.text(of: text) else { return }
            plain.withUTF8 { count += tokenizer.count(UnsafeRawBufferPointer($0)) }
        }

        /// Any JSON: it counts as it is spelled.
        private mutating func addRaw(_ value: RawJSON?) {
            guard let value else { return }
            source.withBytes(of: value) { count += tokenizer.count(UnsafeRawBufferPointer($0)) }
        }
    }
}

/// Counts with the model's vocabulary, or estimates.
private struct Tokenizer: ~Copyable {
    private var counter: TokenCounter?
    private let splitter: TokenSplitter
    let isExact: Bool

    init(model: String, shelf: VocabularyShelf) {
        let family = VocabularyFamily(model: model)
        splitter = family.splitter
        if family.isOwn, let vocabulary = shelf.vocabulary(family) {
            counter = TokenCounter(vocabulary)
            isExact = true
        } else {
            isExact = false
        }
    }

    /// Texts beyond a gigabyte are none that a body can hold.
    mutating func count(_ text: UnsafeRawBufferPointer) -> Int {
        if counter != nil { return (try? counter?.count(text)) ?? text.count / 4 }
        return (try? TokenEstimate(text, splitter: splitter))?.tokens ?? text.count / 4
    }
}

/// Which vocabulary a model's name stands for.
struct VocabularyFamily: Equatable, Sendable {
    let fileName: String
    let splitter: TokenSplitter
    /// The vocabulary is the model's own, and not one that comes close.
    let isOwn: Bool

    /// By the beginning of the name: OpenAI's (tiktoken's model table), DeepSeek's; Anthropic publishes none.
    init(model: String) {
        let name = model.lowercased()
        func begins(_ prefixes: String...) -> Bool { prefixes.contains { name.hasPrefix($0) } }
        if name.contains("deepseek") {
            (fileName, splitter, isOwn) = ("deepseek_v3", .deepSeek, true)
        } else if begins("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "gpt-oss", "o1", "o3", "o4", "chatgpt-4o") {
            (fileName, splitter, isOwn) = ("o200k_base", .o200k, true)
        } else if begins("gpt-4", "gpt-3.5", "gpt-35") {
            (fileName, splitter, isOwn) = ("cl100k_base", .cl100k, true)
        } else {
            (fileName, splitter, isOwn) = ("o200k_base", .o200k, false)
        }
    }
}

/// The vocabularies of this installation, opened when they are first asked for. Any thread.
final class VocabularyShelf: Sendable {
    private let directories: [String]
    private let opened = Locked<[String: TokenVocabulary?]>([:])

    /// Folders above the binary that are looked through.
    private static let parentsMax = 5

    init(directories: [String]) { self.directories = directories }

    /// Where set-up and `make install` put them, seen from the binary: `share/cairn` of its prefix, or the checkout's.
    static func besideExecutable() -> VocabularyShelf {
        var folder = executablePath()
        var directories: [String] = []
        for _ in 0..<parentsMax {
            guard let slash = folder.lastIndex(of: "/") else { break }
            folder = String(folder[..<slash])
            directories += [folder + "/share/cairn", folder + "/CSources/Vocabularies"]
        }
        return VocabularyShelf(directories: directories)
    }

    /// nil: there is none here, or it is damaged; then counts are estimates, and say so.
    func vocabulary(_ family: VocabularyFamily) -> TokenVocabulary? {
        if let known = opened.withLock({ $0[family.fileName] }) { return known }
        let found = directories.lazy.compactMap { try? TokenVocabulary(path: "\($0)/\(family.fileName).cairn") }.first
        opened.withLock { $0[family.fileName] = .some(found) }
        return found
    }

    private static func executablePath() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            let count = buffer.baseAddress.map { readlink("/proc/self/exe", $0, buffer.count) } ?? 0
            return String(decoding: UnsafeRawBufferPointer(buffer).prefix(max(0, count)), as: UTF8.self)
        }
    }
}
