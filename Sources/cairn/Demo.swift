// `cairn demo`: a practice provider, the gateway before it and an agent, all in this process on free loopback
// ports. The agent works through a small project in each dialect; then the numbers are shown. Needs no key, no
// network and no home: the gateway's home is a temporary directory that goes with the demo.

import CairnGateway
import CairnPractice
import CairnSettings
import Glibc

enum Demo {
    /// Returns the exit status: 0 when all conversations finished and every byte passed unchanged.
    static func run(_ settings: DemoSettings) -> Int32 {
        guard let home = makeTemporaryDirectory() else {
            complain("cannot make a temporary directory: \(String(cString: strerror(errno)))")
            return 2
        }
        defer { removeTree(home) }
        do {
            var practice = PracticeOptions()
            practice.port = 0
            let provider = try RunningPractice(practice)
            defer { provider.stop() }
            let gateway = try Gateway.start(
                try gatewaySettings(settings, upstream: provider.url, home: home), version: version)
            defer { gateway.stop() }
            let report = try playAgents(gatewayPort: gateway.port, providerPort: provider.port)
            print(introduction(settings, gateway: gateway.url, provider: provider.url))
            print(conversations(report))
            print(findings(report))
            guard report.identicalAnswerCount == report.callCount else {
                complain("the demo's calls did not pass unchanged")
                return 1
            }
            print(invitation)
            return 0
        } catch {
            complain("demo: \(error)")
            return 1
        }
    }

    private static func gatewaySettings(
        _ settings: DemoSettings, upstream: String, home: String
    ) throws(SettingsError) -> Settings {
        let url = try UpstreamURL(parsing: upstream)
        return Settings(
            listen: ListenAddress(host: "127.0.0.1", port: 0),
            upstreams: [Upstream(name: "practice", url: url, provider: .generic)], mode: settings.mode, home: home,
            logLevel: settings.logLevel, threads: settings.threads)
    }

    // MARK: What is printed

    private static func introduction(_ settings: DemoSettings, gateway: String, provider: String) -> String {
        """
        An agent explains a small project, once in each dialect:
        agent -> gateway \(gateway) (\(settings.mode.rawValue)) -> practice provider \(provider)

        """
    }

    private static func conversations(_ report: AgentPlayReport) -> String {
        var rows = [["dialect", "model", "turns", "prompt tokens", "cached", "output tokens", "tools called"]]
        for conversation in report.conversations {
            let share = 100 * Double(conversation.cachedTokens) / Double(max(1, conversation.promptTokens))
            rows.append([
                conversation.dialect, conversation.model, "\(conversation.callCount)",
                "\(conversation.promptTokens)", "\(whole(share)) %", "\(conversation.outputTokens)",
                conversation.tools.joined(separator: ", "),
            ])
        }
        return table(rows) + "\n"
    }

    private static func findings(_ report: AgentPlayReport) -> String {
        let stream = report.streaming
        let direct = report.directMicroseconds
        let through = report.gatewayMicroseconds
        return """
            bytes     \(report.identicalRequestCount) of \(report.callCount) requests and \
            \(report.identicalAnswerCount) of \(report.callCount) answers passed byte for byte \
            (SHA-256 on both sides)
            stream    \(stream.eventCount) events of the last chat answer in \(stream.arrivalCount) arrivals, \
            the first after \(tenths(stream.firstByteMilliseconds)) ms, \
            the last after \(tenths(stream.lastByteMilliseconds)) ms
            latency   the gateway adds \(whole(max(0, through - direct))) us to a small call \
            (\(whole(direct)) us direct, \(whole(through)) us through it; \
            medians of \(report.timedCallCount), calls in turn)

            """
    }

    private static let invitation = """
        Now with your own agent and key:
          cairn serve --upstream https://api.deepseek.com      (or api.openai.com, api.anthropic.com, your own)
          export OPENAI_BASE_URL=http://127.0.0.1:8787/v1      (agents that speak chat or responses)
          export ANTHROPIC_BASE_URL=http://127.0.0.1:8787      (agents that speak messages)
        """

    /// Columns as wide as their widest cell, two spaces apart; the last one as it is.
    private static func table(_ rows: [[String]]) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }

    private static func whole(_ value: Double) -> String { "\(Int(value.rounded()))" }

    private static func tenths(_ value: Double) -> String {
        "\((value * 10).rounded() / 10)"
    }

    // MARK: The temporary home

    /// A fresh directory for this user alone; nil with errno set when there can be none.
    private static func makeTemporaryDirectory() -> String? {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/cairn-demo-XXXXXX".utf8CString)
        return template.withUnsafeMutableBufferPointer { buffer in
            mkdtemp(buffer.baseAddress!).map { String(cString: $0) }
        }
    }

    /// Removes a directory and all in it; does not follow links. What cannot be removed stays.
    private static func removeTree(_ path: String) {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            let child = "\(path)/\(name)"
            if unlink(child) != 0 { removeTree(child) }
        }
        closedir(directory)
        rmdir(path)
    }
}
