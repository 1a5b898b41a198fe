import CairnSettings
import Testing

@testable import CairnGateway

private func upstream(
    _ name: String, _ url: String, provider: Provider? = nil, dialect: Dialect? = nil, models: [String] = [],
    key: String? = nil
) throws -> Upstream {
    Upstream(
        name: name, url: try UpstreamURL(parsing: url), provider: provider, dialect: dialect,
        apiKey: try key.map { try Secret(parsing: $0) }, modelPatterns: try models.map { try Glob(parsing: $0) })
}

private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

struct UpstreamTableTests {
    @Test func `one upstream takes everything`() throws {
        let table = UpstreamTable([try upstream("only", "http://127.0.0.1:1", dialect: .chat, models: ["a*"])])

        #expect(table.choose(model: Array("zzz".utf8), dialect: .messages) == 0)
        #expect(table.choose(model: nil, dialect: .other) == 0)
    }

    @Test func `the model chooses, in the order of the list`() throws {
        let table = UpstreamTable([
            try upstream("a", "http://127.0.0.1:1", models: ["deepseek-*"]),
            try upstream("b", "http://127.0.0.1:2", models: ["claude-*"]),
            try upstream("c", "http://127.0.0.1:3"),
        ])

        #expect(table.choose(model: Array("DeepSeek-V4".utf8), dialect: .chat) == 0)
        #expect(table.choose(model: Array("claude-opus".utf8), dialect: .chat) == 1)
        #expect(table.choose(model: Array("gpt-5".utf8), dialect: .chat) == 2)
    }

    @Test func `an upstream of one dialect is passed over for calls of another`() throws {
        let table = UpstreamTable([
            try upstream("chat", "http://127.0.0.1:1", dialect: .chat),
            try upstream("all", "http://127.0.0.1:2"),
        ])

        #expect(table.choose(model: Array("m".utf8), dialect: .chat) == 0)
        #expect(table.choose(model: Array("m".utf8), dialect: .messages) == 1)
    }

    @Test func `a pattern that names the model wins over the dialect, and the dialect over the order`() throws {
        let table = UpstreamTable([
            try upstream("deepseek", "https://api.deepseek.com", models: ["deepseek-*"]),
            try upstream("anthropic", "https://api.anthropic.com", models: ["claude-*"]),
            try upstream("openai", "https://api.openai.com"),
        ])
        let pair = UpstreamTable([
            try upstream("openai", "https://api.openai.com"), try upstream("anthropic", "https://api.anthropic.com"),
        ])

        #expect(table.choose(model: Array("claude-opus".utf8), dialect: .chat) == 1)
        #expect(table.choose(model: Array("deepseek-v4".utf8), dialect: .responses) == 0)
        #expect(table.choose(model: Array("gpt-5".utf8), dialect: .messages) == 2)
        #expect(pair.choose(model: Array("claude-opus".utf8), dialect: .messages) == 1)
        #expect(pair.choose(model: Array("gpt-5".utf8), dialect: .responses) == 0)
    }

    @Test func `without a model the dialect's own provider answers`() throws {
        let table = UpstreamTable([
            try upstream("openai", "https://api.openai.com"),
            try upstream("anthropic", "https://api.anthropic.com"),
        ])

        #expect(table.choose(model: nil, dialect: .messages) == 1)
        #expect(table.choose(model: nil, dialect: .responses) == 0)
        #expect(table.choose(model: nil, dialect: .other) == 0)
    }

    @Test func `a model that nobody claims goes to who speaks the dialect`() throws {
        let table = UpstreamTable([
            try upstream("a", "https://api.openai.com", models: ["gpt-*"]),
            try upstream("b", "https://api.anthropic.com", models: ["claude-*"]),
        ])

        #expect(table.choose(model: Array("mystery".utf8), dialect: .messages) == 1)
        #expect(table.choose(model: Array("mystery".utf8), dialect: .chat) == 0)
    }

    @Test func `DeepSeek serves the messages dialect below a path of its own`() throws {
        let own = PreparedUpstream(try upstream("d", "https://api.deepseek.com/v1"))
        let prefixed = PreparedUpstream(try upstream("d", "https://api.deepseek.com/anthropic"))
        let other = PreparedUpstream(try upstream("d", "http://127.0.0.1:9/base", provider: .deepseek))

        #expect(text(own.messagesPathPrefix) == "/anthropic" && own.pathPrefix.isEmpty)
        #expect(text(prefixed.messagesPathPrefix) == "/anthropic")
        #expect(text(other.messagesPathPrefix) == "/base")
    }

    @Test func `a key replaces the client's in the form the client used, or the provider's own`() throws {
        let generic = PreparedUpstream(try upstream("g", "http://127.0.0.1:9", key: "K"))
        let anthropic = PreparedUpstream(try upstream("a", "https://api.anthropic.com", key: "K"))
        let bearer = "authorization: Bearer K\r\n"
        let field = "x-api-key: K\r\n"

        #expect(
            text(generic.keyLine(clientUsesAPIKeyField: false, clientUsesAuthorization: true, dialect: .messages))
                == bearer)
        #expect(
            text(generic.keyLine(clientUsesAPIKeyField: true, clientUsesAuthorization: false, dialect: .chat)) == field)
        #expect(
            text(generic.keyLine(clientUsesAPIKeyField: false, clientUsesAuthorization: false, dialect: .chat))
                == bearer)
        #expect(
            text(generic.keyLine(clientUsesAPIKeyField: false, clientUsesAuthorization: false, dialect: .messages))
                == field)
        #expect(
            text(anthropic.keyLine(clientUsesAPIKeyField: false, clientUsesAuthorization: true, dialect: .chat))
                == field)
    }
}

struct ModelNameTests {
    private func name(_ body: String) -> String? {
        var body = body
        return body.withUTF8 { text(ModelName.read(UnsafeRawBufferPointer($0))) }
    }

    @Test func `the top-level model is read wherever it stands`() {
        #expect(name(#"{"model":"gpt-5","messages":[]}"#) == "gpt-5")
        #expect(name(#"{"messages":[{"model":"inner"}],"max_tokens":1,"model":"claude"}"#) == "claude")
    }

    @Test func `escapes are undone`() {
        #expect(name(#"{"model":"a\u002fb\"c"}"#) == "a/b\"c")
    }

    @Test func `bodies without a model name have none`() {
        #expect(name(#"{"model":5}"#) == nil)
        #expect(name(#"{"messages":[]}"#) == nil)
        #expect(name("not json") == nil)
        #expect(name("") == nil)
    }

    @Test func `a name longer than a record keeps is cut`() {
        let long = String(repeating: "m", count: 300)

        #expect(name("{\"model\":\"\(long)\"}")?.utf8.count == UsageRecord.nameBytesMax)
    }
}
