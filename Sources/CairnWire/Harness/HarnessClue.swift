// What gives an agent away: one table. Read by Harness.recognise, printed in docs/harnesses.md; a new agent, or a new
// spelling of an old one, is a row here and a case in HarnessTests.

/// One thing that speaks for a harness.
struct HarnessClue: Sendable {
    enum Evidence: Sendable {
        /// The request has this header.
        case header(String)
        /// The header's value starts so (lower case).
        case headerStart(String, String)
        /// The header's value holds this (lower case).
        case headerWord(String, String)
        /// One of the first system texts says this near its beginning, spelled exactly so. No characters that JSON
        /// escapes.
        case systemSays(String)
        /// At least so many of these tools are offered.
        case tools([String], atLeast: Int)
    }

    var harness: Harness
    var evidence: Evidence
    var weight: Int

    init(_ harness: Harness, _ evidence: Evidence, weight: Int) {
        self.harness = harness
        self.evidence = evidence
        self.weight = weight
    }

    /// Less than this is no harness at all: one weak clue is not enough.
    static let weightMin = 3

    /// Weights: what a system prompt says of itself beats a header, because OpenClaw and Hermes send Claude Code's
    /// headers and first system line when they use its sign-in; a header beats tools; `x-app` alone proves nothing.
    static let table: [HarnessClue] = [
        // "claude-cli/2.1.105 (external, cli)": the same for the VS Code extension and the Agent SDK, with other words
        // in brackets. Newer ones send "claude-code/2.1.45" (captures quoted in CLIProxyAPI issue 1621).
        HarnessClue(.claudeCode, .headerStart("user-agent", "claude-cli/"), weight: 4),
        HarnessClue(.claudeCode, .headerStart("user-agent", "claude-code/"), weight: 4),
        // Sent by every recent version, whatever its user agent (obot pull request 7205).
        HarnessClue(.claudeCode, .header("x-claude-code-session-id"), weight: 4),
        // "cli"; other Anthropic applications may send it too.
        HarnessClue(.claudeCode, .headerStart("x-app", "cli"), weight: 2),
        // The attribution line in front of the system prompt, since 2.1.29.
        HarnessClue(.claudeCode, .systemSays("x-anthropic-billing-header: cc_version="), weight: 3),
        HarnessClue(.claudeCode, .systemSays("You are Claude Code, Anthropic"), weight: 3),
        HarnessClue(.claudeCode, .systemSays("built on Anthropic's Claude Agent SDK"), weight: 3),
        HarnessClue(
            .claudeCode,
            .tools(
                ["Bash", "Edit", "Read", "Write", "Grep", "Glob", "TodoWrite", "Task", "WebFetch", "NotebookEdit"],
                atLeast: 4), weight: 3),

        // "codex_cli_rs/0.58.0 (...)", "codex_exec/...", "codex_vscode/...": the originator and a version
        // (codex-rs/core/src/default_client.rs); the header originator says the same without a version.
        HarnessClue(.codex, .headerStart("user-agent", "codex"), weight: 4),
        HarnessClue(.codex, .headerStart("originator", "codex"), weight: 4),
        // Recorded from 0.163.0: x-codex-* beside session-id and thread-id, which others send too.
        HarnessClue(.codex, .header("x-codex-turn-metadata"), weight: 3),
        HarnessClue(.codex, .header("x-codex-window-id"), weight: 3),
        HarnessClue(.codex, .systemSays("You are Codex,"), weight: 3),
        HarnessClue(.codex, .systemSays("running in the Codex CLI"), weight: 3),
        HarnessClue(
            .codex,
            .tools(
                ["update_plan", "apply_patch", "view_image", "exec_command", "write_stdin", "shell_command"],
                atLeast: 3), weight: 3),

        // First line of its system prompt in every mode (openclaw/openclaw src/agents/system-prompt.ts).
        HarnessClue(.openclaw, .systemSays("You are a personal assistant running inside OpenClaw."), weight: 16),
        // Attribution headers towards OpenRouter (OPENROUTER_APP_HEADERS).
        HarnessClue(.openclaw, .headerStart("x-title", "openclaw"), weight: 4),
        HarnessClue(.openclaw, .headerStart("http-referer", "https://openclaw.ai"), weight: 4),
        HarnessClue(.openclaw, .headerStart("user-agent", "openclaw"), weight: 4),
        HarnessClue(
            .openclaw,
            .tools(
                ["sessions_spawn", "sessions_list", "sessions_send", "sessions_history", "session_status", "canvas"],
                atLeast: 3), weight: 4),

        // The default identity, and the pointer to its own documentation that stays when a user's SOUL.md replaces it
        // (NousResearch/hermes-agent agent/prompt_builder.py).
        HarnessClue(.hermes, .systemSays("You are Hermes Agent"), weight: 16),
        HarnessClue(.hermes, .systemSays("You run on Hermes Agent"), weight: 16),
        HarnessClue(.hermes, .headerStart("user-agent", "hermesagent/"), weight: 4),
        HarnessClue(.hermes, .headerStart("user-agent", "hermes-agent/"), weight: 4),
        HarnessClue(.hermes, .headerStart("x-title", "hermes agent"), weight: 4),
        HarnessClue(.hermes, .headerWord("http-referer", "hermes-agent."), weight: 4),
        HarnessClue(
            .hermes,
            .tools(
                ["skill_manage", "skill_view", "skills_list", "session_search", "delegate_task", "execute_code"],
                atLeast: 3), weight: 4),
    ]
}
