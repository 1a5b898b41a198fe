// Whether the upstreams can be reached, for /health. Asked of the network only when somebody asks us, and then at most
// once in a while: a HEAD request without a key, for which any answer at all is a yes.

import CairnHTTP

/// What one loop knows of its upstreams. Belongs to that loop.
final class Reachability {
    /// An answer younger than this is given again.
    static let keptNanoseconds: UInt64 = 10_000_000_000
    /// An upstream that does not answer for so long is called unreachable.
    static let probeMilliseconds: UInt64 = 2000

    struct State: Sendable {
        var isReachable: Bool
        var failure: GatewayError.Kind?
        var checkedNanoseconds: UInt64
    }

    private var states: [State?]

    init(upstreamCount: Int) { states = Array(repeating: nil, count: upstreamCount) }

    /// A call could not reach the upstream, or lost it.
    func failed(_ index: Int, _ kind: GatewayError.Kind, at now: UInt64) {
        switch kind {
        case .upstreamRefused, .upstreamNameNotFound, .upstreamTLS, .upstreamConnectTimeout, .upstreamProxyRefused:
            states[index] = State(isReachable: false, failure: kind, checkedNanoseconds: now)
        default: break
        }
    }

    /// The state of every upstream; those not known lately are asked, all at the same time.
    func states(_ owner: LoopService) async -> [State] {
        let now = owner.loop.nowNanoseconds
        let probes = owner.origins.indices.map { index -> Probe? in
            if let known = states[index], now &- known.checkedNanoseconds < Self.keptNanoseconds { return nil }
            return Probe(owner, upstreamIndex: index)
        }
        for (index, probe) in probes.enumerated() {
            guard let probe else { continue }
            let failure = await probe.result()
            states[index] = State(
                isReachable: failure == nil, failure: failure, checkedNanoseconds: owner.loop.nowNanoseconds)
        }
        return states.map { $0 ?? State(isReachable: false, failure: nil, checkedNanoseconds: now) }
    }
}

/// One HEAD request that is given up after a while.
private final class Probe: FetchHandler, @unchecked Sendable {
    // Sendable: used on its loop's thread only; the timer and the waiting task run there too.
    private var fetch: Fetch?
    private var failure: GatewayError.Kind?
    private var isDone = false
    private var waiting: UnsafeContinuation<Void, Never>?

    init(_ owner: LoopService, upstreamIndex: Int) {
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        let target = upstream.pathPrefix + Array("/".utf8)
        fetch = target.withUnsafeBytes { path in
            upstream.host.withUnsafeBytes { host in
                Array("HEAD".utf8).withUnsafeBytes { method in
                    Fetch(
                        owner.origins[upstreamIndex],
                        FetchRequest(
                            method: method, target: path, host: host,
                            fieldLines: UnsafeRawBufferPointer(start: nil, count: 0), body: nil),
                        handler: self)
                }
            }
        }
        if fetch == nil { done(.outOfMemory) }
        owner.loop.after(milliseconds: Reachability.probeMilliseconds) { self.done(.upstreamConnectTimeout) }
    }

    /// Nil: it answered.
    func result() async -> GatewayError.Kind? {
        if !isDone { await withUnsafeContinuation { waiting = $0 } }
        return failure
    }

    private func done(_ failure: GatewayError.Kind?) {
        guard !isDone else { return }
        isDone = true
        self.failure = failure
        fetch?.cancel()
        fetch = nil
        waiting?.resume()
        waiting = nil
    }

    func fetchHead(_ fetch: Fetch) {}
    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {}
    func fetchEnded(_ fetch: Fetch) { done(nil) }
    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) { done(failure.kind) }
}
