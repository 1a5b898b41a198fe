// The assistant's turn of an answer with hidden calls: what the model must find in the next prompt in place of the turn that
// the client knows, and what of it the client was shown, by which its own turn is known again.
//
//     events ─▶ reader ─▶ markup, tools (as for the client) ─▶ HiddenTurnDraft ─▶ elements of the client's array

import CairnCore

/// A turn with hidden calls, in a client's dialect.
public struct HiddenTurn: Sendable {
    /// A piece of the turn that the client was shown, in order. Contents.
    public enum Shown: Sendable, Equatable {
        case thinking([UInt8])
        case text([UInt8])
        /// A call of the client's own: its identifier.
        case call([UInt8])
    }

    /// Elements of the client's array (`messages` or `input`), joined by commas. Without any: nothing can be said.
    public var elements: [UInt8]
    public var shown: [Shown]
    /// The hidden calls' identifiers as the elements have them, in order. Contents.
    public var callIdentifiers: [[UInt8]]

    public init(elements: [UInt8], shown: [Shown], callIdentifiers: [[UInt8]]) {
        self.elements = elements
        self.shown = shown
        self.callIdentifiers = callIdentifiers
    }
}

/// Reads an answer for its turn. A class, so that the reader may tell what it reads while it is being changed.
final class HiddenTurnDraft {
    let name: StaticString
    private var reader: any AnswerReader
    private var markup: MarkupFilter?
    private var tools: ClientToolFilter?
    private(set) var draft = AnswerDraft()

    private(set) var calls: [HiddenCall] = []
    private var partIndexes: [Int] = []
    /// The answer calls something that is not the gateway's to answer.
    private(set) var hasOtherCalls = false
    private(set) var reason: FinishReason?
    private(set) var isWhole = false
    private(set) var failure: AnswerFailure?

    init(hiding name: StaticString, from upstream: Dialect, context: AnswerContext) {
        self.name = name
        reader =
            switch upstream {
            case .chat: ChatAnswerReader()
            case .messages: MessagesAnswerReader()
            case .responses: ResponsesAnswerReader()
            }
        if !context.markup.isEmpty { markup = MarkupFilter(context.markup) }
        if !context.changedTools.isEmpty { tools = ClientToolFilter(context) }
    }

    /// The model stopped so that its calls be answered. Some servers say `stop` then. One that was cut off in its calls has
    /// none that could be answered.
    var hasStoppedForCalls: Bool { reason == .toolCalls || reason == .stop }

    func read(_ event: borrowing EventStreamScanner.Event, _ tape: inout JSONTape) {
        reader.read(event, &tape) { note($0) }
    }

    /// The stream is over.
    func finish() { reader.finish { note($0) } }

    func read(document tape: borrowing JSONTape) throws(WireError) {
        try reader.read(document: tape) { note($0) }
    }

    private func note(_ event: AnswerEvent) {
        switch event {
        case .partStarted(let index, .toolCall(let identifier, let called, _, _)):
            if !called.equals(name) {
                hasOtherCalls = true
            } else if calls.count < HiddenCallFilter.callsMax {
                calls.append(HiddenCall(identifier: Array(identifier), arguments: []))
                partIndexes.append(index)
            }
        case .partStarted(_, .foreign(let type)): if Self.isClientsCall(type) { hasOtherCalls = true }
        case .delta(let index, let content):
            guard let call = partIndexes.lastIndex(of: index) else { break }
            let room = HiddenCallFilter.argumentsBytesMax - calls[call].arguments.count
            calls[call].arguments.append(contentsOf: content.prefix(room))
        case .stopped(let reason, _): self.reason = reason
        case .ended: isWhole = true
        case .failed(let failure): self.failure = failure
        default: break
        }
        keep(event)
    }

    /// Calls of built-in tools that the client runs (platform.openai.com, items of a response).
    private static func isClientsCall(_ type: UnsafeRawBufferPointer) -> Bool {
        let types: [StaticString] = ["computer_call", "local_shell_call", "shell_call", "apply_patch_call"]
        return types.contains { type.equals($0) }
    }

    private func keep(_ event: AnswerEvent) {
        guard markup != nil else { return keepTools(event) }
        markup!.filter(event) { keepTools($0) }
    }

    private func keepTools(_ event: AnswerEvent) {
        guard tools != nil else { return draft.take(event) }
        tools!.filter(event) { draft.take($0) }
    }
}

