// `cairn context convert`: a recorded request body of one dialect as a body of another, without a network. For those who
// move a session from one agent to another, or want to see what a translation does.

import CairnCore
import CairnSettings
import CairnWire
import Glibc

enum ContextConvert {
    private typealias WireDialect = CairnWire.Dialect

    /// Returns the exit status: 0 when the body was written, 1 when it is no request or cannot be translated.
    static func run(_ settings: ConvertSettings) -> Int32 {
        do throws(WireError) {
            guard let target = WireDialect(name: settings.target.rawValue) else {
                preconditionFailure("the settings and the wire have the same dialects")
            }
            let prompt = try prompt(settings.file, settings.source)
            var out = ByteWriter(capacity: prompt.source.bytes.count + 4096)
            let report = try prompt.encode(for: UpstreamTraits(.generic, dialect: target), to: &out)
            for counted in report.losses {
                complain("dropped \(counted.loss.member) (\(counted.loss.reason.name)), \(counted.count) time(s)")
            }
            out.append("\n")
            return out.withBytes { writeAll($0) } ? 0 : 1
        } catch {
            complain(error.path.isEmpty ? error.reason : "\(error.path): \(error.reason)")
            return 1
        }
    }

    /// The prompt of a request body, or of what an export wrote.
    static func prompt(_ file: String, _ from: CairnSettings.Dialect?) throws(WireError) -> Prompt {
        let source = try document(file)
        if source.json.member("cairn_prompt", of: 0) != nil { return try Prompt(serialized: source.bytes) }
        let dialect = from.flatMap { WireDialect(name: $0.rawValue) } ?? RecognisedDialect.of(source)
        guard let dialect else {
            throw WireError(.malformed, at: "", "the dialect of the body is not recognised; name it with --from")
        }
        return try Prompt(reading: source, dialect: dialect)
    }

    private static func document(_ file: String) throws(WireError) -> SourceDocument {
        let bytes = try contents(of: file)
        do throws(CoreError) { return try SourceDocument(parsing: bytes) } catch {
            throw WireError(.notJSON, at: "", "the body is not JSON (\(error))")
        }
    }

    private static func contents(of file: String) throws(WireError) -> [UInt8] {
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw WireError(.notJSON, at: "", "cannot read \(file): \(String(cString: strerror(errno)))")
        }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while bytes.count <= ConvertSettings.fileBytesMax {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw WireError(.notJSON, at: "", "cannot read \(file): \(String(cString: strerror(errno)))")
            }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
        throw WireError(.tooBig, at: "", "the body has more than \(ConvertSettings.fileBytesMax) bytes")
    }

    /// Writes to standard output; false: it takes no more.
    static func writeAll(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = write(STDOUT_FILENO, rest.baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }
}

/// The dialect of a request body that does not say where it was sent.
enum RecognisedDialect {
    /// Members that only one of the two dialects with `messages` has.
    private static let ofMessages: [StaticString] = [
        "system", "stop_sequences", "thinking", "anthropic_version", "output_config",
    ]
    /// Types of content parts that only Anthropic's dialect has.
    private static let typesOfMessages: Set<String> = [
        "tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document", "server_tool_use",
    ]

    /// nil: neither `input` nor `messages` is there. A body that both could mean is read as chat: the two readings are then
    /// the same.
    static func of(_ source: SourceDocument) -> CairnWire.Dialect? {
        if source.json.member("input", of: 0) != nil { return .responses }
        guard let messages = source.json.member("messages", of: 0) else { return nil }
        if ofMessages.contains(where: { source.json.member($0, of: 0) != nil }) { return .messages }
        if let tools = source.json.member("tools", of: 0), source.json[tools].childCount > 0 {
            return source.json.member("function", of: tools + 1) == nil
                && source.json.member("custom", of: tools + 1) == nil
                ? .messages : .chat
        }
        var isOfMessages = false
        source.json.forEachChild(of: messages) { message in
            guard let content = source.json.member("content", of: message), source.json[content].kind == .array else {
                return
            }
            source.json.forEachChild(of: content) { part in
                let type = source.json.member("type", of: part).flatMap {
                    source.text(of: RawJSON(source.json[$0].range))
                }
                if let type, typesOfMessages.contains(type) { isOfMessages = true }
            }
        }
        return isOfMessages ? .messages : .chat
    }
}
