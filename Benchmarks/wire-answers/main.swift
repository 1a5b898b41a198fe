// What translating a stream costs: nanoseconds an event of the upstream, in all pairs of dialects, and with markup to
// look for; and what it costs to look through an answer that passes, for calls of the gateway's own tool. Reading, writing
// and the framing of the stream are all in it.
//
//     make bench-answers                          1,000 deltas; median of 201 runs
//     Benchmarks/wire-answers/run.sh --smoke      20 deltas, 3 runs: that it works at all

import CairnCore
import CairnWire
import Glibc

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// One answer from its first byte to its last; the time it took. What was written stays in `out`.
func translate(
    _ workload: AnswerWorkload, _ from: Dialect, _ to: Dialect, _ context: AnswerContext, _ out: inout ByteWriter
) -> UInt64 {
    out.clear()
    let start = nanoseconds()
    var translator = AnswerTranslator(from: from, to: to, context: context)
    workload.bytes.withUnsafeBytes { bytes in
        var begin = 0
        for end in workload.chunkEnds {
            translator.feed(UnsafeRawBufferPointer(rebasing: bytes[begin..<end]), to: &out)
            begin = end
        }
    }
    let ending = translator.finish(to: &out)
    let time = nanoseconds() - start
    precondition(ending == .whole, "the workload is a whole answer")
    return time
}

/// The same for an answer that passes, looked through for hidden calls.
func lookThrough(_ workload: AnswerWorkload, _ dialect: Dialect, _ context: AnswerContext, _ out: inout ByteWriter)
    -> UInt64
{
    out.clear()
    let start = nanoseconds()
    let filter = HiddenCallFilter(hiding: "cairn_expand", rareIndex: 7, from: dialect, context: context)
    workload.bytes.withUnsafeBytes { bytes in
        var begin = 0
        for end in workload.chunkEnds {
            filter.feed(UnsafeRawBufferPointer(rebasing: bytes[begin..<end]), to: &out)
            begin = end
        }
    }
    let outcome = filter.finish(to: &out)
    let time = nanoseconds() - start
    precondition(outcome == .complete, "the workload asks nothing")
    return time
}

func tell(
    _ from: String, _ to: String, markup: Bool, _ workload: AnswerWorkload, _ times: [UInt64],
    _ out: borrowing ByteWriter
) {
    let times = times.sorted()
    let hash = out.withBytes { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    let count = UInt64(workload.eventCount)
    print(
        "| \(from) | \(to) | \(markup ? "yes" : "-") | \(count) | \(workload.bytes.count) "
            + "| \(out.count) | \(times[times.count / 2] / count) | \(times[0] / count) "
            + "| \(String(hash.description.prefix(8))) |")
}

let isTiny = CommandLine.arguments.contains("--smoke")
let runCount = isTiny ? 3 : 201
print("| from | to | markup | events | bytes in | bytes out | ns an event | fastest | hash |")
print("|---|---|---|---|---|---|---|---|---|")
for from in Dialect.allCases {
    let workload = AnswerWorkload(from, scale: isTiny ? 2 : 100)
    for to in Dialect.allCases {
        for markup in [[], [.thinkTags, .deepSeekToolCalls]] as [AnswerContext.Markup]
        where markup.isEmpty || from == .chat {
            var context = AnswerContext(source: .empty, createdSeconds: 1_700_000_000, nonce: (1, 2))
            context.model = RawJSON(spelled: "\"my-model\"")
            context.includesUsage = true
            context.markup = markup
            var out = ByteWriter(capacity: 1_048_576)
            let times = (0..<runCount).map { _ in translate(workload, from, to, context, &out) }
            tell(from.name, to.name, markup: !markup.isEmpty, workload, times, out)
        }
    }
    let context = AnswerContext(source: .empty, createdSeconds: 1_700_000_000, nonce: (1, 2))
    var out = ByteWriter(capacity: 1_048_576)
    let times = (0..<runCount).map { _ in lookThrough(workload, from, context, &out) }
    tell(from.name, "looked through", markup: false, workload, times, out)
}
