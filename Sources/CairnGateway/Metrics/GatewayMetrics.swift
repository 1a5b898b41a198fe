// All numbers of the gateway for GET /metrics: one shard per loop, summed when a scraper asks.

import CairnCore
import CairnWire
import Synchronization

/// The gateway's counters and histograms.
final class GatewayMetrics: Sendable {
    /// What others count and the scraper shows.
    struct Readings: Sendable {
        var downstreamConnections: Int
        var upstreamConnections: Int
        var usageRecordsDropped: UInt64
    }

    /// Most upstreams: bounds the memory of a shard (about 8 KB for each upstream).
    static let upstreamsMax = 256

    /// One for each loop, written by that loop's thread only.
    let shards: [MetricsShard]

    private let layout: MetricsLayout
    private let upstreams: [String]
    private let version: String
    private let startWallNanoseconds: UInt64
    private let readings: @Sendable () -> Readings

    /// `upstreams` are the names behind the upstream indices; `readings` is called on the scraper's thread.
    init(
        upstreams: [String], loopCount: Int, version: String, startWallNanoseconds: UInt64,
        readings: @escaping @Sendable () -> Readings
    ) {
        precondition(upstreams.count <= Self.upstreamsMax, "too many upstreams")
        let layout = MetricsLayout(upstreamCount: upstreams.count)
        self.layout = layout
        self.upstreams = upstreams
        self.version = version
        self.startWallNanoseconds = startWallNanoseconds
        self.readings = readings
        shards = (0..<loopCount).map { _ in MetricsShard(layout: layout) }
    }

    /// Writes everything in Prometheus's text format. Any thread. Families always come in the same order, series in the
    /// order of routes and upstreams; series without calls are left out.
    func write(to writer: inout ByteWriter) {
        var totals = [UInt64](repeating: 0, count: layout.cellCount)
        for shard in shards { shard.add(to: &totals) }
        let series = usedSeries(totals)

        writeCalls(series, totals, to: &writer)
        writeHistogram(
            "cairn_added_latency_seconds", "Time the gateway itself added to a call.", .ownWork, layout.addedOffset,
            series, totals, to: &writer)
        writeHistogram(
            "cairn_time_to_first_byte_seconds", "From the complete request to the first byte of the answer.", .calls,
            layout.firstByteOffset, series, totals, to: &writer)
        writeHistogram(
            "cairn_call_duration_seconds", "From the beginning of a call to its end.", .calls, layout.durationOffset,
            series, totals, to: &writer)
        writeErrors(totals, to: &writer)
        writeDropped(totals, to: &writer)
        writeState(totals, to: &writer)
    }

    private func writeDropped(_ totals: [UInt64], to writer: inout ByteWriter) {
        writer.append(
            family: "cairn_dropped_members_total", .counter,
            "Members of requests and answers that translation left out, by reason.")
        for reason in Loss.Reason.allCases where totals[layout.droppedOffset + reason.index] != 0 {
            var labels = ByteWriter(capacity: 64)
            labels.append(label: "reason", reason.name)
            writer.append(
                sample: "cairn_dropped_members_total", labels.copyBytes(), totals[layout.droppedOffset + reason.index])
        }
    }

    /// A route and an upstream that had calls, with its labels as the format wants them.
    private struct Series {
        let start: Int
        let labels: [UInt8]
    }

    private func usedSeries(_ totals: [UInt64]) -> [Series] {
        var series: [Series] = []
        for route in Route.allCases {
            for upstreamIndex in 0...upstreams.count {
                let isUpstream = upstreamIndex < upstreams.count
                let start = layout.series(route: route, upstreamIndex: isUpstream ? upstreamIndex : nil)
                guard totals[start..<start + MetricsLayout.classCount].contains(where: { $0 != 0 }) else { continue }

                var labels = ByteWriter(capacity: 128)
                labels.append(label: "route", route.label.description)
                labels.append(byte: UInt8(ascii: ","))
                labels.append(label: "upstream", isUpstream ? upstreams[upstreamIndex] : "")
                series.append(Series(start: start, labels: labels.copyBytes()))
            }
        }
        return series
    }

    private func writeCalls(_ series: [Series], _ totals: [UInt64], to writer: inout ByteWriter) {
        writer.append(
            family: "cairn_calls_total", .counter, "Finished calls by the class of the status the client got.")
        for one in series {
            for statusClass in 0..<MetricsLayout.classCount where totals[one.start + statusClass] != 0 {
                writer.append("cairn_calls_total{")
                writer.append(one.labels)
                writer.append(",class=\"")
                writer.append(Self.classLabel(statusClass))
                writer.append("\"} ")
                writer.append(line: totals[one.start + statusClass])
            }
        }
        let bytes: [(StaticString, StaticString, Int)] = [
            ("cairn_request_bytes_total", "Body bytes received from clients.", MetricsLayout.requestBytesOffset),
            ("cairn_response_bytes_total", "Body bytes sent to clients.", MetricsLayout.responseBytesOffset),
        ]
        for (name, help, offset) in bytes {
            writer.append(family: name, .counter, help)
            for one in series { writer.append(sample: name, one.labels, totals[one.start + offset]) }
        }
    }

