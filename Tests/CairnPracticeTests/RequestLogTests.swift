import Testing

@testable import CairnPractice

@Suite struct RequestLogTests {
    private func begin(_ log: inout RequestLog, body: String = "", target: String = "/v1/x?a=b") -> UInt64 {
        var body = body
        return body.withUTF8 { bytes in
            log.begin(
                method: "POST", target: target, headers: [("X-One", "1"), ("x-two", "2")],
                body: UnsafeRawBufferPointer(bytes), now: 1_000_000)
        }
    }

    @Test func `a record shows the request as it came`() {
        var log = RequestLog()

        _ = begin(&log, body: "abc")
        let record = log.document.elements?.first

        #expect(record?["seq"] == 1)
        #expect(record?["path"] == "/v1/x")
        #expect(record?["query"] == "a=b")
        #expect(record?["headers"] == [["X-One", "1"], ["x-two", "2"]])
        #expect(record?["body"] == "abc")
        #expect(
            record?["body_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(record?["ended"] == "open")
        #expect(record?["ended_after_ms"] == .null)
    }

    @Test func `an end is noted with its time and what was sent`() {
        var log = RequestLog()
        let sequence = begin(&log)

        log.update(sequence) { record in
            record.answer.append(Array("abc".utf8))
            record.ending = .clientLeft
            record.endedNanoseconds = 6_000_000
            record.bytesWritten = 77
        }
        let record = log.document.elements?.first

        #expect(record?["ended"] == "client_left")
        #expect(record?["ended_after_ms"] == 5)
        #expect(record?["bytes_written"] == 77)
        #expect(record?["answer_bytes"] == 3)
        #expect(
            record?["answer_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `only the last requests are remembered and numbers go on`() {
        var log = RequestLog()

        for _ in 0..<300 { _ = begin(&log) }
        log.update(1) { $0.ending = .reset }
        log.update(300) { $0.ending = .reset }
        let records = log.document.elements ?? []

        #expect(records.count == RequestLog.recordsMax)
        #expect(records.first?["seq"] == 45)
        #expect(records.last?["ended"] == "reset")
        #expect(records.filter { $0["ended"] == "reset" }.count == 1)
    }

    @Test func `clearing forgets the requests and late ends of them`() {
        var log = RequestLog()
        let old = begin(&log)

        log.clear()
        let new = begin(&log)
        log.update(old) { $0.ending = .reset }

        #expect(log.document.elements?.map { $0["seq"] } == [.integer(Int(new))])
        #expect(log.document.elements?.first?["ended"] == "open")
    }

    @Test func `a large body is digested and not kept`() {
        var bytes = LoggedBytes()
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)

        for _ in 0..<1000 { bytes.append(piece) }

        #expect(bytes.count == 1_000_000)
        #expect(bytes.text == nil)
        #expect(bytes.sha256 == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
