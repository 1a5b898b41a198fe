// Mode full over whole conversations: what leaves is append-only but for epochs, every marker leads back to the bytes it
// stands for, nothing points at what is hidden, forks keep what they had, and a restart changes nothing.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// A conversation as a client of one dialect sends it.
private struct Spelled {
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
private func texts(_ body: String, _ dialect: Dialect) throws -> [(kind: ContextPart.Kind, text: [UInt8])] {
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
            before = call.plan
            saved = call.plan.asSent.byteCount - call.plan.emitted.byteCount
            try check(stage, call.body, originals)
        }
        #expect(saved > 0)
        #expect(!stage.decisions.isEmpty)
        if seed % Self.books.count == 2 { #expect(epochs > 3) }
    }
}
