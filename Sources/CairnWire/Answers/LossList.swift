// What one answer lost on its way, each thing once. Readers and writers add to it, the translator shows it.

/// Losses in the order they were met first.
struct LossList: Sendable {
    /// Names may come from the upstream, so their number is bounded; what is beyond goes uncounted.
    static let lossesMax = 32
    /// A longer name is cut.
    static let nameBytesMax = 64

    private(set) var all: [Loss] = []

    mutating func add(_ member: String, _ reason: Loss.Reason) {
        guard all.count < Self.lossesMax, !all.contains(where: { $0.member == member && $0.reason == reason }) else {
            return
        }
        all.append(Loss(member, reason))
    }

    /// A name from the wire: a content. Characters that stand in no name of a wire API become `?`.
    mutating func add(named content: UnsafeRawBufferPointer, _ reason: Loss.Reason) {
        let name = content.prefix(Self.nameBytesMax).map { byte in
            let isPlain = byte.isASCIIAlphanumeric || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            return isPlain ? byte : UInt8(ascii: "?")
        }
        add(String(decoding: name, as: UTF8.self), reason)
    }

    mutating func add(foreignPartsOf draft: borrowing AnswerDraft) {
        for part in draft.parts {
            if case .foreign = part.kind { part.name.withUnsafeBytes { add(named: $0, .noCounterpart) } }
        }
    }

    mutating func add(_ more: LossList) {
        for loss in more.all { add(loss.member, loss.reason) }
    }
}
