import CairnSettings
import Testing

struct ModelMapTests {
    static let pro = "deepseek-v4-pro"
    static let flash = "deepseek-v4-flash"

    @Test(
        arguments: [
            ("gpt-5", pro), ("gpt-5.1-codex", pro), ("GPT-5", pro), ("gpt-4o", pro), ("gpt-4.1", pro),
            ("gpt-9-giant", pro),
            ("gpt-5-2025-08-07", pro), ("gpt-oss-120b", pro), ("gpt-5-minimal", pro),
            ("gpt-5-mini", flash), ("gpt-5-nano", flash), ("gpt-4o-mini", flash), ("gpt-4.1-nano", flash),
            ("gpt-5-mini-2025-08-07", flash), ("gpt-4o-mini-2024-07-18", flash),
            ("gpt-5.1-codex-mini", flash),
            ("o1", pro), ("o3", pro), ("o3-pro", pro), ("o1-preview", pro), ("o4-2026-01-01", pro),
            ("o1-mini", flash), ("o3-mini", flash), ("o4-mini", flash), ("o4-mini-2025-04-16", flash),
            ("deepseek-v4-pro", nil), ("deepseek-chat", nil), ("claude-opus-4", nil), ("olmo-2", nil),
            ("openchat", nil),
            ("o", nil), ("ox-mini", nil), ("o1labs", nil), ("o-1", nil), ("gpt5", nil), ("my-gpt-5", nil),
            ("", nil),
            ("llama-nano", nil),
        ] as [(String, String?)])
    func `a deepseek upstream knows OpenAI's names`(_ name: String, target: String?) {
        #expect(ModelMap(userRules: [], provider: .deepseek).target(for: name) == target)
    }

    @Test(arguments: Provider.allCases.filter { $0 != .deepseek })
    func `other providers map nothing`(_ provider: Provider) {
        #expect(ModelMap(userRules: [], provider: provider).rules.isEmpty)
    }

    @Test func `the user's rules come first, in the order of the file, before the provider's own`() throws {
        let file = """
            upstreams:
              - provider: deepseek
                model_map:
                  gpt-5-codex: first
                  "gpt-5*": second
                  gpt-5-mini: hidden
                  claude-*: third
            """

        let map = try serve(file: file).upstreams[0].modelMap

        #expect(map.target(for: "gpt-5-codex") == "first")
        #expect(map.target(for: "gpt-5-mini") == "second")
        #expect(map.target(for: "gpt-5") == "second")
        #expect(map.target(for: "claude-opus-4") == "third")
        #expect(map.target(for: "gpt-4o") == Self.pro)
        #expect(map.target(for: "gpt-4o-mini") == Self.flash)
    }
}
