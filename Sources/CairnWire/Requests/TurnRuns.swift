// Turns as other dialects group them. responses has an item for every part of an answer, chat a message for every tool
// result; chat and messages want an answer in one message and all results of its calls right behind it.
//
//     responses:  R  F1 F2 | O1 O2 | U        messages:  A[R F1 F2] | U[O1 O2 ...]        chat:  A | T1 T2 | U
//                  run      run of others
//
// A run grows only at its end, and what a provider hashes of the turns in it does not depend on what follows, as long as all
// results of a turn's calls come in one call of the gateway, as every harness sends them.

/// A maximal run of assistant turns, or of others.
struct TurnRun {
    var turns: Range<Int>
    var isAssistant: Bool
}

extension Prompt {
    /// The first turn that is neither system nor developer: what stands before it is the system prompt.
    var systemEnd: Int { turns.firstIndex { $0.role != .system && $0.role != .developer } ?? turns.count }

    /// How many turns have a member of the request of their own, before the array of the others: `system` of messages and
    /// `instructions` of responses.
    var frontTurnCount: Int {
        guard dialect != .chat, let first = turns.first, first.role == .system else { return 0 }
        // A message with the role system is an object, the member a string or an array.
        let isMessage = first.element.map { source.withBytes(of: $0) { $0.first == UInt8(ascii: "{") } } ?? false
        return isMessage ? 0 : 1
    }

    /// The runs behind the system prompt.
    func runs() -> [TurnRun] {
        var runs: [TurnRun] = []
        for index in systemEnd..<turns.count {
            let isAssistant = turns[index].role == .assistant
            if let last = runs.last, last.isAssistant == isAssistant {
                runs[runs.count - 1].turns = last.turns.lowerBound..<index + 1
            } else {
                runs.append(TurnRun(turns: index..<index + 1, isAssistant: isAssistant))
            }
        }
        return runs
    }
}

extension Part {
    public var isToolResult: Bool {
        if case .toolResult = content { true } else { false }
    }

    var isToolCall: Bool {
        if case .toolCall = content { true } else { false }
    }

    public var isThinking: Bool {
        if case .thinking = content { true } else { false }
    }

    /// The text of a text or refusal part.
    var text: RawJSON? {
        switch content {
        case .text(let text), .refusal(let text): text
        default: nil
        }
    }
}

extension PromptWriter {
    /// Counts what of a part another dialect cannot have, whatever the part is.
    mutating func account(_ part: Part) {
        if isSameDialect { return }
        if part.cacheControl != nil, upstream.dialect != .messages { lose("cache_control", .noCounterpart) }
        if !part.unknown.isEmpty { lose(unknown: part.unknown, in: "content") }
    }

    /// Counts what of a turn another dialect cannot have.
    mutating func account(_ turn: Turn) {
        if isSameDialect { return }
        if !turn.unknown.isEmpty { lose(unknown: turn.unknown, in: "message") }
        if turn.name != nil, upstream.dialect != .chat, turn.role != .tool { lose("name", .noCounterpart) }
    }

    /// Counts a part that only its own dialect has, under its type.
    mutating func loseForeign(_ type: RawJSON) { lose(source.text(of: type) ?? "?", .noCounterpart) }

    /// Counts opaque thinking state that stays behind; the carrying form is nobody's but ours.
    mutating func loseSignature(_ signature: RawJSON?) {
        guard let signature, !isEmpty(signature) else { return }
        if !isCarried(signature) { lose("thinking.signature", .bound) }
    }

    /// Whether opaque thinking state is in the form in which a client of another dialect carries it.
    func isCarried(_ signature: RawJSON) -> Bool {
        source.withBytes(of: signature) { $0.dropFirst().starts(with: CarriedThinking.prefix.utf8) }
    }

    /// Whether a turn of the target's own dialect holds thoughts of another provider, which the target must not be shown: a
    /// session that moved from one upstream to another.
    func holdsCarriedThinking(_ turn: Turn) -> Bool {
        guard turn.role == .assistant else { return false }
        for part in turn.parts where holdsCarriedThinking(part) { return true }
        return false
    }

    func holdsCarriedThinking(_ part: Part) -> Bool {
        guard !upstream.keepsCarriedThinking, case .thinking(let thinking) = part.content,
            let signature = thinking.signature
        else { return false }
        return isCarried(signature)
    }

    /// A result's texts in the tag that says it is an error, where the dialect has no flag for it.
    mutating func errorText(_ texts: [RawJSON]) {
        quote()
        out.append("<tool_error>")
        for (index, text) in texts.enumerated() {
            if index > 0 { out.append("\\n") }
            content(of: text)
        }
        out.append("</tool_error>")
        quote()
    }

    /// An error for a part the target cannot take, with the place of its turn in the client's request.
    func untranslatable(_ turn: Int, _ reason: String) -> WireError {
        let isInFront = turn < frontTurnCount
        let list = clientDialect == .responses ? "input" : "messages"
        let front = clientDialect == .responses ? "instructions" : "system"
        return WireError(.untranslatable, at: isInFront ? front : "\(list)[\(turn - frontTurnCount)]", reason)
    }
}
