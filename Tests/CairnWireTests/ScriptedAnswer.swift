// Answers of providers, written from a list of parts, in all three dialects: what a test of joined answers is fed with and,
// written from the parts a client shall see, what it compares with.

import CairnWire

struct ScriptedAnswer {
    enum Part {
        case thinking(String)
        case text(String)
        case call(String, identifier: String, arguments: String)

        func isCall(of name: String) -> Bool {
            if case .call(name, _, _) = self { true } else { false }
        }
    }

    enum Reason { case stop, calls, length }

    var dialect: Dialect
    var identifier = "one"
    /// Of the last event, where it shows the whole answer; nil: the same.
    var lastIdentifier: String?
    var parts: [Part]
    var reason: Reason?
    /// Input and output tokens.
    var usage = (10, 5)
    /// What the beginning of a messages stream reports instead.
    var usageAtStart: (Int, Int)?

    private var chosenReason: Reason {
        reason ?? (parts.contains { if case .call = $0 { true } else { false } } ? .calls : .stop)
    }

    // MARK: streams

    var stream: String {
        switch dialect {
        case .chat: chatStream
        case .messages: messagesStream
        case .responses: responsesStream
        }
    }

    private static func halves(_ text: String) -> [String] {
        let middle = text.index(text.startIndex, offsetBy: text.count / 2)
        return [String(text[..<middle]), String(text[middle...])].filter { !$0.isEmpty }
    }

    static func quoted(_ text: String) -> String {
        "\""
            + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            + "\""
    }

    private func chunk(_ choices: String, _ rest: String = "") -> String {
        """
        data: {"id":"\(identifier)","object":"chat.completion.chunk","created":1,"model":"m","choices":[\(choices)]\(rest)}


        """
    }

    private func delta(_ delta: String, reason: String = "null") -> String {
        chunk("{\"index\":0,\"delta\":{\(delta)},\"logprobs\":null,\"finish_reason\":\(reason)}")
    }

    private var chatStream: String {
        var out = delta("\"role\":\"assistant\",\"content\":\"\"")
        var callIndex = 0
        for part in parts {
            switch part {
            case .thinking(let text):
                for piece in Self.halves(text) { out += delta("\"reasoning_content\":\(Self.quoted(piece))") }
            case .text(let text):
                for piece in Self.halves(text) { out += delta("\"content\":\(Self.quoted(piece))") }
            case .call(let name, let identifier, let arguments):
                out += delta(
                    "\"tool_calls\":[{\"index\":\(callIndex),\"id\":\"\(identifier)\",\"type\":\"function\",\"function\":{\"name\":\"\(name)\",\"arguments\":\"\"}}]"
                )
                for piece in Self.halves(arguments) {
                    out += delta(
                        "\"tool_calls\":[{\"index\":\(callIndex),\"function\":{\"arguments\":\(Self.quoted(piece))}}]")
                }
                callIndex += 1
            }
        }
        out += delta("", reason: chatReason)
        return out + chunk("", ",\"usage\":\(chatUsage)") + "data: [DONE]\n\n"
    }

    private var chatReason: String {
        switch chosenReason {
        case .stop: "\"stop\""
        case .calls: "\"tool_calls\""
        case .length: "\"length\""
        }
    }

    private var chatUsage: String {
        "{\"prompt_tokens\":\(usage.0),\"completion_tokens\":\(usage.1),\"total_tokens\":\(usage.0 + usage.1)}"
    }

    private func event(_ type: String, _ rest: String) -> String {
        "event: \(type)\ndata: {\"type\":\"\(type)\"\(rest)}\n\n"
    }

    private var messagesStream: String {
        let atStart = usageAtStart ?? (usage.0, 1)
        var out = event(
            "message_start",
            ",\"message\":{\"id\":\"\(identifier)\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":\(atStart.0),\"output_tokens\":\(atStart.1)}}"
        )
        for (index, part) in parts.enumerated() {
            var start = ""
            var deltas: [String] = []
            switch part {
            case .thinking(let text):
                start = "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"
                deltas = Self.halves(text).map { "{\"type\":\"thinking_delta\",\"thinking\":\(Self.quoted($0))}" }
                deltas.append("{\"type\":\"signature_delta\",\"signature\":\"proof\"}")
            case .text(let text):
                start = "{\"type\":\"text\",\"text\":\"\"}"
                deltas = Self.halves(text).map { "{\"type\":\"text_delta\",\"text\":\(Self.quoted($0))}" }
            case .call(let name, let identifier, let arguments):
                start = "{\"type\":\"tool_use\",\"id\":\"\(identifier)\",\"name\":\"\(name)\",\"input\":{}}"
                deltas = Self.halves(arguments).map {
                    "{\"type\":\"input_json_delta\",\"partial_json\":\(Self.quoted($0))}"
                }
            }
            out += event("content_block_start", ",\"index\":\(index),\"content_block\":\(start)")
            out += deltas.map { event("content_block_delta", ",\"index\":\(index),\"delta\":\($0)") }.joined()
            out += event("content_block_stop", ",\"index\":\(index)")
        }
        let usage = messagesUsageAtEnd
        out += event(
            "message_delta", ",\"delta\":{\"stop_reason\":\(messagesReason),\"stop_sequence\":null},\"usage\":\(usage)")
        return out + event("message_stop", "")
    }

    /// As Anthropic reports it: all that was used.
    private var messagesUsageAtEnd: String { "{\"input_tokens\":\(usage.0),\"output_tokens\":\(usage.1)}" }

    private var messagesReason: String {
        switch chosenReason {
        case .stop: "\"end_turn\""
        case .calls: "\"tool_use\""
        case .length: "\"max_tokens\""
        }
    }

