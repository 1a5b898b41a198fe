// Mode full over whole conversations: what leaves is append-only but for epochs, every marker leads back to the bytes it
// stands for, nothing points at what is hidden, forks keep what they had, and a restart changes nothing.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// A conversation as a client of one dialect sends it.
struct Spelled {
    let dialect: Dialect

    func body(_ messages: [ContextMessage]) -> String {
        let turns = messages.map(turn).joined(separator: ",")
        return switch dialect {
        case .chat:
            #"{"model":"m","tools":[{"type":"function","function":{"name":"bash"}}],"messages":[\#(turns)]}"#
        case .messages:
            #"{"model":"m","max_tokens":9,"tools":[{"name":"bash","input_schema":{}}],"messages":[\#(turns)]}"#
        case .responses: #"{"model":"m","tools":[{"type":"function","name":"bash"}],"input":[\#(turns)]}"#
        }
    }

    private func quoted(_ bytes: [UInt8]) -> String {
        String(decoding: JSONText.quoted(String(decoding: bytes, as: UTF8.self)), as: UTF8.self)
    }

    private func turn(_ message: ContextMessage) -> String {
        func text(_ kind: ContextPart.Kind) -> [UInt8]? { message.parts.first { $0.kind == kind }?.bytes }
        let call = message.parts.first { $0.kind == .arguments }
        let result = message.parts.first { $0.kind == .result }
        switch (dialect, message.role) {
        case (.chat, .system): return #"{"role":"system","content":\#(quoted(message.parts[0].bytes))}"#
        case (.chat, .user): return #"{"role":"user","content":\#(quoted(message.parts[0].bytes))}"#
        case (.chat, .assistant):
            let calls = call.map {
                #","tool_calls":[{"id":"\#($0.callID)","type":"function","function":{"name":"bash","arguments":\#(quoted($0.bytes))}}]"#
            }
            return
                #"{"role":"assistant","reasoning_content":\#(quoted(text(.thinking)!)),"content":\#(quoted(text(.text)!))\#(calls ?? "")}"#
        case (.chat, .tool):
            return #"{"role":"tool","tool_call_id":"\#(result!.callID)","content":\#(quoted(result!.bytes))}"#
        case (.messages, .system), (.messages, .user):
            return #"{"role":"user","content":[{"type":"text","text":\#(quoted(message.parts[0].bytes))}]}"#
        case (.messages, .assistant):
            return
                #"{"role":"assistant","content":[{"type":"thinking","thinking":\#(quoted(text(.thinking)!)),"signature":"s"},{"type":"text","text":\#(quoted(text(.text)!))},{"type":"tool_use","id":"\#(call!.callID)","name":"bash","input":\#(String(decoding: call!.bytes, as: UTF8.self))}]}"#
        case (.messages, .tool):
            return
                #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(result!.callID)","content":\#(quoted(result!.bytes))}]}"#
        case (.responses, .system), (.responses, .user):
            return
                #"{"type":"message","role":"user","content":[{"type":"input_text","text":\#(quoted(message.parts[0].bytes))}]}"#
        case (.responses, .assistant):
            return
                #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":\#(quoted(text(.text)!))}]},{"type":"function_call","call_id":"\#(call!.callID)","name":"bash","arguments":\#(quoted(call!.bytes))}"#
        case (.responses, .tool):
            return #"{"type":"function_call_output","call_id":"\#(result!.callID)","output":\#(quoted(result!.bytes))}"#
        }
    }
}

/// The texts a model would read of an emitted body, by turn and part.
func texts(_ body: String, _ dialect: Dialect) throws -> [(kind: ContextPart.Kind, text: [UInt8])] {
    let source = try SourceDocument(parsing: Array(body.utf8))
    let prompt = try Prompt(reading: source, dialect: dialect)
    var calls = CallBook()
    return prompt.turns.flatMap { turn in
        LocatedPart.parts(of: turn, in: source, calls: &calls).map { ($0.part.kind, $0.part.bytes) }
    }
}

@Suite struct ShortenedLineageTests {
    private static let books = [
        EpochPrices(miss: 0.15, hit: 0.003, output: 0.6), EpochPrices(miss: 3.75, hit: 0.3, output: 15),
        EpochPrices(miss: 1, hit: 1, output: 4),
    ]

    private func terms(_ prices: EpochPrices?, thinking: ThinkingRule = .shorten) -> ShorteningTerms {
        var terms = ShorteningTerms()
        terms.prices = prices
        terms.thinking = thinking
        terms.missNanodollars = 100
        return terms
    }

    /// The calls of a conversation: the messages in front of each assistant turn.
    private func calls(_ messages: [ContextMessage]) -> [Int] {
        messages.indices.filter { $0 > 1 && messages[$0].role == .assistant } + [messages.count]
    }

