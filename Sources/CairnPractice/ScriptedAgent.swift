// The model behind the practice provider: a small deterministic agent. With tools offered it explores for
// two or three turns, once in parallel, and then sums up; without tools it answers with a helpful echo; a
// script replaces all of that. The same request always gets the same answer.

struct ScriptedAgent: Sendable {
    /// Words one answer may be asked to have.
    static let wordsMax = 200_000

    /// The turns to play instead of the built-in behaviour.
    var script: Script?
    /// Exact number of words of the final text; nil for a natural answer.
    var words: Int?
    /// Bytes of one unbroken word to answer with (the huge-data-line fault).
    var hugeWordBytes: Int?

    func answer(to conversation: Conversation) -> Answer {
        var answer =
            script.map { scripted($0, conversation) }
            ?? toolTurn(conversation)
            ?? Answer(reasoning: nil, text: finalText(conversation))
        if answer.reasoning == nil, script == nil, conversation.wantsReasoning {
            answer.reasoning = reasoning(conversation, answer)
        }
        if let words, answer.toolCalls.isEmpty { answer.text = text(answer.text, ofWords: words) }
        if let hugeWordBytes {
            answer.text = String(repeating: "H", count: hugeWordBytes)
            answer.isTextWhole = true
        }
        answer.limit(tokensMax: conversation.outputTokensMax, stopSequences: conversation.stopSequences)
        return answer
    }

    private func scripted(_ script: Script, _ conversation: Conversation) -> Answer {
        let turn = script.turn(afterAssistantTurns: conversation.assistantTurnCount)
        let calls = turn.calls.enumerated().map { index, call in
            let tool = conversation.tools.first { $0.name == call.name }
            return ToolCall(
                id: callID(conversation, index: index), name: call.name, input: call.input,
                isFreeform: tool?.isFreeform ?? false)
        }
        return Answer(
            reasoning: turn.reasoning, text: turn.text, toolCalls: calls,
            ending: calls.isEmpty ? .complete : .toolCalls)
    }

    // MARK: The tool loop

    /// The calls of the next turn of the loop; nil when it is time to sum up.
    ///
    ///     turn 0   one call
    ///     turn 1   two calls in parallel, where the request allows it
    ///     turn 2   one more call, in every second conversation
    private func toolTurn(_ conversation: Conversation) -> Answer? {
        let tools = suitableTools(conversation)
        guard conversation.toolChoice != .none, !tools.isEmpty else { return nil }
        let turn = conversation.turnsSinceUser.count { $0.role == .assistant }
        let isForced = conversation.toolChoice != .auto
        let turnCount = 2 + Int(ContentDigest(conversation.lastUserText).low % 2)
        guard isForced || turn < turnCount else { return nil }
        let callsBefore = conversation.turnsSinceUser.reduce(0) { $0 + $1.calledTools.count }
        let callCount = turn == 1 && conversation.allowsParallelCalls ? 2 : 1
        let calls = (0..<callCount).map { index in
            call(
                tools[(callsBefore + index) % tools.count], conversation, index: index,
                callIndex: callsBefore + index)
        }
        let names = calls.map(\.name).joined(separator: " and ")
        return Answer(
            reasoning: nil, text: turn == 0 ? "Let me look at that with \(names)." : "", toolCalls: calls,
            ending: .toolCalls)
    }

    /// The tool the request insists on, else those that only look, else all.
    private func suitableTools(_ conversation: Conversation) -> [Tool] {
        if case .named(let name) = conversation.toolChoice {
            return conversation.tools.filter { $0.name == name }
        }
        let looking = conversation.tools.filter { !$0.mayChangeThings }
        return looking.isEmpty ? conversation.tools : looking
    }

