// PromptShape.swift: a prompt as the cache models see it: where each turn ends, how many tokens there are up to it,
// and a digest of everything before. The digests are chained, so two prompts agree up to a turn exactly when its
// digests are equal, and the common prefix of two prompts of 1,000 turns is found without walking them.

import CairnCore

/// The end of a turn in a prompt.
public struct PromptMark: Hashable, Sendable {
    /// Of this turn and all before it (``Fingerprint/appending(turn:)``).
    public let lineage: Fingerprint
    /// Tokens up to here, counted or estimated.
    public let tokens: Int
    /// Content blocks up to here: what Anthropic's look-back counts.
    public let blocks: Int
    /// The cache breakpoint on the turn's last block, if there is one.
    public let breakpoint: CacheLifetime?
}

/// A prompt, turn by turn. Tools and system prompt are its first turn.
///
/// Make it once for a session and append what is new: a copy shares the marks.
public struct PromptShape: Sendable {
    public private(set) var marks: [PromptMark] = []

    public init() {}

    public var tokens: Int { marks.last?.tokens ?? 0 }

    /// The lineage of the whole prompt.
    public var lineage: Fingerprint { marks.last?.lineage ?? .lineageStart }

    /// Adds a turn.
    /// - Parameters:
    ///   - turn: the turn's own digest, of the bytes that go upstream.
    ///   - tokens: of this turn alone, counted or estimated; at least 0.
    ///   - blocks: content blocks of this turn.
    ///   - breakpoint: on its last block. A turn with a breakpoint inside is added as two.
    public mutating func append(turn: Fingerprint, tokens: Int, blocks: Int = 1, breakpoint: CacheLifetime? = nil) {
        marks.append(
            PromptMark(
                lineage: lineage.appending(turn: turn), tokens: self.tokens + max(0, tokens),
                blocks: (marks.last?.blocks ?? 0) + blocks, breakpoint: breakpoint))
    }

    /// Keeps the first `count` turns: a session whose client edited its history goes on from there.
    public mutating func truncate(to count: Int) {
        marks.removeLast(max(0, marks.count - max(0, count)))
    }
}

/// The answer to a prompt, for the caches that keep answers.
public struct AnswerMark: Sendable {
    /// The digest the answer will have as a turn of the next prompt.
    public let turn: Fingerprint

    /// Only for an answer that comes back whole: one with reasoning that clients do not send back has no mark, because
    /// the provider's next prompt then differs from what it computed right behind the last prompt.
    public init(turn: Fingerprint) {
        self.turn = turn
    }
}
