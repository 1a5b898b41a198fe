// Turns that a client does not know: the model asked for what was left out, the gateway answered, and the client saw one
// message. When the client sends that message back, the hidden turns leave in front of it or in its place, so that the prompt
// goes on from what the model was really asked with.
//
//     asked         X  A1(text, call)  R  A2(text, calls)
//     client knows  X  M(text text, calls)
//     emitted       X  [A1, R, M without the text of A1]           [ ]: the emission of one turn of the client
//
// Kept under the link the call's prompt ended at (X), in the store as a decision with a name that is no handle, until the
// message comes; from then on its emission holds them. A message that is another one leaves as it came.

import CairnCore
import CairnWire

/// The hidden turns of one call, in the client's dialect.
public struct HiddenTurns: Sendable, Equatable {
    /// What the client was shown of them, in order.
    enum Shown: Sendable, Equatable {
        case thinking(String)
        case text(String)
        /// A call of its own: the identifier.
        case call(String)
    }

    /// Elements joined by commas.
    private(set) var elements: [UInt8] = []
    private(set) var shown: [Shown] = []
    /// The last turn has calls of the client's own: the message ends with it.
    private(set) var endsMessage = false

    public init() {}

    /// Of the turns as elements.
    public var byteCount: Int { elements.count }

    /// Adds a turn of the assistant and the results of its hidden calls.
    public mutating func append(_ turn: HiddenTurn, results: [UInt8], endsMessage: Bool) {
        for piece in [turn.elements, results] where !piece.isEmpty {
            if !elements.isEmpty { elements.append(UInt8(ascii: ",")) }
            elements += piece
        }
        shown += turn.shown.map { piece in
            switch piece {
            case .thinking(let content): .thinking(Self.text(content))
            case .text(let content): .text(Self.text(content))
            case .call(let content): .call(Self.text(content))
            }
        }
        self.endsMessage = endsMessage
    }

    private static func text(_ content: [UInt8]) -> String {
        content.withUnsafeBytes { (try? JSONText.unescape($0)) ?? String(decoding: $0, as: UTF8.self) }
    }

    // MARK: in a request

    /// A request's body with the hidden turns behind its last one; nil if it has no list of turns.
    public func appended(to body: UnsafeRawBufferPointer, _ dialect: Dialect) -> [UInt8]? {
        let key: StaticString = dialect == .responses ? "input" : "messages"
        guard let range = try? JSONSkimmer.member(key, of: body) else { return nil }
        let list = body[range]
        var out: [UInt8] = []
        out.reserveCapacity(body.count + elements.count + 64)
        out += body[..<range.lowerBound]
        if list.first == UInt8(ascii: "\"") {
            // The short form of responses: one text of the user.
            out += Array(#"[{"role":"user","content":"#.utf8) + list + Array("},".utf8)
        } else {
            guard list.first == UInt8(ascii: "["), list.last == UInt8(ascii: "]") else { return nil }
            out += list.dropLast()
            if list.dropFirst().dropLast().contains(where: { $0 > 0x20 }) { out.append(UInt8(ascii: ",")) }
        }
        out += elements
        out.append(UInt8(ascii: "]"))
        out += body[range.upperBound...]
        return out
    }
}

// Stored form: {"version":1,"ends":false,"shown":[{"text":"..."},{"call":"..."}],"turns":[A1,R,...]}
extension HiddenTurns {
    /// Under which name the turns behind a link are found. No handle has this form.
    public static func name(behind chain: Fingerprint) -> String { "turns-\(chain)" }

    static let strategy = StrategyName("cairn_expand", version: 1)

    /// What the store keeps: the blob, and the decision that leads to it.
    public func records(
        behind chain: Fingerprint, of session: SessionIdentifier, wallNanoseconds: UInt64
    ) -> StorageBatch {
        let blob = BlobRecord(stored)
        return StorageBatch(
            blobs: [blob],
            decisions: [
                DecisionRecord(
                    handle: Self.name(behind: chain), session: session, chain: chain, partIndex: 0,
                    strategy: Self.strategy.name, strategyVersion: Self.strategy.version, original: blob.digest,
                    emitted: blob.digest, reason: "the model asked", priceNanodollars: 0,
                    wallNanoseconds: wallNanoseconds)
            ])
    }

    var stored: [UInt8] {
        let pieces = shown.map { piece in
            switch piece {
            case .thinking(let text): Array(#"{"thinking":"#.utf8) + JSONText.quoted(text)
            case .text(let text): Array(#"{"text":"#.utf8) + JSONText.quoted(text)
            case .call(let text): Array(#"{"call":"#.utf8) + JSONText.quoted(text)
            }
        }
        return Array("{\"version\":1,\"ends\":\(endsMessage),\"shown\":[".utf8)
            + pieces.map { $0 + [UInt8(ascii: "}")] }.joined(separator: [UInt8(ascii: ",")])
            + Array("],\"turns\":[".utf8) + elements + Array("]}".utf8)
    }

    /// nil for bytes that are no stored form of a version this build knows.
    public init?(stored bytes: [UInt8]) {
        guard let document = try? JSONDocument(bytes), let version = document.member("version", of: 0),
            document.text[document[version].range].elementsEqual("1".utf8), let ends = document.member("ends", of: 0),
            let list = document.member("shown", of: 0), let turns = document.member("turns", of: 0),
            document[turns].kind == .array
        else { return nil }
        elements = Array(document.text[document[turns].range].dropFirst().dropLast())
        endsMessage = document[ends].kind == .true
        var read: [Shown] = []
        document.forEachChild(of: list) { piece in
            func text(_ key: StaticString) -> String? {
                document.member(key, of: piece).flatMap { try? document.string($0) }
            }
            if let content = text("text") {
                read.append(.text(content))
            } else if let content = text("thinking") {
                read.append(.thinking(content))
            } else if let content = text("call") {
                read.append(.call(content))
            }
        }
        shown = read
    }
}
