import Testing

@testable import CairnGateway

@Suite struct RouterTests {
    private func route(_ method: RequestMethod, _ target: String) throws(TargetRefusal) -> RoutedTarget {
        try Router.route(method: method, target: Array(target.utf8).span)
    }

    /// What would be asked of the upstream.
    private func upstreamTarget(_ method: RequestMethod, _ target: String) throws -> String {
        let routed = try route(method, target)
        return written { routed.writeUpstreamTarget(of: Array(target.utf8).span, to: &$0) }
    }

    @Test(arguments: [
        (RequestMethod.post, "/v1/chat/completions", Route.chatCompletions, CallDialect.chat, "/v1/chat/completions"),
        (.post, "/chat/completions", .chatCompletions, .chat, "/v1/chat/completions"),
        (.post, "/v1/v1/chat/completions", .chatCompletions, .chat, "/v1/chat/completions"),
        (.post, "/v1//chat/completions", .chatCompletions, .chat, "/v1/chat/completions"),
        (.post, "/v1/responses", .responses, .responses, "/v1/responses"),
        (.post, "/responses", .responses, .responses, "/v1/responses"),
        (.post, "/v1/messages", .messages, .messages, "/v1/messages"),
        (.post, "/messages", .messages, .messages, "/v1/messages"),
        (.post, "/v1/v1/messages", .messages, .messages, "/v1/messages"),
        (.post, "/anthropic/v1/messages", .messages, .messages, "/v1/messages"),
        (.post, "/anthropic/messages", .messages, .messages, "/v1/messages"),
        (.post, "/v1/messages/count_tokens", .countTokens, .messages, "/v1/messages/count_tokens"),
        (.post, "/anthropic/v1/messages/count_tokens", .countTokens, .messages, "/v1/messages/count_tokens"),
        (.post, "/v1/embeddings", .embeddings, .other, "/v1/embeddings"),
        (.get, "/v1/models", .models, .other, "/v1/models"),
        (.get, "/models", .models, .other, "/v1/models"),
        (.get, "/anthropic/v1/models", .models, .messages, "/v1/models"),
        (.get, "/v1/models/gpt-5", .model, .other, "/v1/models/gpt-5"),
        (.get, "/v1/models/org/name%2Fx", .model, .other, "/v1/models/org/name%2Fx"),
        (.get, "/v1/responses/resp_1", .response, .responses, "/v1/responses/resp_1"),
        (.delete, "/responses/resp_1", .response, .responses, "/v1/responses/resp_1"),
        (.get, "/v1/responses/resp_1/input_items", .responseInputItems, .responses, "/v1/responses/resp_1/input_items"),
        (.get, "/v1/responses/resp_1/x", .otherV1, .responses, "/v1/responses/resp_1/x"),
        (.delete, "/v1/responses/resp_1/input_items", .otherV1, .responses, "/v1/responses/resp_1/input_items"),
        (.post, "/v1/responses/resp_1/cancel", .otherV1, .responses, "/v1/responses/resp_1/cancel"),
        (.post, "/responses/compact", .otherV1, .responses, "/v1/responses/compact"),
        (.get, "/v1/chat/completions", .otherV1, .chat, "/v1/chat/completions"),
        (.other, "/v1/responses/resp_1", .otherV1, .responses, "/v1/responses/resp_1"),
        (.post, "/v1/messages/batches", .otherV1, .messages, "/v1/messages/batches"),
        (.post, "/v1/completions", .otherV1, .other, "/v1/completions"),
        (.get, "/v1/files", .otherV1, .other, "/v1/files"),
        (.get, "/v1", .otherV1, .other, "/v1"),
        (.get, "/v1/models/", .otherV1, .other, "/v1/models/"),
        (.post, "/v1/chat/completionsx", .otherV1, .chat, "/v1/chat/completionsx"),
    ])
    func `every spelling of a path leads to its route and one upstream path`(
        method: RequestMethod, target: String, expected: Route, dialect: CallDialect, upstream: String
    ) throws {
        for query in ["", "?beta=true", "?a=%zz&b=//../x\u{E9}&c=/v1"] {
            for prefix in ["", "http://gateway:8787", "HTTPS://[::1]:1"] {
                let routed = try route(method, prefix + target + query)

                #expect(routed.route == expected)
                #expect(routed.dialect == dialect)
                #expect(routed.route.goesUpstream)
                #expect(try upstreamTarget(method, prefix + target + query) == upstream + query)
            }
        }
    }

