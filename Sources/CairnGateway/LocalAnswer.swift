// What the gateway answers itself: /, /health, /metrics. The latter two tell of the machine and its upstreams, so on a
// listener that others can reach they want the admin key; /health without it says only that the gateway lives.

import CairnCore
import CairnHTTP
import CairnSettings

final class LocalAnswer {
    private unowned let owner: LoopService
    private let route: Route
    private let identifier: CallIdentifier

    init(owner: LoopService, route: Route, identifier: CallIdentifier) {
        self.owner = owner
        self.route = route
        self.identifier = identifier
    }

    func give(to call: ServerCall) {
        let isAdmin = mayAdminister(call)
        switch route {
        case .metrics where !isAdmin:
            owner.shard.refused(.adminKeyRequired)
            owner.answer(call, GatewayError(.adminKeyRequired), dialect: .other, identifier: identifier)
        case .metrics: giveMetrics(to: call)
        case .health: giveHealth(to: call, inFull: isAdmin)
        default: giveWelcome(to: call)
        }
    }

    /// With an admin key set, it is asked for everywhere; without one, a loopback listener is open.
    private func mayAdminister(_ call: ServerCall) -> Bool {
        guard let key = owner.shared.settings.adminKey else { return owner.shared.settings.listen.isLoopback }
        let bearer = call.header("authorization").flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
        guard let given = bearer ?? call.header("x-api-key") else { return false }
        return key.matches(given)
    }

    private func giveWelcome(to call: ServerCall) {
        respond(
            call, type: "text/plain; charset=utf-8",
            body: Array(
                "Cairn \(owner.shared.version). The API begins at /v1/; /health tells how the gateway is.\n".utf8))
    }

    private func giveMetrics(to call: ServerCall) {
        let life = LoopConfined((self, call))
        let all = owner.all
        call.perform {
            let counts = await LoopService.counts(of: all)
            let (answer, call) = life.value
            answer.owner.shared.state.connections.store(counts)
            var writer = ByteWriter(capacity: 64 * 1024)
            answer.owner.shared.metrics.write(to: &writer)
            answer.owner.shared.context?.readings.writeMetrics(to: &writer)
            answer.respond(call, type: "text/plain; version=0.0.4; charset=utf-8", body: writer.copyBytes())
        }
    }

    private func giveHealth(to call: ServerCall, inFull: Bool) {
        let life = LoopConfined((self, call))
        let all = owner.all
        call.perform {
            let counts = inFull ? await LoopService.counts(of: all) : []
            let (answer, call) = life.value
            let upstreams = inFull ? await answer.owner.reachability.states(answer.owner) : []
            let body = HealthReport.write(
                answer.owner.shared, counts: counts, upstreams: upstreams, now: call.loop.nowNanoseconds)
            answer.respond(call, type: "application/json", body: body)
        }
    }

    private func respond(_ call: ServerCall, type: String, body: [UInt8]) {
        call.respond(
            status: 200,
            headers: [("content-type", type), ("cache-control", "no-store"), ("x-cairn-call", identifier.description)],
            body: body)
    }
}

extension LoopService {
    /// The connections and calls of every loop, each asked on its own thread.
    static func counts(of all: [LoopService]) async -> [LoopCounts] {
        var counts: [LoopCounts] = []
        for service in all { counts.append(await service.loop.ask { service.loop.counts }) }
        return counts
    }
}

/// The JSON of /health.
enum HealthReport {
    static func write(
        _ shared: SharedService, counts: [LoopCounts], upstreams: [Reachability.State], now: UInt64
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: 2048)
        let isDraining = shared.state.isDraining.load(ordering: .relaxed)
        writer.append("{\"status\":\"")
        writer.append(isDraining ? "draining" : "ok")
        writer.append("\",\"version\":")
        writer.append(quoted: shared.version, bytesMax: 64)
        writer.append(",\"mode\":\"")
        writer.append(shared.settings.mode.rawValue)
        writer.append("\",\"uptime_seconds\":")
        writer.append(decimal: (now &- shared.startedNanoseconds) / 1_000_000_000)
        if !counts.isEmpty {
            writeLoops(counts, to: &writer)
            shared.context?.readings.writeHealth(to: &writer, wallNanoseconds: SystemTime.wallNanoseconds())
        }
        if !upstreams.isEmpty { writeUpstreams(shared, upstreams, now: now, to: &writer) }
        writer.append("}\n")
        return writer.copyBytes()
    }

    private static func writeLoops(_ counts: [LoopCounts], to writer: inout ByteWriter) {
        writer.append(",\"loops\":[")
        for (index, loop) in counts.enumerated() {
            if index > 0 { writer.append(",") }
            writer.append("{\"client_connections\":")
            writer.append(decimal: loop.clientConnections)
            writer.append(",\"calls\":")
            writer.append(decimal: loop.openCalls)
            writer.append(",\"upstream_connections\":")
            writer.append(decimal: loop.upstreamConnections)
            writer.append(",\"idle_upstream_connections\":")
            writer.append(decimal: loop.idleUpstreamConnections)
            writer.append("}")
        }
        writer.append("]")
    }

    private static func writeUpstreams(
        _ shared: SharedService, _ states: [Reachability.State], now: UInt64, to writer: inout ByteWriter
    ) {
        writer.append(",\"upstreams\":[")
        for (index, state) in states.enumerated() {
            let settings = shared.upstreams.upstreams[index].settings
            if index > 0 { writer.append(",") }
            writer.append("{\"name\":")
            writer.append(quoted: settings.name, bytesMax: 256)
            writer.append(",\"provider\":\"")
            writer.append(settings.provider.rawValue)
            writer.append("\",\"url\":")
            writer.append(quoted: settings.url.description, bytesMax: UpstreamURL.bytesMax)
            writer.append(",\"reachable\":")
            writer.append(state.isReachable ? "true" : "false")
            if let failure = state.failure {
                writer.append(",\"failure\":\"")
                writer.append(failure.code)
                writer.append("\"")
            }
            writer.append(",\"checked_seconds_ago\":")
            writer.append(decimal: (now &- state.checkedNanoseconds) / 1_000_000_000)
            writer.append("}")
        }
        writer.append("]")
    }
}
