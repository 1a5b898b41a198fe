// Shapes of settings that more than one dialect has.

import CairnCore

extension PromptReader {
    func holds(_ word: StaticString, atKeyOf node: Int) -> Bool {
        source.bytes.withUnsafeBufferPointer {
            word.spells(UnsafeBufferPointer(rebasing: $0[source.json.keyRange(of: node)]))
        }
    }

    /// An object with `name`, `schema`, `strict`, `description`.
    func jsonSchema(_ node: Int) throws(WireError) -> PromptSettings.OutputFormat {
        .jsonSchema(
            name: try optionalString("name", of: node),
            schema: optionalRaw("schema", of: node) ?? RawJSON(spelled: "{}"),
            strict: optionalRaw("strict", of: node),
            description: try optionalString("description", of: node))
    }

    /// An effort word; `none` switches thinking off.
    func reasoning(
        _ earlier: PromptSettings.Reasoning?, effort node: Int
    ) throws(WireError) -> PromptSettings.Reasoning {
        var reasoning = earlier ?? PromptSettings.Reasoning()
        guard let word = try optionalString(node) else { return reasoning }
        if holds("none", at: node) {
            reasoning.mode = .off
        } else {
            reasoning.effort = word
        }
        return reasoning
    }
}

extension PromptWriter {
    func isTrue(_ value: RawJSON?) -> Bool {
        guard let value else { return false }
        return source.withBytes(of: value) { ("true" as StaticString).spells($0) }
    }

    /// Whether responses' `include` asks for nothing but encrypted reasoning.
    func asksOnlyForEncryptedReasoning(_ include: RawJSON) -> Bool {
        let wanted: StaticString = "\"reasoning.encrypted_content\""
        return source.withBytes(of: include) { bytes in
            let inner = bytes.filter { $0 > 0x20 && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
            return inner.isEmpty || inner.withUnsafeBufferPointer(wanted.spells)
        }
    }

    /// The members of OpenAI's json_schema; `name` is required there.
    mutating func schemaMembers(name: RawJSON?, schema: RawJSON, strict: RawJSON?, description: RawJSON?) {
        if let name { member("name", name) } else { member("name", word: "answer") }
        member("description", ifGiven: description)
        member("schema", schema)
        member("strict", ifGiven: strict)
    }
}
