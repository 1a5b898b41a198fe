// What a translation had to leave out, told in the header `x-cairn-dropped`, in the metric and in the record. Keys of the
// client's request, never values; some are the client's own inventions, so they are bounded and cleaned.

import CairnWire

struct DroppedMembers: Equatable, Sendable {
    /// Members told one by one; the rest is counted.
    static let membersMax = 24
    /// A longer key is cut.
    static let memberBytesMax = 64

    struct Entry: Equatable, Sendable {
        /// Cleaned: no byte in it ends a header line or a JSON string.
        var member: String
        var reason: Loss.Reason
        var count: Int
    }

    private(set) var entries: [Entry] = []
    /// Kinds of losses beyond ``membersMax``.
    private(set) var furtherCount = 0
    /// How often each reason met, indexed as `Loss.Reason.allCases`.
    private(set) var counts = [Int](repeating: 0, count: Loss.Reason.allCases.count)

    init() {}

    init(_ losses: [EncodingReport.CountedLoss]) {
        for loss in losses { add(loss.loss, count: loss.count) }
    }

    mutating func add(_ loss: Loss, count: Int) {
        counts[loss.reason.index] += count
        let member = Self.clean(loss.member)
        if let index = entries.firstIndex(where: { $0.member == member && $0.reason == loss.reason }) {
            entries[index].count += count
        } else if entries.count < Self.membersMax {
            entries.append(Entry(member: member, reason: loss.reason, count: count))
        } else {
            furtherCount += 1
        }
    }

    /// `member;reason, member;reason`; nil if nothing was dropped.
    var field: String? {
        guard !entries.isEmpty else { return nil }
        let told = entries.map { "\($0.member);\($0.reason.name)" } + (furtherCount > 0 ? ["+\(furtherCount)"] : [])
        return told.joined(separator: ", ")
    }

    /// Only what stands in paths of JSON keys stays.
    private static func clean(_ member: String) -> String {
        let allowed: (UInt8) -> Bool = { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "_.-[]:$".utf8.contains(byte)
            }
        }
        return String(
            decoding: member.utf8.prefix(memberBytesMax).map { allowed($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}

extension Loss.Reason {
    /// Its place in `allCases`.
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
