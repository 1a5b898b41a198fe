// Prices are found by provider, model and day, and an unknown model stays unknown.

import Testing

@testable import CairnLedger

@Suite struct PriceBookTests {
    /// A moment from a day and a time in minutes.
    static func moment(_ day: String, minutes: Int64 = 0) throws -> Moment {
        Moment(milliseconds: try #require(CalendarDay(day)).number * 86_400_000 + minutes * 60_000)
    }

    static func dollars(_ text: String) throws -> Money { try #require(Money.parse(text, dollarsMax: 1_000)) }

    @Test(arguments: [
        ("deepseek", "deepseek-chat", "2026-04-10", "0.28", "0.028", "0.42"),
        ("deepseek", "deepseek/deepseek-reasoner", "2025-09-10", "0.56", "0.07", "1.68"),
        ("deepseek", "deepseek-chat", "2025-03-01", "0.27", "0.07", "1.1"),
        // A Friday at noon is off-peak; peak is in the next test.
        ("deepseek", "deepseek-v4-flash", "2026-11-20", "0.15", "0.003", "0.6"),
        ("openai", "gpt-4o", "2026-11-20", "2.5", "1.25", "10"),
        ("openai", "gpt-4.1-mini", "2026-11-20", "0.4", "0.1", "1.6"),
        ("openai", "gpt-5.1-codex", "2026-11-20", "1.25", "0.125", "10"),
        ("openai", "GPT-5.5", "2026-11-20", "5", "0.5", "30"),
        ("anthropic", "claude-sonnet-4-5-20250929", "2026-11-20", "3", "0.3", "15"),
        ("anthropic", "claude-3-7-sonnet-latest", "2025-11-20", "3", "0.3", "15"),
        ("anthropic", "claude-opus-4-1-20250805", "2026-11-20", "15", "1.5", "75"),
        ("anthropic", "claude-opus-4-8", "2026-11-20", "5", "0.5", "25"),
        ("anthropic", "claude-haiku-4-5", "2026-11-20", "1", "0.1", "5"),
    ])
    func `the built-in book knows a model's price on a day`(
        provider: String, model: String, day: String, miss: String, hit: String, output: String
    ) throws {
        let moment = try Self.moment(day, minutes: 12 * 60)

        let price = try #require(PriceBook.builtIn.price(provider: provider, model: model, at: moment).price)

        #expect(price.origin == .builtIn)
        #expect(price.tokens.miss == (try Self.dollars(miss)))
        #expect(price.tokens.hit == (try Self.dollars(hit)))
        #expect(price.tokens.output == (try Self.dollars(output)))
    }

    @Test func `a write costs what the provider asks for it`() throws {
        let moment = try Self.moment("2026-11-20")
        let book = PriceBook.builtIn

        let sonnet = try #require(book.price(provider: "anthropic", model: "claude-sonnet-4-6", at: moment).price)
        let deepseek = try #require(book.price(provider: "deepseek", model: "deepseek-v4-pro", at: moment).price)

        #expect(sonnet.tokens.write5m == (try Self.dollars("3.75")))
        #expect(sonnet.tokens.write1h == (try Self.dollars("6")))
        #expect(deepseek.tokens.write5m == deepseek.tokens.miss)
    }

    /// 2026-11-20 is a Friday.
    @Test(arguments: [
        ("2026-11-20", 0, "0.15"), ("2026-11-20", 59, "0.15"), ("2026-11-20", 60, "0.3"),
        ("2026-11-20", 239, "0.3"), ("2026-11-20", 240, "0.15"), ("2026-11-20", 599, "0.3"),
        ("2026-11-20", 600, "0.15"), ("2026-11-20", 1439, "0.15"), ("2026-11-21", 120, "0.15"),
        ("2026-11-22", 500, "0.15"), ("2026-11-23", 120, "0.3"),
    ])
    func `off-peak hours have their own price`(day: String, minutes: Int, miss: String) throws {
        let moment = try Self.moment(day, minutes: Int64(minutes))

        let price = PriceBook.builtIn.price(provider: "deepseek", model: "deepseek-v4-flash", at: moment).price

        #expect(price?.tokens.miss == (try Self.dollars(miss)))
    }

    @Test(arguments: [
        ("groq", "gpt-4o", "2026-11-20", UnknownPrice.provider),
        ("openai", "gpt-4o-turbo", "2026-11-20", .model),
        ("openai", "gpt-4", "2026-11-20", .model),
        ("openai", "", "2026-11-20", .model),
        ("anthropic", "claude-opus-4-5-next", "2026-11-20", .model),
        ("deepseek", "deepseek-v4-flash", "2026-01-01", .day),
        ("deepseek", "deepseek-chat", "2026-07-25", .day),
    ])
    func `what the book does not know is unknown, with the reason`(
        provider: String, model: String, day: String, reason: UnknownPrice
    ) throws {
        let lookup = PriceBook.builtIn.price(provider: provider, model: model, at: try Self.moment(day))

        #expect(lookup == .unknown(reason))
    }

    @Test func `a long prompt is priced as a whole by its own prices`() throws {
        let moment = try Self.moment("2026-11-20")
        let lookup = PriceBook.builtIn.price(provider: "openai", model: "gpt-5.5", at: moment)
        let price = try #require(lookup.price)

        #expect(price.cost(of: TokenUsage(miss: 272_000)).description == "$1.36")
        #expect(price.cost(of: TokenUsage(miss: 272_001)).description == "$2.72")
    }

    @Test func `a user's entry comes before the built-in one and leaves the others`() throws {
        let user = try PriceBook(
            file: Array(
                """
                prices:
                  - provider: openai
                    models: [gpt-4o]
                    from: 2026-01-01
                    miss: 1
                    hit: 0.5
                    output: 2
                """.utf8))
        let book = PriceBook.builtIn.overridden(by: user)
        func price(_ model: String, _ day: String) throws -> Price? {
            book.price(provider: "openai", model: model, at: try Self.moment(day)).price
        }

        #expect(try price("gpt-4o", "2026-11-20")?.origin == .user)
        #expect(try price("gpt-4o", "2026-11-20")?.tokens.output == Self.dollars("2"))
        #expect(try price("gpt-4o", "2025-11-20")?.origin == .builtIn)
        #expect(try price("gpt-4o-mini", "2026-11-20")?.origin == .builtIn)
    }

    @Test func `a name comes before a pattern, and a longer pattern before a shorter`() throws {
        func entry(_ model: String, _ from: String, _ miss: String) throws -> PriceEntry {
            PriceEntry(
                provider: "openai", models: [try #require(ModelPattern(model))], from: try #require(CalendarDay(from)),
                tokens: TokenPrices(miss: try Self.dollars(miss), hit: .zero, output: .zero))
        }
        let book = PriceBook(entries: [
            try entry("gpt-*", "2026-03-01", "1"), try entry("gpt-x-*", "2026-02-01", "2"),
            try entry("gpt-x-1", "2026-01-01", "3"), try entry("gpt-x-1", "2026-04-01", "4"),
        ])
        func miss(_ model: String, _ day: String) throws -> Money? {
            book.price(provider: "openai", model: model, at: try Self.moment(day)).price?.tokens.miss
        }

        #expect(try miss("gpt-x-1", "2026-03-15") == Self.dollars("3"))
        #expect(try miss("gpt-x-1", "2026-04-15") == Self.dollars("4"))
        #expect(try miss("gpt-x-2", "2026-04-15") == Self.dollars("2"))
        #expect(try miss("gpt-y", "2026-04-15") == Self.dollars("1"))
        #expect(try miss("gpt-y", "2026-02-15") == nil)
    }

    /// The prices of bench/replay_traces.py, which the targets of this project are measured with.
    @Test(arguments: [
        ("deepseek-flash", "0.15", "0.003", "0.6", 64, 64), ("deepseek-pro", "0.66", "0.022", "1.98", 64, 64),
        ("anthropic", "3.75", "0.3", "15", 1, 1024), ("openai", "1.25", "0.125", "10", 128, 1024),
    ])
    func `a book is selected by its name`(
        name: String, miss: String, hit: String, output: String, unit: Int, minimum: Int
    ) throws {
        let book = try #require(PriceBook.builtIn.named(name))

        #expect(book.price.tokens.miss == (try Self.dollars(miss)))
        #expect(book.price.tokens.write5m == (try Self.dollars(miss)))
        #expect(book.price.tokens.hit == (try Self.dollars(hit)))
        #expect(book.price.tokens.output == (try Self.dollars(output)))
        #expect(book.price.origin == .named(name))
        #expect(book.cache == .plain(unitTokens: unit, minimumTokens: minimum))
    }

    @Test func `the book without a cache has none, and there is no book of another name`() {
        let book = PriceBook.builtIn

        #expect(book.named("no-cache")?.cache == CacheModel.none)
        #expect(book.named("gold") == nil)
        #expect(book.names == ["anthropic", "deepseek-flash", "deepseek-pro", "no-cache", "openai"])
    }

    @Test func `a GPU second has a price only where one is set`() throws {
        let book = try PriceBook(
            file: Array(
                """
                prices:
                  - provider: vllm
                    models: ["*"]
                    from: 2026-01-01
                    miss: 0
                    hit: 0
                    output: 0
                    gpu_second: 0.0005
                """.utf8))
        let price = try #require(
            book.price(provider: "vllm", model: "qwen", at: try Self.moment("2026-11-20")).price)

        #expect(price.cost(of: TokenUsage(miss: 5000, output: 10), gpuMilliseconds: 2500).description == "$0.00125")
        #expect(price.cost(of: TokenUsage(miss: 5000, output: 10)) == .zero)
    }
}
