// A stored conversation as a request body of its own dialect: what `cairn context export` writes, in the form of docs/ir.md.
// The client's own bytes, turn by turn, as the last call of the session had them; not what Cairn made of them.

import CairnContext
import CairnCore
import CairnStore

/// The conversation of a session's last call.
public struct PortableContext: Sendable {
    /// `chat`, `messages` or `responses`.
    public let dialect: String
    /// A request body of that dialect.
    public let body: [UInt8]

    /// nil: the session has no call, or a part of its conversation is not in the store.
    public init?(of session: SessionRecord, in store: StoreReader) throws(StoreError) {
        var last: CallRecord?
        try store.forEachCall(of: session.id) { last = $0 }
        guard let last, let turns = try Self.turns(endingAt: last.chain, in: store) else { return nil }
        var tools: [UInt8]?
        if let digest = last.tools {
            guard let array = try store.blob(digest) else { return nil }
            tools = array
        }
        dialect = session.dialect
        body = Self.body(model: last.model, tools: tools, turns: turns, isResponses: session.dialect == "responses")
    }

    /// The client's bytes of each turn, from the root on; nil: one of them is missing.
    private static func turns(endingAt chain: Fingerprint, in store: StoreReader) throws(StoreError) -> [[UInt8]]? {
        var turns: [[UInt8]] = []
        var next = chain
        while next != .lineageStart {
            guard turns.count < LineageTree.linksMax, let link = try store.link(chain: next),
                let bytes = try store.blob(link.raw)
            else { return nil }
            turns.append(bytes)
            next = link.parent
        }
        return turns.reversed()
    }

    /// A leading turn that is no object is the text of the system member: a string, or a list of blocks.
    private static func body(model: String, tools: [UInt8]?, turns: [[UInt8]], isResponses: Bool) -> [UInt8] {
        var out = ByteWriter(capacity: turns.reduce(1024) { $0 + $1.count + 1 })
        out.append("{\"model\":")
        out.append(quoted: model)
        if let tools {
            out.append(",\"tools\":")
            out.append(tools)
        }
        let leading = turns.first.flatMap { $0.first == UInt8(ascii: "{") ? nil : $0 }
        let hasSystem = leading != nil && (turns.count > 1 || !isResponses)
        if let leading, hasSystem {
            out.append(isResponses ? ",\"instructions\":" : ",\"system\":")
            out.append(leading)
        }
        if let leading, !hasSystem {
            // The whole input of a responses request may be one string.
            out.append(",\"input\":")
            out.append(leading)
        } else {
            out.append(isResponses ? ",\"input\":[" : ",\"messages\":[")
            for (index, turn) in turns.dropFirst(hasSystem ? 1 : 0).enumerated() {
                if index > 0 { out.append(",") }
                if turn.first == UInt8(ascii: "\"") {
                    out.append("{\"role\":\"user\",\"content\":")
                    out.append(turn)
                    out.append("}")
                } else {
                    out.append(turn)
                }
            }
            out.append("]")
        }
        out.append("}")
        return out.copyBytes()
    }
}