    @Test(arguments: [
        (RequestMethod.get, "/health", Route.health), (.post, "/health", .health), (.get, "/v1/health", .health),
        (.post, "/v1/health?full=1", .health), (.head, "/health", .health), (.get, "/metrics", .metrics),
        (.get, "/", .root), (.head, "/?x", .root), (.get, "/favicon.ico", .unknown), (.post, "/v2/chat", .unknown),
        (.get, "/v1x", .unknown), (.get, "/anthropic", .unknown), (.get, "/modelsx", .unknown),
        (.get, "/chatter", .unknown),
    ])
    func `what is not below v1 stays here`(method: RequestMethod, target: String, expected: Route) throws {
        let routed = try route(method, target)

        #expect(routed.route == expected)
        #expect(!routed.route.goesUpstream)
    }

    @Test func `a model's id is found where it stands`() throws {
        let target = "http://h/anthropic/v1/models/claude%2Fx?limit=1"

        let range = try #require(try route(.get, target).identifier)

        #expect(String(decoding: Array(target.utf8)[range], as: UTF8.self) == "claude%2Fx")
        #expect(try route(.get, "/v1/models").identifier == nil)
    }

    @Test(arguments: [
        ("/v1/lcm/expand/k7f2", CallDialect.other), ("/v1/v1/lcm/expand/k7f2?lines=1-2", .other),
        ("http://h/v1/lcm/expand/k7f2", .other), ("/anthropic/v1/lcm/expand/k7f2", .messages),
        ("/anthropic/lcm/expand/k7f2", .messages),
    ])
    func `a handle is found where it stands, and stays here`(target: String, dialect: CallDialect) throws {
        for method in [RequestMethod.get, .head] {
            let routed = try route(method, target)
            let range = try #require(routed.identifier)

            #expect(routed.route == .expand)
            #expect(routed.dialect == dialect)
            #expect(!routed.route.goesUpstream && routed.route.isRecorded)
            #expect(String(decoding: Array(target.utf8)[range], as: UTF8.self) == "k7f2")
        }
        #expect(throws: TargetRefusal.methodNotAllowed(allow: .get)) { try route(.post, target) }
        #expect(throws: TargetRefusal.methodNotAllowed(allow: .get)) { try route(.delete, target) }
    }

    @Test(arguments: [
        "/v1/lcm", "/v1/lcm/", "/v1/lcm/expand", "/v1/lcm/expand/", "/v1/lcm/expand/a/b", "/v1/lcm/other",
        "/anthropic/v1/lcm/x", "/lcm/expand/k7f2",
    ])
    func `what is unknown among our own paths never goes upstream`(target: String) throws {
        for method in [RequestMethod.get, .post, .delete, .other] {
            #expect(try route(method, target).route == .unknown)
        }
    }

