// What translating a request costs: parse, decode and encode of one body in all nine pairs of dialects.
//
//     make bench-wire                      300 turns, about 600 KB; median of 41 runs
//     Benchmarks/wire/run.sh --smoke       6 turns, 3 runs: that it works at all

import CairnCore
import CairnWire
import Glibc

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

struct Measured {
    var parseNanoseconds: UInt64
    var translateNanoseconds: UInt64
    var outBytes: Int
    var fingerprint: Fingerprint
}

func measure(_ body: [UInt8], from: Dialect, to upstream: UpstreamTraits) throws -> Measured {
    let start = nanoseconds()
    let document = try SourceDocument(parsing: body)
    let parsed = nanoseconds()
    let prompt = try Prompt(reading: document, dialect: from)
    var out = ByteWriter(capacity: body.count + body.count / 4)
    _ = try prompt.encode(for: upstream, to: &out)
    let end = nanoseconds()
    let fingerprint = out.withBytes { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    return Measured(
        parseNanoseconds: parsed - start, translateNanoseconds: end - parsed, outBytes: out.count,
        fingerprint: fingerprint)
}

func milliseconds(_ nanoseconds: UInt64) -> String {
    let text = "\((nanoseconds + 5_000) / 10_000)"
    let padded = String(repeating: "0", count: max(0, 3 - text.count)) + text
    return "\(padded.dropLast(2)).\(padded.suffix(2))"
}

let isTiny = CommandLine.arguments.contains("--smoke")
let workload = Workload(turnCount: isTiny ? 6 : 300, resultBytes: isTiny ? 200 : 3600)
let runCount = isTiny ? 3 : 41
let upstreams: [UpstreamTraits] = [
    UpstreamTraits(.deepseek, dialect: .chat), UpstreamTraits(.openai, dialect: .responses),
    UpstreamTraits(.anthropic, dialect: .messages),
]
print("| from | to | KB in | KB out | parse ms | decode and encode ms | together ms | hash |")
print("|---|---|---|---|---|---|---|---|")
for from in Dialect.allCases {
    let text =
        switch from {
        case .chat: workload.chat()
        case .responses: workload.responses()
        case .messages: workload.messages()
        }
    let body = Array(text.utf8)
    for upstream in upstreams {
        do {
            var runs: [Measured] = []
            for _ in 0..<runCount { runs.append(try measure(body, from: from, to: upstream)) }
            let parse = runs.map(\.parseNanoseconds).sorted()[runCount / 2]
            let translate = runs.map(\.translateNanoseconds).sorted()[runCount / 2]
            print(
                "| \(from.name) | \(upstream.dialect.name) | \(body.count / 1000) | \(runs[0].outBytes / 1000) |",
                "\(milliseconds(parse)) | \(milliseconds(translate)) | \(milliseconds(parse + translate)) |",
                "\(String(runs[0].fingerprint.high, radix: 16)) |")
        } catch {
            print("\(from.name) to \(upstream.dialect.name): \(error)")
            exit(1)
        }
    }
}
if isTiny { print("smoke: \(Dialect.allCases.count * upstreams.count) pairs translated") }
