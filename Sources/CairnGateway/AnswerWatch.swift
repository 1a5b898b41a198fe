// Watches an answer go by: keeps the usage object that the provider reported, and notices a stream that ends before its
// answer does. It never changes or delays a byte; what it cannot read it lets pass.
//
// Where usage stands, and what tells the end:
//     a whole answer, any dialect   {"usage": {...}}
//     chat stream                   last event {"usage": {...}}, null in others     `[DONE]` or a finish_reason
//     responses stream              response.completed {"response": {"usage": ...}} response.completed, .failed, .incomplete
//     messages stream               message_start, message_delta                    message_stop
// An error event ends any of them.

import CairnCore
import CairnWire
import Glibc

/// Used for one answer after the other: `begin`, `see` for each piece, the findings at the end.
final class AnswerWatch {
    /// A larger usage object is not kept.
    static let usageBytesMax = 4096
    /// Watches kept by a loop for the next calls.
    static let keptMax = 64

    private enum Form { case document, stream }

    private static let plan: JSONSkimPlan = {
        do {
            return try JSONSkimPlan([
                .init("usage", valueBytesMax: usageBytesMax),
                .init("response", "usage", valueBytesMax: usageBytesMax),
                .init("message", "usage", valueBytesMax: usageBytesMax),
            ])
        } catch {
            preconditionFailure("three short paths make a plan: \(error)")
        }
    }()

    private var form = Form.document
    private var dialect = CallDialect.other
    private var skimmer = JSONSkimmer(plan: AnswerWatch.plan)
    private var scanner = EventStreamScanner()
    private var isBroken = false
    private var hasEnded = false
    private var found: [UInt8]?
    private var fromStart: [UInt8]?
    /// Events with data that went by; the `sequence_number` of the next one in a responses stream.
    private(set) var eventCount = 0

    /// Gets ready for another answer.
    func begin(isStream: Bool, dialect: CallDialect) {
        form = isStream ? .stream : .document
        self.dialect = dialect
        skimmer.reset()
        scanner.reset()
        isBroken = false
        hasEnded = false
        found = nil
        fromStart = nil
        eventCount = 0
    }

    func see(_ bytes: UnsafeRawBufferPointer) {
        switch form {
        case .document: seeDocument(bytes)
        case .stream: seeStream(bytes)
        }
    }

    /// The usage object as raw JSON; nil if none was reported.
    func usage() -> [UInt8]? {
        switch form {
        case .document:
            return isBroken ? nil : object(at: 0)
        case .stream:
            guard let found else { return fromStart }
            guard let fromStart else { return found }
            return UsageObjects.merged(fromStart, with: found)
        }
    }

    /// The answer is over. True if it is a stream that was cut short: events came, but none that ends an answer of its
    /// dialect. A half answer must not look like a whole one, and some servers end the body properly when they fail.
    /// An event too large to be read may have been the end: nothing is said of such a stream.
    func finish() -> Bool {
        guard form == .stream else { return false }
        scanner.finish { event in see(event) }
        return dialect != .other && eventCount > 0 && !hasEnded && scanner.skippedEventCount == 0
    }

    private func seeDocument(_ bytes: UnsafeRawBufferPointer) {
        if isBroken { return }
        do { try skimmer.feed(bytes) } catch { isBroken = true }
    }

    private func seeStream(_ bytes: UnsafeRawBufferPointer) {
        scanner.scan(bytes) { event in see(event) }
    }

    private func see(_ event: borrowing EventStreamScanner.Event) {
        guard event.hasData else { return }
        eventCount += 1
        let data = event.data
        if !hasEnded { hasEnded = endsAnswer(event.type, data) }
        if ByteSearch.find("\"usage\"", rare: 4, in: data) != nil { readEvent(data) }
    }

    /// Inside a JSON string every quote is escaped, so these texts can only be members of the event itself.
    private func endsAnswer(_ type: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer) -> Bool {
        switch dialect {
        case .chat:
            return Self.isDone(data) || Self.hasText("\"finish_reason\"", rare: 7, data) || Self.beginsWithError(data)
        case .messages:
            return Self.equals(type, "message_stop") || Self.equals(type, "error")
                || type.isEmpty && Self.contains("\"message_stop\"", rare: 8, data)
        case .responses:
            if Self.equals(type, "error") || Self.isDone(data) { return true }
            let named = type.isEmpty ? data : type
            return Self.contains("response.completed", rare: 8, named)
                || Self.contains("response.failed", rare: 8, named)
                || Self.contains("response.incomplete", rare: 8, named) || type.isEmpty && Self.beginsWithError(data)
        case .other: return true
        }
    }

    private static func isDone(_ data: UnsafeRawBufferPointer) -> Bool { equals(data, "[DONE]") }

    private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && memcmp(bytes.baseAddress!, text.utf8Start, bytes.count) == 0
    }

    private static func contains(_ text: StaticString, rare: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        ByteSearch.find(text, rare: rare, in: bytes) != nil
    }

    /// Whether the event is an error, as providers spell one: an object whose first member is `error`, or whose first
    /// member is `"type": "error"`.
    private static func beginsWithError(_ data: UnsafeRawBufferPointer) -> Bool {
        let start = data.lazy.filter { $0 > 0x20 }.prefix(15)
        return start.prefix(8).elementsEqual("{\"error\"".utf8) || start.elementsEqual("{\"type\":\"error\"".utf8)
    }

    /// Whether a member of that name (given with its quotes) has a string for its value.
    private static func hasText(_ name: StaticString, rare: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = ByteSearch.find(name, rare: rare, in: bytes) else { return false }
        let rest = bytes[(start + name.utf8CodeUnitCount)...].lazy.filter { $0 > 0x20 }.prefix(2)
        return rest.elementsEqual([UInt8(ascii: ":"), UInt8(ascii: "\"")])
    }

    private func readEvent(_ data: UnsafeRawBufferPointer) {
        skimmer.reset()
        do { try skimmer.feed(data) } catch { return }
        if let usage = object(at: 0) ?? object(at: 1) { found = usage }
        if let usage = object(at: 2) { fromStart = usage }
    }

    /// Only objects count: chat streams say `"usage": null` in every event but the last.
    private func object(at index: Int) -> [UInt8]? {
        skimmer.withValue(at: index) { raw in raw.first == UInt8(ascii: "{") ? [UInt8](raw) : nil } ?? nil
    }
}
