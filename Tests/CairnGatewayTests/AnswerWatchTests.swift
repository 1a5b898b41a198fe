import Testing

@testable import CairnGateway

/// What a watch finds in an answer, fed in pieces of every size.
private func findings(
    _ text: String, isStream: Bool, dialect: CallDialect
) -> (usage: String?, isCutShort: Bool, events: Int) {
    let bytes = Array(text.utf8)
    var results: [(String?, Bool, Int)] = []
    for pieceBytes in [1, 2, 7, 64, max(1, bytes.count)] {
        let watch = AnswerWatch()
        watch.begin(isStream: isStream, dialect: dialect)
        for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
            bytes[start..<min(start + pieceBytes, bytes.count)].withUnsafeBytes { watch.see($0) }
        }
        let isCutShort = watch.finish()
        results.append((watch.usage().map { String(decoding: $0, as: UTF8.self) }, isCutShort, watch.eventCount))
    }
    for result in results.dropFirst() { #expect(result == results[0], "pieces change what is found") }
    return results[0]
}

struct AnswerWatchTests {
    @Test func `the usage of a whole answer is kept as it was spelled`() {
        let found = findings(
            #"{"id":"x","choices":[{"message":{"content":"\"usage\":{}"}}],"usage":{ "prompt_tokens": 7 , "x":1e2}}"#,
            isStream: false, dialect: .chat)

        #expect(found.usage == #"{ "prompt_tokens": 7 , "x":1e2}"#)
        #expect(!found.isCutShort)
    }

    @Test func `an answer without usage has none`() {
        #expect(findings(#"{"choices":[]}"#, isStream: false, dialect: .chat).usage == nil)
        #expect(findings(#"{"usage":null}"#, isStream: false, dialect: .chat).usage == nil)
        #expect(findings("<html>", isStream: false, dialect: .chat).usage == nil)
    }

    @Test func `a chat stream reports usage in its last event`() {
        let found = findings(
            """
            data: {"choices":[{"delta":{"content":"hi"},"finish_reason":null}],"usage":null}

            data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}

            data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}

            data: [DONE]


            """, isStream: true, dialect: .chat)

        #expect(found.usage == #"{"prompt_tokens":3,"completion_tokens":1}"#)
        #expect(found.events == 4)
        #expect(!found.isCutShort)
    }

    @Test func `a chat stream without DONE is whole once a finish reason came`() {
        let finished = "data: {\"choices\":[{\"delta\":{},\"finish_reason\": \"length\"}]}\n\n"
        let spaced = "data: { \"choices\" : [ { \"finish_reason\" :\t\"stop\" } ] }\n\n"
        let cut = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"finish_reason\\\":\\\"stop\\\"\"}}]}\n\n"

        #expect(!findings(finished, isStream: true, dialect: .chat).isCutShort)
        #expect(!findings(spaced, isStream: true, dialect: .chat).isCutShort)
        #expect(!findings("data: {\"choices\":[]}\n\ndata: [DONE]", isStream: true, dialect: .chat).isCutShort)
        #expect(findings(cut, isStream: true, dialect: .chat).isCutShort)
    }

    @Test func `a messages stream joins the usage of its start and its end`() {
        let found = findings(
            """
            event: message_start
            data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":9,"cache_read_input_tokens":4,"output_tokens":1}}}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":25}}

            event: message_stop
            data: {"type":"message_stop"}


            """, isStream: true, dialect: .messages)

        #expect(found.usage == #"{"input_tokens":9,"cache_read_input_tokens":4,"output_tokens":25}"#)
        #expect(!found.isCutShort)
    }

    @Test func `a messages stream that stops before message_stop is cut short`() {
        let start =
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9}}}\n\n"

        let found = findings(start, isStream: true, dialect: .messages)

        #expect(found.isCutShort)
        #expect(found.usage == #"{"input_tokens":9}"#)
    }

    @Test(arguments: ["completed", "failed", "incomplete"])
    func `a responses stream ends with its last event, named or not`(end: String) {
        let data = "data: {\"type\":\"response.\(end)\",\"response\":{\"usage\":{\"input_tokens\":2}}}\n\n"

        let named = findings("event: response.\(end)\n" + data, isStream: true, dialect: .responses)
        let unnamed = findings(data, isStream: true, dialect: .responses)

        #expect(!named.isCutShort && !unnamed.isCutShort)
        #expect(named.usage == #"{"input_tokens":2}"#)
    }

    @Test func `a responses stream that only has deltas is cut short`() {
        let delta =
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"

        #expect(findings(delta, isStream: true, dialect: .responses).isCutShort)
    }

    @Test func `an error event ends a stream of any dialect`() {
        #expect(!findings("data: {\"error\":{\"message\":\"x\"}}\n\n", isStream: true, dialect: .chat).isCutShort)
        #expect(!findings("data: { \"error\" : {}}\n\n", isStream: true, dialect: .chat).isCutShort)
        #expect(!findings("data: {\"type\": \"error\"}\n\n", isStream: true, dialect: .responses).isCutShort)
        #expect(
            findings("data: {\"choices\":[],\"x\":{\"error\":null}}\n\n", isStream: true, dialect: .chat).isCutShort)
        #expect(
            !findings("event: error\ndata: {\"type\":\"error\"}\n\n", isStream: true, dialect: .messages).isCutShort)
        #expect(
            !findings("event: error\ndata: {\"type\":\"error\"}\n\n", isStream: true, dialect: .responses).isCutShort)
    }

    @Test func `streams of other routes and streams without events are never called cut short`() {
        #expect(!findings("data: anything\n\n", isStream: true, dialect: .other).isCutShort)
        #expect(!findings(": ping\n\n", isStream: true, dialect: .chat).isCutShort)
    }

    @Test func `a last event too large to be read is not taken for a missing one`() {
        let watch = AnswerWatch()
        watch.begin(isStream: true, dialect: .responses)
        Array("event: response.created\ndata: {}\n\nevent: response.completed\ndata: ".utf8).withUnsafeBytes {
            watch.see($0)
        }
        let megabyte = [UInt8](repeating: UInt8(ascii: "h"), count: 1 << 20)
        for _ in 0..<5 { megabyte.withUnsafeBytes { watch.see($0) } }
        Array("\n\n".utf8).withUnsafeBytes { watch.see($0) }

        #expect(!watch.finish())
    }

    @Test func `a watch that served one answer knows nothing of it in the next`() {
        let watch = AnswerWatch()
        watch.begin(isStream: false, dialect: .chat)
        Array(#"{"usage":{"prompt_tokens":1}}"#.utf8).withUnsafeBytes { watch.see($0) }
        #expect(watch.usage() != nil)

        watch.begin(isStream: true, dialect: .chat)

        #expect(watch.usage() == nil)
        #expect(watch.eventCount == 0)
    }
}
