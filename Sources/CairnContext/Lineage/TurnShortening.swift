// What a link tells of the shortening of its turn, and of the epoch that the call which brought it decided: as much as is
// needed to make a session's shortener again, and to send the same bytes again, after a restart. Parts are counted along the
// path from its root; their texts are not here, they stand in the emissions.

import CairnCore

/// A part that was born shorter than it came.
struct BirthFact: Sendable, Equatable {
    /// Among the turn's parts with text.
    let part: Int
    /// Of what was sent in its place.
    let textBytes: Int
    let strategy: StrategyName
    /// Parts its markers point at.
    let references: [Int]
}

/// A part that an epoch replaced.
struct ReplacementFact: Sendable, Equatable {
    let number: Int
    /// Of what stands in its place, 0 for a part that went whole; of a part that stands whole again, of itself.
    let textBytes: Int
    let strategy: StrategyName

    /// It went with the middle.
    var isLeftOut: Bool { strategy == MiddleDrop.name && textBytes == 0 }
    /// It went whole from a turn that stands.
    var isOmission: Bool { strategy != MiddleDrop.name && textBytes == 0 }
}

/// How a turn leaves from an epoch on.
struct ReplacedTurn: Sendable, Equatable {
    let digest: Fingerprint
    let byteCount: Int
}

/// An epoch, as its link keeps it.
struct EpochFacts: Sendable, Equatable {
    /// Turns the deciding call brought, this link's first: they were known to the strategies.
    let newTurnCount: Int
    let parts: [ReplacementFact]
    /// By position.
    let turns: [Int: ReplacedTurn]
}

/// Which volatile text was told: the turn in which it stands, and its number there.
struct ToldSlot: Sendable, Hashable {
    let position: Int
    let number: Int
}

/// What was shortened with one link. Immutable.
final class TurnShortening: Sendable {
    let births: [BirthFact]
    /// The client asked that all parts of the turn be left alone.
    let isKept: Bool
    let epoch: EpochFacts?
    /// What was told at the turn's end. It may go when all of it was told again.
    let tail: Set<ToldSlot>

    init(births: [BirthFact] = [], isKept: Bool = false, epoch: EpochFacts? = nil, tail: Set<ToldSlot> = []) {
        self.births = births
        self.isKept = isKept
        self.epoch = epoch
        self.tail = tail
    }

    var isEmpty: Bool { births.isEmpty && !isKept && epoch == nil && tail.isEmpty }

    func telling(_ tail: Set<ToldSlot>) -> TurnShortening {
        TurnShortening(births: births, isKept: isKept, epoch: epoch, tail: tail)
    }
}

/// What the store keeps with a link besides its turn: the state that begins with it and what was shortened with it.
struct LinkFacts {
    /// nil: that of the link before.
    let state: PromptState?
    let shortening: TurnShortening?
}

// Stored form (big-endian). Without shortening that of the state alone, whose first byte is 1.
//
//     version 2 | flags 1 (1 state, 2 kept, 4 epoch, 8 tail) | [ length u32 | state ]
//               | names u8 { length u8 | bytes | version u16 } ...
//               | births u32 { part u32 | bytes u32 | name u8 | references u32 { u32 } } ...
//               | [ new turns u32 | parts u32 { number u32 | bytes u32 | name u8 } ...
//                 | turns u32 { position u32 | digest 17 | bytes u64 } ... ]
//               | [ told u32 { position u32 | number u32 } ... ]
extension LinkFacts {
    static let storedVersion: UInt8 = 2
    /// Parts, turns and references a stored form may have; one with more is not read back.
    static let storedCountMax = 65_536

    /// nil: there is nothing to keep.
    var stored: [UInt8]? {
        guard let shortening, !shortening.isEmpty else { return state?.stored }
        let epoch = shortening.epoch
        var out = StoredWriter()
        out.append(Self.storedVersion)
        out.append(
            UInt8(
                (state == nil ? 0 : 1) | (shortening.isKept ? 2 : 0) | (epoch == nil ? 0 : 4)
                    | (shortening.tail.isEmpty ? 0 : 8)))
        if let state = state?.stored {
            out.append(UInt32(state.count))
            out.append(bytes: state)
        }
        var names: [StrategyName] = []
        for name in shortening.births.map(\.strategy) + (epoch?.parts.map(\.strategy) ?? [])
        where !names.contains(name) { names.append(name) }
        out.append(UInt8(names.count))
        for name in names {
            out.append(UInt8(name.name.utf8.count))
            out.append(bytes: Array(name.name.utf8))
            out.append(UInt16(name.version))
        }
        out.append(UInt32(shortening.births.count))
        for birth in shortening.births {
            out.append(UInt32(birth.part))
            out.append(UInt32(birth.textBytes))
            out.append(UInt8(names.firstIndex(of: birth.strategy)!))
            out.append(UInt32(birth.references.count))
            for reference in birth.references { out.append(UInt32(reference)) }
        }
        if let epoch { Self.write(epoch, names, to: &out) }
        if !shortening.tail.isEmpty {
            out.append(UInt32(shortening.tail.count))
            for slot in shortening.tail.sorted(by: { ($0.position, $0.number) < ($1.position, $1.number) }) {
                out.append(UInt32(slot.position))
                out.append(UInt32(slot.number))
            }
        }
        return out.bytes
    }

