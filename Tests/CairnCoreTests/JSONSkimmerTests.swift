import Testing

@testable import CairnCore

private func usagePlan(stopsWhenFound: Bool = false) throws -> JSONSkimPlan {
    try JSONSkimPlan(
        [
            .init("model", valueBytesMax: 32), .init("usage"), .init("message", "usage", valueBytesMax: 40),
        ], stopsWhenFound: stopsWhenFound)
}

private func place(of part: String, in document: String) -> Range<Int> {
    let start = document.utf8.count - document[document.range(of: part)!.lowerBound...].utf8.count
    return start..<(start + part.utf8.count)
}

extension String {
    fileprivate func range(of part: String) -> Range<String.Index>? {
        indices.first { self[$0...].hasPrefix(part) }.map { $0..<index($0, offsetBy: part.count) }
    }
}

@Suite struct JSONSkimmerTests {
    @Test(arguments: 1...30)
    func `wanted members are captured whatever the size of the pieces`(pieceBytes: Int) throws {
        let document = #"{"id":"é","m\u006fdel":"m-1","message":{"x":[1],"usage":{"in":7}},"b":[[]]}"#
        let body = Array(document.utf8)
        var skimmer = JSONSkimmer(plan: try usagePlan())

        var progress = JSONSkimmer.Progress.needsMore
        for start in stride(from: 0, to: body.count, by: pieceBytes) {
            try body[start..<min(start + pieceBytes, body.count)].withUnsafeBytes { progress = try skimmer.feed($0) }
        }
        try skimmer.finish()

        #expect(progress == .complete)
        #expect(skimmer.value(at: 0) == .found(Array(#""m-1""#.utf8), place(of: #""m-1""#, in: document)))
        #expect(skimmer.value(at: 1) == .notFound)
        #expect(skimmer.value(at: 2) == .found(Array(#"{"in":7}"#.utf8), place(of: #"{"in":7}"#, in: document)))
        #expect(skimmer.withValue(at: 2) { $0.count } == 8)
        #expect(!skimmer.hasAll && skimmer.offset == body.count)
    }

    @Test func `a value above its limit is said to be too big`() throws {
        let name = String(repeating: "x", count: 31)
        var skimmer = JSONSkimmer(plan: try usagePlan())
        try Array("{\"model\":\"\(name)\"}".utf8).withUnsafeBytes { _ = try skimmer.feed($0) }
        #expect(skimmer.value(at: 0) == .tooBig(9..<42))
        #expect(skimmer.withValue(at: 0) { $0.count } == nil)
    }

    @Test func `a skimmer is ready for the next document after a reset`() throws {
        var skimmer = JSONSkimmer(plan: try usagePlan())
        #expect(throws: CoreError(.syntax, offset: 1)) {
            try Array("{]".utf8).withUnsafeBytes { _ = try skimmer.feed($0) }
        }
        skimmer.reset()
        try Array("{\"usage\":null}".utf8).withUnsafeBytes { _ = try skimmer.feed($0) }
        #expect(skimmer.value(at: 1) == .found(Array("null".utf8), 9..<13))
    }

    @Test func `a cut document is incomplete`() throws {
        var skimmer = JSONSkimmer(plan: try usagePlan())
        try Array("{\"usage\":".utf8).withUnsafeBytes { _ = try skimmer.feed($0) }
        #expect(throws: CoreError(.incomplete, offset: 9)) { try skimmer.finish() }
    }

    @Test func `a plan refuses what it cannot hold`() {
        #expect(throws: CoreError(.argument)) { try JSONSkimPlan([]) }
        #expect(throws: CoreError(.argument)) { try JSONSkimPlan([.init("a"), .init("a", "b")]) }
        #expect(throws: CoreError(.argument)) { try JSONSkimPlan((0..<9).map { .init("k\($0)", valueBytesMax: 1) }) }
        #expect(throws: CoreError(.tooBig)) { try JSONSkimPlan([.init("a", "b", "c", "d", "e")]) }
        #expect(throws: CoreError(.tooBig)) { try JSONSkimPlan([.init(String(repeating: "k", count: 33))]) }
        #expect(throws: CoreError(.tooBig)) { try JSONSkimPlan([.init("a", valueBytesMax: 16385)]) }
    }

    @Test func `one call finds the model of a body`() throws {
        let body = Array(#"{"messages":[{"model":1}],"model":"gpt","rest": not looked at"#.utf8)
        let found = try body.withUnsafeBytes { try JSONSkimmer.member("model", of: $0) }
        #expect(found.map { String(decoding: body[$0], as: UTF8.self) } == #""gpt""#)
        #expect(try Array("{}".utf8).withUnsafeBytes { try JSONSkimmer.member("model", of: $0) } == nil)
        #expect(throws: CoreError(.incomplete, offset: 0)) {
            try [UInt8]().withUnsafeBytes { try JSONSkimmer.member("model", of: $0) }
        }
    }
}

@Suite struct JSONTextTests {
    private func string(_ raw: String, bytesMax: Int = .max) throws(CoreError) -> String {
        let bytes = Array(raw.utf8)
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(CoreError) in try JSONText.string(raw, bytesMax: bytesMax) }
        }
        return try result.get()
    }

    @Test func `a raw string value becomes its text`() throws {
        #expect(try string(#""""#) == "")
        #expect(try string(#""caf\u00e9 \ud83d\ude00\n é""#) == "café 😀\n é")
    }

    @Test func `what is no string value is refused at its byte`() {
        #expect(throws: CoreError(.syntax, offset: 0)) { try string("12") }
        #expect(throws: CoreError(.syntax, offset: 0)) { try string("\"") }
        #expect(throws: CoreError(.syntax, offset: 2)) { try string(#""a\x""#) }
        #expect(throws: CoreError(.noSpace)) { try string(#""abc""#, bytesMax: 2) }
    }

    @Test(arguments: ["", "plain", "\"\\\n\u{1}", "café 😀", String(repeating: "ab\"", count: 100)])
    func `text survives the round trip`(text: String) throws {
        let quoted = JSONText.quoted(text)
        #expect(try quoted.withUnsafeBytes { try JSONText.string($0) } == text)
    }
}
