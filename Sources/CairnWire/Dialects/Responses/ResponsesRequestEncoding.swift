// Writing /v1/responses requests.

import CairnCore

extension ResponsesCodec {
    static func encode(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        writer.open("{")
        writer.member("model", ifGiven: prompt.model)
        try encodeTools(prompt.tools, to: &writer)
        let start = encodeInstructions(prompt, to: &writer)
        if let text = ownInput(prompt, from: start, writer) {
            writer.member("input", text)
        } else {
            writer.key("input")
            writer.open("[")
            for index in start..<prompt.turns.count { try encodeTurn(prompt.turns[index], index, to: &writer) }
            writer.close("]")
        }
        try encodeSettings(prompt, to: &writer)
        writer.close("}")
    }

    /// The first system turn is `instructions` when it is one text, and an item when it is more.
    /// - Returns: the index of the first turn of the input.
    private static func encodeInstructions(_ prompt: Prompt, to writer: inout PromptWriter) -> Int {
        guard let first = prompt.turns.first, first.role == .system, first.parts.count == 1,
            let text = first.parts[0].text
        else { return 0 }
        if writer.isSameDialect, let element = first.element {
            guard writer.isString(element) else { return 0 }
            writer.member("instructions", element)
            return 1
        }
        writer.account(first)
        writer.account(first.parts[0])
        writer.member("instructions", text)
        return 1
    }

    /// An input that came as one string and was not changed.
    private static func ownInput(_ prompt: Prompt, from start: Int, _ writer: borrowing PromptWriter) -> RawJSON? {
        guard writer.isSameDialect, prompt.turns.count == start + 1, let element = prompt.turns[start].element,
            writer.isString(element)
        else { return nil }
        return element
    }

    private static func encodeTurn(_ turn: Turn, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if writer.isSameDialect, let element = turn.element {
            guard writer.holdsCarriedThinking(turn) else {
                return writer.isString(element) ? encodeMessage(element, to: &writer) : writer.element(element)
            }
            if case .made(let bytes) = element { return writer.elements(bytes) }
        }
        writer.account(turn)
        for part in turn.parts where part.isToolResult { try encodeItem(part, turn, index, to: &writer) }
        var message: [Part] = []
        for part in turn.parts where !part.isToolResult {
            if part.isThinking || part.isToolCall {
                try encodeMessage(message, turn, index, to: &writer)
                message = []
                try encodeItem(part, turn, index, to: &writer)
            } else {
                message.append(part)
            }
        }
        try encodeMessage(message, turn, index, to: &writer)
    }

    /// What a client gave as its whole input once, among others now.
    private static func encodeMessage(_ text: RawJSON, to writer: inout PromptWriter) {
        writer.open("{")
        writer.member("type", word: "message")
        writer.member("role", word: "user")
        writer.member("content", text)
        writer.close("}")
    }

    /// A message item of parts that stand side by side; none for no parts.
    private static func encodeMessage(
        _ parts: [Part], _ turn: Turn, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        guard !parts.isEmpty else { return }
        let start = writer.out.count
        writer.open("{")
        writer.member("type", word: "message")
        switch turn.role {
        case .system: writer.member("role", word: "system")
        case .developer: writer.member("role", word: "developer")
        case .assistant: writer.member("role", word: "assistant")
        case .user, .tool: writer.member("role", word: "user")
        }
        writer.key("content")
        writer.open("[")
        let contentStart = writer.out.count
        for part in parts { try encodePart(part, isAnswer: turn.role == .assistant, index, to: &writer) }
        if writer.out.count == contentStart { return writer.out.truncate(to: start) }
        writer.close("]")
        if writer.isSameDialect { writer.members(turn.unknown) }
        writer.close("}")
    }

    // The encode tables: parts of messages, and parts that are items

    private static func encodePart(
        _ part: Part, isAnswer: Bool, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        if writer.isSameDialect, let element = part.element { return writer.element(element) }
        writer.account(part)
        switch part.content {
        case .text(let text): encodeText(text, part, isAnswer: isAnswer, to: &writer)
        case .refusal(let text):
            writer.open("{")
            writer.member("type", word: "refusal")
            writer.member("refusal", text)
            writer.close("}")
        case .image, .file, .audio:
            if isAnswer { return writer.lose("assistant media", .noCounterpart) }
            try encodeMedia(part, index, to: &writer)
        case .foreign(let type, let element):
            if writer.isSameDialect { writer.element(element) } else { writer.loseForeign(type) }
        case .thinking, .toolCall, .toolResult: break  // items of their own
        }
    }

