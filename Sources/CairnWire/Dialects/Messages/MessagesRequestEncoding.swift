// Writing /v1/messages requests.

import CairnCore

extension MessagesCodec {
    static func encode(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        writer.open("{")
        writer.member("model", ifGiven: prompt.model)
        try encodeTools(prompt.tools, to: &writer)
        let systemEnd = writer.isSameDialect ? prompt.frontTurnCount : prompt.systemEnd
        try encodeSystem(prompt, upTo: systemEnd, to: &writer)
        writer.key("messages")
        writer.open("[")
        if writer.isSameDialect {
            for index in systemEnd..<prompt.turns.count { try encodeOwn(prompt.turns[index], index, to: &writer) }
        } else {
            for run in prompt.runs() {
                for turn in prompt.turns[run.turns] { writer.account(turn) }
                try run.isAssistant
                    ? encodeAnswer(prompt.turns[run.turns], to: &writer)
                    : encodeOthers(prompt, run.turns, to: &writer)
            }
        }
        writer.close("]")
        try encodeSettings(prompt, to: &writer)
        writer.close("}")
    }

    private static func encodeSystem(_ prompt: Prompt, upTo end: Int, to writer: inout PromptWriter) throws(WireError) {
        guard end > 0 else { return }
        if writer.isSameDialect, end == 1, let element = prompt.turns[0].element {
            return writer.isNothing(element) ? () : writer.member("system", element)
        }
        writer.key("system")
        writer.open("[")
        for index in 0..<end {
            writer.account(prompt.turns[index])
            for part in prompt.turns[index].parts { try encodePart(part, index, to: &writer) }
        }
        writer.close("]")
    }

    /// A turn that was read from messages: as it came, or from its parts when somebody changed it. A system turn that was
    /// made has no role here.
    private static func encodeOwn(_ turn: Turn, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if let element = turn.element {
            guard writer.holdsCarriedThinking(turn) else { return writer.element(element) }
            if case .made(let bytes) = element { return writer.elements(bytes) }
        }
        let start = writer.out.count
        writer.open("{")
        writer.member("role", word: turn.role == .assistant ? "assistant" : "user")
        writer.key("content")
        writer.open("[")
        let contentStart = writer.out.count
        if turn.role == .system || turn.role == .developer {
            encodeInstruction(turn, to: &writer)
        } else {
            for part in turn.parts { try encodePart(part, index, to: &writer) }
        }
        // Thoughts of another provider were all it said.
        if writer.out.count == contentStart, !turn.parts.isEmpty { return writer.out.truncate(to: start) }
        writer.close("]")
        writer.members(turn.unknown)
        writer.close("}")
    }

    /// One message for an answer, in the order of its parts. An answer of which nothing is left is left out.
    private static func encodeAnswer(_ turns: ArraySlice<Turn>, to writer: inout PromptWriter) throws(WireError) {
        let start = writer.out.count
        writer.open("{")
        writer.member("role", word: "assistant")
        writer.key("content")
        writer.open("[")
        let contentStart = writer.out.count
        for index in turns.indices {
            for part in turns[index].parts { try encodePart(part, index, to: &writer) }
        }
        if writer.out.count == contentStart { return writer.out.truncate(to: start) }
        writer.close("]}")
    }

    /// One user message for a run: every result first, as the API wants them right behind the calls, then the rest in order.
    private static func encodeOthers(
        _ prompt: Prompt, _ run: Range<Int>, to writer: inout PromptWriter
    ) throws(WireError) {
        let start = writer.out.count
        writer.open("{")
        writer.member("role", word: "user")
        writer.key("content")
        writer.open("[")
        let contentStart = writer.out.count
        for index in run {
            for part in prompt.turns[index].parts where part.isToolResult { try encodePart(part, index, to: &writer) }
        }
        for index in run {
            let turn = prompt.turns[index]
            if turn.role == .system || turn.role == .developer {
                encodeInstruction(turn, to: &writer)
                continue
            }
            for part in turn.parts where !part.isToolResult { try encodePart(part, index, to: &writer) }
        }
        if writer.out.count == contentStart { return writer.out.truncate(to: start) }
        writer.close("]}")
    }

    /// A system or developer turn in the middle stays where it is: hoisting it would rewrite the front of the prompt.
    private static func encodeInstruction(_ turn: Turn, to writer: inout PromptWriter) {
        let texts = turn.parts.compactMap(\.text).filter { !writer.isEmpty($0) }
        for part in turn.parts {
            writer.account(part)
            if case .foreign(let type, _) = part.content { writer.loseForeign(type) }
        }
        if texts.isEmpty { return }
        writer.open("{")
        writer.member("type", word: "text")
        writer.key("text")
        writer.quote()
        writer.out.append("<system-message>\\n")
        for (index, text) in texts.enumerated() {
            if index > 0 { writer.out.append("\\n\\n") }
            writer.content(of: text)
        }
        writer.out.append("\\n</system-message>")
        writer.quote()
        writer.close("}")
    }

    // The encode table

    private static func encodePart(_ part: Part, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if writer.isSameDialect, let element = part.element, !writer.holdsCarriedThinking(part) {
            return writer.element(element)
        }
        writer.account(part)
        switch part.content {
        case .text(let text), .refusal(let text): encodeText(text, part, to: &writer)
        case .thinking(let thinking): encodeThinking(thinking, part, to: &writer)
        case .image(let image): try encodeMedia(image, "image", part, index, to: &writer)
        case .file(let file): try encodeMedia(file, "document", part, index, to: &writer)
        case .audio: throw writer.untranslatable(index, "messages takes no sound")
        case .toolCall(let call): encodeCall(call, part, to: &writer)
        case .toolResult(let result): try encodeResult(result, part, index, to: &writer)
        case .foreign(let type, let element):
            if writer.isSameDialect { writer.element(element) } else { writer.loseForeign(type) }
        }
    }

