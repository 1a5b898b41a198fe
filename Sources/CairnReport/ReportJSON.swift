// A report for programs. Dollars are exact decimals in strings; null where no call had a known price.

import CairnContext
import CairnCore
import CairnLedger

extension Report {
    var json: String {
        var writer = ByteWriter(capacity: 4096)
        writer.append("{\"calls\":")
        writer.append(decimal: sum.callCount + unreportedCallCount)
        writer.append(",\"sessions\":")
        writer.append(decimal: sessionCount)
        writer.append(",\"first_day\":")
        writer.append(optional: (period?.lowerBound.day.description))
        writer.append(",\"last_day\":")
        writer.append(optional: (period?.upperBound.day.description))
        writer.append(",\"calls_without_usage\":")
        writer.append(decimal: unreportedCallCount)
        writer.append(",\"total\":")
        writer.append(sum)
        writer.append(",\"prefix_bytes\":{\"following\":")
        writer.append(decimal: followingBytes)
        writer.append(",\"common\":")
        writer.append(decimal: commonBytes)
        writer.append(",\"common_as_sent\":")
        writer.append(decimal: commonBytesAsSent)
        writer.append("}")
        for (name, groups) in [("models", models), ("harnesses", harnesses), ("days", days)] {
            writer.append(",\"\(name)\":")
            writer.appendList(groups) { group, writer in
                writer.append("{\"name\":")
                writer.append(quoted: group.name)
                writer.append(",\"total\":")
                writer.append(group.sum)
                writer.append("}")
            }
        }
        writeFindings(to: &writer)
        writer.append("}\n")
        return String(decoding: writer.copyBytes(), as: UTF8.self)
    }

    private func writeFindings(to writer: inout ByteWriter) {
        writer.append(",\"breaks\":")
        writer.appendList(breaks) { line, writer in
            writer.append("{\"cause\":")
            writer.append(quoted: line.reason.words)
            writer.append(
                ",\"count\":\(line.count),\"lost_bytes\":\(line.lostBytes),\"lost_tokens\":\(line.lostTokens)")
            writer.append(",\"cost_usd\":")
            writer.append(line.unpricedCount == line.count ? "null" : "\"\(line.cost.decimalText)\"")
            writer.append(",\"unpriced\":\(line.unpricedCount)}")
        }
        writer.append(",\"moved\":")
        writer.appendList(moved) { line, writer in
            let isUnknown = line.unpricedCount == line.callCount
            writer.append("{\"kinds\":")
            writer.append(quoted: line.kinds)
            writer.append(",\"calls\":\(line.callCount),\"saved_usd\":")
            writer.append(isUnknown ? "null" : "\"\(line.saved.decimalText)\"")
            writer.append(",\"monthly_usd\":")
            writer.append(isUnknown ? "null" : "\"\(line.monthly.decimalText)\"")
            writer.append(",\"unpriced\":\(line.unpricedCount)}")
        }
        writer.append(",\"strategies_off\":")
        writer.appendList(switches) { one, writer in
            writer.append("{\"strategy\":")
            writer.append(quoted: one.strategy.name)
            writer.append(",\"version\":\(one.strategy.version),\"day\":\"")
            writer.append("\(Moment(milliseconds: Int64(clamping: one.wallNanoseconds / 1_000_000)).day)")
            writer.append("\",\"text\":")
            writer.append(quoted: one.text)
            writer.append("}")
        }
        writer.append(",\"prediction\":{\"calls\":\(errors.callCount),\"exact\":\(errors.exactCount)")
        writer.append(",\"within_128\":\(errors.within128Count),\"sum_tokens\":\(errors.sumTokens),\"quantiles\":{")
        for (index, percent) in [50, 90, 99].enumerated() {
            let bound = errors.quantile(percent: percent).map { "\($0)" } ?? "null"
            writer.append("\(index > 0 ? "," : "")\"\(percent)\":\(bound)")
        }
        writer.append("}},\"worst_sessions\":")
        writer.appendList(worstSessions) { session, writer in
            writer.append("{\"session\":\"\(session.id)\",\"harness\":")
            writer.append(quoted: session.harness)
            writer.append(",\"model\":")
            writer.append(quoted: session.model)
            writer.append(",\"breaks\":\(session.breakCount),\"lost_bytes\":\(session.lostBytes),\"break_cost_usd\":")
            let isUnknown = session.unpricedBreakCount == session.breakCount
            writer.append(isUnknown ? "null" : "\"\(session.breakCost.decimalText)\"")
            writer.append(",\"total\":")
            writer.append(session.sum)
            writer.append("}")
        }
    }
}

extension ByteWriter {
    fileprivate mutating func append(optional text: String?) {
        if let text { append(quoted: text) } else { append("null") }
    }

    fileprivate mutating func appendList<Element>(_ elements: [Element], _ write: (Element, inout ByteWriter) -> Void) {
        append("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { append(",") }
            write(element, &self)
        }
        append("]")
    }

    fileprivate mutating func append(_ sum: LedgerSum) {
        let isUnknown = sum.callCount > 0 && sum.unpricedCallCount == sum.callCount
        append("{\"calls\":\(sum.callCount),\"unpriced_calls\":\(sum.unpricedCallCount)")
        for (name, money) in [
            ("billed", sum.billed), ("predicted", sum.predicted), ("untouched", sum.untouched), ("saved", sum.saved),
        ] {
            append(",\"\(name)_usd\":" + (isUnknown ? "null" : "\"\(money.decimalText)\""))
        }
        let tokens = sum.tokens
        append(",\"prompt_tokens\":\(tokens.prompt),\"hit_tokens\":\(tokens.hit),\"miss_tokens\":\(tokens.miss)")
        append(",\"write_tokens\":\(tokens.write5m + tokens.write1h),\"output_tokens\":\(tokens.output)}")
    }
}
