// The demo's play: an agent works through a small project in each dialect, over real HTTP through a gateway,
// and the provider's own log proves what passed. `cairn demo` prints the report.

import CairnCore
import CairnHTTP

/// What the play showed.
public struct AgentPlayReport: Sendable {
    /// One agent's conversation.
    public struct Conversation: Sendable {
        /// `chat`, `responses` or `messages`.
        public internal(set) var dialect: String
        public internal(set) var model: String
        public internal(set) var callCount = 0
        /// The tools each turn called; those called in parallel joined by " + ".
        public internal(set) var tools: [String] = []
        /// Prompt tokens over all calls, and those of them the provider had cached.
        public internal(set) var promptTokens = 0
        public internal(set) var cachedTokens = 0
        public internal(set) var outputTokens = 0
        /// The agent's last words.
        public internal(set) var finalText = ""
    }

    /// How the last streamed answer came in.
    public struct Streaming: Sendable {
        public internal(set) var eventCount = 0
        /// Reads in which the body arrived.
        public internal(set) var arrivalCount = 0
        public internal(set) var firstByteMilliseconds = 0.0
        public internal(set) var lastByteMilliseconds = 0.0
    }

    public internal(set) var conversations: [Conversation] = []
    public internal(set) var streaming = Streaming()
    /// Calls made, and those of them whose request and answer had the same SHA-256 on both sides.
    public internal(set) var callCount = 0
    public internal(set) var identicalRequestCount = 0
    public internal(set) var identicalAnswerCount = 0
    /// Medians of a small call, straight to the provider and through the gateway.
    public internal(set) var directMicroseconds = 0.0
    public internal(set) var gatewayMicroseconds = 0.0
    /// Calls each of the two medians was taken of.
    public internal(set) var timedCallCount = 0
}

/// Plays on the calling thread and returns when all is done.
/// - Parameters:
///   - gatewayPort: a gateway on 127.0.0.1 whose upstream is the provider.
///   - providerPort: a practice provider on 127.0.0.1.
public func playAgents(gatewayPort: UInt16, providerPort: UInt16) throws(PracticeError) -> AgentPlayReport {
    let loop: EventLoop
    let play: AgentPlay
    do throws(HTTPError) {
        loop = try EventLoop()
        play = AgentPlay(
            gateway: try AgentPlay.Side(loop: loop, port: gatewayPort),
            provider: try AgentPlay.Side(loop: loop, port: providerPort))
    } catch {
        throw PracticeError("the demo's client cannot start: \(error)")
    }
    let outcome = Outcome()
    loop.post {
        // Ends by itself: every exchange has a time limit. The loop runs until it has.
        Task.immediate(executorPreference: loop.taskExecutor) {
            do throws(PracticeError) {
                outcome.result = .success(try await play.run())
            } catch {
                outcome.result = .failure(error)
            }
            loop.stop()
        }
    }
    loop.run()
    guard let result = outcome.result else { throw PracticeError("the demo's client stopped early") }
    return try result.get()
}

private final class Outcome: @unchecked Sendable {
    // Sendable: written on the loop's thread, which is the one that reads it after the loop has ended.
    var result: Result<AgentPlayReport, PracticeError>?
}

private struct AgentPlay: Sendable {
    /// Calls an agent may make before the play is called off.
    static let callsMax = 8
    /// Small calls each side is timed by.
    static let timedCalls = 100
    /// Pace of the streamed dialect, so that its events can be seen coming one by one.
    static let tokensPerSecond = 200

    /// One of the two ports the client talks to.
    struct Side: Sendable {
        let origin: Origin
        let host: String

        init(loop: EventLoop, port: UInt16) throws(HTTPError) {
            var options = OriginOptions(host: "127.0.0.1", port: port)
            options.connectMilliseconds = 2000
            options.firstByteMilliseconds = 3000
            options.idleMilliseconds = 3000
            origin = try Origin(loop: loop, options: options)
            host = "127.0.0.1:\(port)"
        }

        func send(
            _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
        ) async throws(PracticeError) -> ExchangeAnswer {
            let answer = try await Exchange.send(
                origin, host: host, target: target, headers: headers, body: body)
            guard answer.status == 200 else {
                let text = String(decoding: answer.body.prefix(300), as: UTF8.self)
                throw PracticeError("\(target) on \(host) answered \(answer.status): \(text)")
            }
            return answer
        }
    }

    /// Digests of a call as its client saw it.
    private struct Seen {
        var request: String
        var answer: String
    }

    let gateway: Side
    let provider: Side

