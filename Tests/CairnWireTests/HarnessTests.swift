// The agent that sends a call is recognised from headers, system prompt and tools as the real ones send them.

import Testing

@testable import CairnWire

@Suite struct HarnessTests {
    static func prompt(system: [String] = [], tools: [String] = []) -> Prompt {
        var prompt = Prompt(dialect: .messages, source: .empty)
        prompt.turns = system.isEmpty ? [] : [Turn(.system, parts: system.map { Part(.text(RawJSON(quoting: $0))) })]
        prompt.tools = tools.map { ToolDefinition(.function(parameters: nil, strict: nil), name: RawJSON(quoting: $0)) }
        return prompt
    }

    struct Call: Sendable, CustomTestStringConvertible {
        var harness: Harness
        var headers: [String: String] = [:]
        var system: [String] = []
        var tools: [String] = []
        var testDescription: String { "\(harness) \(headers) \(system) \(tools)" }
    }

    @Test(arguments: [
        Call(harness: .claudeCode, headers: ["user-agent": "claude-cli/2.1.105 (external, cli)", "x-app": "cli"]),
        Call(harness: .claudeCode, headers: ["user-agent": "claude-cli/2.0.0 (external, claude-vscode)"]),
        Call(harness: .claudeCode, headers: ["user-agent": "Claude-Code/2.1.45"]),
        Call(harness: .claudeCode, headers: ["x-claude-code-session-id": "1f"]),
        Call(
            harness: .claudeCode,
            system: ["x-anthropic-billing-header: cc_version=2.1.62.023; cc_entrypoint=cli; cch=00000;"]),
        Call(harness: .claudeCode, system: ["You are Claude Code, Anthropic's official CLI for Claude."]),
        Call(harness: .claudeCode, system: ["You are a Claude agent, built on Anthropic's Claude Agent SDK."]),
        Call(harness: .claudeCode, tools: ["Task", "Bash", "Glob", "Grep", "Read", "Edit"]),
        Call(harness: .codex, headers: ["user-agent": "codex_cli_rs/0.58.0 (Debian 12; x86_64) xterm"]),
        Call(harness: .codex, headers: ["originator": "codex_exec", "session-id": "019a"]),
        Call(harness: .codex, headers: ["x-codex-turn-metadata": "{}"]),
        Call(harness: .codex, system: ["You are Codex, based on GPT-5."]),
        Call(harness: .codex, tools: ["exec_command", "write_stdin", "update_plan", "apply_patch"]),
        Call(harness: .openclaw, system: ["You are a personal assistant running inside OpenClaw.\n\n## Tooling"]),
        Call(harness: .openclaw, headers: ["x-title": "OpenClaw"]),
        Call(harness: .openclaw, tools: ["read", "sessions_spawn", "sessions_list", "session_status"]),
        Call(
            harness: .openclaw, headers: ["user-agent": "claude-cli/2.1.2 (external, cli)", "x-app": "cli"],
            system: [
                "You are Claude Code, Anthropic's official CLI for Claude.",
                "You are a personal assistant running inside OpenClaw.",
            ]),
        Call(harness: .hermes, system: ["You are Hermes Agent, an intelligent AI assistant created by Nous Research."]),
        Call(harness: .hermes, system: ["I am Sol.\n\nYou run on Hermes Agent, see its documentation."]),
        Call(harness: .hermes, headers: ["user-agent": "HermesAgent/0.20.0"]),
        Call(harness: .hermes, tools: ["terminal", "skill_manage", "session_search", "delegate_task"]),
        Call(harness: .generic),
        Call(harness: .generic, headers: ["user-agent": "OpenAI/Python 3.3.0", "x-app": "cli"]),
        Call(harness: .generic, headers: ["user-agent": "my-claude-cli/1"], system: ["You are a helpful assistant."]),
        Call(
            harness: .generic, system: ["Compare yourself with Claude Code and Codex."],
            tools: ["Bash", "read", "apply_patch"]),
    ])
    func `an agent is recognised`(call: Call) {
        let harness = Harness.recognise(Self.prompt(system: call.system, tools: call.tools)) { call.headers[$0] }

        #expect(harness == call.harness)
    }

    @Test func `an identity deep in a prompt or in what a user says is none`() {
        let words = "You are Claude Code, Anthropic's official CLI for Claude."
        var prompt = Self.prompt(system: [String(repeating: "x", count: Harness.identityBytesMax) + words])
        prompt.turns.append(Turn(.user, parts: [Part(.text(RawJSON(quoting: words)))]))

        #expect(Harness.recognise(prompt) { _ in nil } == .generic)
    }

    @Test func `names and raw values are those that are stored`() {
        #expect(Harness.allCases.map(\.name) == ["claude-code", "codex", "openclaw", "hermes", "generic"])
        #expect(Harness.allCases.map(\.rawValue) == [1, 2, 3, 4, 5])
        #expect(Harness.allCases.allSatisfy { Harness(name: $0.name) == $0 })
        #expect(Harness(name: "cursor") == nil)
    }

    @Test func `header names are asked in lower case and every clue weighs something`() {
        for clue in HarnessClue.table {
            #expect(clue.weight > 0)
            switch clue.evidence {
            case .header(let name): #expect(name == name.lowercased())
            case .headerStart(let name, let word), .headerWord(let name, let word):
                #expect(name == name.lowercased() && word == word.lowercased())
            case .systemSays(let words):
                // What JSON escapes could be spelled in several ways.
                #expect(words.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
            case .tools(let names, let countMin): #expect(Set(names).count == names.count && countMin <= names.count)
            }
        }
    }
}
