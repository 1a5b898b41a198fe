// Where Anthropic's cache breakpoints go for clients that set none (platform.claude.com, prompt caching): at most four, each
// found again by a look-back of 20 blocks, from a minimum prefix on. What is marked is the end of
//
//     tools and system          what every session of this agent shares
//     the last call's prompt    so that the entry it wrote is found, however many blocks came since
//     this call's prompt        what the next call will read; in front of the texts that are true for this call only
//
// A client's own marks are left where they are, and put back where an emission without marks replaced its turn.

import CairnCore
import CairnWire

/// How long an entry shall live.
public enum CacheLifetime: UInt8, Sendable, CaseIterable {
    case fiveMinutes = 1
    case oneHour = 2

    /// The cheaper lifetime for an entry that grows. One hour costs 2.0 instead of 1.25 for every new token; five minutes
    /// cost 1.25 instead of 0.1 for the whole prefix after each pause that is longer than five minutes and shorter than
    /// an hour. Shares of calls behind such a pause, bytes or tokens alike.
    public static func choose(prefix: Int, new: Int, longPauseShare: Double) -> CacheLifetime {
        longPauseShare * 1.15 * Double(prefix) > 0.75 * Double(new) ? .oneHour : .fiveMinutes
    }

    /// The mark as a value.
    var hint: [UInt8] {
        switch self {
        case .fiveMinutes: Array(#"{"type":"ephemeral"}"#.utf8)
        case .oneHour: Array(#"{"type":"ephemeral","ttl":"1h"}"#.utf8)
        }
    }
}

public struct BreakpointPlan: Sendable, Equatable {
    public static let marksMax = 4

    public enum Place: Sendable, Equatable, Hashable {
        case tools
        case turn(Int)
    }

    public var places: [Place] = []
    public var lifetime = CacheLifetime.fiveMinutes

    /// No marks.
    public init() {}

    /// Marks for a prompt of a client that set none.
    /// - Parameters:
    ///   - prefixBytesMin: shorter prefixes are not cached by the model.
    ///   - longPauseShare: see ``CacheLifetime/choose(prefix:new:longPauseShare:)``.
    static func own(
        roles: [Turn.Role], emitted: PromptOutline, hasTools: Bool, knownTurnCount: Int, commonBytes: Int,
        prefixBytesMin: Int, longPauseShare: Double
    ) -> BreakpointPlan {
        var plan = BreakpointPlan()
        let systemCount = roles.prefix { $0 == .system || $0 == .developer }.count
        var candidates: [(place: Place, entry: Int)] = []
        let first = hasTools ? 1 : 0
        if systemCount > 0 {
            candidates.append((.turn(systemCount - 1), first + systemCount - 1))
        } else if hasTools {
            candidates.append((.tools, 0))
        }
        // The newest turn of a stretch that leaves anything: one that was left out ends nothing.
        for (start, end) in [(systemCount, knownTurnCount), (max(systemCount, knownTurnCount), roles.count)] {
            guard start < end, let turn = (start..<end).last(where: { emitted.byteCounts[first + $0] > 0 }) else {
                continue
            }
            candidates.append((.turn(turn), first + turn))
        }
        var bytes = 0
        var entry = 0
        for candidate in candidates {
            while entry <= candidate.entry, entry < emitted.byteCounts.count {
                bytes += emitted.byteCounts[entry]
                entry += 1
            }
            if bytes >= prefixBytesMin { plan.places.append(candidate.place) }
        }
        let total = emitted.byteCount
        plan.lifetime = .choose(prefix: total, new: max(1, total - commonBytes), longPauseShare: longPauseShare)
        return plan
    }
}

extension CacheHints {
    /// What a turn or system prompt of the messages dialect leaves as, with a mark on the last block that may carry one; nil
    /// where no block may. `hint`: the value of cache_control. `skipping`: this many blocks at the end are left behind the
    /// mark.
    static func marked(
        _ turn: UnsafeBufferPointer<UInt8>, with hint: [UInt8], skipping skipped: Int = 0
    ) -> [UInt8]? {
        guard let elements = ElementSequence(turn) else { return nil }
        for element in elements.nodes.reversed() {
            let skipped = element == elements.nodes.last ? skipped : 0
            guard let edits = mark(elements.document, element, hint, skipping: skipped) else { continue }
            return (try? elements.document.spliced(edits)).map { Array($0.dropFirst().dropLast()) }
        }
        return nil
    }

    private static func mark(
        _ document: borrowing JSONDocument, _ element: Int, _ hint: [UInt8], skipping skipped: Int
    ) -> [JSONDocument.Edit]? {
        let content = document[element].kind == .object ? document.member("content", of: element) : element
        guard let content else { return nil }
        let range = document[content].range
        switch document[content].kind {
        case .string where range.count > 2:
            let front = range.lowerBound..<range.lowerBound
            let back = range.upperBound..<range.upperBound
            return [
                JSONDocument.Edit(front, with: Array("[{\"type\":\"text\",\"text\":".utf8)),
                JSONDocument.Edit(back, with: member(hint) + Array("}]".utf8)),
            ]
        case .array:
            var blocks: [Int] = []
            document.forEachChild(of: content) { blocks.append($0) }
            guard let block = blocks.dropLast(skipped).last(where: { mayCarryMark(document, block: $0) }) else {
                return nil
            }
            let end = document[block].range.upperBound - 1
            return [JSONDocument.Edit(end..<end, with: member(hint))]
        default: return nil
        }
    }

    private static func member(_ hint: [UInt8]) -> [UInt8] { Array(",\"cache_control\":".utf8) + hint }

    /// A tool with a mark; nil for what is no object.
    static func marked(tool: UnsafeBufferPointer<UInt8>, with hint: [UInt8]) -> [UInt8]? {
        guard tool.count > 2, tool[0] == UInt8(ascii: "{"), tool[tool.count - 1] == UInt8(ascii: "}") else {
            return nil
        }
        var out = ByteWriter(capacity: tool.count + 128)
        out.append(UnsafeBufferPointer(rebasing: tool[..<(tool.count - 1)]))
        out.append(member(hint))
        out.append("}")
        return out.copyBytes()
    }

    /// Thinking and empty texts cannot be marked.
    private static func mayCarryMark(_ document: borrowing JSONDocument, block: Int) -> Bool {
        guard document[block].kind == .object, document[block].childCount > 0,
            document.member("cache_control", of: block) == nil, let type = document.member("type", of: block)
        else { return false }
        let name = document.text[document[type].range]
        if name.elementsEqual("\"thinking\"".utf8) || name.elementsEqual("\"redacted_thinking\"".utf8) { return false }
        guard name.elementsEqual("\"text\"".utf8) else { return true }
        return document.member("text", of: block).map { document[$0].range.count > 2 } ?? false
    }
}