    func run() async throws(PracticeError) -> AgentPlayReport {
        var report = AgentPlayReport()
        var seen: [Seen] = []
        let cast: [(dialect: Dialect, model: String)] = [
            (.chat, "deepseek-v4-flash"), (.responses, "gpt-5.5"), (.messages, "claude-sonnet-4-6"),
        ]
        for (dialect, model) in cast {
            let dialogue = AgentDialogue(
                dialect: dialect, model: model, question: "What is this project about, and what do its notes say?")
            report.conversations.append(try await converse(dialogue, &report.streaming, &seen))
        }
        try await compare(seen, &report)
        try await time(&report)
        return report
    }

    // MARK: The conversations

    private func converse(
        _ opening: AgentDialogue, _ streaming: inout AgentPlayReport.Streaming, _ seen: inout [Seen]
    ) async throws(PracticeError) -> AgentPlayReport.Conversation {
        var dialogue = opening
        let project = PracticeProject()
        var told = AgentPlayReport.Conversation(dialect: dialogue.dialect.rawValue, model: dialogue.model)
        while told.callCount < Self.callsMax {
            let request = dialogue.request.compact
            let answer = try await gateway.send(
                dialogue.target, headers: headers(for: dialogue), body: request)
            seen.append(Seen(request: SHA256.hex(request), answer: SHA256.hex(answer.body)))
            if dialogue.isStreaming { streaming = Self.streaming(answer) }
            let turn = try dialogue.take(answer.body)
            told.callCount += 1
            told.promptTokens += turn.promptTokens
            told.cachedTokens += turn.cachedTokens
            told.outputTokens += turn.outputTokens
            told.finalText = turn.text
            guard !turn.calls.isEmpty else { return told }
            told.tools.append(turn.calls.map(\.name).joined(separator: " + "))
            dialogue.add(turn.calls.map { ($0, project.result(of: $0.name, input: $0.input)) })
        }
        throw PracticeError("the \(told.dialect) agent did not finish within \(Self.callsMax) calls")
    }

    private func headers(for dialogue: AgentDialogue) -> [(String, String)] {
        var headers = [("content-type", "application/json")]
        if dialogue.dialect == .messages {
            headers += [("x-api-key", "practice"), ("anthropic-version", "2023-06-01")]
        } else {
            headers.append(("authorization", "Bearer practice"))
        }
        if dialogue.isStreaming {
            headers.append(("x-practice-tokens-per-second", String(Self.tokensPerSecond)))
        }
        return headers
    }

    private static func streaming(_ answer: ExchangeAnswer) -> AgentPlayReport.Streaming {
        let events = String(decoding: answer.body, as: UTF8.self).split(separator: "\n\n").count
        return AgentPlayReport.Streaming(
            eventCount: events, arrivalCount: answer.arrivalCount,
            firstByteMilliseconds: Double(answer.firstByteNanoseconds) / 1e6,
            lastByteMilliseconds: Double(answer.lastByteNanoseconds) / 1e6)
    }

    // MARK: The proof

    /// Looks every call up in the provider's log, which is asked directly.
    private func compare(_ seen: [Seen], _ report: inout AgentPlayReport) async throws(PracticeError) {
        let answer = try await provider.send("/practice/requests")
        let records: [JSONValue]
        do throws(JSONError) {
            records = try JSONValue(parsing: answer.body).elements ?? []
        } catch {
            throw PracticeError("the provider's log is not JSON: \(error.reason)")
        }
        report.callCount = seen.count
        for call in seen {
            guard let record = records.first(where: { $0["body_sha256"]?.text == call.request }) else { continue }
            report.identicalRequestCount += 1
            if record["answer_sha256"]?.text == call.answer { report.identicalAnswerCount += 1 }
        }
    }

    /// The same small call in turn on both ports, so that a busy moment of the machine meets both.
    private func time(_ report: inout AgentPlayReport) async throws(PracticeError) {
        let body = Array(#"{"model":"practice","messages":[{"role":"user","content":"hello"}]}"#.utf8)
        let headers = [("content-type", "application/json"), ("authorization", "Bearer practice")]
        var direct: [UInt64] = []
        var through: [UInt64] = []
        for _ in 0..<Self.timedCalls {
            direct.append(
                try await provider.send("/v1/chat/completions", headers: headers, body: body).lastByteNanoseconds)
            through.append(
                try await gateway.send("/v1/chat/completions", headers: headers, body: body).lastByteNanoseconds)
        }
        report.timedCallCount = Self.timedCalls
        report.directMicroseconds = Self.median(direct)
        report.gatewayMicroseconds = Self.median(through)
    }

    private static func median(_ nanoseconds: [UInt64]) -> Double {
        Double(nanoseconds.sorted()[nanoseconds.count / 2]) / 1000
    }
}
