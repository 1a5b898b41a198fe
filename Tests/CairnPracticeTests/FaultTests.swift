import Testing

@testable import CairnPractice

@Suite struct FaultTests {
    private let whole = #"{"model":"practice","messages":[{"role":"user","content":"héllo"}]}"#
    private let streamed = #"{"model":"practice","stream":true,"messages":[{"role":"user","content":"héllo"}]}"#

    private func play(_ fault: Fault?, _ body: String, headers: [String: String] = [:]) -> PlayedCall {
        var desk = PracticeDesk()
        var headers = headers
        headers["x-practice-fault"] = fault?.rawValue
        return desk.post("/v1/chat/completions", body, headers: headers)
    }

    @Test func `a rate limit says when to come back`() throws {
        let call = play(.rateLimit, whole)

        #expect(call.status == 429)
        #expect(call.header("retry-after") == "7")
        #expect(try call.document()["error"]?["code"] == "rate_limit_exceeded")
    }

    @Test func `a server error has the envelope of its dialect`() throws {
        var desk = PracticeDesk()
        let headers = ["x-practice-fault": "server-error"]

        let chat = desk.post("/v1/chat/completions", whole, headers: headers)
        let messages = desk.post("/v1/messages", whole, headers: headers)

        #expect(chat.status == 500 && messages.status == 500)
        #expect(try chat.document()["error"]?["type"] == "server_error")
        #expect(try messages.document()["error"]?["type"] == "api_error")
    }

    @Test func `overloaded is 529 in Anthropic's envelope in every dialect`() throws {
        let call = play(.overloaded, whole)

        #expect(call.status == 529)
        #expect(try call.document()["error"]?["type"] == "overloaded_error")
        #expect(call.header("request-id") != nil)
    }

    @Test func `a reset before the first byte writes nothing`() {
        #expect(play(.resetBeforeFirstByte, whole).steps == [.reset])
        #expect(play(.resetBeforeFirstByte, streamed).steps == [.reset])
    }

    @Test func `a reset mid-stream comes after half of the events`() {
        let all = play(nil, streamed)
        let cut = play(.resetMidStream, streamed)

        #expect(cut.steps.last == .reset)
        #expect(cut.events.count == all.events.count / 2)
        #expect(all.payload.starts(with: cut.payload))
        #expect(play(.resetMidStream, whole).payload.count == play(nil, whole).payload.count / 2)
    }

    @Test func `a stall never ends`() {
        #expect(play(.stallMidStream, streamed).steps.last == .stall)
        #expect(play(.stallMidStream, whole).steps.last == .stall)
    }

    @Test func `a slow first byte waits five seconds or the latency asked for`() {
        let usual = play(.slowFirstByte, whole)
        let asked = play(.slowFirstByte, whole, headers: ["x-practice-latency-ms": "20"])

        #expect(usual.steps.first == .wait(milliseconds: 5000))
        #expect(asked.steps.first == .wait(milliseconds: 20))
    }

    @Test func `truncated JSON is half a document with a fitting length, or a stream that ends in a data line`() {
        let cut = play(.truncatedJSON, whole)
        let stream = play(.truncatedJSON, streamed)

        #expect(throws: JSONError.self) { try cut.document() }
        #expect(cut.steps.count == 1)
        #expect(stream.steps.last == .end)
        #expect(!stream.text.hasSuffix("\n\n"))
        #expect(stream.events.last?.data.hasPrefix("{") == true)
    }

    @Test(arguments: [
        ("/v1/chat/completions", "[DONE]"), ("/v1/responses", "response.completed"), ("/v1/messages", "message_stop"),
    ])
    func `missing-done leaves out the last event only`(path: String, last: String) {
        var desk = PracticeDesk()
        let body =
            #"{"model":"m","stream":true,"max_tokens":99,"input":"x","messages":[{"role":"user","content":"x"}]}"#

        let all = desk.post(path, body)
        let cut = desk.post(path, body, headers: ["x-practice-fault": "missing-done"])

        #expect(all.text.contains(last) && !cut.text.contains(last))
        #expect(cut.events.count == all.events.count - 1)
        #expect(cut.steps.last == .end)
    }

