// What must hold of every stream a client gets, whatever the upstream sent: events that can be read, in the dialect's
// order.

import CairnCore
import Foundation
import Testing

@testable import CairnWire

enum AnswerStreamCheck {
    /// Reads a stream as a client does and records what is wrong with it.
    static func check(_ bytes: [UInt8], _ dialect: Dialect) throws {
        var scanner = EventStreamScanner()
        var events: [(type: String, data: String)] = []
        bytes.withUnsafeBytes { all in
            scanner.scan(all) { event in
                if event.hasData {
                    events.append(
                        (String(decoding: event.type, as: UTF8.self), String(decoding: event.data, as: UTF8.self)))
                }
            }
        }
        var rest = 0
        scanner.finish { _ in rest += 1 }
        #expect(rest == 0, "every event is terminated")
        let objects = try events.filter { $0.data != "[DONE]" }.map { event in
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(withoutHalfPairs(event.data).utf8)) as? [String: Any],
                "\(event.data)")
            return (event.type, object)
        }
        switch dialect {
        case .chat: checkChat(objects, events.map(\.data))
        case .messages: checkMessages(objects)
        case .responses: checkResponses(objects)
        }
    }

    /// Half a surrogate pair is allowed in JSON and passes as it is, but Foundation does not read it.
    private static func withoutHalfPairs(_ json: String) -> String {
        json.replacing(
            #/\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}/#
        ) {
            $0.count == 6 ? "?" : String($0.output)
        }
    }

    private static func checkChat(_ events: [(String, [String: Any])], _ data: [String]) {
        #expect(data.dropLast().allSatisfy { $0 != "[DONE]" }, "[DONE] is last")
        for (_, event) in events where event["error"] == nil {
            #expect(event["id"] is String && event["model"] is String && event["choices"] is [Any])
        }
    }

    private static func checkMessages(_ events: [(String, [String: Any])]) {
        var open: Int?
        var next = 0
        for (position, (type, event)) in events.enumerated() {
            #expect(event["type"] as? String == type)
            switch type {
            case "message_start": #expect(position == 0)
            case "content_block_start":
                #expect(open == nil && event["index"] as? Int == next)
                open = next
            case "content_block_delta": #expect(open != nil && event["index"] as? Int == open)
            case "content_block_stop":
                #expect(open != nil && event["index"] as? Int == open)
                open = nil
                next += 1
            case "message_delta": #expect(open == nil)
            case "message_stop", "error": #expect(position == events.count - 1)
            case "ping": break
            default: Issue.record("an event of type \(type)")
            }
        }
    }

    private static func checkResponses(_ events: [(String, [String: Any])]) {
        var text: [String: String] = [:]
        var done: [[String: Any]] = []
        for (position, (type, event)) in events.enumerated() {
            #expect(event["type"] as? String == type)
            #expect(event["sequence_number"] as? Int == position)
            if type.hasSuffix(".delta"), let item = event["item_id"] as? String, let delta = event["delta"] as? String {
                text[item, default: ""] += delta
            }
            if let item = event["item_id"] as? String, type.hasSuffix(".done"),
                let whole = (event["text"] ?? event["arguments"] ?? event["input"] ?? event["refusal"]) as? String
            {
                #expect(whole == text[item] ?? "")
            }
            if type == "response.output_item.done", let item = event["item"] as? [String: Any] { done.append(item) }
            let isLast = ["response.completed", "response.incomplete", "response.failed"].contains(type)
            if isLast {
                #expect(position == events.count - 1)
                let response = event["response"] as? [String: Any]
                let output = response?["output"] as? [[String: Any]] ?? []
                #expect(Set(output.map { $0["id"] as? String }) == Set(done.map { $0["id"] as? String }))
            }
        }
    }
}
