// A part of a turn as the strategies see it, with the place where it stands in the turn's bytes: what joins the strategies,
// which shorten texts, with the lineage, which sends elements. Read once for each new turn; a turn has one to a dozen parts.

import CairnCore
import CairnWire

/// A part that has text, and where that text stands.
struct LocatedPart {
    var part: ContextPart
    /// Its place in ``Turn/parts``.
    let partIndex: Int
    /// What another text may take the place of: a JSON string, or the arguments' object. nil: it leaves as it came.
    let value: RawJSON?
    /// Its element, where the part may be left out whole.
    let element: RawJSON?

    /// Whether it may leave otherwise than it came.
    var mayChange: Bool { value != nil || element != nil }

    /// `text` as it is spelled in the place of ``value``.
    func spelled(_ text: [UInt8], in source: SourceDocument) -> [UInt8] {
        guard let value, part.kind == .arguments, source.withBytes(of: value, { $0.first }) != UInt8(ascii: "\"") else {
            return JSONText.quoted(String(decoding: text, as: UTF8.self))
        }
        return text
    }
}

/// Names and arguments of the calls of a conversation, by what pairs them with their results.
struct CallBook {
    private var calls: [String: (name: String, arguments: [UInt8])] = [:]

    subscript(identifier: String) -> (name: String, arguments: [UInt8])? { calls[identifier] }

    mutating func note(_ identifier: String, name: String, arguments: [UInt8]) {
        calls[identifier] = (name, arguments)
    }
}

extension LocatedPart {
    /// The line by which a tool asks that its result be left alone.
    static let keepLine = Array("cairn: keep".utf8)

    /// The parts of a turn that have text; images, files and parts of one dialect only have none.
    /// - Complexity: one pass over the texts.
    static func parts(of turn: Turn, in source: SourceDocument, calls: inout CallBook) -> [LocatedPart] {
        let signed = signedThinking(of: turn)
        return turn.parts.enumerated().compactMap { index, part in
            guard let text = part.text(in: source) else { return nil }
            var (read, value) = located(part, reading: text, turn.role, source, &calls)
            if index == signed {
                read.isKept = false
                read.substitute = .nothing
            }
            return LocatedPart(
                part: read, partIndex: index, value: value, element: index == signed ? part.element : nil)
        }
    }

    /// The one thinking block of a message that says more than that. Of several none may go: the provider looks whether
    /// those that follow each other are all there. A block without text, or a redacted one, has no original to expand.
    private static func signedThinking(of turn: Turn) -> Int? {
        guard turn.role == .assistant, turn.parts.count > 1 else { return nil }
        var found: Int?
        for (index, part) in turn.parts.enumerated() {
            guard case .thinking(let thinking) = part.content else { continue }
            guard found == nil, thinking.signature != nil, thinking.texts.count == 1, part.element != nil else {
                return nil
            }
            found = index
        }
        return found
    }

    private static func located(
        _ part: Part, reading bytes: [UInt8], _ role: Turn.Role, _ source: SourceDocument, _ calls: inout CallBook
    ) -> (ContextPart, RawJSON?) {
        switch part.content {
        case .text(let text), .refusal(let text):
            return (ContextPart(ContextPart.Kind(ofTextIn: role), bytes), text)
        case .thinking(let thinking):
            // What is signed, or comes in pieces, goes back as it came.
            let isPlain = thinking.signature == nil && thinking.texts.count == 1 && !thinking.isRedacted
            var part = ContextPart(.thinking, bytes, isKept: !isPlain)
            part.substitute = .text
            return (part, isPlain ? thinking.texts[0] : nil)
        case .toolCall(let call):
            let name = source.text(of: call.name) ?? ""
            let identifier = source.text(of: call.identifier) ?? ""
            calls.note(identifier, name: name, arguments: bytes)
            let part = ContextPart(.arguments, bytes, toolName: name, callID: identifier)
            switch call.arguments {
            case .quoted(let value), .freeform(let value), .object(let value): return (part, value)
            }
        case .toolResult(let result):
            let identifier = source.text(of: result.identifier) ?? ""
            let texts = result.parts.compactMap { part -> RawJSON? in
                if case .text(let text) = part.content { text } else { nil }
            }
            let call = calls[identifier]
            let part = ContextPart(
                .result, bytes, toolName: call?.name ?? "", callID: identifier, arguments: call?.arguments ?? [],
                isKept: texts.count != 1 || asksToStay(bytes))
            return (part, texts.count == 1 ? texts[0] : nil)
        case .image, .audio, .file, .foreign: return (ContextPart(ContextPart.Kind(ofTextIn: role), bytes), nil)
        }
    }

    /// Whether a line of the text is `cairn: keep`, blanks around it aside.
    static func asksToStay(_ text: [UInt8]) -> Bool {
        guard text.count >= keepLine.count else { return false }
        return text.withUnsafeBufferPointer { text in
            var stays = false
            LineForm.forEachLine(in: text) { line in
                guard !stays, line.range.count >= keepLine.count else { return }
                var start = line.range.lowerBound
                var end = line.range.upperBound
                while start < end, LineForm.isBlank(text[start]) { start += 1 }
                while end > start, LineForm.isBlank(text[end - 1]) { end -= 1 }
                stays = text[start..<end].elementsEqual(keepLine)
            }
            return stays
        }
    }
}

extension ContextPart.Kind {
    init(ofTextIn role: Turn.Role) {
        switch role {
        case .system, .developer: self = .system
        case .user, .tool: self = .user
        case .assistant: self = .text
        }
    }
}
