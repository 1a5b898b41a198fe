// Takes the calls of one tool out of an answer, because the gateway answers them itself, and makes one message of the
// answers that follow each other until the model has what it asked for. It stands in front of everything else that
// happens to an answer and speaks the upstream's dialect on both sides:
//
//     answer 1 ─┐                                              ┌─▶ as it is, to a client of the same dialect
//     answer 2 ─┼─▶ HiddenCallFilter ─▶ one answer, no call ───┤
//     answer 3 ─┘        │ outcome: it asks                    └─▶ AnswerTranslator
//                        ▼
//            HiddenTurn: the assistant's turn, whole, for the next request
//
// An answer that does not call the tool passes byte for byte, event by event. From the event on that begins a call, events
// are edited: the call's own are left out, indexes and sequence numbers close ranks, and the end of the answer is held back
// until it is known whether more follows. Every event is read besides, for the turn that the model has made.
//
// Workload: 20 to 100 events a second and call; an event that passes takes half a microsecond
// (docs/translation-streams.md).

import CairnCore

/// One call of the hidden tool. Contents, as the upstream spelled them.
public struct HiddenCall: Sendable, Equatable {
    public var identifier: [UInt8]
    /// JSON text, escaped as what stands between the quotes of a string.
    public var arguments: [UInt8]
}

/// Used for one call of a client, answer after answer. Not thread-safe: it belongs to the call's loop.
public final class HiddenCallFilter {
    /// Calls of the tool in one answer. A further one is left out of the answer like all, and not reported.
    public static let callsMax = 32
    /// Arguments of one call. Longer ones are cut, and are then no JSON.
    public static let argumentsBytesMax = 4096
    /// The end of an answer that is held back. A longer one has failed.
    public static let heldBytesMax = 67_108_864

    /// How one answer ended.
    public enum Outcome: Equatable, Sendable {
        /// The client has all of it, or gets the rest from its upstream's end.
        case complete
        /// The model called the hidden tool and nothing else: the end is held back, and another answer is to follow.
        case asks
        /// The model called the hidden tool besides tools of the client. The end is held back, until the answer to the
        /// hidden calls is kept for the next call.
        case asksBesides
        /// The stream ended before the answer did.
        case cutShort
        /// The provider told an error.
        case failed
    }

    let name: StaticString
    private let rareIndex: Int
    let upstream: Dialect
    private let context: AnswerContext
    private var scanner = EventStreamScanner()
    private var tape = JSONTape()
    private(set) var draft: HiddenTurnDraft
    /// Answers before this one.
    public private(set) var roundIndex = 0
    /// From here on events of this answer are edited.
    private var isEditing = false
    /// What the client gets at the end of this answer if no other one follows.
    private var held = ByteWriter(capacity: 1)

    /// Usage objects of the answers before this one, added up.
    var usageBefore: [UInt8]?
    /// Of this answer, as the provider spelled it.
    private(set) var usage: [UInt8]?
    private var usagesBefore: [[UInt8]] = []

    // Where things of this answer stand in the client's message.
    var chat = ChatPlaces()
    var messages = MessagesPlaces()
    var responses = ResponsesPlaces()
    /// A whole answer, and what the client has of the ones before.
    var documents = DocumentPlaces()

    /// - Parameters:
    ///   - rareIndex: the place in the name of a letter that is seldom.
    ///   - context: how the client names its tools, and what in a text means something else.
    public init(hiding name: StaticString, rareIndex: Int, from upstream: Dialect, context: AnswerContext) {
        self.name = name
        self.rareIndex = rareIndex
        self.upstream = upstream
        self.context = context
        draft = HiddenTurnDraft(hiding: name, from: upstream, context: context)
    }

    // MARK: streams

    /// Takes the next bytes of an answer, cut at any place, and appends what the client gets for them.
    public func feed(_ chunk: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        scanner.scan(chunk) { event in take(event, to: &out) }
    }

    /// The answer's stream is over. Appends what was not yet passed on.
    public func finish(to out: inout ByteWriter) -> Outcome {
        scanner.finish { event in take(event, to: &out) }
        draft.finish()
        return outcome
    }

    /// Whether an event was too large to be read, or the answer too large to be kept: it cannot be told any more.
    public var hasLostEvents: Bool {
        scanner.skippedEventCount > 0 || held.count > Self.heldBytesMax || draft.draft.isTooBig
    }

