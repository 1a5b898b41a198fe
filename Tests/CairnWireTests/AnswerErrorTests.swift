// Error bodies of providers in the words of the client's dialect, and faults the caller adds to a stream.

import CairnCore
import Testing

@testable import CairnWire

@Suite struct AnswerErrorTests {
    private func translated(_ body: String, _ status: UInt16, _ from: Dialect, _ to: Dialect) -> (String, UInt16) {
        var out = ByteWriter(capacity: 256)
        let answered = Array(body.utf8).withUnsafeBytes {
            AnswerTranslator.translateError(body: $0, status: status, from: from, to: to, to: &out)
        }
        return (String(decoding: out.copyBytes(), as: UTF8.self), answered)
    }

    @Test(
        arguments: [
            (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"),
            (403, "permission_error"), (404, "not_found_error"), (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"), (503, "overloaded_error"),
            (504, "timeout_error"),
        ] as [(UInt16, String)])
    func `an OpenAI error gets Anthropic's word for its status`(status: UInt16, word: String) {
        let body = #"{"error":{"message":"Say \"why\".","type":"whatever","param":"x","code":"y"}}"#

        let (written, answered) = translated(body, status, .chat, .messages)

        #expect(written == #"{"type":"error","error":{"type":"\#(word)","message":"Say \"why\"."}}"#)
        #expect(answered == status)
    }

    @Test(
        arguments: [
            (400, "invalid_request_error", 400), (401, "authentication_error", 401), (402, "insufficient_quota", 402),
            (429, "rate_limit_error", 429), (500, "server_error", 500), (529, "server_error", 503),
        ] as [(UInt16, String, UInt16)])
    func `an Anthropic error gets OpenAI's word for its status`(status: UInt16, word: String, wanted: UInt16) {
        let body = #"{"type":"error","error":{"type":"whatever","message":"No."},"request_id":"req_1"}"#

        for client in [Dialect.chat, .responses] {
            let (written, answered) = translated(body, status, .messages, client)
            #expect(written == #"{"error":{"message":"No.","type":"\#(word)","param":null,"code":null}}"#)
            #expect(answered == wanted)
        }
    }

    @Test func `a prompt that does not fit is said so that clients know it`() {
        let openAI = #"{"error":{"message":"Too many tokens.","type":"x","code":"context_length_exceeded"}}"#
        let anthropic =
            #"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 > 1"}}"#

        #expect(translated(openAI, 400, .responses, .messages).0.contains("prompt is too long: Too many tokens."))
        #expect(translated(anthropic, 400, .messages, .chat).0.contains(#""code":"context_length_exceeded""#))
    }

    @Test func `chat and responses have the same envelope, which passes`() {
        let body = #"{ "error" : {"message":"x","extra":1.50} }"#

        #expect(translated(body, 400, .chat, .responses) == (body, 400))
        #expect(translated(body, 400, .responses, .chat) == (body, 400))
    }

    @Test(arguments: [
        ("<html>Bad gateway</html>", "<html>Bad gateway</html>"), (#"{"error":"plain words"}"#, "plain words"),
        (#"{"detail":"no"}"#, #"{\"detail\":\"no\"}"#), ("", "The provider answered with status 502 and no body."),
        (#"{"error":null}"#, #"{\"error\":null}"#),
    ])
    func `a body that is no error object becomes the message`(body: String, message: String) {
        let (written, _) = translated(body, 502, .chat, .messages)

        #expect(written == #"{"type":"error","error":{"type":"api_error","message":"\#(message)"}}"#)
    }

    @Test func `a long body is cut between characters`() {
        let (written, _) = translated(String(repeating: "é", count: 5000), 500, .chat, .messages)

        #expect(written.contains(String(repeating: "é", count: 2048) + "\""))
    }

    @Test(arguments: Dialect.allCases)
    func `the caller's own fault ends the client's stream`(client: Dialect) throws {
        let upstream: Dialect = client == .chat ? .messages : .chat
        var translator = AnswerTranslator(
            from: upstream, to: client, context: AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2)))
        var out = ByteWriter(capacity: 256)

        translator.fail(AnswerFailure(type: "x", message: "The upstream went silent.", status: 504), to: &out)
        let length = out.count
        translator.fail(AnswerFailure(type: "x", message: "Again.", status: 504), to: &out)

        let hasEnded = translator.hasEnded
        let failure = translator.failure
        #expect(hasEnded)
        #expect(failure?.status == 504)
        let lengthAfter = out.count
        #expect(lengthAfter == length)
        #expect(String(decoding: out.copyBytes(), as: UTF8.self).contains("The upstream went silent."))
        try AnswerStreamCheck.check(out.copyBytes(), client)
    }

    @Test func `an event larger than the reader takes fails the answer`() {
        var translator = AnswerTranslator(
            from: .chat, to: .messages, context: AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2)))
        var out = ByteWriter(capacity: 256)
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: EventStreamScanner.eventBytesMax)

        for piece in [Array("data: ".utf8), large, Array("\n\n".utf8)] {
            piece.withUnsafeBytes { translator.feed($0, to: &out) }
        }

        let ending = translator.finish(to: &out)
        let failure = translator.failure
        #expect(ending == .failed)
        #expect(failure?.code == "answer_too_big")
    }

    @Test func `parallel calls beyond what may wait fail the answer`() {
        var translator = AnswerTranslator(
            from: .chat, to: .messages, context: AnswerContext(source: .empty, createdSeconds: 1, nonce: (1, 2)))
        var out = ByteWriter(capacity: 256)
        func feed(_ delta: String) {
            let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[\(delta)]}}]}\n\n"
            Array(event.utf8).withUnsafeBytes { translator.feed($0, to: &out) }
        }

        feed(#"{"index":0,"id":"a","function":{"name":"a","arguments":"{"}}"#)
        feed(#"{"index":1,"id":"b","function":{"name":"b","arguments":"{"}}"#)
        let piece = String(repeating: "x", count: 400_000)
        for _ in 0...MessagesAnswerWriter.heldBytesMax / piece.utf8.count {
            feed(#"{"index":1,"function":{"arguments":"\#(piece)"}}"#)
        }

        let ending = translator.finish(to: &out)
        let length = out.count
        #expect(ending == .failed)
        #expect(length < 10_000)
    }
}
