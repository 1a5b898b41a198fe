import CairnCore
import Glibc
import Testing

@testable import CairnPractice

@Suite(.serialized) struct ServingTests {
    private let streamed = #"{"model":"practice","stream":true,"messages":[{"role":"user","content":"héllo"}]}"#
    private let whole = #"{"model":"practice","messages":[{"role":"user","content":"héllo"}]}"#
    private let path = "/v1/chat/completions"

    @Test func `the bytes on the wire are those of the values`() throws {
        let provider = try ProviderUnderTest()
        var desk = PracticeDesk()

        let answer = provider.client("POST", path, body: whole).readAnswer()

        #expect(answer.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.head.contains("\r\nx-request-id: req_"))
        #expect(answer.body == desk.post(path, whole).payload)
    }

    @Test func `the log shows headers in wire order and case, and digests of both bodies`() throws {
        let provider = try ProviderUnderTest()

        let answer = provider.client(
            "POST", path + "?a=b", headers: ["X-Mixed-Case: One", "x-mixed-case: two"], body: whole
        )
        .readAnswer()
        let record = try provider.lastRecord { $0["ended"] == "answered" }

        #expect(record["path"]?.text == path)
        #expect(record["query"] == "a=b")
        #expect(
            record["headers"]?.elements?.map { $0.elements?.first?.text } == [
                "Host", "Content-Length", "X-Mixed-Case", "x-mixed-case",
            ])
        #expect(record["body"]?.text == whole)
        #expect(record["body_sha256"]?.text == SHA256.hex(Array(whole.utf8)))
        #expect(record["answer_sha256"]?.text == SHA256.hex(answer.body))
        #expect(record["bytes_written"]?.integer ?? 0 > answer.body.count)
    }

    @Test func `the log can be cleared`() throws {
        let provider = try ProviderUnderTest()
        _ = provider.client("POST", path, body: whole).readAnswer()

        _ = provider.client("DELETE", "/practice/requests").readAnswer()

        #expect(try provider.requestLog().isEmpty)
    }

    @Test func `events leave one at a time`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client(
            "POST", path, headers: ["x-practice-tokens-per-second: 25", "x-practice-words: 10", "Connection: close"],
            body: streamed)

        var dataLinesByRead: [Int] = []
        while let some = client.readSome() {
            dataLinesByRead.append(String(decoding: some, as: UTF8.self).split(separator: "data: ").count - 1)
        }

        #expect(dataLinesByRead.reduce(0, +) == 13)
        #expect(dataLinesByRead.count >= 6, "a busy machine may read a few together, never most of them")
    }

    @Test func `latency and pace are kept`() throws {
        let provider = try ProviderUnderTest()
        let clock = ContinuousClock()

        let start = clock.now
        let client = provider.client(
            "POST", path,
            headers: [
                "x-practice-latency-ms: 60", "x-practice-tokens-per-second: 100", "x-practice-words: 11",
                "Connection: close",
            ], body: streamed)
        _ = client.readSome()
        let firstByte = clock.now - start
        _ = client.readAll()
        let all = clock.now - start

        #expect(firstByte >= .milliseconds(59))
        // Ten gaps of 10 ms after the first token.
        #expect(all >= .milliseconds(155))
        #expect(all < .seconds(2))
    }

    @Test func `a reset mid-stream gives the first half and then a reset`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client("POST", path, headers: ["x-practice-fault: reset-mid-stream"], body: streamed)

        let text = client.readAll()

        #expect(text.contains("data: {"))
        #expect(!text.contains("[DONE]"))
        #expect(client.end == .reset)
        #expect(try provider.lastRecord { $0["ended"] != "open" }["ended"] == "reset")
    }

    @Test func `a reset before the first byte gives nothing`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client("POST", path, headers: ["x-practice-fault: reset-before-first-byte"], body: whole)

        #expect(client.readAll() == "")
        #expect(client.end == .reset)
    }

    @Test func `a stalled stream waits until the client leaves`() throws {
        let provider = try ProviderUnderTest()
        var client: LoopbackClient? = provider.client(
            "POST", path, headers: ["x-practice-fault: stall-mid-stream"], body: streamed)

        _ = client?.readSome()
        let during = try provider.requestLog().last
        client = nil
        let after = try provider.lastRecord { $0["ended"] != "open" }

        #expect(during?["ended"] == "open")
        #expect(after["ended"] == "client_left")
    }

    @Test func `bad chunking has a chunk size that is no number`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client("POST", path, headers: ["x-practice-fault: bad-chunking"], body: streamed)

        let text = client.readAll()

        #expect(text.contains("transfer-encoding: chunked"))
        #expect(text.contains("\r\nnot-a-size\r\n"))
    }

    @Test func `a close-delimited answer ends with its connection`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client("POST", path, headers: ["x-practice-fault: close-delimited"], body: streamed)

        let text = client.readAll()

        #expect(!text.contains("content-length") && !text.contains("transfer-encoding"))
        #expect(text.hasSuffix("data: [DONE]\n\n"))
        #expect(client.end == .closed)
    }

    @Test func `a client that does not read holds the stream back and loses nothing`() throws {
        let provider = try ProviderUnderTest()
        // Every event repeats the model's name, so that few events make 10 MB.
        let model = String(repeating: "m", count: 4096)
        let client = provider.client(
            "POST", path, headers: ["x-practice-words: 2400", "Connection: close"],
            body: #"{"model":"\#(model)","stream":true,"messages":[{"role":"user","content":"x"}]}"#)

        var received = client.readSome()?.count ?? 0
        var held = -1
        for _ in 0..<50 {
            usleep(100_000)
            let now = try provider.requestLog().last?["answer_bytes"]?.integer ?? 0
            if now == held { break }
            held = now
        }
        while let some = client.readSome() { received += some.count }
        let record = try provider.lastRecord { $0["ended"] == "answered" }

        #expect(held < 7_000_000)
        #expect(record["answer_bytes"]?.integer ?? 0 >= 9_800_000)
        #expect(record["bytes_written"]?.integer == received)
        #expect(record["ended"] == "answered")
    }

    @Test func `several loops share the cache and the log`() throws {
        let provider = try ProviderUnderTest { $0.threads = 2 }
        let long =
            #"""
            {"model":"practice","messages":[{"role":"user","content":"\#
            \#(String(repeating: "stone ", count: 400))"}]}
            """#

        var hits: [Int] = []
        for _ in 0..<8 {
            let answer = try JSONValue(parsing: provider.client("POST", path, body: long).readAnswer().body)
            hits.append(answer["usage"]?["prompt_cache_hit_tokens"]?.integer ?? 0)
        }

        #expect(hits.first == 0)
        #expect(hits.dropFirst().allSatisfy { $0 == 576 })
        #expect(try provider.requestLog().count == 8)
    }

    @Test func `a busy port is said in one line`() throws {
        let provider = try ProviderUnderTest()

        let error = #expect(throws: PracticeError.self) {
            _ = try ProviderUnderTest { $0.port = provider.running.port }
        }

        #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:\(provider.running.port): ") == true)
    }

    @Test func `what is no HTTP is refused with an error object`() throws {
        let provider = try ProviderUnderTest()
        let client = provider.client("POST", path, headers: ["Content-Length: 7"], body: whole)

        let text = client.readAll()

        #expect(text.hasPrefix("HTTP/1.1 400 "))
        #expect(text.contains("\"type\": \"invalid_request_error\""))
    }
}
