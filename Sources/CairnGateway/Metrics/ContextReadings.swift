// What the ledger, the lineage and the store tell /metrics and /health. Read when somebody asks, from values that are kept
// anyway: nothing of it is on the path of a call.

import CairnContext
import CairnCore
import CairnLedger

/// A moment's view of dollars, sessions and the store.
struct ContextReadings: Sendable {
    var totals: LedgerTotals
    var sessionCount: Int
    var linkCount: Int
    /// nil: there is no store.
    var storage: StorageHealth?
    var breaks: [RecentBreak]
    var shortening: ShorteningTotals
    var strategies: StrategyReadings
    /// Switches that /health tells, the newest.
    static let switchesToldMax = 32
}

extension ContextService {
    var readings: ContextReadings {
        let (sessions, links) = counts
        return ContextReadings(
            totals: ledger.totals, sessionCount: sessions, linkCount: links, storage: storage?.health,
            breaks: recentBreaks, shortening: shorteningTotals,
            strategies: strategyReadings(at: SystemTime.wallNanoseconds()))
    }
}

extension StorageHealth.State {
    /// In one word.
    var name: StaticString {
        switch self {
        case .ready: "ready"
        case .degraded: "degraded"
        case .closed: "closed"
        }
    }
}

// MARK: - /metrics

extension ContextReadings {
    /// Families in the same order, series by name; dollars cover the calls with a known price.
    func writeMetrics(to writer: inout ByteWriter) {
        let providers = totals.sums(by: .provider).sorted { $0.key < $1.key }
        let dollars: [(StaticString, PrometheusKind, StaticString, (LedgerSum) -> Money)] = [
            ("cairn_billed_dollars_total", .counter, "What providers billed.", { $0.billed }),
            (
                "cairn_untouched_dollars_total", .counter, "What the clients' own requests would have cost.",
                { $0.untouched }
            ),
            (
                "cairn_saved_dollars_total", .gauge,
                "Untouched less billed; falls when a call cost more than it saved.",
                { $0.saved }
            ),
        ]
        for (name, kind, help, value) in dollars {
            writer.append(family: name, kind, help)
            for (provider, sum) in providers {
                writer.append(sample: name, "provider", provider, value(sum).decimalText)
            }
        }
        writer.append(
            family: "cairn_unpriced_calls_total", .counter, "Calls whose price is unknown: in no sum of dollars.")
        for (provider, sum) in providers {
            writer.append(sample: "cairn_unpriced_calls_total", "provider", provider, "\(sum.unpricedCallCount)")
        }
        writeTokens(providers, to: &writer)
        writeShortening(to: &writer)
        writeState(to: &writer)
    }

    private func writeShortening(to writer: inout ByteWriter) {
        let strategies = shortening.strategies.sorted { $0.key < $1.key }
        writer.append(
            family: "cairn_shortened_parts_total", .counter, "Parts that left shorter than they came, by strategy.")
        for (name, sum) in strategies {
            writer.append(sample: "cairn_shortened_parts_total", "strategy", name, "\(sum.parts)")
        }
        writer.append(
            family: "cairn_shortened_bytes_total", .counter, "Bytes they are shorter, counted once, by strategy.")
        for (name, sum) in strategies {
            writer.append(sample: "cairn_shortened_bytes_total", "strategy", name, "\(sum.bytes)")
        }
        writer.append(family: "cairn_epochs_total", .counter, "Planned rewrites of older parts, by reason.")
        for (reason, count) in shortening.epochs.sorted(by: { $0.key < $1.key }) {
            writer.append(sample: "cairn_epochs_total", "reason", reason, "\(count)")
        }
        writer.append(
            family: "cairn_pairing_repairs_total", .counter, "Calls and results that had to be paired, by fault.")
        for fault in PairingFault.allCases {
            writer.append(
                sample: "cairn_pairing_repairs_total", "fault", fault.words, "\(shortening.repairs[fault] ?? 0)")
        }
        writeGuard(to: &writer)
    }

    private func writeGuard(to writer: inout ByteWriter) {
        writer.append(
            family: "cairn_missed_parts_total", .counter,
            "Parts that were hidden and needed: asked for again, used, or expanded; by strategy.")
        for (strategy, tally) in strategies.tallies {
            for (kind, count) in [
                ("reread", tally.rereads), ("used", tally.hiddenUses), ("expanded", tally.expansions),
            ] {
                writer.append("cairn_missed_parts_total{")
                writer.append(label: "strategy", strategy.name)
                writer.append(",")
                writer.append(label: "kind", kind)
                writer.append("} ")
                writer.append(line: UInt64(count))
            }
        }
        writer.append(
            family: "cairn_strategy_off", .gauge,
            "Projects (account, harness and model) for which the guard has switched the strategy off.")
        for (name, switches) in Dictionary(grouping: strategies.off, by: \.strategy.name).sorted(by: { $0.key < $1.key }
        ) {
            writer.append(sample: "cairn_strategy_off", "strategy", name, "\(switches.count)")
        }
    }

