// How a run of the practice provider behaves, and what a single call may change of that by its x-practice-*
// headers.

import Glibc

/// How a practice provider listens and behaves.
public struct PracticeOptions: Sendable {
    /// Longest latency that may be asked for, in milliseconds.
    public static let latencyMillisecondsMax: UInt64 = 600_000
    /// Highest pace that may be asked for; without a pace a stream goes as fast as the client reads.
    public static let tokensPerSecondMax = 1_000_000.0

    public var host = "127.0.0.1"
    /// 0 takes a free port.
    public var port: UInt16 = 9100
    /// Wait before the first byte of an answer.
    public var latencyMilliseconds: UInt64 = 0
    /// Pace of streamed answers; nil for no pace.
    public var tokensPerSecond: Double?
    /// The fault every call shows; nil for none.
    public var fault: Fault?
    /// Event loops, one a thread; at least 1.
    public var threads = 1
    /// The only dialect it speaks; nil: all. Paths of the others are not found.
    var onlyDialect: Dialect?
    var script: Script?

    public init() {}

    /// Chooses the fault every call shows, by its name.
    public mutating func setFault(named name: String) throws(PracticeError) {
        guard let fault = Fault(rawValue: name) else {
            throw PracticeError("unknown fault '\(name)' (known: \(Fault.names))")
        }
        self.fault = fault
    }

    /// Chooses the only dialect it speaks, by its name.
    public mutating func setDialect(named name: String) throws(PracticeError) {
        guard let dialect = Dialect(rawValue: name) else {
            let known = Dialect.allCases.map(\.rawValue).joined(separator: ", ")
            throw PracticeError("unknown dialect '\(name)' (known: \(known))")
        }
        onlyDialect = dialect
    }

    /// Replaces the built-in agent by the turns of a script file (see Script).
    public mutating func loadScript(path: String) throws(PracticeError) {
        let bytes = try readFile(path, bytesMax: Script.bytesMax)
        do throws(PracticeError) {
            script = try Script(parsing: bytes)
        } catch {
            throw PracticeError("script \(path): \(error.description)")
        }
    }

    static let latencyRange = "a number of milliseconds up to \(latencyMillisecondsMax)"
    static let paceRange = "a number above 0 and up to \(Int(tokensPerSecondMax))"

    static func latency(_ text: String) -> UInt64? {
        UInt64(text).flatMap { $0 <= latencyMillisecondsMax ? $0 : nil }
    }

    static func pace(_ text: String) -> Double? {
        Double(text).flatMap { $0 > 0 && $0 <= tokensPerSecondMax ? $0 : nil }
    }
}

/// The options as one call wants them.
struct CallSettings: Sendable {
    var latencyMilliseconds: UInt64
    var tokensPerSecond: Double?
    var fault: Fault?
    var words: Int?

    init(_ options: PracticeOptions) {
        tokensPerSecond = options.tokensPerSecond
        fault = options.fault
        latencyMilliseconds = options.latencyMilliseconds
        if fault == .slowFirstByte { latencyMilliseconds = Fault.slowFirstByteMilliseconds }
    }

    /// Takes over what the headers of one call ask for.
    /// - Parameter header: the value of a request header by its lower-case name.
    mutating func override(header: (String) -> String?) throws(ProviderError) {
        if let name = header("x-practice-fault") {
            fault = Fault(rawValue: name)
            guard fault != nil || name == "none" else {
                throw .invalid("x-practice-fault: unknown fault '\(name)' (known: none, \(Fault.names))")
            }
            if fault == .slowFirstByte { latencyMilliseconds = Fault.slowFirstByteMilliseconds }
        }
        if let text = header("x-practice-latency-ms") {
            guard let latency = PracticeOptions.latency(text) else {
                throw .invalid("x-practice-latency-ms: '\(text)' is not \(PracticeOptions.latencyRange)")
            }
            latencyMilliseconds = latency
        }
        if let text = header("x-practice-tokens-per-second") {
            guard let pace = PracticeOptions.pace(text) else {
                throw .invalid("x-practice-tokens-per-second: '\(text)' is not \(PracticeOptions.paceRange)")
            }
            tokensPerSecond = pace
        }
        if let text = header("x-practice-words") {
            guard let count = Int(text), (1...ScriptedAgent.wordsMax).contains(count) else {
                throw .invalid("x-practice-words: '\(text)' is not a number from 1 to \(ScriptedAgent.wordsMax)")
            }
            words = count
        }
    }
}

private func readFile(_ path: String, bytesMax: Int) throws(PracticeError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
        throw PracticeError("script \(path): cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= bytesMax {
        let count = read(descriptor, &piece, piece.count)
        guard count >= 0 else {
            throw PracticeError("script \(path): cannot be read: \(String(cString: strerror(errno)))")
        }
        guard count > 0 else { return bytes }
        bytes.append(contentsOf: piece[..<count])
    }
    throw PracticeError("script \(path): larger than \(bytesMax) bytes")
}
