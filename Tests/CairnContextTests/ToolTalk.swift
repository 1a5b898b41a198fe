// Conversations with tools, written once and spelled in each dialect; and what providers refuse of them, written from their
// documentation and apart from the product's own rules.

import CairnCore
import CairnWire
import Foundation

/// One turn, before it is spelled.
enum ToolTalk {
    case user(String)
    case system(String)
    case assistant(String, calls: [String])
    case results([(call: String, text: String)])
    /// In messages one turn; in the other dialects the results and then the text.
    case resultsAndText([(call: String, text: String)], String)
    case textAndResults(String, [(call: String, text: String)])

    static func body(_ talk: [ToolTalk], _ dialect: Dialect) -> String {
        let turns = talk.flatMap { $0.spelled(dialect) }.joined(separator: ",")
        switch dialect {
        case .chat: return #"{"model":"m","messages":[\#(turns)],"n":1}"#
        case .messages: return #"{"model":"m","messages":[\#(turns)],"max_tokens":9}"#
        case .responses: return #"{"model":"m","input":[\#(turns)],"store":false}"#
        }
    }

    func spelled(_ dialect: Dialect) -> [String] {
        switch self {
        case .user(let text): return [Self.message("user", text, dialect)]
        case .system(let text): return [Self.message("system", text, dialect)]
        case .assistant(let text, let calls): return Self.answer(text, calls, dialect)
        case .results(let results): return Self.results(results, "", isFirst: true, dialect)
        case .resultsAndText(let results, let text): return Self.results(results, text, isFirst: true, dialect)
        case .textAndResults(let text, let results): return Self.results(results, text, isFirst: false, dialect)
        }
    }

    private static func message(_ role: String, _ text: String, _ dialect: Dialect) -> String {
        dialect == .responses
            ? #"{"type":"message","role":"\#(role)","content":[{"type":"input_text","text":"\#(text)"}]}"#
            : #"{"role":"\#(role)","content":"\#(text)","x":1}"#
    }

    private static func answer(_ text: String, _ calls: [String], _ dialect: Dialect) -> [String] {
        switch dialect {
        case .chat:
            let list = calls.map { #"{"id":"\#($0)","type":"function","function":{"name":"f","arguments":"{}"}}"# }
            let member = calls.isEmpty ? "" : #","tool_calls":[\#(list.joined(separator: ","))]"#
            return [#"{"role":"assistant","content":"\#(text)"\#(member)}"#]
        case .messages:
            let list = calls.map { #"{"type":"tool_use","id":"\#($0)","name":"f","input":{}}"# }
            let blocks = [#"{"type":"text","text":"\#(text)"}"#] + list
            return [#"{"role":"assistant","content":[\#(blocks.joined(separator: ","))]}"#]
        case .responses:
            return [#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"\#(text)"}]}"#]
                + calls.map { #"{"type":"function_call","call_id":"\#($0)","name":"f","arguments":"{}"}"# }
        }
    }

    private static func results(
        _ results: [(call: String, text: String)], _ text: String, isFirst: Bool, _ dialect: Dialect
    ) -> [String] {
        let list = results.enumerated().map { number, result in
            switch dialect {
            case .chat: #"{"role":"tool","tool_call_id":"\#(result.call)","content":"\#(result.text)"}"#
            case .messages where number % 2 == 1:
                #"{"type":"tool_result","tool_use_id":"\#(result.call)","content":[{"type":"text","text":"\#(result.text)"}]}"#
            case .messages: #"{"type":"tool_result","tool_use_id":"\#(result.call)","content":"\#(result.text)","y":2}"#
            case .responses: #"{"type":"function_call_output","call_id":"\#(result.call)","output":"\#(result.text)"}"#
            }
        }
        if dialect == .messages {
            let word = text.isEmpty ? [] : [#"{"type":"text","text":"\#(text)"}"#]
            let blocks = isFirst ? list + word : word + list
            return [#"{"role":"user","content":[\#(blocks.joined(separator: ","))],"z":3}"#]
        }
        let word = text.isEmpty ? [] : [message("user", text, dialect)]
        return isFirst ? list + word : word + list
    }
}

/// What a provider answers to a request whose calls and results are not paired; nil: it takes it.
enum PairingJudge {
    static func fault(_ body: String, _ dialect: Dialect) throws -> String? {
        let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as! [String: Any]
        let turns = (object["messages"] ?? object["input"]) as! [[String: Any]]
        switch dialect {
        case .chat: return chatFault(turns)
        case .messages: return messagesFault(turns)
        case .responses: return responsesFault(turns)
        }
    }

    private static func chatFault(_ turns: [[String: Any]]) -> String? {
        var open: [String] = []
        for (index, turn) in turns.enumerated() {
            if turn["role"] as? String == "tool" {
                guard let place = open.firstIndex(of: turn["tool_call_id"] as! String) else { return "stray \(index)" }
                open.remove(at: place)
                continue
            }
            if !open.isEmpty { return "unanswered in front of \(index)" }
            open = (turn["tool_calls"] as? [[String: Any]] ?? []).map { $0["id"] as! String }
        }
        return open.isEmpty ? nil : "unanswered at the end"
    }

    /// Turns of one side in a row are read as one.
    private static func messagesFault(_ turns: [[String: Any]]) -> String? {
        var runs: [(role: String, blocks: [[String: Any]])] = []
        for turn in turns {
            let role = turn["role"] as! String
            let blocks = turn["content"] as? [[String: Any]] ?? [["type": "text", "text": turn["content"] as! String]]
            if blocks.isEmpty { return "empty content" }
            if blocks.contains(where: { $0["text"] as? String == "" }) { return "empty text" }
            if runs.last?.role == role { runs[runs.count - 1].blocks += blocks } else { runs.append((role, blocks)) }
        }
        var open: [String] = []
        for (index, run) in runs.enumerated() {
            var results: [String] = []
            var isOpening = run.role == "user"
            for block in run.blocks {
                if block["type"] as? String == "tool_result" {
                    guard isOpening else { return "a result behind text in run \(index)" }
                    results.append(block["tool_use_id"] as! String)
                } else {
                    isOpening = false
                }
            }
            guard results.sorted() == open.sorted() else { return "\(results) for \(open) in run \(index)" }
            open = run.blocks.filter { $0["type"] as? String == "tool_use" }.map { $0["id"] as! String }
            if !open.isEmpty, run.role != "assistant" { return "a call of the user" }
        }
        return open.isEmpty ? nil : "unanswered at the end"
    }

    private static func responsesFault(_ items: [[String: Any]]) -> String? {
        var open: [String] = []
        for item in items {
            let name = item["call_id"] as? String ?? ""
            switch item["type"] as? String {
            case "function_call", "custom_tool_call": open.append(name)
            case "function_call_output", "custom_tool_call_output":
                guard let place = open.firstIndex(of: name) else { return "No tool call found for \(name)" }
                open.remove(at: place)
            default: break
            }
        }
        return open.isEmpty ? nil : "No tool output found for \(open)"
    }
}
