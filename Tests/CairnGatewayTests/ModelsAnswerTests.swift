import CairnCore
import CairnWire
import Foundation
import Testing

@testable import CairnGateway

@Suite struct ModelsAnswerTests {
    private func translate(_ document: String, _ shape: ModelsAnswer.Shape) throws -> String {
        var document = document
        var out = ByteWriter(capacity: 256)
        try document.withUTF8 { try ModelsAnswer.translate(UnsafeRawBufferPointer($0), shape, to: &out) }
        return String(decoding: out.copyBytes(), as: UTF8.self)
    }

    private func shape(
        toAnthropic: Bool, model: String? = nil, upstreamModel: String? = nil, added: [MappedModel] = []
    ) -> ModelsAnswer.Shape {
        ModelsAnswer.Shape(
            isAnthropic: toAnthropic, asksAnthropic: !toAnthropic, model: model, upstreamModel: upstreamModel,
            addedModels: added)
    }

    @Test func `OpenAI's list becomes Anthropic's, with windows and mapped names`() throws {
        let list =
            #"{"object":"list","data":[{"id":"a","object":"model","created":1760000000,"owned_by":"x","max_model_len":131072},{"id":"b"}]}"#

        let text = try translate(
            list,
            shape(
                toAnthropic: true, added: [MappedModel(name: "mine", target: "a"), MappedModel(name: "b", target: "a")])
        )

        #expect(
            text
                == #"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"2025-10-09T08:53:20.000Z","max_input_tokens":131072},"#
                + #"{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00.000Z"},"#
                + #"{"type":"model","id":"mine","display_name":"mine","created_at":"2025-10-09T08:53:20.000Z","max_input_tokens":131072}],"#
                + #""has_more":false,"first_id":"a","last_id":"mine"}"#)
    }

    @Test func `Anthropic's list becomes OpenAI's`() throws {
        let list =
            #"{"data":[{"type":"model","id":"c","display_name":"C","created_at":"2025-10-09T08:53:20Z","max_input_tokens":200000,"max_tokens":64000}],"has_more":false}"#

        #expect(
            try translate(list, shape(toAnthropic: false))
                == #"{"object":"list","data":[{"id":"c","object":"model","created":1760000000,"owned_by":"system","context_length":200000,"max_output_tokens":64000}]}"#
        )
    }

    @Test func `one model is shown under the client's name`() throws {
        let model = #"{"id":"real","object":"model","created":1,"future":1.0}"#

        let translated = try translate(model, shape(toAnthropic: true, model: "mine", upstreamModel: "real"))
        var same = shape(toAnthropic: false, model: "mine", upstreamModel: "real")
        same.asksAnthropic = false

        #expect(try parseJSON(translated)["id"] as? String == "mine")
        #expect(try translate(model, same) == #"{"id":"mine","object":"model","created":1,"future":1.0}"#)
    }

    @Test(arguments: ["", "[]", "{}", #"{"data":{}}"#, #"{"data":[{}]}"#, #"{"data":[5]}"#])
    func `what is no list is refused`(document: String) {
        #expect(throws: WireError.self) { try translate(document, shape(toAnthropic: true)) }
    }

    @Test func `the path names the model that the upstream knows`() {
        #expect(String(decoding: shape(toAnthropic: true).pathSuffix, as: UTF8.self) == "")
        #expect(
            String(decoding: shape(toAnthropic: true, model: "org/a%20b").pathSuffix, as: UTF8.self) == "/org/a%20b")
        #expect(
            String(decoding: shape(toAnthropic: true, model: "m", upstreamModel: "org/a b?é").pathSuffix, as: UTF8.self)
                == "/org/a%20b%3F%C3%A9")
    }

    @Test func `empty lists are lists`() throws {
        #expect(
            try translate(#"{"data":[]}"#, shape(toAnthropic: true))
                == #"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#)
    }
}

@Suite struct TimestampReadingTests {
    @Test func `what is written is read back`() {
        for seconds: UInt64 in [0, 1, 951_782_400, 1_709_164_800, 1_760_000_000, 4_102_444_799] {
            var timestamps = TimestampWriter()
            let text = written { timestamps.append(wallNanoseconds: seconds * 1_000_000_000, to: &$0) }
            #expect(SystemTime.seconds(timestamp: text) == seconds, "\(text)")
        }
    }

    @Test(arguments: [
        "", "2025-10-09", "2025-10-09 08:53:20Z", "2025-13-09T08:53:20Z", "2025-10-09T24:53:20Z",
        "1969-10-09T08:53:20Z",
        "2025-10-09T08:53:20+02:00", "2025-1x-09T08:53:20Z",
    ])
    func `other texts are no times`(text: String) { #expect(SystemTime.seconds(timestamp: text) == nil) }
}

@Suite struct PromptTokensTests {
    @Test(arguments: [
        ("deepseek-v4-pro", "deepseek_v3", true), ("DeepSeek-Reasoner", "deepseek_v3", true),
        ("gpt-5-codex", "o200k_base", true), ("o3-mini", "o200k_base", true), ("gpt-4o-2024", "o200k_base", true),
        ("gpt-4-turbo", "cl100k_base", true), ("gpt-3.5-turbo", "cl100k_base", true),
        ("claude-sonnet-4-6", "o200k_base", false), ("qwen3", "o200k_base", false), ("", "o200k_base", false),
    ])
    func `a model's name tells its vocabulary`(model: String, file: String, isOwn: Bool) {
        let family = VocabularyFamily(model: model)

        #expect(family.fileName == file && family.isOwn == isOwn)
    }

    private func tokens(_ content: String, model: String) throws -> PromptTokens {
        let work = RequestRewriting(
            rewriting: .init(client: .messages, target: .chat, model: nil),
            upstream: UpstreamTraits(.deepseek, dialect: .chat), keeping: nil, createdSeconds: 0)
        var body = #"{"model":"\#(model)","max_tokens":5,"messages":[{"role":"user","content":\#(content)}]}"#
        return try body.withUTF8 {
            try PromptTokens(of: work, UnsafeRawBufferPointer($0), VocabularyShelf(directories: ["/nowhere"]))
        }
    }

    @Test func `without a vocabulary a count is an estimate, and grows with the text`() throws {
        let short = try tokens(#""hello world""#, model: "deepseek-v4")
        let long = try tokens("\"\(String(repeating: "hello world ", count: 200))\"", model: "deepseek-v4")

        #expect(!short.isExact && !long.isExact)
        #expect((5...8).contains(short.count))
        #expect((300...600).contains(long.count))
    }

    @Test func `a body that is no request is refused with its place`() {
        let error = #expect(throws: GatewayError.self) { try tokens("5", model: "m") }

        #expect(error?.kind == .badRequest && error?.detail.contains("messages[0].content") == true)
    }
}
