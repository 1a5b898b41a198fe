// A table from the words of a wire (keys, types, roles) to what this room makes of them, looked up by bytes: no String is
// made for a key. A body of 300 turns asks it about 5,000 times.

import CairnCore

/// Words and their meaning. Built once, when a dialect is first used.
struct WireTable<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var word: StaticString
        var value: Value
    }

    private let slots: [Slot?]
    private let mask: Int

    /// `entries` name each word once.
    init(_ entries: [(StaticString, Value)]) {
        var size = 4
        while size < entries.count * 3 { size *= 2 }
        var slots = [Slot?](repeating: nil, count: size)
        for (word, value) in entries {
            var position = Self.hash(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
            while let taken = slots[position & (size - 1)] {
                precondition(taken.word.description != word.description, "a word stands twice in a table")
                position += 1
            }
            slots[position & (size - 1)] = Slot(word: word, value: value)
        }
        self.slots = slots
        mask = size - 1
    }

    /// What `word` means; nil for a word that is not in the table.
    subscript(word: UnsafeBufferPointer<UInt8>) -> Value? {
        var position = Self.hash(word)
        while let slot = slots[position & mask] {
            if slot.word.spells(word) { return slot.value }
            position += 1
        }
        return nil
    }

    private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> Int {
        guard let first = word.first, let last = word.last else { return 0 }
        return word.count &* 31 &+ Int(first) &* 7 &+ Int(word[word.count / 2]) &* 3 &+ Int(last)
    }
}

extension StaticString {
    /// Whether these are the bytes of `word`. The string has a pointer, as every one of more than one scalar has.
    func spells(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8CodeUnitCount == word.count
            && UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount).elementsEqual(word)
    }
}
