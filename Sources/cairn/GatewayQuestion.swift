// Asks a running gateway for one of its own pages, for `cairn status`. One loop on this thread, which ends with the answer.

import CairnHTTP
import CairnSettings

enum GatewayQuestion {
    /// A page larger than this is not read.
    static let answerBytesMax = 16 << 20
    private static let waitMilliseconds: UInt32 = 3000

    /// Why there is no page, in words.
    struct Failure: Error {
        let description: String
    }

    /// The body of a page.
    static func page(_ target: String, of settings: StatusSettings) throws(Failure) -> [UInt8] {
        let result: Result<[UInt8], Failure>
        do throws(HTTPError) {
            let loop = try EventLoop()
            var options = OriginOptions(host: host(settings.address), port: settings.address.port)
            options.connectMilliseconds = waitMilliseconds
            options.firstByteMilliseconds = waitMilliseconds
            options.idleMilliseconds = waitMilliseconds
            if settings.usesTLS { options.tls = try TLSContext(caFile: nil, verifies: false) }
            let answer = PageAnswer(loop)
            let origin = try Origin(loop: loop, options: options)
            let fields = headerLines(settings.adminKey.map { [("authorization", "Bearer \($0.reveal())")] } ?? [])
            let name = Array("localhost:\(settings.address.port)".utf8)
            let fetch = Array("GET".utf8).withUnsafeBytes { method in
                Array(target.utf8).withUnsafeBytes { target in
                    name.withUnsafeBytes { name in
                        fields.withUnsafeBytes { fields in
                            Fetch(
                                origin,
                                FetchRequest(method: method, target: target, host: name, fieldLines: fields, body: nil),
                                handler: answer)
                        }
                    }
                }
            }
            if fetch != nil { loop.run() }
            result = answer.result(target)
        } catch {
            throw Failure(description: "\(error)")
        }
        return try result.get()
    }

    /// Where to connect for an address that a gateway listens on: all addresses are reached by the loopback.
    private static func host(_ address: ListenAddress) -> String {
        switch address.host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: address.host
        }
    }
}

/// Collects one answer and ends the loop with it. Confined to the loop's thread.
private final class PageAnswer: FetchHandler {
    private let loop: EventLoop
    private var status = 0
    private var body: [UInt8] = []
    private var failure: String?

    init(_ loop: EventLoop) { self.loop = loop }

    func fetchHead(_ fetch: Fetch) { status = fetch.status }

    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer) {
        if body.count + bytes.count <= GatewayQuestion.answerBytesMax { body.append(contentsOf: bytes) }
    }

    func fetchEnded(_ fetch: Fetch) { loop.stop() }

    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String) {
        self.failure = failure == .refused ? "nothing listens there" : "\(failure) (\(detail))"
        loop.stop()
    }

    /// The body of an answer of 200.
    func result(_ target: String) -> Result<[UInt8], GatewayQuestion.Failure> {
        if let failure { return .failure(GatewayQuestion.Failure(description: failure)) }
        guard status == 200 else {
            let hint = status == 401 || status == 403 ? "; give its admin key with --admin-key" : ""
            return .failure(GatewayQuestion.Failure(description: "\(target) answered \(status)\(hint)"))
        }
        return .success(body)
    }
}