    private func call(
        _ tool: Tool, _ conversation: Conversation, index: Int, callIndex: Int
    ) -> ToolCall {
        let subject = conversation.lastUserText.wordPieces.prefix(8).joined()
        let isListing = ["list", "ls", "glob", "dir"].contains { tool.name.lowercased().contains($0) }
        let hints = ArgumentHints(callIndex: callIndex, subject: subject, isListing: isListing)
        let input =
            switch tool.input {
            case .schema(let schema):
                SchemaFiller(root: schema["type"] == nil ? ["type": "object"] : schema, hints: hints)
                    .value().compactText
            case .freeform: "practice call \(callIndex + 1): \(subject)"
            }
        return ToolCall(
            id: callID(conversation, index: index), name: tool.name, input: input, isFreeform: tool.isFreeform)
    }

    private func callID(_ conversation: Conversation, index: Int) -> String {
        let digest = conversation.digest.combined(with: UInt64(index) + 1)
        return switch conversation.family {
        case .anthropic: "toolu_01" + digest.base62(22)
        case .openai: "call_" + digest.base62(24)
        case .deepseek: "call_0\(index % 10)_" + digest.base62(20)
        }
    }

    // MARK: Texts

    private func finalText(_ conversation: Conversation) -> String {
        if let schema = conversation.answerSchema {
            let hints = ArgumentHints(callIndex: 0, subject: String(conversation.lastUserText.prefix(80)))
            let root = schema["type"] == nil && schema["properties"] == nil ? echoSchema : schema
            return SchemaFiller(root: root, hints: hints).value().compactText
        }
        let loop = conversation.turnsSinceUser
        let called = loop.flatMap(\.calledTools)
        guard !called.isEmpty else { return echo(conversation) }
        let results = loop.filter { $0.role == .toolResult }
        let bytes = results.reduce(0) { $0 + $1.text.utf8.count }
        let begin = results.last.map { String($0.text.prefix(60).map { $0.isNewline ? " " : $0 }) } ?? ""
        return """
            Done. I called \(called.joined(separator: ", ")) and read \(results.count) results \
            of \(bytes) bytes in all; the last one begins “\(begin)”. \
            This is the practice provider: no model was asked. ✓
            """
    }

    private func echo(_ conversation: Conversation) -> String {
        let asked = conversation.lastUserText
        return """
            You said: “\(asked.prefix(200))\(asked.count > 200 ? "…" : "")”. \
            This is the practice provider: it answers every dialect without a model, a key or a network, \
            so that you can try an agent, a gateway or a client library against it. ✓
            """
    }

    private func reasoning(_ conversation: Conversation, _ answer: Answer) -> String {
        let next =
            answer.toolCalls.isEmpty
            ? "I have what I need and can answer now."
            : "I should call \(answer.toolCalls.map(\.name).joined(separator: " and ")) next."
        return "The user wants: \(conversation.lastUserText.prefix(80)). \(next)"
    }

    /// `natural` stretched with words of every script, or cut, to exactly `count` words.
    private func text(_ natural: String, ofWords count: Int) -> String {
        let pieces = natural.wordPieces
        guard pieces.count < count else { return pieces.prefix(count).joined() }
        var text = natural
        for index in pieces.count..<max(count, pieces.count) {
            if index > 0 { text += " " }
            text += fillerWords[index % fillerWords.count]
        }
        return text
    }
}

/// The answer to "any JSON object".
private let echoSchema: JSONValue = [
    "type": "object", "properties": ["answer": ["type": "string"]], "required": ["answer"],
]

/// Words of one to four bytes a character.
private let fillerWords = [
    "stone", "by", "stone", "the", "cairn", "grows", "naïve", "café", "überall", "путь", "οδός", "石を", "積む",
    "🪨", "so", "that", "those", "who", "follow", "find", "the", "way",
]

extension Tool {
    fileprivate var isFreeform: Bool {
        if case .freeform = input { true } else { false }
    }

    /// Whether the name speaks of more than looking. A real agent may be pointed at the practice provider:
    /// it should not be told to change or remove anything.
    fileprivate var mayChangeThings: Bool {
        let name = name.lowercased()
        return [
            "write", "edit", "delete", "remove", "patch", "replace", "create", "update", "insert", "move", "kill",
            "send", "post", "push", "commit", "install", "exit", "stop",
        ].contains { name.contains($0) }
    }
}
