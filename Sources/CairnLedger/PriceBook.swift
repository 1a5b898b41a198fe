// PriceBook.swift: what every known model costs, by day. The gateway looks a price up once a call, the report again for
// old calls. A model the book does not know has no price: it is never given that of a similar name.

/// Dated prices, and books of one price that are selected by name.
///
/// Of the entries for a model that have begun on a day, the user's own come first, then the more precise pattern, then
/// the later first day. Sendable: a value that never changes once made.
public struct PriceBook: Sendable {
    /// Entries and named books a file may hold.
    static let entriesMax = 4096

    private var user: [PriceEntry]
    private var builtIn: [PriceEntry]
    private var named: [NamedPriceBook]

    /// A book of a user's entries alone.
    init(entries: [PriceEntry] = [], named: [NamedPriceBook] = []) {
        user = entries
        builtIn = []
        self.named = named
    }

    /// A larger price file is refused.
    public static var fileBytes: Int { PriceFile.fileBytesMax }

    /// The book that comes with Cairn: prices.yaml of this room.
    public static let builtIn: PriceBook = {
        do throws(LedgerError) {
            var book = try PriceBook(file: PackageResources.prices_yaml)
            book.builtIn = book.user
            book.user = []
            return book
        } catch {
            preconditionFailure("the built-in prices: \(error)")
        }
    }()

    /// Reads a price file; docs/ledger.md has the format.
    public init(file: [UInt8]) throws(LedgerError) {
        self = try PriceFile.parse(file)
    }

    /// This book with the entries and named books of `other` before its own.
    public func overridden(by other: PriceBook) -> PriceBook {
        var book = self
        book.user = other.user + user
        book.named = other.named + named
        return book
    }

    /// The price of a model at a moment.
    ///
    /// A name that starts with the provider's and a slash (`deepseek/deepseek-chat`) is looked up without them.
    /// - Complexity: one comparison for every pattern of the book, most of which end at the length or in the first
    ///   bytes; a few microseconds for the built-in book. Allocates nothing but the price.
    public func price(provider: String, model: String, at moment: Moment) -> PriceLookup {
        var name = model[...]
        if name.hasPrefix(provider), name.dropFirst(provider.count).first == "/" {
            name = name.dropFirst(provider.count + 1)
        }
        var model = String(name)
        return model.withUTF8 { name in
            let day = moment.day
            var reason = UnknownPrice.provider
            for (entries, origin) in [(user, Price.Origin.user), (builtIn, .builtIn)] {
                if let entry = PriceBook.best(of: entries, provider, name, day, &reason) {
                    return .known(entry.price(at: moment, origin: origin))
                }
            }
            return .unknown(reason)
        }
    }

    /// A book of one price; nil when there is none of that name.
    public func named(_ name: String) -> NamedPriceBook? {
        named.first { $0.name == name }
    }

    /// The names that ``named(_:)`` knows, each once, in order.
    public var names: [String] { Set(named.map(\.name)).sorted() }

    /// The most precise entry that has begun, and of those the last one: it replaces the ones before, and when it has
    /// ended there is no price. `reason` grows from no provider to no model to no day, whichever was come closest to.
    private static func best(
        of entries: [PriceEntry], _ provider: String, _ name: UnsafeBufferPointer<UInt8>, _ day: CalendarDay,
        _ reason: inout UnknownPrice
    ) -> PriceEntry? {
        var best: PriceEntry?
        var bestRank = (precision: -1, from: Int64.min)
        for entry in entries where entry.provider == provider {
            reason = max(reason, .model)
            for pattern in entry.models where pattern.matches(name) {
                reason = .day
                let rank = (pattern.precision, entry.from.number)
                guard entry.from <= day, rank > bestRank else { continue }
                bestRank = rank
                best = entry
            }
        }
        guard let best, day <= best.until ?? day else { return nil }
        return best
    }
}

/// What a price book says.
public enum PriceLookup: Hashable, Sendable {
    case known(Price)
    case unknown(UnknownPrice)

    public var price: Price? {
        guard case .known(let price) = self else { return nil }
        return price
    }
}

/// Why there is no price.
public enum UnknownPrice: Int, Comparable, Hashable, Sendable {
    /// The book has no entry for the provider.
    case provider
    /// It has none for the model.
    case model
    /// It knows the model, but no price that holds on that day.
    case day

    public static func < (left: UnknownPrice, right: UnknownPrice) -> Bool { left.rawValue < right.rawValue }
}

/// A book of one price for every model, with the cache it assumes.
public struct NamedPriceBook: Hashable, Sendable {
    public let name: String
    public let price: Price
    public let cache: CacheModel
}