    private static func classLabel(_ statusClass: Int) -> StaticString {
        switch statusClass {
        case 1: "1xx"
        case 2: "2xx"
        case 3: "3xx"
        case 4: "4xx"
        case 5: "5xx"
        default: "none"
        }
    }

    private func writeHistogram(
        _ name: StaticString, _ help: StaticString, _ scale: HistogramScale, _ offset: Int, _ series: [Series],
        _ totals: [UInt64], to writer: inout ByteWriter
    ) {
        writer.append(family: name, .histogram, help)
        for one in series {
            let buckets = totals[one.start + offset..<one.start + offset + scale.bucketCount]
            guard buckets.contains(where: { $0 != 0 }) else { continue }

            var count: UInt64 = 0
            for (index, bucket) in buckets.enumerated() {
                count &+= bucket
                writer.append(name)
                writer.append("_bucket{")
                writer.append(one.labels)
                writer.append(",le=\"")
                if index < scale.boundCount {
                    writer.append(secondsOf: scale.bound(index))
                } else {
                    writer.append("+Inf")
                }
                writer.append("\"} ")
                writer.append(line: count)
            }
            writer.append(name)
            writer.append("_sum{")
            writer.append(one.labels)
            writer.append("} ")
            writer.append(secondsOf: totals[one.start + offset + scale.bucketCount])
            writer.append(byte: UInt8(ascii: "\n"))
            writer.append(name)
            writer.append("_count{")
            writer.append(one.labels)
            writer.append("} ")
            writer.append(line: count)
        }
    }

    private func writeErrors(_ totals: [UInt64], to writer: inout ByteWriter) {
        writer.append(family: "cairn_upstream_errors_total", .counter, "Failures of upstreams by kind.")
        for (upstreamIndex, upstream) in upstreams.enumerated() {
            for kind in GatewayError.Kind.allCases {
                let value = totals[layout.upstreamError(upstreamIndex: upstreamIndex, kind: kind)]
                guard value != 0 else { continue }
                var labels = ByteWriter(capacity: 128)
                labels.append(label: "upstream", upstream)
                labels.append(byte: UInt8(ascii: ","))
                labels.append(label: "kind", kind.code.description)
                writer.append(sample: "cairn_upstream_errors_total", labels.copyBytes(), value)
            }
        }
        writer.append(family: "cairn_refusals_total", .counter, "Requests and connections refused by reason.")
        for kind in GatewayError.Kind.allCases where totals[layout.refusal(kind)] != 0 {
            var labels = ByteWriter(capacity: 64)
            labels.append(label: "reason", kind.code.description)
            writer.append(sample: "cairn_refusals_total", labels.copyBytes(), totals[layout.refusal(kind)])
        }
    }

    private func writeState(_ totals: [UInt64], to writer: inout ByteWriter) {
        let readings = readings()
        // Cells of different loops are read one after the other, so the sum may pass below zero for a moment.
        let inFlight = max(Int64(bitPattern: totals[layout.inFlightCell]), 0)
        writer.append(family: "cairn_calls_in_flight", .gauge, "Calls that have begun and not ended.")
        writer.append(sample: "cairn_calls_in_flight", [], UInt64(inFlight))

        writer.append(family: "cairn_connections", .gauge, "Open connections.")
        writer.append("cairn_connections{side=\"downstream\"} ")
        writer.append(line: UInt64(max(readings.downstreamConnections, 0)))
        writer.append("cairn_connections{side=\"upstream\"} ")
        writer.append(line: UInt64(max(readings.upstreamConnections, 0)))

        writer.append(
            family: "cairn_usage_records_dropped_total", .counter, "Usage records that could not be kept for the file.")
        writer.append(sample: "cairn_usage_records_dropped_total", [], readings.usageRecordsDropped)

        writer.append(
            family: "cairn_faults_total", .counter, "Steps of the gateway that failed while the call went on.")
        writer.append(sample: "cairn_faults_total", [], totals[layout.faultsCell])

        writer.append(family: "cairn_build_info", .gauge, "The version that runs.")
        writer.append("cairn_build_info{")
        writer.append(label: "version", version)
        writer.append("} 1\n")

        writer.append(family: "process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.")
        writer.append("process_start_time_seconds ")
        writer.append(secondsOf: startWallNanoseconds)
        writer.append(byte: UInt8(ascii: "\n"))
    }
}
