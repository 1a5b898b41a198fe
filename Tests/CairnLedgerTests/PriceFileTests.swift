// A price file is read whole or refused with the line.

import Testing

@testable import CairnLedger

@Suite struct PriceFileTests {
    static let good = """
        # A comment.
        prices:
        - provider: "openai"   # quoted
          models: [a, 'b-*']
          from: 2026-01-01
          until: 2026-12-31
          miss: 1.5
          hit: 0.15
          output: 6
          above: {tokens: 1000, miss: 3, hit: 0.3, output: 12}

        books:
        - book: mine
          cache_unit: 16
          miss: 1
          hit: 0.1
          output: 2

        """

    @Test func `every part of a file is read`() throws {
        let book = try PriceBook(file: Array(Self.good.utf8))
        let lookup = book.price(provider: "openai", model: "b-1", at: try PriceBookTests.moment("2026-12-31"))
        let price = try #require(lookup.price)

        #expect(price.tokens.miss.nanodollars == 1_500_000_000)
        #expect(price.longPrompt?.promptTokens == 1000)
        let later = book.price(provider: "openai", model: "a", at: try PriceBookTests.moment("2027-01-01"))
        #expect(later == .unknown(.day))
        #expect(book.named("mine")?.cache == .plain(unitTokens: 16, minimumTokens: 16))
    }

