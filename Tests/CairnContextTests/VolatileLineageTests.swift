// Clocks and process numbers never break the prefix, and the model is always told the newest.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct VolatileLineageTests {
    private func system(_ minute: Int, pid: Int) -> String {
        "Current time: 2026-11-20T12:\(minute < 10 ? "0" : "")\(minute):09Z\\nSession pid: \(pid)\\nYou are a coding agent."
    }

    private func chat(_ minute: Int, _ steps: Int, system text: String? = nil) -> String {
        var turns = [
            #"{"role":"system","content":"\#(text ?? system(minute, pid: 1000 + minute))"}"#,
            #"{"role":"user","content":"Go"}"#,
        ]
        for number in 0..<steps {
            turns.append(#"{"role":"assistant","content":"step \#(number)"}"#)
            turns.append(#"{"role":"user","content":"result \#(number)"}"#)
        }
        return #"{"model":"m","messages":[\#(turns.joined(separator: ","))]}"#
    }

    @Test func `a clock in the system prompt leaves it, and is told at the end`() throws {
        let stage = LineageStage()

        let first = try stage.call(chat(0, 0))

        #expect(
            first.body.contains(#""content":"You are a coding agent."#)
                || first.body.contains(#"\nYou are a coding agent."#))
        #expect(first.plan.isPromise)
        #expect(first.plan.movedKinds.contains(.clock))
        #expect(first.body.contains(#"Go\n\n<now>\nCurrent time: 2026-11-20T12:00:09Z\nSession pid: 1000\n</now>"#))
    }

    @Test func `each call's prompt extends the one before, whatever the clock says`() throws {
        let stage = LineageStage()
        var before: LineageStage.Call?
        for number in 0..<12 {
            let call = try stage.call(chat(number, number))
            if number == 6 { stage.restart() }
            if let before {
                #expect(call.body.hasPrefix(String(promptText(before.body))))
                #expect(call.plan.commonBytes == before.plan.emitted.byteCount)
                #expect(call.plan.breakReason == .none)
                #expect(call.plan.session == before.plan.session)
            }
            #expect(call.body.contains("T12:\(number < 10 ? "0" : "")\(number):09Z"))
            before = call
        }
    }

    @Test func `a clock that stands still is told once`() throws {
        let stage = LineageStage()
        _ = try stage.call(chat(0, 0))

        let second = try stage.call(chat(0, 1))

        #expect(second.body.matches(of: /now>/).count == 2)
        #expect(second.plan.movedKinds.isEmpty)
    }

    @Test func `what seldom changes stays where it is until it changes`() throws {
        let stage = LineageStage()
        let one = "You are an agent.\\nWorking directory: /home/a/project\\nBe brief."
        let other = "You are an agent.\\nWorking directory: /home/a/other\\nBe brief."
        let first = try stage.call(chat(0, 0, system: one))

        let second = try stage.call(chat(0, 1, system: other))

        #expect(!first.plan.changesPrompt)
        #expect(second.body.hasPrefix(String(promptText(first.body))))
        #expect(second.body.contains(#"<now>\nWorking directory: /home/a/other\n</now>"#))
    }

    @Test func `a sub-agent that shares the system prompt is told the clock that another was told`() throws {
        let stage = LineageStage()
        func agent(_ name: String, _ system: String) -> String {
            #"{"model":"m","messages":[{"role":"system","content":"\#(system)"},{"role":"user","content":"\#(name)"}]}"#
        }
        let first = try stage.call(agent("first", system(0, pid: 1)))
        stage.restart()

        let second = try stage.call(agent("second", system(0, pid: 1)))
        let third = try stage.call(agent("third", "Working directory: /a\\n" + system(0, pid: 1)))
        let fourth = try stage.call(agent("fourth", "Working directory: /a\\n" + system(0, pid: 1)))

        #expect(first.body.contains(#"first\n\n<now>\nCurrent time"#))
        #expect(second.body.contains(#"second\n\n<now>\nCurrent time"#))
        #expect(third.body.contains(#"third\n\n<now>\nCurrent time"#))
        #expect(fourth.body.contains(#"fourth\n\n<now>\nCurrent time"#))
        #expect(!fourth.body.contains(#"</now>\nWorking"#))
        #expect(fourth.body.matches(of: /Working directory/).count == 1)
    }

    @Test func `a call that is only looked at freezes nothing anew`() throws {
        let stage = LineageStage()
        func body(_ minute: Int, _ steps: Int, _ tools: String) -> String {
            chat(minute, steps).dropLast() + #","tools":[\#(tools)]}"#
        }
        let (a, b) = (#"{"type":"function","function":{"name":"a"}}"#, #"{"type":"function","function":{"name":"b"}}"#)
        let first = try stage.call(body(0, 0, "\(a),\(b)"))
        stage.onlyObserves = true
        let observed = try stage.call(body(1, 1, "\(b),\(a)"))
        stage.onlyObserves = false

        let third = try stage.call(body(2, 2, "\(b),\(a)"))

        #expect(!observed.plan.changesPrompt)
        #expect(third.body.contains("\(a),\(b)"))
        #expect(third.body.contains(String(promptText(first.body).suffix(100))))
        #expect(third.body.contains("T12:02:09Z"))
        #expect(!third.body.contains("T12:01:09Z"))
    }

    @Test func `a clock stays where it is when no turn takes text`() throws {
        let stage = LineageStage()
        stage.dialect = .responses
        func body(_ minute: Int, _ items: String) -> String {
            #"{"model":"m","instructions":"\#(system(minute, pid: 7))","input":[\#(items)]}"#
        }
        let shot =
            #"{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot","image_url":"data:,"}}"#
        let first = try stage.call(body(0, shot))
        let user = #"{"type":"message","role":"user","content":"Go"}"#
        let second = try stage.call(body(1, user))

        #expect(first.body.contains("T12:00:09Z"))
        #expect(second.body.contains(#""content":"Go\n\n<now>\nCurrent time: 2026-11-20T12:01:09Z"#))
    }

    @Test func `instructions and an input of one string leave without the clock`() throws {
        let stage = LineageStage()
        stage.dialect = .responses
        let first = try stage.call(#"{"model":"m","instructions":"\#(system(0, pid: 7))","input":"Go"}"#)
        let second = try stage.call(
            #"{"model":"m","instructions":"\#(system(1, pid: 8))","input":[{"role":"user","content":"Go"},{"role":"assistant","content":[{"type":"output_text","text":"ok"}]},{"role":"user","content":"On"}]}"#
        )

        #expect(!first.body.contains(#""instructions":"Current"#))
        #expect(first.body.contains(#""input":"Go\n\n<now>\nCurrent time: 2026-11-20T12:00:09Z"#))
        #expect(!second.body.contains(#""instructions":"Current"#))
        #expect(second.body.contains(#""content":"Go\n\n<now>\nCurrent time: 2026-11-20T12:00:09Z"#))
        #expect(second.body.contains(#""content":"On\n\n<now>\nCurrent time: 2026-11-20T12:01:09Z"#))
    }

    @Test func `a messages prompt is told in a block of its own, behind the breakpoint`() throws {
        let stage = LineageStage()
        stage.dialect = .messages
        func body(_ minute: Int, _ steps: Int) -> String {
            var turns = [#"{"role":"user","content":"Go"}"#]
            for number in 0..<steps {
                turns.append(#"{"role":"assistant","content":"step \#(number)"}"#)
                turns.append(#"{"role":"user","content":[{"type":"text","text":"result \#(number)"}]}"#)
            }
            return
                #"{"model":"claude","max_tokens":5,"system":"\#(system(minute, pid: 7))","messages":[\#(turns.joined(separator: ","))]}"#
        }
        let first = try stage.call(body(0, 0))
        let second = try stage.call(body(1, 1))

        #expect(first.body.contains(#"[{"type":"text","text":"Go"},{"type":"text","text":"<now>"#))
        #expect(second.plan.commonBytes == first.plan.emitted.byteCount)
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(body(1, 1).utf8)), dialect: .messages)
        second.plan.apply(to: &prompt)
        let client = prompt
        second.plan.mark(&prompt, of: client, second.plan.breakpoints(prefixBytesMin: 10))
        var out = ByteWriter(capacity: 4096)
        _ = try prompt.encode(for: UpstreamTraits(.anthropic, dialect: .messages), to: &out)
        let marked = String(decoding: out.copyBytes(), as: UTF8.self)
        #expect(
            marked.contains(#""text":"result 0","cache_control":{"type":"ephemeral"}},{"type":"text","text":"<now>"#))
        #expect(marked.matches(of: /cache_control/).count <= BreakpointPlan.marksMax)
    }

    @Test func `a chat client's prompt is marked where a messages upstream shall cache it`() throws {
        let stage = LineageStage()
        _ = try stage.call(chat(0, 0))
        let plan = try stage.call(chat(0, 1)).plan
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(chat(0, 1).utf8)), dialect: .chat)

        EmissionPlan.markParts(of: &prompt, plan.breakpoints(prefixBytesMin: 10))

        var out = ByteWriter(capacity: 4096)
        _ = try prompt.encode(for: UpstreamTraits(.anthropic, dialect: .messages), to: &out)
        let written = String(decoding: out.copyBytes(), as: UTF8.self)
        #expect(written.matches(of: /cache_control/).count == 3)
        #expect(written.contains(#""text":"result 0","cache_control":{"type":"ephemeral"}"#))
    }

    @Test func `the client's own hints come back as it spelled them, in turns and tools that were replaced`() throws {
        let stage = LineageStage()
        stage.dialect = .messages
        let hour = #","cache_control":{"type":"ephemeral","ttl":"1h"}"#
        func body(_ tools: [String], _ minute: Int, _ steps: Int) -> String {
            let list = tools.enumerated().map { index, name in
                #"{"name":"\#(name)","input_schema":{"type":"object"}\#(index == tools.count - 1 ? hour : "")}"#
            }
            let turns =
                #"{"role":"user","content":"Go"}"#
                + (0..<steps).map { #",{"role":"assistant","content":"s\#($0)"},{"role":"user","content":"r\#($0)"}"# }
                .joined()
            return #"{"model":"claude","max_tokens":5,"tools":[\#(list.joined(separator: ","))],"#
                + #""system":[{"type":"text","text":"\#(system(minute, pid: 7))"\#(hour)}],"messages":[\#(turns)]}"#
        }
        _ = try stage.call(body(["a", "b"], 0, 0))
        let plan = try stage.call(body(["b", "a"], 1, 1)).plan
        let client = try Prompt(
            reading: SourceDocument(parsing: Array(body(["b", "a"], 1, 1).utf8)), dialect: .messages)

        var prompt = client
        plan.apply(to: &prompt)
        plan.mark(&prompt, of: client, plan.breakpoints(prefixBytesMin: 1))

        var out = ByteWriter(capacity: 4096)
        _ = try prompt.encode(for: UpstreamTraits(.anthropic, dialect: .messages), to: &out)
        let written = String(decoding: out.copyBytes(), as: UTF8.self)
        #expect(written.matches(of: /"cache_control":\{"type":"ephemeral","ttl":"1h"\}/).count == 2)
        #expect(written.matches(of: /cache_control/).count == 2)
        #expect(written.matches(of: /"name":"([ab])"/).map { String($0.1) } == ["a", "b"])
    }

    @Test func `a harness that moves its own breakpoints is known again`() throws {
        let stage = LineageStage()
        stage.dialect = .messages
        let mark = #","cache_control":{"type":"ephemeral"}"#
        let first = try stage.call(
            #"{"model":"claude","max_tokens":5,"system":[{"type":"text","text":"S"\#(mark)}],"messages":[{"role":"user","content":[{"type":"text","text":"Go"\#(mark)}]}]}"#
        )

        let second = try stage.call(
            #"{"model":"claude","max_tokens":5,"system":[{"type":"text","text":"S"\#(mark)}],"messages":[{"role":"user","content":"Go"},{"role":"assistant","content":"ok"},{"role":"user","content":[{"type":"text","text":"On"\#(mark)}]}]}"#
        )

        #expect(second.plan.session == first.plan.session)
        #expect(second.plan.knownTurnCount == 2)
        #expect(second.plan.commonBytes == first.plan.emitted.byteCount)
        #expect(second.plan.breakpoints(prefixBytesMin: 1).places.isEmpty)
    }

    @Test(arguments: Dialect.allCases, [UInt64(1), 2, 3])
    func `random conversations with jitter only ever grow`(dialect: Dialect, seed: UInt64) throws {
        var play = JitteringClient(dialect: dialect, seed: seed)
        let stage = LineageStage()
        stage.dialect = dialect
        var before: LineageStage.Call?
        for number in 0..<40 {
            if number % 13 == 12 { stage.restart() }
            let call = try stage.call(play.body())
            if let before {
                #expect(call.plan.commonBytes == before.plan.emitted.byteCount, "call \(number)")
                #expect(call.plan.breakReason == .none)
            }
            before = call
            play.grow()
        }
    }
}

/// A client that respells its history in every call: key order, white space, escapes, tools, clocks.
struct JitteringClient {
    let dialect: Dialect
    private var random: SplitMix
    private var texts: [(isAssistant: Bool, text: String)] = [(false, "Begin")]

    init(dialect: Dialect, seed: UInt64) {
        self.dialect = dialect
        random = SplitMix(state: seed)
    }

    mutating func grow() {
        texts.append((true, "step \(texts.count)"))
        texts.append((false, "line \(texts.count) é \u{1F600} \"quoted\""))
    }

    mutating func body() -> String {
        let system = "Current time: 2026-11-20T1\(random.below(10)):00:00Z\nYou are."
        var turns: [String] = dialect == .chat ? [object([("role", "\"system\""), ("content", quoted(system))])] : []
        for turn in texts {
            let text = quoted(turn.text)
            let role = turn.isAssistant ? "\"assistant\"" : "\"user\""
            switch dialect {
            case .responses:
                let kind = turn.isAssistant ? "\"output_text\"" : "\"input_text\""
                let part = object([("type", kind), ("text", text)])
                turns.append(object([("type", "\"message\""), ("role", role), ("content", "[\(part)]")]))
            case .chat, .messages:
                let part = object([("type", "\"text\""), ("text", text)])
                turns.append(object([("role", role), ("content", random.below(2) == 0 ? text : "[\(part)]")]))
            }
        }
        let list = "[\(turns.joined(separator: random.below(2) == 0 ? "," : " , "))]"
        switch dialect {
        case .chat: return object([("model", "\"m\""), ("tools", tools()), ("messages", list)])
        case .messages:
            return object([
                ("model", "\"m\""), ("max_tokens", "9"), ("system", quoted(system)), ("tools", tools()),
                ("messages", list),
            ])
        case .responses:
            return object([("model", "\"m\""), ("instructions", quoted(system)), ("tools", tools()), ("input", list)])
        }
    }

    private mutating func tools() -> String {
        var list: [String] = []
        for name in ["a", "b", "c"] {
            let schema = object([("type", "\"object\""), ("properties", "{}")])
            let own = [("name", "\"\(name)\""), ("description", "\"tool \(name)\"")]
            switch dialect {
            case .chat:
                list.append(object([("type", "\"function\""), ("function", object(own + [("parameters", schema)]))]))
            case .messages: list.append(object(own + [("input_schema", schema)]))
            case .responses: list.append(object(own + [("type", "\"function\""), ("parameters", schema)]))
            }
        }
        return "[\(shuffled(list).joined(separator: ","))]"
    }

    private mutating func object(_ members: [(String, String)]) -> String {
        let space = random.below(3) == 0 ? " " : ""
        return "{\(space)" + shuffled(members).map { "\"\($0.0)\":\(space)\($0.1)" }.joined(separator: ",\(space)")
            + "}"
    }

    private mutating func quoted(_ text: String) -> String {
        let plain = String(decoding: JSONText.quoted(text), as: UTF8.self)
        return random.below(2) == 0 ? plain : plain.replacing("e", with: "\\u0065")
    }

    private mutating func shuffled<Element>(_ list: [Element]) -> [Element] {
        var list = list
        for index in list.indices.reversed() { list.swapAt(index, random.below(index + 1)) }
        return list
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
