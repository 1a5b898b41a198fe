// Writing /v1/chat/completions requests.

import CairnCore

extension ChatCodec {
    static func encode(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        writer.open("{")
        writer.member("model", ifGiven: prompt.model)
        try encodeTools(prompt.tools, to: &writer)
        writer.key("messages")
        writer.open("[")
        if writer.isSameDialect {
            for index in prompt.turns.indices { try encodeOwn(prompt.turns[index], index, to: &writer) }
        } else {
            try encodeForeign(prompt, to: &writer)
        }
        writer.close("]")
        try encodeSettings(prompt, to: &writer)
        writer.close("}")
    }

    /// A turn that was read from chat: as it came, or from its parts when somebody changed it.
    private static func encodeOwn(_ turn: Turn, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if let element = turn.element { return writer.element(element) }
        switch turn.role {
        case .system, .developer, .user: try encodeMessage(turn, turn.parts[...], index, to: &writer)
        case .tool: for part in turn.parts { encodeResult(part, of: turn, to: &writer) }
        case .assistant:
            var answer = Answer()
            answer.add(turn, to: &writer)
            answer.write(turn, inToolLoop: true, to: &writer)
        }
    }

    // Turns of other dialects

    private static func encodeForeign(_ prompt: Prompt, to writer: inout PromptWriter) throws(WireError) {
        for index in 0..<prompt.systemEnd {
            writer.account(prompt.turns[index])
            try encodeMessage(prompt.turns[index], prompt.turns[index].parts[...], index, to: &writer)
        }
        var isToolLoop = false
        for run in prompt.runs() {
            for turn in prompt.turns[run.turns] { writer.account(turn) }
            if run.isAssistant {
                encodeAnswers(prompt.turns[run.turns], inToolLoop: isToolLoop, to: &writer)
            } else {
                isToolLoop = try encodeOthers(prompt, run.turns, to: &writer)
            }
        }
    }

    /// One message for an answer. A text that follows a text of an earlier turn begins a new one, so that no message
    /// changes when the run grows.
    private static func encodeAnswers(_ turns: ArraySlice<Turn>, inToolLoop: Bool, to writer: inout PromptWriter) {
        var answer = Answer()
        for turn in turns {
            if !answer.texts.isEmpty, answer.calls.isEmpty,
                turn.parts.contains(where: { $0.isThinking || $0.text != nil })
            {
                answer.write(nil, inToolLoop: inToolLoop, to: &writer)
                answer = Answer()
            }
            answer.add(turn, to: &writer)
        }
        answer.write(nil, inToolLoop: inToolLoop, to: &writer)
    }

    /// Users and results: every result of the run first, then what was in them that a tool message cannot hold, then the
    /// rest in order.
    /// - Returns: whether the run had results and nothing of the user.
    private static func encodeOthers(
        _ prompt: Prompt, _ run: Range<Int>, to writer: inout PromptWriter
    ) throws(WireError) -> Bool {
        var media: [(result: RawJSON, part: Part)] = []
        var hasResults = false
        var hasUser = false
        for index in run {
            let turn = prompt.turns[index]
            for part in turn.parts where part.isToolResult {
                hasResults = true
                media += encodeResult(part, of: turn, to: &writer)
            }
        }
        if !media.isEmpty { try encodeMedia(media, run.lowerBound, to: &writer) }
        for index in run {
            let turn = prompt.turns[index]
            let rest = turn.parts.contains(where: \.isToolResult) ? turn.parts.filter { !$0.isToolResult } : turn.parts
            if rest.isEmpty { continue }
            if turn.role == .user { hasUser = true }
            try encodeMessage(turn, rest[...], index, to: &writer)
        }
        return hasResults && !hasUser
    }

