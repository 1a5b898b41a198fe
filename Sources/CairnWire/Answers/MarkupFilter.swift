// Reads thinking and tool calls out of the text of models whose server leaves their markup in it (MarkupTag.swift has
// the grammar). Stands between reader and writer; text passes as contents, markup may be cut anywhere and spelled
// with any escapes.
//
//     in    text "Let me look.\n\n<｜DSML｜tool_" + "calls>\n<｜DSML｜invoke name=\"ls\">\n</｜DSML｜invoke>..."
//     out   text "Let me look.", call ls {}
//
// What could still become a tag is held (``MarkupTagMatcher/tagBytesMax``); what turns out to be none is let go as it
// was. Inside a block white space between tags is dropped; anything else there ends the block and is text again, so
// no word after broken markup is lost. `<think>` counts only outside of code, because models also write about tags.

import CairnCore

struct MarkupFilter: Sendable {
    private enum Mode {
        case prose
        case thinking
        /// In a block of calls, outside of any.
        case block
        /// In a call, outside of its parameters.
        case call
        case parameter(isString: Bool)
    }

    /// A text or thinking part that goes out.
    private enum Prose { case text, thinking }

    private let kinds: AnswerContext.Markup

    /// What the upstream's parts became. nil: a text, which goes out as whatever is in it.
    private var indexes: [Int?] = []
    private var partCount = 0
    private var openProse: (kind: Prose, index: Int)?

    private var mode = Mode.prose
    private var matcher: MarkupTagMatcher?
    /// Line feeds that may stand before a block, then the front of what may be a tag: contents.
    private var held: [UInt8] = []
    private var heldNewlineBytes = 0
    private var newlineCount = 0
    private var code = CodeSpans()

    private var callIndex: Int?
    private var parameterCount = 0
    private var hasCalls = false

    /// A block broke off: what is left of its tags is no text.
    private var hasBrokenBlock = false
    private var hasHandledTag = false
    private var wasPlain = true

    init(_ kinds: AnswerContext.Markup) { self.kinds = kinds }

    /// The next event of the wire begins.
    mutating func beginEvent() {
        hasHandledTag = false
        wasPlain = isPlain
    }

    /// Whether any markup was read out of the answer.
    private(set) var hasHandledMarkup = false

    /// Whether the events since ``beginEvent()`` are not those that came. After a call of its own the filter changes
    /// all.
    var hasChanged: Bool { hasCalls || hasHandledTag || !wasPlain || !isPlain }

    private var isPlain: Bool {
        if case .prose = mode { held.isEmpty } else { false }
    }

    mutating func filter(_ event: AnswerEvent, _ emit: (AnswerEvent) -> Void) {
        switch event {
        case .partStarted(_, .text): indexes.append(nil)
        case .partStarted(_, let part):
            endProse(emit)
            indexes.append(partCount)
            emit(.partStarted(index: partCount, part))
            partCount += 1
        case .delta(let index, let content):
            guard let sent = indexes[index] else { return read(content, emit) }
            emit(.delta(index: sent, content: content))
        case .signature(let index, let content):
            if let sent = indexes[index] { emit(.signature(index: sent, content: content)) }
        case .partEnded(let index):
            guard let sent = indexes[index] else { return endText(emit) }
            emit(.partEnded(index: sent))
        case .stopped(.stop, let sequence) where hasCalls: emit(.stopped(.toolCalls, stopSequence: sequence))
        case .started, .usage, .stopped, .ended, .failed, .ping: emit(event)
        }
    }

    // Text