    /// Whether every marker in a prompt leads to a decision, and every decision to the client's bytes.
    private func check(_ stage: LineageStage, _ body: String, _ originals: Set<Fingerprint>) throws {
        let handles = Set(stage.decisions.map(\.handle))
        for (kind, text) in try texts(body, stage.dialect) where kind != .user && kind != .system {
            for handle in Marker.handles(in: text) where !handles.contains(handle) {
                Issue.record("\(handle) leads nowhere")
            }
        }
        for decision in stage.decisions {
            #expect(originals.contains(decision.original), "\(decision.handle)")
        }
    }

    @Test(arguments: Dialect.allCases, 0..<6)
    func `a conversation grows append-only but for its epochs`(dialect: Dialect, seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let stage = LineageStage()
        stage.dialect = dialect
        stage.terms = terms(Self.books[seed % Self.books.count], thinking: dialect == .chat ? .shorten : .keep)
        let messages = GrowingConversation.messages(turns: 50, &random)
        let spelled = Spelled(dialect: dialect)
        var originals: Set<Fingerprint> = []
        var before: EmissionPlan?
        var epochs = 0
        var saved = 0
        for count in calls(messages) {
            if seed % 2 == 1, count % 14 == 0 { stage.restart() }
            let body = spelled.body(Array(messages[..<count]))
            for (_, text) in try texts(body, dialect) { originals.insert(text.withUnsafeBytes { Fingerprint(of: $0) }) }
            let call = try stage.call(body)
            if let before {
                #expect(call.plan.session == before.session)
                if call.plan.breakReason == .none {
                    #expect(call.plan.commonBytes == before.emitted.byteCount)
                } else {
                    #expect(call.plan.breakReason == .epoch)
                    #expect(call.plan.emitted.byteCount < call.plan.asSent.byteCount)
                    epochs += 1
                }
            }
            // Also what left as it came was decided: without the link an epoch might take it for new.
            #expect(call.plan.isPromise || count == 2)
            before = call.plan
            saved = call.plan.asSent.byteCount - call.plan.emitted.byteCount
            try check(stage, call.body, originals)
        }
        #expect(saved > 0)
        #expect(!stage.decisions.isEmpty)
        if seed % Self.books.count == 2 { #expect(epochs > 3) }
    }

    // MARK: the guard

    private static let allStrategies = Set(
        BirthStrategies.standard.strategies.map(\.name) + PromptShortener.epochStrategyNames)

    @Test func `what is off does nothing new and what was sent stays`() throws {
        var random = SeededRandom(seed: 21)
        let stage = LineageStage()
        stage.terms = terms(Self.books[2])
        let messages = GrowingConversation.messages(turns: 50, &random)
        let spelled = Spelled(dialect: .chat)
        var before: EmissionPlan?
        var decided = 0
        for count in calls(messages) {
            if count > messages.count / 2, stage.terms!.off.isEmpty {
                stage.terms!.off = Self.allStrategies
                stage.restart()
                decided = stage.decisions.count
            }
            let plan = try stage.call(spelled.body(Array(messages[..<count]))).plan
            if !stage.terms!.off.isEmpty, let before {
                #expect(plan.breakReason == .none)
                #expect(plan.commonBytes == before.emitted.byteCount)
            }
            before = plan
        }
        #expect(decided > 0)
        #expect(stage.decisions.count == decided)
    }

    @Test func `every decision is a finding with what it is to save`() throws {
        var random = SeededRandom(seed: 22)
        let stage = LineageStage()
        stage.terms = terms(Self.books[1])
        let messages = GrowingConversation.messages(turns: 60, &random)
        let spelled = Spelled(dialect: .chat)
        for count in calls(messages) { _ = try stage.call(spelled.body(Array(messages[..<count]))) }

        let replaced = stage.findings.flatMap(\.replaced)
        #expect(replaced.count == stage.decisions.count)
        #expect(replaced.contains { $0.isEpoch } && replaced.contains { !$0.isEpoch })
        #expect(replaced.allSatisfy { $0.forecastNanodollars >= 0 })
        #expect(stage.findings.allSatisfy { $0.missNanodollars > 0 })
        #expect(stage.findings.reduce(0) { $0 + $1.signs.visibleResults } > 0)

        // The same calls again bring nothing new, and so tell nothing.
        let told = stage.findings.count
        _ = try stage.call(spelled.body(messages))
        let tellsNothing = stage.findings[told...].allSatisfy(\.isEmpty)
        #expect(tellsNothing)
    }

    // MARK: forks

    /// One line of a conversation that several clients, or one that rewinds, go on with.
    private struct Branch {
        var messages: [ContextMessage]
        var position: Int
        var emitted: PromptOutline?
    }

    @Test(arguments: [(Dialect.chat, 60, 11), (.messages, 60, 12), (.responses, 60, 13), (.chat, 500, 14)])
    func `forks keep what they had and never point at what another branch hid`(
        dialect: Dialect, turns: Int, seed: Int
    ) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let stage = LineageStage()
        stage.dialect = dialect
        stage.terms = terms(Self.books[2], thinking: dialect == .chat ? .shorten : .keep)
        let spelled = Spelled(dialect: dialect)
        let trunk = GrowingConversation.messages(turns: turns, fileLinesMax: 25, &random)
        var branches = [Branch(messages: trunk, position: 4)]
        var reader = MarkerReader()
        var callCount = 0
        while let index = branches.indices.filter({ branches[$0].position < branches[$0].messages.count })
            .randomElement(using: &random)
        {
            callCount += 1
            if callCount % 20 == 7, branches.count < 4 {
                let cut = Int.random(in: 1...max(1, branches[index].position / 2 - 1), using: &random) * 2
                let other = GrowingConversation.messages(turns: turns / 4, fileLinesMax: 25, &random)
                let renamed = other.dropFirst(2).map { Self.renamed($0, "fork\(callCount)") }
                branches.append(Branch(messages: branches[index].messages[..<cut] + renamed, position: cut + 2))
            }
            if callCount % 40 == 31 { stage.restart() }
            let messages = Array(branches[index].messages[..<branches[index].position])
            reader.read(messages)
            let call = try stage.call(spelled.body(messages))
            let isEpoch = call.plan.batch.decisions.contains { $0.reason.hasPrefix("epoch") }
            if let before = branches[index].emitted, !isEpoch {
                #expect(call.plan.emitted.commonBytes(with: before) == before.byteCount, "call \(callCount)")
            }
            branches[index].emitted = call.plan.emitted
            branches[index].position += turns < 100 ? 2 : 10
            reader.note(stage.decisions)
            if callCount % 5 == 0 { try reader.check(try texts(call.body, dialect)) }
        }
        #expect(branches.count > 1)
        #expect(stage.decisions.contains { $0.reason == "epoch: pays" })
        #expect(stage.decisions.contains { $0.reason == "birth" })
    }

