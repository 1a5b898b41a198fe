// A prompt of any dialect as the strategies see it: the texts its model reads, unescaped, part by part.

import CairnCore
import CairnWire

extension ContextMessage {
    /// The messages of a prompt, one for each turn. Parts without text (images, files, parts of one dialect only) have no
    /// place here; a result of several texts is one part.
    /// - Complexity: one pass over the texts.
    public static func messages(of prompt: Prompt) -> [ContextMessage] {
        var calls: [String: (name: String, arguments: [UInt8])] = [:]
        return prompt.turns.map { turn in
            ContextMessage(
                Role(turn.role), turn.parts.compactMap { contextPart($0, turn.role, prompt.source, &calls) })
        }
    }

    private static func contextPart(
        _ part: Part, _ role: Turn.Role, _ source: SourceDocument,
        _ calls: inout [String: (name: String, arguments: [UInt8])]
    ) -> ContextPart? {
        switch part.content {
        case .text(let text), .refusal(let text):
            return source.text(of: text).map { ContextPart(kind(role), Array($0.utf8)) }
        case .thinking(let thinking):
            let text = thinking.texts.compactMap { source.text(of: $0) }.joined(separator: "\n")
            return text.isEmpty ? nil : ContextPart(.thinking, Array(text.utf8))
        case .toolCall(let call):
            let name = source.text(of: call.name) ?? ""
            let identifier = source.text(of: call.identifier) ?? ""
            let arguments = bytes(call.arguments, source)
            calls[identifier] = (name, arguments)
            return ContextPart(.arguments, arguments, toolName: name, callID: identifier)
        case .toolResult(let result):
            let identifier = source.text(of: result.identifier) ?? ""
            let texts = result.parts.compactMap { part -> String? in
                guard case .text(let text) = part.content else { return nil }
                return source.text(of: text)
            }
            let call = calls[identifier]
            return ContextPart(
                .result, Array(texts.joined(separator: "\n").utf8), toolName: call?.name ?? "", callID: identifier,
                arguments: call?.arguments ?? [])
        case .image, .audio, .file, .foreign: return nil
        }
    }

    private static func bytes(_ arguments: Part.ToolCall.Arguments, _ source: SourceDocument) -> [UInt8] {
        switch arguments {
        case .quoted(let text), .freeform(let text): source.text(of: text).map { Array($0.utf8) } ?? []
        case .object(let object): source.withBytes(of: object) { Array($0) }
        }
    }

    private static func kind(_ role: Turn.Role) -> ContextPart.Kind {
        switch role {
        case .system, .developer: .system
        case .user, .tool: .user
        case .assistant: .text
        }
    }
}

extension ContextMessage.Role {
    fileprivate init(_ role: Turn.Role) {
        switch role {
        case .system, .developer: self = .system
        case .user: self = .user
        case .assistant: self = .assistant
        case .tool: self = .tool
        }
    }
}