    private static func close(_ part: Part, to writer: inout PromptWriter) {
        writer.member("cache_control", ifGiven: part.cacheControl)
        if writer.isSameDialect { writer.members(part.unknown) }
        writer.close("}")
    }

    /// The API refuses empty texts.
    private static func encodeText(_ text: RawJSON, _ part: Part, to writer: inout PromptWriter) {
        if writer.isEmpty(text) { return }
        writer.open("{")
        writer.member("type", word: "text")
        writer.member("text", text)
        close(part, to: &writer)
    }

    private static func encodeThinking(_ thinking: Part.Thinking, _ part: Part, to writer: inout PromptWriter) {
        guard let (signature, isRedacted) = writer.signedThinking(thinking) else {
            return writer.lose("thinking", .bound)
        }
        writer.open("{")
        if isRedacted {
            writer.member("type", word: "redacted_thinking")
            writer.member("data", signature)
        } else {
            writer.member("type", word: "thinking")
            writer.key("thinking")
            writer.joined(thinking.texts, separator: "\\n\\n")
            writer.member("signature", signature)
        }
        close(part, to: &writer)
    }

    private static func encodeMedia(
        _ media: Part.Media, _ type: StaticString, _ part: Part, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        if case .file = media.location, !writer.isSameDialect {
            throw writer.untranslatable(
                index, "the upstream does not know the file identifier: send the bytes or a URL")
        }
        if media.detail != nil { writer.lose("detail", .noCounterpart) }
        writer.open("{")
        writer.member("type", word: type)
        writer.key("source")
        writer.open("{")
        encodeSource(media.location, to: &writer)
        writer.close("}")
        writer.member("title", ifGiven: media.name)
        close(part, to: &writer)
    }

    private static func encodeSource(_ location: Part.Media.Location, to writer: inout PromptWriter) {
        switch location {
        case .base64(let mediaType, let data):
            writer.member("type", word: "base64")
            writer.member("media_type", mediaType)
            writer.member("data", data)
        case .url(let url):
            guard let parts = writer.dataURL(url) else {
                writer.member("type", word: "url")
                return writer.member("url", url)
            }
            writer.member("type", word: "base64")
            writer.key("media_type")
            writer.string(parts.mediaType, of: url)
            writer.key("data")
            writer.string(parts.data, of: url)
        case .file(let identifier):
            writer.member("type", word: "file")
            writer.member("file_id", identifier)
        case .text(let text):
            writer.member("type", word: "text")
            writer.member("media_type", word: "text/plain")
            writer.member("data", text)
        }
    }

    private static func encodeCall(_ call: Part.ToolCall, _ part: Part, to writer: inout PromptWriter) {
        writer.open("{")
        writer.member("type", word: "tool_use")
        writer.identifier("id", call.identifier)
        writer.member("name", writer.sentName(call.name, namespace: call.namespace))
        writer.key("input")
        writer.objectArguments(call.arguments)
        close(part, to: &writer)
    }

    private static func encodeResult(
        _ result: Part.ToolResult, _ part: Part, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        writer.open("{")
        writer.member("type", word: "tool_result")
        writer.identifier("tool_use_id", result.identifier)
        if result.parts.count == 1, let text = result.parts[0].text, result.parts[0].element == nil {
            writer.member("content", text)
        } else if !result.parts.isEmpty {
            writer.key("content")
            writer.open("[")
            for inner in result.parts { try encodePart(inner, index, to: &writer) }
            writer.close("]")
        }
        if let isError = result.isError { writer.member("is_error", isError) }
        close(part, to: &writer)
    }

    // Tools

    private static func encodeTools(_ tools: [ToolDefinition], to writer: inout PromptWriter) throws(WireError) {
        let kept = try writer.keptTools(tools)
        guard !kept.isEmpty else { return }
        writer.key("tools")
        writer.open("[")
        for tool in kept { encodeTool(tool, to: &writer) }
        writer.close("]")
    }

    private static func encodeTool(_ tool: ToolDefinition, to writer: inout PromptWriter) {
        if writer.isSameDialect, let element = tool.element { return writer.element(element) }
        writer.open("{")
        switch tool.kind {
        case .function(let parameters, let strict):
            writer.toolHead(tool)
            writer.key("input_schema")
            writer.objectSchema(parameters)
            writer.member("strict", ifGiven: strict)
        case .custom(let format):
            writer.toolHead(tool)
            writer.key("input_schema")
            writer.freeformSchema(format)
        case .builtIn(let type):
            writer.member("type", type)
            writer.member("name", ifGiven: tool.name)
        }
        writer.member("cache_control", ifGiven: tool.cacheControl)
        if writer.isSameDialect { writer.members(tool.unknown) }
        writer.close("}")
    }
}

extension PromptWriter {
    /// The signature a messages upstream gets with a thinking block: Anthropic's own, which another dialect's client
    /// carried, or an empty one where none is verified; nil when the block must stay behind.
    func signedThinking(_ thinking: Part.Thinking) -> (signature: RawJSON, isRedacted: Bool)? {
        if isSameDialect, let signature = thinking.signature, !isCarried(signature) {
            return (signature, thinking.isRedacted)
        }
        if let signature = thinking.signature, let text = source.text(of: signature),
            let carried = CarriedThinking.unwrap(text), carried.origin == .messages
        {
            return (RawJSON(quoting: carried.opaque), carried.isRedacted)
        }
        guard upstream.takesUnsignedThinking, !thinking.texts.isEmpty else { return nil }
        return (RawJSON(spelled: "\"\""), false)
    }
}
