// The state that a responses request asks for (`previous_response_id`, `store`), for upstreams of other dialects: the items
// of the earlier call stand in front of the new ones, and all of them are kept with the answer.
//
//     {"previous_response_id": "resp_1", "input": [U2]}   ──▶   {"input": [U1, A1, U2]}
//
// The items are put together as bytes, before the prompt is read: their spelling does not change from call to call, so the
// encoded prompt of the next call extends this one's.

import CairnCore
import CairnWire

/// Where responses are kept, and for whom.
struct ResponseKeeping: Sendable {
    let storage: any ResponseStorage
    let caller: CallerDigest
}

/// One request of a kept conversation.
struct ResponsesTurn: Sendable {
    let keeping: ResponseKeeping
    /// Whether the answer is kept: `store`, which is true unless the client says otherwise.
    let isStored: Bool
    /// All items of the request, those of the conversation before it first. Empty if nothing is kept.
    let input: [ResponseItem]
    /// The body with the conversation in it; nil: the client's own is complete.
    let continuedBody: [UInt8]?
    /// What the answer repeats of the request and the continued body does not show any more.
    let echo: [Prompt.Member]

    /// Reads the members of `source` that speak of state.
    /// - Throws: `unknownPreviousResponse`; `untranslatable` for `conversation` and `background`.
    init(_ source: SourceDocument, _ keeping: ResponseKeeping) throws(GatewayError) {
        self.keeping = keeping
        let members = RequestMembers(source)
        if members.isSet("conversation") {
            throw GatewayError(
                .untranslatable,
                detail: "conversation: this upstream keeps none; use previous_response_id or send all input")
        }
        if members.isTrue("background") {
            throw GatewayError(.untranslatable, detail: "background: this upstream answers at once only; leave it out")
        }
        isStored = !members.isFalse("store")
        guard let previous = members.text("previous_response_id") else {
            input = isStored ? members.inputItems() : []
            continuedBody = nil
            echo = []
            return
        }
        guard let kept = keeping.storage.response(previous, of: keeping.caller) else {
            throw GatewayError(.unknownPreviousResponse, detail: ResponseIdentifier.shown(previous))
        }
        input = kept.input + kept.output + members.inputItems()
        continuedBody = members.body(input: input)
        echo = [
            Prompt.Member(key: RawJSON(quoting: "previous_response_id"), value: RawJSON(quoting: previous))
        ]
    }
}

/// How an identifier from outside is repeated in an error.
enum ResponseIdentifier {
    static let shownBytesMax = 80

    static func shown(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(shownBytesMax).map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }
}

/// The top-level members of a responses request.
private struct RequestMembers {
    private let source: SourceDocument

    init(_ source: SourceDocument) { self.source = source }

    private func member(_ key: StaticString) -> JSONDocument.Node? {
        source.json.member(key, of: 0).map { source.json[$0] }
    }

    func isSet(_ key: StaticString) -> Bool { member(key).map { $0.kind != .null } ?? false }
    func isTrue(_ key: StaticString) -> Bool { member(key)?.kind == .true }
    func isFalse(_ key: StaticString) -> Bool { member(key)?.kind == .false }
    func text(_ key: StaticString) -> String? { member(key).flatMap { source.text(of: RawJSON($0.range)) } }

    /// The items of `input`; a text is one message of the user.
    func inputItems() -> [ResponseItem] {
        guard let index = source.json.member("input", of: 0) else { return [] }
        let node = source.json[index]
        switch node.kind {
        case .string: return [ResponseItem(Self.message(source.bytes[node.range]))]
        case .array:
            var items: [ResponseItem] = []
            source.json.forEachChild(of: index) {
                items.append(ResponseItem(Array(source.bytes[source.json[$0].range])))
            }
            return items
        case .null, .false, .true, .number, .object: return []
        }
    }

    private static func message(_ text: ArraySlice<UInt8>) -> [UInt8] {
        Array(#"{"type":"message","role":"user","content":[{"type":"input_text","text":"#.utf8) + text
            + Array("}]}".utf8)
    }

    /// The request with this input and without `previous_response_id`. Other members stay as they are, in their order.
    func body(input: [ResponseItem]) -> [UInt8] {
        var out = ByteWriter(capacity: source.bytes.count + input.reduce(64) { $0 + $1.bytes.count + 1 })
        out.append("{")
        source.json.forEachChild(of: 0) { index in
            let node = source.json[index]
            guard let key = node.keyRange else { return }
            let name = source.bytes[key]
            if name.elementsEqual("input".utf8) || name.elementsEqual("previous_response_id".utf8) { return }
            out.append(Array(source.bytes[key.lowerBound - 1..<key.upperBound + 1]))
            out.append(":")
            out.append(Array(source.bytes[node.range]))
            out.append(",")
        }
        out.append("\"input\":[")
        for (index, item) in input.enumerated() {
            if index > 0 { out.append(",") }
            out.append(item.bytes)
        }
        out.append("]}")
        return out.copyBytes()
    }
}
