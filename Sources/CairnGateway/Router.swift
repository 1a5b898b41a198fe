// From the method and target of a request to what the gateway does with it. Agents are configured with all kinds of
// base URLs (with /v1, without, with /anthropic), so several spellings lead to one route; what goes upstream is
// always `/v1` followed by the rest of the target exactly as it came.
//
//     /chat/completions?a=b             ─┐
//     /v1/chat/completions?a=b          ─┼─▶ /v1 + /chat/completions?a=b
//     http://gateway/v1/v1/chat/com...  ─┘

import CairnCore

/// What a request asks for.
enum Route: UInt8, CaseIterable, Sendable {
    case chatCompletions
    case responses
    case messages
    case countTokens
    case embeddings
    case models
    case model
    /// GET or DELETE of a response by its id.
    case response
    /// GET of what a response answered.
    case responseInputItems
    /// Any other path or method below /v1: goes upstream as it is.
    case otherV1
    /// GET of what a marker left out, by its handle.
    case expand
    case health
    case metrics
    /// `/`
    case root
    /// Nothing is there: 404.
    case unknown

    /// The name in metrics and records.
    var label: StaticString {
        switch self {
        case .chatCompletions: "chat_completions"
        case .responses: "responses"
        case .messages: "messages"
        case .countTokens: "count_tokens"
        case .embeddings: "embeddings"
        case .models: "models"
        case .model: "model"
        case .response: "response"
        case .responseInputItems: "response_input_items"
        case .otherV1: "other_v1"
        case .expand: "expand"
        case .health: "health"
        case .metrics: "metrics"
        case .root: "root"
        case .unknown: "unknown"
        }
    }

    /// Whether the gateway sends it upstream.
    var goesUpstream: Bool {
        switch self {
        case .chatCompletions, .responses, .messages, .countTokens, .embeddings, .models, .model, .response,
            .responseInputItems, .otherV1:
            true
        case .expand, .health, .metrics, .root, .unknown: false
        }
    }

    /// Whether a call has a life of its own, which is recorded, and errors in the dialect of its caller.
    var isRecorded: Bool { goesUpstream || self == .expand }
}

/// The methods that routing tells apart.
enum RequestMethod: Sendable {
    case get, head, post, delete, options, connect, trace
    /// PUT, PATCH and the rest.
    case other

    /// From the token of the request line (case-sensitive, RFC 9110 section 9.1).
    init(token: Span<UInt8>) {
        if token.equals("POST") {
            self = .post
        } else if token.equals("GET") {
            self = .get
        } else if token.equals("HEAD") {
            self = .head
        } else if token.equals("DELETE") {
            self = .delete
        } else if token.equals("OPTIONS") {
            self = .options
        } else if token.equals("CONNECT") {
            self = .connect
        } else if token.equals("TRACE") {
            self = .trace
        } else {
            self = .other
        }
    }
}

/// Where a request goes.
struct RoutedTarget: Equatable, Sendable {
    var route: Route
    var dialect: CallDialect
    /// The part of the request's target that follows `/v1` upstream: a slash, the rest of the path, and the query.
    var upstreamSuffix: Range<Int>
    /// Where the target names a model, a response or a handle, for the routes that do; percent-encoded as it came.
    var identifier: Range<Int>?
}

extension RoutedTarget {
    /// Writes the path and query to ask the upstream for: `/v1` and the suffix. `target` is the routed one. The
    /// upstream's own path prefix stands before it.
    func writeUpstreamTarget(of target: Span<UInt8>, to writer: inout ByteWriter) {
        writer.append("/v1")
        writer.append(target.extracting(upstreamSuffix))
    }
}

/// Why a target is refused before any routing.
enum TargetRefusal: Error, Equatable, Sendable {
    case notAPath
    case leadingDoubleSlash
    case badPercentEncoding
    case dotSegment
    case backslash
    case forbiddenByte
    case fragment
    /// With the value for the `Allow` field.
    case methodNotAllowed(allow: AllowedMethods)

    /// The methods of a path of our own, or of all that is passed on.
    enum AllowedMethods: Sendable {
        case get, getAndPost, passedOn

        /// The value of the `Allow` field.
        var field: StaticString {
            switch self {
            case .get: "GET, HEAD"
            case .getAndPost: "GET, HEAD, POST"
            case .passedOn: "GET, HEAD, POST, PUT, PATCH, DELETE"
            }
        }
    }

