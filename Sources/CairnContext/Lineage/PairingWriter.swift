// The bytes of turns whose calls and results were paired (PairingEdits), in each dialect. What a client spelled is copied:
// a result that moves is its own element or block, and of a turn that keeps its element every member stays that was in it.
//
//     dialect     a result is               in place of one that never came                a result that no call waits for
//     chat        a message of its own      {"role":"tool","tool_call_id":...}             {"role":"user","content":...}
//     messages    a block, first in a turn  {"type":"tool_result","is_error":true,...}     {"type":"text",...} and its blocks
//     responses   an item of its own        {"type":"function_call_output",...}            {"type":"message",...}

import CairnCore
import CairnWire

struct PairingWriter {
    let prompt: Prompt
    /// A turn's element as the client sent it, without cache hints.
    let client: (Int) -> [UInt8]

    /// What a turn leaves as.
    func elements(of index: Int, _ speaker: PairingTurn.Speaker, _ pairing: TurnPairing) -> [[UInt8]] {
        if prompt.dialect == .messages, speaker == .user || speaker == .tool {
            return [message(index, pairing, answers: pairing.answers.map { answer($0) })]
        }
        return ownElements(pairing) + [kept(index, pairing)]
    }

    /// Answers and texts as elements of their own.
    func ownElements(_ pairing: TurnPairing) -> [[UInt8]] {
        let answers = pairing.answers.map { answer($0) }
        let texts = pairing.texts.map { message(ofOrphan: $0.turn) }
        guard prompt.dialect == .messages, !answers.isEmpty else { return answers + texts }
        return [Array("{\"role\":\"user\",\"content\":[".utf8) + ElementSequence.joined(answers) + Array("]}".utf8)]
    }

    /// What is left of a turn; in chat and responses a turn that changes is one result.
    private func kept(_ index: Int, _ pairing: TurnPairing) -> [UInt8] {
        if pairing.moved.isEmpty, pairing.orphans.isEmpty { return client(index) }
        if prompt.dialect == .messages { return message(index, pairing, answers: []) }
        return pairing.orphans.isEmpty ? [] : message(ofOrphan: index)
    }

    // MARK: answers

    private func answer(_ answer: PairedAnswer) -> [UInt8] {
        switch answer {
        case .moved(let place):
            return prompt.dialect == .messages
                ? Blocks(client(place.turn))?.bytes[place.part] ?? [] : client(place.turn)
        case .missing(let place): return missing(place)
        }
    }

    private func missing(_ place: PartAddress) -> [UInt8] {
        guard case .toolCall(let call) = prompt.turns[place.turn].parts[place.part].content else { return [] }
        var out = ByteWriter(capacity: 160)
        switch prompt.dialect {
        case .chat: out.append("{\"role\":\"tool\",\"tool_call_id\":")
        case .messages: out.append("{\"type\":\"tool_result\",\"tool_use_id\":")
        case .responses:
            if case .freeform = call.arguments {
                out.append("{\"type\":\"custom_tool_call_output\",\"call_id\":")
            } else {
                out.append("{\"type\":\"function_call_output\",\"call_id\":")
            }
        }
        out.append(call.identifier, of: prompt.source)
        out.append(prompt.dialect == .responses ? ",\"output\":" : ",\"content\":")
        out.append(JSONText.quoted(PairingRepair.missing))
        out.append(prompt.dialect == .messages ? ",\"is_error\":true}" : "}")
        return out.copyBytes()
    }

    // MARK: texts

    /// A message of the user with the content of a result that no call waits for (chat and responses).
    private func message(ofOrphan index: Int) -> [UInt8] {
        let isChat = prompt.dialect == .chat
        let content = content(of: client(index), isChat ? "content" : "output")
        let head: StaticString =
            isChat ? "{\"role\":\"user\",\"content\":" : "{\"type\":\"message\",\"role\":\"user\",\"content\":"
        return head.withUTF8Buffer { Array($0) } + content + Array("}".utf8)
    }

    /// The value of `key` in an element, with the words that say what it is in front of it.
    private func content(of element: [UInt8], _ key: StaticString) -> [UInt8] {
        guard let document = try? JSONDocument(element), let node = document.member(key, of: 0) else {
            return JSONText.quoted(PairingRepair.orphan)
        }
        let value = element[document[node].range]
        switch document[node].kind {
        case .string: return Self.prefixed(value)
        case .array:
            let type: StaticString = prompt.dialect == .responses ? "input_text" : "text"
            let words = Self.block(type, JSONText.quoted(PairingRepair.orphan))
            return Array("[".utf8) + ElementSequence.joined([words, Array(value.dropFirst().dropLast())])
                + Array("]".utf8)
        default: return JSONText.quoted(PairingRepair.orphan)
        }
    }

