// The text of a part, read in one way by all: the strategies shorten it, a decision names it by its digest, and expansion
// gives it back. Were there two readings, a digest could not be found again.

import CairnCore
import CairnWire

extension Part {
    /// The text as the model reads it, without JSON's escapes; of a call its arguments as they were sent, of a result its
    /// texts with line feeds between. nil for parts that have none: images, files, thinking that is only signed, parts of
    /// one dialect only, and texts that are no Unicode.
    /// - Complexity: one pass over the text.
    func text(in source: SourceDocument) -> [UInt8]? {
        switch content {
        case .text(let text), .refusal(let text): return Self.bytes(of: text, source)
        case .thinking(let thinking):
            let text = Self.joined(thinking.texts, source)
            return text.isEmpty ? nil : text
        case .toolCall(let call):
            switch call.arguments {
            case .quoted(let text), .freeform(let text): return Self.bytes(of: text, source) ?? []
            case .object(let object): return source.withBytes(of: object) { Array($0) }
            }
        case .toolResult(let result):
            let texts = result.parts.compactMap { part -> RawJSON? in
                if case .text(let text) = part.content { text } else { nil }
            }
            return Self.joined(texts, source)
        case .image, .audio, .file, .foreign: return nil
        }
    }

    private static func bytes(of text: RawJSON, _ source: SourceDocument) -> [UInt8]? {
        source.text(of: text).map { Array($0.utf8) }
    }

    private static func joined(_ texts: [RawJSON], _ source: SourceDocument) -> [UInt8] {
        Array(texts.compactMap { bytes(of: $0, source) }.joined(separator: [UInt8(ascii: "\n")]))
    }
}