    private mutating func read(_ content: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void) {
        if held.isEmpty, passesAsOne(content) {
            if case .prose = mode { code.takePlain() }
            return send(content, emit)
        }
        var cursor = ContentCursor(content)
        // What was neither sent nor held begins here; what is held begins at `heldStart`, or in an earlier content.
        var plainStart = 0
        var heldStart: Int?
        while let character = cursor.next() {
            let spelling = UnsafeRawBufferPointer(rebasing: content[character.range])
            if !held.isEmpty {
                let before = UnsafeRawBufferPointer(rebasing: content[plainStart..<(heldStart ?? plainStart)])
                switch advance(character.scalar, spelling) {
                case .held: continue
                case .heldInPlaceOfFirst(let first):
                    if heldStart == nil { first.withUnsafeBytes { send($0, emit) } }
                    heldStart = heldStart.map { $0 + first.count }
                    continue
                case .tag(let tag):
                    if handle(tag, before, emit) {
                        plainStart = character.range.upperBound
                    } else if heldStart == nil {
                        release(emit)
                        plainStart = character.range.upperBound
                    } else {
                        forget()
                    }
                    heldStart = nil
                    continue
                case .none:
                    if heldStart == nil {
                        release(emit)
                        plainStart = character.range.lowerBound
                    } else {
                        forget()
                    }
                    heldStart = nil
                }
            }
            guard mayBegin(character.scalar) else { continue }
            heldStart = character.range.lowerBound
            if isBetweenTags {
                // Text here may end the block, which has to be known before the tag is read.
                send(UnsafeRawBufferPointer(rebasing: content[plainStart..<character.range.lowerBound]), emit)
                plainStart = character.range.upperBound
                heldStart = nil
            }
            hold(character.scalar, spelling)
        }
        let end = held.isEmpty ? content.count : heldStart ?? plainStart
        send(UnsafeRawBufferPointer(rebasing: content[plainStart..<end]), emit)
    }

    private var isBetweenTags: Bool {
        switch mode {
        case .block, .call: true
        case .prose, .thinking, .parameter: false
        }
    }

