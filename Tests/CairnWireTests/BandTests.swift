// What is volatile in a prompt is found, and nothing a user says is: measured on the labelled texts, then held for any
// text.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

@Suite struct BandTests {
    struct Count {
        var labelled = 0
        var found = 0
        var right = 0
        var precision: Double { found == 0 ? 1 : Double(right) / Double(found) }
        var recall: Double { labelled == 0 ? 1 : Double(right) / Double(labelled) }
    }

    @Test func `there are enough labelled texts and half of them are negatives`() {
        let cases = BandCase.all

        #expect(cases.count >= 120)
        #expect(cases.count(where: \.isNegative) * 2 >= cases.count)
        for kind in VolatileSpan.Kind.allCases {
            #expect(cases.contains { $0.pieces.contains { $0.kind == kind } }, "no text has a \(kind)")
        }
    }

    @Test func `volatile stretches are found with the precision and recall the design asks for`() {
        var counts: [VolatileSpan.Kind: Count] = [:]
        var userFaults: [String] = []
        for spelling in [Spelling.plain, .ascii, .html] {
            for one in BandCase.all {
                let (bytes, wanted) = one.spelled(spelling)
                let found = volatileSpans(bytes, one.place, one.harness)
                for span in wanted { counts[span.kind, default: Count()].labelled += 1 }
                for span in found {
                    counts[span.kind, default: Count()].found += 1
                    if wanted.contains(span) { counts[span.kind, default: Count()].right += 1 }
                }
                if found != wanted {
                    print("\(one.testDescription), \(spelling): \(Self.difference(found, wanted, bytes))")
                }
                if one.role == .user, !found.allSatisfy(wanted.contains) { userFaults.append(one.testDescription) }
            }
        }
        print("| kind | labels | precision | recall |")
        for kind in VolatileSpan.Kind.allCases {
            let count = counts[kind] ?? Count()
            print("| \(kind) | \(count.labelled) | \(count.precision) | \(count.recall) |")
            #expect(count.recall >= 0.95, "\(kind)")
            #expect(count.precision >= 0.95, "\(kind)")
        }
        // No instruction of a user is ever dropped.
        #expect(userFaults == [])
    }

    private static func difference(_ found: [VolatileSpan], _ wanted: [VolatileSpan], _ bytes: [UInt8]) -> String {
        func show(_ spans: [VolatileSpan]) -> [String] {
            spans.map { span in
                let range = Int(span.range.lowerBound)..<Int(span.range.upperBound)
                return "\(span.kind) \(String(decoding: bytes[range], as: UTF8.self))"
            }
        }
        let missed = wanted.filter { !found.contains($0) }
        let excess = found.filter { !wanted.contains($0) }
        return "missed \(show(missed)), too much \(show(excess))"
    }

    // MARK: properties

    /// A text of pieces that mean something to the scanner, and of noise.
    static func randomText(_ random: inout SeededRandom) -> String {
        let pieces = [
            "Current time: ", "2026-11-20T12:00:01Z", "12:00", "\n", "\n\n", " ", "Today's date is ", "Nov 20, 2026",
            "<env>",
            "</env>", "<system-reminder>", "</system-reminder>", "<environment_context>", "</environment_context>",
            "/srv/app",
            "Working directory: ", "gitStatus: This is the git status at the start of the conversation.", "Status:",
            " M a.swift", "Recent commits:", "2b0a853 fix", "```", "<example>", "</example>", "- ", "**", "`", "\"",
            "\\", "\\n",
            "Session pid: ", "48213", "Nonce: ", "7f3a9c01d2e4", "/tmp/tmpk3_x9qv1", "é", "🕛", "\u{2028}", "(", ")",
            ". ",
            "Token usage:", "[", "]", "x", "\r\n", "\t", "Runtime: a=b", "\u{0}", "&", "<", ">",
            "you must never do this",
        ]
        return (0..<random.next(24)).map { _ in pieces[random.next(pieces.count)] }.joined()
    }

    /// Offsets at which a character of a JSON string starts, the closing quote included; escapes of a pair count as
    /// one.
    static func boundaries(_ bytes: [UInt8]) -> Set<Int> {
        var starts: Set<Int> = []
        var at = 1
        while at < bytes.count {
            starts.insert(at)
            if bytes[at] == 0x5C {
                let isUnit = bytes[at + 1] == UInt8(ascii: "u")
                let isHigh = isUnit && "dD".utf8.contains(bytes[at + 2]) && "89abAB".utf8.contains(bytes[at + 3])
                at += isHigh ? 12 : isUnit ? 6 : 2
            } else {
                at += bytes[at] < 0x80 ? 1 : bytes[at] >= 0xF0 ? 4 : bytes[at] >= 0xE0 ? 3 : 2
            }
        }
        return starts
    }

