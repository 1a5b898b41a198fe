// Writes a GatewayError as the caller's dialect expects it: as the body of an answer, or, once bytes of a stream have
// flowed, as a last event of the stream.
//
// What the SDKs do with the events was checked with openai 3.51.0 and anthropic 2.10.0 against a loopback server:
// - chat (openai/_streaming.py): an event whose data has an `error` object raises APIError with its message, type and
//   code. No `[DONE]` follows: it would end the stream before the error in clients that look for it first.
// - responses (openai/types/responses/response_error_event.py): the event is delivered as ResponseErrorEvent, which
//   needs type, code, message, param and sequence_number at the top level; as no `response.completed` came,
//   `get_final_response()` raises.
// - messages (anthropic/_streaming.py): an event named `error` raises APIStatusError, whose `type` is the inner one;
//   the `event:` line is needed, as events without a name are skipped.

import CairnCore

extension GatewayError {
    /// At most this much of the detail is shown.
    static let detailBytesMax = 512

    /// The JSON body of an answer. `other` routes speak OpenAI's envelope.
    func writeBody(dialect: CallDialect, call: CallIdentifier, to writer: inout ByteWriter) {
        switch dialect {
        case .messages: writeAnthropicObject(call: call, to: &writer)
        case .chat, .responses, .other: writeOpenAIObject(to: &writer)
        }
    }

    /// The last event of a broken stream, blank line included. `sequenceNumber` is the number after that of the last
    /// event the client got; only `responses` has it. Stands alone: the caller makes sure that the stream is at the
    /// start of a line, or writes a blank line first.
    func writeStreamEvent(
        dialect: CallDialect, call: CallIdentifier, sequenceNumber: Int, to writer: inout ByteWriter
    ) {
        switch dialect {
        case .chat, .other:
            writer.append("data: ")
            writeOpenAIObject(to: &writer)
        case .messages:
            writer.append("event: error\ndata: ")
            writeAnthropicObject(call: call, to: &writer)
        case .responses:
            writer.append("event: error\ndata: {\"type\":\"error\",\"code\":\"")
            writer.append(kind.code)
            writer.append("\",\"message\":")
            writeMessage(to: &writer)
            writer.append(",\"param\":null,\"sequence_number\":")
            writer.append(decimal: sequenceNumber)
            writer.append(byte: UInt8(ascii: "}"))
        }
        writer.append("\n\n")
    }

    /// What happened, which thing, what to do.
    var message: String {
        let parts = kind.row.message.description.split(separator: "{}", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return String(parts[0]) }
        return String(parts[0]) + (detail.isEmpty ? "(unnamed)" : detail) + String(parts[1])
    }

    private func writeOpenAIObject(to writer: inout ByteWriter) {
        writer.append("{\"error\":{\"message\":")
        writeMessage(to: &writer)
        writer.append(",\"type\":\"")
        writer.append(kind.row.openAIType)
        writer.append("\",\"code\":\"")
        writer.append(kind.code)
        writer.append("\",\"param\":null}}")
    }

    private func writeAnthropicObject(call: CallIdentifier, to writer: inout ByteWriter) {
        writer.append("{\"type\":\"error\",\"error\":{\"type\":\"")
        writer.append(kind.row.anthropicType)
        writer.append("\",\"message\":")
        writeMessage(to: &writer)
        writer.append("},\"request_id\":\"")
        writer.append(call)
        writer.append("\"}")
    }

    private func writeMessage(to writer: inout ByteWriter) {
        writer.append(quoted: message, bytesMax: kind.row.message.utf8CodeUnitCount + Self.detailBytesMax)
    }
}
