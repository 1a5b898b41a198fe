// A prompt that does not fit its model's window although all epochs were made: its middle is left out, as an epoch of the
// call that brings it over the limit. Turns that were sent before leave empty from then on, the first of them as a marker
// message; every part that goes is in the journal under the marker's handle. What stays may point at what went: such parts
// stand whole again. Seldom, and on a worker: it reads the whole prompt once.

import CairnCore
import CairnWire

extension ShorteningTask {
    /// What a turn takes besides its texts: the marks of its role and its end, names and identifiers of calls.
    static let framingTokens = 8.0

    /// What the window leaves for the texts of all turns; nil: it is not known.
    var windowTextTokens: Double? {
        terms.windowTokens.map { $0 - Double(draft.keys.count) * Self.framingTokens }
    }

    /// Whether the prompt, as far as it is decided, has more tokens than the window leaves for it. Where a cut would make
    /// signatures void the provider's error stays, which tells the client to shorten its history.
    var exceedsWindow: Bool {
        guard let window = terms.windowTokens, let session = shortener, !session.shortener.holdsThinking else {
            return false
        }
        return tokens(draft.tools?.byteCount ?? 0) + turnTokens(session).reduce(0, +) > window
    }

    /// Of each turn; 0 for one that is left out.
    private func turnTokens(_ session: SessionShortener) -> [Double] {
        draft.keys.indices.map { turn in
            let numbers = session.parts(ofTurn: turn)
            let byteCount = numbers.reduce(0) { $0 + session.shortener.content.parts[$1].bytes.count }
            let isLeftOut = byteCount == 0 && numbers.contains { session.shortener.content.parts[$0].isReplaced }
            return isLeftOut ? 0 : tokens(byteCount) + Self.framingTokens
        }
    }

    /// The name of the middle in the session: of the first turn of it, so that it stays when more goes.
    func middleHandle(firstTurn: Int, _ session: SessionShortener) -> Handle {
        session.shortener.content.handles.handle(for: draft.chains[firstTurn])
    }

    /// Leaves the middle out, if the prompt does not fit and does so then.
    func leaveOutMiddle() {
        guard exceedsWindow, let session = shortener, let window = terms.windowTokens,
            let start = draft.keys.firstIndex(where: { $0.role == .assistant }), let sent = sentTurns()
        else { return }
        // Only what this session sent before may go: forks from before it keep it.
        let end = min(draft.knownCount, sent.count - MiddleDrop.newestMin(draft.prompt.dialect))
        guard
            let middle = MiddleDrop.turns(
                leftOutOf: sent, tokens: turnTokens(session), headTokens: tokens(draft.tools?.byteCount ?? 0),
                windowTokens: window, from: start, before: end)
        else { return }
        let gone = Set(middle.flatMap { session.parts(ofTurn: $0) })
        guard let restored = restored(besides: gone, session) else { return }
        leaveOut(middle, gone, restored, session)
    }

    private func leaveOut(
        _ middle: [Int], _ gone: Set<Int>, _ restored: [Int: (texts: [Int: [UInt8]], bytes: [UInt8])],
        _ session: SessionShortener
    ) {
        let handle = middleHandle(firstTurn: middle[0], session)
        let marker = MiddleDrop.message(handle, draft.prompt.dialect)
        let before = session.shortener.content.parts.map { $0.isReplaced && $0.bytes.isEmpty }
        var facts: [ReplacementFact] = []
        var replaced: [Int: ReplacedTurn] = [:]
        for turn in middle {
            emit(turn == middle[0] ? marker : [], at: turn, &replaced)
            let numbers = session.parts(ofTurn: turn)
            facts += numbers.map { ReplacementFact(number: $0, textBytes: 0, strategy: MiddleDrop.name) }
            journal.removeAll { $0.position == turn }
            let parts = EmittedTurn(draft.prompt.turns[turn], in: draft.prompt.source).parts
            for (number, located) in zip(numbers, parts) where !before[number] {
                note(session.shortener.content.parts[number], located.partIndex, at: turn, handle)
            }
        }
        for (turn, change) in restored {
            emit(change.bytes, at: turn, &replaced)
            for (number, text) in change.texts {
                facts.append(ReplacementFact(number: number, textBytes: text.count, strategy: MiddleDrop.name))
            }
            // What is whole again was not shortened.
            let places = EmittedTurn(draft.prompt.turns[turn], in: draft.prompt.source).parts
            let whole = Set(change.texts.keys.map { places[$0 - session.firstParts[turn]].partIndex })
            journal.removeAll { $0.position == turn && whole.contains($0.partIndex) }
        }
        let texts = restored.values.reduce(into: [:]) { $0.merge($1.texts) { first, _ in first } }
        session.shortener.leaveOut(gone, restoring: texts)
        record(facts.sorted { $0.number < $1.number }, replaced, besides: gone)
    }

