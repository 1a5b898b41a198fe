// Hidden turns in a lineage: the tool that leads to them stands in the frozen list, and what the model was asked with stays in
// front of every later prompt, through restarts, forks and epochs.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

struct HiddenLineageTests {
    private static let tools =
        #"{"type":"function","function":{"name":"read"}},{"type":"function","function":{"name":"run"}}"#
    private static let own = String(decoding: ExpandTool.definition(.chat), as: UTF8.self)

    private static func body(_ messages: [String], tools: String = tools, more: String = "") -> String {
        #"{"model":"m","tools":[\#(tools)],"messages":[\#(messages.joined(separator: ","))]\#(more)}"#
    }

    private static func stage() -> LineageStage {
        let stage = LineageStage()
        stage.terms = ShorteningTerms()
        stage.addsExpandTool = true
        return stage
    }

    /// "Look." and a question, answered.
    private static let hidden: HiddenTurns = {
        var turns = HiddenTurns()
        turns.append(
            HiddenTurn(
                elements: Array(
                    #"{"role":"assistant","content":"Look.","tool_calls":[{"id":"h","type":"function","function":{"name":"cairn_expand","arguments":"{}"}}]}"#
                        .utf8),
                shown: [.text(Array("Look.".utf8))], callIdentifiers: [Array("h".utf8)]),
            results: ExpandTool.results([(Array("h".utf8), "the lines")], .chat), endsMessage: false)
        return turns
    }()

    /// The elements of the array of messages or tools in a body, as one text.
    private static func list(_ key: StaticString, _ body: String) throws -> String {
        let document = try JSONDocument(Array(body.utf8))
        guard let node = document.member(key, of: 0) else { return "" }
        return String(decoding: document.text[document[node].range].dropFirst().dropLast(), as: UTF8.self)
    }

    private static let user = #"{"role":"user","content":"Go."}"#
    private static let message = #"{"role":"assistant","content":"Look.\n\nHere."}"#
    private static let rest = #"{"role":"assistant","content":"Here."}"#
    private static let more = #"{"role":"user","content":"More."}"#

    // MARK: the tool

    @Test func `a session that begins gets the tool behind the client's, and keeps it`() throws {
        let stage = Self.stage()

        let first = try stage.call(Self.body([Self.user]))
        stage.addsExpandTool = false  // a later call is of another mode
        let shuffled = #"{"type":"function","function":{"name":"run"}},{"type":"function","function":{"name":"read"}}"#
        let second = try stage.call(Self.body([Self.user, Self.rest, Self.more], tools: shuffled))

        #expect(try Self.list("tools", first.body) == Self.tools + "," + Self.own)
        #expect(first.plan.hasExpandTool)
        #expect(try Self.list("tools", second.body) == Self.tools + "," + Self.own)
        #expect(second.plan.hasExpandTool)
        stage.restart()
        let third = try stage.call(Self.body([Self.user, Self.rest, Self.more, Self.rest, Self.more]))
        #expect(try Self.list("tools", third.body) == Self.tools + "," + Self.own)
        #expect(third.plan.hasExpandTool)
        #expect(third.plan.breakReason == .none)
    }

    @Test func `a client that changes its tools keeps it where it stood`() throws {
        let stage = Self.stage()
        _ = try stage.call(Self.body([Self.user]))

        let added = #"{"type":"function","function":{"name":"new"}}"#
        let call = try stage.call(Self.body([Self.user, Self.rest, Self.more], tools: added + "," + Self.tools))

        #expect(try Self.list("tools", call.body) == Self.tools + "," + Self.own + "," + added)
        #expect(call.plan.breakReason == .toolsChanged)
    }

    @Test(arguments: [
        #","n":2"#, #","tool_choice":"none""#, #","tool_choice":{"type":"function","function":{"name":"run"}}"#,
    ])
    func `a client that leaves the model no choice gets no tool`(choice: String) throws {
        let call = try Self.stage().call(Self.body([Self.user], more: choice))

        #expect(try Self.list("tools", call.body) == Self.tools)
        #expect(!call.plan.hasExpandTool)
    }