    /// No other answer will follow: the client gets the end that was held back; of an answer that only asks, as if the
    /// model had stopped by itself.
    public func writeEnd(to out: inout ByteWriter) {
        held.withBytes { out.append($0) }
        held.clear()
    }

    /// The next answer is an error of the provider's: ends the stream with an event that says the same.
    /// - Parameter body: of the refusal; its beginning is enough.
    public func fail(refusal body: UnsafeRawBufferPointer, status: UInt16, to out: inout ByteWriter) {
        let failure = AnswerFailure(body: body, status: status)
        failure.appendEvent(in: upstream, sequenceNumber: responses.lastSequence + 1, to: &out)
    }

    // MARK: whole answers

    /// Takes an answer that was not streamed.
    /// - Throws: `notJSON`, `malformed`, `tooBig`: it is no answer of its dialect.
    public func read(document: UnsafeRawBufferPointer) throws(WireError) -> Outcome {
        do { try tape.parse(document) } catch {
            let kind: WireError.Kind = error.kind == .tooBig ? .tooBig : .notJSON
            throw WireError(kind, at: "", "The provider's answer is not a JSON document.")
        }
        guard tape.kind(0) == .object else {
            throw WireError(.malformed, at: "", "The provider's answer is not a JSON object.")
        }
        try draft.read(document: tape)
        if let node = tape.member("usage", of: 0), tape.kind(node) == .object { usage = Array(tape.raw(node)) }
        tape.clear()
        noteDocument(document)
        return outcome
    }

    // MARK: answer after answer

    /// The hidden calls of this answer, in order.
    public var calls: [HiddenCall] { draft.calls }

    /// The assistant's turn as a client of this dialect would send it, with the hidden calls.
    public func turn(for client: Dialect) -> HiddenTurn {
        HiddenTurn(draft, client: client, context: context, items: responses.itemsOfTurn, upstream: upstream)
    }

    /// The next answer will go on with the message.
    public func beginNext() {
        closeUsage()
        switch upstream {
        case .chat: chat.close(draft)
        case .messages: messages.close()
        case .responses: responses.close()
        }
        closeDocument()
        held.clear()
        roundIndex += 1
        isEditing = true
        draft = HiddenTurnDraft(hiding: name, from: upstream, context: context)
        scanner.reset()
    }

    private func closeUsage() {
        usagesBefore.append(usage ?? [])
        if let usage { usageBefore = usageBefore.map { UsageObjects.sum($0, usage) } ?? usage }
        usage = nil
    }

    var outcome: Outcome {
        if draft.failure != nil { return .failed }
        if !draft.isWhole { return .cutShort }
        if isAsking { return .asks }
        return holdsEnd ? .asksBesides : .complete
    }

    /// The answer is at its end, and the hidden calls are to be answered before the client hears of it.
    var holdsEnd: Bool { !draft.calls.isEmpty && draft.hasStoppedForCalls }

    /// Another answer is to follow.
    var isAsking: Bool { holdsEnd && !draft.hasOtherCalls }

    // MARK: events

    /// What becomes of an event.
    enum Course {
        case pass
        case leaveOut
        case change([JSONDocument.Edit])
        /// It belongs to the end of the answer.
        case hold([JSONDocument.Edit])
        /// Some of it leaves now, the rest belongs to the end.
        case split(now: [JSONDocument.Edit], held: [JSONDocument.Edit])
    }

    private func take(_ event: borrowing EventStreamScanner.Event, to out: inout ByteWriter) {
        tape.clear()
        draft.read(event, &tape)
        guard event.hasData else { return out.append(event.raw) }
        let wasEditing = isEditing
        if !isEditing { isEditing = ByteSearch.find(name, rare: rareIndex, in: event.data) != nil }
        noteUsage(event)
        switch upstream {
        case .chat: break
        case .messages: messages.note(tape)
        case .responses: responses.note(tape)
        }
        guard isEditing else {
            if upstream == .responses { responses.passed(tape) }
            return out.append(event.raw)
        }
        guard let document = try? JSONDocument(Array(event.data)), document[0].kind == .object else {
            // `[DONE]`, or what no reader takes for an event.
            return holdsEnd ? held.append(event.raw) : out.append(event.raw)
        }
        let course =
            switch upstream {
            case .chat: chatCourse(document)
            case .messages: messagesCourse(document)
            case .responses: responsesCourse(document)
            }
        // The name in a text that the model wrote is no call.
        if !wasEditing, draft.calls.isEmpty { isEditing = false }
        switch course {
        case .pass: out.append(event.raw)
        case .leaveOut: break
        case .change(let edits): write(event, document, edits, to: &out)
        case .hold(let edits): write(event, document, edits, to: &held)
        case .split(let now, let later):
            write(event, document, now, to: &out)
            write(event, document, later, to: &held)
        }
    }