    private static func encodeMedia(
        _ media: [(result: RawJSON, part: Part)], _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        writer.open("{")
        writer.member("role", word: "user")
        writer.key("content")
        writer.open("[")
        for (position, item) in media.enumerated() {
            if position == 0 || media[position - 1].result != item.result {
                writer.open("{")
                writer.member("type", word: "text")
                writer.key("text")
                writer.quote()
                writer.out.append("Output of tool call ")
                writer.content(of: item.result)
                writer.out.append(":")
                writer.quote()
                writer.close("}")
            }
            try encodePart(item.part, index, to: &writer)
        }
        writer.close("]}")
    }

    private static func encodeMessage(
        _ turn: Turn, _ parts: ArraySlice<Part>, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        let start = writer.out.count
        writer.open("{")
        switch turn.role {
        case .system: writer.member("role", word: "system")
        case .developer: writer.member("role", word: writer.upstream.knowsDeveloperRole ? "developer" : "system")
        default: writer.member("role", word: "user")
        }
        writer.member("name", ifGiven: turn.name)
        writer.key("content")
        let isLeft = try encodeContent(parts, index, to: &writer)
        // Nothing that chat has was in the turn.
        if !isLeft, !parts.isEmpty { return writer.out.truncate(to: start) }
        if writer.isSameDialect { writer.members(turn.unknown) }
        writer.close("}")
    }

    /// One text as a string, more as an array, or as one string where the provider has no arrays of texts.
    /// - Returns: whether anything was written.
    private static func encodeContent(
        _ parts: ArraySlice<Part>, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) -> Bool {
        let texts = parts.compactMap(\.text)
        if texts.count == parts.count, texts.count <= 1 || !writer.upstream.takesTextArrays, !writer.isSameDialect {
            for part in parts { writer.account(part) }
            writer.joined(texts, separator: "\\n\\n")
            return true
        }
        writer.open("[")
        let start = writer.out.count
        for part in parts { try encodePart(part, index, to: &writer) }
        let isLeft = writer.out.count > start
        writer.close("]")
        return isLeft
    }

    // The encode table

    private static func encodePart(_ part: Part, _ index: Int, to writer: inout PromptWriter) throws(WireError) {
        if writer.isSameDialect, let element = part.element { return writer.element(element) }
        writer.account(part)
        switch part.content {
        case .text(let text), .refusal(let text): encodeText(text, part, to: &writer)
        case .image(let image): try encodeImage(image, part, index, to: &writer)
        case .audio(let audio): try encodeAudio(audio, index, to: &writer)
        case .file(let file): try encodeFile(file, part, index, to: &writer)
        case .foreign(let type, _): writer.loseForeign(type)
        case .thinking(let thinking): writer.loseSignature(thinking.signature)
        case .toolCall, .toolResult: writer.lose("tool_calls", .conflict)
        }
    }

    private static func encodeText(_ text: RawJSON, _ part: Part, to writer: inout PromptWriter) {
        writer.open("{")
        writer.member("type", word: "text")
        writer.member("text", text)
        own(part, to: &writer)
        writer.close("}")
    }

    /// What a part of chat keeps when it was changed.
    private static func own(_ part: Part, to writer: inout PromptWriter) {
        guard writer.isSameDialect else { return }
        writer.member("cache_control", ifGiven: part.cacheControl)
        writer.members(part.unknown)
    }

    private static func encodeImage(
        _ image: Part.Media, _ part: Part, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        if case .file = image.location {
            throw writer.untranslatable(index, "chat takes no images by file identifier: send the bytes or a URL")
        }
        writer.open("{")
        writer.member("type", word: "image_url")
        writer.key("image_url")
        writer.open("{")
        writer.key("url")
        switch image.location {
        case .url(let url), .text(let url), .file(let url): writer.out.append(url, of: writer.source)
        case .base64(let mediaType, let data): writer.dataURL(mediaType: mediaType, data: data)
        }
        writer.member("detail", ifGiven: image.detail)
        writer.close("}")
        own(part, to: &writer)
        writer.close("}")
    }

    private static func encodeAudio(
        _ audio: Part.Media, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        guard case .base64(let format, let data) = audio.location else {
            throw writer.untranslatable(index, "chat takes sound as base64 only")
        }
        writer.open("{")
        writer.member("type", word: "input_audio")
        writer.key("input_audio")
        writer.open("{")
        writer.member("data", data)
        writer.member("format", format)
        writer.close("}}")
    }

