import Foundation
import Synchronization
import Testing

@testable import CairnGateway

@Suite struct HistogramScaleTests {
    @Test(arguments: [HistogramScale.calls, .ownWork])
    func `the quick search finds the bucket that a slow search finds`(scale: HistogramScale) {
        let bounds = (0..<scale.boundCount).map(scale.bound)
        let edges = bounds.flatMap { [$0 - 1, $0, $0 + 1] } + [0, 1, 2, .max, .max - 1]
        let powers = (0..<64).flatMap { [UInt64(1) << $0, (UInt64(1) << $0) - 1, (UInt64(1) << $0) + 1] }
        let random = (0..<20_000).map { _ in UInt64.random(in: 0...UInt64.max) >> UInt64.random(in: 0...63) }

        for value in edges + powers + random {
            let slow = bounds.firstIndex { value <= $0 } ?? bounds.count
            #expect(scale.bucket(of: value) == slow, "\(value)")
        }
    }

    @Test func `the scales reach from microseconds to ten minutes`() {
        #expect(HistogramScale.ownWork.bound(0) == 5_000)
        #expect(HistogramScale.calls.bound(0) == 50_000)
        #expect(HistogramScale.calls.bound(HistogramScale.calls.boundCount - 1) == 600_000_000_000)
    }

    @Test func `bounds that are too close are a programming error`() async {
        await #expect(processExitsWith: .failure) { _ = HistogramScale(nanoseconds: [5, 9]) }
    }
}

@Suite struct GatewayMetricsTests {
    private func metrics(upstreams: [String] = ["main", "spare"], loopCount: Int = 2) -> GatewayMetrics {
        GatewayMetrics(
            upstreams: upstreams, loopCount: loopCount, version: "1.2.3",
            startWallNanoseconds: 1_700_000_000_500_000_000
        ) { GatewayMetrics.Readings(downstreamConnections: 11, upstreamConnections: 4, usageRecordsDropped: 3) }
    }

    private func text(_ metrics: GatewayMetrics) -> String { written { metrics.write(to: &$0) } }

    private static let call = FinishedCall(
        route: .chatCompletions, upstreamIndex: 0, status: 200, requestBytes: 2048, responseBytes: 635,
        addedNanoseconds: 42_000, firstByteNanoseconds: 10_100_000, durationNanoseconds: 12_345_678)
    private static let series = ["route": "chat_completions", "upstream": "main"]

