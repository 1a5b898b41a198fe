// A made-up session of a coding agent that grows turn by turn: what the tests of shortening feed. The same seed gives the
// same session.

import CairnCore

@testable import CairnContext

enum GrowingConversation {
    /// A conversation of a few files that are read, searched, written and tested again and again.
    static func messages(turns: Int, fileLinesMax: Int = 60, _ random: inout SeededRandom) -> [ContextMessage] {
        var files = (0..<4).map { file in
            (0..<Int.random(in: 3...fileLinesMax, using: &random)).map { line in
                String(repeating: " ", count: line % 3 * 4)
                    + "name_\(file)_\(line % 20) = call_number_\(line % 11)(\"x\", \(line))"
            }
        }
        var messages = [
            ContextMessage(.system, [ContextPart(.system, Array("You are an agent.".utf8))]),
            ContextMessage(.user, [ContextPart(.user, Array("Fix name_1_3 in file1.py".utf8))]),
        ]
        for turn in 0..<turns {
            let file = Int.random(in: 0..<4, using: &random)
            let start = Int.random(in: 0..<files[file].count, using: &random)
            let end = Int.random(in: start..<files[file].count, using: &random)
            var output = files[file][start...end].joined(separator: "\n")
            var command = "sed -n '\(start),\(end)p' file\(file).py"
            switch Int.random(in: 0...5, using: &random) {
            case 0:
                command = "cat -n file\(file).py"
                output = files[file].enumerated().map { "    \($0.offset + 1)\t\($0.element)" }.joined(separator: "\n")
            case 1:
                let line = "name_\(file)_new_\(turn) = changed_by_the_agent(\(turn))"
                files[file][start] = line
                command = "cat > file\(file).py <<'EOF'\n\(files[file].joined(separator: "\n"))\nEOF"
                output = ""
            case 2:
                command = "python -m pytest"
                output =
                    (0..<20).map { "test_\($0) passed with value_\(turn)" }.joined(separator: "\n") + "\nE   Failed"
            case 3: output += "\r\n\u{1F980} ünïcode \u{FFFD}\n\n\nusage: tool [-help] [-version]"
            default: break
            }
            let arguments = Array(#"{"command": "#.utf8) + JSONText.quoted(command) + Array("}".utf8)
            let identifier = "call_\(turn)"
            messages.append(
                ContextMessage(
                    .assistant,
                    [
                        ContextPart(.thinking, Array("I think about turn \(turn). ".utf8)),
                        ContextPart(
                            .text,
                            Array("Now I look at   file \(file), for the reason that turn \(turn) needs it.".utf8)),
                        ContextPart(.arguments, arguments, toolName: "bash", callID: identifier),
                    ]))
            messages.append(
                ContextMessage(
                    .tool,
                    [
                        ContextPart(
                            .result, Array(output.utf8), toolName: "bash", callID: identifier, arguments: arguments)
                    ]))
        }
        return messages
    }
}
