// Keys of lines, identifiers and files, each with a small number: 0, 1, 2, in the order they came. What is known of a key
// then stands in a plain array under its number, and a part names what it shows in four bytes each. A session of 600 KB has
// some thousand keys and asks for each line of a new part: two cache lines a question.

/// 64-bit keys and their numbers. Keys are never forgotten.
struct KeyTable {
    /// By number.
    private var keys: [UInt64] = []
    /// 1 + the number of a key; 0: free. A power of two; at most three of four are taken.
    private var slots: [UInt32] = []
    /// Where a key belongs is the top bits of its product with an odd number that nobody outside knows: texts that were
    /// made to meet in one place do not.
    private let multiplier = KeyTable.secret

    private static let secret = UInt64.random(in: .min ... .max) | 1
    private static let slotCountMin = 64

    var count: Int { keys.count }
    /// Of the heap.
    var heldBytes: Int { keys.capacity * 8 + slots.capacity * 4 }

    /// - Complexity: constant for keys nobody chose to collide.
    func number(of key: UInt64) -> Int? {
        if slots.isEmpty { return nil }
        let slot = slots[place(of: key)]
        return slot == 0 ? nil : Int(slot) - 1
    }

    /// The number of a key, which is given now if it has none: then it is the old ``count``.
    mutating func insert(_ key: UInt64) -> Int {
        if keys.count >= slots.count / 4 * 3 { grow() }
        let place = place(of: key)
        if slots[place] > 0 { return Int(slots[place]) - 1 }
        keys.appendSparingly(key)
        slots[place] = UInt32(keys.count)
        return keys.count - 1
    }

    /// The slot that holds the key, or the free one where it belongs.
    private func place(of key: UInt64) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: (key &* multiplier) >> UInt64(64 - mask.nonzeroBitCount))
        // It ends: a quarter of the slots is free.
        while slots[place] != 0, keys[Int(slots[place]) - 1] != key { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: max(Self.slotCountMin, slots.count * 2))
        for number in keys.indices { slots[place(of: keys[number])] = UInt32(number + 1) }
    }
}

/// Numbers that were met, to take each once.
struct NumberSet {
    private var words: [UInt64]

    /// - Parameter count: numbers below need no more memory.
    init(count: Int) { words = Array(repeating: 0, count: count / 64 + 1) }

    /// Whether it is new.
    mutating func insert(_ number: Int) -> Bool {
        let word = number / 64
        while words.count <= word { words.append(0) }
        let bit: UInt64 = 1 << UInt64(number % 64)
        defer { words[word] |= bit }
        return words[word] & bit == 0
    }
}

extension Array {
    /// Appends, and grows by an eighth instead of double: for what a session keeps as long as it lives.
    mutating func appendSparingly(_ element: Element) {
        if count == capacity { reserveCapacity(count + count / 8 + 16) }
        append(element)
    }
}
