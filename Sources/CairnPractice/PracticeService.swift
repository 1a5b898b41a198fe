// Everything the practice provider decides, as values: a request in, a delivery out. It keeps what a
// provider remembers between calls: the prefix cache and the stored responses. No sockets, no clock.

/// A request as the service sees it.
struct PracticeRequest {
    var method: String
    /// Path and query as sent.
    var target: String
    /// The first value of a header by its name, lower or upper case.
    var header: (String) -> String?
    /// The body as sent, borrowed for the call.
    var body: UnsafeRawBufferPointer
    /// The number of the request in the log.
    var sequence: UInt64
    /// Any steady clock, in milliseconds.
    var nowMilliseconds: UInt64

    /// The target without its query.
    var path: String { String(target.prefix { $0 != "?" }) }

    /// Whether an answer that both could give should be Anthropic's.
    var isFromAnthropicClient: Bool { header("anthropic-version") != nil }

    /// The API key, wherever it is sent; empty without one.
    var key: String { header("authorization") ?? header("x-api-key") ?? "" }
}

struct PracticeService: Sendable {
    /// Bytes a compressed request body may have once decompressed.
    static let decodedBytesMax = 64 << 20
    /// Any key is served, and none; one with this text in it shows a client the provider's 401.
    static let refusedKeyText = "invalid"

    let options: PracticeOptions
    private var cache = PrefixCache()
    private var responses = StoredResponses()

    init(options: PracticeOptions) {
        self.options = options
    }

    /// What goes back for one request, and its pace. Never fails: a refusal is an answer too.
    mutating func delivery(
        for request: PracticeRequest
    ) -> (delivery: Delivery, tokensPerSecond: Double?) {
        let route = Route(path: request.path)
        var settings = CallSettings(options)
        var reply: Reply
        do throws(ProviderError) {
            try Self.checkMethod(request, route: route)
            try settings.override(header: request.header)
            reply = try self.reply(to: request, route: route, settings: settings)
        } catch {
            reply = Self.reply(refusing: request, route: route, because: error)
        }
        let delivery = Delivery(
            reply, fault: settings.fault, latencyMilliseconds: settings.latencyMilliseconds)
        return (delivery, settings.tokensPerSecond)
    }

    // MARK: Answers

    private mutating func reply(
        to request: PracticeRequest, route: Route, settings: CallSettings
    ) throws(ProviderError) -> Reply {
        try Self.checkKey(request)
        try Self.refuse(by: settings.fault)
        let isAnthropic = options.onlyDialect.map { $0 == .messages } ?? request.isFromAnthropicClient
        switch route {
        case .models:
            return Self.reply(ModelCatalogue.list(isAnthropic: isAnthropic), request, route)
        case .model(let name):
            guard let model = ModelCatalogue.model(name, isAnthropic: isAnthropic) else {
                throw ProviderError(
                    status: 404,
                    message: isAnthropic ? "model: \(name)" : "The model '\(name)' does not exist",
                    parameter: "model", code: "model_not_found")
            }
            return Self.reply(model, request, route)
        case .embeddings:
            let (document, _) = try Self.document(of: request)
            return Self.reply(try EmbeddingsRequest(body: document).answer, request, route)
        case .countTokens where speaks(.messages):
            let (document, digest) = try Self.document(of: request)
            let counted = try MessagesRequest(body: document, digest: digest, isCounting: true)
            return Self.reply(["input_tokens": .integer(counted.promptTokens)], request, route)
        case .call(let dialect) where speaks(dialect):
            return try reply(to: request, dialect: dialect, settings: settings)
        case .call, .countTokens, .health, .requestLog, .unknown:
            throw ProviderError(
                status: 404,
                message: isAnthropic ? "Not found" : "Invalid URL (\(request.method) \(request.path))")
        }
    }

    private mutating func reply(
        to request: PracticeRequest, dialect: Dialect, settings: CallSettings
    ) throws(ProviderError) -> Reply {
        let (document, digest) = try Self.document(of: request)
        let agent = ScriptedAgent(
            script: options.script, words: settings.words,
            hugeWordBytes: settings.fault == .hugeDataLine ? Fault.hugeWordBytes : nil)
        let body: Reply.Body
        let conversation: Conversation
        switch dialect {
        case .chat:
            let call = try ChatRequest(body: document, digest: digest)
            conversation = call.conversation
            body = chat(call, agent.answer(to: conversation), owner: Self.owner(request, conversation))
        case .responses:
            let call = try ResponsesRequest(body: document, digest: digest) { responses.items(of: $0) }
            conversation = call.conversation
            body = response(call, agent.answer(to: conversation), owner: Self.owner(request, conversation))
        case .messages:
            let call = try MessagesRequest(body: document, digest: digest)
            conversation = call.conversation
            let verdict = cache.breakpoints(
                owner: Self.owner(request, conversation), blocks: call.blocks, model: conversation.model,
                now: request.nowMilliseconds)
            let answer = agent.answer(to: conversation)
            body = MessagesAnswer(request: call, answer: answer, verdict: verdict).body
        }
        let headers = ProviderHeaders(
            family: conversation.family, sequence: request.sequence, digest: digest)
        return Reply(
            status: 200, headers: conversation.isStreaming ? headers.events() : headers.json(), body: body)
    }