    private static func encodeText(_ text: RawJSON, _ part: Part, isAnswer: Bool, to writer: inout PromptWriter) {
        writer.open("{")
        writer.member("type", word: isAnswer ? "output_text" : "input_text")
        writer.member("text", text)
        if writer.isSameDialect { writer.members(part.unknown) }
        writer.close("}")
    }

    private static func encodeMedia(_ part: Part, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        switch part.content {
        case .image(let image): try encodeImage(image, index, to: &writer)
        case .file(let file): try encodeFile(file, index, to: &writer)
        case .audio(let audio):
            guard case .base64(let format, let data) = audio.location else {
                throw writer.untranslatable(index, "responses takes sound as base64 only")
            }
            writer.open("{")
            writer.member("type", word: "input_audio")
            writer.key("input_audio")
            writer.open("{")
            writer.member("data", data)
            writer.member("format", format)
            writer.close("}}")
        default: break
        }
    }

    private static func encodeImage(
        _ image: Part.Media, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        if case .file = image.location, !writer.isSameDialect {
            throw writer.untranslatable(
                index, "the upstream does not know the file identifier: send the bytes or a URL")
        }
        writer.open("{")
        writer.member("type", word: "input_image")
        switch image.location {
        case .url(let url), .text(let url): writer.member("image_url", url)
        case .base64(let mediaType, let data):
            writer.key("image_url")
            writer.dataURL(mediaType: mediaType, data: data)
        case .file(let identifier): writer.member("file_id", identifier)
        }
        writer.member("detail", ifGiven: image.detail)
        writer.close("}")
    }

    private static func encodeFile(_ file: Part.Media, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if case .file = file.location, !writer.isSameDialect, writer.upstream.family != .openai {
            throw writer.untranslatable(
                index, "the upstream does not know the file identifier: send the bytes or a URL")
        }
        writer.open("{")
        if case .text(let text) = file.location {
            writer.member("type", word: "input_text")
            writer.key("text")
            writer.documentText(text, title: file.name)
            return writer.close("}")
        }
        writer.member("type", word: "input_file")
        writer.member("filename", ifGiven: file.name)
        switch file.location {
        case .url(let url):
            writer.dataURL(url) == nil ? writer.member("file_url", url) : writer.member("file_data", url)
        case .base64(let mediaType, let data):
            writer.key("file_data")
            writer.dataURL(mediaType: mediaType, data: data)
        case .file(let identifier): writer.member("file_id", identifier)
        case .text: break
        }
        writer.close("}")
    }

    private static func encodeItem(
        _ part: Part, _ turn: Turn, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        // An item of this dialect whose turn was changed around it.
        if writer.isSameDialect, let element = part.element, !writer.holdsCarriedThinking(part) {
            return writer.element(element)
        }
        writer.account(part)
        switch part.content {
        case .thinking(let thinking): encodeReasoningItem(thinking, to: &writer)
        case .toolCall(let call): encodeCall(call, to: &writer)
        case .toolResult(let result): try encodeResult(result, index, to: &writer)
        case .text, .refusal, .image, .audio, .file, .foreign: break  // parts of messages
        }
    }

    /// A reasoning item: with the cipher text this provider made, or in plain where it reads that.
    private static func encodeReasoningItem(_ thinking: Part.Thinking, to writer: inout PromptWriter) {
        let cipher = writer.ownCipherText(thinking)
        guard cipher != nil || writer.upstream.readsPlainReasoningItems && !thinking.texts.isEmpty else {
            return writer.lose("thinking", .bound)
        }
        if cipher == nil { writer.loseSignature(thinking.signature) }
        writer.open("{")
        writer.member("type", word: "reasoning")
        if writer.isSameDialect { writer.member("id", ifGiven: thinking.identifier) }
        writer.key("summary")
        writer.open("[")
        if cipher != nil { encodeTexts(thinking.texts.filter { !writer.isEmpty($0) }, "summary_text", to: &writer) }
        writer.close("]")
        if cipher == nil {
            writer.key("content")
            writer.open("[")
            encodeTexts(thinking.texts, "reasoning_text", to: &writer)
            writer.close("]")
        }
        writer.member("encrypted_content", ifGiven: cipher)
        writer.close("}")
    }

    private static func encodeTexts(_ texts: [RawJSON], _ type: StaticString, to writer: inout PromptWriter) {
        for text in texts {
            writer.open("{")
            writer.member("type", word: type)
            writer.member("text", text)
            writer.close("}")
        }
    }

