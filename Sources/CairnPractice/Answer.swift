// What the model "said": the same value for all dialects, streaming or not. ScriptedAgent makes it; the
// dialects write it.

struct Answer: Sendable, Equatable {
    enum Ending: Sendable, Equatable {
        case complete
        case toolCalls
        /// The limit on output tokens cut the answer.
        case tokensMax
        /// One of the request's stop sequences cut the answer.
        case stopSequence(String)
    }

    var reasoning: String?
    var text: String
    var toolCalls: [ToolCall] = []
    var ending = Ending.complete
    /// The text goes out as one event, whatever its length (the huge-data-line fault).
    var isTextWhole = false

    var reasoningTokens: Int { tokenCount(ofBytes: reasoning?.utf8.count ?? 0) }

    /// All the tokens the answer costs, reasoning included; never 0.
    var outputTokens: Int {
        let calls = toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.input.utf8.count }
        return max(1, reasoningTokens + tokenCount(ofBytes: text.utf8.count + calls))
    }

    /// Cuts the answer as the request asked: at its stop sequences, then at its token limit.
    mutating func limit(tokensMax: Int?, stopSequences: [String]) {
        for stop in stopSequences where !stop.isEmpty {
            guard let start = text.firstIndex(of: stop) else { continue }
            text = String(text[..<start])
            toolCalls = []
            ending = .stopSequence(stop)
        }
        guard let tokensMax, outputTokens > tokensMax else { return }
        let reasoningRoom = tokensMax * bytesPerToken
        reasoning = reasoning.map { $0.prefix(utf8Count: reasoningRoom) }
        let textRoom = (tokensMax - reasoningTokens) * bytesPerToken
        text = text.prefix(utf8Count: max(0, textRoom))
        toolCalls = []
        ending = .tokensMax
    }
}

struct ToolCall: Sendable, Equatable {
    var id: String
    var name: String
    /// The JSON text of the arguments, or the plain text given to a freeform tool.
    var input: String
    var isFreeform = false
}

extension String {
    /// Where `word` first begins; nil when it does not occur.
    func firstIndex(of word: String) -> Index? {
        indices.first { self[$0...].hasPrefix(word) }
    }

    /// The longest beginning of at most `utf8Count` bytes that ends between characters.
    func prefix(utf8Count: Int) -> String {
        guard utf8.count > utf8Count else { return self }
        var end = utf8.index(startIndex, offsetBy: utf8Count)
        while end > startIndex, Index(end, within: self) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }

    /// The text cut before each word, white space going with the word that follows: one piece is one
    /// stream event. The pieces joined are the text.
    var wordPieces: [Substring] {
        var pieces: [Substring] = []
        var start = startIndex
        var isInWord = false
        for index in unicodeScalars.indices {
            let isSpace = unicodeScalars[index].properties.isWhitespace
            if isSpace, isInWord {
                pieces.append(self[start..<index])
                start = index
            }
            isInWord = !isSpace
        }
        if start < endIndex { pieces.append(self[start...]) }
        return pieces
    }

    /// The text cut every `length` characters: how the arguments of a tool call are streamed.
    func pieces(ofLength length: Int) -> [Substring] {
        var pieces: [Substring] = []
        var rest = self[...]
        while !rest.isEmpty {
            pieces.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}

/// Characters of a tool call's arguments in one stream event.
let argumentPieceLength = 12
