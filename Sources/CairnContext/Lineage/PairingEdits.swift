// Every call has its result and every result its call, in what a prompt sends. A client that drops a result, keeps one
// without its call, or puts something between the two is refused by its provider; here the new turns of its prompt leave
// otherwise, built of its own bytes. The rules are PairingPlan's; turns that were sent before never change.
//
//     known        A(a)                 new     U  T(a)            emissions    A    T(a),U    (nothing)
//     known        A(a)                 new     U                  emissions    A    T(a: no result),U
//
// Asked for every call in the modes that change prompts. A prompt in order, which is nearly every one, costs a look at the
// identifiers of the turns that can matter: with chat and messages the new ones and the answer in front of them.

import CairnCore
import CairnWire

/// What was wrong with a call or a result. The raw values are no part of what is stored.
public enum PairingFault: UInt8, Sendable, CaseIterable {
    case unanswered = 1
    case orphan
    case misplaced

    /// In words, for records.
    public var words: String {
        switch self {
        case .unanswered: "a call without a result"
        case .orphan: "a result that no call waits for"
        case .misplaced: "a result elsewhere than its call wants it"
        }
    }
}

/// What turns of a prompt leave as, so that calls and results are paired.
struct PairingEdits {
    /// One part that was answered, moved or became text.
    struct Repair: Equatable {
        let fault: PairingFault
        /// Of the result; of a call that was answered.
        let place: PartAddress
        /// Of the text at this place (for a call: of its arguments), and of the text that stands for it.
        let original: Fingerprint
        let emitted: Fingerprint
    }

    /// By turn, without cache hints: any number of elements (`ElementSequence`).
    private(set) var emissions: [Int: [UInt8]] = [:]
    /// In the order of their places.
    private(set) var repairs: [Repair] = []

    /// - Parameters:
    ///   - first: the first turn that was never sent; turns in front of it stay as they left.
    ///   - client: a turn's element as the client sent it, without cache hints; an answer with its hidden turns.
    ///   - differs: whether a turn in front of `first` left otherwise than the client sent it.
    ///   - emitted: as what it left then.
    /// - Returns: nil for a prompt in order.
    init?(
        _ prompt: Prompt, from first: Int, client: @escaping (Int) -> [UInt8], differs: (Int) -> Bool,
        emitted: (Int) -> [UInt8]?
    ) {
        if first >= prompt.turns.count || Self.continuesElsewhere(prompt)
            || Self.isInOrder(prompt, from: first, differs: differs)
        {
            return nil
        }
        let turns = PairingTurn.turns(of: prompt)
        var known: Set<String>?
        let plan = PairingPlan(turns, Self.form(prompt.dialect), from: first) { name in
            if known == nil { known = Self.answers(inFrontOf: first, prompt, emitted) }
            return known!.contains(name)
        }
        if plan.isEmpty { return nil }
        let writer = PairingWriter(prompt: prompt, client: client)
        for (index, pairing) in plan.turns where index < turns.count {
            emissions[index] = ElementSequence.joined(writer.elements(of: index, turns[index].speaker, pairing))
        }
        if let behind = plan.turns[turns.count] {
            let last = emissions[turns.count - 1] ?? client(turns.count - 1)
            emissions[turns.count - 1] = ElementSequence.joined([last] + writer.ownElements(behind))
        }
        for (index, pairing) in plan.turns {
            let orphans = pairing.orphans.map { PartAddress(turn: index, part: $0) } + pairing.texts
            repairs += orphans.map { writer.repair(.orphan, $0) }
            repairs += pairing.answers.map { answer in
                switch answer {
                case .missing(let call): writer.repair(.unanswered, call)
                case .moved(let result): writer.repair(.misplaced, result)
                }
            }
        }
        repairs.sort { ($0.place.turn, $0.place.part) < ($1.place.turn, $1.place.part) }
    }

    private static func form(_ dialect: Dialect) -> PairingForm {
        switch dialect {
        case .chat: .behind
        case .messages: .inFront
        case .responses: .apart
        }
    }

    /// Whether the provider knows more of the conversation than the prompt says.
    private static func continuesElsewhere(_ prompt: Prompt) -> Bool {
        prompt.settings[.previousResponse] != nil || prompt.settings[.conversation] != nil
    }

