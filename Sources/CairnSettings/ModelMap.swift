// Which model an upstream is asked for when the client names one the upstream does not have. The
// gateway asks once a call.

/// An ordered list of rules from model names to an upstream's own model names. The first rule that
/// matches wins.
///
/// The order is: the user's rules, as they stand in the configuration file; then the provider's
/// own, from the most specific pattern to the most general one. So a user's rule always overrides
/// the provider's, and a user who writes a general pattern first hides the more specific ones
/// behind it:
///
///     model_map:
///       gpt-5-codex: deepseek-v4-pro    # right: first the one name,
///       gpt-5*: deepseek-v4-flash       # then the others
public struct ModelMap: Equatable, Sendable {
    public struct Rule: Equatable, Sendable {
        public let pattern: Glob
        /// The name sent upstream.
        public let target: String

        public init(pattern: Glob, target: String) {
            self.pattern = pattern
            self.target = target
        }
    }

    /// In the order in which they are tried.
    public let rules: [Rule]

    public init(rules: [Rule] = []) {
        self.rules = rules
    }

    /// The user's rules followed by the provider's own.
    public init(userRules: [Rule], provider: Provider) {
        rules = userRules + (provider == .deepseek ? ModelMap.deepseekRules : [])
    }

    /// The name to send upstream instead of `name`, or nil: the name goes upstream as it is.
    /// - Complexity: one pattern match a rule, until the first that matches.
    public func target(for name: String) -> String? {
        rules.first { $0.pattern.matches(name) }?.target
    }

    /// OpenAI's names on a DeepSeek upstream: small models become the flash model, all others the
    /// pro model. Dated names (`gpt-4o-mini-2024-07-18`) go where the undated go. `o` must be
    /// followed by one digit and then by nothing or a hyphen: names of other houses (`olmo-2`,
    /// `openchat`, `o1labs`) go upstream as they are.
    private static let deepseekRules: [Rule] = {
        let small =
            ["gpt-*-mini", "gpt-*-mini-*", "gpt-*-nano", "gpt-*-nano-*"]
            + (1...9).flatMap { ["o\($0)-mini", "o\($0)-mini-*"] }
        let large = ["gpt-*"] + (1...9).flatMap { ["o\($0)", "o\($0)-*"] }
        return small.map { Rule(pattern: Glob(unchecked: $0), target: "deepseek-v4-flash") }
            + large.map { Rule(pattern: Glob(unchecked: $0), target: "deepseek-v4-pro") }
    }()
}