    private static func encodeFile(
        _ file: Part.Media, _ part: Part, _ index: Int, to writer: inout PromptWriter
    ) throws(WireError) {
        writer.open("{")
        switch file.location {
        case .text(let text):
            writer.member("type", word: "text")
            writer.key("text")
            writer.documentText(text, title: file.name)
            return writer.close("}")
        case .file where writer.upstream.family != .openai:
            throw writer.untranslatable(index, "the upstream does not know the file identifier: send the bytes")
        case .url(let url) where writer.dataURL(url) == nil:
            throw writer.untranslatable(index, "chat takes no files by URL: send the bytes")
        default: break
        }
        writer.member("type", word: "file")
        writer.key("file")
        writer.open("{")
        writer.member("filename", ifGiven: file.name)
        switch file.location {
        case .url(let url): writer.member("file_data", url)
        case .base64(let mediaType, let data):
            writer.key("file_data")
            writer.dataURL(mediaType: mediaType, data: data)
        case .file(let identifier): writer.member("file_id", identifier)
        case .text: break
        }
        writer.close("}")
        own(part, to: &writer)
        writer.close("}")
    }

    /// Writes a tool message.
    /// - Returns: what of the result a tool message cannot hold, for a user message behind the results.
    @discardableResult
    private static func encodeResult(
        _ part: Part, of turn: Turn, to writer: inout PromptWriter
    ) -> [(result: RawJSON, part: Part)] {
        guard case .toolResult(let result) = part.content else { return [] }
        writer.account(part)
        let texts = result.parts.compactMap(\.text)
        var media: [(result: RawJSON, part: Part)] = []
        for inner in result.parts {
            switch inner.content {
            case .image, .audio, .file: media.append((result.identifier, inner))
            case .foreign(let type, _): writer.loseForeign(type)
            default: writer.account(inner)
            }
        }
        writer.open("{")
        writer.member("role", word: "tool")
        writer.identifier("tool_call_id", result.identifier)
        writer.key("content")
        if result.isError == true {
            writer.errorText(texts)
        } else if texts.isEmpty, !media.isEmpty {
            writer.string("(see the message after the tool results)")
        } else if texts.count > 1, writer.upstream.takesTextArrays {
            writer.open("[")
            for text in texts {
                writer.open("{")
                writer.member("type", word: "text")
                writer.member("text", text)
                writer.close("}")
            }
            writer.close("]")
        } else {
            writer.joined(texts, separator: "\\n")
        }
        if writer.isSameDialect { writer.members(turn.unknown) }
        writer.close("}")
        return media
    }

    // Answers

    /// What one assistant message says.
    private struct Answer {
        var thinking: [RawJSON] = []
        var texts: [RawJSON] = []
        var refusal: RawJSON?
        var calls: [Part] = []

        mutating func add(_ turn: Turn, to writer: inout PromptWriter) {
            for part in turn.parts {
                writer.account(part)
                switch part.content {
                case .text(let text): texts.append(text)
                case .refusal(let text): refusal = text
                case .thinking(let thinking):
                    self.thinking += thinking.texts
                    writer.loseSignature(thinking.signature)
                case .toolCall: calls.append(part)
                case .foreign(let type, _): writer.loseForeign(type)
                case .image, .audio, .file: writer.lose("assistant media", .noCounterpart)
                case .toolResult: writer.lose("tool_result", .conflict)
                }
            }
        }

