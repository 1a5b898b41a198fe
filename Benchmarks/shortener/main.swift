// What shortening adds to a call, and what it holds: a session of 600 KB and one of 200 KB under two price books.
//
//     make bench-shortener                           a made-up session
//     Benchmarks/shortener/run.sh FILE               a request body instead: its texts, in any dialect
//     Benchmarks/shortener/run.sh --smoke            8 KB, that it works at all

import CairnContext
import CairnCore
import CairnWire
import Glibc

func recorded(_ path: String) throws -> [ContextMessage] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var body: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { body += buffer[..<count] }
    let document = try SourceDocument(parsing: body)
    guard let dialect = Dialect.allCases.first(where: { (try? Prompt(reading: document, dialect: $0)) != nil }) else {
        return []
    }
    return ContextMessage.messages(of: try Prompt(reading: document, dialect: dialect))
}

func milliseconds(_ nanoseconds: UInt64) -> String {
    let text = "\((nanoseconds + 5_000) / 10_000)"
    let padded = String(repeating: "0", count: max(0, 3 - text.count)) + text
    return "\(padded.dropLast(2)).\(padded.suffix(2))"
}

/// Median, 99th percentile and how many.
func spread(_ times: [UInt64]) -> String {
    guard !times.isEmpty else { return "none" }
    let sorted = times.sorted()
    let high = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    return "\(milliseconds(sorted[sorted.count / 2])) / \(milliseconds(high)) (\(sorted.count))"
}

/// The first messages that have so many bytes together.
func front(_ messages: [ContextMessage], bytes: Int) -> [ContextMessage] {
    var sum = 0
    return Array(
        messages.prefix { message in
            defer { sum += message.parts.reduce(0) { $0 + $1.bytes.count } }
            return sum < bytes
        })
}

let isTiny = CommandLine.arguments.contains("--smoke")
let path = CommandLine.arguments.dropFirst().first { !$0.hasPrefix("--") }
let sizes = isTiny ? [8_000] : [200_000, 600_000]
let all = try path.map { try recorded($0) } ?? CodingSession(bytesMin: sizes.last!).messages
let books = [
    ("deepseek-flash", EpochPrices(miss: 0.15, hit: 0.003, output: 0.6)),
    ("anthropic", EpochPrices(miss: 3.75, hit: 0.3, output: 15)),
]
guard !all.isEmpty else {
    print("\(path ?? ""): no request body in a known dialect")
    exit(1)
}
print("Milliseconds of processor time: median / 99th percentile (how many), of the last third of a session's calls.")
print(
    "| book | KB | KB emitted | birth and plan | birth | plan | epoch | made again | first plan then | KB held | KB told | hash |"
)
print("|---|---|---|---|---|---|---|---|---|---|---|---|")
var crowd = Crowd()
var rounds = 0
for (name, prices) in books {
    for size in sizes {
        let messages = front(all, bytes: size)
        let bytes = messages.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.bytes.count } }
        let out = grow(messages, prices, measuredFrom: messages.count * 2 / 3)
        let remade = (0..<(isTiny ? 1 : 9)).map { _ in again(out.decided, prices) }
        let held = crowd.heldBytes(out.decided, count: isTiny ? 1 : 40)
        print(
            "| \(name) | \(bytes / 1000) | \(out.emittedBytes / 1000) | \(spread(out.calls)) | \(spread(out.births)) |",
            "\(spread(out.plans)) | \(spread(out.epochs)) | \(spread(remade.map(\.whole))) |",
            "\(spread(remade.map(\.firstPlan))) | \(held / 1000) | \(out.toldBytes / 1000) | \(String(out.digest.high, radix: 16)) |"
        )
        rounds += 1
    }
}
if isTiny { print("smoke: \(rounds) sessions shortened, 0 failed") }
