import CairnSettings
import CairnWire
import Testing

@testable import CairnGateway

private func upstream(
    _ provider: Provider, dialect: SettingsDialect? = nil, map: [(String, String)] = []
) throws -> PreparedUpstream {
    let rules = try map.map { ModelMap.Rule(pattern: try Glob(parsing: $0.0), target: $0.1) }
    return PreparedUpstream(
        Upstream(
            name: "u", url: try UpstreamURL(parsing: "http://127.0.0.1:1"), provider: provider, dialect: dialect,
            modelMap: ModelMap(rules: rules)))
}

@Suite struct CallPlanTests {
    private static let quiet = CallMode(.passthrough, isAsked: false)
    private static let asked = CallMode(.passthrough, isAsked: true)

    private func plan(
        _ route: Route, _ dialect: CallDialect, _ upstream: PreparedUpstream, model: String? = "m",
        mode: CallMode = quiet
    ) -> CallPlan {
        CallPlan.plan(for: route, dialect: dialect, model: model.map { Array($0.utf8) }, mode: mode, upstream: upstream)
    }

    /// The dialect a call is sent in.
    private func target(_ route: Route, _ dialect: CallDialect, _ upstream: PreparedUpstream) -> WireDialect? {
        switch plan(route, dialect, upstream) {
        case .pass: dialect.wire
        case .rewrite(let rewriting): rewriting.target
        case .countTokens, .models, .storedResponse: nil
        }
    }

    @Test(
        arguments: [
            (Provider.deepseek, nil, WireDialect.chat, WireDialect.chat, WireDialect.messages),
            (.openai, nil, .chat, .responses, .responses),
            (.anthropic, nil, .messages, .messages, .messages),
            (.vllm, nil, .chat, .responses, .messages),
            (.generic, nil, .chat, .responses, .messages),
            (.vllm, .chat, .chat, .chat, .chat),
            (.generic, .messages, .messages, .messages, .messages),
            (.sglang, .responses, .responses, .responses, .responses),
            (.openai, .chat, .chat, .chat, .chat),
        ] as [(Provider, SettingsDialect?, WireDialect, WireDialect, WireDialect)])
    func `each provider is asked in a dialect it speaks`(
        provider: Provider, dialect: SettingsDialect?, chat: WireDialect, responses: WireDialect, messages: WireDialect
    ) throws {
        let upstream = try upstream(provider, dialect: dialect)

        #expect(target(.chatCompletions, .chat, upstream) == chat)
        #expect(target(.responses, .responses, upstream) == responses)
        #expect(target(.messages, .messages, upstream) == messages)
    }

    @Test func `a model of the map is renamed in the client's own dialect`() throws {
        let upstream = try upstream(.generic, map: [("gpt-*", "deepseek-v4-pro"), ("same", "same")])

        #expect(
            plan(.chatCompletions, .chat, upstream, model: "gpt-5")
                == .rewrite(.init(client: .chat, target: .chat, model: "deepseek-v4-pro")))
        #expect(plan(.chatCompletions, .chat, upstream, model: "same") == .pass)
        #expect(plan(.chatCompletions, .chat, upstream, model: "other") == .pass)
        #expect(plan(.chatCompletions, .chat, upstream, model: nil) == .pass)
    }

    @Test func `a client that asks for passthrough gets its bytes passed where that is possible`() throws {
        let map = [("gpt-*", "claude-x")]

        #expect(
            plan(.chatCompletions, .chat, try upstream(.generic, map: map), model: "gpt-5", mode: Self.asked) == .pass)
        #expect(
            plan(.chatCompletions, .chat, try upstream(.anthropic, map: map), model: "gpt-5", mode: Self.asked)
                == .rewrite(.init(client: .chat, target: .messages, model: "claude-x")))
    }

    @Test func `tokens are counted here for upstreams that do not count them`() throws {
        #expect(plan(.countTokens, .messages, try upstream(.anthropic)) == .pass)
        #expect(plan(.countTokens, .messages, try upstream(.generic)) == .pass)
        #expect(
            plan(.countTokens, .messages, try upstream(.deepseek))
                == .countTokens(.init(client: .messages, target: .messages, model: nil)))
        #expect(
            plan(.countTokens, .messages, try upstream(.generic, dialect: .chat))
                == .countTokens(.init(client: .messages, target: .chat, model: nil)))
    }

    @Test func `models are asked for in the upstream's shape and shown in the client's`() throws {
        let openAI = try upstream(.openai, map: [("mine", "gpt-5"), ("my-*", "gpt-5")])
        let list = ModelsAnswer.Shape(
            isAnthropic: true, asksAnthropic: false, model: nil, upstreamModel: nil,
            addedModels: [MappedModel(name: "mine", target: "gpt-5")])
        let one = ModelsAnswer.Shape(
            isAnthropic: false, asksAnthropic: false, model: "mine", upstreamModel: "gpt-5", addedModels: [])

        #expect(plan(.models, .messages, openAI, model: nil) == .models(list))
        #expect(plan(.models, .other, openAI, model: nil) == .pass)
        #expect(plan(.model, .other, openAI, model: "mine") == .models(one))
        #expect(plan(.model, .other, openAI, model: "mine", mode: Self.asked) == .pass)
        #expect(plan(.models, .messages, try upstream(.anthropic), model: nil) == .pass)
        #expect(plan(.models, .messages, try upstream(.generic), model: nil) == .pass)
    }

    @Test func `everything else passes`() throws {
        let anthropic = try upstream(.anthropic, map: [("*", "x")])
        for route in [Route.embeddings, .otherV1] {
            #expect(plan(route, .other, anthropic) == .pass)
        }
    }
}