    @Test(arguments: [UInt64(1), 20_261_120, 77])
    func `spans of any text are in order, apart, inside the quotes and between characters`(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<1000 {
            let text = Self.randomText(&random)
            for spelling in Spelling.allCases {
                let bytes = spelling.quoted(text)
                let starts = Self.boundaries(bytes)
                for (place, harness) in [
                    (VolatileScanner.Place.system, Harness.generic), (.user, .generic), (.user, .openclaw),
                ] {
                    let spans = volatileSpans(bytes, place, harness)
                    var end: UInt32 = 1
                    for span in spans {
                        let isRight =
                            span.range.lowerBound >= end && !span.range.isEmpty
                            && starts.contains(Int(span.range.lowerBound))
                            && starts.contains(Int(span.range.upperBound))
                        #expect(isRight, "seed \(seed), \(spelling), \(text.debugDescription): \(span)")
                        end = span.range.upperBound
                    }
                    #expect(Int(end) < bytes.count)
                }
            }
        }
    }

    @Test(arguments: [UInt64(3), 4])
    func `every spelling of a text has the same volatile stretches`(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<1000 {
            let text = Self.randomText(&random)
            for place in [VolatileScanner.Place.system, .user] {
                let remains = Spelling.allCases.filter { $0 != .odd }.map { spelling in
                    let bytes = spelling.quoted(text)
                    return Self.remaining(bytes, volatileSpans(bytes, place)).map { piece in
                        (try? JSONDocument(Array("\"\(piece)\"".utf8)).string(0)) ?? piece
                    }
                }
                #expect(remains.allSatisfy { $0 == remains[0] }, "seed \(seed): \(text.debugDescription)")
            }
        }
    }

    /// What stands between the spans.
    static func remaining(_ bytes: [UInt8], _ spans: [VolatileSpan]) -> [String] {
        var at = 1
        var pieces: [String] = []
        for span in spans {
            pieces.append(String(decoding: bytes[at..<Int(span.range.lowerBound)], as: UTF8.self))
            at = Int(span.range.upperBound)
        }
        return pieces + [String(decoding: bytes[at..<(bytes.count - 1)], as: UTF8.self)]
    }

    /// The values of the next call: each digit and each name of a stretch becomes another one of its sort.
    static func nextCall(_ text: String, _ random: inout SeededRandom) -> String {
        let swaps = [
            ("ada", "grace"), ("2026-11-20", "2027-02-03"), ("12:00", "23:59"), ("00:19", "01:07"), ("22:30", "04:41"),
            ("48213", "517"), ("48001", "90210"), ("a7754", "0aaa9"), ("fa690", "36ee5"), ("14999841", "14999818"),
            ("51234", "60001"), ("7f3a9c01d2e4", "0b1c2d3e4f5a"), ("shop", "till"), ("feature/cart", "main"),
            ("05:19", "06:20"),
            ("tmpk3_x9qv1", "tmp0z_aaaa9"), ("1763640001", "1763640777"), ("req_011CQx8Yz", "req_02zzzzzzz9"),
            ("November 20,", "December 3,"), ("Linux 6.8", "Linux 6.9"), ("2b0a853", "99ea313"),
            ("998512c6", "0a1b2c3d"),
        ]
        return swaps.reduce(text) { text, swap in
            random.next(4) == 0 ? text : text.replacingOccurrences(of: swap.0, with: swap.1)
        }
    }

    @Test func `the rest of a text is the same in the next call, whatever the volatile values then are`() {
        var random = SeededRandom(11)
        var changedCount = 0
        for one in BandCase.all where !one.isNegative {
            for _ in 0..<16 {
                var next = one
                next.pieces = one.pieces.map { $0.kind == nil ? $0 : ($0.kind, Self.nextCall($0.text, &random)) }
                let (bytes, _) = one.spelled(.plain)
                let (nextBytes, _) = next.spelled(.plain)
                changedCount += bytes == nextBytes ? 0 : 1

                let rest = Self.remaining(bytes, volatileSpans(bytes, one.place, one.harness))
                let nextRest = Self.remaining(nextBytes, volatileSpans(nextBytes, one.place, one.harness))

                #expect(rest == nextRest, "\(one.testDescription)")
            }
        }
        #expect(changedCount > 500)
    }