    private func emit(_ bytes: [UInt8], at turn: Int, _ replaced: inout [Int: ReplacedTurn]) {
        turns[turn] = bytes
        if turn >= draft.knownCount { return }
        replaced[turn] = ReplacedTurn(digest: bytes.withUnsafeBytes { Fingerprint(of: $0) }, byteCount: bytes.count)
    }

    private func note(_ part: VisiblePart, _ partIndex: Int, at position: Int, _ handle: Handle) {
        let marker = Array(MiddleDrop.marker(handle).utf8)
        journal.append(
            ShortenedPart(
                position: position, partIndex: partIndex, handle: handle.text, strategy: MiddleDrop.name,
                original: part.original, emitted: marker.withUnsafeBytes { Fingerprint(of: $0) },
                bytesSaved: part.bytes.count, occasion: .epoch(.window), nanodollars: 0))
    }

    /// Adds the middle to the epoch of this call.
    private func record(_ facts: [ReplacementFact], _ replaced: [Int: ReplacedTurn], besides gone: Set<Int>) {
        let first = draft.knownCount
        let epoch = shortenings[first]?.epoch
        shortenings[first] = TurnShortening(
            births: shortenings[first]?.births ?? [], isKept: shortenings[first]?.isKept ?? false,
            epoch: EpochFacts(
                newTurnCount: draft.keys.count - first,
                parts: (epoch?.parts.filter { !gone.contains($0.number) } ?? []) + facts,
                turns: (epoch?.turns ?? [:]).merging(replaced) { $1 }))
    }

    /// Parts that stay and point at parts that go, whole again, and the turns they stand in then; nil: one of them cannot
    /// be written.
    private func restored(
        besides gone: Set<Int>, _ session: SessionShortener
    ) -> [Int: (texts: [Int: [UInt8]], bytes: [UInt8])]? {
        var texts: [Int: [Int: [UInt8]]] = [:]
        for number in gone {
            for referrer in session.shortener.content.parts[number].referrers
            where !gone.contains(referrer) && !session.shortener.content.parts[referrer].isReplaced {
                let turn = session.turn(ofPart: referrer)
                texts[turn, default: [:]][referrer] = clientText(ofPart: referrer, inTurn: turn, session)
            }
        }
        var restored: [Int: (texts: [Int: [UInt8]], bytes: [UInt8])] = [:]
        for (turn, texts) in texts {
            guard let emitted = decidedTurn(turn) else { return nil }
            var changes: [(part: Int, text: [UInt8]?)] = []
            for (number, text) in texts {
                let shown = session.shortener.content.parts[number].bytes.count
                guard let part = session.emittedNumber(ofPart: number - session.firstParts[turn], inTurn: turn),
                    emitted.parts.indices.contains(part), emitted.parts[part].part.bytes.count >= shown
                else { return nil }
                // What was told behind a text stays behind it.
                changes.append((part, text + emitted.parts[part].part.bytes[shown...]))
            }
            guard let bytes = emitted.replacing(changes) else { return nil }
            restored[turn] = (texts, bytes)
        }
        return restored
    }

    /// A turn as far as it is decided.
    private func decidedTurn(_ index: Int) -> EmittedTurn? {
        turns[index].map { EmittedTurn($0, dialect: draft.prompt.dialect) } ?? emittedTurn(index)
    }

    /// The turns as they would be sent: a turn takes with it what pairing put in front of it. nil: they cannot be read.
    private func sentTurns() -> [PairingTurn]? {
        let dialect = draft.prompt.dialect
        var sent = draft.keys.indices.map { index in
            if let bytes = turns[index] { return bytes }
            if case .bytes(let bytes) = draft.turns[index] { return bytes }
            return draft.copyBytes(of: index)
        }
        // A system prompt with a member of its own is no element of the array.
        let hasFront = dialect != .chat && sent.first.map { $0.first != UInt8(ascii: "{") } ?? false
        if hasFront { sent[0] = [] }
        let key: StaticString = dialect == .responses ? "{\"input\":[" : "{\"messages\":["
        let body = key.withUTF8Buffer { Array($0) } + ElementSequence.joined(sent) + Array("]}".utf8)
        guard let source = try? SourceDocument(parsing: body),
            let prompt = try? Prompt(reading: source, dialect: dialect)
        else { return nil }
        let elements = PairingTurn.turns(of: prompt)
        var next = 0
        var read: [PairingTurn] = []
        for bytes in sent {
            let count = TurnEmission.bytes(bytes).elementCount
            guard next + count <= elements.count else { return nil }
            let own = elements[next..<next + count]
            next += count
            read.append(PairingTurn(speaker: own.last?.speaker ?? .other, items: own.flatMap(\.items)))
        }
        return next == elements.count ? read : nil
    }
}

extension SessionShortener {
    /// The numbers of a turn's parts.
    fileprivate func parts(ofTurn turn: Int) -> Range<Int> { firstParts[turn]..<firstParts[turn + 1] }
}
