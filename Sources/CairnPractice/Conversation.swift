// What the scripted agent needs to know of a request, whichever dialect it came in: who said what, which
// tools are offered, and what kind of answer is wanted. ChatRequest, ResponsesRequest and MessagesRequest
// read their own wire shape into this.

/// The wire APIs the practice provider speaks.
enum Dialect: String, Sendable, CaseIterable {
    case chat, responses, messages
}

struct Conversation: Sendable {
    var dialect: Dialect
    var model: String
    /// Digest of the request body: every id in the answer follows from it.
    var digest: ContentDigest
    var isStreaming = false
    var turns: [Turn] = []
    var tools: [Tool] = []
    var toolChoice = ToolChoice.auto
    var allowsParallelCalls = true
    var reasoningWish = ReasoningWish.unsaid
    /// The most tokens the answer may have, reasoning included; nil when the request sets no limit.
    var outputTokensMax: Int?
    var stopSequences: [String] = []
    /// A JSON schema the final text must fit; an empty object for any JSON object.
    var answerSchema: JSONValue?

    var family: ProviderFamily { ProviderFamily(dialect: dialect, model: model) }

    /// Turns the model has already answered with.
    var assistantTurnCount: Int {
        turns.count { $0.role == .assistant }
    }

    /// Turns after the last thing the user said: the tool loop so far.
    var turnsSinceUser: ArraySlice<Turn> {
        guard let last = turns.lastIndex(where: { $0.role == .user }) else { return turns[...] }
        return turns[(last + 1)...]
    }

    var lastUserText: String {
        turns.last { $0.role == .user }?.text ?? ""
    }

    /// Whether the answer is to carry reasoning: asked for, or the habit of the model.
    var wantsReasoning: Bool {
        switch reasoningWish {
        case .on: true
        case .off: false
        case .unsaid: model.contains("reason") || model.contains("pro")
        }
    }
}

/// One turn, as far as the agent cares.
struct Turn: Sendable {
    enum Role: Sendable { case system, user, assistant, toolResult }

    var role: Role
    var text: String
    /// Names of the tools an assistant turn calls.
    var calledTools: [String] = []
}

/// A tool the client offers.
struct Tool: Sendable {
    enum Input: Sendable {
        /// Arguments are a JSON object that fits this schema.
        case schema(JSONValue)
        /// The input is plain text (OpenAI's custom tools).
        case freeform
    }

    var name: String
    var input: Input
}

enum ToolChoice: Sendable, Equatable {
    case auto, none, required
    case named(String)
}

enum ReasoningWish: Sendable { case unsaid, on, off }

/// Whose habits an answer follows where the dialect alone does not say.
enum ProviderFamily: Sendable {
    case deepseek, openai, anthropic

    init(dialect: Dialect, model: String) {
        switch dialect {
        case .messages: self = .anthropic
        case .responses: self = .openai
        case .chat: self = model.contains("gpt") ? .openai : .deepseek
        }
    }

    /// OpenAI indents its plain answers; the others write one line.
    func document(_ value: JSONValue) -> [UInt8] {
        self == .openai ? value.indented : value.compact
    }
}

/// Bytes of rendered text the practice provider counts as one token, in prompts and in answers.
let bytesPerToken = 4

func tokenCount(ofBytes bytes: Int) -> Int {
    (bytes + bytesPerToken - 1) / bytesPerToken
}

/// The text of a message's content: a string, or the text parts of a list, joined.
func plainText(of content: JSONValue?) -> String {
    switch content {
    case .string(let text): text
    case .array(let parts):
        parts.compactMap { part in
            part.text ?? part["text"]?.text ?? part["refusal"]?.text
        }.joined()
    default: ""
    }
}
