// `cairn context shorten`: what the strategies would leave out of a recorded request, told and not done. It takes the prompt
// as one that is sent once: nothing of it is in a provider's cache.

import CairnContext
import CairnCore
import CairnLedger
import CairnSettings
import CairnWire

enum ContextShorten {
    /// Returns the exit status: 0, or 1 when the body is no request or the book is not known.
    static func run(_ settings: ShortenSettings) -> Int32 {
        guard let book = PriceBook.builtIn.named(settings.book) else {
            complain(
                "context shorten: no price book is called \(settings.book); there are "
                    + PriceBook.builtIn.names.joined(separator: ", "))
            return 1
        }
        do throws(WireError) {
            let prompt = try ContextConvert.prompt(settings.file, settings.source)
            let messages = ContextMessage.messages(of: prompt)
            let (_, stats) = ApplyAll(prices: EpochPrices(book.price.tokens))(messages)
            report(messages, stats, book)
            return 0
        } catch {
            complain(error.path.isEmpty ? error.reason : "\(error.path): \(error.reason)")
            return 1
        }
    }

    private static func report(_ messages: [ContextMessage], _ stats: ShorteningStats, _ book: NamedPriceBook) {
        let byteCount = messages.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.bytes.count } }
        let tokens = Int(stats.tokensSaved)
        let saved = book.price.cost(of: TokenUsage(miss: tokens))
        print("strategy            parts     bytes saved")
        for (name, share) in stats.strategies.sorted(by: { $0.key.name < $1.key.name }) {
            print("\(padded("\(name.name) \(name.version)", 20))\(padded("\(share.hits)", 10))\(share.bytesSaved)")
        }
        print("pairing-repair      \(stats.pairing.answered + stats.pairing.orphans + stats.pairing.moved)")
        let share = byteCount > 0 ? stats.bytesSaved * 1000 / byteCount : 0
        print("\(byteCount) bytes, \(stats.bytesSaved) less (\(share / 10).\(share % 10) %), about \(tokens) tokens")
        print("\(saved) a call at the prices of \(book.name), sent once and not cached")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}

extension EpochPrices {
    /// A book's prices in dollars per million tokens: only their ratios count.
    fileprivate init(_ tokens: TokenPrices) {
        self.init(
            miss: Double(tokens.write5m.nanodollars), hit: Double(tokens.hit.nanodollars),
            output: Double(tokens.output.nanodollars))
    }
}
