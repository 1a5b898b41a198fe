// Names and identifiers of tools as another dialect takes them. What is not accepted there gets a form that is derived from
// the original alone, so that it is the same in every call of a conversation.

import CairnCore

enum ToolNames {
    /// The argument a custom tool's input stands in where the tool is offered as a function.
    static let freeformArgument: StaticString = "input"
    /// The member that holds arguments which are no JSON object, where an object is wanted.
    static let wrappedArguments: StaticString = "arguments"
    /// Identifiers of calls: OpenAI takes 40 bytes in chat and 64 in responses; others name no limit.
    static let chatIdentifierBytesMax = 40
    static let responsesIdentifierBytesMax = 64
    static let identifierBytesMax = 128
    /// OpenAI: `^[a-zA-Z0-9_-]{1,64}$`.
    static let nameBytesMax = 64
    /// Anthropic: `^[a-zA-Z0-9_-]{1,128}$`.
    static let messagesNameBytesMax = 128

    /// Letters, digits, `_` and `-`.
    static func isPlain(_ content: UnsafeBufferPointer<UInt8>) -> Bool {
        !content.isEmpty && content.allSatisfy(isPlain)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// 128 bits of a digest in hexadecimal.
    static func digest(of content: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let fingerprint = Fingerprint(of: UnsafeRawBufferPointer(content))
        let digits = Array("0123456789abcdef".utf8)
        return [fingerprint.high, fingerprint.low].flatMap { word in
            (0..<16).map { digits[Int(truncatingIfNeeded: word >> UInt64(60 - 4 * $0)) & 15] }
        }
    }

    /// The name a tool has where there are no namespaces and names are plain: `mcp__files__` and `read` become
    /// `mcp__files__read`; what is too long or has other characters is cut and gets 8 digits of its digest.
    static func flattened(
        _ name: UnsafeBufferPointer<UInt8>, in namespace: [UInt8], bytesMax: Int
    ) -> [UInt8] {
        let separator = namespace.isEmpty || namespace.suffix(2).elementsEqual("__".utf8) ? [] : Array("__".utf8)
        let whole = namespace + separator + name
        if whole.count <= bytesMax, whole.withUnsafeBufferPointer(isPlain) { return whole }
        let front = whole.prefix(bytesMax - 9).map { isPlain($0) ? $0 : UInt8(ascii: "_") }
        return front + [UInt8(ascii: "_")] + whole.withUnsafeBufferPointer(digest).prefix(8)
    }
}

extension PromptWriter {
    private var nameBytesMax: Int {
        upstream.dialect == .messages ? ToolNames.messagesNameBytesMax : ToolNames.nameBytesMax
    }

    /// The name a tool or a call of it is sent under; the name itself where the target takes it.
    func sentName(_ name: RawJSON, namespace: RawJSON?) -> RawJSON {
        let bytesMax = nameBytesMax
        let isAccepted =
            namespace == nil
            && source.withBytes(of: name) {
                $0.count - 2 <= bytesMax && ToolNames.isPlain(UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1]))
            }
        if isAccepted { return name }
        let front = namespace.map { source.withBytes(of: $0) { Array($0.dropFirst().dropLast()) } } ?? []
        return source.withBytes(of: name) {
            let content = UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1])
            return .made(
                [UInt8(ascii: "\"")] + ToolNames.flattened(content, in: front, bytesMax: bytesMax)
                    + [UInt8(ascii: "\"")])
        }
    }

    /// Writes an identifier of a tool call as the target takes it: itself, or `call_` and a digest of it.
    mutating func identifier(_ key: StaticString, _ value: RawJSON) {
        self.key(key)
        let bytesMax = upstream.identifierBytesMax
        let isRestricted = upstream.dialect == .messages
        let derived: [UInt8]? = source.withBytes(of: value) {
            let content = UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1])
            let isAccepted =
                !content.isEmpty && content.count <= bytesMax && (!isRestricted || ToolNames.isPlain(content))
            return isAccepted ? nil : ToolNames.digest(of: content)
        }
        guard let derived else { return out.append(value, of: source) }
        quote()
        out.append("call_")
        out.append(derived)
        quote()
    }

    // Arguments

    /// A JSON string with the arguments, as chat and responses have them. `freeform` input becomes a function's argument.
    mutating func quotedArguments(_ arguments: Part.ToolCall.Arguments) {
        switch arguments {
        case .quoted(let text): out.append(text, of: source)
        case .object(let object):
            quote()
            escaped(object)
            quote()
        case .freeform(let input):
            quote()
            out.append("{\\\"")
            out.append(ToolNames.freeformArgument)
            out.append("\\\":")
            escaped(input)
            out.append("}")
            quote()
        }
    }

    /// A JSON object with the arguments, as messages has them. Text that is no object is wrapped:
    /// `{"arguments":"the text"}`; an empty text is an empty object.
    mutating func objectArguments(_ arguments: Part.ToolCall.Arguments) {
        switch arguments {
        case .object(let object): out.append(object, of: source)
        case .freeform(let input): wrapped(input, as: ToolNames.freeformArgument)
        case .quoted(let text):
            if isEmpty(text) { return out.append("{}") }
            let start = out.count
            let isText = source.withBytes(of: text) {
                out.append(unescaping: UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1]))
            }
            if isText && out.holdsObject(from: start) { return }
            out.truncate(to: start)
            wrapped(text, as: ToolNames.wrappedArguments)
        }
    }

    private mutating func wrapped(_ text: RawJSON, as key: StaticString) {
        out.append("{\"")
        out.append(key)
        out.append("\":")
        out.append(text, of: source)
        out.append("}")
    }
}
