// An answer put together from its events: what a whole answer is written from, and what a responses stream repeats in
// its `done` events and its last one.

import CairnCore

/// What came of an answer so far.
struct AnswerDraft: Sendable {
    /// All contents of one answer together. A provider that sends more is not answering a client any more.
    static let bytesMax = 67_108_864

    enum Kind: Sendable {
        case text
        case refusal
        case thinking(isRedacted: Bool)
        case toolCall(isFreeform: Bool)
        /// Only its type is known (`name`), which no answer of another dialect repeats.
        case foreign
    }

    struct Part: Sendable {
        var kind: Kind
        /// Contents, as are the four below.
        var identifier: [UInt8]
        var name: [UInt8]
        var namespace: [UInt8]?
        var content: [UInt8]
        var signature: [UInt8]?
        var hasEnded: Bool
    }

    private(set) var parts: [Part] = []
    private(set) var model: [UInt8]?
    private(set) var usage: WireUsage?
    private(set) var reason: FinishReason?
    private(set) var stopSequence: [UInt8]?
    private(set) var isWhole = false
    private var contentBytes = 0

    /// Whether ``bytesMax`` was exceeded; the answer has then failed.
    private(set) var isTooBig = false

    var hasToolCalls: Bool {
        parts.contains { if case .toolCall = $0.kind { true } else { false } }
    }

    mutating func take(_ event: AnswerEvent) {
        switch event {
        case .started(_, let model, _, let usage):
            self.model = model.map { Array($0) }
            if let usage { merge(usage) }
        case .partStarted(let index, let part):
            precondition(index == parts.count, "parts begin in the order of their indexes")
            parts.append(Self.begin(part))
        case .delta(let index, let content):
            guard reserve(content.count) else { return }
            parts[index].content.append(contentsOf: content)
        case .signature(let index, let content):
            guard reserve(content.count) else { return }
            parts[index].signature = (parts[index].signature ?? []) + content
        case .partEnded(let index): parts[index].hasEnded = true
        case .usage(let usage): merge(usage)
        case .stopped(let reason, let stopSequence):
            self.reason = reason
            self.stopSequence = stopSequence.map { Array($0) }
        case .ended: isWhole = true
        case .failed, .ping: break
        }
    }

    private static func begin(_ part: AnswerPart) -> Part {
        var begun = Part(kind: .text, identifier: [], name: [], content: [], signature: nil, hasEnded: false)
        switch part {
        case .text: break
        case .refusal: begun.kind = .refusal
        case .thinking(let isRedacted, let identifier):
            begun.kind = .thinking(isRedacted: isRedacted)
            begun.identifier = identifier.map { Array($0) } ?? []
        case .toolCall(let identifier, let name, let namespace, let isFreeform):
            begun.kind = .toolCall(isFreeform: isFreeform)
            begun.identifier = Array(identifier)
            begun.name = Array(name)
            begun.namespace = namespace.map { Array($0) }
        case .foreign(let type):
            begun.kind = .foreign
            begun.name = Array(type)
        }
        return begun
    }

    private mutating func merge(_ newer: WireUsage) {
        usage = usage ?? WireUsage()
        usage?.merge(newer)
    }

    private mutating func reserve(_ byteCount: Int) -> Bool {
        contentBytes += byteCount
        if contentBytes > Self.bytesMax { isTooBig = true }
        return !isTooBig
    }
}
