import Testing

@testable import CairnPractice

@Suite struct ServiceTests {
    private let hello = #"{"model":"practice","messages":[{"role":"user","content":"hello"}]}"#

    // MARK: Routes

    @Test(arguments: [
        ("/", Route.health), ("/health", .health), ("/practice/requests", .requestLog),
        ("/v1/chat/completions", .call(.chat)), ("/chat/completions/", .call(.chat)),
        ("/v1/responses", .call(.responses)), ("/anthropic/v1/messages", .call(.messages)),
        ("/v1/messages/count_tokens", .countTokens), ("/v1/embeddings", .embeddings), ("/v1/models", .models),
        ("/v1/models/gpt-5.5", .model("gpt-5.5")), ("/v1/models/org%2Fname", .model("org/name")),
        ("/v1/models/org/name", .model("org/name")), ("/v1/audio", .unknown), ("/v2", .unknown),
    ])
    func `a path is routed by its end`(path: String, route: Route) {
        #expect(Route(path: path) == route)
    }

    @Test func `an unknown route and a wrong method have their own errors`() throws {
        var desk = PracticeDesk()

        let unknown = desk.post("/v1/audio/speech?x=1", "{}")
        let wrong = desk.get("/v1/chat/completions")
        let anthropic = desk.get("/v1/nothing", headers: ["anthropic-version": "2023-06-01"])

        #expect(unknown.status == 404)
        #expect(try unknown.document()["error"]?["message"] == "Invalid URL (POST /v1/audio/speech)")
        #expect(wrong.status == 405)
        #expect(try anthropic.document()["error"]?["type"] == "not_found_error")
    }

    @Test func `a key that says it is invalid is refused, any other and none is served`() throws {
        var desk = PracticeDesk()

        let refused = desk.post("/v1/chat/completions", hello, headers: ["authorization": "Bearer sk-invalid"])
        let served = desk.post("/v1/chat/completions", hello, headers: ["x-api-key": "any"])

        #expect(refused.status == 401)
        #expect(try refused.document()["error"]?["code"] == "invalid_api_key")
        #expect(!refused.text.contains("sk-invalid"))
        #expect(served.status == 200)
        #expect(desk.post("/v1/chat/completions", hello).status == 200)
    }

    @Test func `a model that does not exist is not found`() throws {
        var desk = PracticeDesk()

        let call = desk.post(
            "/v1/chat/completions", #"{"model":"no-such-model","messages":[{"role":"user","content":"x"}]}"#)

        #expect(call.status == 404)
        #expect(try call.document()["error"]?["code"] == "model_not_found")
    }

    @Test func `a compressed request is read`() throws {
        var service = PracticeService(options: PracticeOptions())
        let packed = gzip([Array(hello.utf8)]).flatMap { $0 }

        let (delivery, _) = packed.withUnsafeBytes { body in
            service.delivery(
                for: PracticeRequest(
                    method: "POST", target: "/v1/chat/completions",
                    header: { $0 == "content-encoding" ? "gzip" : nil }, body: body, sequence: 1,
                    nowMilliseconds: 0))
        }

        #expect(delivery.status == 200)
    }

    @Test func `a compressed request that is damaged or unknown is refused`() {
        var desk = PracticeDesk()

        #expect(desk.post("/v1/chat/completions", hello, headers: ["content-encoding": "gzip"]).status == 400)
        #expect(desk.post("/v1/chat/completions", hello, headers: ["content-encoding": "br"]).status == 400)
    }

    // MARK: Models and embeddings

    @Test func `models have the shape of the asking client's provider`() throws {
        var desk = PracticeDesk()
        let anthropic = ["anthropic-version": "2023-06-01"]

        let list = try desk.get("/v1/models").document()
        let anthropicList = try desk.get("/v1/models", headers: anthropic).document()

        #expect(list["object"] == "list")
        #expect(list["data"]?.elements?.first?.members?.map(\.key) == ["id", "object", "created", "owned_by"])
        #expect(anthropicList["has_more"] == false)
        #expect(try desk.get("/v1/models/gpt-5.5").document()["id"] == "gpt-5.5")
        #expect(desk.get("/v1/models/unheard-of").status == 404)
    }

    @Test func `embeddings are unit vectors, nearer for texts that share words`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/embeddings",
            #"{"model":"e","dimensions":64,"input":["a pile of stones","a pile of rocks","tax law"]}"#
        ).document()
        let vectors = (document["data"]?.elements ?? []).map { entry in
            (entry["embedding"]?.elements ?? []).map { number -> Double in
                if case .number(let text) = number { Double(text) ?? .nan } else { .nan }
            }
        }
        func dot(_ a: Int, _ b: Int) -> Double { zip(vectors[a], vectors[b]).reduce(0) { $0 + $1.0 * $1.1 } }

        #expect(vectors.map(\.count) == [64, 64, 64])
        #expect(abs(dot(0, 0) - 1) < 0.001)
        #expect(dot(0, 1) > dot(0, 2))
        #expect(document["usage"]?["prompt_tokens"] == document["usage"]?["total_tokens"])
    }

    @Test func `embeddings in base64 hold 32-bit floats`() throws {
        var desk = PracticeDesk()

        let document = try desk.post(
            "/v1/embeddings", #"{"model":"e","dimensions":6,"input":"stones","encoding_format":"base64"}"#
        ).document()

        #expect(document["data"]?.elements?.first?["embedding"]?.text?.utf8.count == 32)
    }

    @Test(arguments: [
        #"{"model":"e"}"#, #"{"model":"e","input":[]}"#, #"{"model":"e","input":{}}"#,
        #"{"model":"e","input":"x","dimensions":99999}"#, #"{"model":"e","input":"x","encoding_format":"png"}"#,
    ])
    func `a bad embeddings request is refused`(body: String) {
        var desk = PracticeDesk()

        #expect(desk.post("/v1/embeddings", body).status == 400)
    }

    // MARK: Options

    @Test func `a fault is chosen by its name, and an unknown name lists the known ones`() throws {
        var options = PracticeOptions()

        try options.setFault(named: "crlf-lines")
        let error = #expect(throws: PracticeError.self) { try options.setFault(named: "earthquake") }

        #expect(options.fault == .crlfLines)
        #expect(error?.description.contains("unknown fault 'earthquake'") == true)
        #expect(error?.description.contains("huge-data-line") == true)
    }

    @Test func `a script that cannot be read is named`() {
        var options = PracticeOptions()

        let error = #expect(throws: PracticeError.self) { try options.loadScript(path: "/does/not/exist") }

        #expect(error?.description.contains("/does/not/exist") == true)
    }

    @Test(arguments: [
        "x-practice-latency-ms", "x-practice-tokens-per-second", "x-practice-words", "x-practice-fault",
    ])
    func `a wrong header is refused by name`(header: String) throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/chat/completions", hello, headers: [header: "nonsense"])

        #expect(call.status == 400)
        #expect(call.text.contains(header))
    }

    @Test func `headers override the run's pace and latency`() {
        var options = PracticeOptions()
        options.latencyMilliseconds = 9
        options.tokensPerSecond = 5
        var desk = PracticeDesk(options)

        let usual = desk.post("/v1/chat/completions", hello)
        let asked = desk.post(
            "/v1/chat/completions", hello,
            headers: ["x-practice-latency-ms": "0", "x-practice-tokens-per-second": "50"])

        #expect(usual.steps.first == .wait(milliseconds: 9))
        #expect(usual.tokensPerSecond == 5)
        #expect(asked.steps.count == 1)
        #expect(asked.tokensPerSecond == 50)
    }
}