    @Test func `a fresh gateway shows its totals and no series`() throws {
        let parsed = try PrometheusText(parsing: text(metrics()))

        #expect(parsed.value("cairn_calls_in_flight") == 0)
        #expect(parsed.value("cairn_faults_total") == 0)
        #expect(parsed.value("cairn_usage_records_dropped_total") == 3)
        #expect(parsed.value("cairn_connections", ["side": "downstream"]) == 11)
        #expect(parsed.value("cairn_connections", ["side": "upstream"]) == 4)
        #expect(parsed.value("cairn_build_info", ["version": "1.2.3"]) == 1)
        #expect(parsed.value("process_start_time_seconds") == 1_700_000_000.5)
        #expect(parsed.samples.count == 7)
        #expect(
            Set(parsed.types.keys).isSuperset(of: [
                "cairn_calls_total", "cairn_request_bytes_total", "cairn_response_bytes_total",
                "cairn_added_latency_seconds", "cairn_time_to_first_byte_seconds", "cairn_call_duration_seconds",
                "cairn_upstream_errors_total", "cairn_refusals_total",
            ]))
    }

    @Test func `calls of all loops are summed`() throws {
        let metrics = metrics()
        for shard in metrics.shards {
            shard.callStarted()
            shard.callStarted()
            shard.callFinished(Self.call)
        }

        let parsed = try PrometheusText(parsing: text(metrics))

        #expect(parsed.value("cairn_calls_total", Self.series.merging(["class": "2xx"]) { $1 }) == 2)
        #expect(parsed.value("cairn_request_bytes_total", Self.series) == 4096)
        #expect(parsed.value("cairn_response_bytes_total", Self.series) == 1270)
        #expect(parsed.value("cairn_calls_in_flight") == 2)
        #expect(parsed.value("cairn_added_latency_seconds_sum", Self.series) == 0.000084)
        #expect(parsed.value("cairn_call_duration_seconds_count", Self.series) == 2)
        let bucket = { (le: String) in
            parsed.value("cairn_added_latency_seconds_bucket", Self.series.merging(["le": le]) { $1 })
        }
        #expect(bucket("0.000025") == 0)
        #expect(bucket("0.00005") == 2)
        #expect(bucket("+Inf") == 2)
    }

    @Test(arguments: [
        (UInt16(0), "none"), (100, "1xx"), (204, "2xx"), (302, "3xx"), (429, "4xx"), (599, "5xx"), (600, "none"),
        (65535, "none"),
    ])
    func `statuses are counted by class`(status: UInt16, label: String) throws {
        let metrics = metrics()
        var call = Self.call
        call.status = status
        metrics.shards[0].callFinished(call)

        let parsed = try PrometheusText(parsing: text(metrics))

        #expect(parsed.value("cairn_calls_total", Self.series.merging(["class": label]) { $1 }) == 1)
        #expect(parsed.samples.count { $0.name == "cairn_calls_total" } == 1)
    }

    @Test func `a call without an upstream or a first byte has no wait for one`() throws {
        let metrics = metrics()
        var call = Self.call
        (call.route, call.upstreamIndex, call.firstByteNanoseconds) = (.health, nil, nil)
        metrics.shards[1].callFinished(call)

        let parsed = try PrometheusText(parsing: text(metrics))
        let labels = ["route": "health", "upstream": ""]

        #expect(parsed.value("cairn_call_duration_seconds_count", labels) == 1)
        #expect(parsed.value("cairn_time_to_first_byte_seconds_count", labels) == nil)
    }

    @Test func `errors, refusals and faults are counted by their names`() throws {
        let metrics = metrics()
        metrics.shards[0].upstreamFailed(upstreamIndex: 1, kind: .upstreamReset)
        metrics.shards[1].upstreamFailed(upstreamIndex: 1, kind: .upstreamReset)
        metrics.shards[0].refused(.foreignHost)
        metrics.shards[1].failedOpen()
        metrics.shards[0].dropped([0, 2, 0, 1])
        metrics.shards[1].dropped([0, 3, 0, 0])

        let parsed = try PrometheusText(parsing: text(metrics))

        #expect(parsed.value("cairn_upstream_errors_total", ["upstream": "spare", "kind": "upstream_reset"]) == 2)
        #expect(parsed.value("cairn_refusals_total", ["reason": "foreign_host"]) == 1)
        #expect(parsed.value("cairn_faults_total") == 1)
        #expect(parsed.value("cairn_dropped_members_total", ["reason": "bound"]) == 5)
        #expect(parsed.value("cairn_dropped_members_total", ["reason": "conflict"]) == 1)
        #expect(parsed.samples.count { $0.name == "cairn_upstream_errors_total" } == 1)
    }

    @Test func `every route and upstream has cells of its own`() throws {
        let metrics = metrics()
        var calls = 0.0
        for route in Route.allCases {
            for upstreamIndex in [0, 1, nil] {
                calls += 1
                for _ in 0..<Int(calls) {
                    var call = Self.call
                    (call.route, call.upstreamIndex) = (route, upstreamIndex)
                    metrics.shards[0].callFinished(call)
                }
            }
        }
        for (index, kind) in GatewayError.Kind.allCases.enumerated() {
            for _ in 0...index { metrics.shards[0].refused(kind) }
        }

        let parsed = try PrometheusText(parsing: text(metrics))

        let counts = parsed.samples.filter { $0.name == "cairn_calls_total" }.map(\.value)
        #expect(counts == (1...Int(calls)).map(Double.init))
        #expect(parsed.samples.filter { $0.name == "cairn_call_duration_seconds_count" }.map(\.value) == counts)
        let refusals = parsed.samples.filter { $0.name == "cairn_refusals_total" }.map(\.value)
        #expect(refusals == (1...GatewayError.Kind.allCases.count).map(Double.init))
    }

    @Test func `names that need escapes come back as they were`() throws {
        let name = "a\"b\\c\nd é,}= "
        let metrics = metrics(upstreams: [name])
        metrics.shards[0].callFinished(Self.call)
        metrics.shards[0].upstreamFailed(upstreamIndex: 0, kind: .upstreamTLS)

        let parsed = try PrometheusText(parsing: text(metrics))

        #expect(parsed.value("cairn_request_bytes_total", ["route": "chat_completions", "upstream": name]) == 2048)
        #expect(parsed.value("cairn_upstream_errors_total", ["upstream": name, "kind": "upstream_tls"]) == 1)
    }

    @Test func `counters begin anew at 2^64 and nothing traps`() throws {
        let metrics = metrics()
        var call = Self.call
        (call.requestBytes, call.responseBytes) = (.max, .max)
        (call.addedNanoseconds, call.firstByteNanoseconds, call.durationNanoseconds) = (.max, .max, .max)
        metrics.shards[0].callFinished(call)
        metrics.shards[1].callFinished(call)

        let parsed = try PrometheusText(parsing: text(metrics))

        let bytes = parsed.samples.first { $0.name == "cairn_request_bytes_total" }
        #expect(bytes?.valueText == "\(UInt64.max - 1)")
        #expect(parsed.value("cairn_call_duration_seconds_bucket", Self.series.merging(["le": "600"]) { $1 }) == 0)
        #expect(parsed.value("cairn_call_duration_seconds_bucket", Self.series.merging(["le": "+Inf"]) { $1 }) == 2)
        #expect(parsed.value("cairn_calls_in_flight") == 0, "ends without beginnings do not show below zero")
    }

    @Test func `the text is the same when nothing happened in between`() {
        let metrics = metrics()
        metrics.shards[0].callFinished(Self.call)

        #expect(text(metrics) == text(metrics))
    }

    @Test func `scraping while loops count loses nothing and never goes back`() throws {
        let metrics = metrics(loopCount: 3)
        let callsPerLoop = 20_000
        let running = Atomic(3)
        var threads: [Thread] = []
        for shard in metrics.shards {
            let thread = Thread {
                for _ in 0..<callsPerLoop {
                    shard.callStarted()
                    shard.callFinished(Self.call)
                }
                running.wrappingSubtract(1, ordering: .releasing)
            }
            thread.start()
            threads.append(thread)
        }

        var last = 0.0
        while running.load(ordering: .acquiring) > 0 {
            let parsed = try PrometheusText(parsing: text(metrics))
            let count = parsed.value("cairn_call_duration_seconds_count", Self.series) ?? 0
            #expect(count >= last)
            last = count
        }

        let parsed = try PrometheusText(parsing: text(metrics))
        #expect(parsed.value("cairn_call_duration_seconds_count", Self.series) == Double(3 * callsPerLoop))
        #expect(parsed.value("cairn_request_bytes_total", Self.series) == Double(3 * callsPerLoop * 2048))
        #expect(parsed.value("cairn_calls_in_flight") == 0)
    }
}
