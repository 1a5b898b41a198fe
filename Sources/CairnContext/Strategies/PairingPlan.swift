// Which calls and results of a conversation belong together, and what must move, be answered or become text before a provider
// takes it: the rules, over identifiers alone. PairingRepair carries a plan out on messages in parts, PairingEdits on turns as
// bytes.
//
//     client      A(a b)  T(z)  U  T(b)         z: nobody called it; b: not right behind its call; a: no result
//     plan        U: in front of it b (moved), a (missing), z as text;   T(z), T(b): nothing is left of them
//     provider    A(a b)  T(b)  T(a: no result)  "z ..."  U
//
// What stood in the prompt before (turns in front of `first`) stays as it left: a call in it that is still open is answered
// by the first turns behind. Identifiers may come again, as some servers number calls from 0 in every answer: a result
// belongs to the newest open call of its name.

/// A turn as pairing sees it.
struct PairingTurn: Equatable {
    enum Speaker { case assistant, user, tool, other }

    enum Item: Equatable {
        case call(String)
        case result(String)
        case other
    }

    /// `tool`: results alone.
    var speaker: Speaker
    var items: [Item]
}

/// Where a provider wants results.
enum PairingForm {
    /// Messages of tools right behind the message with the calls (chat).
    case behind
    /// In front of everything else in what the user says next; turns of one side in a row count as one (messages).
    case inFront
    /// Anywhere behind the call (responses).
    case apart
}

/// One part of one turn, by their places.
struct PartAddress: Hashable {
    var turn: Int
    var part: Int
}

/// What answers a call that was not answered where it should be.
enum PairedAnswer: Equatable {
    /// The result at this place, which leaves it.
    case moved(PartAddress)
    /// Nothing: what is said instead names the call at this place.
    case missing(PartAddress)
}

/// What pairing makes of one turn.
struct TurnPairing: Equatable {
    /// Results in front of it; of a turn of the user in form `inFront`: behind the results that stay in it.
    var answers: [PairedAnswer] = []
    /// Results without a call that stood among the results in front: texts behind these.
    var texts: [PartAddress] = []
    /// Parts that stand elsewhere now.
    var moved: Set<Int> = []
    /// Parts that become text where they stand.
    var orphans: Set<Int> = []
}

/// What was repaired.
public struct PairingStats: Equatable, Sendable {
    /// Calls that had no result and got one that says so.
    public var answered = 0
    /// Results that no call waited for: they became text.
    public var orphans = 0
    /// Results that stood elsewhere than where their call wants them.
    public var moved = 0

    static func + (one: PairingStats, other: PairingStats) -> PairingStats {
        PairingStats(
            answered: one.answered + other.answered, orphans: one.orphans + other.orphans,
            moved: one.moved + other.moved)
    }
}

/// What must change so that calls and results are paired; empty for a conversation that a provider takes.
struct PairingPlan: Equatable {
    /// By turn; behind the last one (at `count`) stands what no turn follows.
    private(set) var turns: [Int: TurnPairing] = [:]
    private(set) var stats = PairingStats()

    var isEmpty: Bool { turns.isEmpty }

    /// - Parameters:
    ///   - first: turns in front of it stay as they are.
    ///   - isAnswered: whether a call in front of `first` that is open has its answer in what was sent for those turns.
    /// - Complexity: one pass and a look-up for each call and result.
    init(
        _ turns: [PairingTurn], _ form: PairingForm, from first: Int = 0, isAnswered: (String) -> Bool = { _ in false }
    ) {
        var matching = Matching(turns, from: max(0, Self.start(turns, form, first)), first, isAnswered)
        matching.matchEarlyResults()
        place(turns, form, first, matching)
    }

    /// The first turn that can hold a call which a turn from `first` on may answer.
    private static func start(_ turns: [PairingTurn], _ form: PairingForm, _ first: Int) -> Int {
        var index = first - 1
        switch form {
        case .apart: return 0
        case .behind:
            while index >= 0, turns[index].speaker == .tool { index -= 1 }
            return index >= 0 && turns[index].speaker == .assistant ? index : first
        case .inFront:
            while index >= 0, turns[index].speaker == .tool || turns[index].speaker == .user { index -= 1 }
            guard index >= 0, turns[index].speaker == .assistant else { return first }
            while index > 0, turns[index - 1].speaker == .assistant { index -= 1 }
            return index
        }
    }

    // MARK: places

    private mutating func place(_ turns: [PairingTurn], _ form: PairingForm, _ first: Int, _ matching: Matching) {
        let homes = Homes(turns, form, first, matching)
        for call in matching.calls {
            let home = homes.answers[call.turn] ?? turns.count
            guard let result = matching.results[call] else {
                self.turns[home, default: TurnPairing()].answers.append(.missing(call))
                stats.answered += 1
                continue
            }
            if result.turn < first || homes.inPlace.contains(result) { continue }
            self.turns[home, default: TurnPairing()].answers.append(.moved(result))
            self.turns[result.turn, default: TurnPairing()].moved.insert(result.part)
            stats.moved += 1
        }
        for orphan in matching.orphans {
            stats.orphans += 1
            if let home = homes.texts[orphan.turn] {
                self.turns[orphan.turn, default: TurnPairing()].moved.insert(orphan.part)
                self.turns[home, default: TurnPairing()].texts.append(orphan)
            } else {
                self.turns[orphan.turn, default: TurnPairing()].orphans.insert(orphan.part)
            }
        }
    }
}

