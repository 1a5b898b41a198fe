// Conversations made of random turns, spelled in every dialect: what the property tests and the fuzzer start from. The same
// seed makes the same conversation everywhere.

@testable import CairnWire

/// SplitMix64: small, and the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// A conversation that grows by whole calls: what the client adds between two of them is one step.
struct RandomSession {
    struct Call {
        var identifier: String
        var name: String
        /// JSON text of an object.
        var arguments: String
    }

    enum Event {
        case user([String], hasImage: Bool)
        case answer(thinking: String?, texts: [String], calls: [Call])
        case result(of: String, texts: [String], hasImage: Bool, isError: Bool)
        case note(String)
    }

    /// Events of each step; a step ends where the client would call.
    private(set) var steps: [[Event]] = []
    private var generator: SeededGenerator
    private var callCount = 0

    init(seed: UInt64, stepCount: Int) {
        generator = SeededGenerator(seed: seed)
        steps.append([user()])
        for _ in 1..<stepCount { steps.append(step()) }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

    private mutating func text() -> String {
        let words = [
            "alpha", "naïve", "\u{1F600}", "a\"b", "line\nbreak", "back\\slash", "\u{1}", "</tag>", "x", "data:", "{}",
        ]
        let count = Int.random(in: 1...5, using: &generator)
        return (0..<count).map { _ in words.randomElement(using: &generator)! }.joined(separator: " ")
    }

    private mutating func user() -> Event {
        .user((0..<Int.random(in: 1...2, using: &generator)).map { _ in text() }, hasImage: chance(20))
    }

    /// An answer and what the client says to it.
    private mutating func step() -> [Event] {
        let callTotal = chance(65) ? Int.random(in: 1...3, using: &generator) : 0
        let calls = (0..<callTotal).map { _ in call() }
        var events: [Event] = [
            .answer(
                thinking: chance(50) ? text() : nil, texts: callTotal == 0 || chance(50) ? [text()] : [], calls: calls)
        ]
        for call in calls {
            events.append(
                .result(
                    of: call.identifier, texts: chance(90) ? [text()] : [text(), text()], hasImage: chance(15),
                    isError: chance(15)))
        }
        if chance(25) { events.append(.note(text())) }
        if calls.isEmpty || chance(20) { events.append(user()) }
        if chance(10) { events.append(.note(text())) }
        return events
    }

    private mutating func call() -> Call {
        callCount += 1
        let odd = chance(10)
        return Call(
            identifier: odd ? "functions.f:\(callCount)" : "call_\(callCount)", name: chance(50) ? "read" : "write",
            arguments: #"{"path": \#(Self.quoted(text())), "n": \#(callCount).50, "deep": [{"a": null}]}"#)
    }

    static func quoted(_ text: String) -> String { String(decoding: RawBytes.quoted(text), as: UTF8.self) }

    /// The body after the first `stepCount` steps.
    func body(_ stepCount: Int, in dialect: Dialect) -> String {
        let events = steps[..<stepCount].flatMap { $0 }
        switch dialect {
        case .chat: return chat(events)
        case .messages: return messages(events)
        case .responses: return responses(events)
        }
    }

    // Spellings

    private static let schema = #"{"type":"object","properties":{"path":{"type":"string"}}}"#
    private static let image = "iVBORw0KGgo="

    private func chat(_ events: [Event]) -> String {
        var turns = [#"{"role":"system","content":"You are an agent."}"#]
        for event in events {
            switch event {
            case .user(let texts, let hasImage):
                var parts = texts.map { #"{"type":"text","text":\#(Self.quoted($0))}"# }
                if hasImage {
                    parts.append(#"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(Self.image)"}}"#)
                }
                let content =
                    texts.count == 1 && !hasImage ? Self.quoted(texts[0]) : "[\(parts.joined(separator: ","))]"
                turns.append(#"{"role":"user","content":\#(content)}"#)
            case .answer(let thinking, let texts, let calls):
                var members = [#""role":"assistant""#]
                if let thinking { members.append(#""reasoning_content":\#(Self.quoted(thinking))"#) }
                members.append(#""content":\#(texts.first.map(Self.quoted) ?? "null")"#)
                if !calls.isEmpty {
                    let list = calls.map {
                        #"{"id":"\#($0.identifier)","type":"function","function":{"name":"\#($0.name)","arguments":\#(Self.quoted($0.arguments))}}"#
                    }
                    members.append(#""tool_calls":[\#(list.joined(separator: ","))]"#)
                }
                turns.append("{\(members.joined(separator: ","))}")
            case .result(let call, let texts, _, _):
                turns.append(
                    #"{"role":"tool","tool_call_id":"\#(call)","content":\#(Self.quoted(texts.joined(separator: "\n")))}"#
                )
            case .note(let text): turns.append(#"{"role":"system","content":\#(Self.quoted(text))}"#)
            }
        }
        let tools = ["read", "write"].map {
            #"{"type":"function","function":{"name":"\#($0)","parameters":\#(Self.schema)}}"#
        }
        return
            #"{"model":"m","messages":[\#(turns.joined(separator: ","))],"tools":[\#(tools.joined(separator: ","))],"temperature":0.5,"stream":true}"#
    }

    private func messages(_ events: [Event]) -> String {
        var turns: [String] = []
        var results: [String] = []
        func flush(_ more: [String]) {
            if results.isEmpty && more.isEmpty { return }
            turns.append(#"{"role":"user","content":[\#((results + more).joined(separator: ","))]}"#)
            results = []
        }
        let image = #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"\#(Self.image)"}}"#
        func block(_ text: String) -> String { #"{"type":"text","text":\#(Self.quoted(text))}"# }
        for event in events {
            switch event {
            case .user(let texts, let hasImage): flush(texts.map(block) + (hasImage ? [image] : []))
            case .answer(let thinking, let texts, let calls):
                flush([])
                var blocks: [String] = []
                if let thinking {
                    blocks.append(
                        #"{"type":"thinking","thinking":\#(Self.quoted(thinking)),"signature":"cairn1.chat.YQ"}"#)
                }
                blocks += texts.map(block)
                blocks += calls.map {
                    let identifier = $0.identifier.replacing(/[^a-zA-Z0-9_-]/, with: "_")
                    return #"{"type":"tool_use","id":"\#(identifier)","name":"\#($0.name)","input":\#($0.arguments)}"#
                }
                turns.append(#"{"role":"assistant","content":[\#(blocks.joined(separator: ","))]}"#)
            case .result(let call, let texts, let hasImage, let isError):
                let identifier = call.replacing(/[^a-zA-Z0-9_-]/, with: "_")
                let blocks = texts.map(block) + (hasImage ? [image] : [])
                let content = blocks.count == 1 ? Self.quoted(texts[0]) : "[\(blocks.joined(separator: ","))]"
                results.append(
                    #"{"type":"tool_result","tool_use_id":"\#(identifier)","content":\#(content)\#(isError ? #","is_error":true"# : "")}"#
                )
            case .note(let text):
                flush([])
                turns.append(#"{"role":"system","content":\#(Self.quoted(text))}"#)
            }
        }
        flush([])
        let tools = ["read", "write"].map { #"{"name":"\#($0)","input_schema":\#(Self.schema)}"# }
        return
            #"{"model":"m","max_tokens":100,"system":"You are an agent.","messages":[\#(turns.joined(separator: ","))],"tools":[\#(tools.joined(separator: ","))],"stream":true}"#
    }

    private func responses(_ events: [Event]) -> String {
        var items: [String] = []
        for event in events {
            switch event {
            case .user(let texts, let hasImage):
                var parts = texts.map { #"{"type":"input_text","text":\#(Self.quoted($0))}"# }
                if hasImage {
                    parts.append(#"{"type":"input_image","image_url":"data:image/png;base64,\#(Self.image)"}"#)
                }
                items.append(#"{"type":"message","role":"user","content":[\#(parts.joined(separator: ","))]}"#)
            case .answer(let thinking, let texts, let calls):
                if let thinking {
                    items.append(
                        #"{"type":"reasoning","id":"rs_\#(items.count)","summary":[{"type":"summary_text","text":\#(Self.quoted(thinking))}]}"#
                    )
                }
                for text in texts {
                    items.append(
                        #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":\#(Self.quoted(text))}]}"#
                    )
                }
                for call in calls {
                    items.append(
                        #"{"type":"function_call","call_id":"\#(call.identifier)","name":"\#(call.name)","arguments":\#(Self.quoted(call.arguments))}"#
                    )
                }
            case .result(let call, let texts, let hasImage, _):
                var parts = texts.map { #"{"type":"input_text","text":\#(Self.quoted($0))}"# }
                if hasImage {
                    parts.append(#"{"type":"input_image","image_url":"data:image/png;base64,\#(Self.image)"}"#)
                }
                let output = parts.count == 1 ? Self.quoted(texts[0]) : "[\(parts.joined(separator: ","))]"
                items.append(#"{"type":"function_call_output","call_id":"\#(call)","output":\#(output)}"#)
            case .note(let text):
                items.append(#"{"type":"message","role":"developer","content":\#(Self.quoted(text))}"#)
            }
        }
        let tools = ["read", "write"].map {
            #"{"type":"function","name":"\#($0)","parameters":\#(Self.schema),"strict":false}"#
        }
        return
            #"{"model":"m","instructions":"You are an agent.","input":[\#(items.joined(separator: ","))],"tools":[\#(tools.joined(separator: ","))],"stream":true}"#
    }
}

enum RawBytes {
    static func quoted(_ text: String) -> [UInt8] {
        guard case .made(let bytes) = RawJSON(quoting: text) else { return [] }
        return bytes
    }
}
