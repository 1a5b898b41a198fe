// Recorded sessions of a coding agent, replayed against the strategies and priced as the replay through the gateway
// prices
// them: longest common prefix with the call before, floored to the provider's blocks, and a charge for every call whose
// action copied something from earlier tool output that the model could not read. The folder comes from CAIRN_TRACES.

import CairnCore
import Foundation

@testable import CairnContext

/// One message of a recorded session.
struct RecordedMessage {
    let role: String
    let text: String
    let thinking: String
    /// Name and arguments, as JSON.
    let calls: [(name: String, arguments: String)]
    /// Of a result: name and arguments of its call.
    let answers: (name: String, arguments: String)?

    /// What a model reads of the message, with `text` and `arguments` in the place of its own.
    func segment(text: String, thinking: String, arguments: [String]) -> String {
        var out = (thinking.isEmpty ? "" : thinking + "\n") + text
        for (call, arguments) in zip(calls, arguments) { out += "\n" + call.name + " " + arguments }
        return out
    }

    var segment: String { segment(text: text, thinking: thinking, arguments: calls.map(\.arguments)) }

    /// What the agent did in this turn: text and the values of the arguments.
    var action: String {
        var out = text
        for call in calls {
            let object = try? JSONSerialization.jsonObject(with: Data(call.arguments.utf8)) as? [String: Any]
            guard let object else {
                out += "\n" + call.arguments
                continue
            }
            out += "\n" + object.keys.sorted().map { "\(object[$0]!)" }.joined(separator: "\n")
        }
        return out
    }
}

struct RecordedSession {
    let identifier: String
    let messages: [RecordedMessage]
    /// Before each assistant turn but a first one: what its action copied from results so far.
    let calls: [(message: Int, identifiers: [[UInt8]], lines: [[UInt8]])]

    static let all: [RecordedSession] = {
        guard let folder = ProcessInfo.processInfo.environment["CAIRN_TRACES"],
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return [] }
        return names.filter { $0.hasSuffix(".json.gz") }.sorted().compactMap { load(folder + "/" + $0) }
    }()

    private static func load(_ path: String) -> RecordedSession? {
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-dc", path]
        let pipe = Pipe()
        gzip.standardOutput = pipe
        guard (try? gzip.run()) != nil else { return nil }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        gzip.waitUntilExit()
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let messages = object["messages"] as? [[String: Any]]
        else { return nil }
        return RecordedSession(identifier: object["id"] as? String ?? path, messages: messages)
    }

    init(identifier: String, messages: [[String: Any]]) {
        self.identifier = identifier
        var asked: [String: (String, String)] = [:]
        var out: [RecordedMessage] = []
        for message in messages {
            let calls = (message["tool_calls"] as? [[String: Any]] ?? []).map { call -> (String, String) in
                let function = call["function"] as? [String: Any] ?? [:]
                let pair = (function["name"] as? String ?? "", function["arguments"] as? String ?? "")
                asked[call["id"] as? String ?? ""] = pair
                return pair
            }
            out.append(
                RecordedMessage(
                    role: message["role"] as? String ?? "", text: Self.flat(message["content"]),
                    thinking: message["reasoning_content"] as? String ?? "", calls: calls,
                    answers: (message["tool_call_id"] as? String).flatMap { asked[$0] }))
        }
        self.messages = out
        calls = Self.needs(of: out)
    }

    private static func flat(_ content: Any?) -> String {
        if let text = content as? String { return text }
        if let parts = content as? [[String: Any]] {
            return parts.map { $0["text"] as? String ?? "" }.joined(separator: "\n")
        }
        return ""
    }

    private static func needs(of messages: [RecordedMessage]) -> [(Int, [[UInt8]], [[UInt8]])] {
        var source: [UInt8] = []
        var calls: [(Int, [[UInt8]], [[UInt8]])] = []
        for (index, message) in messages.enumerated() {
            if message.role == "tool" { source += Array(message.text.utf8) + [10] }
            guard message.role == "assistant", index > 0 else { continue }
            let action = message.action
            let identifiers = Set(identifierWords(in: Array(action.utf8))).filter { source.holds($0) }
            let lines = Set(action.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
                .filter { $0.unicodeScalars.count >= 25 }.map { Array($0.utf8) }.filter { source.holds($0) }
            calls.append((index, Array(identifiers), lines))
        }
        return calls
    }

    /// `[A-Za-z_][A-Za-z0-9_./:-]{6,}`, as the replay finds them.
    static func identifierWords(in text: [UInt8]) -> [[UInt8]] {
        var words: [[UInt8]] = []
        var position = 0
        func isLetter(_ byte: UInt8) -> Bool { (byte | 32) >= 97 && (byte | 32) <= 122 || byte == 95 }
        func isInner(_ byte: UInt8) -> Bool { isLetter(byte) || byte >= 45 && byte <= 58 }
        while position < text.count {
            let start = position
            guard isLetter(text[position]) else {
                position += 1
                continue
            }
            while position < text.count, isInner(text[position]) { position += 1 }
            if position - start >= 7 { words.append(Array(text[start..<position])) }
        }
        return words
    }
}

