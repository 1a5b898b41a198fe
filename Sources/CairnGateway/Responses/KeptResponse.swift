// Responses that the gateway keeps for upstreams that keep none: what `previous_response_id` continues from and what
// GET /v1/responses/{id} shows. Written by the answer's capture, read by the next request and by the routes.

import CairnCore

/// One finished response.
struct KeptResponse: Sendable {
    /// `resp_` and 128 random bits in hexadecimal.
    let identifier: String
    /// Whose it is; nobody else learns that it exists.
    let caller: CallerDigest
    /// The response object as the client got it.
    let object: [UInt8]
    /// What the model was asked with: the items of the conversation so far, then the request's own.
    let input: [ResponseItem]
    /// What it answered.
    let output: [ResponseItem]

    /// About the memory it holds. Items that several responses share are counted in each.
    var bytes: Int {
        let items = (input + output).reduce(0) { $0 + $1.bytes.count + 64 }
        return 256 + object.count + items
    }
}

/// An item of a conversation: a JSON object. Shared by all responses it belongs to.
final class ResponseItem: Sendable {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// A caller, known by a digest of the key. The key itself is not kept.
struct CallerDigest: Hashable, Sendable {
    private let digest: Fingerprint

    init(_ credentials: Credentials) {
        var identity = credentials.identity
        digest = identity.withUTF8 { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    }

    /// The form that may stand on a disk: not to be turned round, and of no use without the salt.
    func stored(_ salt: [UInt8]) -> Fingerprint {
        var sum = SHA256()
        sum.update(salt)
        sum.update(digest.stored)
        let half = sum.finishHalf()
        return Fingerprint(high: half.high, low: half.low)
    }
}

/// A place for responses. Any thread.
protocol ResponseStorage: Sendable {
    func keep(_ response: KeptResponse)
    /// The response, if this caller made it.
    func response(_ identifier: String, of caller: CallerDigest) -> KeptResponse?
    /// Whether there was one of this caller.
    func remove(_ identifier: String, of caller: CallerDigest) -> Bool
}

/// Responses in memory, the oldest of which go when there are too many.
final class ResponseMemory: ResponseStorage {
    /// Responses of all callers.
    static let countMax = 8192
    /// Their bytes, together.
    static let bytesMax = 268_435_456

    private struct State {
        var responses: [String: KeptResponse] = [:]
        /// Identifiers by age, from `first` on; removed ones stay until they are the oldest.
        var ages: [String] = []
        var first = 0
        var bytes = 0
    }

    private let state = Locked(State())

    func keep(_ response: KeptResponse) {
        guard response.bytes <= Self.bytesMax else { return }
        state.withLock { state in
            state.bytes += response.bytes
            state.responses[response.identifier] = response
            state.ages.append(response.identifier)
            while state.responses.count > Self.countMax || state.bytes > Self.bytesMax { Self.forgetOldest(&state) }
            if state.ages.count - state.responses.count > Self.countMax { Self.compact(&state) }
        }
    }

    func response(_ identifier: String, of caller: CallerDigest) -> KeptResponse? {
        state.withLock { $0.responses[identifier].flatMap { $0.caller == caller ? $0 : nil } }
    }

    func remove(_ identifier: String, of caller: CallerDigest) -> Bool {
        state.withLock { state in
            guard let kept = state.responses[identifier], kept.caller == caller else { return false }
            state.responses[identifier] = nil
            state.bytes -= kept.bytes
            return true
        }
    }

    private static func forgetOldest(_ state: inout State) {
        let oldest = state.ages[state.first]
        state.first += 1
        if let kept = state.responses.removeValue(forKey: oldest) { state.bytes -= kept.bytes }
    }

    /// Lets go of identifiers that are not kept any more.
    private static func compact(_ state: inout State) {
        let responses = state.responses
        state.ages.removeAll { responses[$0] == nil }
        state.first = 0
    }
}
