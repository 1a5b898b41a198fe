import Testing

@testable import CairnCore

private struct Made {
    var tool: String
    var argument: String
    var result: String
    var message = ""
    var hasFailed = false
    var isChange = false
}

/// Distils calls whose texts live as long as the closure: all side by side in one array.
private func distil(_ calls: [Made], entriesMax: Int = 100) throws -> DistilledCalls {
    let bytes = calls.flatMap { Array(($0.tool + $0.argument + $0.result + $0.message).utf8) }
    return try bytes.withUnsafeBytes { bytes in
        var start = 0
        func next(_ text: String) -> UnsafeRawBufferPointer {
            defer { start += text.utf8.count }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<start + text.utf8.count])
        }
        let inSpans = calls.map { call in
            let tool = next(call.tool)
            let argument = next(call.argument)
            let result = next(call.result)
            let fingerprint = Fingerprint(
                turnOf: 0, parts: [.init(kind: 1, content: tool), .init(kind: 2, content: argument)])
            var inSpans = DistilledCalls.Call(
                fingerprint: fingerprint, tool: tool, argument: argument, result: result, hasFailed: call.hasFailed,
                isChange: call.isChange)
            inSpans.message = next(call.message)
            return inSpans
        }
        return try DistilledCalls(of: inSpans, entriesMax: entriesMax)
    }
}

private let session = [
    Made(tool: "read_file", argument: "src/lib.rs", result: "fn main() {}"),
    Made(tool: "bash", argument: "cargo test", result: "1 failed\n2 passed", hasFailed: true),
    Made(tool: "bash", argument: "cargo test", result: "...", message: "2 failed", hasFailed: true),
    Made(tool: "edit", argument: "src/lib.rs", result: "ok", isChange: true),
    Made(tool: "bash", argument: "cargo test", result: "3 passed\n"),
]

@Suite struct DistilledCallsTests {
    @Test func `equal calls are one line, in the order of their last ones`() throws {
        let distilled = try distil(session)

        #expect(
            String(decoding: distilled.text, as: UTF8.self) == """
                worked: read_file src/lib.rs
                failed, then worked: bash cargo test (2x): 2 failed
                changed: edit src/lib.rs
                last: bash cargo test: 3 passed

                """)
        #expect(
            distilled.entries == [
                .init(kind: .onlyWorked, callCount: 1, firstCall: 0, lastCall: 0),
                .init(kind: .failedThenWorked, callCount: 2, firstCall: 1, lastCall: 2),
                .init(kind: .changed, callCount: 1, firstCall: 3, lastCall: 3),
                .init(kind: .lastWorked, callCount: 1, firstCall: 4, lastCall: 4),
            ])
        #expect(distilled.leftOutCount == 0)
    }

    @Test func `what matters least is left out and counted`() throws {
        let distilled = try distil(session, entriesMax: 1)

        #expect(
            String(decoding: distilled.text, as: UTF8.self) == "last: bash cargo test: 3 passed\n(4 calls left out)\n")
        #expect(distilled.leftOutCount == 4)
    }

    @Test func `no calls are no text and too many are refused`() throws {
        #expect(try distil([]).text.isEmpty)
        #expect(throws: CoreError(.tooBig)) {
            try distil(Array(repeating: session[0], count: DistilledCalls.callsMax + 1))
        }
    }
}
