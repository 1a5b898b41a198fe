// The name a user may have meant: used when a flag, a command or a key is unknown.

enum NearestName {
    /// Longer words get no suggestion; it bounds the work.
    static let wordCharactersMax = 40

    /// The candidate with the fewest edits from `word`, if they are at most a third of it, or that
    /// `word` begins; else nil.
    static func find(_ word: String, among candidates: [String]) -> String? {
        guard word.count <= wordCharactersMax else { return nil }

        let word = Array(word.lowercased())
        let nearest = candidates.map { (name: $0, edits: edits(word, Array($0))) }.min { $0.edits < $1.edits }
        if let nearest, nearest.edits <= max(1, word.count / 3) { return nearest.name }
        return word.count < 3 ? nil : candidates.first { $0.hasPrefix(String(word)) }
    }

    /// How many insertions, deletions, replacements and swaps of neighbours turn one word into the
    /// other (the restricted distance of Damerau and Levenshtein, row by row; a swap looks two rows
    /// back).
    private static func edits(_ word: [Character], _ candidate: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...candidate.count)
        for wordIndex in word.indices {
            var row = [wordIndex + 1]
            for index in candidate.indices {
                let replaced = last[index] + (word[wordIndex] == candidate[index] ? 0 : 1)
                var fewest = min(replaced, row[index] + 1, last[index + 1] + 1)
                if wordIndex > 0, index > 0, word[wordIndex] == candidate[index - 1],
                    word[wordIndex - 1] == candidate[index]
                {
                    fewest = min(fewest, beforeLast[index - 1] + 1)
                }
                row.append(fewest)
            }
            (beforeLast, last) = (last, row)
        }
        return last[candidate.count]
    }
}