    @Test func `a prompt leaves room for its answer and is no longer than the provider takes`() throws {
        let text = Self.good.replacing("miss: 1.5", with: "context: 1000\n  prompt: 700\n  miss: 1.5")
        let moment = try PriceBookTests.moment("2026-12-31")
        let price = try #require(
            PriceBook(file: Array(text.utf8)).price(provider: "openai", model: "a", at: moment).price)
        #expect(price.promptTokensMax(outputTokens: nil) == 700)
        #expect(price.promptTokensMax(outputTokens: 100) == 700)
        #expect(price.promptTokensMax(outputTokens: 600) == 400)
        #expect(price.promptTokensMax(outputTokens: 2000) == 0)
        let unknown = try PriceBook(file: Array(Self.good.utf8)).price(provider: "openai", model: "a", at: moment)
        #expect(unknown.price?.promptTokensMax(outputTokens: 1) == nil)
    }

    @Test(arguments: [
        ("deepseek", "deepseek-v4-flash", 1_000_000, 872_000), ("openai", "gpt-4o", 128_000, 0),
        ("openai", "gpt-5", 272_000, 272_000), ("openai", "gpt-5.1-codex", 272_000, 272_000),
        ("openai", "gpt-5.5", 1_050_000, 922_000), ("openai", "gpt-5.6", 922_000, 922_000),
        ("anthropic", "claude-haiku-4-5", 200_000, 72_000), ("anthropic", "claude-sonnet-5", 1_000_000, 872_000),
    ])
    func `the windows of built-in models are known`(
        provider: String, model: String, alone: Int, behindLongAnswer: Int
    ) throws {
        let moment = try PriceBookTests.moment("2026-11-20")
        let price = try #require(PriceBook.builtIn.price(provider: provider, model: model, at: moment).price)
        #expect(price.promptTokensMax(outputTokens: nil) == alone)
        #expect(price.promptTokensMax(outputTokens: 128_000) == behindLongAnswer)
    }

    @Test func `lines may end in both ways`() throws {
        let book = try PriceBook(file: Array(Self.good.replacing("\n", with: "\r\n").utf8))

        #expect(book.names == ["mine"])
    }

    @Test func `an empty file is an empty book`() throws {
        #expect(try PriceBook(file: []).names == [])
        #expect(try PriceBook(file: Array("# nothing\nprices:\n".utf8)).names == [])
    }

    static let modelWords =
        "models: expected a model's name, in quotes if it holds ?, in which only the last character may be *"

    /// One change to the good file, and the line and reason it is refused with.
    @Test(arguments: [
        ("miss: 1.5", "miss: much", 7, "miss: expected dollars, such as 0.003, of at most 100000"),
        ("miss: 1.5", "miss: 100001", 7, "miss: expected dollars, such as 0.003, of at most 100000"),
        ("miss: 1.5", "miss: -1", 7, "miss: expected dollars, such as 0.003, of at most 100000"),
        ("miss: 1.5", "mis: 1.5", 3, "miss is missing"),
        ("miss: 1.5", "miss: 1.5\n  colour: red", 8, "unknown key colour"),
        ("miss: 1.5", "miss: 1.5\n  miss: 1.5", 8, "miss is written twice"),
        ("miss: 1.5", "miss 1.5", 7, "expected key: value"),
        ("miss: 1.5", " miss: 1.5", 7, "expected a key in the column of the entry's first"),
        ("miss: 1.5", "\tmiss: 1.5", 7, "indent with spaces, not with tabs"),
        ("[a, 'b-*']", "[]", 3, "models is missing"),
        ("[a, 'b-*']", "a", 4, "models: expected a list in brackets"),
        ("[a, 'b-*']", "[a*b]", 4, modelWords), ("[a, 'b-*']", "[a-20??]", 4, modelWords),
        ("[a, 'b-*']", "['a]", 4, modelWords), ("[a, 'b-*']", "[a, ]", 4, modelWords),
        ("2026-01-01", "2026-02-30", 5, "from: expected a day such as 2026-10-01"),
        ("2026-12-31", "2025-12-31", 3, "until is before from"),
        ("tokens: 1000,", "", 10, "tokens is missing"),
        ("tokens: 1000", "tokens: 0", 10, "tokens: expected a number of tokens from 1 to 1000000000"),
        ("output: 12}", "output: 12, x: 1}", 10, "unknown key x"),
        ("output: 12}", "output: 12", 10, "above: expected a map in braces"),
        ("above: ", "off_peak: ", 3, "off_peak needs off_peak_hours"),
        (
            "above: ", "off_peak_hours: [mon 10:00-09:00]\n  off_peak: ", 10,
            "off_peak_hours: expected hours such as mon-fri 04:00-06:00"
        ),
        ("above: ", "off_peak_hours: [mon 09:00-10:00]\n  above: ", 3, "off_peak_hours needs off_peak"),
        ("\"openai\"", "*alias", 3, "provider: expected a provider's name"),
        ("- book: mine", "- name: mine", 13, "book is missing"),
        ("books:", "tables:", 12, "expected prices: or books:"),
        ("prices:", "# prices:", 3, "expected prices: or books: first"),
    ])
    func `a wrong file is refused with its line`(part: String, change: String, line: Int, reason: String) throws {
        let text = Self.good.replacing(part, with: change, maxReplacements: 1)
        try #require(text != Self.good)

        #expect(throws: LedgerError(kind: .priceFile(line: line), reason: reason)) {
            try PriceBook(file: Array(text.utf8))
        }
    }

    @Test func `a file that is too large, or no text, is refused`() {
        #expect(throws: LedgerError.self) {
            try PriceBook(file: [UInt8](repeating: 0x20, count: PriceFile.fileBytesMax + 1))
        }
        #expect(throws: LedgerError.self) { try PriceBook(file: [0x70, 0xFF, 0x0A]) }
    }

    @Test func `a file with too many entries is refused`() {
        let text = "prices:\n" + String(repeating: "- provider: x\n", count: PriceBook.entriesMax + 1)

        #expect(throws: LedgerError.self) { try PriceBook(file: Array(text.utf8)) }
    }

    @Test func `no cut of a good file makes the reader stop, and only whole entries are accepted`() {
        let bytes = Array(Self.good.utf8)
        for length in 0..<bytes.count {
            guard let book = try? PriceBook(file: Array(bytes[..<length])) else { continue }
            #expect(book.names.count <= 1)
        }
    }

    @Test func `random bytes are read or refused`() {
        var generator = SystemRandomNumberGenerator()
        let seed = generator.next()
        var state = seed
        for _ in 0..<2000 {
            var bytes = Array(Self.good.utf8)
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let place = Int(state >> 33) % bytes.count
                bytes[place] = Array(" -:[]{},#\"'\n\tx0".utf8)[Int(state >> 20) % 15]
            }
            do throws(LedgerError) { _ = try PriceBook(file: bytes) } catch {
                guard case .priceFile(let line) = error.kind else {
                    Issue.record("seed \(seed): \(error)")
                    continue
                }
                #expect(line >= 1 && line <= 40, "seed \(seed)")
            }
        }
    }
}