    /// The results in what was sent for the turns that can hold an open call.
    private static func answers(
        inFrontOf first: Int, _ prompt: Prompt, _ emitted: (Int) -> [UInt8]?
    ) -> Set<String> {
        var names: Set<String> = []
        var hasAnswer = false
        for index in (0..<first).reversed() {
            let isAnswer = prompt.turns[index].role == .assistant
            // In chat and messages only the newest answer can have open calls: one message, or several in a row.
            if prompt.dialect != .responses, hasAnswer, !isAnswer || prompt.dialect == .chat { break }
            hasAnswer = hasAnswer || isAnswer
            guard let bytes = emitted(index) else { continue }
            names.formUnion(results(in: bytes))
        }
        return names
    }

    /// The calls that the results in these elements name.
    private static func results(in bytes: [UInt8]) -> [String] {
        guard let elements = ElementSequence(bytes) else { return [] }
        var names: [String] = []
        func note(_ key: StaticString, _ object: Int) {
            guard elements.document[object].kind == .object, let member = elements.document.member(key, of: object),
                let name = try? elements.document.string(member)
            else { return }
            names.append(name)
        }
        for element in elements.nodes {
            note("tool_call_id", element)
            guard elements.document[element].kind == .object else { continue }
            if elements.document.member("output", of: element) != nil { note("call_id", element) }
            guard let content = elements.document.member("content", of: element),
                elements.document[content].kind == .array
            else { continue }
            elements.document.forEachChild(of: content) { note("tool_use_id", $0) }
        }
        return names
    }
}

// MARK: - prompts in order

extension PairingEdits {
    /// Open calls that are looked through one by one; a prompt with more at once is looked at thoroughly.
    static let openMax = 64

    /// Whether nothing has to change: seen from the bytes of identifiers alone. False may also mean that an identifier is
    /// spelled in two ways, or belongs to what only one dialect knows.
    /// - Complexity: a comparison a call and result; no allocation but for the list of open calls.
    static func isInOrder(_ prompt: Prompt, from first: Int, differs: (Int) -> Bool) -> Bool {
        var order = PromptOrder(prompt)
        let start = prompt.dialect == .responses ? 0 : start(prompt, first)
        for index in start..<prompt.turns.count {
            // A call that is open here may have been answered by Cairn when it was sent.
            if index == first, !order.open.isEmpty, (start..<first).contains(where: differs) { return false }
            guard order.takes(index) else { return false }
        }
        return order.open.isEmpty
    }

    /// The newest answer in front of the new turns, if nothing but results, and with messages the user, follow it.
    private static func start(_ prompt: Prompt, _ first: Int) -> Int {
        var index = first - 1
        while index >= 0 {
            let role = prompt.turns[index].role
            guard role == .tool || role == .user && prompt.dialect == .messages else { break }
            index -= 1
        }
        guard index >= 0, prompt.turns[index].role == .assistant else { return first }
        if prompt.dialect == .messages {
            while index > 0, prompt.turns[index - 1].role == .assistant { index -= 1 }
        }
        return index
    }
}

/// The turns of a prompt one after the other, as long as they are in order.
private struct PromptOrder {
    private let prompt: Prompt
    private(set) var open: OpenCalls
    /// Of messages: only results came since the last answer; the turn before was an answer.
    private var isOpening = false
    private var wasAnswer = false

    init(_ prompt: Prompt) {
        self.prompt = prompt
        open = OpenCalls(source: prompt.source)
    }

    /// Whether the next turn is one that a provider takes there.
    mutating func takes(_ index: Int) -> Bool {
        switch prompt.dialect {
        case .chat: takesBehind(index)
        case .messages: takesInFront(index)
        case .responses: takesApart(index)
        }
    }

    private mutating func takesBehind(_ index: Int) -> Bool {
        let role = prompt.turns[index].role
        if role == .tool, !prompt.turns[index].isFunctionMessage {
            for part in prompt.turns[index].parts where !open.closes(part) { return false }
            return true
        }
        if !open.isEmpty { return false }
        if role == .assistant { for part in prompt.turns[index].parts where !open.opens(part) { return false } }
        return true
    }

    private mutating func takesInFront(_ index: Int) -> Bool {
        let role = prompt.turns[index].role
        defer { wasAnswer = role == .assistant }
        switch role {
        case .assistant:
            if !wasAnswer, !open.isEmpty { return false }
            for part in prompt.turns[index].parts where part.isToolResult || !open.opens(part) { return false }
            isOpening = true
        case .system, .developer:
            if !open.isEmpty { return false }
            isOpening = false
        case .user, .tool:
            for part in prompt.turns[index].parts {
                if part.isToolResult {
                    if !isOpening || !open.closes(part) { return false }
                } else {
                    if !open.isEmpty || part.isCall { return false }
                    isOpening = false
                }
            }
        }
        return true
    }

    private mutating func takesApart(_ index: Int) -> Bool {
        for part in prompt.turns[index].parts {
            guard part.isToolResult ? open.closes(part) : open.opens(part) else { return false }
        }
        return true
    }
}