/// Which result answers which call.
private struct Matching {
    /// Of the assistant, in order; those in front of `first` that were answered when they were sent are not among them.
    private(set) var calls: [PartAddress] = []
    private(set) var results: [PartAddress: PartAddress] = [:]
    /// The call a result belongs to.
    private(set) var callOf: [PartAddress: PartAddress] = [:]
    /// Results without a call and calls that are not the assistant's.
    private(set) var orphans: [PartAddress] = []
    private var waiting: [String: [PartAddress]] = [:]
    private var early: [(name: String, place: PartAddress)] = []

    init(_ turns: [PairingTurn], from start: Int, _ first: Int, _ isAnswered: (String) -> Bool) {
        for turn in start..<max(start, turns.count) {
            if turn == first { closeAnswered(isAnswered) }
            for (part, item) in turns[turn].items.enumerated() {
                let place = PartAddress(turn: turn, part: part)
                switch item {
                case .call(let name): add(call: name, place, turns[turn].speaker, isNew: turn >= first)
                case .result(let name): add(result: name, place, isNew: turn >= first)
                case .other: break
                }
            }
        }
    }

    private mutating func add(call name: String, _ place: PartAddress, _ speaker: PairingTurn.Speaker, isNew: Bool) {
        guard speaker == .assistant else {
            if isNew { orphans.append(place) }
            return
        }
        calls.append(place)
        waiting[name, default: []].append(place)
    }

    private mutating func add(result name: String, _ place: PartAddress, isNew: Bool) {
        if let call = waiting[name]?.popLast() { return match(call, place) }
        if isNew { early.append((name, place)) }
    }

    private mutating func match(_ call: PartAddress, _ result: PartAddress) {
        results[call] = result
        callOf[result] = call
    }

    /// Calls of earlier prompts whose answer the client never sent, and Cairn did.
    private mutating func closeAnswered(_ isAnswered: (String) -> Bool) {
        var answered: Set<PartAddress> = []
        for (name, places) in waiting where !places.isEmpty && isAnswered(name) {
            waiting[name] = nil
            answered.formUnion(places)
        }
        if !answered.isEmpty { calls.removeAll { answered.contains($0) } }
    }

    /// Results in front of their calls; all others have none.
    mutating func matchEarlyResults() {
        for name in Set(early.map(\.name)) { waiting[name]?.reverse() }
        for (name, place) in early {
            if let call = waiting[name]?.popLast() {
                match(call, place)
            } else {
                orphans.append(place)
            }
        }
        orphans.sort { ($0.turn, $0.part) < ($1.turn, $1.part) }
    }
}

/// Where results stand well, and where those go that do not.
private struct Homes {
    /// In front of which turn the answers to a turn's calls go.
    private(set) var answers: [Int: Int] = [:]
    private(set) var inPlace: Set<PartAddress> = []
    /// In front of which turn the orphans of a turn go: it stands among results that must not be parted from their calls.
    private(set) var texts: [Int: Int] = [:]

    init(_ turns: [PairingTurn], _ form: PairingForm, _ first: Int, _ matching: Matching) {
        let next = Self.nextOfOthers(turns)
        for call in matching.calls where answers[call.turn] == nil {
            switch form {
            case .behind: answers[call.turn] = homeBehind(call.turn, turns, first, matching)
            case .inFront, .apart: answers[call.turn] = next[max(call.turn + 1, first)]
            }
        }
        switch form {
        case .behind: break
        case .inFront: findInFront(turns, matching)
        case .apart:
            for (result, call) in matching.callOf where result.turn > call.turn { inPlace.insert(result) }
        }
    }

    /// For each place the first turn from there on that is not the assistant's.
    private static func nextOfOthers(_ turns: [PairingTurn]) -> [Int] {
        var next = Array(repeating: turns.count, count: turns.count + 1)
        for index in turns.indices.reversed() {
            next[index] = turns[index].speaker == .assistant ? next[index + 1] : index
        }
        return next
    }

    /// The first new turn behind the results that stand right behind a message with calls.
    private mutating func homeBehind(
        _ turn: Int, _ turns: [PairingTurn], _ first: Int, _ matching: Matching
    ) -> Int {
        var end = turn + 1
        while end < turns.count, turns[end].speaker == .tool { end += 1 }
        var home = max(turn + 1, first)
        for index in turn + 1..<max(turn + 1, end) {
            for part in turns[index].items.indices {
                let place = PartAddress(turn: index, part: part)
                guard matching.callOf[place]?.turn == turn else { continue }
                inPlace.insert(place)
                home = max(home, index + 1)
            }
        }
        for index in turn + 1..<max(turn + 1, home) where index < turns.count { texts[index] = home }
        return home
    }

    /// Results that open what the user says behind an answer; the first other word ends that.
    private mutating func findInFront(_ turns: [PairingTurn], _ matching: Matching) {
        var isOpening = false
        var answer = 0..<0
        for (index, turn) in turns.enumerated() {
            switch turn.speaker {
            case .assistant:
                answer = (answer.upperBound == index ? answer.lowerBound : index)..<index + 1
                isOpening = true
            case .other: isOpening = false
            case .user, .tool:
                for part in turn.items.indices {
                    let place = PartAddress(turn: index, part: part)
                    if isOpening, let call = matching.callOf[place], answer.contains(call.turn) {
                        inPlace.insert(place)
                    } else {
                        isOpening = false
                    }
                }
            }
        }
    }
}
