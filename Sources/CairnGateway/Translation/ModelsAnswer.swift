// Lists of models between the two shapes there are: OpenAI's, which chat and responses clients read, and Anthropic's. A
// few hundred entries at most, asked for once a session.
//
//     OpenAI      {"object":"list","data":[{"id":"m","object":"model","created":1760000000,"owned_by":"x"}]}
//     Anthropic   {"data":[{"type":"model","id":"m","display_name":"M","created_at":"2025-10-09T08:53:20Z"}],"has_more":false,...}
//
// Context windows are no part of OpenAI's shape; servers that tell them spell them as below.

import CairnCore
import CairnWire

enum ModelsAnswer {
    /// Who asks for what, and of whom.
    struct Shape: Equatable, Sendable {
        /// The client's shape, and the upstream's.
        var isAnthropic: Bool
        var asksAnthropic: Bool
        /// The one model asked for, in the client's name and in the upstream's if that is another; nil: the list.
        var model: String?
        var upstreamModel: String?
        /// Names of the model map that a list shows too.
        var addedModels: [MappedModel]

        /// What follows `/v1/models`.
        var pathSuffix: [UInt8] {
            guard let name = upstreamModel ?? model else { return [] }
            return [UInt8(ascii: "/")] + (upstreamModel == nil ? Array(name.utf8) : Self.percentEncoded(name))
        }

        private static func percentEncoded(_ name: String) -> [UInt8] {
            let digits = Array("0123456789ABCDEF".utf8)
            return name.utf8.flatMap { byte -> [UInt8] in
                let isPlain =
                    byte.isASCIIDigit || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || "-._~:/@".utf8.contains(byte)
                return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }

    /// Writes the upstream's list, or its model, in the client's shape.
    /// - Throws: `notJSON`, `malformed`; nothing is written then.
    static func translate(
        _ document: UnsafeRawBufferPointer, _ shape: Shape, to out: inout ByteWriter
    ) throws(WireError) {
        let source: SourceDocument
        do throws(CoreError) { source = try SourceDocument(parsing: Array(document)) } catch {
            throw WireError(.notJSON, at: "", "the answer is not JSON (\(error))")
        }
        if let name = shape.model {
            if shape.isAnthropic == shape.asksAnthropic {
                try rename(source, to: name, &out)
            } else {
                var model = try Model(source, 0, at: "")
                model.rename(name)
                model.write(isAnthropic: shape.isAnthropic, to: &out)
            }
            return
        }
        guard let list = source.json.member("data", of: 0), source.json[list].kind == .array else {
            throw WireError(.malformed, at: "data", "a list of models is expected")
        }
        var models: [Model] = []
        try source.json.forEachChild(of: list) { index throws(WireError) in
            models.append(try Model(source, index, at: "data[\(models.count)]"))
        }
        for added in shape.addedModels where !models.contains(where: { $0.identifier == added.name }) {
            guard var model = models.first(where: { $0.identifier == added.target }) else { continue }
            model.rename(added.name)
            models.append(model)
        }
        write(models, isAnthropic: shape.isAnthropic, to: &out)
    }

    /// The same document with another `id`.
    private static func rename(_ source: SourceDocument, to name: String, _ out: inout ByteWriter) throws(WireError) {
        guard let index = source.json.member("id", of: 0) else {
            throw WireError(.malformed, at: "id", "a model has an id")
        }
        let range = source.json[index].range
        out.append(Array(source.bytes[..<range.lowerBound]))
        out.append(JSONText.quoted(name))
        out.append(Array(source.bytes[range.upperBound...]))
    }

    private static func write(_ models: [Model], isAnthropic: Bool, to out: inout ByteWriter) {
        out.append(isAnthropic ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[")
        for (index, model) in models.enumerated() {
            if index > 0 { out.append(",") }
            model.write(isAnthropic: isAnthropic, to: &out)
        }
        out.append("]")
        if isAnthropic {
            out.append(",\"has_more\":false,\"first_id\":")
            out.append(models.first.map { JSONText.quoted($0.identifier) } ?? Array("null".utf8))
            out.append(",\"last_id\":")
            out.append(models.last.map { JSONText.quoted($0.identifier) } ?? Array("null".utf8))
        }
        out.append("}")
    }
}

/// One model, as far as both shapes tell of it.
private struct Model {
    private(set) var identifier: String
    private var displayName: String?
    private let createdSeconds: UInt64
    private let ownedBy: String
    /// Tokens a prompt may have, and an answer; nil: not told.
    private let inputTokensMax: UInt64?
    private let outputTokensMax: UInt64?

    init(_ source: SourceDocument, _ index: Int, at path: String) throws(WireError) {
        func text(_ key: StaticString) -> String? {
            source.json.member(key, of: index).flatMap { source.text(of: RawJSON(source.json[$0].range)) }
        }
        func number(_ key: StaticString) -> UInt64? {
            source.json.member(key, of: index).flatMap {
                UInt64(String(decoding: source.bytes[source.json[$0].range], as: UTF8.self))
            }
        }
        guard let identifier = text("id") else { throw WireError(.malformed, at: path, "a model has an id") }
        self.identifier = identifier
        displayName = text("display_name")
        createdSeconds = number("created") ?? text("created_at").flatMap(SystemTime.seconds(timestamp:)) ?? 0
        ownedBy = text("owned_by") ?? "system"
        // vLLM and SGLang: max_model_len; OpenRouter and others: context_length; Anthropic: max_input_tokens.
        inputTokensMax =
            number("max_input_tokens") ?? number("max_model_len") ?? number("context_length")
            ?? number("context_window")
        outputTokensMax = number("max_tokens") ?? number("max_output_tokens")
    }

    mutating func rename(_ name: String) {
        identifier = name
        displayName = nil
    }

    func write(isAnthropic: Bool, to out: inout ByteWriter) {
        out.append(isAnthropic ? "{\"type\":\"model\",\"id\":" : "{\"id\":")
        out.append(JSONText.quoted(identifier))
        if isAnthropic {
            out.append(",\"display_name\":")
            out.append(JSONText.quoted(displayName ?? identifier))
            out.append(",\"created_at\":\"")
            var timestamps = TimestampWriter()
            timestamps.append(wallNanoseconds: createdSeconds &* 1_000_000_000, to: &out)
            out.append("\"")
        } else {
            out.append(",\"object\":\"model\",\"created\":")
            out.append(decimal: createdSeconds)
            out.append(",\"owned_by\":")
            out.append(JSONText.quoted(ownedBy))
        }
        append(isAnthropic ? ",\"max_input_tokens\":" : ",\"context_length\":", inputTokensMax, to: &out)
        append(isAnthropic ? ",\"max_tokens\":" : ",\"max_output_tokens\":", outputTokensMax, to: &out)
        out.append("}")
    }

    private func append(_ key: StaticString, _ number: UInt64?, to out: inout ByteWriter) {
        guard let number else { return }
        out.append(key)
        out.append(decimal: number)
    }
}
