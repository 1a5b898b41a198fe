// A report for people: one list of sections, shown as plain text or as Markdown.

import CairnContext
import CairnLedger

/// How a report is written.
public enum ReportFormat: String, CaseIterable, Sendable {
    case text, md, json, svg
}

extension Report {
    /// The whole report, with a final line end. The same report gives the same bytes.
    public func rendered(as format: ReportFormat) -> String {
        switch format {
        case .text: sections.map(\.text).joined(separator: "\n")
        case .md: sections.map(\.markdown).joined(separator: "\n")
        case .json: json
        case .svg: svg
        }
    }

    private var sections: [ReportSection] {
        guard let period else {
            return [
                ReportSection(
                    "Cairn", notes: ["No calls in this period. Calls are recorded in the modes observe and stable."])
            ]
        }
        let all: [ReportSection] = [
            dollars(period), tokens, groups("By model", models), groups("By harness", harnesses), breakSection,
            movedSection, switchSection,
            predictions, worst, advice,
        ]
        return all.filter { !$0.isEmpty }
    }

    // MARK: dollars and tokens

    private func dollars(_ period: ClosedRange<Moment>) -> ReportSection {
        let calls = sum.callCount + unreportedCallCount
        var section = ReportSection("Dollars, \(period.lowerBound.day) to \(period.upperBound.day)")
        section.rows = [
            ["billed", Self.dollars(sum.billed, sum)],
            ["untouched", Self.dollars(sum.untouched, sum), "what the agents' own requests would have cost"],
            [
                "saved", Self.dollars(sum.saved, sum),
                NumberText.share(sum.saved.nanodollars, of: sum.untouched.nanodollars) ?? "",
            ],
            ["predicted", Self.dollars(sum.predicted, sum), "what Cairn expected to be billed"],
        ]
        section.notes.append("\(NumberText.counted(calls, "call")) in \(NumberText.counted(sessionCount, "session")).")
        if sum.unpricedCallCount > 0 {
            section.notes.append(
                "The price of \(NumberText.counted(sum.unpricedCallCount, "call")) is unknown: their tokens count below, their dollars nowhere. "
                    + "Prices can be given in prices.yaml of the home.")
        }
        if unreportedCallCount > 0 {
            section.notes.append(
                "No usage was reported for \(NumberText.counted(unreportedCallCount, "call")): they are in no sum.")
        }
        return section
    }

    private var tokens: ReportSection {
        var section = ReportSection("Tokens")
        let tokens = sum.tokens
        section.rows = [
            ["prompt", NumberText.grouped(tokens.prompt)],
            [
                "hit", NumberText.grouped(tokens.hit),
                NumberText.share(Int64(tokens.hit), of: Int64(tokens.prompt)) ?? "",
            ],
            ["miss", NumberText.grouped(tokens.miss)],
            ["written", NumberText.grouped(tokens.write5m + tokens.write1h)],
            ["output", NumberText.grouped(tokens.output)],
        ]
        if let kept = NumberText.share(Int64(commonBytes), of: Int64(followingBytes)),
            let asSent = NumberText.share(Int64(commonBytesAsSent), of: Int64(followingBytes))
        {
            section.notes.append(
                "Of the bytes of prompts that followed another, \(kept) stood in the one before; as the agents sent them, \(asSent)."
            )
        }
        return section
    }

    private func groups(_ title: String, _ groups: [Group]) -> ReportSection {
        var section = ReportSection(title)
        section.head = ["name", "calls", "billed", "untouched", "saved", "hit rate"]
        section.rows = groups.map { group in
            let sum = group.sum
            return [
                group.name.isEmpty ? "(none)" : group.name, NumberText.grouped(sum.callCount),
                Self.dollars(sum.billed, sum),
                Self.dollars(sum.untouched, sum), Self.dollars(sum.saved, sum),
                NumberText.share(Int64(sum.tokens.hit), of: Int64(sum.tokens.prompt)) ?? "",
            ]
        }
        return section
    }

    // MARK: what broke and what was kept together

    private var breakSection: ReportSection {
        var section = ReportSection("Breaks of the prefix")
        section.head = ["cause", "times", "bytes sent again", "tokens", "cost"]
        section.rows = breaks.map { line in
            let cost = line.unpricedCount == line.count ? "unknown" : line.cost.description
            return [
                line.reason.words, NumberText.grouped(line.count), NumberText.grouped(line.lostBytes),
                NumberText.grouped(line.lostTokens),
                line.unpricedCount > 0 && line.unpricedCount < line.count
                    ? "\(cost) and \(line.unpricedCount) unknown" : cost,
            ]
        }
        return section
    }

    private var movedSection: ReportSection {
        var section = ReportSection("Volatile text kept out of the prefix")
        section.head = ["kind", "calls", "saved", "a month"]
        section.rows = moved.map { line in
            let isUnknown = line.unpricedCount == line.callCount
            return [
                line.kinds, NumberText.grouped(line.callCount), isUnknown ? "unknown" : line.saved.description,
                isUnknown ? "unknown" : line.monthly.description,
            ]
        }
        return section
    }