extension [UInt8] {
    func holds(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        return withUnsafeBytes { text in
            needle.withUnsafeBytes { needle in
                var position = 0
                while position + needle.count <= text.count {
                    let base = text.baseAddress! + position
                    guard let found = memchr(base, Int32(first), text.count - position - needle.count + 1) else {
                        return false
                    }
                    position += found - UnsafeMutableRawPointer(mutating: base)
                    if memcmp(text.baseAddress! + position, needle.baseAddress!, needle.count) == 0 { return true }
                    position += 1
                }
                return false
            }
        }
    }
}

/// Dollars per million tokens, and how the provider's cache counts.
struct ReplayBook: Sendable, CustomStringConvertible {
    let name: String
    let miss: Double
    let hit: Double
    let output: Double
    let block: Int
    let minimum: Int
    /// What the strategies must save at least, as a share of the bill.
    let target: Double

    var description: String { name }
    var prices: EpochPrices { EpochPrices(miss: miss, hit: hit, output: output) }

    func cached(_ tokens: Int) -> Int { tokens >= minimum ? tokens / block * block : 0 }

    static let all = [
        ReplayBook(name: "deepseek-flash", miss: 0.15, hit: 0.003, output: 0.60, block: 64, minimum: 64, target: 0.09),
        ReplayBook(name: "deepseek-pro", miss: 0.66, hit: 0.022, output: 1.98, block: 64, minimum: 64, target: 0.16),
        ReplayBook(name: "anthropic", miss: 3.75, hit: 0.30, output: 15, block: 1, minimum: 1024, target: 0.30),
        ReplayBook(name: "openai", miss: 1.25, hit: 0.125, output: 10, block: 128, minimum: 1024, target: 0.28),
        ReplayBook(name: "no-cache", miss: 1, hit: 1, output: 4, block: 1, minimum: 1, target: 0.62),
    ]
}

/// What a session cost, and what the agent missed.
struct ReplayBill {
    var direct = 0.0
    var cost = 0.0
    var net = 0.0
    var calls = 0
    var misses = 0
    var identifiers = 0
    var identifiersVisible = 0
    var epochs = 0

    static func + (left: ReplayBill, right: ReplayBill) -> ReplayBill {
        ReplayBill(
            direct: left.direct + right.direct, cost: left.cost + right.cost, net: left.net + right.net,
            calls: left.calls + right.calls, misses: left.misses + right.misses,
            identifiers: left.identifiers + right.identifiers,
            identifiersVisible: left.identifiersVisible + right.identifiersVisible, epochs: left.epochs + right.epochs)
    }

    var saving: Double { 1 - net / direct }
    var missShare: Double { Double(misses) / Double(calls) }
}

