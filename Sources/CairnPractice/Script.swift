// A script: the turns a practice run plays instead of its built-in agent. A JSON file, a list of
//
//     {"text": "...", "reasoning": "...", "tool_calls": [{"name": "read_file", "arguments": {"path": "a"}}]}
//
// where every field is optional but one of text and tool_calls must be there. The turn played is the one
// whose index equals the number of assistant turns in the request; after the last, the last again.

struct Script: Sendable, Equatable {
    /// Turns a script may have.
    static let turnsMax = 10_000
    /// Bytes a script file may have.
    static let bytesMax = 16 << 20

    struct Turn: Sendable, Equatable {
        var text = ""
        var reasoning: String?
        var calls: [Call] = []
    }

    struct Call: Sendable, Equatable {
        var name: String
        /// JSON text, or the plain text for a freeform tool.
        var input: String
    }

    private let turns: [Turn]

    /// Reads a script; the error says which turn and field is wrong.
    init(parsing bytes: [UInt8]) throws(PracticeError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw PracticeError("not valid JSON: \(error.reason) at byte \(error.offset)")
        }
        guard let list = document.elements else { throw PracticeError("expected a list of turns") }
        guard !list.isEmpty else { throw PracticeError("the list of turns is empty") }
        guard list.count <= Self.turnsMax else {
            throw PracticeError("more than \(Self.turnsMax) turns")
        }
        var turns: [Turn] = []
        for (index, entry) in list.enumerated() {
            turns.append(try Self.turn(entry, index: index))
        }
        self.turns = turns
    }

    func turn(afterAssistantTurns count: Int) -> Turn {
        turns[min(count, turns.count - 1)]
    }

    private static func turn(_ entry: JSONValue, index: Int) throws(PracticeError) -> Turn {
        guard let members = entry.members else { throw PracticeError("turn \(index): expected an object") }
        var turn = Turn()
        for member in members {
            switch member.key {
            case "text": turn.text = try text(member, index: index)
            case "reasoning": turn.reasoning = try text(member, index: index)
            case "tool_calls":
                guard let calls = member.value.elements else {
                    throw PracticeError("turn \(index): tool_calls must be a list")
                }
                for (position, call) in calls.enumerated() {
                    turn.calls.append(try self.call(call, place: "turn \(index), tool call \(position)"))
                }
            default:
                throw PracticeError(
                    "turn \(index): unknown field '\(member.key)' (text, reasoning and tool_calls are known)")
            }
        }
        guard entry["text"] != nil || !turn.calls.isEmpty else {
            throw PracticeError("turn \(index): needs a text or tool_calls")
        }
        return turn
    }

    private static func text(_ member: JSONMember, index: Int) throws(PracticeError) -> String {
        guard let text = member.value.text else {
            throw PracticeError("turn \(index): \(member.key) must be a string")
        }
        return text
    }

    private static func call(_ entry: JSONValue, place: String) throws(PracticeError) -> Call {
        guard let name = entry["name"]?.text, isToolName(name, bytesMax: 128) else {
            throw PracticeError("\(place): needs a name of letters, digits, underscores and hyphens")
        }
        switch entry["arguments"] {
        case nil: return Call(name: name, input: "{}")
        case .string(let input): return Call(name: name, input: input)
        case .object(let members): return Call(name: name, input: JSONValue.object(members).compactText)
        default: throw PracticeError("\(place): arguments must be an object or a string")
        }
    }
}