    private mutating func chat(_ call: ChatRequest, _ answer: Answer, owner: ContentDigest) -> Reply.Body {
        let verdict = cache.automatic(
            owner: owner, prompt: call.renderedPrompt(), continuation: call.renderedContinuation(answer))
        return ChatAnswer(request: call, answer: answer, verdict: verdict).body
    }

    private mutating func response(
        _ call: ResponsesRequest, _ answer: Answer, owner: ContentDigest
    ) -> Reply.Body {
        let verdict = cache.automatic(owner: owner, prompt: call.renderedPrompt())
        let written = ResponsesAnswer(request: call, answer: answer, verdict: verdict)
        if call.isStored { responses.store(call.items + written.output, id: written.id) }
        return written.body
    }

    private func speaks(_ dialect: Dialect) -> Bool { options.onlyDialect.map { $0 == dialect } ?? true }

    /// Caches belong to a key, a model and a dialect.
    private static func owner(_ request: PracticeRequest, _ conversation: Conversation) -> ContentDigest {
        var digest = ContentDigest(request.key)
        digest.combine(conversation.model)
        digest.combine(conversation.dialect.rawValue)
        return digest
    }

    private static func reply(_ document: JSONValue, _ request: PracticeRequest, _ route: Route) -> Reply {
        let family = family(request, route)
        let headers = ProviderHeaders(
            family: family, sequence: request.sequence, digest: ContentDigest(request.path))
        return Reply(status: 200, headers: headers.json(), body: .whole(family.document(document)))
    }

    // MARK: Refusals

    /// Whose envelope a refusal has: that of the route; where both may ask, that of the client.
    private static func family(_ request: PracticeRequest, _ route: Route) -> ProviderFamily {
        switch route.dialect {
        case .messages: .anthropic
        case .chat, .responses: .openai
        case nil: request.isFromAnthropicClient ? .anthropic : .openai
        }
    }

    private static func reply(
        refusing request: PracticeRequest, route: Route, because error: ProviderError
    ) -> Reply {
        // 529 is a status only Anthropic has, so it always comes in Anthropic's envelope.
        let family = error.status == 529 ? ProviderFamily.anthropic : family(request, route)
        let headers = ProviderHeaders(
            family: family, sequence: request.sequence, digest: ContentDigest(request.path))
        let retry = error.retryAfterSeconds.map { [("retry-after", String($0))] } ?? []
        return Reply(
            status: error.status, headers: headers.json() + retry,
            body: .whole(error.body(family: family, requestID: headers.requestID)))
    }

    private static func checkMethod(_ request: PracticeRequest, route: Route) throws(ProviderError) {
        let allowed =
            switch route {
            case .call, .countTokens, .embeddings: "POST"
            case .models, .model: "GET"
            case .health, .requestLog, .unknown: request.method
            }
        guard request.method == allowed else {
            throw ProviderError(
                status: 405, message: "Not allowed to \(request.method) on \(request.path).",
                code: "method_not_supported")
        }
    }

    private static func checkKey(_ request: PracticeRequest) throws(ProviderError) {
        guard request.key.contains(refusedKeyText) else { return }
        throw ProviderError(
            status: 401,
            message: request.isFromAnthropicClient ? "invalid x-api-key" : "Incorrect API key provided.",
            code: "invalid_api_key")
    }

    private static func refuse(by fault: Fault?) throws(ProviderError) {
        switch fault {
        case .rateLimit:
            throw ProviderError(
                status: 429, message: "Rate limit reached for requests. Please try again in 7s.",
                code: "rate_limit_exceeded", retryAfterSeconds: 7)
        case .serverError:
            throw ProviderError(
                status: 500, message: "The server had an error while processing your request. Sorry about that!")
        case .overloaded:
            throw ProviderError(status: 529, message: "Overloaded")
        default:
            return
        }
    }

    /// The body as JSON and the digest all ids follow from.
    private static func document(
        of request: PracticeRequest
    ) throws(ProviderError) -> (JSONValue, ContentDigest) {
        do throws(JSONError) {
            switch request.header("content-encoding")?.lowercased() {
            case nil, "", "identity":
                return (try JSONValue(parsing: request.body), ContentDigest(request.body))
            case "gzip", "deflate":
                guard let bytes = inflated(request.body, bytesMax: decodedBytesMax) else {
                    throw JSONError(reason: "the compressed body is damaged or too large", offset: 0)
                }
                return (try JSONValue(parsing: bytes), bytes.withUnsafeBytes { ContentDigest($0) })
            case .some(let encoding):
                throw JSONError(reason: "unsupported content-encoding '\(encoding)'", offset: 0)
            }
        } catch {
            throw .notJSON(error)
        }
    }
}

/// Items of earlier responses, for `previous_response_id`. Bounded; the oldest is forgotten first.
private struct StoredResponses: Sendable {
    static let countMax = 256
    /// Items kept over all responses; those that one response continues from another are counted again.
    static let itemsMax = 100_000

    private var entries: [(id: String, items: [JSONValue])] = []
    private var itemCount = 0

    func items(of id: String) -> [JSONValue]? {
        entries.last { $0.id == id }?.items
    }

    mutating func store(_ items: [JSONValue], id: String) {
        entries.append((id, items))
        itemCount += items.count
        while entries.count > Self.countMax || itemCount > Self.itemsMax, !entries.isEmpty {
            itemCount -= entries.removeFirst().items.count
        }
    }
}