    @Test func `sessions of other modes, without tools, or with a tool of the name are left alone`() throws {
        let other = LineageStage()
        #expect(try Self.list("tools", other.call(Self.body([Self.user])).body) == Self.tools)
        other.addsExpandTool = true  // not from the first call on
        #expect(try Self.list("tools", other.call(Self.body([Self.user, Self.rest, Self.more])).body) == Self.tools)

        let none = try Self.stage().call(#"{"model":"m","messages":[\#(Self.user)]}"#)
        #expect(!none.body.contains("tools"))

        let taken = try Self.stage().call(Self.body([Self.user], tools: Self.own))
        #expect(try Self.list("tools", taken.body) == Self.own)
        #expect(!taken.plan.hasExpandTool)
    }

    // MARK: the turns

    @Test func `the client's message leaves behind the hidden turns, for ever`() throws {
        let stage = Self.stage()
        let first = try stage.call(Self.body([Self.user]))
        stage.remember(Self.hidden, behind: first.plan.chain)
        let asked = try #require(Array(first.body.utf8).withUnsafeBytes { Self.hidden.appended(to: $0, .chat) })

        let wanted = try Self.list("messages", String(decoding: asked, as: UTF8.self)) + "," + Self.rest
        var messages = [Self.user, Self.message, Self.more]
        for round in 0..<6 {
            if round % 2 == 1 { stage.restart() }
            let call = try stage.call(Self.body(messages))

            #expect(try Self.list("messages", call.body).hasPrefix(wanted), "round \(round)")
            #expect(call.plan.breakReason == .none)
            messages += [Self.rest, Self.more]
        }
    }

    @Test func `hidden turns that wait in the store are found after a restart`() throws {
        let stage = Self.stage()
        let first = try stage.call(Self.body([Self.user]))
        stage.remember(Self.hidden, behind: first.plan.chain)
        stage.restart()

        let call = try stage.call(Self.body([Self.user, Self.message, Self.more]))

        #expect(call.body.contains("the lines"))
        #expect(try Self.list("messages", call.body).hasSuffix(Self.rest + "," + Self.more))
    }

    @Test func `marks for caching count the hidden turns`() throws {
        let stage = Self.stage()
        let first = try stage.call(Self.body([Self.user]))
        stage.remember(Self.hidden, behind: first.plan.chain)
        var places = BreakpointPlan()
        places.places = [.tools, .turn(0), .turn(2)]

        let call = try stage.call(Self.body([Self.user, Self.message, Self.more]))

        #expect(call.plan.asWritten(places).places == [.tools, .turn(0), .turn(4)])
        #expect(first.plan.asWritten(BreakpointPlan()).places.isEmpty)
    }

    @Test func `another message, and a branch from in front of it, are the client's own`() throws {
        let stage = Self.stage()
        let first = try stage.call(Self.body([Self.user]))
        stage.remember(Self.hidden, behind: first.plan.chain)

        let other = try stage.call(Self.body([Self.user, Self.rest, Self.more]))
        let same = try stage.call(Self.body([Self.user, Self.message, Self.more]))
        let elsewhere = try stage.call(Self.body([Self.more, Self.message, Self.more]))

        #expect(try Self.list("messages", other.body) == [Self.user, Self.rest, Self.more].joined(separator: ","))
        #expect(same.body.contains("the lines"))
        #expect(!elsewhere.body.contains("the lines"))
    }

    @Test func `of several answers to one prompt the one the client goes on with counts`() throws {
        let stage = Self.stage()
        let first = try stage.call(Self.body([Self.user]))
        var others: [HiddenTurns] = []
        for name in ["One.", "Two.", "Three."] {
            var turns = HiddenTurns()
            turns.append(
                HiddenTurn(
                    elements: Array("{\"role\":\"assistant\",\"content\":\"\(name)\"}".utf8),
                    shown: [.text(Array(name.utf8))], callIdentifiers: []),
                results: [], endsMessage: false)
            others.append(turns)
            stage.remember(turns, behind: first.plan.chain)
        }

        let call = try stage.call(Self.body([Self.user, #"{"role":"assistant","content":"Two.\n\nB"}"#, Self.more]))

        #expect(
            try Self.list("messages", call.body)
                == [
                    Self.user, #"{"role":"assistant","content":"Two."}"#, #"{"role":"assistant","content":"B"}"#,
                    Self.more,
                ].joined(separator: ","))
    }

    @Test func `an epoch leaves a message with hidden turns as it is`() throws {
        let stage = Self.stage()
        stage.terms?.prices = EpochPrices(miss: 1, hit: 1, output: 4)
        var random = SeededRandom(seed: 5)
        let spelled = Spelled(dialect: .chat)
        var conversation = GrowingConversation.messages(turns: 40, &random)
        let long = String(repeating: "I tell at length what I saw. ", count: 40)
        conversation.insert(
            ContextMessage(
                .assistant,
                [
                    ContextPart(.thinking, Array("t".utf8)), ContextPart(.text, Array("Look.\(long)".utf8)),
                ]), at: 2)
        conversation.insert(ContextMessage(.user, [ContextPart(.user, Array("Go on.".utf8))]), at: 3)
        let first = try stage.call(spelled.body(Array(conversation[..<2])))
        stage.remember(Self.hidden, behind: first.plan.chain)

        var epochs = 0
        for count in stride(from: 4, through: conversation.count, by: 2) {
            if count % 12 == 0 { stage.restart() }
            let call = try stage.call(spelled.body(Array(conversation[..<count])))
            if call.plan.breakReason == .epoch { epochs += 1 }
            #expect(call.body.contains("the lines"), "\(count)")
            #expect(call.body.contains(long), "\(count)")
        }
        #expect(epochs > 2)
    }
}