    @Test(arguments: [
        ("/v1/%", TargetRefusal.badPercentEncoding), ("/v1/%4", .badPercentEncoding), ("/v1/%zz", .badPercentEncoding),
        ("/v1/../metrics", .dotSegment), ("/v1/./x", .dotSegment), ("/v1/..", .dotSegment), ("/v1/.", .dotSegment),
        ("/v1/%2e%2E/x", .dotSegment), ("/v1/.%2e/x", .dotSegment), ("/v1/x%2f..%2fy", .dotSegment),
        ("/v1/..;a/x", .dotSegment), ("/..?x", .dotSegment),
        ("/v1/a\\b", .backslash), ("/v1/a%5cb", .backslash), ("/v1/a%5C..", .backslash),
        ("/v1/a%00b", .forbiddenByte), ("/v1/a%0d%0ab", .forbiddenByte), ("/v1/a%7f", .forbiddenByte),
        ("/v1/a\u{1}b", .forbiddenByte), ("/v1/a b", .forbiddenByte), ("/v1/\u{E9}", .forbiddenByte),
        ("/v1/x?a=\u{0}", .forbiddenByte), ("/v1/x?a b", .forbiddenByte), ("/v1/x?a\u{7F}", .forbiddenByte),
        ("/v1/x#y", .fragment), ("/v1/x?y#z", .fragment),
        ("//v1/models", .leadingDoubleSlash), ("//", .leadingDoubleSlash), ("http://h//v1/models", .leadingDoubleSlash),
        ("", .notAPath), ("*", .notAPath), ("v1/models", .notAPath), ("ftp://h/v1/models", .notAPath),
        ("http:///v1/models", .notAPath), ("http://h", .notAPath), ("http://h?/x", .notAPath), ("http://", .notAPath),
        ("http://h%2F../v1/models", .notAPath), ("http://user@h/v1/models", .notAPath), ("http://h:x/v1", .notAPath),
    ])
    func `a target that two programs could read differently is refused`(target: String, refusal: TargetRefusal) {
        #expect(throws: refusal) { try route(.get, target) }
        #expect(refusal.error.kind == .badRequest)
    }

    @Test(arguments: ["/v1/a..b", "/v1/...", "/v1/.hidden", "/v1/a.", "/v1/%41", "/v1/a;b=..c", "/v1/a//b"])
    func `dots inside a name and other odd paths pass`(target: String) throws {
        #expect(try route(.get, target).route == .otherV1)
        #expect(try upstreamTarget(.get, target) == target)
    }

    @Test(arguments: [RequestMethod.options, .connect, .trace])
    func `OPTIONS, CONNECT and TRACE are refused everywhere`(method: RequestMethod) {
        for target in ["*", "/v1/chat/completions", "/health", "host:443", "/"] {
            #expect(throws: TargetRefusal.methodNotAllowed(allow: .passedOn)) { try route(method, target) }
        }
    }

    @Test func `our own paths name the methods they take`() {
        #expect(throws: TargetRefusal.methodNotAllowed(allow: .get)) { try route(.post, "/metrics") }
        #expect(throws: TargetRefusal.methodNotAllowed(allow: .get)) { try route(.other, "/") }
        #expect(throws: TargetRefusal.methodNotAllowed(allow: .getAndPost)) { try route(.other, "/v1/health") }

        let error = TargetRefusal.methodNotAllowed(allow: .getAndPost).error
        #expect(error.kind == .methodNotAllowed)
        #expect(error.message.contains("GET, HEAD, POST"))
    }

    @Test(arguments: [
        ("GET", RequestMethod.get), ("POST", .post), ("HEAD", .head), ("OPTIONS", .options), ("CONNECT", .connect),
        ("TRACE", .trace), ("DELETE", .delete), ("get", .other), ("", .other), ("POSTS", .other),
    ])
    func `methods are case-sensitive tokens`(token: String, method: RequestMethod) {
        #expect(RequestMethod(token: Array(token.utf8).span) == method)
    }

    @Test func `whatever is routed has no dot segment, and its suffix lies inside it`() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "/", "v1", "anthropic", "%2e", ".", "%2F", "?", "http://h", "models", "\\", "#", "%", "é", "messages",
        ]
        var routedCount = 0
        for _ in 0..<20_000 {
            let chosen = (0..<Int.random(in: 1...8, using: &generator)).compactMap { _ in
                pieces.randomElement(using: &generator)
            }
            let target = chosen.joined()
            guard let routed = try? route(.get, target) else { continue }

            routedCount += 1
            #expect(routed.upstreamSuffix.upperBound == target.utf8.count, "\(target)")
            let path = target.prefix { $0 != "?" }.replacing("%2e", with: ".").replacing("%2F", with: "/")
            #expect(!path.split(separator: "/").contains { $0 == "." || $0 == ".." }, "\(target)")
        }
        #expect(routedCount > 500)
    }
}
