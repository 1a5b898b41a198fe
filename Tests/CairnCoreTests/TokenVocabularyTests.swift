import Foundation
import Testing

@testable import CairnCore

/// Set-up makes the vocabularies; without them only estimates are tested.
private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "CSources/Vocabularies")

private func path(_ name: String) -> String { folder.appending(path: "\(name).cairn").path }

private let isInstalled = FileManager.default.fileExists(atPath: path("o200k_base"))

private func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct TokenVocabularyTests {
    @Test(
        .enabled(if: isInstalled, "no vocabularies: make setup"),
        arguments: [("cl100k_base", 6), ("o200k_base", 5), ("deepseek_v3", 6)])
    func `text has the tokens its tokenizer gives it`(name: String, expected: Int) throws {
        let vocabulary = try TokenVocabulary(path: path(name))
        var counter = TokenCounter(vocabulary)

        let count = try with("hello world, don't panic") { try counter.count($0) }

        #expect(vocabulary.name == name)
        #expect(count == expected)
    }

    @Test(.enabled(if: isInstalled, "no vocabularies: make setup"))
    func `a limit and a cut agree with the count`() throws {
        var counter = TokenCounter(try TokenVocabulary(path: path("o200k_base")))
        let text = String(repeating: "one two three 日本語 ", count: 50)

        let count = try with(text) { try counter.count($0) }
        let (offset, tokens) = try with(text) { try counter.cut($0, at: UInt32(count / 2)) }

        #expect(try with(text) { try counter.count($0, upTo: UInt32(count)) } == count)
        #expect(try with(text) { try counter.count($0, upTo: UInt32(count - 1)) } == nil)
        #expect(tokens <= count / 2 && tokens > count / 2 - 4)
        #expect(String(validating: text.utf8.prefix(offset), as: UTF8.self) != nil)
    }

    @Test(.enabled(if: isInstalled, "no vocabularies: make setup"))
    func `a text that grows has the count of the whole`() throws {
        let vocabulary = try TokenVocabulary(path: path("deepseek_v3"))
        var counter = TokenCounter(vocabulary)
        var growing = GrowingTokenCount(vocabulary)
        let text = Array("It isn't over   yet: 日本語、12345 and\n\n    more".utf8)

        for end in 1...text.count {
            try text[growing.settledBytes..<end].withUnsafeBytes { try growing.append($0) }
            let whole = try text[..<end].withUnsafeBytes { try counter.count($0) }
            #expect(growing.tokens == whole)
        }
        #expect(growing.settledBytes > text.count / 2)
    }

    @Test func `what is no vocabulary is refused`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "cairn-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }

        #expect(throws: TokenVocabularyError.file(errno: ENOENT)) { try TokenVocabulary(path: file.path) }
        try Data("CairnTok".utf8).write(to: file)
        #expect(throws: TokenVocabularyError.content(CoreError(.incomplete))) { try TokenVocabulary(path: file.path) }
        try Data("GGUF".utf8).write(to: file)
        #expect(throws: TokenVocabularyError.content(CoreError(.syntax))) { try TokenVocabulary(path: file.path) }
        try Data().write(to: file)
        #expect(throws: TokenVocabularyError.content(CoreError(.incomplete))) { try TokenVocabulary(path: file.path) }
    }

    @Test func `an estimate comes with its range`() throws {
        let text = "The quick brown fox jumps over the lazy dog.\n"

        let estimate = try with(text) { try TokenEstimate($0, splitter: .o200k) }

        #expect((8...12).contains(estimate.tokens) && estimate.range.contains(10))  // 10 by the vocabulary
        #expect(estimate.range.lowerBound < estimate.tokens && estimate.tokens < estimate.range.upperBound)
    }
}