    private func item(_ part: Part, isDone: Bool) -> String {
        let status = isDone ? "completed" : "in_progress"
        switch part {
        case .thinking(let text):
            let summary = isDone ? "{\"type\":\"summary_text\",\"text\":\(Self.quoted(text))}" : ""
            return
                "{\"id\":\"rs_\(text.count)\",\"type\":\"reasoning\",\"summary\":[\(summary)],\"encrypted_content\":\"sealed\"}"
        case .text(let text):
            let content =
                isDone ? "{\"type\":\"output_text\",\"annotations\":[],\"text\":\(Self.quoted(text))}" : ""
            return
                "{\"id\":\"msg_\(text.count)\",\"type\":\"message\",\"status\":\"\(status)\",\"role\":\"assistant\",\"content\":[\(content)]}"
        case .call(let name, let identifier, let arguments):
            return
                "{\"id\":\"fc_\(identifier)\",\"type\":\"function_call\",\"status\":\"\(status)\",\"call_id\":\"\(identifier)\",\"name\":\"\(name)\",\"arguments\":\(Self.quoted(isDone ? arguments : ""))}"
        }
    }

    private func response(_ status: String, isLast: Bool) -> String {
        let output = isLast ? parts.map { item($0, isDone: true) }.joined(separator: ",") : ""
        let reported =
            isLast
            ? "{\"input_tokens\":\(usage.0),\"output_tokens\":\(usage.1),\"total_tokens\":\(usage.0 + usage.1)}"
            : "null"
        let identifier = isLast ? lastIdentifier ?? identifier : identifier
        return
            "{\"id\":\"\(identifier)\",\"object\":\"response\",\"created_at\":1,\"status\":\"\(status)\",\"error\":null,\"incomplete_details\":\(chosenReason == .length && isLast ? "{\"reason\":\"max_output_tokens\"}" : "null"),\"model\":\"m\",\"output\":[\(output)],\"usage\":\(reported)}"
    }

    private var responsesStream: String {
        var out = ""
        var number = 0
        func add(_ type: String, _ rest: String) {
            out += event(type, ",\"sequence_number\":\(number)\(rest)")
            number += 1
        }
        add("response.created", ",\"response\":\(response("in_progress", isLast: false))")
        add("response.in_progress", ",\"response\":\(response("in_progress", isLast: false))")
        for (index, part) in parts.enumerated() {
            let place = ",\"output_index\":\(index)"
            add("response.output_item.added", "\(place),\"item\":\(item(part, isDone: false))")
            switch part {
            case .thinking(let text):
                for piece in Self.halves(text) {
                    add(
                        "response.reasoning_summary_text.delta",
                        "\(place),\"item_id\":\"rs_\(text.count)\",\"summary_index\":0,\"delta\":\(Self.quoted(piece))")
                }
            case .text(let text):
                for piece in Self.halves(text) {
                    add(
                        "response.output_text.delta",
                        "\(place),\"item_id\":\"msg_\(text.count)\",\"content_index\":0,\"delta\":\(Self.quoted(piece))"
                    )
                }
            case .call(_, let identifier, let arguments):
                for piece in Self.halves(arguments) {
                    add(
                        "response.function_call_arguments.delta",
                        "\(place),\"item_id\":\"fc_\(identifier)\",\"delta\":\(Self.quoted(piece))")
                }
            }
            add("response.output_item.done", "\(place),\"item\":\(item(part, isDone: true))")
        }
        let isCut = chosenReason == .length
        add(
            isCut ? "response.incomplete" : "response.completed",
            ",\"response\":\(response(isCut ? "incomplete" : "completed", isLast: true))")
        return out
    }

    // MARK: whole answers

    var document: String {
        switch dialect {
        case .chat: chatDocument
        case .messages: messagesDocument
        case .responses: response(chosenReason == .length ? "incomplete" : "completed", isLast: true)
        }
    }

    private var chatDocument: String {
        var text = ""
        var thinking = ""
        var calls: [String] = []
        for part in parts {
            switch part {
            case .thinking(let more): thinking += more
            case .text(let more): text += more
            case .call(let name, let identifier, let arguments):
                calls.append(
                    "{\"id\":\"\(identifier)\",\"type\":\"function\",\"function\":{\"name\":\"\(name)\",\"arguments\":\(Self.quoted(arguments))}}"
                )
            }
        }
        let reasoning = thinking.isEmpty ? "" : ",\"reasoning_content\":\(Self.quoted(thinking))"
        let list = calls.isEmpty ? "" : ",\"tool_calls\":[\(calls.joined(separator: ","))]"
        return
            "{\"id\":\"\(identifier)\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\(Self.quoted(text))\(reasoning)\(list)},\"finish_reason\":\(chatReason)}],\"usage\":\(chatUsage)}"
    }

    private var messagesDocument: String {
        let blocks = parts.map { part in
            switch part {
            case .thinking(let text):
                "{\"type\":\"thinking\",\"thinking\":\(Self.quoted(text)),\"signature\":\"proof\"}"
            case .text(let text): "{\"type\":\"text\",\"text\":\(Self.quoted(text))}"
            case .call(let name, let identifier, let arguments):
                "{\"type\":\"tool_use\",\"id\":\"\(identifier)\",\"name\":\"\(name)\",\"input\":\(arguments)}"
            }
        }
        return
            "{\"id\":\"\(identifier)\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[\(blocks.joined(separator: ","))],\"stop_reason\":\(messagesReason),\"stop_sequence\":null,\"usage\":\(messagesUsageAtEnd)}"
    }
}
