// HTTPError.swift: what can go wrong at this door, as values; no C code leaves the room.
import CHTTP
import Glibc

/// Why a listener, an origin or a fetch could not do its work.
public enum HTTPError: Error, Sendable, Equatable {
    case outOfResources(String)
    /// The address is taken, forbidden or unknown; the text names the reason, `isInUse` the most common one.
    case cannotListen(reason: String, isInUse: Bool)
    case tls(String)
    case fetch(FetchFailure, detail: String)
}

/// Why a request to an origin failed.
public enum FetchFailure: UInt8, Sendable, Equatable, CaseIterable {
    case nameNotFound = 1
    case refused = 2
    case connectTimeout = 3
    case tls = 4
    case firstByteTimeout = 5
    case idleTimeout = 6
    /// Closed or reset before the answer began.
    case reset = 7
    /// Closed or reset inside the answer.
    case truncated = 8
    case malformed = 9
    case tooManyConnections = 10
    case outOfMemory = 11
    case proxy = 12
}

/// Why the server refused a request by itself.
public enum Refusal: UInt8, Sendable, Equatable, CaseIterable {
    case malformed = 1
    case unknownMethod = 2
    case headTooBig = 3
    case bodyTooBig = 4
    case badHost = 5
    case badFraming = 6
    case timeout = 7
    case tooManyConnections = 8
    case badVersion = 9
    case badExpectation = 10
    case outOfMemory = 11
}

/// How a call ended.
public enum CallEnd: UInt8, Sendable, Equatable {
    case answered = 0
    case clientLeft = 1
    case aborted = 2
    /// The client read nothing for too long.
    case stalled = 3
    /// Its body was refused.
    case refused = 4
}

func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }
