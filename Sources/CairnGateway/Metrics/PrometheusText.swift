// The pieces of Prometheus's text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats):
// lines end in LF, a family is introduced by HELP and TYPE, label values escape backslash, quote and line feed.

import CairnCore

/// The kinds of metric the gateway has.
enum PrometheusKind {
    case counter, gauge, histogram

    fileprivate var name: StaticString {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}

extension GatewayMetrics {
    /// The Content-Type of the answer to GET /metrics.
    static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"
}

extension ByteWriter {
    /// The two lines that introduce a family. `help` has neither backslash nor line feed.
    mutating func append(family name: StaticString, _ kind: PrometheusKind, _ help: StaticString) {
        append("# HELP ")
        append(name)
        append(byte: UInt8(ascii: " "))
        append(help)
        append("\n# TYPE ")
        append(name)
        append(byte: UInt8(ascii: " "))
        append(kind.name)
        append(byte: UInt8(ascii: "\n"))
    }

    /// One line: name, labels as `append(label:)` wrote them, value.
    mutating func append(sample name: StaticString, _ labels: [UInt8], _ value: UInt64) {
        append(name)
        if !labels.isEmpty {
            append(byte: UInt8(ascii: "{"))
            append(labels)
            append(byte: UInt8(ascii: "}"))
        }
        append(byte: UInt8(ascii: " "))
        append(line: value)
    }

    /// A value and the end of its line.
    mutating func append(line value: UInt64) {
        append(decimal: value)
        append(byte: UInt8(ascii: "\n"))
    }

    /// `name="value"`.
    mutating func append(label name: StaticString, _ value: String) {
        append(name)
        append("=\"")
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\n"): append("\\n")
            default: append(byte: byte)
            }
        }
        append(byte: UInt8(ascii: "\""))
    }
}