extension HiddenTurn {
    /// - Parameter items: of an answer in the responses dialect, as the provider spelled them.
    init(_ read: HiddenTurnDraft, client: Dialect, context: AnswerContext, items: [[UInt8]], upstream: Dialect) {
        self.init(elements: [], shown: [], callIdentifiers: [])
        let draft = read.draft
        let document = Self.document(draft, client, upstream, context)
        switch client {
        case .chat: elements = Self.chatElement(document)
        case .messages: elements = Self.messagesElement(document)
        case .responses:
            elements =
                upstream == .responses && !items.isEmpty
                ? Array(items.joined(separator: [UInt8(ascii: ",")])) : Self.content("output", of: document, inside: 0)
        }
        let identifiers = Self.identifiers(elements, client)
        var callIndex = 0
        for part in draft.parts {
            switch part.kind {
            case .text, .refusal: if !part.content.isEmpty { shown.append(.text(part.content)) }
            case .thinking: if !part.content.isEmpty { shown.append(.thinking(part.content)) }
            case .toolCall:
                let identifier = callIndex < identifiers.count ? identifiers[callIndex] : part.identifier
                callIndex += 1
                if part.name.elementsEqual(UnsafeRawBufferPointer(read.name)) {
                    callIdentifiers.append(identifier)
                } else {
                    shown.append(.call(identifier))
                }
            case .foreign: break
            }
        }
    }

    /// The answer as a whole document of the client's dialect.
    private static func document(
        _ draft: AnswerDraft, _ client: Dialect, _ upstream: Dialect, _ context: AnswerContext
    ) -> [UInt8] {
        let form = AnswerForm(context, origin: upstream, client: client)
        var out = ByteWriter(capacity: 4096)
        switch client {
        case .chat:
            var writer = ChatAnswerWriter(form)
            writer.write(document: draft, to: &out)
        case .messages:
            var writer = MessagesAnswerWriter(form)
            writer.write(document: draft, to: &out)
        case .responses:
            var writer = ResponsesAnswerWriter(form)
            writer.write(document: draft, to: &out)
        }
        return out.copyBytes()
    }

    /// What a client sends back of a chat message: no more than the request side of the dialect names.
    private static func chatElement(_ document: [UInt8]) -> [UInt8] {
        guard let json = try? JSONDocument(document), let choices = json.member("choices", of: 0),
            json[choices].childCount > 0, let message = json.member("message", of: choices + 1)
        else { return [] }
        var out = Array("{\"role\":\"assistant\"".utf8)
        let members: [StaticString] = ["content", "reasoning_content", "tool_calls"]
        for key in members {
            guard let node = json.member(key, of: message) else { continue }
            out += Array(",\"".utf8) + Array(UnsafeRawBufferPointer(key)) + Array("\":".utf8)
            out += json.text[json[node].range]
        }
        return out + [UInt8(ascii: "}")]
    }

    private static func messagesElement(_ document: [UInt8]) -> [UInt8] {
        let blocks = content("content", of: document, inside: 0)
        return blocks.isEmpty
            ? [] : Array("{\"role\":\"assistant\",\"content\":[".utf8) + blocks + Array("]}".utf8)
    }

    /// What stands between the brackets of an array.
    private static func content(_ key: StaticString, of document: [UInt8], inside node: Int) -> [UInt8] {
        guard let json = try? JSONDocument(document), let array = json.member(key, of: node),
            json[array].kind == .array
        else { return [] }
        return Array(json.text[json[array].range].dropFirst().dropLast())
    }

    /// The identifiers of all calls in elements, in order.
    private static func identifiers(_ elements: [UInt8], _ client: Dialect) -> [[UInt8]] {
        guard let json = try? JSONDocument([UInt8(ascii: "[")] + elements + [UInt8(ascii: "]")]) else { return [] }
        var found: [[UInt8]] = []
        json.forEachChild(of: 0) { element in
            switch client {
            case .chat:
                guard let calls = json.member("tool_calls", of: element) else { return }
                json.forEachChild(of: calls) { found.append(Array(json.content("id", of: $0) ?? [])) }
            case .messages:
                guard let blocks = json.member("content", of: element) else { return }
                json.forEachChild(of: blocks) { block in
                    if json.says("tool_use", "type", of: block) {
                        found.append(Array(json.content("id", of: block) ?? []))
                    }
                }
            case .responses:
                if json.says("function_call", "type", of: element) || json.says("custom_tool_call", "type", of: element)
                {
                    found.append(Array(json.content("call_id", of: element) ?? []))
                }
            }
        }
        return found
    }
}