@Suite struct CredentialsTests {
    @Test(
        arguments: [
            (nil, "Bearer K", WireDialect.messages, "x-api-key: K"),
            (nil, "bearer  K", .messages, "x-api-key: K"),
            ("K", nil, .chat, "authorization: Bearer K"),
            ("K", nil, .responses, "authorization: Bearer K"),
            ("K", nil, .messages, "x-api-key: K"),
            (nil, "Bearer sk-ant-oat01-x", .messages, "authorization: Bearer sk-ant-oat01-x"),
            (nil, "Basic dTpw", .messages, "authorization: Basic dTpw"),
            (nil, nil, .chat, nil),
        ] as [(String?, String?, WireDialect, String?)])
    func `a key goes in the form of the dialect`(
        apiKey: String?, authorization: String?, target: WireDialect, line: String?
    ) {
        let field = Credentials(apiKey: apiKey, authorization: authorization).field(for: target)

        #expect(field.map { "\($0.0): \($0.1)" } == line)
    }

    @Test func `a caller is the same in either form of the key`() {
        let field = CallerDigest(Credentials(apiKey: "K", authorization: nil))

        #expect(field == CallerDigest(Credentials(apiKey: nil, authorization: "Bearer K")))
        #expect(field != CallerDigest(Credentials(apiKey: "L", authorization: nil)))
        #expect(field != CallerDigest(Credentials(apiKey: nil, authorization: nil)))
    }
}

@Suite struct DroppedMembersTests {
    @Test func `members are told with their reasons`() {
        var dropped = DroppedMembers()
        dropped.add(Loss("logit_bias", .noCounterpart), count: 1)
        dropped.add(Loss("thinking.signature", .bound), count: 2)
        dropped.add(Loss("thinking.signature", .bound), count: 1)

        #expect(dropped.field == "logit_bias;no-counterpart, thinking.signature;bound")
        #expect(dropped.counts == [1, 3, 0, 0])
        #expect(DroppedMembers().field == nil)
    }

    @Test func `names are cleaned, cut and bounded`() {
        var dropped = DroppedMembers()
        dropped.add(Loss("evil\r\nset-cookie: \"a\" é", .unknown), count: 1)
        dropped.add(Loss(String(repeating: "x", count: 500), .unknown), count: 1)
        for index in 0..<100 { dropped.add(Loss("m\(index)", .unknown), count: 1) }

        let field = dropped.field ?? ""

        #expect(
            field.hasPrefix(
                "evil??set-cookie:??a????;unknown, \(String(repeating: "x", count: 64));unknown, m0;unknown"))
        #expect(field.hasSuffix(", +78"))
        #expect(dropped.entries.count == DroppedMembers.membersMax)
        #expect(dropped.counts == [0, 0, 102, 0])
    }
}
