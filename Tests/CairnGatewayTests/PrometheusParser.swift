// A strict reader of Prometheus's text exposition format 0.0.4, to test what the gateway writes. It accepts nothing
// that the format's description does not, and checks what histograms promise.

@testable import CairnGateway

struct PrometheusText {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
        let valueText: String
    }

    private(set) var types: [String: String] = [:]
    /// In the order of the text.
    private(set) var samples: [Sample] = []

    init(parsing text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Failure(description: "the last line does not end") }
        var helped = Set<String>()
        var family = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("# HELP ") {
                let words = line.split(separator: " ", maxSplits: 3)
                guard words.count == 4, helped.insert(String(words[2])).inserted else {
                    throw Failure(description: "bad or second HELP: \(line)")
                }
                family = try Self.checkedName(String(words[2]))
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ", omittingEmptySubsequences: false)
                guard words.count == 4, String(words[2]) == family, types[family] == nil,
                    ["counter", "gauge", "histogram"].contains(String(words[3]))
                else { throw Failure(description: "bad TYPE: \(line)") }
                types[family] = String(words[3])
            } else {
                let sample = try Self.sample(line)
                try check(sample, family: family)
                samples.append(sample)
            }
        }
        try checkHistograms()
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private func check(_ sample: Sample, family: String) throws {
        let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { family + $0 == sample.name }) else {
            throw Failure(description: "\(sample.name) stands in the family \(family)")
        }
        guard types[family] != "counter" || sample.value >= 0 else {
            throw Failure(description: "a counter below zero")
        }
        guard !samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
            throw Failure(description: "\(sample.name) \(sample.labels) comes twice")
        }
    }

    /// Buckets grow with their bounds, the last is +Inf and equals the count, and there is a sum.
    private func checkHistograms() throws {
        for family in types.filter({ $0.value == "histogram" }).keys {
            var last: [[String: String]: (bound: Double, count: Double)] = [:]
            for sample in samples where sample.name == family + "_bucket" {
                var series = sample.labels
                guard let le = series.removeValue(forKey: "le"), let bound = le == "+Inf" ? .infinity : Double(le)
                else {
                    throw Failure(description: "a bucket without le")
                }
                if let before = last[series], before.bound >= bound || before.count > sample.value {
                    throw Failure(description: "buckets of \(family) do not grow at \(le)")
                }
                last[series] = (bound, sample.value)
            }
            for (series, end) in last {
                guard end.bound == .infinity, value(family + "_count", series) == end.count,
                    value(family + "_sum", series) != nil
                else { throw Failure(description: "\(family) is incomplete for \(series)") }
            }
            let counts = samples.filter { $0.name == family + "_count" }.count
            guard counts == last.count else { throw Failure(description: "a count without buckets in \(family)") }
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        var rest = line[...]
        let name = try checkedName(String(rest.prefix { $0 != "{" && $0 != " " }))
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                guard label.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil, labels[label] == nil else {
                    throw Failure(description: "bad label: \(line)")
                }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw Failure(description: "no label value: \(line)") }
                labels[label] = try labelValue(&rest, line)
                if rest.first == "," {
                    rest = rest.dropFirst()
                } else if rest.first != "}" {
                    throw Failure(description: "labels without comma: \(line)")
                }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " ", rest.dropFirst().wholeMatch(of: /[0-9]+(\.[0-9]+)?/) != nil,
            let value = Double(rest.dropFirst())
        else { throw Failure(description: "bad value: \(line)") }
        return Sample(name: name, labels: labels, value: value, valueText: String(rest.dropFirst()))
    }

    private static func labelValue(_ rest: inout Substring, _ line: Substring) throws -> String {
        rest = rest.dropFirst(2)
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" { return value }
            guard character == "\\" else {
                value.append(character)
                continue
            }
            switch rest.popFirst() {
            case "\\": value.append("\\")
            case "\"": value.append("\"")
            case "n": value.append("\n")
            default: throw Failure(description: "bad escape: \(line)")
            }
        }
        throw Failure(description: "the label value does not end: \(line)")
    }

    private static func checkedName(_ name: String) throws -> String {
        guard name.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil else {
            throw Failure(description: "bad name: \(name)")
        }
        return name
    }
}
