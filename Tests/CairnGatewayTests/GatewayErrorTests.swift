import Foundation
import Testing

@testable import CairnGateway

@Suite struct GatewayErrorTests {
    private let call = CallIdentifier(high: 1 << 16, low: 2)

    @Test func `every kind has a status, codes and a message that says what to do`() {
        var codes = Set<String>()
        for kind in GatewayError.Kind.allCases {
            let error = GatewayError(kind, detail: "DETAIL")
            #expect((400...599).contains(kind.status))
            #expect(kind.row.message.utf8CodeUnitCount > 20, "\(kind)")
            #expect(error.message.contains("{}") == false)
            #expect(error.message.hasSuffix("."), "\(kind)")
            codes.insert(kind.code.description)
        }
        #expect(codes.count == GatewayError.Kind.allCases.count)
    }

    @Test func `Anthropic types are those of its API and fit the status`() {
        let expected: [UInt16: Set<String>] = [
            400: ["invalid_request_error"], 401: ["authentication_error"], 403: ["permission_error"],
            404: ["not_found_error"], 405: ["invalid_request_error"], 408: ["timeout_error"],
            409: ["invalid_request_error"],
            413: ["request_too_large"],
            415: ["invalid_request_error"], 417: ["invalid_request_error"], 431: ["request_too_large"],
            500: ["api_error"], 501: ["invalid_request_error"], 502: ["api_error"], 503: ["overloaded_error"],
            504: ["timeout_error"], 505: ["invalid_request_error"],
        ]
        for kind in GatewayError.Kind.allCases {
            #expect(expected[kind.status]?.contains(kind.row.anthropicType.description) == true, "\(kind)")
        }
    }

    @Test(
        arguments: [
            (GatewayError.Kind.upstreamRefused, 502), (.upstreamNameNotFound, 502), (.upstreamTLS, 502),
            (.upstreamConnectTimeout, 504), (.upstreamFirstByteTimeout, 504), (.upstreamIdleTimeout, 504),
            (.upstreamReset, 502), (.upstreamMalformed, 502), (.upstreamTruncated, 502),
            (.upstreamTooManyConnections, 503),
            (.bodyTooLarge, 413), (.headersTooLarge, 431), (.badRequest, 400), (.badEncoding, 400),
            (.unsupportedEncoding, 415), (.foreignHost, 403), (.foreignOrigin, 403), (.unknownRoute, 404),
            (.methodNotAllowed, 405), (.requestTimeout, 408), (.tooManyConnections, 503), (.draining, 503),
            (.adminKeyRequired, 401), (.internalFault, 500), (.unknownHandle, 404), (.ambiguousHandle, 409),
            (.storeUnavailable, 503), (.originalLost, 500),
        ] as [(GatewayError.Kind, UInt16)])
    func `kinds have the statuses that clients expect`(kind: GatewayError.Kind, status: UInt16) {
        #expect(kind.status == status)
    }

    @Test func `only failures before a byte was processed may be retried`() {
        let retried = GatewayError.Kind.allCases.filter { $0.retry == .yes }
        let careful = GatewayError.Kind.allCases.filter { $0.retry == .onlyIfNothingSent }

        #expect(retried == [.upstreamRefused])
        #expect(careful == [.upstreamReset])
        #expect(GatewayError.Kind.upstreamReset.side == .upstream)
        #expect(GatewayError.Kind.bodyTooLarge.side == .downstream)
        #expect(GatewayError.Kind.draining.side == .ours)
    }

    @Test(arguments: [CallDialect.chat, .responses, .other])
    func `OpenAI dialects get OpenAI's envelope`(dialect: CallDialect) throws {
        let error = GatewayError(.upstreamRefused, detail: "main")

        let body = written { error.writeBody(dialect: dialect, call: call, to: &$0) }
        let inner = try #require(try parseJSON(body)["error"] as? [String: Any])

        #expect(inner["message"] as? String == error.message)
        #expect(inner["type"] as? String == "server_error")
        #expect(inner["code"] as? String == "upstream_refused")
        #expect(inner["param"] is NSNull)
        #expect(error.message.contains("upstream main refused"))
    }

    @Test func `the messages dialect gets Anthropic's envelope with the call's id`() throws {
        let body = written { GatewayError(.draining).writeBody(dialect: .messages, call: call, to: &$0) }
        let object = try parseJSON(body)
        let inner = try #require(object["error"] as? [String: Any])

        #expect(object["type"] as? String == "error")
        #expect(inner["type"] as? String == "overloaded_error")
        #expect((inner["message"] as? String)?.isEmpty == false)
        #expect(object["request_id"] as? String == call.description)
    }

    @Test func `a broken chat stream ends with a data event and without DONE`() throws {
        let event = written {
            GatewayError(.upstreamTruncated, detail: "main")
                .writeStreamEvent(dialect: .chat, call: call, sequenceNumber: 7, to: &$0)
        }

        #expect(event.hasPrefix("data: {") && event.hasSuffix("}\n\n"))
        #expect(!event.contains("[DONE]"))
        let inner = try #require(try parseJSON(String(event.dropFirst(6)))["error"] as? [String: Any])
        #expect(inner["code"] as? String == "upstream_truncated")
    }

    @Test func `a broken messages stream ends with a named error event`() throws {
        let event = written {
            GatewayError(.upstreamIdleTimeout, detail: "main")
                .writeStreamEvent(dialect: .messages, call: call, sequenceNumber: 7, to: &$0)
        }

        let prefix = "event: error\ndata: "
        #expect(event.hasPrefix(prefix) && event.hasSuffix("\n\n"))
        let object = try parseJSON(String(event.dropFirst(prefix.count)))
        #expect(object["type"] as? String == "error")
        #expect((object["error"] as? [String: Any])?["type"] as? String == "timeout_error")
    }

    @Test func `a broken responses stream ends with a flat, numbered error event`() throws {
        let event = written {
            GatewayError(.upstreamTruncated, detail: "main")
                .writeStreamEvent(dialect: .responses, call: call, sequenceNumber: 7, to: &$0)
        }

        let prefix = "event: error\ndata: "
        #expect(event.hasPrefix(prefix) && event.hasSuffix("\n\n"))
        let object = try parseJSON(String(event.dropFirst(prefix.count)))
        #expect(object["type"] as? String == "error")
        #expect(object["code"] as? String == "upstream_truncated")
        #expect(object["sequence_number"] as? Int == 7)
        #expect(object["param"] is NSNull)
        #expect(object["error"] == nil)
    }

    @Test func `no detail can break the envelope or the stream`() throws {
        let error = GatewayError(.badRequest, detail: "x\"}\n\ndata: [DONE]\n\n" + String(repeating: "é", count: 5000))

        let event = written { error.writeStreamEvent(dialect: .chat, call: call, sequenceNumber: 0, to: &$0) }

        #expect(event.split(separator: "\n").count == 1)
        #expect(event.utf8.count < 2000)
        _ = try parseJSON(String(event.dropFirst(6)))
    }

    @Test func `a message without its detail still reads well`() {
        #expect(GatewayError(.upstreamRefused).message.contains("upstream (unnamed) refused"))
        #expect(GatewayError(.unknownRoute, detail: "not shown").message.contains("not shown") == false)
    }
}
