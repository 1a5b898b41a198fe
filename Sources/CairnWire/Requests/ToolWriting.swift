// Tool definitions in what all dialects share: which are sent, under which name, and what a custom tool becomes where there
// are only functions.

import CairnCore

extension PromptWriter {
    /// The tools the target gets, in order.
    /// - Throws: `untranslatable` naming a built-in tool that this upstream cannot run.
    mutating func keptTools(_ tools: [ToolDefinition]) throws(WireError) -> [ToolDefinition] {
        if isSameDialect { return tools }
        var kept: [ToolDefinition] = []
        for (index, tool) in tools.enumerated() {
            account(tool)
            guard case .builtIn(let type) = tool.kind else {
                kept.append(tool)
                continue
            }
            let name = source.text(of: type) ?? "?"
            guard upstream.leavesOutBuiltInTools else {
                throw WireError(
                    .untranslatable, at: "tools[\(index)]",
                    "the upstream cannot run the built-in tool \(name): leave it out or offer a function")
            }
            lose("tools.\(name)", .noCounterpart)
        }
        return kept
    }

    private mutating func account(_ tool: ToolDefinition) {
        if tool.cacheControl != nil, upstream.dialect != .messages { lose("cache_control", .noCounterpart) }
        if tool.namespace?.description != nil, !upstream.knowsNamespaces {
            lose("tools.namespace.description", .noCounterpart)
        }
        if !tool.unknown.isEmpty { lose(unknown: tool.unknown, in: "tools") }
    }

    /// Name and description. A tool that gets another name is told in the report.
    mutating func toolHead(_ tool: ToolDefinition) {
        if let name = tool.name {
            let sent = sentName(name, namespace: tool.namespace?.name)
            member("name", sent)
            if sent != name { alias(EncodingReport.ToolAlias(sent: sent, name: name, namespace: tool.namespace?.name)) }
        }
        member("description", ifGiven: tool.description)
    }

    /// `format` of a custom tool: chat nests a grammar (`{"type":"grammar","grammar":{...}}`), responses does not.
    mutating func customFormat(_ format: RawJSON, nested: Bool) {
        guard let grammar = grammar(of: format) else { return member("format", format) }
        key("format")
        out.append("{\"type\":\"grammar\"")
        if nested {
            out.append(",\"grammar\":{")
            member("syntax", ifGiven: grammar.syntax)
            member("definition", ifGiven: grammar.definition)
            out.append("}}")
        } else {
            member("syntax", ifGiven: grammar.syntax)
            member("definition", ifGiven: grammar.definition)
            out.append("}")
        }
    }

    /// The schema of a custom tool that is offered as a function: one string, described by the grammar it must follow.
    mutating func freeformSchema(_ format: RawJSON?) {
        out.append("{\"type\":\"object\",\"properties\":{\"")
        out.append(ToolNames.freeformArgument)
        out.append("\":{\"type\":\"string\",\"description\":\"The whole input of the tool, as plain text.")
        if let format, let grammar = grammar(of: format), let definition = grammar.definition {
            out.append(" It follows this grammar")
            if let syntax = grammar.syntax {
                out.append(" (")
                content(of: syntax)
                out.append(")")
            }
            out.append(":\\n")
            content(of: definition)
        }
        out.append("\"}},\"required\":[\"")
        out.append(ToolNames.freeformArgument)
        out.append("\"],\"additionalProperties\":false}")
    }

    /// A schema with the type object, which messages demands and the other dialects take for granted.
    mutating func objectSchema(_ schema: RawJSON?) {
        guard let schema else { return out.append("{\"type\":\"object\"}") }
        let bytes = source.withBytes(of: schema) { Array($0) }
        guard let document = try? SourceDocument(parsing: bytes), document.json.kind(of: 0) == .object,
            document.json.member("type", of: 0) == nil
        else { return out.append(bytes) }
        out.append("{\"type\":\"object\"")
        if document.json.nodeCount > 1 { out.append(",") }
        out.append(Array(bytes.drop { $0 != UInt8(ascii: "{") }.dropFirst()))
    }

    /// A grammar in either spelling; nil for other formats. Its strings are values of their own.
    private func grammar(of format: RawJSON) -> (syntax: RawJSON?, definition: RawJSON?)? {
        let bytes = source.withBytes(of: format) { Array($0) }
        guard let document = try? SourceDocument(parsing: bytes) else { return nil }
        let reader = PromptReader(source: document)
        guard let type = reader.member("type", of: 0), reader.holds("grammar", at: type) else { return nil }
        let holder = reader.member("grammar", of: 0) ?? 0
        func text(_ key: StaticString) -> RawJSON? {
            reader.member(key, of: holder).flatMap {
                reader.kind($0) == .string ? document.detached(reader.raw($0)) : nil
            }
        }
        return (text("syntax"), text("definition"))
    }
}