        /// - Parameters:
        ///   - turn: the turn this is, when it was read from chat and changed.
        ///   - inToolLoop: whether only results of tools stand between this and an earlier answer.
        func write(_ turn: Turn?, inToolLoop: Bool, to writer: inout PromptWriter) {
            let wantsThinking =
                turn != nil || writer.upstream.wantsReasoningContent && (!calls.isEmpty || inToolLoop)
            if !thinking.isEmpty, !wantsThinking {
                writer.lose("thinking", writer.upstream.wantsReasoningContent ? .conflict : .noCounterpart)
            }
            if texts.isEmpty, calls.isEmpty, refusal == nil, thinking.isEmpty || !wantsThinking { return }
            writer.open("{")
            writer.member("role", word: "assistant")
            writer.member("name", ifGiven: turn?.name)
            if wantsThinking, !thinking.isEmpty {
                writer.key("reasoning_content")
                writer.joined(thinking, separator: "\\n\\n")
            } else if turn == nil, !calls.isEmpty, writer.upstream.demandsReasoningContent {
                writer.member("reasoning_content", word: "")
            }
            writeContent(to: &writer)
            writer.member("refusal", ifGiven: refusal)
            if !calls.isEmpty { writeCalls(to: &writer) }
            if writer.isSameDialect, let turn { writer.members(turn.unknown) }
            writer.close("}")
        }

        private func writeContent(to writer: inout PromptWriter) {
            writer.key("content")
            if texts.isEmpty {
                writer.out.append(calls.isEmpty && refusal == nil ? "\"\"" : "null")
            } else if texts.count > 1, writer.upstream.takesTextArrays {
                writer.open("[")
                for text in texts {
                    writer.open("{")
                    writer.member("type", word: "text")
                    writer.member("text", text)
                    writer.close("}")
                }
                writer.close("]")
            } else {
                writer.joined(texts, separator: "\\n\\n")
            }
        }

        private func writeCalls(to writer: inout PromptWriter) {
            writer.key("tool_calls")
            writer.open("[")
            for part in calls {
                guard case .toolCall(let call) = part.content else { continue }
                if writer.isSameDialect, let element = part.element {
                    writer.element(element)
                } else {
                    writeCall(call, to: &writer)
                }
            }
            writer.close("]")
        }

        private func writeCall(_ call: Part.ToolCall, to writer: inout PromptWriter) {
            writer.open("{")
            writer.identifier("id", call.identifier)
            let name = writer.sentName(call.name, namespace: call.namespace)
            if case .freeform(let input) = call.arguments, writer.upstream.knowsCustomTools {
                writer.member("type", word: "custom")
                writer.key("custom")
                writer.open("{")
                writer.member("name", name)
                writer.member("input", input)
            } else {
                writer.member("type", word: "function")
                writer.key("function")
                writer.open("{")
                writer.member("name", name)
                writer.key("arguments")
                writer.quotedArguments(call.arguments)
            }
            writer.close("}}")
        }
    }

    // Tools

    private static func encodeTools(_ tools: [ToolDefinition], to writer: inout PromptWriter) throws(WireError) {
        let isKept = try writer.keptTools(tools)
        guard !isKept.isEmpty else { return }
        writer.key("tools")
        writer.open("[")
        for tool in isKept { encodeTool(tool, to: &writer) }
        writer.close("]")
    }

    private static func encodeTool(_ tool: ToolDefinition, to writer: inout PromptWriter) {
        if writer.isSameDialect, let element = tool.element { return writer.element(element) }
        writer.open("{")
        switch tool.kind {
        case .custom(let format) where writer.upstream.knowsCustomTools:
            writer.member("type", word: "custom")
            writer.key("custom")
            writer.open("{")
            writer.toolHead(tool)
            if let format { writer.customFormat(format, nested: true) }
        case .custom(let format):
            writer.member("type", word: "function")
            writer.key("function")
            writer.open("{")
            writer.toolHead(tool)
            writer.key("parameters")
            writer.freeformSchema(format)
        case .function(let parameters, let strict):
            writer.member("type", word: "function")
            writer.key("function")
            writer.open("{")
            writer.toolHead(tool)
            writer.member("parameters", ifGiven: parameters)
            writer.member("strict", ifGiven: strict)
        case .builtIn(let type):
            writer.member("type", type)
            return writer.close("}")
        }
        writer.close("}}")
    }
}