    @Test func `CRLF lines differ only in their ends`() {
        let call = play(.crlfLines, streamed)

        #expect(call.text.hasSuffix("data: [DONE]\r\n\r\n"))
        #expect(String(call.text.filter { $0 != "\r\n" }) == String(play(nil, streamed).text.filter { $0 != "\n" }))
    }

    @Test func `comment lines stand between the events`() {
        let call = play(.commentLines, streamed)
        let comment = ": keep-alive\n\n"

        #expect(call.text.hasPrefix(comment))
        #expect(call.text.split(separator: comment).joined() == play(nil, streamed).text)
    }

    @Test func `a huge data line has two mebibytes of text`() {
        let call = play(.hugeDataLine, streamed)

        #expect(call.events.map(\.data.utf8.count).max() ?? 0 > 2 << 20)
        #expect(call.text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test(arguments: [true, false])
    func `split writes end inside characters and join to the same bytes`(isStream: Bool) {
        let body = isStream ? streamed : whole
        let call = play(.splitUTF8, body)

        let writes = call.steps.compactMap { step in if case .write(let bytes, _) = step { bytes } else { nil } }
        #expect(call.payload == play(nil, body).payload)
        #expect(writes.contains { String(validating: $0, as: UTF8.self) == nil })
        #expect(call.steps.contains(.wait(milliseconds: Delivery.splitPauseMilliseconds)))
    }

    @Test func `split writes have a bound`() {
        let long = #"{"model":"m","messages":[{"role":"user","content":"\#(String(repeating: "é", count: 199))"}]}"#

        let pauses = play(.splitUTF8, long).steps.count { $0 == .wait(milliseconds: Delivery.splitPauseMilliseconds) }

        #expect(pauses == Delivery.splitsMax)
    }

    @Test(arguments: [true, false])
    func `bad chunking writes a chunk size that is no number`(isStream: Bool) {
        let steps = play(.badChunking, isStream ? streamed : whole).steps

        #expect(steps.first == .start(.chunked))
        #expect(
            steps.contains { if case .raw(let bytes) = $0 { bytes.starts(with: "not-a-size".utf8) } else { false } })
    }

    @Test(arguments: [true, false])
    func `a close-delimited answer has no length and no chunks`(isStream: Bool) {
        let body = isStream ? streamed : whole
        let call = play(.closeDelimited, body)

        #expect(call.steps.first == .start(.untilClose))
        #expect(call.payload == play(nil, body).payload)
    }

    @Test(arguments: [true, false])
    func `a gzip answer unpacks to the same bytes`(isStream: Bool) {
        let body = isStream ? streamed : whole
        let call = play(.gzipResponse, body)

        #expect(call.header("content-encoding") == "gzip")
        let unpacked = call.payload.withUnsafeBytes { inflated($0, bytesMax: 1 << 20) }
        #expect(unpacked == play(nil, body).payload)
    }

    @Test func `a gzip stream is flushed at every event`() {
        let writes = play(.gzipResponse, streamed).steps.compactMap { step in
            if case .write(let bytes, _) = step { bytes } else { nil }
        }

        #expect(writes.count == play(nil, streamed).events.count)
        // What a sync flush ends with: an empty stored block (RFC 1951, 3.2.4).
        #expect(writes.dropLast().allSatisfy { $0.suffix(4) == [0x00, 0x00, 0xFF, 0xFF] })
    }

    @Test func `an unknown fault is refused by name`() throws {
        var desk = PracticeDesk()

        let call = desk.post("/v1/chat/completions", whole, headers: ["x-practice-fault": "earthquake"])

        #expect(call.status == 400)
        #expect(try call.document()["error"]?["message"]?.text?.contains("'earthquake'") == true)
    }

    @Test func `a call may switch the run's fault off`() {
        var options = PracticeOptions()
        options.fault = .serverError
        var desk = PracticeDesk(options)

        #expect(desk.post("/v1/chat/completions", whole).status == 500)
        #expect(desk.post("/v1/chat/completions", whole, headers: ["x-practice-fault": "none"]).status == 200)
    }
}
