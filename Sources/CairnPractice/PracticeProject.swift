// The small project the demo's agent works on: a few files in memory and three tools that really read them.
// Nothing on the user's disk is touched.

struct PracticeProject: Sendable {
    /// Path and text of every file.
    private let files: [(path: String, text: String)] = [
        (
            "README.md",
            """
            # Waymark

            Waymark builds cairns: piles of stones that travellers only ever add to.
            A stone once laid is never moved, so the way back is always the way you came.
            """
        ),
        (
            "docs/overview.md",
            """
            # How a cairn grows

            Each traveller adds one stone on top. The base never changes, which is why it may be trusted.
            """
        ),
        ("notes.txt", "Höhenweg: drei Steinmänner bis zum Pass. 石を積む。\n"),
    ]

    /// A tool of the agent: its name, what it says of itself, and its one argument.
    struct ToolCard: Sendable {
        let name: String
        let summary: String
        let argument: String
    }

    static let tools = [
        ToolCard(name: "list_files", summary: "Lists the files of a folder.", argument: "folder"),
        ToolCard(name: "read_file", summary: "Reads a file.", argument: "path"),
        ToolCard(name: "search", summary: "Finds the lines that contain a word.", argument: "query"),
    ]

    /// What a tool gives back; problems come as text, as a model would want them.
    func result(of tool: String, input: JSONValue) -> String {
        switch tool {
        case "list_files":
            return files.map { "\($0.path) (\($0.text.utf8.count) bytes)" }.joined(separator: "\n")
        case "read_file":
            let path = input["path"]?.text ?? ""
            return files.first { $0.path == path }?.text ?? "There is no file \(path)."
        case "search":
            let words = (input["query"]?.text ?? "").lowercased().split(separator: " ")
            let lines = files.flatMap { file in
                file.text.split(separator: "\n").map { (path: file.path, line: $0) }
            }
            let found = lines.filter { entry in words.contains { entry.line.lowercased().contains($0) } }
            return found.isEmpty ? "No line matches." : found.map { "\($0.path): \($0.line)" }.joined(separator: "\n")
        default:
            return "There is no tool \(tool)."
        }
    }

    /// What the agent is told first: long enough for every provider's prefix cache to take it.
    static let handbook: String = {
        let rules = [
            "Look before you answer: list the files, read what matters, search for the rest.",
            "Say which file a statement comes from, and quote the line when the wording matters.",
            "Call several tools at once when one does not need the answer of another.",
            "Never change a file when you were only asked to explain it.",
            "Keep what you already know in mind; do not read the same file twice without a reason.",
            "When a tool reports a problem, say so and try the next best way.",
            "Answer in the language of the question, briefly, and stop when the question is answered.",
        ]
        let lines = (1...72).map { "\($0). \(rules[$0 % rules.count])" }
        return "You are a careful agent that explains small projects.\n\n" + lines.joined(separator: "\n")
    }()
}