    /// The error for the client.
    var error: GatewayError {
        switch self {
        case .notAPath: GatewayError(.badRequest, detail: "the target is not a path")
        case .leadingDoubleSlash: GatewayError(.badRequest, detail: "the path begins with two slashes")
        case .badPercentEncoding: GatewayError(.badRequest, detail: "a % in the path is not followed by two hex digits")
        case .dotSegment: GatewayError(.badRequest, detail: "the path has a segment . or ..")
        case .backslash: GatewayError(.badRequest, detail: "the path has a backslash")
        case .forbiddenByte: GatewayError(.badRequest, detail: "the target has a byte that must be percent-encoded")
        case .fragment: GatewayError(.badRequest, detail: "the target has a fragment")
        case .methodNotAllowed(let allow): GatewayError(.methodNotAllowed, detail: allow.field.description)
        }
    }
}

/// The routing rules. Allocates nothing; the cost is one pass over the target, about 1 ns a byte.
enum Router {
    static func route(method: RequestMethod, target: Span<UInt8>) throws(TargetRefusal) -> RoutedTarget {
        switch method {
        case .connect, .trace, .options: throw .methodNotAllowed(allow: .passedOn)
        case .get, .head, .post, .delete, .other: break
        }
        let start = try pathStart(target)
        let pathEnd = try TargetCheck.check(target, from: start)
        return try route(method: method, target: target, path: start..<pathEnd)
    }

    private static func route(
        method: RequestMethod, target: Span<UInt8>, path: Range<Int>
    ) throws(TargetRefusal) -> RoutedTarget {
        let base = Base(target: target, path: path)
        let rest = target.extracting(base.restStart..<path.upperBound)
        var routed = RoutedTarget(
            route: .unknown, dialect: base.isAnthropic ? .messages : .other,
            upstreamSuffix: base.restStart..<target.count, identifier: nil)

        if let own = ownRoute(rest, base: base) {
            try checkMethod(method, of: own)
            routed.route = own
            routed.dialect = .other
        } else if base.hasVersion || base.isAnthropic, rest.isBelow(ownFolder) {
            // Ours alone: no upstream shall ever see a handle.
            guard let handle = handle(in: rest) else { return routed }
            try checkMethod(method, of: .expand)
            routed.route = .expand
            routed.identifier = handle.lowerBound + base.restStart..<handle.upperBound + base.restStart
        } else if let (route, dialect) = apiRoute(method: method, rest: rest, isAnthropic: base.isAnthropic) {
            (routed.route, routed.dialect) = (route, dialect)
            routed.identifier = identifier(of: route, rest).map {
                $0.lowerBound + base.restStart..<$0.upperBound + base.restStart
            }
        } else if base.hasVersion || namesAPI(rest) {
            routed.route = .otherV1
            routed.dialect = dialect(ofOther: rest, isAnthropic: base.isAnthropic)
        }
        return routed
    }

    /// Where the path begins: 0, or after scheme and authority of an absolute-form target (RFC 9112, 3.2.2). The
    /// authority must be one, but says nothing to routing: the Host rules look at the Host field.
    private static func pathStart(_ target: Span<UInt8>) throws(TargetRefusal) -> Int {
        guard !target.isEmpty else { throw .notAPath }
        if target[0] == UInt8(ascii: "/") {
            guard target.count == 1 || target[1] != UInt8(ascii: "/") else { throw .leadingDoubleSlash }
            return 0
        }
        guard
            let authority = target.endOfPrefix("http://", ignoringCase: true)
                ?? target.endOfPrefix("https://", ignoringCase: true)
        else { throw .notAPath }
        var position = authority
        while position < target.count, target[position] != UInt8(ascii: "/") { position += 1 }
        guard position < target.count, HostField.name(of: target, in: authority..<position) != nil else {
            throw .notAPath
        }
        guard position + 1 == target.count || target[position + 1] != UInt8(ascii: "/") else {
            throw .leadingDoubleSlash
        }
        return position
    }

    /// The base URL that the client was given, as far as it shows in the path.
    private struct Base {
        /// Where the rest begins: a slash, or the end of the path.
        var restStart: Int
        var hasVersion = false
        var isAnthropic = false

        init(target: Span<UInt8>, path: Range<Int>) {
            restStart = path.lowerBound
            if let end = Self.endOfSegment("/anthropic", target, restStart, path.upperBound) {
                restStart = end
                isAnthropic = true
            }
            while let end = Self.endOfSegment("/v1", target, restStart, path.upperBound) {
                restStart = end
                hasVersion = true
            }
            // A base URL that ends in a slash: /v1//chat/completions.
            while restStart > path.lowerBound, restStart + 1 < path.upperBound,
                target[restStart + 1] == UInt8(ascii: "/")
            {
                restStart += 1
            }
        }