/// What the guard would make of the recordings, taken as one project. Their agents saw everything, so that they repeat calls
/// as agents do anyway.
final class ReplayWatch {
    private var one = StrategyGuard()
    private(set) var switches: [StrategySwitch] = []
    var tallies: [(strategy: StrategyName, tally: StrategyTally)] { one.tallies }
    private let project = GuardedProject(
        account: Fingerprint(high: 1, low: 1), harness: "recorded", provider: "p", model: "m")
    private var findings = CallFindings()
    private var session = SessionIdentifier(high: 0, low: 0)

    /// Prices are dollars for a million tokens: so many nanodollars a token.
    private static let nanodollars = 1000.0

    func begin() { session = SessionIdentifier(high: 1, low: session.low + 1) }

    func note(_ emission: Emission, bytesSaved: Int, _ shortener: borrowing PromptShortener, _ prices: EpochPrices) {
        let saved =
            shortener.heldForecast(bytesSaved: bytesSaved, prices: prices) + prices.tokens(bytesSaved) * prices.miss
        findings.replaced.append(
            .init(emission.strategy, isEpoch: false, forecastNanodollars: Int64(saved * Self.nanodollars)))
    }

    func note(_ epoch: Epoch) {
        let saved = (epoch.plan.gain - epoch.plan.price) / Double(epoch.replacements.count)
        for replacement in epoch.replacements {
            findings.replaced.append(
                .init(replacement.strategy, isEpoch: true, forecastNanodollars: Int64(saved * Self.nanodollars)))
        }
    }

    func endCall(_ shortener: inout PromptShortener, _ prices: EpochPrices, billed: Double, untouched: Double) {
        findings.signs = shortener.takeSigns()
        findings.missNanodollars = Int64(
            shortener.missPrice(headTokens: Double(Replay.headTokens), prices: prices) * Self.nanodollars)
        switches += one.note(findings, session: session, in: project, at: 1)
        switches += one.settle(
            billedNanodollars: Int64(billed * Self.nanodollars),
            untouchedNanodollars: Int64(untouched * Self.nanodollars),
            session: session, in: project, at: 1)
        findings = CallFindings()
    }
}

/// One session through the strategies, under one price book.
struct Replay {
    /// Tokens of the four tools that stand in front.
    static let headTokens = 220

    static func tokens(_ text: String) -> Int {
        text.isEmpty ? 0 : max(1, Int(Double(text.unicodeScalars.count) / 3.3 + 0.5))
    }

    static func run(
        _ session: RecordedSession, _ book: ReplayBook, birth: BirthStrategies = .standard,
        rules: EpochRules = .standard,
        thinking: ThinkingRule = .shorten, watch: ReplayWatch? = nil
    ) -> ReplayBill {
        var bill = ReplayBill()
        watch?.begin()
        var shortener = PromptShortener(birth: birth, rules: rules, thinking: thinking)
        /// The parts of each message, by number: thinking, text, then arguments.
        var places: [(thinking: Int?, text: Int?, arguments: [Int])] = []
        var fed = 0
        var before: [String] = []
        var directBefore = 0
        for call in session.calls {
            while fed < call.message {
                places.append(
                    feed(session.messages[fed], into: &shortener) { emission, bytesSaved, shortener in
                        watch?.note(emission, bytesSaved: bytesSaved, shortener, book.prices)
                    })
                fed += 1
            }
            // What was sent before is in the cache, and the answer to it. A first call has nothing to rewrite.
            let cached = places[..<before.count].reduce(0) { $0 + count($1) }
            if cached > 0,
                let epoch = shortener.epoch(
                    cachedPartCount: cached, headTokens: Double(headTokens), prices: book.prices)
            {
                bill.epochs += 1
                watch?.note(epoch)
            }
            let segments = (0..<call.message).map { segment(session.messages[$0], places[$0], shortener.content.parts) }
            let billBefore = bill
            price(segments, before, session, call, book, directBefore, &bill)
            watch?.endCall(
                &shortener, book.prices, billed: bill.cost - billBefore.cost,
                untouched: bill.direct - billBefore.direct)
            let answer = session.messages[call.message].segment
            before = segments + [answer]
            directBefore = headTokens + session.messages[...call.message].reduce(0) { $0 + tokens($1.segment) }
        }
        return bill
    }

