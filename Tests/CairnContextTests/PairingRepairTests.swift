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
        let once = PairingRepair.repair(messages)
        #expect(PairingRepair.isPaired(once.messages))
        let twice = PairingRepair.repair(once.messages)
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

    @Test func `an orphan beside a good result becomes text and the good one stays`() {
        var mixed = result("a")
        mixed.parts.append(ContextPart(.result, Array("lost".utf8), callID: "z"))
        let (out, stats) = repaired([user(), call("a"), mixed])
        #expect(out[2] == result("a"))
        #expect(String(decoding: out[3].parts[0].bytes, as: UTF8.self) == "[a result that no call waits for]\nlost")
        #expect(out[3].role == .user)
        #expect(stats.orphans == 1)
    }

    @Test func `of two results of one call the first counts`() {
        let (out, stats) = repaired([call("a"), result("a", "first"), result("a", "second")])
        #expect(out[1] == result("a", "first"))
        #expect(out.count == 3)
        #expect(String(decoding: out[2].parts[0].bytes, as: UTF8.self).hasSuffix("second"))
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
        #expect(out.map(\.role) == [.assistant, .user])
        #expect(out[1].parts.map(\.callID) == ["a", "b", ""])
    }

    @Test func `identifiers may come again in a later answer`() {
        let messages = [user(), call("0"), result("0"), call("0"), result("0", "again")]
        let (out, stats) = repaired(messages)
        #expect(out == messages)
        #expect(stats == PairingStats())
    }

    @Test func `an orphan among results does not part them from their calls`() {
        let (out, _) = repaired([call("a", "b"), result("a"), result("z", "lost"), result("b"), user()])
        #expect(out.map(\.role) == [.assistant, .tool, .tool, .user, .user])
        #expect(String(decoding: out[3].parts[0].bytes, as: UTF8.self).hasSuffix("lost"))
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
