// Anthropic's `cache_control` marks say where a provider shall cache; they are no part of the prompt. A harness moves them
// from call to call, so what is remembered of a turn never has them (platform.claude.com, prompt caching).

import CairnCore

enum CacheHints {
    /// The value without any `cache_control` member of its blocks; nil if it has none, or is no JSON.
    /// - Complexity: a search for the word; a parse only where it stands.
    static func removed(from bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard contains(bytes), let document = try? JSONDocument(Array(bytes)) else { return nil }
        var edits: [JSONDocument.Edit] = []
        for index in 0..<document.nodeCount where document[index].kind == .object {
            guard let member = document.member("cache_control", of: index), isHint(document, object: index) else {
                continue
            }
            edits.append(JSONDocument.Edit(memberRange(document, member: member, of: index), with: []))
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        return edits.isEmpty ? nil : try? document.spliced(edits)
    }

    static func contains(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        ByteSearch.find("\"cache_control\"", rare: 6, in: UnsafeRawBufferPointer(bytes)) != nil
    }

    /// A hint stands in a block or a tool: an object at most four levels deep, and not inside a tool's arguments or
    /// schema, which belong to the client.
    private static func isHint(_ document: borrowing JSONDocument, object index: Int) -> Bool {
        var ancestor = document[index]
        if ancestor.depth > 4 { return false }
        while let parent = ancestor.parent {
            if let key = ancestor.keyRange, !isContainer(document.text[key]) { return false }
            ancestor = document[parent]
        }
        return true
    }

    private static func isContainer(_ key: ArraySlice<UInt8>) -> Bool { key.elementsEqual("content".utf8) }

    /// The bytes of a member with the comma that goes with it.
    private static func memberRange(_ document: borrowing JSONDocument, member: Int, of object: Int) -> Range<Int> {
        let node = document[member]
        let keyStart = (node.keyRange?.lowerBound ?? node.range.lowerBound) - 1
        if node.next < document[object].next {  // a member follows: up to its key
            let following = document[node.next]
            return keyStart..<((following.keyRange?.lowerBound ?? following.range.lowerBound) - 1)
        }
        // the last one: from the end of the member before, or all if it is alone
        var end = document[object].range.lowerBound + 1
        document.forEachChild(of: object) { child in
            if child < member { end = max(end, document[child].range.upperBound) }
        }
        return end..<node.range.upperBound
    }
}
