// The tags that some models write into their text, recognised one character at a time.
//
// Thinking: `<think>` and `</think>`, as DeepSeek-R1 and its descendants have them.
//
// Tool calls: DeepSeek's markup (DSML). The grammar is that of the encoding scripts DeepSeek publishes with its
// models, in `encode_arguments_to_dsml`, `parse_tool_calls` and their templates: `encoding/encoding_dsv32.py` of
// huggingface.co/deepseek-ai/DeepSeek-V3.2, `encoding/encoding_dsv4.py` of DeepSeek-V4, and `encoding/encoding.py` of
// DeepSeek-V4.1-Flash. `dsml_token` is "｜DSML｜", with full-width bars (U+FF5C):
//
//     block      "\n\n<｜DSML｜" B ">\n" call { "\n" call } "\n</｜DSML｜" B ">"
//     call       "<｜DSML｜" I " name=\"" NAME "\">\n" { parameter "\n" } "</｜DSML｜" I ">"
//     parameter  "<｜DSML｜" P " name=\"" KEY "\" string=\"" ("true" | "false") "\">" VALUE "</｜DSML｜" P ">"
//
//                V3.2              V4            V4.1
//     B          function_calls    tool_calls    " calls"        (a space before the name)
//     I          invoke            invoke        " invoke"
//     P          parameter         parameter     " parameter"
//
// A VALUE with string="true" is the text itself, without escapes; otherwise it is JSON. Servers that put the token
// together from its pieces write the bars twice (`<｜｜DSML｜｜tool_calls>`); that is taken as well.

enum MarkupTag: Equatable {
    case thinkOpen
    case thinkClose
    case blockOpen
    case blockClose
    /// The tool's name: a content.
    case callOpen(name: [UInt8])
    case callClose
    /// The key is a content.
    case parameterOpen(key: [UInt8], isString: Bool)
    case parameterClose
}

/// Recognises one tag. Starts at its `<`.
struct MarkupTagMatcher: Sendable {
    /// A tag with its attributes. What is longer is text.
    static let tagBytesMax = 1024

    enum Step {
        case more
        case complete(MarkupTag)
        /// This character cannot follow: what came so far is no tag.
        case mismatch
    }

    private enum Phase {
        case lessThan
        case afterLessThan
        case think(matched: Int)
        case openingBars(count: Int)
        case token(matched: Int)
        case closingBars(count: Int)
        case name
        case attributeKey
        case equals
        case attributeValue
        case afterAttribute
    }

    private static let think = Array("think>".utf8)
    private static let token = Array("DSML".utf8)
    private static let bar: UInt32 = 0xFF5C

    private var phase = Phase.lessThan
    private var isClosing = false
    private var name: [UInt8] = []
    private var key: [UInt8] = []
    private var value: [UInt8] = []
    private var attributes: [(key: [UInt8], value: [UInt8])] = []
    private var byteCount = 0

    /// `spelling`: the character as the content has it.
    mutating func take(_ scalar: UInt32, _ spelling: UnsafeRawBufferPointer) -> Step {
        byteCount += spelling.count
        guard byteCount <= Self.tagBytesMax else { return .mismatch }
        let ascii = scalar < 0x80 ? UInt8(scalar) : 0
        switch phase {
        case .lessThan: return step(to: .afterLessThan, if: ascii == UInt8(ascii: "<"))
        case .afterLessThan:
            if ascii == UInt8(ascii: "/"), !isClosing {
                isClosing = true
                return .more
            }
            if scalar == Self.bar { return step(to: .openingBars(count: 1), if: true) }
            return step(to: .think(matched: 1), if: ascii == Self.think[0])
        case .think(let matched):
            guard ascii == Self.think[matched] else { return .mismatch }
            if matched + 1 == Self.think.count { return .complete(isClosing ? .thinkClose : .thinkOpen) }
            return step(to: .think(matched: matched + 1), if: true)
        case .openingBars(let count):
            if scalar == Self.bar { return step(to: .openingBars(count: 2), if: count == 1) }
            return step(to: .token(matched: 1), if: ascii == Self.token[0])
        case .token(let matched):
            if matched == Self.token.count { return step(to: .closingBars(count: 1), if: scalar == Self.bar) }
            return step(to: .token(matched: matched + 1), if: ascii == Self.token[matched])
        case .closingBars(let count):
            if scalar == Self.bar { return step(to: .closingBars(count: 2), if: count == 1) }
            phase = .name
            return ascii == UInt8(ascii: " ") ? .more : takeName(ascii)
        case .name: return takeName(ascii)
        default: return takeAttribute(ascii, spelling)
        }
    }

    private mutating func step(to next: Phase, if isRight: Bool) -> Step {
        phase = next
        return isRight ? .more : .mismatch
    }

    private mutating func takeName(_ ascii: UInt8) -> Step {
        switch ascii {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
            name.append(ascii)
            return .more
        case UInt8(ascii: ">"): return complete()
        case UInt8(ascii: " "): return step(to: .attributeKey, if: !isClosing && !name.isEmpty)
        default: return .mismatch
        }
    }

    private mutating func takeAttribute(_ ascii: UInt8, _ spelling: UnsafeRawBufferPointer) -> Step {
        switch phase {
        case .attributeKey:
            if ascii == UInt8(ascii: "=") { return step(to: .equals, if: !key.isEmpty) }
            key.append(ascii)
            return ascii.isASCIIAlphanumeric ? .more : .mismatch
        case .equals: return step(to: .attributeValue, if: ascii == UInt8(ascii: "\""))
        case .attributeValue:
            guard ascii == UInt8(ascii: "\"") else {
                value.append(contentsOf: spelling)
                return .more
            }
            attributes.append((key, value))
            key = []
            value = []
            return step(to: .afterAttribute, if: true)
        default:
            if ascii == UInt8(ascii: ">") { return complete() }
            return step(to: .attributeKey, if: ascii == UInt8(ascii: " "))
        }
    }

    private func complete() -> Step {
        switch String(decoding: name, as: UTF8.self) {
        case "function_calls", "tool_calls", "calls":
            return attributes.isEmpty ? .complete(isClosing ? .blockClose : .blockOpen) : .mismatch
        case "invoke":
            if isClosing { return .complete(.callClose) }
            guard let name = attribute("name"), !name.isEmpty else { return .mismatch }
            return .complete(.callOpen(name: name))
        case "parameter":
            if isClosing { return .complete(.parameterClose) }
            guard let key = attribute("name") else { return .mismatch }
            return .complete(.parameterOpen(key: key, isString: attribute("string") != Array("false".utf8)))
        default: return .mismatch
        }
    }

    private func attribute(_ key: StaticString) -> [UInt8]? {
        attributes.first { entry in entry.key.withUnsafeBytes { $0.equals(key) } }?.value
    }
}
