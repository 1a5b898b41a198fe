// One usage object out of two, as providers spell them: for streams that report in parts, and for one message to the
// client that the gateway put together out of several answers. Names it does not know are treated like all others.

import CairnCore

public enum UsageObjects {
    /// `first` with the members of `second` in place of its own of the same name, others added behind. Both are JSON
    /// objects as a provider sent them; anything else leaves `second` as it is.
    ///
    /// Anthropic reports usage in two events: input and cache at the start, output at the end.
    public static func merged(_ first: [UInt8], with second: [UInt8]) -> [UInt8] {
        combined(first, second) { _, _, new, value, out in out.append(contentsOf: new.text[new[value].range]) }
    }

    /// The members of both, numbers of the same name added up, objects likewise; of other values the second. Anything
    /// but two objects leaves `second` as it is.
    public static func sum(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        combined(first, second, addUp)
    }

    /// Writes the value of a member that both objects have: its node in the first, the documents, its node in the second.
    private typealias Rule = (Int, borrowing JSONDocument, borrowing JSONDocument, Int, inout [UInt8]) -> Void

    private static func combined(_ first: [UInt8], _ second: [UInt8], _ rule: Rule) -> [UInt8] {
        guard let old = try? JSONDocument(first), let new = try? JSONDocument(second), old[0].kind == .object,
            new[0].kind == .object
        else { return second }
        var out: [UInt8] = []
        combine(old, 0, new, 0, rule, &out)
        return out
    }

    private static func combine(
        _ old: borrowing JSONDocument, _ oldNode: Int, _ new: borrowing JSONDocument, _ newNode: Int, _ rule: Rule,
        _ out: inout [UInt8]
    ) {
        out.append(UInt8(ascii: "{"))
        var isFirst = true
        func separate(_ out: inout [UInt8]) {
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
        }
        old.forEachChild(of: oldNode) { child in
            separate(&out)
            let key = old.keyRange(of: child)
            out.append(contentsOf: old.text[key.lowerBound - 1..<old[child].range.lowerBound])
            if let same = find(old.text[key], in: new, newNode) {
                rule(child, old, new, same, &out)
            } else {
                out.append(contentsOf: old.text[old[child].range])
            }
        }
        new.forEachChild(of: newNode) { child in
            let key = new.keyRange(of: child)
            if find(new.text[key], in: old, oldNode) != nil { return }
            separate(&out)
            out.append(contentsOf: new.text[key.lowerBound - 1..<new[child].range.upperBound])
        }
        out.append(UInt8(ascii: "}"))
    }

    private static func find(_ key: ArraySlice<UInt8>, in document: borrowing JSONDocument, _ node: Int) -> Int? {
        var found: Int?
        document.forEachChild(of: node) { child in
            if document.text[document.keyRange(of: child)] == key { found = child }
        }
        return found
    }

    private static func addUp(
        _ oldNode: Int, _ old: borrowing JSONDocument, _ new: borrowing JSONDocument, _ newNode: Int,
        _ out: inout [UInt8]
    ) {
        let older = old.text[old[oldNode].range]
        let newer = new.text[new[newNode].range]
        if old[oldNode].kind == .object, new[newNode].kind == .object {
            combine(old, oldNode, new, newNode, addUp, &out)
        } else if let one = Int(String(decoding: older, as: UTF8.self)),
            let other = Int(String(decoding: newer, as: UTF8.self))
        {
            out.append(contentsOf: String(one.addingClamped(other)).utf8)
        } else {
            out.append(contentsOf: new[newNode].kind == .null ? older : newer)
        }
    }
}