        private static func endOfSegment(
            _ segment: StaticString, _ target: Span<UInt8>, _ start: Int, _ end: Int
        ) -> Int? {
            let after = start + segment.utf8CodeUnitCount
            guard after <= end, target.extracting(start..<after).equals(segment) else { return nil }
            return after == end || target[after] == UInt8(ascii: "/") ? after : nil
        }
    }

    private static func ownRoute(_ rest: Span<UInt8>, base: Base) -> Route? {
        guard !base.isAnthropic else { return nil }
        if rest.equals("/health") { return .health }
        guard !base.hasVersion else { return nil }
        if rest.equals("/metrics") { return .metrics }
        return rest.equals("/") ? .root : nil
    }

    private static func checkMethod(_ method: RequestMethod, of route: Route) throws(TargetRefusal) {
        switch (route, method) {
        case (_, .get), (_, .head), (.health, .post): return
        case (.health, _): throw .methodNotAllowed(allow: .getAndPost)
        default: throw .methodNotAllowed(allow: .get)
        }
    }

    private static func apiRoute(
        method: RequestMethod, rest: Span<UInt8>, isAnthropic: Bool
    ) -> (Route, CallDialect)? {
        switch method {
        case .post:
            if rest.equals("/chat/completions") { return (.chatCompletions, .chat) }
            if rest.equals("/messages") { return (.messages, .messages) }
            if rest.equals("/responses") { return (.responses, .responses) }
            if rest.equals("/messages/count_tokens") { return (.countTokens, .messages) }
            if rest.equals("/embeddings") { return (.embeddings, .other) }
        case .get, .head:
            let dialect: CallDialect = isAnthropic ? .messages : .other
            if rest.equals("/models") { return (.models, dialect) }
            if rest.count > modelsFolder.utf8CodeUnitCount, rest.starts(with: modelsFolder) { return (.model, dialect) }
            if isResponse(rest, itemsOnly: false) { return (.response, .responses) }
            if isResponse(rest, itemsOnly: true) { return (.responseInputItems, .responses) }
        case .delete:
            if isResponse(rest, itemsOnly: false) { return (.response, .responses) }
        case .options, .connect, .trace, .other: break
        }
        return nil
    }

    private static let ownFolder: StaticString = "/lcm"
    private static let expandFolder: StaticString = "/lcm/expand/"

    /// Where a path of ours names a handle; nil: it names none.
    private static func handle(in rest: Span<UInt8>) -> Range<Int>? {
        guard rest.starts(with: expandFolder) else { return nil }
        let start = expandFolder.utf8CodeUnitCount
        for position in start..<rest.count where rest[position] == UInt8(ascii: "/") { return nil }
        return start < rest.count ? start..<rest.count : nil
    }

    private static let modelsFolder: StaticString = "/models/"
    private static let responsesFolder: StaticString = "/responses/"
    private static let inputItems: StaticString = "/input_items"

    /// Whether the path is `/responses/ID`, or with `itemsOnly` `/responses/ID/input_items`.
    private static func isResponse(_ rest: Span<UInt8>, itemsOnly: Bool) -> Bool {
        guard rest.starts(with: responsesFolder) else { return false }
        let start = responsesFolder.utf8CodeUnitCount
        var end = start
        while end < rest.count, rest[end] != UInt8(ascii: "/") { end += 1 }
        guard end > start else { return false }
        return itemsOnly ? rest.extracting(end..<rest.count).equals(inputItems) : end == rest.count
    }

    /// Where the rest of a path names a model or a response.
    private static func identifier(of route: Route, _ rest: Span<UInt8>) -> Range<Int>? {
        switch route {
        case .model: modelsFolder.utf8CodeUnitCount..<rest.count
        case .response: responsesFolder.utf8CodeUnitCount..<rest.count
        case .responseInputItems: responsesFolder.utf8CodeUnitCount..<rest.count - inputItems.utf8CodeUnitCount
        default: nil
        }
    }

    /// Whether a path without /v1 belongs to an API that clients call with a base URL without /v1.
    private static func namesAPI(_ rest: Span<UInt8>) -> Bool {
        rest.isBelow("/chat") || rest.isBelow("/responses") || rest.isBelow("/messages") || rest.isBelow("/models")
            || rest.isBelow("/embeddings") || rest.isBelow("/completions")
    }

    private static func dialect(ofOther rest: Span<UInt8>, isAnthropic: Bool) -> CallDialect {
        if isAnthropic || rest.isBelow("/messages") { return .messages }
        if rest.isBelow("/chat") { return .chat }
        return rest.isBelow("/responses") ? .responses : .other
    }
}
