// Kept responses that outlive the process: those of memory first, the others from the store.
//
// A response is one blob: {"object":{...},"input":[...],"output":[...]}, every value as it was spelled. The store deletes
// nothing, so a deletion is a record of its own, under the identifier with a prefix that no identifier has.

import CairnContext
import CairnCore

final class StoredResponses: ResponseStorage {
    /// As long as OpenAI keeps responses (platform.openai.com, conversation state).
    static let keptDays: UInt64 = 30

    /// Deletions known by heart, because the store has them a moment later. The oldest are forgotten.
    static let deletedMax = 4096

    private static let deletedPrefix = "deleted:"

    private let memory = ResponseMemory()
    private let storage: any ContextStorage
    private let salt: [UInt8]
    private let now: @Sendable () -> UInt64
    private let deleted = Locked<[String]>([])

    /// `salt`: the secret of this home, so that a stored digest tells nothing of a key. `now`: nanoseconds since 1970.
    init(_ storage: any ContextStorage, salt: [UInt8], now: @escaping @Sendable () -> UInt64) {
        self.storage = storage
        self.salt = salt
        self.now = now
    }

    func keep(_ response: KeptResponse) {
        memory.keep(response)
        let blob = BlobRecord(Self.document(response))
        storage.append(
            StorageBatch(blobs: [blob], responses: [record(response.identifier, response.caller, blob: blob.digest)]))
    }

    /// - Complexity: two or three look-ups on the disk for a response that memory does not have.
    func response(_ identifier: String, of caller: CallerDigest) -> KeptResponse? {
        if let kept = memory.response(identifier, of: caller) { return kept }
        guard let record = stored(identifier, of: caller), let bytes = try? storage.blob(record.blob),
            let kept = Self.response(identifier, caller, bytes)
        else { return nil }
        memory.keep(kept)
        return kept
    }

    func remove(_ identifier: String, of caller: CallerDigest) -> Bool {
        let wasInMemory = memory.remove(identifier, of: caller)
        guard wasInMemory || stored(identifier, of: caller) != nil else { return false }
        deleted.withLock { deleted in
            if deleted.count >= Self.deletedMax { deleted.removeFirst(Self.deletedMax / 2) }
            deleted.append(identifier)
        }
        let nothing = BlobRecord([])
        storage.append(
            StorageBatch(
                blobs: [nothing], responses: [record(Self.deletedPrefix + identifier, caller, blob: nothing.digest)]))
        return true
    }

    /// The stored record, if it is this caller's, not deleted and not too old.
    private func stored(_ identifier: String, of caller: CallerDigest) -> ResponseRecord? {
        guard !identifier.hasPrefix(Self.deletedPrefix), !deleted.withLock({ $0.contains(identifier) }),
            let record = try? storage.response(id: identifier),
            record.ownerKeyHash == caller.stored(salt), record.expiresNanoseconds ?? .max > now(),
            (try? storage.response(id: Self.deletedPrefix + identifier)) == .some(nil)
        else { return nil }
        return record
    }

    private func record(_ identifier: String, _ caller: CallerDigest, blob: Fingerprint) -> ResponseRecord {
        let created = now()
        return ResponseRecord(
            id: identifier, session: SessionIdentifier(high: 0, low: 0), ownerKeyHash: caller.stored(salt),
            createdNanoseconds: created, expiresNanoseconds: created + Self.keptDays * 86_400_000_000_000, blob: blob)
    }

    // MARK: the stored form

    private static func document(_ response: KeptResponse) -> [UInt8] {
        var out = ByteWriter(capacity: response.bytes)
        out.append("{\"object\":")
        out.append(response.object)
        out.append(",\"input\":[")
        append(response.input, to: &out)
        out.append("],\"output\":[")
        append(response.output, to: &out)
        out.append("]}")
        return out.copyBytes()
    }

    private static func append(_ items: [ResponseItem], to out: inout ByteWriter) {
        for (index, item) in items.enumerated() {
            if index > 0 { out.append(",") }
            out.append(item.bytes)
        }
    }

    private static func response(_ identifier: String, _ caller: CallerDigest, _ bytes: [UInt8]) -> KeptResponse? {
        guard let document = try? JSONDocument(bytes), let object = document.member("object", of: 0),
            let input = document.member("input", of: 0), let output = document.member("output", of: 0)
        else { return nil }
        return KeptResponse(
            identifier: identifier, caller: caller, object: Array(bytes[document[object].range]),
            input: items(document, input), output: items(document, output))
    }

    private static func items(_ document: borrowing JSONDocument, _ list: Int) -> [ResponseItem] {
        var items: [ResponseItem] = []
        document.forEachChild(of: list) { items.append(ResponseItem(Array(document.text[document[$0].range]))) }
        return items
    }
}
