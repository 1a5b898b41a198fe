import CairnWire
import Foundation
import Testing

@testable import CairnGateway

private let ada = CallerDigest(Credentials(apiKey: "ada", authorization: nil))
private let eve = CallerDigest(Credentials(apiKey: "eve", authorization: nil))

private func item(_ text: String) -> ResponseItem { ResponseItem(Array(text.utf8)) }

private func kept(_ identifier: String, of caller: CallerDigest = ada, padding: Int = 0) -> KeptResponse {
    KeptResponse(
        identifier: identifier, caller: caller,
        object: Array("{\"id\":\"\(identifier)\"}".utf8) + [UInt8](repeating: 0x20, count: padding),
        input: [item(#"{"role":"user","content":"U1"}"#)],
        output: [item(#"{"type":"message","id":"msg_1","role":"assistant","content":[]}"#)])
}

@Suite struct ResponseMemoryTests {
    @Test func `a response belongs to its caller`() {
        let memory = ResponseMemory()
        memory.keep(kept("resp_1"))

        #expect(memory.response("resp_1", of: ada)?.identifier == "resp_1")
        #expect(memory.response("resp_1", of: eve) == nil)
        #expect(!memory.remove("resp_1", of: eve))
        #expect(memory.remove("resp_1", of: ada))
        #expect(!memory.remove("resp_1", of: ada))
        #expect(memory.response("resp_1", of: ada) == nil)
    }

    @Test func `the oldest go when there are too many`() {
        let memory = ResponseMemory()
        for index in 0..<ResponseMemory.countMax + 2 { memory.keep(kept("resp_\(index)")) }

        #expect(memory.response("resp_0", of: ada) == nil)
        #expect(memory.response("resp_1", of: ada) == nil)
        #expect(memory.response("resp_2", of: ada) != nil)
    }

    @Test func `the oldest go when they hold too much`() {
        let memory = ResponseMemory()
        let third = ResponseMemory.bytesMax / 3
        for index in 0..<4 { memory.keep(kept("resp_\(index)", padding: third)) }
        memory.keep(kept("resp_huge", padding: ResponseMemory.bytesMax))

        #expect([0, 1, 2, 3].map { memory.response("resp_\($0)", of: ada) != nil } == [false, false, true, true])
        #expect(memory.response("resp_huge", of: ada) == nil)
    }

    @Test func `removed responses leave nothing behind`() {
        let memory = ResponseMemory()
        for index in 0..<3 * ResponseMemory.countMax {
            memory.keep(kept("resp_\(index)"))
            if index % 2 == 0 { #expect(memory.remove("resp_\(index)", of: ada)) }
        }
        let last = 3 * ResponseMemory.countMax - 1

        #expect(memory.response("resp_\(last)", of: ada) != nil)
        #expect(memory.response("resp_\(last - 2)", of: ada) != nil)
    }
}

@Suite struct ResponsesTurnTests {
    private let memory = ResponseMemory()

    private func turn(_ body: String, of caller: CallerDigest = ada) throws -> ResponsesTurn {
        let source = try SourceDocument(parsing: Array(body.utf8))
        return try ResponsesTurn(source, ResponseKeeping(storage: memory, caller: caller))
    }

    private func texts(_ items: [ResponseItem]) -> [String] { items.map { String(decoding: $0.bytes, as: UTF8.self) } }

    @Test func `a first request is kept as it is`() throws {
        let array = try turn(#"{"input":[{"role":"user","content":"U1"}, {"x":1.0}]}"#)
        let text = try turn(#"{"model":"m","input":"caf\u00e9"}"#)

        #expect(array.isStored && array.continuedBody == nil)
        #expect(texts(array.input) == [#"{"role":"user","content":"U1"}"#, #"{"x":1.0}"#])
        #expect(
            texts(text.input) == [
                #"{"type":"message","role":"user","content":[{"type":"input_text","text":"caf\u00e9"}]}"#
            ])
    }

    @Test func `a request that wants no storage keeps nothing`() throws {
        let turn = try turn(#"{"input":"hello","store":false}"#)

        #expect(!turn.isStored && turn.input.isEmpty)
    }

    @Test func `the conversation stands in front of the new input`() throws {
        memory.keep(kept("resp_1"))

        let turn = try turn(
            #"{"model":"m","previous_response_id":"resp_1","input":[{"role":"user","content":"U2"}],"x":1e2}"#)

        let body = String(decoding: try #require(turn.continuedBody), as: UTF8.self)
        #expect(
            body == #"{"model":"m","x":1e2,"input":[{"role":"user","content":"U1"},"#
                + #"{"type":"message","id":"msg_1","role":"assistant","content":[]},{"role":"user","content":"U2"}]}"#)
        #expect(turn.input.count == 3)
        #expect(turn.echo.count == 1)
    }

    @Test func `a conversation that is not the caller's is not found`() throws {
        memory.keep(kept("resp_1"))
        let body = #"{"previous_response_id":"resp_1","input":"x"}"#

        #expect(throws: GatewayError(.unknownPreviousResponse, detail: "resp_1")) { try turn(body, of: eve) }
        #expect(throws: GatewayError(.unknownPreviousResponse, detail: "a??b")) {
            try turn(#"{"previous_response_id":"a\r\nb","input":"x"}"#)
        }
    }

    @Test(arguments: [#"{"conversation":"conv_1","input":"x"}"#, #"{"background":true,"input":"x"}"#])
    func `what only OpenAI keeps is refused by name`(body: String) throws {
        let error = #expect(throws: GatewayError.self) { try turn(body) }

        #expect(error?.kind == .untranslatable)
        #expect(body.contains(error?.detail.prefix { $0 != ":" } ?? "nothing"))
    }

    @Test func `null members ask for nothing`() throws {
        let turn = try turn(
            #"{"conversation":null,"background":false,"previous_response_id":null,"store":null,"input":"x"}"#)

        #expect(turn.isStored && turn.continuedBody == nil)
    }
}

@Suite struct ResponseCaptureTests {
    private let memory = ResponseMemory()

    private func capture(_ body: String) throws -> ResponseCapture? {
        let source = try SourceDocument(parsing: Array(body.utf8))
        return ResponseCapture(try ResponsesTurn(source, ResponseKeeping(storage: memory, caller: ada)))
    }

    private static let object =
        #"{"id":"resp_9","object":"response","status":"completed","output":[{"type":"message","id":"msg_9"}]}"#

    @Test func `a stream's last event is kept, however it is cut`() throws {
        let stream =
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_9\"}}\n\n"
            + "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":\(Self.object)}\n\n"
        let capture = try #require(try capture(#"{"input":"hello"}"#))

        for byte in stream.utf8 { withUnsafeBytes(of: byte) { capture.see($0) } }

        let kept = try #require(memory.response("resp_9", of: ada))
        #expect(String(decoding: kept.object, as: UTF8.self) == Self.object)
        #expect(kept.output.count == 1 && kept.input.count == 1)
    }

    @Test func `a stream that is cut off is not kept, nor one that must not be`() throws {
        let capture = try #require(try capture(#"{"input":"hello"}"#))
        var cut = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":\(Self.object)"
        cut.withUTF8 { capture.see(UnsafeRawBufferPointer($0)) }

        #expect(memory.response("resp_9", of: ada) == nil)
        #expect(try self.capture(#"{"input":"hello","store":false}"#) == nil)
    }
}

/// The query of a target as it comes.
func query(_ text: String) -> TargetQuery { Array("/x?\(text)".utf8).withUnsafeBytes { TargetQuery(of: $0) } }

@Suite struct ResponseRouteTests {
    private let memory = ResponseMemory()

    private func answer(
        _ text: String = "", caller: CallerDigest = ada, deletes: Bool = false, lists: Bool = true
    ) throws -> [String: Any]? {
        let route = ResponseRoute(
            identifier: "resp_1", query: query(text), isDeletion: deletes, listsInput: lists)
        return try route.answer(memory, caller).map { try parseJSON(String(decoding: $0, as: UTF8.self)) }
    }

    private func keep(itemCount: Int) {
        memory.keep(
            KeptResponse(
                identifier: "resp_1", caller: ada, object: Array(#"{"id":"resp_1","x":1}"#.utf8),
                input: (0..<itemCount).map { item(#"{"role":"user","content":"U\#($0)"}"#) }, output: []))
    }

    private func texts(_ page: [String: Any]?) -> [String] {
        ((page?["data"] as? [[String: Any]]) ?? []).compactMap { $0["content"] as? String }
    }

    @Test func `a response is shown as it was sent, and deleted once`() throws {
        keep(itemCount: 1)

        #expect(try answer(lists: false)?["x"] as? Int == 1)
        #expect(try answer(caller: eve, lists: false) == nil)
        #expect(try answer(deletes: true, lists: false)?["deleted"] as? Bool == true)
        #expect(try answer(deletes: true, lists: false) == nil)
    }

    @Test func `items come in pages, the newest first`() throws {
        keep(itemCount: 25)

        let first = try answer()
        let last = try #require(first?["last_id"] as? String)
        let second = try answer("after=\(last)")

        #expect(texts(first) == (5..<25).reversed().map { "U\($0)" })
        #expect(first?["has_more"] as? Bool == true)
        #expect(texts(second) == (0..<5).reversed().map { "U\($0)" })
        #expect(second?["has_more"] as? Bool == false)
        #expect(texts(try answer("order=asc&limit=2")) == ["U0", "U1"])
    }

    @Test func `listed items have a type and an id of their own`() throws {
        keep(itemCount: 2)

        let data = try #require(try answer()?["data"] as? [[String: Any]])

        #expect(data.allSatisfy { $0["type"] as? String == "message" })
        #expect(Set(data.compactMap { $0["id"] as? String }).count == 2)
    }

    @Test(arguments: ["limit=0", "limit=101", "limit=x", "order=up", "after=nothing"])
    func `a page that there cannot be is refused`(query: String) throws {
        keep(itemCount: 2)

        #expect(throws: GatewayError.self) { try answer(query) }
    }
}
