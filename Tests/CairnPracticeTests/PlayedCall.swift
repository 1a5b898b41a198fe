// Plays calls against the service without a socket: what the value tests share.

import Testing

@testable import CairnPractice

/// What one call got: the payload as a client would put it together, and how it was delivered.
struct PlayedCall {
    var status: Int
    var headers: [(String, String)]
    var payload: [UInt8] = []
    var steps: [DeliveryStep] = []
    var tokensPerSecond: Double?

    var text: String { String(decoding: payload, as: UTF8.self) }

    func document() throws -> JSONValue { try JSONValue(parsing: payload) }

    func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }

    /// Events of the stream: the name, where there is one, and the data.
    var events: [(name: String?, data: String)] {
        text.split(separator: "\n\n").map { event in
            var name: String?
            var data = ""
            for line in event.split(separator: "\n") {
                if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
            }
            return (name, data)
        }
    }

    func eventDocuments() throws -> [JSONValue] {
        try events.filter { $0.data.hasPrefix("{") }.map { try JSONValue(parsing: Array($0.data.utf8)) }
    }
}

/// A service with the calls made to it numbered, and a clock that the test moves.
struct PracticeDesk {
    var service: PracticeService
    var sequence: UInt64 = 0
    var nowMilliseconds: UInt64 = 1_000

    init(_ options: PracticeOptions = PracticeOptions()) {
        service = PracticeService(options: options)
    }

    mutating func post(_ target: String, _ body: String, headers: [String: String] = [:]) -> PlayedCall {
        send("POST", target, body, headers: headers)
    }

    mutating func get(_ target: String, headers: [String: String] = [:]) -> PlayedCall {
        send("GET", target, "", headers: headers)
    }

    mutating func send(
        _ method: String, _ target: String, _ body: String, headers: [String: String]
    ) -> PlayedCall {
        sequence += 1
        var body = body
        let (delivery, pace) = body.withUTF8 { bytes in
            service.delivery(
                for: PracticeRequest(
                    method: method, target: target, header: { headers[$0] }, body: UnsafeRawBufferPointer(bytes),
                    sequence: sequence, nowMilliseconds: nowMilliseconds))
        }
        return play(delivery, pace: pace)
    }

    private func play(_ delivery: Delivery, pace: Double?) -> PlayedCall {
        var delivery = delivery
        var played = PlayedCall(status: delivery.status, headers: delivery.headers, tokensPerSecond: pace)
        while let step = delivery.next() {
            played.steps.append(step)
            switch step {
            case .respond(let bytes), .write(let bytes, _): played.payload += bytes
            default: break
            }
        }
        return played
    }
}

/// A JSON string literal of `text`.
func quoted(_ text: String) -> String { JSONValue.string(text).compactText }
