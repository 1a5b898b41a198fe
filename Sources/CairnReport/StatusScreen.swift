// One screen about a running gateway, made from its own pages: /health (JSON) and /metrics (Prometheus's text).

import CairnCore
import CairnLedger

/// What `cairn status` shows.
public struct StatusScreen {
    /// Rows of a list; what is beyond is counted.
    static let rowsMax = 8

    private let health: HealthPage
    private let metrics: MetricsPage

    /// - Throws: an error of JSON, when the health page is none.
    public init(health: [UInt8], metrics: [UInt8]) throws(CoreError) {
        self.health = try HealthPage(health)
        self.metrics = MetricsPage(metrics)
    }

    /// Lines without a screen's colours or movements, with a final line end.
    public func text(address: String) -> String {
        var out = "Cairn \(health.version) at \(address), \(health.status), mode \(health.mode), "
        out += "up \(Self.duration(health.uptimeSeconds))\n\n"
        for (name, value) in rows {
            out += "  \(name + String(repeating: " ", count: max(1, 12 - name.count)))\(value)\n"
        }
        out += list("Upstreams", health.upstreams)
        out += list("Hit ratio", metrics.ratios)
        out += list("Strategies switched off", health.switches)
        out += list("Last breaks of a prefix", health.breaks)
        return out
    }

    private var rows: [(String, String)] {
        let hits = metrics.sum("cairn_prompt_tokens_total", having: "kind=\"hit\"")
        let tokens = metrics.sum("cairn_prompt_tokens_total")
        let unpriced = Self.whole(metrics.sum("cairn_unpriced_calls_total"))
        let unknown = unpriced > 0 ? " (\(unpriced) calls of unknown price left out)" : ""
        let saved = metrics.money("cairn_saved_dollars_total")
        let billed = metrics.money("cairn_billed_dollars_total")
        let untouched = metrics.money("cairn_untouched_dollars_total")
        return [
            ("saved", "\(saved): billed \(billed), untouched \(untouched)\(unknown)"),
            (
                "tokens",
                tokens > 0
                    ? "\(Self.whole(tokens)) in prompts, \(Self.percent(hits / tokens)) from the cache" : "none yet"
            ),
            (
                "calls",
                "\(Self.whole(metrics.sum("cairn_calls_total"))) ended, \(Self.whole(metrics.sum("cairn_calls_in_flight"))) under way, "
                    + "\(Self.whole(metrics.sum("cairn_faults_total"))) faults"
            ),
            ("sessions", "\(health.sessionCount) in memory, \(health.linkCount) turns"),
            ("store", health.store),
        ]
    }

    private func list(_ title: String, _ lines: [String]) -> String {
        if lines.isEmpty { return "" }
        var out = "\n\(title)\n"
        for line in lines.prefix(Self.rowsMax) { out += "  \(line)\n" }
        if lines.count > Self.rowsMax { out += "  and \(lines.count - Self.rowsMax) more\n" }
        return out
    }

    /// A number from another process: what is no whole number of 60 bits is 0.
    fileprivate static func whole(_ value: Double) -> Int { value.magnitude < 1e18 ? Int(value) : 0 }

    fileprivate static func percent(_ share: Double) -> String {
        let permille = whole((share * 1000).rounded())
        return "\(permille / 10).\(permille % 10) %"
    }

    fileprivate static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: "\(seconds / 86_400) days"
        }
    }
}

/// What is shown of /health. Absent members are shown as unknown: without the admin key a gateway tells little.
private struct HealthPage {
    var status = ""
    var version = ""
    var mode = ""
    var uptimeSeconds = 0
    var sessionCount = 0
    var linkCount = 0
    var store = "unknown"
    var upstreams: [String] = []
    var breaks: [String] = []
    var switches: [String] = []

    init(_ bytes: [UInt8]) throws(CoreError) {
        let document = try JSONDocument(bytes)
        func text(_ key: StaticString, of parent: Int = 0) -> String {
            document.member(key, of: parent).flatMap { try? document.string($0) } ?? ""
        }
        func number(_ key: StaticString, of parent: Int = 0) -> Int {
            document.member(key, of: parent).flatMap { node in
                document.withRaw(node) { (raw: UnsafeRawBufferPointer) in Int(String(decoding: raw, as: UTF8.self)) }
            } ?? 0
        }
        status = text("status")
        version = text("version")
        mode = text("mode")
        uptimeSeconds = number("uptime_seconds")
        sessionCount = number("sessions_in_memory")
        linkCount = number("links_in_memory")
        if let node = document.member("store", of: 0) {
            store = text("state", of: node)
            let reason = text("reason", of: node)
            let lost = number("lost_records", of: node)
            if !reason.isEmpty { store += " (\(reason))" }
            store +=
                ", \(number("file_bytes", of: node) / 1024) KiB, \(number("queued_records", of: node)) records waiting"
            if lost > 0 { store += ", \(lost) LOST" }
        }
        if let list = document.member("upstreams", of: 0) {
            document.forEachChild(of: list) { node in
                let isReachable = document.member("reachable", of: node).map { document.kind(of: $0) == .true } ?? false
                let state = isReachable ? "reachable" : "NOT REACHABLE \(text("failure", of: node))"
                upstreams.append("\(text("name", of: node)) (\(text("url", of: node))): \(state)")
            }
        }
        if let list = document.member("strategies_off", of: 0) {
            document.forEachChild(of: list) { node in
                if let text = try? document.string(node) { switches.append(text) }
            }
        }
        if let list = document.member("recent_breaks", of: 0) {
            document.forEachChild(of: list) { node in
                let ago = StatusScreen.duration(number("seconds_ago", of: node))
                breaks.append("\(text("session", of: node))  \(ago) ago  \(text("reason", of: node))")
            }
        }
    }
}

/// The samples of /metrics.
private struct MetricsPage {
    private struct Sample {
        let name: Substring
        let labels: Substring
        let value: Substring
    }

    private let samples: [Sample]

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        samples = text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let space = line.lastIndex(of: " ") else { return nil }
            let series = line[..<space]
            let name = series.prefix { $0 != "{" }
            return Sample(name: name, labels: series[name.endIndex...], value: line[line.index(after: space)...])
        }
    }

    func sum(_ name: String, having label: String = "") -> Double {
        samples.reduce(0) { sum, sample in
            sample.name == name && (label.isEmpty || sample.labels.contains(label))
                ? sum + (Double(sample.value) ?? 0) : sum
        }
    }

    func money(_ name: String) -> Money { Money(nanodollars: Int64(StatusScreen.whole((sum(name) * 1e9).rounded()))) }

    /// `provider deepseek: 98.1 %`, as the gateway orders them.
    var ratios: [String] {
        samples.compactMap { sample in
            guard sample.name.hasSuffix("_hit_ratio"), let value = Double(sample.value) else { return nil }
            let parts = sample.labels.dropFirst().dropLast().split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return "\(parts[0]) \(parts[1].dropFirst().dropLast()): \(StatusScreen.percent(value))"
        }
    }
}
