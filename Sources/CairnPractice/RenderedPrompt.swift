// The bytes a prompt is counted and cached by: roughly what a chat template would feed the model. Chat and
// responses render into one run of bytes; messages renders one run for each content block.

struct RenderedPrompt {
    private(set) var bytes: [UInt8] = []

    mutating func begin(_ role: String) { write("<|\(role)|>") }
    mutating func end() { write("<|end|>") }
    mutating func add(text: String) { write(text) }

    mutating func add(marker: String, document: JSONValue) {
        begin(marker)
        document.writeCompact(into: &bytes)
    }

    /// A message's content: text as it is, any other part (an image, a file) by its digest.
    mutating func add(content: JSONValue?) {
        guard let parts = content?.elements else { return write(content?.text ?? "") }
        for part in parts {
            if let text = part.text ?? part["text"]?.text ?? part["refusal"]?.text {
                write(text)
            } else {
                write("<|part:\(ContentDigest(part.compactText).hex(16))|>")
            }
        }
    }

    mutating func add(call name: String, id: String, input: String) {
        write("<|call:\(id):\(name)|>")
        write(input)
    }

    private mutating func write(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}