    private func write(
        _ event: borrowing EventStreamScanner.Event, _ document: borrowing JSONDocument, _ edits: [JSONDocument.Edit],
        to out: inout ByteWriter
    ) {
        if edits.isEmpty { return out.append(event.raw) }
        let sorted = edits.sorted { $0.range.lowerBound < $1.range.lowerBound }
        guard let changed = try? document.spliced(sorted) else { return out.append(event.raw) }
        if !event.type.isEmpty {
            out.append("event: ")
            out.append(event.type)
            out.append("\n")
        }
        out.append("data: ")
        // Line feeds of JSON stand between tokens only; data of several lines becomes one.
        for byte in changed where byte != UInt8(ascii: "\n") { out.append(byte: byte) }
        out.append("\n\n")
    }

    // MARK: usage

    /// The usage objects of all answers so far, in order; that of an answer which reported none is empty.
    public var usages: [[UInt8]] { usagesBefore + [usage ?? []] }

    private func noteUsage(_ event: borrowing EventStreamScanner.Event) {
        guard tape.nodeCount > 0, ByteSearch.find("\"usage\"", rare: 4, in: event.data) != nil else { return }
        let holder: Int? =
            switch upstream {
            case .chat: 0
            case .messages: tape.member("message", of: 0) ?? 0
            case .responses: tape.member("response", of: 0)
            }
        guard let holder, let found = tape.member("usage", of: holder), tape.kind(found) == .object else { return }
        let reported = Array(tape.raw(found))
        usage = upstream == .messages ? usage.map { UsageObjects.merged($0, with: reported) } ?? reported : reported
    }

    /// What the client is told: of all answers so far.
    var usageOfAll: [UInt8]? {
        guard let usage else { return usageBefore }
        return usageBefore.map { UsageObjects.sum($0, usage) } ?? usage
    }

    /// The usage object in `holder` as the sum of all answers; nothing in the first one.
    func usageEdits(_ document: borrowing JSONDocument, _ holder: Int) -> [JSONDocument.Edit] {
        guard usageBefore != nil, let node = document.member("usage", of: holder), document[node].kind == .object,
            let sum = usageOfAll
        else { return [] }
        return [JSONDocument.Edit(document[node].range, with: sum)]
    }
}

extension JSONDocument {
    /// A member that is a whole number.
    borrowing func integer(_ key: StaticString, of index: Int) -> Int? {
        guard let node = member(key, of: index), self[node].kind == .number else { return nil }
        return Int(String(decoding: text[self[node].range], as: UTF8.self))
    }

    /// What stands between the quotes of a member that is a string.
    borrowing func content(_ key: StaticString, of index: Int) -> ArraySlice<UInt8>? {
        guard let node = member(key, of: index), self[node].kind == .string else { return nil }
        return text[(self[node].range.lowerBound + 1)..<(self[node].range.upperBound - 1)]
    }

    /// Whether a member is exactly this string.
    borrowing func says(_ word: StaticString, _ key: StaticString, of index: Int) -> Bool {
        content(key, of: index)?.elementsEqual(UnsafeRawBufferPointer(word)) ?? false
    }

    /// A number in place of a member's value; nothing where it is that number already.
    borrowing func edit(_ key: StaticString, of index: Int, to number: Int) -> [Edit] {
        guard let node = member(key, of: index), integer(key, of: index) != number else { return [] }
        return [Edit(self[node].range, with: Array(String(number).utf8))]
    }

    /// A member taken out, with the comma that goes with it.
    borrowing func removal(of node: Int, from object: Int) -> Edit {
        let keyStart = keyRange(of: node).lowerBound - 1
        if next(after: node) < next(after: object) {
            return Edit(keyStart..<(keyRange(of: next(after: node)).lowerBound - 1), with: [])
        }
        var start = range(of: object).lowerBound + 1
        forEachChild(of: object) { child in if child < node { start = max(start, range(of: child).upperBound) } }
        return Edit(start..<range(of: node).upperBound, with: [])
    }
}
