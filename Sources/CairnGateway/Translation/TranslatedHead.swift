// The header of a translated call: which of the client's fields go to a provider of another dialect, and in what form the
// key goes.

import CairnHTTP
import CairnWire

/// The fields of a translated request.
enum TranslatedHead {
    /// What is never passed on: fields of this host, and those that are written anew.
    private static let always = [
        "cookie", "x-cairn-*", "content-type", "content-encoding", "accept-encoding", "authorization", "x-api-key",
    ]
    /// What only the provider of the client's own dialect understands: versions, beta switches, accounts, and what the
    /// vendors' own agents say of themselves.
    private static let ofMessages = ["anthropic-*", "x-app", "x-stainless-*", "x-claude-*"]
    private static let ofOpenAI = [
        "openai-*", "chatgpt-*", "x-codex-*", "x-openai-*", "x-stainless-*", "originator", "session-id", "session_id",
        "thread-id", "conversation_id",
    ]

    private static let withheldFromMessages = NameSet(always + ofMessages)
    private static let withheldFromOpenAI = NameSet(always + ofOpenAI)

    /// The client's fields that stay here.
    static func withheld(_ client: WireDialect) -> NameSet {
        client == .messages ? withheldFromMessages : withheldFromOpenAI
    }

    /// The version of Anthropic's API that the messages codec speaks (platform.claude.com/docs/en/api/versioning).
    static let anthropicVersion = "2023-06-01"

    /// The lines that are written anew. An answer that must be read is asked for without a content coding.
    static func lines(_ head: Head, upstream: PreparedUpstream, target: WireDialect, hasBody: Bool) -> [UInt8] {
        var fields = [("accept-encoding", "identity")]
        if hasBody { fields.append(("content-type", "application/json")) }
        if target == .messages { fields.append(("anthropic-version", anthropicVersion)) }
        let credentials =
            upstream.settings.apiKey.map { Credentials(apiKey: $0.reveal(), authorization: nil) } ?? Credentials(head)
        if let field = credentials.field(for: target) { fields.append(field) }
        return headerLines(fields)
    }
}

/// A key as a client sent it or the settings hold it.
struct Credentials: Equatable, Sendable {
    var apiKey: String?
    var authorization: String?

    /// Keys of Anthropic accounts signed in to, which are taken as bearer tokens only.
    private static let accountTokenPrefix = "sk-ant-oat"

    /// The field for a provider of that dialect: `x-api-key` for messages, a bearer token for the others; nil without a key.
    func field(for target: WireDialect) -> (String, String)? {
        let bearer = bearerToken
        guard let key = bearer ?? apiKey else { return authorization.map { ("authorization", $0) } }
        let isAccountToken = bearer?.hasPrefix(Self.accountTokenPrefix) ?? false
        return target == .messages && !isAccountToken ? ("x-api-key", key) : ("authorization", "Bearer \(key)")
    }

    /// The token of `Bearer TOKEN`; nil for other schemes.
    private var bearerToken: String? {
        guard let authorization else { return nil }
        let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1].drop { $0 == " " })
    }

    /// What tells one caller from another: the key in whichever form it came; empty without one.
    var identity: String { bearerToken ?? apiKey ?? authorization ?? "" }
}

extension Credentials {
    init(_ head: Head) {
        self.init(apiKey: head.value(of: "x-api-key"), authorization: head.value(of: "authorization"))
    }
}

/// The fields of an upstream's answer that stay true when its body is written anew, as lines.
enum RewrittenHead {
    /// Written anew, of one connection only, or about the bytes of the body.
    private static let withheld: Set<String> = [
        "alt-svc", "strict-transport-security", "connection", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length", "content-type", "content-encoding", "content-md5",
        "content-digest", "digest", "etag", "last-modified", "accept-ranges", "vary", "date",
    ]

    /// A client looks for the id of its request under the name its own provider uses: it is there under both.
    private static let requestIdentifiers = (ofMessages: "request-id", ofOpenAI: "x-request-id")

    static func lines(
        _ head: Head, contentType: String, client: CallDialect, adding added: [(String, String)]
    ) -> [UInt8] {
        let named = (head.value(of: "connection") ?? "").lowercased().split(whereSeparator: { $0 == "," || $0 == " " })
        var fields: [(String, String)] = [("content-type", contentType)]
        for field in head.fields {
            let name = field.name.lowercased()
            if withheld.contains(name) || name.hasPrefix("x-cairn-") || named.contains(Substring(name)) { continue }
            fields.append(field)
        }
        let names = requestIdentifiers
        let (wanted, other) =
            client == .messages ? (names.ofMessages, names.ofOpenAI) : (names.ofOpenAI, names.ofMessages)
        if head[wanted] == nil, let identifier = head[other] { fields.append((wanted, identifier)) }
        return headerLines(fields + added)
    }
}
