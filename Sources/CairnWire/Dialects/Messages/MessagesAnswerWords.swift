// The words of a messages answer: why it stopped, and what its usage is called. Tables, both ways.
//
// Facts: platform.claude.com/docs/en/api/messages (stop_reason, usage): `input_tokens` counts what was neither read
// from a cache nor written to one.

import CairnCore

enum MessagesAnswerWords {
    /// nil for a word this table does not have.
    static func reason(_ word: UnsafeRawBufferPointer) -> FinishReason? {
        if word.equals("end_turn") { return .stop }
        if word.equals("tool_use") { return .toolCalls }
        if word.equals("max_tokens") { return .maxTokens }
        if word.equals("stop_sequence") { return .stopSequence }
        if word.equals("pause_turn") { return .pause }
        if word.equals("refusal") { return .refusal }
        if word.equals("model_context_window_exceeded") { return .contextWindow }
        return nil
    }

    /// OpenAI says `stop` after a call it was forced to make; here a turn with calls always stops for them.
    static func word(_ reason: FinishReason, hasToolCalls: Bool) -> StaticString {
        switch reason {
        case .stop: hasToolCalls ? "tool_use" : "end_turn"
        case .toolCalls: "tool_use"
        case .maxTokens: "max_tokens"
        case .stopSequence: "stop_sequence"
        case .pause: "pause_turn"
        case .contentFilter, .refusal: "refusal"
        case .contextWindow: "model_context_window_exceeded"
        }
    }

    static func append(_ usage: WireUsage, to out: inout ByteWriter) {
        let read = usage.cached ?? 0
        let fresh = max(0, (usage.input ?? 0).addingClamped(-read).addingClamped(-(usage.cacheWrite ?? 0)))
        out.append("{\"input_tokens\":")
        out.append(decimal: fresh)
        out.append(",\"cache_creation_input_tokens\":")
        out.append(decimal: usage.cacheWrite ?? 0)
        out.append(",\"cache_read_input_tokens\":")
        out.append(decimal: read)
        out.append(",\"cache_creation\":{\"ephemeral_5m_input_tokens\":")
        out.append(decimal: usage.cacheWrite5Minutes ?? 0)
        out.append(",\"ephemeral_1h_input_tokens\":")
        out.append(decimal: usage.cacheWrite1Hour ?? 0)
        out.append("},\"output_tokens\":")
        out.append(decimal: usage.output ?? 0)
        if let reasoning = usage.reasoning {
            out.append(",\"output_tokens_details\":{\"thinking_tokens\":")
            out.append(decimal: reasoning)
            out.append("}")
        }
        out.append("}")
    }
}

/// The usage of a messages answer as it adds up: each report replaces the members it has, and the sum is made anew.
struct MessagesUsageCount: Sendable {
    private var fresh: Int?
    private var read: Int?
    private var written: Int?
    private var written5Minutes: Int?
    private var written1Hour: Int?
    private var output: Int?
    private var thinking: Int?

    mutating func merge(_ tape: borrowing JSONTape, _ node: Int) -> WireUsage {
        fresh = tape.integer("input_tokens", of: node) ?? fresh
        read = tape.integer("cache_read_input_tokens", of: node) ?? read
        written = tape.integer("cache_creation_input_tokens", of: node) ?? written
        if let split = tape.member("cache_creation", of: node) {
            written5Minutes = tape.integer("ephemeral_5m_input_tokens", of: split) ?? written5Minutes
            written1Hour = tape.integer("ephemeral_1h_input_tokens", of: split) ?? written1Hour
        }
        output = tape.integer("output_tokens", of: node) ?? output
        if let details = tape.member("output_tokens_details", of: node) {
            thinking = tape.integer("thinking_tokens", of: details) ?? thinking
        }
        return sum
    }

    private var sum: WireUsage {
        var usage = WireUsage()
        usage.cached = read
        usage.cacheWrite1Hour = written1Hour
        // Five minutes is the default life: what the split does not name was written for that long.
        usage.cacheWrite5Minutes = written5Minutes ?? written.map { max(0, $0.addingClamped(-(written1Hour ?? 0))) }
        if let fresh { usage.input = fresh.addingClamped(read ?? 0).addingClamped(usage.cacheWrite ?? 0) }
        usage.output = output
        usage.reasoning = thinking
        return usage
    }
}