    private static func write(_ epoch: EpochFacts, _ names: [StrategyName], to out: inout StoredWriter) {
        out.append(UInt32(epoch.newTurnCount))
        out.append(UInt32(epoch.parts.count))
        for part in epoch.parts {
            out.append(UInt32(part.number))
            out.append(UInt32(part.textBytes))
            out.append(UInt8(names.firstIndex(of: part.strategy)!))
        }
        out.append(UInt32(epoch.turns.count))
        for (position, turn) in epoch.turns.sorted(by: { $0.key < $1.key }) {
            out.append(UInt32(position))
            out.append(bytes: turn.digest.stored)
            out.append(UInt64(turn.byteCount))
        }
    }

    /// nil for bytes that are no stored facts of a version this build knows.
    init?(stored bytes: [UInt8]) {
        guard bytes.first == Self.storedVersion else {
            guard let state = PromptState(stored: bytes) else { return nil }
            self.init(state: state, shortening: nil)
            return
        }
        var reader = StoredReader(bytes)
        guard reader.byte() != nil, let flags = reader.byte() else { return nil }
        var state: PromptState?
        if flags & 1 != 0 {
            guard let length = reader.integer(UInt32.self), let stored = reader.bytes(Int(length)),
                let read = PromptState(stored: stored)
            else { return nil }
            state = read
        }
        guard let names = Self.names(&reader), let births = Self.births(names, &reader) else { return nil }
        var epoch: EpochFacts?
        if flags & 4 != 0 {
            guard let read = Self.epoch(names, &reader) else { return nil }
            epoch = read
        }
        var tail: Set<ToldSlot> = []
        if flags & 8 != 0 {
            guard let read = Self.tail(&reader) else { return nil }
            tail = read
        }
        self.init(
            state: state,
            shortening: TurnShortening(births: births, isKept: flags & 2 != 0, epoch: epoch, tail: tail))
    }

    private static func tail(_ reader: inout StoredReader) -> Set<ToldSlot>? {
        guard let count = reader.integer(UInt32.self), count <= storedCountMax else { return nil }
        var tail: Set<ToldSlot> = []
        for _ in 0..<count {
            guard let position = reader.integer(UInt32.self), let number = reader.integer(UInt32.self) else {
                return nil
            }
            tail.insert(ToldSlot(position: Int(position), number: Int(number)))
        }
        return tail
    }

    private static func names(_ reader: inout StoredReader) -> [StrategyName]? {
        guard let count = reader.byte() else { return nil }
        var names: [StrategyName] = []
        for _ in 0..<count {
            guard let length = reader.byte(), let name = reader.bytes(Int(length)),
                let version = reader.integer(UInt16.self)
            else { return nil }
            names.append(StrategyName(String(decoding: name, as: UTF8.self), version: Int(version)))
        }
        return names
    }

    private static func births(_ names: [StrategyName], _ reader: inout StoredReader) -> [BirthFact]? {
        guard let count = reader.integer(UInt32.self), count <= storedCountMax else { return nil }
        var births: [BirthFact] = []
        for _ in 0..<count {
            guard let part = reader.integer(UInt32.self), let textBytes = reader.integer(UInt32.self),
                let name = reader.byte(), names.indices.contains(Int(name)),
                let referenceCount = reader.integer(UInt32.self), referenceCount <= storedCountMax
            else { return nil }
            var references: [Int] = []
            for _ in 0..<referenceCount {
                guard let reference = reader.integer(UInt32.self) else { return nil }
                references.append(Int(reference))
            }
            births.append(
                BirthFact(
                    part: Int(part), textBytes: Int(textBytes), strategy: names[Int(name)], references: references))
        }
        return births
    }

    private static func epoch(_ names: [StrategyName], _ reader: inout StoredReader) -> EpochFacts? {
        guard let newTurnCount = reader.integer(UInt32.self), let partCount = reader.integer(UInt32.self),
            partCount <= storedCountMax
        else { return nil }
        var parts: [ReplacementFact] = []
        for _ in 0..<partCount {
            guard let number = reader.integer(UInt32.self), let textBytes = reader.integer(UInt32.self),
                let name = reader.byte(), names.indices.contains(Int(name))
            else { return nil }
            parts.append(
                ReplacementFact(number: Int(number), textBytes: Int(textBytes), strategy: names[Int(name)]))
        }
        guard let turnCount = reader.integer(UInt32.self), turnCount <= storedCountMax else { return nil }
        var turns: [Int: ReplacedTurn] = [:]
        for _ in 0..<turnCount {
            guard let position = reader.integer(UInt32.self), let digest = reader.fingerprint(),
                let byteCount = reader.integer(UInt64.self)
            else { return nil }
            turns[Int(position)] = ReplacedTurn(digest: digest, byteCount: Int(clamping: byteCount))
        }
        return EpochFacts(newTurnCount: Int(newTurnCount), parts: parts, turns: turns)
    }
}
