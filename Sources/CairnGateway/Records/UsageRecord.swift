// One line of HOME/usage.jsonl as a value, and its spelling. A record holds numbers and names, never a key and never
// text of a prompt or an answer.
//
//     {"time":"2026-11-20T10:04:21.123Z","call":"01J...","dialect":"chat","route":"chat_completions","upstream":"main",
//      "model":"gpt-5","status":200,"stream":true,"outcome":"ok","ms":{"total":12.345,"first_byte":10.1,"added":0.042},
//      "bytes":{"request":2048,"response":635},"usage":{...}}                                        (in one line)
//
// A call that was written anew has one member more, with the model's other name or null:
//
//      "rewritten":{"dialect":"messages","model":null,"dropped":{"logit_bias;no-counterpart":1}}
//
// and one whose prompt was looked at these, with null for a model without a known price:
//
//      "session":"...","harness":"codex","billed_usd":0.0012,"predicted_usd":0.0012,"untouched_usd":0.0104

import CairnCore
import CairnLedger

/// What is kept of a finished call.
struct UsageRecord: Sendable {
    /// How a call ended.
    enum Outcome: Sendable {
        /// The whole answer reached the client, whatever its status.
        case ok
        case clientLeft
        /// The client took no bytes for too long.
        case clientStalled
        case upstreamError
        /// The gateway said no before anything went upstream.
        case refused
        /// The time for draining ended first.
        case cutOff
        /// The gateway itself failed.
        case fault

        var label: StaticString {
            switch self {
            case .ok: "ok"
            case .clientLeft: "client_left"
            case .clientStalled: "client_stalled"
            case .upstreamError: "upstream_error"
            case .refused: "refused"
            case .cutOff: "cut_off"
            case .fault: "fault"
            }
        }
    }

    /// When the call began, in nanoseconds since 1970.
    var wallNanoseconds: UInt64
    var call: CallIdentifier
    var dialect: CallDialect
    var route: Route
    /// Name of the upstream; nil: none was asked.
    var upstream: String?
    /// The model as the request names it, in UTF-8 without JSON escapes; nil: it names none.
    var model: [UInt8]?
    /// The status that the client got; 0: none, written as null.
    var status: UInt16
    var isStream: Bool
    var outcome: Outcome
    var totalNanoseconds: UInt64
    /// nil: no byte of an answer came.
    var firstByteNanoseconds: UInt64?
    var addedNanoseconds: UInt64
    var requestBytes: UInt64
    var responseBytes: UInt64
    /// The usage object as the client got it; nil: none was reported.
    var usage: [UInt8]?
    /// nil: the call passed as it came.
    var rewriting: Rewriting?
    /// nil: nobody looked at the prompt, or no usage was reported.
    var ledger: SettledCall?

    /// What was done to a call on its way.
    struct Rewriting: Equatable, Sendable {
        /// The upstream was asked in this one.
        var dialect: CallDialect
        /// The model it was asked for; nil: the client's.
        var model: String?
        var dropped: DroppedMembers
    }
}

extension UsageRecord {
    /// Model names are cut behind this many bytes, upstream names too.
    static let nameBytesMax = 256
    /// A longer usage object is written as null.
    static let usageBytesMax = 16 * 1024
    /// No line is longer: three names whose every byte needs an escape of six, the usage, what was dropped, and the fixed
    /// part.
    static let lineBytesMax =
        3 * 6 * nameBytesMax + usageBytesMax + DroppedMembers.membersMax * (DroppedMembers.memberBytesMax + 40) + 1024