    private static func encodeCall(_ call: Part.ToolCall, to writer: inout PromptWriter) {
        writer.open("{")
        let namespace = writer.upstream.knowsNamespaces ? nil : call.namespace
        let name = writer.sentName(call.name, namespace: namespace)
        if case .freeform(let input) = call.arguments, writer.upstream.knowsCustomTools {
            writer.member("type", word: "custom_tool_call")
            writer.identifier("call_id", call.identifier)
            writer.member("name", name)
            writer.member("input", input)
        } else {
            writer.member("type", word: "function_call")
            writer.identifier("call_id", call.identifier)
            writer.member("name", name)
            writer.key("arguments")
            writer.quotedArguments(call.arguments)
        }
        if namespace == nil { writer.member("namespace", ifGiven: call.namespace) }
        writer.close("}")
    }

    private static func encodeResult(
        _ result: Part.ToolResult, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        let texts = result.parts.compactMap(\.text)
        for part in result.parts where part.text != nil { writer.account(part) }
        writer.open("{")
        let isCustom = result.isFreeform && writer.upstream.knowsCustomTools
        writer.member("type", word: isCustom ? "custom_tool_call_output" : "function_call_output")
        writer.identifier("call_id", result.identifier)
        writer.key("output")
        if texts.count == result.parts.count, texts.count <= 1 || result.isError == true {
            result.isError == true ? writer.errorText(texts) : writer.joined(texts, separator: "\\n")
        } else {
            writer.open("[")
            if result.isError == true {
                writer.open("{")
                writer.member("type", word: "input_text")
                writer.key("text")
                writer.errorText(texts)
                writer.close("}")
            }
            for part in result.parts where part.text == nil || result.isError != true {
                try encodePart(part, isAnswer: false, index, to: &writer)
            }
            writer.close("]")
        }
        writer.close("}")
    }

    // Tools

    private static func encodeTools(_ tools: [ToolDefinition], to writer: inout PromptWriter) throws(WireError) {
        let kept = try writer.keptTools(tools)
        guard !kept.isEmpty else { return }
        writer.key("tools")
        writer.open("[")
        var index = 0
        while index < kept.count {
            guard writer.isSameDialect, let namespace = kept[index].namespace else {
                encodeTool(kept[index], to: &writer)
                index += 1
                continue
            }
            let end = kept[index...].firstIndex { $0.namespace != namespace } ?? kept.count
            encodeNamespace(namespace, kept[index..<end], to: &writer)
            index = end
        }
        writer.close("]")
    }

    private static func encodeNamespace(
        _ namespace: ToolDefinition.Namespace, _ tools: ArraySlice<ToolDefinition>, to writer: inout PromptWriter
    ) {
        if let element = namespace.element { return writer.element(element) }
        writer.open("{")
        writer.member("type", word: "namespace")
        writer.member("name", namespace.name)
        writer.member("description", ifGiven: namespace.description)
        writer.key("tools")
        writer.open("[")
        for var tool in tools {
            tool.namespace = nil
            encodeTool(tool, to: &writer)
        }
        writer.close("]}")
    }

    private static func encodeTool(_ tool: ToolDefinition, to writer: inout PromptWriter) {
        if writer.isSameDialect, let element = tool.element { return writer.element(element) }
        writer.open("{")
        switch tool.kind {
        case .custom(let format) where writer.upstream.knowsCustomTools:
            writer.member("type", word: "custom")
            writer.toolHead(tool)
            if let format { writer.customFormat(format, nested: false) }
        case .custom(let format):
            writer.member("type", word: "function")
            writer.toolHead(tool)
            writer.key("parameters")
            writer.freeformSchema(format)
        case .function(let parameters, let strict):
            writer.member("type", word: "function")
            writer.toolHead(tool)
            writer.member("parameters", parameters ?? RawJSON(spelled: "{}"))
            // Left out, it would count as true here and as false in the other dialects.
            writer.member("strict", strict ?? RawJSON(spelled: "false"))
        case .builtIn(let type):
            writer.member("type", type)
            writer.member("name", ifGiven: tool.name)
        }
        if writer.isSameDialect { writer.members(tool.unknown) }
        writer.close("}")
    }
}

extension PromptWriter {
    func isString(_ value: RawJSON) -> Bool { source.withBytes(of: value) { $0.first == UInt8(ascii: "\"") } }

    /// The cipher text of a reasoning item that this dialect's provider made; nil for other opaque state.
    func ownCipherText(_ thinking: Part.Thinking) -> RawJSON? {
        guard let signature = thinking.signature else { return nil }
        if isSameDialect, !isCarried(signature) { return signature }
        guard let text = source.text(of: signature), let carried = CarriedThinking.unwrap(text),
            carried.origin == .responses
        else { return nil }
        return RawJSON(quoting: carried.opaque)
    }
}
