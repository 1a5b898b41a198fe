// Calls and results in pairs, however the client left them; and prompts that fit their window.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct PairingRepairTests {
    private func call(_ identifiers: String...) -> ContextMessage {
        ContextMessage(
            .assistant, identifiers.map { ContextPart(.arguments, Array("{}".utf8), toolName: "t", callID: $0) })
    }

    private func result(
        _ identifier: String, _ text: String = "done", role: ContextMessage.Role = .tool
    ) -> ContextMessage {
        ContextMessage(role, [ContextPart(.result, Array(text.utf8), callID: identifier)])
    }

    private func user(_ text: String = "go on") -> ContextMessage {
        ContextMessage(.user, [ContextPart(.user, Array(text.utf8))])
    }

    private func repaired(_ messages: [ContextMessage]) -> ([ContextMessage], PairingStats) {
        var handles = HandleBook()
        let once = PairingRepair.repair(messages, handles: &handles)
        #expect(PairingRepair.isPaired(once.messages))
        let twice = PairingRepair.repair(once.messages, handles: &handles)
        #expect(twice.messages == once.messages)
        #expect(twice.stats == PairingStats())
        return (once.messages, once.stats)
    }

    @Test func `a valid conversation passes unchanged`() {
        let messages = [user(), call("a", "b"), result("b"), result("a"), user(), call("c"), result("c")]
        let (out, stats) = repaired(messages)
        #expect(out == messages)
        #expect(stats == PairingStats())
    }

    @Test func `a call without a result gets one right behind it`() {
        let (out, stats) = repaired([user(), call("a", "b"), result("a"), user()])
        #expect(out.map(\.role) == [.user, .assistant, .tool, .tool, .user])
        #expect(out[3].parts[0].callID == "b")
        #expect(stats == PairingStats(answered: 1, orphans: 0, moved: 0))
    }

    @Test func `a result in front of its call moves behind it`() {
        let (out, stats) = repaired([user(), result("a"), call("a")])
        #expect(out == [user(), call("a"), result("a")])
        #expect(stats.moved == 1)
    }

    @Test func `an orphan beside a good result leaves a marker and the good one stays`() {
        var mixed = result("a")
        mixed.parts.append(ContextPart(.result, Array("lost".utf8), callID: "z"))
        let (out, stats) = repaired([user(), call("a"), mixed])
        #expect(out[2] == result("a"))
        #expect(String(decoding: out[3].parts[0].bytes, as: UTF8.self).hasPrefix("[-"))
        #expect(out[3].role == .user)
        #expect(stats.orphans == 1)
    }

    @Test func `of two results of one call the first counts`() {
        let (out, stats) = repaired([call("a"), result("a", "first"), result("a", "second")])
        #expect(out[1] == result("a", "first"))
        #expect(out.count == 3)
        #expect(stats.orphans == 1)
    }

    @Test func `text between a call and its result moves behind both`() {
        let (out, stats) = repaired([call("a"), user("wait"), result("a")])
        #expect(out == [call("a"), result("a"), user("wait")])
        #expect(stats.moved == 1)
    }

    @Test func `results in messages of the user stay there, together`() {
        var mixed = result("a", role: .user)
        mixed.parts.insert(ContextPart(.user, Array("by the way".utf8)), at: 0)
        let (out, _) = repaired([call("a", "b"), mixed])
        #expect(out.map(\.role) == [.assistant, .user, .user])
        #expect(out[1].parts.map(\.callID) == ["a", "b"])
    }

    @Test func `any mess becomes valid and stays as it is`() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<2000 {
            let messages = (0..<Int.random(in: 0...9, using: &random)).map { _ -> ContextMessage in
                let names = ["a", "b", "c"].shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random))
                switch Int.random(in: 0...4, using: &random) {
                case 0: return user()
                case 1: return ContextMessage(.assistant, names.map { ContextPart(.arguments, [], callID: $0) })
                case 2: return ContextMessage(.user, names.map { ContextPart(.result, Array("r".utf8), callID: $0) })
                case 3: return ContextMessage(.assistant, [ContextPart(.text, Array("hm".utf8))])
                default: return ContextMessage(.tool, names.map { ContextPart(.result, Array("q".utf8), callID: $0) })
                }
            }
            _ = repaired(messages)
        }
    }
}

@Suite struct MiddleDropTests {
    private func conversation(_ turns: Int) -> [ContextMessage] {
        var messages = [
            ContextMessage(.system, [ContextPart(.system, Array("rules".utf8))]),
            ContextMessage(.user, [ContextPart(.user, Array("task".utf8))]),
        ]
        for turn in 0..<turns {
            messages.append(ContextMessage(.assistant, [ContextPart(.arguments, Array("{}".utf8), callID: "c\(turn)")]))
            messages.append(ContextMessage(.tool, [ContextPart(.result, Array("r".utf8), callID: "c\(turn)")]))
        }
        return messages
    }

    @Test func `a prompt that fits is left alone`() {
        let messages = conversation(10)
        let sizes = messages.map { _ in 10.0 }
        #expect(MiddleDrop.plan(messages, tokens: sizes, headTokens: 0, windowTokens: 220) == nil)
    }

    @Test func `the task and the newest messages stay and no pair is torn`() throws {
        for turns in 3..<40 {
            let messages = conversation(turns)
            let sizes = messages.map { _ in 10.0 }
            let window = Double(turns) * 10
            let range = try #require(MiddleDrop.plan(messages, tokens: sizes, headTokens: 5, windowTokens: window))
            let digest = Fingerprint(high: 1, low: 2)
            var handles = HandleBook()
            let out = MiddleDrop.apply(range, to: messages, handle: handles.handle(for: digest))
            #expect(PairingRepair.isPaired(out))
            #expect(out.prefix(2) == messages.prefix(2))
            #expect(out.suffix(2) == messages.suffix(2))
            #expect(range.upperBound <= messages.count - MiddleDrop.newestMin + 1)
        }
    }

    @Test func `nothing can go from one turn that is too long`() {
        let messages = conversation(1)
        #expect(MiddleDrop.plan(messages, tokens: [1, 1, 1, 900], headTokens: 0, windowTokens: 100) == nil)
    }
}

/// The same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
