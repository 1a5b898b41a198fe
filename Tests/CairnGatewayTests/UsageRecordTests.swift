import CairnWire
import Foundation
import Testing

@testable import CairnGateway

extension UsageRecord {
    /// The record of the format's example.
    static let example = UsageRecord(
        wallNanoseconds: 1_795_169_061_123_456_789, call: CallIdentifier(high: 1 << 16, low: 2), dialect: .chat,
        route: .chatCompletions, upstream: "main", model: Array("gpt-5".utf8), status: 200, isStream: true,
        outcome: .ok,
        totalNanoseconds: 12_345_000, firstByteNanoseconds: 10_100_000, addedNanoseconds: 42_000, requestBytes: 2048,
        responseBytes: 635, usage: Array(#"{"prompt_tokens": 5, "cost":1.0e-05}"#.utf8))

    var line: String {
        var timestamps = TimestampWriter()
        return written { self.write(to: &$0, timestamps: &timestamps) }
    }
}

@Suite struct UsageRecordTests {
    @Test func `a line has its keys in their order and usage verbatim`() {
        #expect(
            UsageRecord.example.line
                == #"{"time":"2026-11-20T10:04:21.123Z","call":"00000000010000000000000002","dialect":"chat","#
                + #""route":"chat_completions","upstream":"main","model":"gpt-5","status":200,"stream":true,"#
                + #""outcome":"ok","ms":{"total":12.345,"first_byte":10.1,"added":0.042},"#
                + #""bytes":{"request":2048,"response":635},"usage":{"prompt_tokens": 5, "cost":1.0e-05}}"# + "\n")
    }

    @Test func `a call that was written anew says how`() {
        var record = UsageRecord.example
        var dropped = DroppedMembers()
        dropped.add(Loss("logit_bias", .noCounterpart), count: 2)
        record.rewriting = UsageRecord.Rewriting(dialect: .messages, model: "claude", dropped: dropped)

        #expect(
            record.line.hasSuffix(
                #","rewritten":{"dialect":"messages","model":"claude","dropped":{"logit_bias;no-counterpart":2}}}"#
                    + "\n"))
    }

    @Test func `what is not known is null`() throws {
        var record = UsageRecord.example
        (record.upstream, record.model, record.usage, record.firstByteNanoseconds) = (nil, nil, nil, nil)
        record.status = 0
        record.isStream = false
        record.outcome = .clientLeft

        let object = try parseJSON(record.line)

        for key in ["upstream", "model", "usage", "status"] { #expect(object[key] is NSNull, "\(key)") }
        #expect((object["ms"] as? [String: Any])?["first_byte"] is NSNull)
        #expect(object["stream"] as? Bool == false)
        #expect(object["outcome"] as? String == "client_left")
    }

    @Test func `model names are bounded, escaped and made valid`() throws {
        var record = UsageRecord.example
        record.model = Array("evil\"},\n{\u{2028}".utf8) + [0xFF, 0x00] + [UInt8](repeating: 0x61, count: 100_000)

        let line = record.line
        let model = try #require(try parseJSON(line)["model"] as? String)

        #expect(line.filter { $0 == "\n" }.count == 1)
        #expect(line.utf8.count < 1000)
        #expect(model.hasPrefix("evil\"},\n{\u{2028}\u{FFFD}\u{0}aaa"))
        // 256 bytes, of which the broken one became the three of U+FFFD.
        #expect(model.utf8.count == UsageRecord.nameBytesMax + 2)
    }

    @Test(arguments: [
        "", "null", "5", "[1]", "{", "{}}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}",
        "{'a':1}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\n\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":tru}", "{\"a\":\"b}", "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":1}\n{\"b\":2}", "{a:1}", "{\"a\":}", "{\"a\":[1,]}", "{\"a\":[1 2]}",
    ])
    func `a usage that is not a JSON object becomes null`(usage: String) throws {
        var record = UsageRecord.example
        record.usage = Array(usage.utf8)

        #expect(try parseJSON(record.line)["usage"] is NSNull)
    }

    @Test func `a usage with broken UTF-8, too deep or too long becomes null`() throws {
        let deep = String(repeating: "{\"a\":", count: JSONCheck.depthMax + 1) + "1" + String(repeating: "}", count: 33)
        let long = "{\"a\":\"" + String(repeating: "x", count: UsageRecord.usageBytesMax) + "\"}"
        for usage in [Array("{\"a\":\"".utf8) + [0xC3] + Array("\"}".utf8), Array(deep.utf8), Array(long.utf8)] {
            var record = UsageRecord.example
            record.usage = usage
            #expect(try parseJSON(record.line)["usage"] is NSNull)
        }
    }

    @Test(arguments: [
        "{}", " {\"a\":[1,-2.5e+3,0,true,false,null,\"\\u00e9\\n\\/\\\"é\",[],{}]} ", "{\"a\":{\"b\":{\"c\":0.1}}}",
        "{\n  \"pretty\": 1,\r\n  \"printed\": {}\n}",
    ])
    func `a usage of any JSON stays in one line with the same meaning`(usage: String) throws {
        var record = UsageRecord.example
        record.usage = Array(usage.utf8)

        let line = record.line

        #expect(line.utf8.filter { $0 == 0x0A }.count == 1 && !line.utf8.contains(0x0D))
        let object = try parseJSON(line)["usage"] as? NSDictionary
        #expect(object == (try parseJSON(usage)) as NSDictionary)
    }

    @Test func `no record makes a longer line than the limit says`() {
        var record = UsageRecord.example
        record.upstream = String(repeating: "\u{1}", count: 5000)
        record.model = [UInt8](repeating: 1, count: 5000)
        record.usage = Array(("{\"a\":\"" + String(repeating: "x", count: UsageRecord.usageBytesMax - 8) + "\"}").utf8)
        record.dialect = .responses
        record.route = .chatCompletions
        record.outcome = .upstreamError
        record.isStream = false
        (record.totalNanoseconds, record.firstByteNanoseconds, record.addedNanoseconds) = (.max, .max, .max)
        (record.requestBytes, record.responseBytes, record.status) = (.max, .max, .max)
        var dropped = DroppedMembers()
        for index in 0..<100 {
            dropped.add(Loss("\(index)" + String(repeating: "x", count: 80), .noCounterpart), count: 1_000_000_000_000)
        }
        record.rewriting = UsageRecord.Rewriting(
            dialect: .responses, model: String(repeating: "\u{1}", count: 5000), dropped: dropped)

        let count = record.line.utf8.count

        #expect(count > UsageRecord.usageBytesMax + 2 * 6 * UsageRecord.nameBytesMax)
        #expect(count <= UsageRecord.lineBytesMax)
    }
}