    /// A JSON string with the words and a line feed in front of its content.
    private static func prefixed(_ string: ArraySlice<UInt8>) -> [UInt8] {
        JSONText.quoted(PairingRepair.orphan + "\n").dropLast() + string.dropFirst()
    }

    private static func block(_ type: StaticString, _ text: [UInt8]) -> [UInt8] {
        let head = Array("{\"type\":\"".utf8) + type.withUTF8Buffer { Array($0) } + Array("\",\"text\":".utf8)
        return head + text + Array("}".utf8)
    }

    // MARK: blocks

    /// A turn of messages: the results that stay in it, the answers, then the rest in order. Without any of them nothing.
    private func message(_ index: Int, _ pairing: TurnPairing, answers: [[UInt8]]) -> [UInt8] {
        let element = client(index)
        guard let blocks = Blocks(element) else { return element }
        var results: [[UInt8]] = []
        var others: [[UInt8]] = []
        for part in blocks.bytes.indices where !pairing.moved.contains(part) {
            if pairing.orphans.contains(part) {
                others.append(text(ofBlock: blocks.bytes[part]))
            } else if prompt.turns[index].parts.indices.contains(part), prompt.turns[index].parts[part].isToolResult {
                results.append(blocks.bytes[part])
            } else {
                others.append(blocks.bytes[part])
            }
        }
        let content = ElementSequence.joined(results + answers + others)
        if content.isEmpty { return [] }
        return element[..<blocks.content.lowerBound] + Array("[".utf8) + content + Array("]".utf8)
            + element[blocks.content.upperBound...]
    }

    /// A result, or a call that is not the assistant's, as blocks of text: a result's own blocks behind the words.
    private func text(ofBlock block: [UInt8]) -> [UInt8] {
        guard let document = try? JSONDocument(block), document.member("tool_use_id", of: 0) != nil else {
            let text = PairingRepair.strayCall + "\n" + String(decoding: block, as: UTF8.self)
            return Self.block("text", JSONText.quoted(text))
        }
        let words = JSONText.quoted(PairingRepair.orphan)
        guard let content = document.member("content", of: 0) else { return Self.block("text", words) }
        let value = block[document[content].range]
        switch document[content].kind {
        case .string: return Self.block("text", Self.prefixed(value))
        case .array: return ElementSequence.joined([Self.block("text", words), Array(value.dropFirst().dropLast())])
        default: return Self.block("text", words)
        }
    }

    /// The content of a turn of messages, block by block.
    private struct Blocks {
        /// Of the whole content, in the element.
        let content: Range<Int>
        /// One for each part.
        private(set) var bytes: [[UInt8]] = []

        init?(_ element: [UInt8]) {
            guard let document = try? JSONDocument(element), let node = document.member("content", of: 0) else {
                return nil
            }
            content = document[node].range
            if document[node].kind == .string {
                bytes = [content.count > 2 ? PairingWriter.block("text", Array(element[content])) : []]
                return
            }
            document.forEachChild(of: node) { bytes.append(Array(element[document[$0].range])) }
        }
    }

    // MARK: records

    func repair(_ fault: PairingFault, _ place: PartAddress) -> PairingEdits.Repair {
        let text = text(of: prompt.turns[place.turn].parts[place.part])
        let emitted: String
        switch fault {
        case .unanswered: emitted = PairingRepair.missing
        case .misplaced: emitted = text.words
        case .orphan: emitted = (text.isResult ? PairingRepair.orphan : PairingRepair.strayCall) + "\n" + text.words
        }
        return PairingEdits.Repair(
            fault: fault, place: place, original: Fingerprint(of: text.words), emitted: Fingerprint(of: emitted))
    }

    /// A call's arguments, or a result's texts with line feeds between them.
    private func text(of part: Part) -> (words: String, isResult: Bool) {
        switch part.content {
        case .toolCall(let call):
            switch call.arguments {
            case .quoted(let text), .freeform(let text): return (prompt.source.text(of: text) ?? "", false)
            case .object(let object):
                return (prompt.source.withBytes(of: object) { String(decoding: $0, as: UTF8.self) }, false)
            }
        case .toolResult(let result):
            let texts = result.parts.compactMap { inner -> String? in
                guard case .text(let text) = inner.content else { return nil }
                return prompt.source.text(of: text)
            }
            return (texts.joined(separator: "\n"), true)
        default: return ("", false)
        }
    }
}

extension Fingerprint {
    fileprivate init(of text: String) { self = Array(text.utf8).withUnsafeBytes { Fingerprint(of: $0) } }
}