    private func writeTokens(_ providers: [(key: String, value: LedgerSum)], to writer: inout ByteWriter) {
        writer.append(family: "cairn_prompt_tokens_total", .counter, "Prompt tokens by what the provider's cache did.")
        for (provider, sum) in providers {
            let tokens = sum.tokens
            for (kind, count) in [
                ("hit", tokens.hit), ("miss", tokens.miss), ("write", tokens.write5m + tokens.write1h),
            ] {
                writer.append("cairn_prompt_tokens_total{")
                writer.append(label: "provider", provider)
                writer.append(",")
                writer.append(label: "kind", kind)
                writer.append("} ")
                writer.append(line: UInt64(count))
            }
        }
        writer.append(
            family: "cairn_provider_hit_ratio", .gauge, "Hit tokens in prompt tokens since the start, by provider.")
        for (provider, sum) in providers { writer.append(ratio: "cairn_provider_hit_ratio", "provider", provider, sum) }
        writer.append(
            family: "cairn_harness_hit_ratio", .gauge, "Hit tokens in prompt tokens since the start, by harness.")
        for (harness, sum) in totals.sums(by: .harness).sorted(by: { $0.key < $1.key }) {
            writer.append(ratio: "cairn_harness_hit_ratio", "harness", harness, sum)
        }
    }

    private func writeState(to writer: inout ByteWriter) {
        let gauges: [(StaticString, StaticString, Int)] = [
            ("cairn_sessions_in_memory", "Sessions whose last prompt is in memory.", sessionCount),
            ("cairn_links_in_memory", "Turns of all sessions whose emission is in memory.", linkCount),
        ]
        for (name, help, value) in gauges {
            writer.append(family: name, .gauge, help)
            writer.append(sample: name, [], UInt64(value))
        }
        guard let storage else { return }
        writer.append(family: "cairn_store_ready", .gauge, "1 if the store takes what is written.")
        writer.append(sample: "cairn_store_ready", [], storage.state == .ready ? 1 : 0)
        let numbers: [(StaticString, PrometheusKind, StaticString, UInt64)] = [
            ("cairn_store_queued_records", .gauge, "Records that wait to be written.", UInt64(storage.queuedRecords)),
            ("cairn_store_queued_bytes", .gauge, "About the bytes of those.", UInt64(storage.queuedBytes)),
            ("cairn_store_lost_records_total", .counter, "Records that will never be written.", storage.lostRecords),
            (
                "cairn_store_conflict_records_total", .counter,
                "Records refused because others with their name are stored.",
                storage.conflictRecords
            ),
            ("cairn_store_commits_total", .counter, "Commits.", storage.commits),
            ("cairn_store_file_bytes", .gauge, "Bytes of the database.", storage.fileBytes),
            ("cairn_store_log_bytes", .gauge, "Bytes of its write-ahead log.", storage.logBytes),
        ]
        for (name, kind, help, value) in numbers {
            writer.append(family: name, kind, help)
            writer.append(sample: name, [], value)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func append(
        sample name: StaticString, _ label: StaticString, _ value: String, _ number: String
    ) {
        append(name)
        append("{")
        append(label: label, value)
        append("} ")
        append(number)
        append("\n")
    }

    /// Nothing without a prompt.
    fileprivate mutating func append(ratio name: StaticString, _ label: StaticString, _ value: String, _ sum: LedgerSum)
    {
        guard let permille = sum.hitPermille else { return }
        let digits = String(permille % 1000)
        append(
            sample: name, label, value,
            "\(permille / 1000)." + String(repeating: "0", count: 3 - digits.utf8.count) + digits)
    }
}

// MARK: - /health

extension ContextReadings {
    /// Members of the object of /health, each behind a comma. Only for who may administer: a reason names a path.
    func writeHealth(to writer: inout ByteWriter, wallNanoseconds: UInt64) {
        if let storage {
            writer.append(",\"store\":{\"state\":\"")
            writer.append(storage.state.name)
            writer.append("\"")
            if case .degraded(let error) = storage.state {
                writer.append(",\"reason\":")
                writer.append(quoted: "\(error)", bytesMax: 4096)
            }
            let numbers: [(StaticString, UInt64)] = [
                ("queued_records", UInt64(storage.queuedRecords)), ("lost_records", storage.lostRecords),
                ("conflict_records", storage.conflictRecords), ("file_bytes", storage.fileBytes),
                ("log_bytes", storage.logBytes),
            ]
            for (name, value) in numbers {
                writer.append(",\"")
                writer.append(name)
                writer.append("\":")
                writer.append(decimal: value)
            }
            writer.append("}")
        } else {
            writer.append(",\"store\":{\"state\":\"none\"}")
        }
        writer.append(",\"sessions_in_memory\":")
        writer.append(decimal: sessionCount)
        writer.append(",\"links_in_memory\":")
        writer.append(decimal: linkCount)
        writer.append(",\"strategies_off\":[")
        for (index, one) in strategies.off.prefix(Self.switchesToldMax).enumerated() {
            if index > 0 { writer.append(",") }
            writer.append(quoted: one.text, bytesMax: 1024)
        }
        writer.append("]")
        writer.append(",\"recent_breaks\":[")
        for (index, one) in breaks.reversed().enumerated() {
            if index > 0 { writer.append(",") }
            writer.append("{\"session\":\"\(one.session)\",\"reason\":")
            writer.append(quoted: one.words, bytesMax: 256)
            writer.append(",\"seconds_ago\":")
            writer.append(decimal: (max(wallNanoseconds, one.wallNanoseconds) - one.wallNanoseconds) / 1_000_000_000)
            writer.append("}")
        }
        writer.append("]")
    }
}
