// Turns calls back into the client's own: the name and namespace it knows the tool by, and for a custom tool that went
// upstream as a function its input instead of arguments.
//
//     name  mcp__files__read                      namespace mcp__files__   name read
//     {\"input\":\"*** Begin Patch\\n+a\"}        *** Begin Patch\n+a
//
// The input is a JSON string in a JSON text in a JSON string. With the outer escapes undone, what stands between the
// inner quotes is the content of the input already, so it is passed on as it comes.

import CairnCore

struct ClientToolFilter: Sendable {
    /// Arguments that do not begin as a custom tool's should are kept until they are whole.
    static let heldBytesMax = 1_048_576

    private struct Tool {
        /// Contents.
        var sentName: [UInt8]
        var name: [UInt8]
        var namespace: [UInt8]?
        var isFreeform: Bool
    }

    private var tools: [Tool]
    /// Open calls of custom tools.
    private var inputs: [(partIndex: Int, input: FreeformInput)] = []

    init(_ context: AnswerContext) {
        let content = { (value: RawJSON) in context.source.withBytes(of: value) { Array($0.dropFirst().dropLast()) } }
        tools = context.changedTools.map { tool in
            Tool(
                sentName: content(tool.sentName), name: content(tool.name), namespace: tool.namespace.map(content),
                isFreeform: tool.isFreeform)
        }
    }

    mutating func filter(_ event: AnswerEvent, _ emit: (AnswerEvent) -> Void) {
        switch event {
        case .partStarted(let index, .toolCall(let identifier, let name, _, isFreeform: false)):
            guard let tool = tools.first(where: { name.elementsEqual($0.sentName) }) else { return emit(event) }
            if tool.isFreeform { inputs.append((index, FreeformInput())) }
            tool.name.withUnsafeBytes { name in
                (tool.namespace ?? []).withUnsafeBytes { namespace in
                    emit(
                        .partStarted(
                            index: index,
                            .toolCall(
                                identifier: identifier, name: name, namespace: tool.namespace == nil ? nil : namespace,
                                isFreeform: tool.isFreeform)))
                }
            }
        case .delta(let index, let content):
            guard let open = inputs.firstIndex(where: { $0.partIndex == index }) else { return emit(event) }
            inputs[open].input.read(content) { emit(.delta(index: index, content: $0)) }
        case .partEnded(let index):
            if let open = inputs.firstIndex(where: { $0.partIndex == index }) {
                inputs[open].input.finish { emit(.delta(index: index, content: $0)) }
                inputs.remove(at: open)
            }
            emit(event)
        default: emit(event)
        }
    }
}

/// The `input` of arguments that come piece by piece.
private struct FreeformInput: Sendable {
    private enum State {
        /// In `{"input":"`, white space allowed between the tokens.
        case opening(matched: Int)
        case value
        /// Behind the input's closing quote.
        case closed
        /// Not of the expected form: everything is held.
        case unexpected
    }

    private static let opening = Array("{\"input\":\"".utf8)
    /// Positions in `opening` that white space may stand before.
    private static let gaps: Set<Int> = [0, 1, 8, 9]

    private var state = State.opening(matched: 0)
    /// All arguments so far, until the opening is whole.
    private var held: [UInt8] = []
    /// An escape of the input that is not whole yet, or the first half of a surrogate pair.
    private var escape: [UInt8] = []

    mutating func read(_ content: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) -> Void) {
        hold(content)
        var text = ByteWriter(capacity: content.count)
        var cursor = ContentCursor(content)
        while let character = cursor.next() {
            switch state {
            case .opening(let matched): open(character.scalar, matched)
            case .value:
                take(character, UnsafeRawBufferPointer(rebasing: content[character.range]), to: &text)
            case .closed, .unexpected: break
            }
        }
        text.withBytes { if !$0.isEmpty { emit(UnsafeRawBufferPointer($0)) } }
    }

    private mutating func hold(_ content: UnsafeRawBufferPointer) {
        switch state {
        case .opening, .unexpected:
            if held.count + content.count <= ClientToolFilter.heldBytesMax { held.append(contentsOf: content) }
        case .value, .closed: break
        }
    }

    private mutating func open(_ scalar: UInt32, _ matched: Int) {
        if scalar == UInt32(Self.opening[matched]) {
            if matched + 1 < Self.opening.count {
                state = .opening(matched: matched + 1)
            } else {
                held = []
                state = .value
            }
        } else if !(scalar < 0x80 && UInt8(scalar).isJSONWhitespace && Self.gaps.contains(matched)) {
            state = .unexpected
        }
    }

    private mutating func take(
        _ character: ContentCursor.Character, _ spelling: UnsafeRawBufferPointer, to text: inout ByteWriter
    ) {
        if !escape.isEmpty, extendEscape(character.scalar, to: &text) { return }
        switch character.scalar {
        case UInt32(UInt8(ascii: "\"")): state = .closed
        case UInt32(UInt8(ascii: "\\")): escape = [UInt8(ascii: "\\")]
        default: text.append(spelling)
        }
    }

    /// Goes on with an escape; false: it has ended without this character.
    private mutating func extendEscape(_ scalar: UInt32, to text: inout ByteWriter) -> Bool {
        let byte = scalar < 0x80 ? UInt8(scalar) : 0
        if escape.count == 7, byte != UInt8(ascii: "u") {
            // The first half of a pair stands alone, and another escape follows.
            text.append(Array(escape[..<6]))
            escape.removeFirst(6)
        }
        guard isNext(byte) else {
            flushEscape(to: &text)
            return false
        }
        escape.append(byte)
        if isEscapeWhole { flushEscape(to: &text) }
        return true
    }

    private func isNext(_ byte: UInt8) -> Bool {
        switch escape.count % 6 {
        case 0: byte == UInt8(ascii: "\\")
        case 1: "\"\\/bfnrtu".utf8.contains(byte)
        default: "0123456789abcdefABCDEF".utf8.contains(byte)
        }
    }

    private var isEscapeWhole: Bool {
        guard escape.count >= 2 else { return false }
        guard escape[1] == UInt8(ascii: "u") else { return true }
        if escape.count < 6 { return false }
        // The first half of a pair waits for the second, so that no piece ends between them.
        let isFirstHalf = escape[2] | 0x20 == UInt8(ascii: "d") && "89abAB".utf8.contains(escape[3])
        return !isFirstHalf || escape.count == 12
    }

    /// Whole escapes go out as they are; of one that broke off the backslash is a character.
    private mutating func flushEscape(to text: inout ByteWriter) {
        let isShort = escape.count == 2 && escape[1] != UInt8(ascii: "u")
        let whole = isShort ? 2 : escape.count / 6 * 6
        text.append(Array(escape[..<whole]))
        if whole < escape.count {
            text.append("\\\\")
            text.append(Array(escape[(whole + 1)...]))
        }
        escape = []
    }

    mutating func finish(_ emit: (UnsafeRawBufferPointer) -> Void) {
        guard !held.isEmpty else { return }
        held.withUnsafeBytes { content in
            let text = Array(content.contentText.utf8)
            var tape = JSONTape()
            text.withUnsafeBytes { bytes in
                let isJSON = (try? tape.parse(bytes)) != nil
                let input = isJSON ? tape.content("input", of: 0) : nil
                emit(input ?? content)
            }
        }
    }
}
