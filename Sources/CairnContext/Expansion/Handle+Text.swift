// Handles as people and programs type them: what stands between `[=` and `:` in a marker.

extension Handle {
    /// From the characters of a marker; nil for what no handle can be.
    public init?(_ text: some StringProtocol) {
        guard (Self.charactersMin...Self.charactersMax).contains(text.utf8.count),
            text.utf8.allSatisfy(Self.isCharacter)
        else { return nil }
        self.init(characters: String(text))
    }
}
