import CairnSettings
import Testing

struct GlobTests {
    @Test(arguments: [
        ("gpt-5", "gpt-5", true), ("gpt-5", "gpt-5x", false), ("gpt-5", "gpt-", false),
        ("GPT-5", "gpt-5", true),
        ("gpt-5", "Gpt-5", true), ("*", "", true), ("*", "anything", true), ("**", "x", true),
        ("?", "x", true),
        ("?", "", false), ("?", "xy", false), ("gpt-*", "gpt-", true), ("gpt-*", "gpt", false),
        ("gpt-*-mini", "gpt-5-mini", true), ("gpt-*-mini", "gpt-4.1-mini", true),
        ("gpt-*-mini", "gpt-mini", false),
        ("gpt-*-mini", "gpt-5-mini-high", false), ("gpt-*-mini", "gpt-5-mini-mini", true),
        ("*-nano", "x-nano", true),
        ("a*b*c", "axxbxxc", true), ("a*b*c", "acb", false), ("a*b?c", "abbxc", true),
        ("o?-mini", "o3-mini", true),
        ("o?-mini", "o10-mini", false), ("?*?", "ab", true), ("?*?", "a", false), ("*ab", "aab", true),
        ("[a-z]", "b", false), ("[a-z]", "[a-z]", true), ("a.c", "abc", false), ("@", "`", false),
        ("{", "[", false),
    ])
    func `a pattern matches the whole name, in either case`(_ pattern: String, name: String, isMatch: Bool)
        throws
    {
        #expect(try Glob(parsing: pattern).matches(name) == isMatch)
    }

    @Test func `random patterns match as a plain recursive matcher says`() throws {
        var seed: UInt64 = 20_260_730
        func draw(_ letters: String, _ countMax: Int) -> [Character] {
            (0..<countMax).compactMap { _ in
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (seed >> 33) % 5 == 0 ? nil : letters.randomElement(seed >> 36)
            }
        }
        for _ in 0..<20_000 {
            let pattern = draw("ab*?", 6)
            let name = draw("ab", 8)
            guard !pattern.isEmpty else { continue }

            let isMatch = try Glob(parsing: String(pattern)).matches(String(name))

            #expect(isMatch == plainMatch(pattern[...], name[...]), "\(String(pattern)) \(String(name))")
        }
    }

    @Test func `many stars and a long name stay linear`() throws {
        let glob = try Glob(parsing: String(repeating: "a*", count: 63) + "b")
        let name = String(repeating: "a", count: 1_000_000)
        let clock = ContinuousClock()

        let duration = clock.measure { #expect(!glob.matches(name)) }

        // A backtracking matcher needs more than 10^100 steps.
        #expect(duration < .seconds(5))
    }

    @Test(arguments: ["", "a b", "a\tb", String(repeating: "x", count: 129)])
    func `a bad pattern is refused`(_ text: String) {
        let reason =
            "expected a model name or pattern of 1 to 128 bytes without spaces (* any text, ? one character)"

        #expect(throws: SettingsError(reason)) { try Glob(parsing: text) }
    }

    private func plainMatch(_ pattern: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        if first == "*" {
            return plainMatch(pattern.dropFirst(), name)
                || !name.isEmpty && plainMatch(pattern, name.dropFirst())
        }
        guard let letter = name.first, first == "?" || first == letter else { return false }
        return plainMatch(pattern.dropFirst(), name.dropFirst())
    }
}

extension String {
    fileprivate func randomElement(_ draw: UInt64) -> Character {
        Array(self)[Int(draw % UInt64(count))]
    }
}
