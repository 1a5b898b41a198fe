// A turn read again from the bytes that a link keeps: the element of the client's array, or the value of its system member.
// In the store it stands alone, so it is put into the smallest request of its dialect that has a place for it.

import CairnCore
import CairnWire

extension Prompt {
    /// Reads the stored bytes of one turn: one element, several with commas between, or a system prompt.
    /// - Throws: `malformed` for bytes that are no turn of the dialect, `notJSON` for no JSON.
    /// - Complexity: one pass.
    init(storedTurn bytes: [UInt8], dialect: Dialect) throws(WireError) {
        let (front, back) = Self.frame(of: bytes, dialect)
        let body = Array(front.utf8) + bytes + Array(back.utf8)
        let source: SourceDocument
        do throws(CoreError) { source = try SourceDocument(parsing: body) } catch {
            throw WireError(.notJSON, at: "", "a stored turn is no JSON (\(error))")
        }
        try self.init(reading: source, dialect: dialect)
    }

    /// What stands around the turn. A text, or blocks, without a message around them are a system prompt; in responses they
    /// may be the whole input, which reads the same.
    private static func frame(of bytes: [UInt8], _ dialect: Dialect) -> (front: String, back: String) {
        let isElement = bytes.first.map { $0 == UInt8(ascii: "{") } ?? true
        switch dialect {
        case .chat: return ("{\"messages\":[", "]}")
        case .messages: return isElement ? ("{\"messages\":[", "]}") : ("{\"system\":", ",\"messages\":[]}")
        case .responses: return isElement ? ("{\"input\":[", "]}") : ("{\"input\":", "}")
        }
    }
}
