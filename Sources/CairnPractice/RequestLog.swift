// What the practice provider saw and sent: the last requests with their headers as they came, and digests
// of the bodies both ways. Tests and the demo read it at GET /practice/requests to prove that a gateway
// changed nothing. Digests of small bodies are computed when the log is read, off the path of the calls.

import CairnCore

struct RequestLog: Sendable {
    /// Requests remembered.
    static let recordsMax = 256

    enum Ending: String, Sendable {
        case open, answered
        case clientLeft = "client_left"
        case reset
    }

    struct Record: Sendable {
        let sequence: UInt64
        let method: String
        let target: String
        let headers: [(name: String, value: String)]
        var request = LoggedBytes()
        var answer = LoggedBytes()
        var status: Int?
        let startedNanoseconds: UInt64
        var endedNanoseconds: UInt64?
        var ending = Ending.open
        var bytesWritten: UInt64 = 0
    }

    private var records: [Record] = []
    private(set) var sequence: UInt64 = 0

    /// Notes a new request.
    /// - Returns: its number, from 1.
    mutating func begin(
        method: String, target: String, headers: [(name: String, value: String)],
        body: UnsafeRawBufferPointer, now: UInt64
    ) -> UInt64 {
        sequence += 1
        var record = Record(
            sequence: sequence, method: method, target: target, headers: headers, startedNanoseconds: now)
        record.request.append(body)
        if records.count == Self.recordsMax { records.removeFirst() }
        records.append(record)
        return sequence
    }

    /// Changes a record that is still remembered.
    mutating func update(_ sequence: UInt64, _ change: (inout Record) -> Void) {
        guard let first = records.first?.sequence, sequence >= first else { return }
        let index = Int(sequence - first)
        guard index < records.count else { return }
        change(&records[index])
    }

    mutating func clear() {
        records = []
    }

    var document: JSONValue { .array(records.map(\.document)) }
}

extension RequestLog.Record {
    fileprivate var document: JSONValue {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var members = [
            JSONMember("seq", .number(String(sequence))),
            JSONMember("method", .string(method)),
            JSONMember("path", .string(String(parts[0]))),
            JSONMember("query", .string(parts.count > 1 ? String(parts[1]) : "")),
            JSONMember("headers", .array(headers.map { [.string($0.name), .string($0.value)] })),
            JSONMember("body_bytes", .integer(request.count)),
            JSONMember("body_sha256", .string(request.sha256)),
        ]
        if let text = request.text { members.append(JSONMember("body", .string(text))) }
        let duration = endedNanoseconds.map { JSONValue.number(String(($0 - startedNanoseconds) / 1_000_000)) }
        members += [
            JSONMember("ended", .string(ending.rawValue)),
            JSONMember("ended_after_ms", duration ?? .null),
            JSONMember("bytes_written", .number(String(bytesWritten))),
            JSONMember("answer_status", status.map { .integer($0) } ?? .null),
            JSONMember("answer_bytes", .integer(answer.count)),
            JSONMember("answer_sha256", .string(answer.sha256)),
        ]
        return .object(members)
    }
}

/// Bytes that passed by: kept whole while they are few, else only counted and digested.
struct LoggedBytes: Sendable {
    static let keptMax = 64 << 10

    private(set) var count = 0
    private var kept: [UInt8] = []
    private var digest: SHA256?

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        if digest == nil, count <= Self.keptMax {
            kept.append(contentsOf: bytes)
            return
        }
        if digest == nil {
            digest = SHA256()
            digest?.update(kept)
            kept = []
        }
        digest?.update(bytes)
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// The bytes as text, damaged UTF-8 repaired; nil when they were too many to keep.
    var text: String? {
        digest == nil ? String(decoding: kept, as: UTF8.self) : nil
    }

    var sha256: String {
        digest.map { $0.finishHex() } ?? SHA256.hex(kept)
    }
}