    private static func count(_ place: (thinking: Int?, text: Int?, arguments: [Int])) -> Int {
        (place.thinking == nil ? 0 : 1) + (place.text == nil ? 0 : 1) + place.arguments.count
    }

    private static func feed(
        _ message: RecordedMessage, into shortener: inout PromptShortener,
        told: (Emission, Int, borrowing PromptShortener) -> Void
    ) -> (thinking: Int?, text: Int?, arguments: [Int]) {
        func add(_ part: ContextPart) -> Int {
            if let emission = shortener.append(part) {
                told(emission, part.bytes.count - emission.bytes.count, shortener)
            }
            return shortener.content.parts.count - 1
        }
        let text = Array(message.text.utf8)
        switch message.role {
        case "system": return (nil, add(ContextPart(.system, text)), [])
        case "user": return (nil, add(ContextPart(.user, text)), [])
        case "tool":
            let part = ContextPart(
                .result, text, toolName: message.answers?.name ?? "",
                arguments: Array((message.answers?.arguments ?? "").utf8))
            return (nil, add(part), [])
        default:
            shortener.beginAssistantTurn()
            let thinking = message.thinking.isEmpty ? nil : add(ContextPart(.thinking, Array(message.thinking.utf8)))
            let said = message.text.isEmpty ? nil : add(ContextPart(.text, text))
            let arguments = message.calls.map {
                add(ContextPart(.arguments, Array($0.arguments.utf8), toolName: $0.name))
            }
            return (thinking, said, arguments)
        }
    }

    private static func segment(
        _ message: RecordedMessage, _ place: (thinking: Int?, text: Int?, arguments: [Int]), _ parts: [VisiblePart]
    ) -> String {
        func text(_ number: Int?) -> String { number.map { String(decoding: parts[$0].bytes, as: UTF8.self) } ?? "" }
        return message.segment(
            text: text(place.text), thinking: text(place.thinking), arguments: place.arguments.map { text($0) })
    }

    private static func price(
        _ segments: [String], _ before: [String], _ session: RecordedSession,
        _ call: (message: Int, identifiers: [[UInt8]], lines: [[UInt8]]), _ book: ReplayBook, _ directBefore: Int,
        _ bill: inout ReplayBill
    ) {
        let prompt = headTokens + segments.reduce(0) { $0 + tokens($1) }
        let common = before.isEmpty ? 0 : commonTokens(before, segments)
        let hit = min(prompt, book.cached(common))
        let output = Double(tokens(session.messages[call.message].action)) * book.output
        let cost = Double(prompt - hit) * book.miss + Double(hit) * book.hit + output
        let visible = Array(segments.joined(separator: "\n").utf8)
        let seen = call.identifiers.filter { visible.holds($0) }.count
        let misses = seen < call.identifiers.count || !call.lines.allSatisfy { visible.holds($0) }
        let direct = headTokens + session.messages[..<call.message].reduce(0) { $0 + tokens($1.segment) }
        let directHit = min(direct, book.cached(directBefore))
        bill.direct += Double(direct - directHit) * book.miss + Double(directHit) * book.hit + output
        bill.cost += cost
        bill.net += cost
        if misses { bill.net += Double(prompt) * book.hit + 150 * book.output + 700 * book.miss }
        bill.calls += 1
        bill.misses += misses ? 1 : 0
        bill.identifiers += call.identifiers.count
        bill.identifiersVisible += seen
    }

    private static func commonTokens(_ old: [String], _ new: [String]) -> Int {
        var count = headTokens
        for (before, now) in zip(old, new) {
            if before == now {
                count += tokens(now)
                continue
            }
            let same = zip(before.unicodeScalars, now.unicodeScalars).prefix { $0 == $1 }.count
            return count + Int(Double(same) / 3.3)
        }
        return count
    }
}
