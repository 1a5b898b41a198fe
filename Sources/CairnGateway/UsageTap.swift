// Watches an answer go by and keeps the usage object that the provider reported. It never changes or delays a byte; what
// it cannot read it lets pass.
//
// Where usage stands:
//     a whole answer, any dialect        {"usage": {...}}
//     chat stream                        the last event, {"usage": {...}} (null in the others)
//     responses stream                   response.completed, {"response": {"usage": {...}}}
//     messages stream                    message_start, {"message": {"usage": {...}}}; message_delta, {"usage": {...}}

import CairnCore
import Glibc

/// Used for one answer after the other: `begin`, `see` for each piece, `usage` at the end.
final class UsageTap {
    /// A larger usage object is not kept.
    static let usageBytesMax = 4096
    /// Taps kept by a loop for the next calls.
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
    private var skimmer = JSONSkimmer(plan: UsageTap.plan)
    private var scanner = EventStreamScanner()
    private var isBroken = false
    private var found: [UInt8]?
    private var fromStart: [UInt8]?
    /// Events with data that went by; the `sequence_number` of the next one in a responses stream.
    private(set) var eventCount = 0

    /// Gets ready for another answer.
    func begin(isStream: Bool) {
        form = isStream ? .stream : .document
        skimmer.reset()
        scanner.reset()
        isBroken = false
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
            return UsageMerge.merged(fromStart, with: found)
        }
    }

    private func seeDocument(_ bytes: UnsafeRawBufferPointer) {
        if isBroken { return }
        do { try skimmer.feed(bytes) } catch { isBroken = true }
    }

    private func seeStream(_ bytes: UnsafeRawBufferPointer) {
        scanner.scan(bytes) { event in
            guard event.hasData else { return }
            eventCount += 1
            let data = event.data
            if Self.mayHoldUsage(data) { readEvent(data) }
        }
    }

    /// Most events hold text alone; a look for the letter pair that few texts have tells them apart.
    private static func mayHoldUsage(_ data: UnsafeRawBufferPointer) -> Bool {
        guard var at = data.baseAddress else { return false }
        let end = at + data.count
        while let quote = memchr(at, Int32(UInt8(ascii: "u")), end - at) {
            let rest = end - UnsafeRawPointer(quote)
            if rest >= 6, memcmp(quote, "usage\"", 6) == 0 { return true }
            at = UnsafeRawPointer(quote) + 1
        }
        return false
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

/// Anthropic reports usage in two events: input and cache at the start, output at the end.
enum UsageMerge {
    /// `first` with the members of `second` in place of its own of the same name, others added behind. Both are JSON
    /// objects as a provider sent them; anything else leaves `second` as it is.
    static func merged(_ first: [UInt8], with second: [UInt8]) -> [UInt8] {
        guard let old = members(of: first), let new = members(of: second) else { return second }
        var result: [UInt8] = [UInt8(ascii: "{")]
        func add(_ bytes: ArraySlice<UInt8>) {
            if result.count > 1 { result.append(UInt8(ascii: ",")) }
            result.append(contentsOf: bytes)
        }
        for member in old {
            let replacement = new.first { second[$0.key] == first[member.key] }
            add(replacement.map { second[$0.whole] } ?? first[member.whole])
        }
        for member in new where !old.contains(where: { first[$0.key] == second[member.key] }) {
            add(second[member.whole])
        }
        result.append(UInt8(ascii: "}"))
        return result
    }

    private struct Member {
        var key: Range<Int>
        var whole: Range<Int>
    }

    /// The top-level members; nil if the bytes do not look like an object. Linear, no recursion.
    private static func members(of object: [UInt8]) -> [Member]? {
        guard object.first == UInt8(ascii: "{"), object.last == UInt8(ascii: "}") else { return nil }
        var members: [Member] = []
        var depth = 0
        var isInString = false
        var start = 1
        var key: Range<Int>?
        var stringStart = 0
        var index = 1
        while index < object.count {
            let byte = object[index]
            if isInString {
                if byte == UInt8(ascii: "\\") { index += 1 }
                if byte == UInt8(ascii: "\"") {
                    isInString = false
                    if depth == 0 && key == nil { key = stringStart..<index + 1 }
                }
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
                stringStart = index
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
            } else if depth == 0 && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")) {
                if let key { members.append(Member(key: key, whole: key.lowerBound..<trimmedEnd(object, start, index))) }
                key = nil
                start = index + 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
            }
            index += 1
        }
        return isInString || depth != 0 ? nil : members
    }

    private static func trimmedEnd(_ object: [UInt8], _ start: Int, _ end: Int) -> Int {
        var end = end
        while end > start, [0x20, 0x09, 0x0a, 0x0d].contains(object[end - 1]) { end -= 1 }
        return end
    }
}
