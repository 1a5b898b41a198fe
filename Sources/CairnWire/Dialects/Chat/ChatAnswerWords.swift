// The words of a chat answer: why it stopped, and what its usage is called. Tables, both ways.
//
// Facts: platform.openai.com/docs/api-reference/chat/object (finish_reason, usage); api-docs.deepseek.com/api/
// create-chat-completion (insufficient_system_resource, prompt_cache_hit_tokens, prompt_cache_miss_tokens).

import CairnCore

enum ChatAnswerWords {
    /// What a `finish_reason` means.
    enum Finish {
        case reason(FinishReason)
        /// The provider broke off.
        case failure(status: UInt16)
    }

    /// nil for a word this table does not have.
    static func finish(_ word: UnsafeRawBufferPointer) -> Finish? {
        if word.equals("stop") { return .reason(.stop) }
        if word.equals("tool_calls") || word.equals("function_call") { return .reason(.toolCalls) }
        if word.equals("length") { return .reason(.maxTokens) }
        if word.equals("content_filter") { return .reason(.contentFilter) }
        if word.equals("insufficient_system_resource") { return .failure(status: 503) }
        // vLLM and SGLang: the request was taken off the engine.
        if word.equals("abort") { return .failure(status: 500) }
        return nil
    }

    static func word(_ reason: FinishReason) -> StaticString {
        switch reason {
        case .stop, .stopSequence, .pause: "stop"
        case .maxTokens, .contextWindow: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter, .refusal: "content_filter"
        }
    }

    /// A `usage` object. DeepSeek tells hits and misses beside OpenAI's details.
    static func usage(_ tape: borrowing JSONTape, _ node: Int) -> WireUsage {
        var usage = WireUsage()
        usage.input = tape.integer("prompt_tokens", of: node)
        usage.output = tape.integer("completion_tokens", of: node)
        if let details = tape.member("prompt_tokens_details", of: node) {
            usage.cached = tape.integer("cached_tokens", of: details)
            usage.cacheWrite5Minutes = tape.integer("cache_write_tokens", of: details)
        }
        usage.cached = usage.cached ?? tape.integer("prompt_cache_hit_tokens", of: node)
        if let details = tape.member("completion_tokens_details", of: node) {
            usage.reasoning = tape.integer("reasoning_tokens", of: details)
        }
        return usage
    }

    static func append(_ usage: WireUsage, to out: inout ByteWriter) {
        let input = usage.input ?? 0
        let output = usage.output ?? 0
        out.append("{\"prompt_tokens\":")
        out.append(decimal: input)
        out.append(",\"completion_tokens\":")
        out.append(decimal: output)
        out.append(",\"total_tokens\":")
        out.append(decimal: usage.total)
        out.append(",\"prompt_tokens_details\":{\"cached_tokens\":")
        out.append(decimal: usage.cached ?? 0)
        if let written = usage.cacheWrite {
            out.append(",\"cache_write_tokens\":")
            out.append(decimal: written)
        }
        out.append("},\"completion_tokens_details\":{\"reasoning_tokens\":")
        out.append(decimal: usage.reasoning ?? 0)
        out.append("}}")
    }
}