    /// Calls of another branch have other identifiers.
    private static func renamed(_ message: ContextMessage, _ suffix: String) -> ContextMessage {
        var message = message
        for index in message.parts.indices where !message.parts[index].callID.isEmpty {
            message.parts[index].callID += suffix
        }
        return message
    }

    @Test func `a part the client wants to keep stays through births and epochs`() throws {
        var random = SeededRandom(seed: 3)
        let stage = LineageStage()
        stage.terms = terms(Self.books[2])
        let spelled = Spelled(dialect: .chat)
        var messages = GrowingConversation.messages(turns: 30, &random)
        let kept = messages.indices.filter { messages[$0].role == .tool }[3]
        messages[kept].parts[0].bytes = Array("keep me whole_identifier_one\n  cairn: keep \nand this".utf8)
        for count in calls(messages) {
            if count == 20 { stage.restart() }
            stage.terms?.keepsNewParts = count == 12
            let call = try stage.call(spelled.body(Array(messages[..<count])))
            let texts = try texts(call.body, .chat).map(\.text)
            if count > kept { #expect(texts.contains(messages[kept].parts[0].bytes)) }
            // What came with the call at 12: its last answer and result.
            if count >= 12 {
                for part in messages[11].parts { #expect(texts.contains(part.bytes), "\(count)") }
            }
        }
        #expect(stage.decisions.contains { $0.reason == "epoch: pays" })
    }

    @Test func `an epoch whose call left no record is told by the next one`() throws {
        var random = SeededRandom(seed: 6)
        let stage = LineageStage()
        stage.terms = terms(Self.books[2])
        let spelled = Spelled(dialect: .chat)
        let messages = GrowingConversation.messages(turns: 30, &random)
        var isTold = false
        for count in calls(messages) where !isTold {
            stage.losesRecords = count > 8
            let call = try stage.call(spelled.body(Array(messages[..<count])))
            guard count > 8, call.plan.breakReason == .epoch else { continue }
            stage.restart()
            stage.losesRecords = false
            stage.terms?.prices = nil

            let next = try stage.call(spelled.body(Array(messages[..<(count + 2)])))

            #expect(next.plan.emitted.commonBytes(with: call.plan.emitted) == call.plan.emitted.byteCount)
            #expect(next.plan.breakReason == .epoch)
            isTold = true
        }
        #expect(isTold)
    }

    @Test func `a session that began with other strategies goes on without`() throws {
        var random = SeededRandom(seed: 4)
        let stage = LineageStage()
        stage.terms = terms(Self.books[2])
        let spelled = Spelled(dialect: .chat)
        let messages = GrowingConversation.messages(turns: 20, &random)
        let places = calls(messages)
        var before = try stage.call(spelled.body(Array(messages[..<places[12]])))
        for count in places[13...14] { before = try stage.call(spelled.body(Array(messages[..<count]))) }
        let decided = stage.decisions.count
        #expect(decided > 0)
        stage.restart()
        stage.strategyVersions = "seen-line-runs 99"

        let after = try stage.call(spelled.body(messages))

        #expect(after.plan.commonBytes == before.plan.emitted.byteCount)
        #expect(stage.decisions.count == decided)
    }

    @Test func `a cold prefix is rewritten and what cannot be priced is not`() throws {
        var random = SeededRandom(seed: 5)
        let messages = GrowingConversation.messages(turns: 20, &random)
        let spelled = Spelled(dialect: .chat)
        // Prices at which a warm prefix of this size is not worth rewriting.
        let dear = EpochPrices(miss: 100, hit: 0.01, output: 1)
        for (prices, isCold, reason) in [(dear, true, "epoch: cold"), (dear, false, nil), (nil, true, nil)] {
            let stage = LineageStage()
            stage.terms = terms(prices)
            for count in calls(messages).dropLast() { _ = try stage.call(spelled.body(Array(messages[..<count]))) }
            #expect(!stage.decisions.contains { $0.reason.hasPrefix("epoch") })
            stage.terms?.isCold = isCold

            let call = try stage.call(spelled.body(messages))

            let reasons = Set(call.plan.batch.decisions.map(\.reason)).filter { $0.hasPrefix("epoch") }
            #expect(reasons == Set([reason].compactMap { $0 }))
            #expect(call.plan.breakReason == (reason == nil ? .none : .epoch))
        }
    }
}

/// Follows markers to what they stand for, and looks whether what they point at can be read.
struct MarkerReader {
    private var originals: [Fingerprint: [UInt8]] = [:]
    private var texts: [String: Set<Fingerprint>] = [:]

    mutating func read(_ messages: [ContextMessage]) {
        for part in messages.flatMap(\.parts) {
            originals[part.bytes.withUnsafeBytes { Fingerprint(of: $0) }] = part.bytes
        }
    }

    mutating func note(_ decisions: [DecisionRecord]) {
        for decision in decisions { texts[decision.handle, default: []].insert(decision.original) }
    }

    /// Every marker has an original; every line that stands above does.
    func check(_ prompt: [(kind: ContextPart.Kind, text: [UInt8])]) throws {
        var visible: Set<[UInt8]> = []
        for (kind, text) in prompt {
            visible.formUnion(Self.lines(text))
            guard kind == .arguments, let document = try? JSONDocument(text), document.kind(of: 0) == .object else {
                continue
            }
            document.forEachChild(of: 0) { child in
                if let value = try? document.string(child) { visible.formUnion(Self.lines(Array(value.utf8))) }
            }
        }
        for (kind, text) in prompt where kind != .user && kind != .system {
            for handle in Marker.handles(in: text) {
                #expect(texts[handle]?.contains { originals[$0] != nil } ?? false, "\(handle)")
            }
            try checkRuns(text, visible)
        }
    }

    private func checkRuns(_ text: [UInt8], _ visible: Set<[UInt8]>) throws {
        for line in text.split(separator: 10) {
            let marker = String(decoding: line, as: UTF8.self)
            guard let match = marker.prefixMatch(of: /\[=([0-9a-z]+):(\d+)(?:-(\d+))?(?: #\d+)?\]/) else { continue }
            let first = Int(match.2)!
            let last = match.3.map { Int($0)! } ?? first
            let candidates = (texts[String(match.1)] ?? []).compactMap { originals[$0] }
            let isVisible = candidates.contains { original in
                let lines = original.split(separator: 10, omittingEmptySubsequences: false)
                guard last <= lines.count else { return false }
                return lines[(first - 1)..<last].allSatisfy { line in
                    Self.lines(Array(line)).allSatisfy(visible.contains)
                }
            }
            #expect(isVisible, "\(marker)")
        }
    }

    /// Lines without blanks and printed numbers, those without any text left out.
    private static func lines(_ text: [UInt8]) -> [[UInt8]] {
        text.withUnsafeBufferPointer { text in
            var lines: [[UInt8]] = []
            LineForm.forEachLine(in: text) { line in
                let range = LineForm.content(of: line, in: text)
                if !range.isEmpty { lines.append(Array(text[range])) }
            }
            return lines
        }
    }
}
