// What stands in the place of one element of a client's array: none, one or several, with commas between them. So a turn can
// be left out, and a turn can take along what must stand beside it, while every other turn keeps its place and its bytes.
//
//     {"role":"user",...}                          one: as nearly always
//     {"role":"tool",...},{"role":"user",...}      several: a result that was missing, and the turn itself
//                                                  none: the turn is left out
//
// Encoders write such bytes as they are. Who must look into them (cache marks, told texts, pairing) reads them here.

import CairnCore

/// The elements in the place of one, parsed.
public struct ElementSequence: ~Copyable {
    /// Of an array with the elements in it: offsets are one larger than in the bytes it was made of.
    public let document: JSONDocument
    /// The elements' nodes, in order.
    public let nodes: [Int]

    /// - Returns: nil for what are no JSON values with commas between them.
    /// - Complexity: a copy and a parse.
    public init?(_ bytes: some Collection<UInt8>) {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 2)
        text.append(UInt8(ascii: "["))
        text.append(contentsOf: bytes)
        text.append(UInt8(ascii: "]"))
        guard let document = try? JSONDocument(text) else { return nil }
        var nodes: [Int] = []
        nodes.reserveCapacity(document[0].childCount)
        document.forEachChild(of: 0) { nodes.append($0) }
        self.document = document
        self.nodes = nodes
    }

    /// Elements with commas between them; those that are empty are left out.
    public static func joined(_ elements: [[UInt8]]) -> [UInt8] {
        let kept = elements.filter { !$0.isEmpty }
        if kept.count == 1 { return kept[0] }
        var out: [UInt8] = []
        out.reserveCapacity(kept.reduce(0) { $0 + $1.count + 1 })
        for element in kept {
            if !out.isEmpty { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: element)
        }
        return out
    }
}

extension PromptWriter {
    /// Elements without the thoughts of another provider: what an encoder writes for bytes that stand in the place of a
    /// turn which holds such. Where the upstream checks no signatures, thoughts of messages stay and the carrying form goes.
    mutating func elements(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        guard let sequence = ElementSequence(bytes) else { return element(.made(bytes)) }
        for node in sequence.nodes { element(.made(withoutCarriedThinking(sequence.document, node))) }
    }

    /// An element's bytes; empty when nothing is left of it.
    private func withoutCarriedThinking(_ document: borrowing JSONDocument, _ node: Int) -> [UInt8] {
        let range = document[node].range
        if carried(document, "encrypted_content", node) != nil { return [] }
        guard let content = document.member("content", of: node), document[content].kind == .array else {
            return Array(document.text[range])
        }
        var blocks: [[UInt8]] = []
        document.forEachChild(of: content) { block in
            let bytes = Array(document.text[document[block].range])
            guard let signature = carried(document, "signature", block) ?? carried(document, "data", block) else {
                return blocks.append(bytes)
            }
            guard upstream.takesUnsignedThinking, document.member("thinking", of: block) != nil else { return }
            let start = document[block].range.lowerBound
            blocks.append(
                bytes[..<(signature.lowerBound - start)] + Array("\"\"".utf8) + bytes[(signature.upperBound - start)...]
            )
        }
        if blocks.isEmpty, document[content].childCount > 0 { return [] }
        let place = document[content].range
        return document.text[range.lowerBound..<place.lowerBound] + [UInt8(ascii: "[")]
            + ElementSequence.joined(blocks) + [UInt8(ascii: "]")] + document.text[place.upperBound..<range.upperBound]
    }

    /// Where a member stands that is opaque state in the carrying form.
    private func carried(_ document: borrowing JSONDocument, _ key: StaticString, _ object: Int) -> Range<Int>? {
        guard document[object].kind == .object, let member = document.member(key, of: object),
            document[member].kind == .string,
            document.text[document[member].range].dropFirst().starts(with: CarriedThinking.prefix.utf8)
        else { return nil }
        return document[member].range
    }
}