    /// Whether nothing in here can begin a tag: the frequent case.
    private func passesAsOne(_ content: UnsafeRawBufferPointer) -> Bool {
        !isBetweenTags
            && content.allSatisfy {
                $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "`")
            }
    }

    private mutating func mayBegin(_ scalar: UInt32) -> Bool {
        if case .prose = mode { code.take(scalar) }
        if scalar == UInt32(UInt8(ascii: "<")) { return true }
        return scalar == 0x0A && mayPrecedeBlock
    }

    /// The two line feeds before a block belong to it.
    private var mayPrecedeBlock: Bool {
        guard kinds.contains(.deepSeekToolCalls) else { return false }
        switch mode {
        case .prose, .thinking: return true
        case .block, .call, .parameter: return false
        }
    }

    private mutating func hold(_ scalar: UInt32, _ spelling: UnsafeRawBufferPointer) {
        held.append(contentsOf: spelling)
        if scalar == 0x0A {
            newlineCount += 1
            heldNewlineBytes = held.count
        } else {
            var begun = MarkupTagMatcher()
            _ = begun.take(scalar, spelling)
            matcher = begun
        }
    }

    /// What a character does to what is held.
    private enum Advance {
        case held
        /// A third line feed: the first of them is text.
        case heldInPlaceOfFirst([UInt8])
        /// It completes a tag, and is held.
        case tag(MarkupTag)
        /// What is held is no markup; the character is still to be read.
        case none
    }

    private mutating func advance(_ scalar: UInt32, _ spelling: UnsafeRawBufferPointer) -> Advance {
        guard matcher != nil else { return advanceLineFeeds(scalar, spelling) }
        switch matcher!.take(scalar, spelling) {
        case .more:
            held.append(contentsOf: spelling)
            return .held
        case .complete(let tag):
            held.append(contentsOf: spelling)
            return .tag(tag)
        case .mismatch: return .none
        }
    }

    private mutating func advanceLineFeeds(_ scalar: UInt32, _ spelling: UnsafeRawBufferPointer) -> Advance {
        guard scalar == UInt32(UInt8(ascii: "<")) || scalar == 0x0A else { return .none }
        if case .prose = mode { code.take(scalar) }
        guard scalar == 0x0A, newlineCount == 2 else {
            hold(scalar, spelling)
            return .held
        }
        let first = held.withUnsafeBytes { content in
            var cursor = ContentCursor(content)
            _ = cursor.next()
            return Array(content[..<cursor.position])
        }
        held.removeFirst(first.count)
        newlineCount -= 1
        hold(scalar, spelling)
        return .heldInPlaceOfFirst(first)
    }

    /// Lets go of what is held: it is no markup.
    private mutating func release(_ emit: (AnswerEvent) -> Void) {
        let text = held
        forget()
        text.withUnsafeBytes { send($0, emit) }
    }

    private mutating func forget() {
        held = []
        heldNewlineBytes = 0
        newlineCount = 0
        matcher = nil
    }

    /// Text in the mode at hand.
    private mutating func send(_ content: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void) {
        guard !content.isEmpty else { return }
        switch mode {
        case .prose: sendProse(.text, content, emit)
        case .thinking: sendProse(.thinking, content, emit)
        case .parameter(let isString): sendValue(content, isString: isString, emit)
        case .block, .call:
            var cursor = ContentCursor(content)
            while let character = cursor.next() {
                if character.scalar < 0x80, UInt8(character.scalar).isJSONWhitespace { continue }
                abandonBlock(emit)
                let rest = UnsafeRawBufferPointer(rebasing: content[character.range.lowerBound...])
                return sendProse(.text, rest, emit)
            }
        }
    }

    private mutating func sendProse(
        _ kind: Prose, _ content: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void
    ) {
        if openProse?.kind != kind {
            endProse(emit)
            openProse = (kind, partCount)
            let part: AnswerPart = kind == .text ? .text : .thinking(isRedacted: false, identifier: nil)
            emit(.partStarted(index: partCount, part))
            partCount += 1
        }
        if let openProse { emit(.delta(index: openProse.index, content: content)) }
    }

    private mutating func endProse(_ emit: (AnswerEvent) -> Void) {
        guard let openProse else { return }
        self.openProse = nil
        emit(.partEnded(index: openProse.index))
    }

    /// The upstream's text is over: no tag can be completed any more.
    private mutating func endText(_ emit: (AnswerEvent) -> Void) {
        if !held.isEmpty { release(emit) }
        abandonBlock(emit)
        endProse(emit)
        code = CodeSpans()
    }

    // Tags

    /// What a whole tag does; false: it means nothing here, and is text.
    /// `before`: the text in front of it that was not sent yet.
    private mutating func handle(
        _ tag: MarkupTag, _ before: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void
    ) -> Bool {
        let hasHandled =
            switch tag {
            case .thinkOpen, .thinkClose: handleThink(tag, before, emit)
            default: kinds.contains(.deepSeekToolCalls) && handleCalls(tag, before, emit)
            }
        if hasHandled {
            hasHandledTag = true
            hasHandledMarkup = true
        }
        return hasHandled
    }

    private mutating func handleThink(
        _ tag: MarkupTag, _ before: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void
    ) -> Bool {
        switch (mode, tag) {
        case (.prose, .thinkOpen) where kinds.contains(.thinkTags) && !code.isInside:
            accept(before, keepingLineFeeds: true, emit)
            mode = .thinking
        case (.thinking, .thinkClose):
            accept(before, keepingLineFeeds: true, emit)
            endProse(emit)
            mode = .prose
        default: return false
        }
        return true
    }

    /// Tags in the order of the grammar, and those that models leave out or put where they should not: a call without a
    /// block opens one, a new call or the end of the block ends the one that is open.
    private mutating func handleCalls(
        _ tag: MarkupTag, _ before: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void
    ) -> Bool {
        switch (mode, tag) {
        case (.prose, .blockOpen), (.thinking, .blockOpen):
            accept(before, emit)
            endProse(emit)
            mode = .block
        case (.block, .blockClose):
            accept(before, emit)
            mode = .prose
        case (.call, .blockClose):
            accept(before, emit)
            endCall(emit)
            mode = .prose
        case (.prose, .callOpen(let name)), (.thinking, .callOpen(let name)), (.block, .callOpen(let name)):
            accept(before, emit)
            endProse(emit)
            beginCall(name, emit)
        case (.call, .callOpen(let name)):
            accept(before, emit)
            endCall(emit)
            beginCall(name, emit)
        case (.call, .callClose):
            accept(before, emit)
            endCall(emit)
        case (.call, .parameterOpen(let key, let isString)):
            accept(before, emit)
            beginParameter(key, isString: isString, emit)
        case (.parameter(let isString), .parameterClose):
            accept(before, emit)
            if isString { sendArguments("\\\"", emit) }
            mode = .call
        case (.prose, _) where hasBrokenBlock: accept(before, keepingLineFeeds: true, emit)
        default: return false
        }
        return true
    }

    /// What is held is markup. The text before it goes out, the line feeds in front of a block do not.
    private mutating func accept(
        _ before: UnsafeRawBufferPointer, keepingLineFeeds: Bool = false, _ emit: (AnswerEvent) -> Void
    ) {
        let lineFeeds = keepingLineFeeds ? Array(held.prefix(heldNewlineBytes)) : []
        forget()
        send(before, emit)
        lineFeeds.withUnsafeBytes { send($0, emit) }
    }

    private mutating func beginCall(_ name: [UInt8], _ emit: (AnswerEvent) -> Void) {
        mode = .call
        hasCalls = true
        parameterCount = 0
        callIndex = partCount
        partCount += 1
        name.withUnsafeBytes { name in
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            emit(
                .partStarted(
                    index: partCount - 1,
                    .toolCall(identifier: none, name: name, namespace: nil, isFreeform: false)))
        }
    }

    /// The arguments are spelled as DeepSeek's own parser spells them: `{"a": "x", "b": 1}`.
    private mutating func beginParameter(_ key: [UInt8], isString: Bool, _ emit: (AnswerEvent) -> Void) {
        mode = .parameter(isString: isString)
        var text = ByteWriter(capacity: key.count + 32)
        text.append(parameterCount == 0 ? "{\\\"" as StaticString : ", \\\"")
        key.withUnsafeBytes { text.append(escaping: $0) }
        text.append(isString ? "\\\": \\\"" as StaticString : "\\\": ")
        parameterCount += 1
        if let callIndex { text.withBytes { emit(.delta(index: callIndex, content: UnsafeRawBufferPointer($0))) } }
    }

    /// A text becomes a JSON string in the arguments, so its content is escaped once more; JSON stays as it is.
    private mutating func sendValue(
        _ content: UnsafeRawBufferPointer, isString: Bool, _ emit: (AnswerEvent) -> Void
    ) {
        guard let callIndex else { return }
        guard isString, content.contains(UInt8(ascii: "\\")) else {
            return emit(.delta(index: callIndex, content: content))
        }
        var text = ByteWriter(capacity: 2 * content.count)
        text.append(escaping: content)
        text.withBytes { emit(.delta(index: callIndex, content: UnsafeRawBufferPointer($0))) }
    }

    private func sendArguments(_ literal: StaticString, _ emit: (AnswerEvent) -> Void) {
        if let callIndex { emit(.delta(index: callIndex, content: UnsafeRawBufferPointer(literal))) }
    }

    private mutating func endCall(_ emit: (AnswerEvent) -> Void) {
        sendArguments(parameterCount == 0 ? "{}" : "}", emit)
        mode = .block
        if let callIndex { emit(.partEnded(index: callIndex)) }
        callIndex = nil
    }

    /// The block ends where it should not. Its open call keeps the arguments it has: whether they are whole is for the
    /// client to see, as with a native call that was cut short.
    private mutating func abandonBlock(_ emit: (AnswerEvent) -> Void) {
        switch mode {
        case .prose, .thinking: break
        case .block, .call, .parameter: hasBrokenBlock = true
        }
        if let callIndex { emit(.partEnded(index: callIndex)) }
        callIndex = nil
        mode = .prose
    }
}

/// Whether Markdown text is inside code: between runs of backticks of the same length. A run of one or two opens code
/// for its line at most, so that a lone backtick does not hide the rest of the answer.
private struct CodeSpans: Sendable {
    private var openRun = 0
    private var run = 0

    mutating func take(_ scalar: UInt32) {
        if scalar == UInt32(UInt8(ascii: "`")) {
            run += 1
            return
        }
        takePlain()
        if scalar == 0x0A, openRun < 3 { openRun = 0 }
    }

    /// Text without backticks and line feeds.
    mutating func takePlain() {
        guard run > 0 else { return }
        if openRun == 0 {
            openRun = run
        } else if openRun == run {
            openRun = 0
        }
        run = 0
    }

    var isInside: Bool { openRun > 0 }
}