    @Test func `arbitrary bytes in quotes are read to their end`() {
        var random = SeededRandom(5)
        let alphabet = Array("\\un0d83aC<>/:\"`*-.( cT1\u{e9}\u{f0}".utf8)
        for _ in 0..<10_000 {
            let bytes = [0x22] + (0..<random.next(40)).map { _ in alphabet[random.next(alphabet.count)] } + [0x22]
            for place in [VolatileScanner.Place.system, .user] {
                let spans = volatileSpans(bytes, place, .openclaw)
                #expect(spans.allSatisfy { $0.range.upperBound < UInt32(bytes.count) })
            }
        }
    }

    @Test(arguments: [
        "<system-reminder>", "<env>", "<env>\n", "<env></env>", "<system-reminder></system-reminder>", "(",
        "(today is ", "```\n",
        "\n", "Status:\n", "Recent commits:\n\n\n", "Current time: ", "12:00 ", "- ", "/tmp/", "\\", "[", "Nov ",
        "gitStatus: ",
        "(current time (", "<total_tokens>1", "Git status:\n M a\n",
    ])
    func `the time is linear on any repetition`(piece: String) {
        func seconds(_ count: Int) -> Double {
            let bytes = Spelling.plain.quoted(String(repeating: piece, count: count))
            let best = (0..<3).map { _ in
                ContinuousClock().measure {
                    for place in [VolatileScanner.Place.system, .user] { _ = volatileSpans(bytes, place) }
                }
            }.min()!
            return Double(best.components.attoseconds) * 1e-18 + Double(best.components.seconds)
        }

        // Sixty-four times the text: a quadratic scanner would take 4,096 times as long.
        let (short, long) = (seconds(500), seconds(32_000))

        #expect(long < 640 * max(short, 0.0001), "\(short) s, \(long) s")
    }

    // MARK: turns

    static func turn(_ role: Turn.Role, _ contents: [Part.Content]) -> Turn {
        Turn(role, parts: contents.map { Part($0) })
    }

    @Test func `bands follow the role and what is wholly volatile is dropped`() {
        let clock = "Current time: 2026-11-20T12:00:01Z"
        var system = Self.turn(
            .system, [.text(RawJSON(quoting: "Be brief.\n\(clock)")), .text(RawJSON(quoting: " \(clock)\n"))])
        var later = Self.turn(.developer, [.text(RawJSON(quoting: "Be brief."))])
        var user = Self.turn(.user, [.text(RawJSON(quoting: "hello"))])

        BandRules.annotate(&system, isLeading: true, source: .empty, harness: .generic)
        BandRules.annotate(&later, isLeading: false, source: .empty, harness: .generic)
        BandRules.annotate(&user, isLeading: false, source: .empty, harness: .generic)

        #expect(system.parts.map(\.band) == [.pin, .drop])
        #expect(system.parts.map(\.volatileSpans.count) == [1, 1])
        #expect(later.parts.map(\.band) == [.fold])
        #expect(user.parts.map(\.band) == [.fold])
    }

    @Test func `tool results, calls, thinking and what an assistant said are never searched`() {
        let text = RawJSON(quoting: "Current time: 2026-11-20T12:00:01Z")
        let result = Part.ToolResult(identifier: RawJSON(quoting: "a"), parts: [Part(.text(text))])
        let call = Part.ToolCall(
            identifier: RawJSON(quoting: "a"), name: RawJSON(quoting: "f"), arguments: .freeform(text))
        var turns = [
            Self.turn(.assistant, [.text(text), .thinking(Part.Thinking(texts: [text])), .toolCall(call)]),
            Self.turn(.tool, [.toolResult(result), .text(text)]), Self.turn(.user, [.toolResult(result)]),
        ]

        for index in turns.indices {
            BandRules.annotate(&turns[index], isLeading: false, source: .empty, harness: .claudeCode)
        }

        #expect(turns.flatMap(\.parts).allSatisfy { $0.volatileSpans.isEmpty && $0.band == .fold })
    }

    @Test func `annotating again forgets what stood there`() {
        var turn = Self.turn(.system, [.text(RawJSON(quoting: "Current time: 12:00"))])
        BandRules.annotate(&turn, isLeading: true, source: .empty, harness: .generic)
        turn.parts[0].content = .text(RawJSON(quoting: "Be brief."))

        BandRules.annotate(&turn, isLeading: true, source: .empty, harness: .generic)

        #expect(turn.parts[0].band == .pin)
        #expect(turn.parts[0].volatileSpans == [])
    }

    @Test func `what jitters from call to call is told apart from what changes rarely`() {
        let perCall = VolatileSpan.Kind.allCases.filter(\.isPerCall)

        #expect(perCall == [.clock, .process, .randomIdentifier, .reminder])
    }
}

/// SplitMix64: the same numbers on every machine.
struct SeededRandom {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// A number below `bound`, which is above 0.
    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
