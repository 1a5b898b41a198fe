// What is measured: a session that grows call by call through a PromptShortener, as the gateway feeds it. Of the last third
// of its calls each step is timed; then the shortener is made again from what was decided.

import CairnContext
import CairnCore
import Glibc

/// Processor time of this process: the work waits for nothing, and who else uses the machine counts for less so.
func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Bytes of the process that are in memory.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return 0 }
    let words = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(getpagesize()) : 0
}

/// What a session's shortener was told and what it decided, in order.
enum Decided {
    case turn
    case part(ContextPart, Emission?)
    case epoch([Replacement])
}

struct Measured {
    /// Birth of a call's new parts and the question whether an epoch pays, of calls without one.
    var calls: [UInt64] = []
    /// The two alone, of the same calls.
    var births: [UInt64] = []
    var plans: [UInt64] = []
    /// Epochs, plan and digests.
    var epochs: [UInt64] = []
    var decided: [Decided] = []
    var emittedBytes = 0
    var digest = Fingerprint.lineageStart
    /// What the shortener says it holds.
    var toldBytes = 0
}

/// Lets a session grow; `measuredFrom` is the first message whose call is timed.
func grow(_ messages: [ContextMessage], _ prices: EpochPrices, measuredFrom: Int) -> Measured {
    var out = Measured()
    var shortener = PromptShortener(thinking: .shorten)
    var cached = 0
    var birth: UInt64 = 0
    for (number, message) in messages.enumerated() {
        if message.role == .assistant {
            let start = nanoseconds()
            let plan = shortener.epochPlan(cachedPartCount: cached, headTokens: 500, prices: prices)
            let planned = nanoseconds() - start
            if let plan {
                let epoch = shortener.carryOut(plan)
                if number >= measuredFrom { out.epochs.append(nanoseconds() - start) }
                if let epoch { out.decided.append(.epoch(epoch.replacements)) }
            } else if number >= measuredFrom {
                out.births.append(birth)
                out.plans.append(planned)
                out.calls.append(birth + planned)
            }
            birth = 0
            cached = shortener.content.parts.count
        }
        let start = nanoseconds()
        if message.role == .assistant { shortener.beginAssistantTurn() }
        let emissions = message.parts.map { shortener.append($0) }
        birth += nanoseconds() - start
        if message.role == .assistant { out.decided.append(.turn) }
        for (part, emission) in zip(message.parts, emissions) { out.decided.append(.part(part, emission)) }
    }
    for part in shortener.content.parts {
        out.emittedBytes += part.bytes.count
        part.bytes.withUnsafeBytes { out.digest = out.digest.appending(turn: Fingerprint(of: $0)) }
    }
    out.toldBytes = shortener.heldBytes
    return out
}

/// A shortener made again from what was decided.
final class Remade {
    var shortener = PromptShortener(thinking: .shorten)

    /// - Parameter copies: whether it gets texts of its own, and not those of the recording.
    init(_ decided: [Decided], copies: Bool = false) {
        for step in decided {
            switch step {
            case .turn: shortener.beginAssistantTurn()
            case .part(var part, let emission):
                if copies {
                    part.bytes = part.bytes.withUnsafeBufferPointer { Array($0) }
                    part.arguments = part.arguments.withUnsafeBufferPointer { Array($0) }
                }
                shortener.restore(part, emission: emission)
            case .epoch(let replacements): shortener.restore(replacements)
            }
        }
    }
}

/// How long it takes to make one again, and what its first plan takes.
func again(_ decided: [Decided], _ prices: EpochPrices) -> (whole: UInt64, firstPlan: UInt64) {
    let start = nanoseconds()
    let remade = Remade(decided)
    let made = nanoseconds()
    _ = remade.shortener.epochPlan(
        cachedPartCount: remade.shortener.content.parts.count, headTokens: 500, prices: prices)
    return (made - start, nanoseconds() - made)
}

/// Shorteners that are made again to see what memory one of many takes. They stay: memory that is used a second time would
/// count for nothing.
struct Crowd {
    private var remade: [Remade] = []

    /// - Returns: bytes of one.
    mutating func heldBytes(_ decided: [Decided], count: Int) -> Int {
        remade.reserveCapacity(remade.count + count)
        let before = residentBytes()
        for _ in 0..<count { remade.append(Remade(decided, copies: true)) }
        return (residentBytes() - before) / count
    }
}