/// Calls that no result was seen of yet.
private struct OpenCalls {
    private let source: SourceDocument
    private var identifiers: [RawJSON] = []

    init(source: SourceDocument) { self.source = source }

    var isEmpty: Bool { identifiers.isEmpty }

    /// Notes the part if it is a call; false: there are too many.
    mutating func opens(_ part: Part) -> Bool {
        guard case .toolCall(let call) = part.content, part.element != nil else { return true }
        identifiers.append(call.identifier)
        return identifiers.count <= PairingEdits.openMax
    }

    /// Whether the part is the result of an open call, which then is closed.
    mutating func closes(_ part: Part) -> Bool {
        guard case .toolResult(let result) = part.content else { return false }
        let place = source.withBytes(of: result.identifier) { name in
            identifiers.lastIndex { source.withBytes(of: $0) { $0.elementsEqual(name) } }
        }
        guard let place else { return false }
        identifiers.remove(at: place)
        return true
    }
}

extension Part {
    /// A call with an identifier: chat's oldest form has none, and needs no result.
    fileprivate var isCall: Bool { if case .toolCall = content { element != nil } else { false } }
}

extension Turn {
    /// A message of chat's oldest form, which names its function instead of a call.
    fileprivate var isFunctionMessage: Bool {
        guard role == .tool, let name, case .toolResult(let result)? = parts.first?.content else { return false }
        return result.identifier == name
    }
}

// MARK: - turns

extension PairingTurn {
    /// The turns of a prompt. What has its other half in a part of one dialect only (a shell call of Codex, a stored item) is
    /// no call and no result here.
    static func turns(of prompt: Prompt) -> [PairingTurn] {
        let foreign = ForeignNames(prompt)
        var called: Set<String> = []
        var answered: Set<String> = []
        if !foreign.isEmpty {
            for part in prompt.turns.lazy.flatMap(\.parts) {
                if case .toolCall(let call) = part.content { called.insert(prompt.source.name(call.identifier)) }
                if case .toolResult(let result) = part.content {
                    answered.insert(prompt.source.name(result.identifier))
                }
            }
        }
        return prompt.turns.enumerated().map { index, turn in
            var items = turn.parts.map { part -> Item in
                switch part.content {
                case .toolCall(let call) where part.element != nil:
                    let name = prompt.source.name(call.identifier)
                    return foreign.names.contains(name) && !answered.contains(name) ? .other : .call(name)
                case .toolResult(let result):
                    let name = prompt.source.name(result.identifier)
                    let isElsewhere = foreign.names.contains(name) || index > foreign.hiddenBehind
                    return isElsewhere && !called.contains(name) ? .other : .result(name)
                default: return .other
                }
            }
            if turn.isFunctionMessage { items = items.map { _ in .other } }
            return PairingTurn(speaker: speaker(turn.role, items), items: items)
        }
    }

    private static func speaker(_ role: Turn.Role, _ items: [Item]) -> Speaker {
        switch role {
        case .assistant: .assistant
        case .user: .user
        case .system, .developer: .other
        case .tool: items.contains(.other) ? .other : .tool
        }
    }
}

/// Identifiers in parts that one dialect alone has.
private struct ForeignNames {
    private(set) var names: Set<String> = []
    /// The first turn that stands for others the provider keeps; `Int.max`: there is none.
    private(set) var hiddenBehind = Int.max

    var isEmpty: Bool { names.isEmpty && hiddenBehind == .max }

    init(_ prompt: Prompt) {
        for (index, turn) in prompt.turns.enumerated() {
            for part in turn.parts {
                guard case .foreign(let type, let element) = part.content else { continue }
                let kind = prompt.source.text(of: type) ?? ""
                if kind == "item_reference" || kind.hasSuffix("compaction") { hiddenBehind = min(hiddenBehind, index) }
                prompt.source.withBytes(of: element) { note($0) }
            }
        }
    }

    private mutating func note(_ element: UnsafeBufferPointer<UInt8>) {
        guard let document = try? JSONDocument(Array(element)) else { return }
        for key in ["call_id", "id", "tool_use_id"] as [StaticString] {
            guard let member = document.member(key, of: 0), let name = try? document.string(member) else { continue }
            names.insert(name)
        }
    }
}

extension SourceDocument {
    /// An identifier as text; one that is no valid text by its bytes.
    fileprivate func name(_ identifier: RawJSON) -> String {
        text(of: identifier) ?? withBytes(of: identifier) { String(decoding: $0, as: UTF8.self) }
    }
}
