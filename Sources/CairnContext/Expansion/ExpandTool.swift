// The one tool that Cairn adds to a client's: with it a model asks for what a marker left out. Its definition is sent with
// every call of a session, so it is short; its answer is cut where it would be long, and says how to go on.
//
//     cairn_expand {"handle":"k7f2","lines":"3-9"}     ─▶     the lines 3 to 9 of the part that k7f2 names
//
// The gateway finds the call in the answer (CairnWire, HiddenCallFilter), and answers it from the store.

import CairnCore
import CairnWire

public enum ExpandTool {
    public static let name: StaticString = "cairn_expand"
    /// The place of a letter in the name that is seldom: its `x`.
    public static let rareIndex = 7
    /// Bytes of one answer; more is asked for by lines. About 5,000 tokens: half of what agents let a tool print.
    public static let answerBytesMax = 16_384
    /// Answers to the model in one call of a client. After them it is told to go on without.
    public static let roundsMax = 4

    /// As an element of the client's `tools`. Sessions know the tool by these bytes: with others, all of them would be
    /// sent other tools, and every prefix would break.
    public static func definition(_ dialect: Dialect) -> [UInt8] {
        let parameters =
            #"{"type":"object","properties":{"handle":{"type":"string"},"lines":{"type":"string"}},"required":["handle"]}"#
        let named = #""name":"\#(name)","description":"\#(description)""#
        let text =
            switch dialect {
            case .chat: #"{"type":"function","function":{\#(named),"parameters":\#(parameters)}}"#
            case .messages: #"{\#(named),"input_schema":\#(parameters)}"#
            // Without the flag this dialect would want every argument.
            case .responses: #"{"type":"function",\#(named),"strict":false,"parameters":\#(parameters)}"#
            }
        return Array(text.utf8)
    }

    /// As the lineage knows it among a client's tools.
    static func key(_ dialect: Dialect) -> ToolKey {
        let bytes = definition(dialect)
        let digest = bytes.withUnsafeBytes { Fingerprint(of: $0) }
        return ToolKey(raw: digest, tool: digest, byteCount: bytes.count)
    }

    /// Without the brackets: who looks for markers in a prompt does not find these.
    private static let description = "Reads what =HANDLE:3-9 or -HANDLE: 12 lines in brackets stands for"

    /// Whether the tool's name stands in bytes.
    static func isNamed(in bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { ByteSearch.find(name, rare: rareIndex, in: $0) } != nil
    }

    // MARK: what is asked

    /// What the arguments of a call ask for.
    public struct Question: Equatable, Sendable {
        public var handle: Handle
        /// nil: the whole part.
        public var lines: LineSelection?
    }

    /// Reads a call's arguments, the content of a JSON string. Models copy more of a marker than its handle: brackets, the
    /// sign, and its lines are understood.
    public static func question(_ arguments: [UInt8]) -> Question? {
        guard let text = try? arguments.withUnsafeBytes({ try JSONText.unescape($0) }),
            let document = try? JSONDocument(Array(text.utf8)), let handle = string(document, "handle")
        else { return nil }
        let parts = handle.split(separator: ":", maxSplits: 1).map { trimmed(String($0)) }
        guard let first = parts.first, let read = Handle(first) else { return nil }
        let lines = string(document, "lines") ?? (parts.count > 1 ? parts[1] : "")
        return Question(handle: read, lines: LineSelection(trimmed(lines)))
    }

    /// A member that is a string or a number.
    private static func string(_ document: borrowing JSONDocument, _ key: StaticString) -> String? {
        guard let node = document.member(key, of: 0) else { return nil }
        if document[node].kind == .number {
            return String(decoding: document.text[document[node].range], as: UTF8.self)
        }
        return try? document.string(node)
    }

    private static func trimmed(_ text: String) -> String {
        let around = Set("[]=-: \n\t")
        return String(text.drop(while: around.contains).reversed().drop(while: around.contains).reversed())
    }

    // MARK: what is answered

    /// The text for the model.
    public static func answer(_ question: Question, _ found: Result<Expansion, ExpansionError>) -> String {
        do throws(ExpansionError) {
            let expansion = try found.get()
            let first = question.lines?.first ?? 1
            let whole = try expansion.bytes(question.lines)
            let lineCount = LineSelection.count(of: expansion.bytes)
            guard whole.count > answerBytesMax else { return String(decoding: whole, as: UTF8.self) }
            return cut(whole, firstLine: first, lastLine: question.lines?.last ?? lineCount)
        } catch {
            switch error {
            case .unknownHandle: return "\(question.handle): no marker in this conversation has this handle."
            case .linesBeyond, .manyOriginals: return "\(question.handle): \(error)."
            case .manySessions, .turnMissing, .bytesMissing, .partMissing, .originalDiffers, .storage:
                return "\(question.handle) cannot be read now. Read the source again."
            }
        }
    }

    /// As much as fits, whole lines where there are any, and what to ask for then.
    private static func cut(_ bytes: [UInt8], firstLine: Int, lastLine: Int) -> String {
        let head = bytes[..<bytes.withUnsafeBufferPointer { UTF8Scan.boundary(in: $0, atMost: answerBytesMax) }]
        guard let end = head.lastIndex(of: UInt8(ascii: "\n")) else {
            return String(decoding: head, as: UTF8.self) + "\n[cut: line \(firstLine) is longer than can be shown]"
        }
        let shown = head[...end]
        let next = firstLine + shown.count { $0 == UInt8(ascii: "\n") }
        return String(decoding: shown, as: UTF8.self) + "[cut: go on with lines \"\(next)-\(lastLine)\"]"
    }

    /// For arguments that name no handle.
    public static let unreadable = "Give the handle of a marker, such as {\"handle\":\"k7f2\",\"lines\":\"3-9\"}."
    /// For a call beyond ``roundsMax``.
    public static let exhausted = "No more can be read in this turn. Go on with what you have."

    /// The answer as elements behind the assistant's turn with the calls: identifiers are contents, texts plain.
    public static func results(_ answers: [(identifier: [UInt8], text: String)], _ dialect: Dialect) -> [UInt8] {
        let results = answers.map { answer -> [UInt8] in
            let identifier = [UInt8(ascii: "\"")] + answer.identifier + [UInt8(ascii: "\"")]
            let text = JSONText.quoted(answer.text)
            switch dialect {
            case .chat:
                return Array(#"{"role":"tool","tool_call_id":"#.utf8) + identifier + Array(#","content":"#.utf8) + text
                    + Array("}".utf8)
            case .messages:
                return Array(#"{"type":"tool_result","tool_use_id":"#.utf8) + identifier + Array(#","content":"#.utf8)
                    + text + Array("}".utf8)
            case .responses:
                return Array(#"{"type":"function_call_output","call_id":"#.utf8) + identifier
                    + Array(#","output":"#.utf8) + text + Array("}".utf8)
            }
        }
        let joined = Array(results.joined(separator: [UInt8(ascii: ",")]))
        if dialect != .messages { return joined }
        return Array(#"{"role":"user","content":["#.utf8) + joined + Array("]}".utf8)
    }
}