    private var switchSection: ReportSection {
        let lines = switches.map { one in
            "\(Moment(milliseconds: Int64(clamping: one.wallNanoseconds / 1_000_000)).day): \(one.text)"
        }
        return ReportSection("Strategies switched off", notes: lines)
    }

    private var predictions: ReportSection {
        var section = ReportSection("Prediction of hit tokens")
        guard errors.callCount > 0 else { return section }
        section.rows = [
            ["calls", NumberText.grouped(errors.callCount)],
            ["exact", NumberText.share(Int64(errors.exactCount), of: Int64(errors.callCount)) ?? ""],
            ["within 128 tokens", NumberText.share(Int64(errors.within128Count), of: Int64(errors.callCount)) ?? ""],
        ]
        for percent in [50, 90, 99] {
            section.rows.append([
                "error of \(percent) % at most", errors.quantile(percent: percent).map(NumberText.grouped) ?? "",
            ])
        }
        section.rows.append(["mean error", "\(errors.sumTokens / errors.callCount)"])
        return section
    }

    private var worst: ReportSection {
        var section = ReportSection("Sessions that lost most by breaks")
        section.head = ["session", "harness", "model", "calls", "breaks", "bytes sent again", "cost", "hit rate"]
        section.rows = worstSessions.map { session in
            [
                session.id.description, session.harness, session.model, NumberText.grouped(session.sum.callCount),
                NumberText.grouped(session.breakCount), NumberText.grouped(session.lostBytes),
                session.unpricedBreakCount == session.breakCount ? "unknown" : session.breakCost.description,
                NumberText.share(Int64(session.sum.tokens.hit), of: Int64(session.sum.tokens.prompt)) ?? "",
            ]
        }
        return section
    }

    // MARK: what to change

    private var advice: ReportSection {
        var section = ReportSection("What to change in your agents")
        for line in moved where line.saved > .zero {
            section.notes.append(
                "The \(line.kinds) in your prompts would cost \(line.monthly) a month without Cairn, extrapolated from "
                    + "\(NumberText.counted(line.callCount, "call")). Put such text at the end of the newest message, or leave it out."
            )
        }
        for line in breaks {
            guard let words = line.reason.advice else { continue }
            let cost = line.cost > .zero ? " It cost \(line.cost) in \(NumberText.counted(line.count, "break"))." : ""
            section.notes.append(words + cost)
        }
        return section
    }

    // MARK: numbers

    /// Unknown if no call of the sum has a price.
    private static func dollars(_ money: Money, _ sum: LedgerSum) -> String {
        sum.callCount > 0 && sum.unpricedCallCount == sum.callCount ? "unknown" : money.description
    }
}

extension PrefixBreak {
    /// What the user can do about it; nil: nothing.
    fileprivate var advice: String? {
        switch self {
        case .none, .newSession, .epoch: nil
        case .toolsChanged: "Offer the same tools in all calls of a session: another set makes the whole prompt a miss."
        case .historyChanged:
            "An agent that edits or compacts its history pays for everything behind the edit: do it seldom and late."
        case .historyShortened: "Retries and rewinds are cheap, as long as what follows begins with the same turns."
        case .emissionLost: "Emissions were lost: see the state of the store in /health."
        }
    }
}

/// A titled table and sentences below it.
private struct ReportSection {
    let title: String
    /// Empty: the rows are names with values.
    var head: [String] = []
    var rows: [[String]] = []
    var notes: [String] = []

    init(_ title: String, notes: [String] = []) {
        self.title = title
        self.notes = notes
    }

    var isEmpty: Bool { rows.isEmpty && notes.isEmpty }

    /// Columns as wide as their widest cell, two spaces apart; all but the first are aligned to the right under a head.
    var text: String {
        var out = "\(title)\n"
        let all = (head.isEmpty ? [] : [head]) + rows
        let columns = all.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        for row in all {
            var line = " "
            for (column, cell) in row.enumerated() where !cell.isEmpty || column < row.count - 1 {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                let isRight = column > 0 && (!head.isEmpty || column == 1)
                line += " " + (isRight ? space + cell : cell + space) + " "
            }
            while line.last == " " { line.removeLast() }
            out += line + "\n"
        }
        for note in notes { out += "  \(note)\n" }
        return out
    }

    var markdown: String {
        var out = "## \(title)\n\n"
        if !rows.isEmpty {
            let columns = max(head.count, rows.map(\.count).max() ?? 0)
            let head = head.isEmpty ? Array(repeating: "", count: columns) : head
            out += Self.row(head, columns)
            out += "|---|" + String(repeating: "---:|", count: columns - 1) + "\n"
            for row in rows { out += Self.row(row, columns) }
        }
        if !rows.isEmpty, !notes.isEmpty { out += "\n" }
        for note in notes { out += "- \(note)\n" }
        return out
    }

    private static func row(_ cells: [String], _ columns: Int) -> String {
        let padded = cells + Array(repeating: "", count: columns - cells.count)
        return "| "
            + padded.map { cell in cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
            }
            .joined(separator: " | ") + " |\n"
    }
}