    /// Appends the line with its line feed. About 0.5 us.
    func write(to writer: inout ByteWriter, timestamps: inout TimestampWriter) {
        writer.append("{\"time\":\"")
        timestamps.append(wallNanoseconds: wallNanoseconds, to: &writer)
        writer.append("\",\"call\":\"")
        writer.append(call)
        writer.append("\",\"dialect\":\"")
        writer.append(dialect.label)
        writer.append("\",\"route\":\"")
        writer.append(route.label)
        writer.append("\",\"upstream\":")
        if let upstream { writer.append(quoted: upstream, bytesMax: Self.nameBytesMax) } else { writer.append("null") }
        writer.append(",\"model\":")
        if let model { writer.append(quoted: model, bytesMax: Self.nameBytesMax) } else { writer.append("null") }
        writer.append(",\"status\":")
        if status != 0 { writer.append(decimal: UInt64(status)) } else { writer.append("null") }
        writer.append(isStream ? ",\"stream\":true" : ",\"stream\":false")
        writer.append(",\"outcome\":\"")
        writer.append(outcome.label)
        writeNumbers(to: &writer)
        writeUsage(to: &writer)
        writeRewriting(to: &writer)
        writeLedger(to: &writer)
        writer.append("}\n")
    }

    private func writeRewriting(to writer: inout ByteWriter) {
        guard let rewriting else { return }
        writer.append(",\"rewritten\":{\"dialect\":\"")
        writer.append(rewriting.dialect.label)
        writer.append("\",\"model\":")
        if let model = rewriting.model {
            writer.append(quoted: model, bytesMax: Self.nameBytesMax)
        } else {
            writer.append("null")
        }
        writer.append(",\"dropped\":{")
        for (index, entry) in rewriting.dropped.entries.enumerated() {
            if index > 0 { writer.append(",") }
            writer.append(quoted: "\(entry.member);\(entry.reason.name)", bytesMax: DroppedMembers.memberBytesMax + 16)
            writer.append(":")
            writer.append(decimal: UInt64(entry.count))
        }
        writer.append("}}")
    }

    /// Dollars as exact decimals; null where the model has no known price.
    private func writeLedger(to writer: inout ByteWriter) {
        guard let ledger else { return }
        writer.append(",\"session\":")
        writer.append(quoted: ledger.line.party.session, bytesMax: 32)
        writer.append(",\"harness\":")
        writer.append(quoted: ledger.line.party.harness, bytesMax: 32)
        for (name, money) in [
            ("billed", ledger.billed), ("predicted", ledger.predicted), ("untouched", ledger.untouched),
        ] {
            writer.append(",\"")
            writer.append(name)
            writer.append("_usd\":")
            writer.append(money?.decimalText ?? "null")
        }
        // Calls that Cairn made for itself; their cost is in what was billed.
        if !ledger.own.isEmpty {
            writer.append(",\"own_calls\":")
            writer.append(decimal: UInt64(ledger.own.count))
        }
    }

    private func writeNumbers(to writer: inout ByteWriter) {
        writer.append("\",\"ms\":{\"total\":")
        writer.append(millisecondsOf: totalNanoseconds)
        writer.append(",\"first_byte\":")
        if let firstByteNanoseconds {
            writer.append(millisecondsOf: firstByteNanoseconds)
        } else {
            writer.append("null")
        }
        writer.append(",\"added\":")
        writer.append(millisecondsOf: addedNanoseconds)
        writer.append("},\"bytes\":{\"request\":")
        writer.append(decimal: requestBytes)
        writer.append(",\"response\":")
        writer.append(decimal: responseBytes)
        writer.append(byte: UInt8(ascii: "}"))
    }

    /// Verbatim, except that line breaks between its tokens become spaces; null if it is not a JSON object.
    private func writeUsage(to writer: inout ByteWriter) {
        writer.append(",\"usage\":")
        guard let usage, usage.count <= Self.usageBytesMax,
            usage.withUnsafeBufferPointer({ JSONCheck.isObject($0) })
        else {
            writer.append("null")
            return
        }
        if usage.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            for byte in usage { writer.append(byte: byte == 0x0A || byte == 0x0D ? 0x20 : byte) }
        } else {
            writer.append(usage)
        }
    }
}
