// The words of a responses answer: why it stopped, what its usage is called, and which members of the request it
// repeats.
//
// Facts: platform.openai.com/docs/api-reference/responses/object (status, incomplete_details, usage, the members and
// what they are when the client did not say).

import CairnCore

enum ResponsesAnswerWords {
    /// The `reason` of `incomplete_details`; nil: the response is complete.
    static func incomplete(_ reason: FinishReason) -> StaticString? {
        switch reason {
        case .stop, .toolCalls, .stopSequence, .pause: nil
        case .maxTokens, .contextWindow: "max_output_tokens"
        case .contentFilter, .refusal: "content_filter"
        }
    }

    /// nil for a word this table does not have.
    static func reason(incomplete word: UnsafeRawBufferPointer) -> FinishReason? {
        if word.equals("max_output_tokens") || word.equals("max_tokens") { return .maxTokens }
        if word.equals("content_filter") { return .contentFilter }
        return nil
    }

    /// A `usage` object.
    static func usage(_ tape: borrowing JSONTape, _ node: Int) -> WireUsage {
        var usage = WireUsage()
        usage.input = tape.integer("input_tokens", of: node)
        usage.output = tape.integer("output_tokens", of: node)
        if let details = tape.member("input_tokens_details", of: node) {
            usage.cached = tape.integer("cached_tokens", of: details)
            usage.cacheWrite5Minutes = tape.integer("cache_write_tokens", of: details)
        }
        if let details = tape.member("output_tokens_details", of: node) {
            usage.reasoning = tape.integer("reasoning_tokens", of: details)
        }
        return usage
    }

    static func append(_ usage: WireUsage, to out: inout ByteWriter) {
        out.append("{\"input_tokens\":")
        out.append(decimal: usage.input ?? 0)
        out.append(",\"input_tokens_details\":{\"cached_tokens\":")
        out.append(decimal: usage.cached ?? 0)
        out.append(",\"cache_write_tokens\":")
        out.append(decimal: usage.cacheWrite ?? 0)
        out.append("},\"output_tokens\":")
        out.append(decimal: usage.output ?? 0)
        out.append(",\"output_tokens_details\":{\"reasoning_tokens\":")
        out.append(decimal: usage.reasoning ?? 0)
        out.append("},\"total_tokens\":")
        out.append(decimal: usage.total)
        out.append("}")
    }
}

/// What a responses object repeats of its request.
enum ResponsesEcho {
    /// In the order of OpenAI's answers, with what stands there if the client did not say.
    private static let members: [(key: StaticString, otherwise: StaticString)] = [
        ("background", "false"), ("instructions", "null"), ("max_output_tokens", "null"), ("max_tool_calls", "null"),
        ("metadata", "{}"), ("parallel_tool_calls", "true"), ("previous_response_id", "null"), ("prompt", "null"),
        ("prompt_cache_key", "null"), ("reasoning", "{\"effort\":null,\"summary\":null}"),
        ("safety_identifier", "null"), ("service_tier", "\"default\""), ("store", "true"), ("temperature", "1.0"),
        ("text", "{\"format\":{\"type\":\"text\"}}"), ("tool_choice", "\"auto\""), ("tools", "[]"),
        ("top_logprobs", "0"), ("top_p", "1.0"), ("truncation", "\"disabled\""), ("user", "null"),
    ]

    /// All of them, each with a comma in front.
    static func members(of context: AnswerContext) -> [UInt8] {
        var out = ByteWriter(capacity: 1024)
        for member in members {
            out.append(",\"")
            out.append(member.key)
            out.append("\":")
            if let echoed = context.echo.last(where: { isKey($0.key, member.key, context.source) }) {
                out.append(echoed.value, of: context.source)
            } else {
                out.append(member.otherwise)
            }
        }
        return out.copyBytes()
    }

    private static func isKey(_ key: RawJSON, _ name: StaticString, _ source: SourceDocument) -> Bool {
        source.withBytes(of: key) { quoted in
            guard quoted.count >= 2 else { return false }
            return UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: quoted.dropFirst().dropLast())).equals(name)
        }
    }
}
