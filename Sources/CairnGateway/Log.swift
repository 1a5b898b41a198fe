// Structured log lines on stderr, in logfmt: `time=2026-11-20T10:04:21.123Z level=info event=listening
// url=http://...`. Logs explain, metrics count; a busy gateway writes few lines. A line is written with one write(2)
// and never waits: when nobody reads stderr, lines are lost and counted, and calls go on.

import CairnCore
import Glibc

/// A value in a log line. There is no case for a key: a `Secret` cannot be logged.
enum LogValue: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case text(String)
    case integer(Int)

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
}

/// The log of a process. Any thread.
final class Log: Sendable {
    /// Each level includes those before it.
    enum Level: String, CaseIterable, Sendable {
        case error, warning, info, debug, trace

        fileprivate var rank: Int {
            switch self {
            case .error: 0
            case .warning: 1
            case .info: 2
            case .debug: 3
            case .trace: 4
            }
        }
    }

    /// Longest line: what a pipe takes whole (PIPE_BUF on Linux).
    static let lineBytesMax = 4096
    /// A text value is cut behind this many bytes.
    static let valueBytesMax = 1024
    /// Lines of one event in one second; the rest is counted and shown as `suppressed=N` on the event's next line.
    static let linesPerSecondMax = 20

    private let level: Level
    private let fileDescriptor: Int32
    private let wallNanoseconds: @Sendable () -> UInt64
    private let state = Locked(State())

    /// `fileDescriptor` is borrowed; it stays open as long as the log is used.
    init(
        level: Level, fileDescriptor: Int32 = STDERR_FILENO,
        wallNanoseconds: @escaping @Sendable () -> UInt64 = SystemTime.wallNanoseconds
    ) {
        self.level = level
        self.fileDescriptor = fileDescriptor
        self.wallNanoseconds = wallNanoseconds
    }

    func error(_ event: StaticString, _ fields: KeyValuePairs<StaticString, LogValue> = [:]) {
        write(.error, event, fields)
    }

    func warning(_ event: StaticString, _ fields: KeyValuePairs<StaticString, LogValue> = [:]) {
        write(.warning, event, fields)
    }

    func info(_ event: StaticString, _ fields: KeyValuePairs<StaticString, LogValue> = [:]) {
        write(.info, event, fields)
    }

    /// Evaluates the fields only if the level is on.
    func debug(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<StaticString, LogValue> = [:]) {
        if isOn(.debug) { write(.debug, event, fields()) }
    }

    /// Evaluates the fields only if the level is on.
    func trace(_ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<StaticString, LogValue> = [:]) {
        if isOn(.trace) { write(.trace, event, fields()) }
    }

    /// The line that tells a supervisor or a test that the gateway answers: its message is `listening on URL`.
    func listening(url: String) {
        info("listening", ["message": .text("listening on \(url)")])
    }

    func isOn(_ level: Level) -> Bool { level.rank <= self.level.rank }

    private struct State: ~Copyable {
        var windows: [String: RateWindow] = [:]
        var timestamps = TimestampWriter()
        var lostCount = 0
        var line = ByteWriter(capacity: Log.lineBytesMax)
    }

    private func write(_ level: Level, _ event: StaticString, _ fields: KeyValuePairs<StaticString, LogValue>) {
        guard isOn(level) else { return }
        let now = wallNanoseconds()
        state.withLock { state in
            // Event names are literals of this program, so the table is bounded by its source.
            guard let suppressed = state.windows[event.description, default: RateWindow()].admit(at: now) else {
                return
            }

            state.line.clear()
            state.line.append("time=")
            state.timestamps.append(wallNanoseconds: now, to: &state.line)
            state.line.append(" level=")
            state.line.append(level.rawValue)
            state.line.append(" event=")
            state.line.append(logfmt: event.description)
            if suppressed > 0 { state.line.append(field: "suppressed", .integer(suppressed)) }
            if state.lostCount > 0 { state.line.append(field: "lost", .integer(state.lostCount)) }
            for (key, value) in fields { state.line.append(field: key, value) }
            state.line.append(byte: UInt8(ascii: "\n"))
            state.lostCount = deliver(state.line) ? 0 : state.lostCount + 1
        }
    }

    /// A pipe or terminal that is ready to be written takes a line of at most PIPE_BUF bytes without waiting.
    private func deliver(_ line: borrowing ByteWriter) -> Bool {
        var request = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&request, 1, 0) == 1, request.revents & Int16(POLLOUT) != 0 else { return false }
        return line.withBytes { Glibc.write(fileDescriptor, $0.baseAddress, $0.count) == $0.count }
    }
}

/// Counts the lines of one event in seconds that begin with a line.
private struct RateWindow {
    private var startNanoseconds: UInt64 = 0
    private var count = 0
    private var suppressedCount = 0

    /// How many lines were suppressed before this one, or nil if this one is too many. A clock that was set back
    /// begins a new window.
    mutating func admit(at now: UInt64) -> Int? {
        if now &- startNanoseconds >= 1_000_000_000 {
            startNanoseconds = now
            count = 0
        }
        guard count < Log.linesPerSecondMax else {
            suppressedCount += 1
            return nil
        }
        count += 1
        defer { suppressedCount = 0 }
        return suppressedCount
    }
}

extension ByteWriter {
    /// ` key=value`, or nothing if the line would grow beyond `Log.lineBytesMax`.
    fileprivate mutating func append(field key: StaticString, _ value: LogValue) {
        let start = count
        append(byte: UInt8(ascii: " "))
        append(key)
        append(byte: UInt8(ascii: "="))
        switch value {
        case .text(let text): append(logfmt: text)
        case .integer(let number): append(decimal: number)
        }
        if count >= Log.lineBytesMax { truncate(to: start) }
    }

    /// As it is if it is plain, else as a JSON string.
    fileprivate mutating func append(logfmt text: String) {
        let isPlain =
            !text.isEmpty && text.utf8.count <= Log.valueBytesMax
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
                    && $0 != UInt8(ascii: "\\")
            }
        if isPlain {
            append(text)
        } else {
            append(quoted: text, bytesMax: Log.valueBytesMax)
        }
    }
}
