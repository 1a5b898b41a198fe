import Testing

@testable import CairnCore

/// What one event was, copied out of its closure.
private struct SeenEvent: Equatable {
    var type = ""
    var data: String
    var isTerminated = true
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func text(_ buffer: UnsafeRawBufferPointer) -> String { String(decoding: buffer, as: UTF8.self) }

private func scan(_ stream: String, chunkBytes: Int, eventBytesMax: Int = 1000) -> (events: [SeenEvent], skipped: Int) {
    var scanner = EventStreamScanner(eventBytesMax: eventBytesMax)
    var seen: [SeenEvent] = []
    let stream = bytes(stream)
    for start in stride(from: 0, to: stream.count, by: chunkBytes) {
        Array(stream[start..<min(start + chunkBytes, stream.count)]).withUnsafeBytes { chunk in
            scanner.scan(chunk) { event in
                if event.hasData { seen.append(SeenEvent(type: text(event.type), data: text(event.data))) }
            }
        }
    }
    let skipped = scanner.skippedEventCount
    scanner.finish { seen.append(SeenEvent(type: text($0.type), data: text($0.data), isTerminated: $0.isTerminated)) }
    return (seen, skipped)
}

@Suite struct EventStreamScannerTests {
    @Test(arguments: 1...40)
    func `events are the same whatever the size of the chunks`(chunkBytes: Int) {
        let stream = "event: delta\r\ndata: {\"x\":\"é😀\"}\r\n\r\n: ping\n\ndata: a\ndata: b\n\ndata: [DONE]"

        let (events, skipped) = scan(stream, chunkBytes: chunkBytes)

        #expect(
            events == [
                SeenEvent(type: "delta", data: "{\"x\":\"é😀\"}"), SeenEvent(data: "a\nb"),
                SeenEvent(data: "[DONE]", isTerminated: false),
            ])
        #expect(skipped == 0)
    }

    @Test func `an event above the limit is counted and the next one is found`() {
        let (events, skipped) = scan("data: 0123456789\n\ndata: ok\n\n", chunkBytes: 3, eventBytesMax: 10)

        #expect(events == [SeenEvent(data: "ok")])
        #expect(skipped == 1)
    }

    @Test func `fields, ids and retry times are shown`() {
        var scanner = EventStreamScanner()
        var lines: [String] = []

        bytes(": hi\nid: 7\nretry: 250\nfoo: bar\n\n").withUnsafeBytes { chunk in
            scanner.scan(chunk) { event in
                #expect(!event.hasData && event.lineCount == 4)
                #expect(event.id.map(text) == "7" && event.retryMilliseconds == 250)
                event.forEachField { field in
                    lines.append("\(field.isComment) \(field.isUnknown) \(text(field.name))=\(text(field.value))")
                }
            }
        }

        #expect(lines == ["true false =hi", "false false id=7", "false false retry=250", "false true foo=bar"])
    }

    @Test func `the type is compared without a string`() {
        var scanner = EventStreamScanner()
        bytes("event: message_start\n\n").withUnsafeBytes { chunk in
            scanner.scan(chunk) { event in
                #expect(event.isType("message_start") && !event.isType("message") && !event.isType(""))
                #expect(event.id == nil && event.retryMilliseconds == nil)
            }
        }
    }

    @Test func `an error of the closure comes out as it is`() {
        struct Stop: Error, Equatable {}
        var scanner = EventStreamScanner()
        #expect(throws: Stop.self) {
            try bytes("data: x\n\n").withUnsafeBytes { chunk in
                try scanner.scan(chunk) { _ throws(Stop) in throw Stop() }
            }
        }
    }
}
