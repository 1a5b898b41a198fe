// Signed thinking in mode full: whole blocks go at epochs when their tool loop is over, all others stay byte for byte, no
// message becomes empty, and what went expands to what was thought. Where a signature holds for the bytes in front of it,
// those stay.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// A conversation with several prompts as a client of the messages dialect sends it, message by message.
private struct ThinkingConversation {
    private(set) var messages: [String] = []
    /// The calls: messages in front of each answer.
    private(set) var calls: [Int] = []
    /// Messages whose thinking may never go: several blocks, redacted ones, nothing else in the message.
    private(set) var fixed: Set<Int> = []
    /// The position of the prompt that opens the newest loop, by messages sent.
    private(set) var loopStarts: [Int] = []
    private var random: SeededRandom

    /// - Parameters:
    ///   - thinkingTurns: answers from this one on do not think; nil: all do.
    ///   - showsThinking: blocks have text; else only a signature.
    init(prompts: Int, seed: UInt64, thinkingTurns: Int? = nil, showsThinking: Bool = true, name: String = "") {
        random = SeededRandom(seed: seed)
        let work = GrowingConversation.messages(turns: prompts * 6, fileLinesMax: 30, &random)
        var answers = 0
        func thinking(_ number: Int) -> String {
            let thought = "Thought \(name)\(number) ponders at length why this_or_that_\(number) fails. "
            let text = showsThinking ? String(repeating: thought, count: 1 + number % 6) : ""
            return #"{"type":"thinking","thinking":"\#(text)","signature":"sig\#(name)\#(number)=="}"#
        }
        func answer(_ rest: [String]) {
            answers += 1
            calls.append(messages.count)
            var blocks = rest
            if answers < thinkingTurns ?? .max {
                switch Int.random(in: 0..<12, using: &random) {
                case 0:
                    blocks = [thinking(answers), thinking(answers + 10_000)] + rest
                    fixed.insert(messages.count)
                case 1:
                    blocks = [thinking(answers), #"{"type":"redacted_thinking","data":"r\#(answers)"}"#] + rest
                    fixed.insert(messages.count)
                case 2 where rest.count > 1: blocks.insert(thinking(answers), at: 1)
                default: blocks = [thinking(answers)] + rest
                }
            }
            append(#"{"role":"assistant","content":[\#(blocks.joined(separator: " , "))]}"#)
        }
        for (index, message) in work.dropFirst(2).enumerated() {
            if index % 12 == 0 {
                if index > 0 {
                    answer([Self.text("Done with part \(index) of \(name), as far as it goes.")])
                    // Nothing but a thought: it stays, or the message would be empty.
                    append(#"{"role":"assistant","content":[\#(thinking(index + 20_000))]}"#)
                    fixed.insert(messages.count - 1)
                }
                loopStarts.append(messages.count)
                append(#"{"role":"user","content":[\#(Self.text("Prompt \(index) \(name): go on with file1.py"))]}"#)
            }
            switch message.role {
            case .assistant:
                let call = message.parts.first { $0.kind == .arguments }!
                let said = String(decoding: message.parts.first { $0.kind == .text }!.bytes, as: UTF8.self)
                answer([
                    Self.text(said),
                    #"{"type":"tool_use","id":"\#(name)\#(call.callID)","name":"bash","input":\#(String(decoding: call.bytes, as: UTF8.self))}"#,
                ])
            default:
                let result = message.parts[0]
                let quoted = JSONText.quoted(String(decoding: result.bytes, as: UTF8.self))
                let text = String(decoding: quoted, as: UTF8.self)
                let reminder = index % 5 == 0 ? "," + Self.text("a reminder") : ""
                append(
                    #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(name)\#(result.callID)","content":\#(text)}\#(reminder)]}"#
                )
            }
        }
        calls.append(messages.count)
    }

    private mutating func append(_ message: String) { messages.append(message) }

    private static func text(_ text: String) -> String { #"{"type":"text","text":"\#(text)"}"# }

    /// The first message of the loop that is open in front of a call.
    func openLoop(_ count: Int) -> Int { loopStarts.last { $0 < count } ?? 0 }

    static func body(_ messages: some Sequence<String>) -> String {
        #"{"model":"m","max_tokens":9,"tools":[{"name":"bash","input_schema":{}}],"messages":[\#(messages.joined(separator: ","))]}"#
    }

    func body(_ count: Int) -> String { Self.body(messages[..<count]) }
}

/// The blocks of each message of a body, and which of them are thinking.
private func blocks(_ body: String) throws -> [[(text: String, isThinking: Bool)]] {
    let source = try SourceDocument(parsing: Array(body.utf8))
    return try Prompt(reading: source, dialect: .messages).turns.map { turn in
        turn.parts.map { part in
            (source.withBytes(of: part.element!) { String(decoding: $0, as: UTF8.self) }, part.isThinking)
        }
    }
}

/// What the stage's store holds, for proofs.
private final class StageSource: PromptSource {
    let stage: LineageStage
    var sessions: [SessionRecord] = []
    var calls: [CallRecord] = []

    init(_ stage: LineageStage) { self.stage = stage }

    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord? { stage.links[chain] }
    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]? { stage.blobs[digest] }

    func note(_ plan: EmissionPlan) {
        sessions += plan.batch.sessions
        calls.append(stage.record(of: plan))
    }

    /// How many calls are proven.
    func prove() throws(ProofFailure) -> Int {
        var proven = 0
        for session in sessions {
            var replay = PromptReplay(of: session, in: self)
            let own = calls.filter { $0.session == session.id }
            for call in own { replay.add(call) }
            for call in own { proven += try replay.prove(call) == nil ? 0 : 1 }
        }
        return proven
    }
}

@Suite struct SignedThinkingTests {
    private static let noCache = EpochPrices(miss: 1, hit: 1, output: 4)
    private static let books = [noCache, EpochPrices(miss: 3.75, hit: 0.3, output: 15)]

    private func stage(_ rule: ThinkingRule, _ prices: EpochPrices = noCache) -> LineageStage {
        let stage = LineageStage()
        stage.dialect = .messages
        stage.terms = ShorteningTerms()
        stage.terms?.prices = prices
        stage.terms?.thinking = rule
        return stage
    }

    /// Compares what left with what came: returns how many thinking blocks are gone.
    private func check(_ emitted: String, _ sent: String, openLoop: Int, fixed: Set<Int>) throws -> Int {
        var gone = 0
        let came = try blocks(sent)
        let left = try blocks(emitted)
        let newest = came.lastIndex { $0.contains(where: \.isThinking) }
        #expect(left.count == came.count)
        for (index, (left, came)) in zip(left, came).enumerated() {
            #expect(!left.isEmpty)
            let thoughts = came.filter(\.isThinking).map(\.text)
            let kept = left.filter(\.isThinking).map(\.text)
            if kept == thoughts { continue }
            #expect(kept.isEmpty, "a block was changed in message \(index)")
            #expect(index < openLoop, "message \(index) belongs to the open loop")
            #expect(!fixed.contains(index) && index != newest, "message \(index)")
            gone += thoughts.count
        }
        return gone
    }

    /// Whether every part that left is the client's, or what a decision put in the place of just that part.
    private func checkPlaces(_ emitted: String, _ sent: String, _ stage: LineageStage) throws {
        let came = try SourceDocument(parsing: Array(sent.utf8))
        let left = try SourceDocument(parsing: Array(emitted.utf8))
        let turns = zip(
            try Prompt(reading: came, dialect: .messages).turns, try Prompt(reading: left, dialect: .messages).turns)
        let decisions = Dictionary(grouping: stage.decisions) { stage.links[$0.chain]?.position ?? -1 }
        let digest = { (text: [UInt8]) in text.withUnsafeBytes { Fingerprint(of: $0) } }
        for (index, (cameTurn, leftTurn)) in turns.enumerated() {
            let byPart = Dictionary((decisions[index] ?? []).map { ($0.partIndex, $0) }) { $1 }
            let standing = cameTurn.parts.indices.filter { byPart[$0].map { $0.emitted != digest([]) } ?? true }
            #expect(standing.count == leftTurn.parts.count)
            for (number, part) in zip(standing, leftTurn.parts) {
                guard let original = cameTurn.parts[number].text(in: came) else { continue }
                let text = try #require(part.text(in: left))
                if text == original { continue }
                #expect(byPart[number]?.original == digest(original), "message \(index), part \(number)")
                #expect(byPart[number]?.emitted == digest(text), "message \(index), part \(number)")
            }
        }
    }

    private func expansions(_ stage: LineageStage) throws -> Int {
        var count = 0
        for decision in stage.decisions where decision.strategy == "thinking-prune" {
            let link = try #require(stage.links[decision.chain])
            let raw = try #require(stage.blobs[link.raw])
            let expansion = try Expansion(decision, link: link, raw: raw, dialect: .messages)
            #expect(String(decoding: expansion.bytes, as: UTF8.self).hasPrefix("Thought "))
            #expect(decision.emitted == [UInt8]().withUnsafeBytes { Fingerprint(of: $0) })
            count += 1
        }
        return count
    }

    @Test(arguments: 0..<5)
    func `signed thinking goes whole when its loop is over, and only at epochs`(seed: Int) throws {
        let conversation = ThinkingConversation(prompts: 4, seed: UInt64(seed))
        let stage = stage(.omit, Self.books[seed % 2])
        let source = StageSource(stage)
        var before: EmissionPlan?
        var gone = 0
        for (number, count) in conversation.calls.enumerated() {
            if seed % 3 == 1 || seed % 3 == 2 && number % 7 == 3 { stage.restart() }
            let body = conversation.body(count)
            let call = try stage.call(body)
            source.note(call.plan)
            let goneNow = try check(
                call.body, body, openLoop: conversation.openLoop(count), fixed: conversation.fixed)
            try checkPlaces(call.body, body, stage)
            if let before, call.plan.breakReason != .epoch {
                #expect(call.plan.breakReason == .none)
                #expect(call.plan.commonBytes == before.emitted.byteCount)
                #expect(goneNow == gone)
            }
            #expect(goneNow >= gone)
            gone = goneNow
            before = call.plan
        }
        #expect(gone > 5)
        #expect(try expansions(stage) == gone)
        #expect(try source.prove() == source.calls.count)
    }

    @Test func `a fork keeps the thinking that it had`() throws {
        let trunk = ThinkingConversation(prompts: 4, seed: 21)
        let other = ThinkingConversation(prompts: 3, seed: 22, name: "fork")
        let cut = trunk.loopStarts[2]
        let offset = cut - other.loopStarts[0]
        let fork = trunk.messages[..<cut] + other.messages
        let stage = stage(.omit)
        let source = StageSource(stage)
        var outlines: [PromptOutline?] = [nil, nil]
        var gone = 0
        for number in 0..<(trunk.calls.count + other.calls.count) {
            let isFork = number >= trunk.calls.count / 2 && number % 2 == 0
            if number % 9 == 8 { stage.restart() }
            let place = (number - trunk.calls.count / 2) / 2
            let count =
                isFork
                ? other.calls[min(other.calls.count - 1, place)] + offset
                : trunk.calls[min(number, trunk.calls.count - 1)]
            let body = isFork ? ThinkingConversation.body(fork[..<count]) : trunk.body(count)
            let openLoop = isFork ? other.openLoop(count - offset) + offset : trunk.openLoop(count)
            let fixed =
                isFork
                ? trunk.fixed.filter { $0 < cut }.union(other.fixed.map { $0 + offset }) : trunk.fixed
            let call = try stage.call(body)
            source.note(call.plan)
            gone += try check(call.body, body, openLoop: openLoop, fixed: fixed)
            let isEpoch = call.plan.batch.decisions.contains { $0.reason.hasPrefix("epoch") }
            if let before = outlines[isFork ? 1 : 0], !isEpoch {
                #expect(call.plan.emitted.commonBytes(with: before) == before.byteCount, "call \(number)")
            }
            outlines[isFork ? 1 : 0] = call.plan.emitted
        }
        #expect(gone > 0)
        #expect(try expansions(stage) > 0)
        #expect(try source.prove() == source.calls.count)
    }

    @Test func `a branch from among the turns that came with an epoch has its own thinking`() throws {
        let trunk = ThinkingConversation(prompts: 4, seed: 71)
        let other = ThinkingConversation(prompts: 4, seed: 72, name: "branch")
        let cut = trunk.loopStarts[1]
        let branch = Array(trunk.messages[..<cut] + other.messages)
        let stage = stage(.omit)
        let source = StageSource(stage)
        for count in [1, trunk.messages.count] { source.note(try stage.call(trunk.body(count)).plan) }
        let goneFromTrunk = stage.decisions.filter { $0.strategy == "thinking-prune" }.count
        #expect(goneFromTrunk > 0)
        let fixed = trunk.fixed.filter { $0 < cut }.union(other.fixed.map { $0 + cut })
        for count in [branch.count - 8, branch.count - 6, branch.count - 4, branch.count] {
            stage.restart()
            let body = ThinkingConversation.body(branch[..<count])
            let call = try stage.call(body)
            source.note(call.plan)
            _ = try check(call.body, body, openLoop: other.openLoop(count - cut) + cut, fixed: fixed)
        }
        #expect(try expansions(stage) > goneFromTrunk)
        #expect(try source.prove() == source.calls.count)
    }

    @Test func `a message that lost its thinking is shortened further, after a restart, too`() throws {
        let conversation = ThinkingConversation(prompts: 4, seed: 51)
        let stage = stage(.omit)
        let half = conversation.calls.count / 2
        stage.terms?.off = Set(PromptShortener.epochStrategyNames.filter { $0.name != "thinking-prune" })
        var gone: Set<Fingerprint> = []
        for (number, count) in conversation.calls.enumerated() {
            if number == half {
                gone = Set(stage.decisions.filter { $0.strategy == "thinking-prune" }.map(\.chain))
                stage.terms?.off = []
            }
            if number >= half, number % 3 == 0 { stage.restart() }
            let body = conversation.body(count)
            try checkPlaces(try stage.call(body).body, body, stage)
        }
        let further = stage.decisions.filter { gone.contains($0.chain) && $0.strategy != "thinking-prune" }
        #expect(further.contains { $0.strategy == "argument-digest" })
        #expect(stage.decisions.contains { $0.strategy == "thinking-prune" && !gone.contains($0.chain) })
    }

    @Test func `thinking stays where it costs nothing, and goes when the model changes`() throws {
        let conversation = ThinkingConversation(prompts: 5, seed: 31)
        let stage = stage(.keep)
        let half = conversation.calls.count / 2
        for (number, count) in conversation.calls.enumerated() {
            if number == half { stage.terms?.thinking = .omit }
            let body = conversation.body(count)
            let call = try stage.call(body)
            let gone = try check(call.body, body, openLoop: conversation.openLoop(count), fixed: conversation.fixed)
            if number < half { #expect(gone == 0) }
        }
        #expect(try expansions(stage) > 0)
    }

    @Test(arguments: [true, false])
    func `nothing in front of bound thinking changes`(showsThinking: Bool) throws {
        let thinkingTurns = 14
        let conversation = ThinkingConversation(
            prompts: 5, seed: 41, thinkingTurns: thinkingTurns, showsThinking: showsThinking)
        let stage = stage(.hold)
        var emitted: [[(text: String, isThinking: Bool)]] = []
        var epochs = 0
        for (number, count) in conversation.calls.enumerated() {
            if number % 8 == 5 { stage.restart() }
            let call = try stage.call(conversation.body(count))
            let now = try blocks(call.body)
            let held = (emitted.lastIndex { $0.contains(where: \.isThinking) } ?? -1) + 1
            #expect(now[..<held].map { $0.map(\.text) } == emitted[..<held].map { $0.map(\.text) })
            if call.plan.breakReason == .epoch { epochs += 1 }
            emitted = now
        }
        #expect(epochs > 0)
        #expect(!stage.decisions.contains { $0.strategy == "thinking-prune" })
    }
}

extension SignedThinkingTests {
    @Test(arguments: [ThinkingRule.omit, .hold])
    func `a prompt that does not fit loses its middle only where no signature hangs on it`(rule: ThinkingRule) throws {
        let conversation = ThinkingConversation(prompts: 4, seed: 61)
        let stage = stage(rule)
        stage.terms?.windowTokens = 2_000
        var before: EmissionPlan?
        for count in conversation.calls {
            let plan = try stage.call(conversation.body(count)).plan
            if rule == .hold, let before {
                #expect(plan.breakReason == .none)
                #expect(plan.commonBytes == before.emitted.byteCount)
            }
            before = plan
        }
        #expect(stage.decisions.contains { $0.strategy == MiddleDrop.name.name } == (rule == .omit))
    }
}

@Suite struct OmittedElementTests {
    private static let thinking = #"{"type":"thinking","thinking":"Let me see.","signature":"s\/=="}"#
    private static let text = #"{"type":"text","text":"Hello"}"#
    private static let call = #"{"type":"tool_use","id":"t","name":"bash","input":{"a": 1}}"#
    private static let mark = #","cache_control":{"type":"ephemeral"}"#

    private func turn(_ blocks: [String], comma: String = ",") -> String {
        #"{"role":"assistant","content":[ \#(blocks.joined(separator: comma))]}"#
    }

    private func marked(_ block: String) -> String { block.dropLast() + Self.mark + "}" }

    /// The turn without its signed thinking, and with another text if one is given.
    private func omitting(_ turn: String, text: String? = nil) throws -> String? {
        let emitted = try #require(EmittedTurn(Array(turn.utf8), dialect: .messages))
        let thought = try #require(emitted.parts.firstIndex { $0.part.kind == .thinking })
        var texts: [(part: Int, text: [UInt8]?)] = [(thought, nil)]
        if let text {
            texts.append((try #require(emitted.parts.firstIndex { $0.part.kind == .text }), Array(text.utf8)))
        }
        return emitted.replacing(texts).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [0, 1, 2], [",", " ,\n  "])
    func `an element goes with one comma, first, in the middle or last`(place: Int, comma: String) throws {
        var blocks = [Self.text, Self.call]
        blocks.insert(Self.thinking, at: place)
        #expect(try omitting(turn(blocks, comma: comma)) == turn([Self.text, Self.call], comma: comma))

        blocks = [marked(Self.text), marked(Self.call)]
        blocks.insert(Self.thinking, at: place)
        #expect(try omitting(turn(blocks, comma: comma)) == turn([Self.text, Self.call], comma: comma))

        let other = Self.text.replacing("Hello", with: "He[-abcd]")
        #expect(try omitting(turn(blocks, comma: comma), text: "He[-abcd]") == turn([other, Self.call], comma: comma))
    }

    @Test func `what must stay is no part that may go`() throws {
        let redacted = #"{"type":"redacted_thinking","data":"r"}"#
        let unsigned = #"{"type":"thinking","thinking":"Let me see."}"#
        for blocks in [
            [Self.thinking], [Self.thinking, redacted, Self.text], [Self.thinking, Self.text, Self.thinking],
            [unsigned, Self.text],
        ] {
            let emitted = try #require(EmittedTurn(Array(turn(blocks).utf8), dialect: .messages))
            #expect(emitted.parts.allSatisfy { $0.element == nil && $0.part.substitute != .nothing })
            #expect(try omitting(turn(blocks)) == nil)
        }
    }
}

@Suite struct ToolLoopTests {
    @Test func `only a prompt behind an answer ends a loop`() {
        var loop = ToolLoop()
        let steps: [(role: ContextMessage.Role, holdsResults: Bool, ends: Bool)] = [
            (.system, false, false), (.user, false, true), (.assistant, false, false), (.tool, true, false),
            // Beside results: one message with them.
            (.user, false, false), (.assistant, false, false), (.user, true, false), (.assistant, false, false),
            (.system, false, false), (.user, false, true), (.user, false, true),
        ]
        for (number, step) in steps.enumerated() {
            #expect(loop.ends(at: step.role, holdsResults: step.holdsResults) == step.ends, "\(number)")
        }
    }
}
