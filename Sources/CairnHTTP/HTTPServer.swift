// HTTPServer.swift: a listener on one loop. Several loops of a process may share a port: the kernel spreads the
// connections over them (SO_REUSEPORT).
import CHTTP
import Glibc

/// What happens to calls. Everything is called on the loop's thread.
public protocol ServerHandler: AnyObject, Sendable {
    /// A head has arrived, its body has not. May answer at once (a refusal); then `request` is not called.
    func head(_ call: ServerCall)
    /// The whole request has arrived. Answer it now or later.
    func request(_ call: ServerCall)
    /// What was queued is below the low-water mark again, after `write` returned false.
    func drained(_ call: ServerCall)
    /// The call is over.
    func closed(_ call: ServerCall, _ end: CallEnd)
    /// The server itself refuses a request: what is the client told?
    func refusal(_ reason: Refusal, target: String) -> RefusalReply
}

extension ServerHandler {
    public func head(_ call: ServerCall) {}
    public func drained(_ call: ServerCall) {}
    public func closed(_ call: ServerCall, _ end: CallEnd) {}
    public func refusal(_ reason: Refusal, target: String) -> RefusalReply { .plain(reason) }
}

/// The answer to a refused request. `status` 0 closes the connection without a word.
public struct RefusalReply: Sendable {
    public var status: UInt16
    public var fieldLines: [UInt8]
    public var body: [UInt8]

    public init(status: UInt16, fieldLines: [UInt8], body: [UInt8]) {
        self.status = status
        self.fieldLines = fieldLines
        self.body = body
    }

    /// The status that fits, and one line of text.
    public static func plain(_ reason: Refusal) -> RefusalReply {
        RefusalReply(
            status: reason.status, fieldLines: headerLines([("content-type", "text/plain")]),
            body: Array("refused: \(reason)\n".utf8))
    }
}

extension Refusal {
    /// RFC 9110 section 15.
    public var status: UInt16 {
        switch self {
        case .malformed, .badHost, .badFraming: 400
        case .unknownMethod: 501
        case .headTooBig: 431
        case .bodyTooBig: 413
        case .timeout: 408
        case .tooManyConnections, .outOfMemory: 503
        case .badVersion: 505
        case .badExpectation: 417
        }
    }
}

/// How many connections of clients several servers may have open together. A further one is told so and closed.
public final class ConnectionQuota: @unchecked Sendable {
    // Sendable: an atomic counter behind the handle.
    let handle: OpaquePointer

    public init(connectionsMax: UInt32) {
        guard let made = chttp_quota_new(connectionsMax) else { preconditionFailure("out of memory") }
        handle = made
    }

    deinit { chttp_quota_free(handle) }
}

/// Where to listen and what to allow.
public struct ServerOptions: Sendable {
    public var host: String
    /// 0: the kernel chooses.
    public var port: UInt16
    /// Another loop of this process listens on the port already: a taken port is no error then.
    public var sharesPort = false
    /// A listening socket that was inherited (systemd), or nil.
    public var listenDescriptor: Int32?
    public var tls: TLSContext?
    public var backlog: UInt32 = 1024
    /// Counts the connections of all servers that share it.
    public var quota = ConnectionQuota(connectionsMax: 16384)
    public var headBytesMax: UInt32 = 64 * 1024
    public var bodyBytesMax: UInt64 = 64 * 1024 * 1024
    public var headMilliseconds: UInt32 = 30_000
    public var bodyMilliseconds: UInt32 = 60_000
    public var idleMilliseconds: UInt32 = 120_000
    public var writeMilliseconds: UInt32 = 300_000

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

public final class HTTPServer: @unchecked Sendable {
    // Sendable: `port` never changes; everything else is used on the loop's thread.
    private var handle: OpaquePointer?
    private let loop: EventLoop
    private let handler: any ServerHandler
    private let options: ServerOptions
    public let port: UInt16

    /// Listens. Call it on the loop's thread or before the loop runs.
    public init(loop: EventLoop, options: ServerOptions, handler: any ServerHandler) throws(HTTPError) {
        self.loop = loop
        self.handler = handler
        self.options = options
        let box = ServerBox(loop: loop, handler: handler)
        self.box = box
        var code: Int32 = 0
        let made = options.host.withCString { host in
            var raw = chttp_server_options()
            raw.host = host
            raw.port = options.port
            raw.shares_port = options.sharesPort
            raw.listen_fd = options.listenDescriptor ?? -1
            raw.tls = options.tls?.handle
            raw.backlog = options.backlog
            raw.quota = options.quota.handle
            raw.head_bytes_max = options.headBytesMax
            raw.body_bytes_max = options.bodyBytesMax
            raw.head_ms = options.headMilliseconds
            raw.body_ms = options.bodyMilliseconds
            raw.idle_ms = options.idleMilliseconds
            raw.write_ms = options.writeMilliseconds
            raw.callbacks = ServerBox.callbacks(context: Unmanaged.passUnretained(box).toOpaque())
            return chttp_server_new(loop.handle, &raw, &code)
        }
        guard let made else {
            let reason = code == 0 ? "the name is unknown" : errnoText(code)
            throw .cannotListen(reason: reason, isInUse: code == EADDRINUSE)
        }
        handle = made
        port = chttp_server_port(made)
    }

    private let box: ServerBox

    /// A server that was not closed is closed when it goes; drop it on the loop's thread.
    deinit { close() }

    /// Stops accepting and closes idle connections; calls under way go on.
    public func drain() {
        guard let handle else { return }
        chttp_server_drain(handle)
    }

    /// Closes everything at once. On the loop's thread.
    public func close() {
        guard let handle else { return }
        self.handle = nil
        chttp_server_free(handle)
    }
}

/// Owns what the C callbacks reach through their context.
private final class ServerBox {
    let loop: EventLoop
    let handler: any ServerHandler
    private var replyMemory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(loop: EventLoop, handler: any ServerHandler) {
        self.loop = loop
        self.handler = handler
    }

    deinit { replyMemory.deallocate() }

    static func callbacks(context: UnsafeMutableRawPointer) -> chttp_server_callbacks {
        chttp_server_callbacks(
            context: context,
            on_head: { context, raw in
                let box = Unmanaged<ServerBox>.fromOpaque(context!).takeUnretainedValue()
                let call = ServerCall(handle: raw!, loop: box.loop)
                chttp_call_set_context(raw, Unmanaged.passRetained(call).toOpaque())
                box.handler.head(call)
            },
            on_request: { context, raw in
                let box = Unmanaged<ServerBox>.fromOpaque(context!).takeUnretainedValue()
                box.handler.request(ServerBox.call(raw))
            },
            on_refused: { context, reason, target, fields, body in
                let box = Unmanaged<ServerBox>.fromOpaque(context!).takeUnretainedValue()
                return box.refuse(reason, target, fields!, body!)
            },
            on_drained: { context, raw in
                let box = Unmanaged<ServerBox>.fromOpaque(context!).takeUnretainedValue()
                let call = ServerBox.call(raw)
                call.drained()
                box.handler.drained(call)
            },
            on_closed: { context, raw, outcome in
                let box = Unmanaged<ServerBox>.fromOpaque(context!).takeUnretainedValue()
                let call = Unmanaged<ServerCall>.fromOpaque(chttp_call_context(raw)!).takeRetainedValue()
                let end = CallEnd(rawValue: UInt8(outcome.rawValue))!
                call.closed(end)
                box.handler.closed(call, end)
                call.state = nil  // it usually holds the call
            })
    }

    private static func call(_ raw: OpaquePointer?) -> ServerCall {
        Unmanaged<ServerCall>.fromOpaque(chttp_call_context(raw)!).takeUnretainedValue()
    }

    /// Keeps the reply's bytes until the next refusal, as the C side asks.
    private func refuse(
        _ reason: chttp_refusal, _ target: chttp_bytes, _ fields: UnsafeMutablePointer<chttp_bytes>,
        _ body: UnsafeMutablePointer<chttp_bytes>
    ) -> UInt16 {
        let reply = handler.refusal(
            Refusal(rawValue: UInt8(reason.rawValue))!, target: String(decoding: target.buffer, as: UTF8.self))
        replyMemory.deallocate()
        replyMemory = .allocate(byteCount: max(1, reply.fieldLines.count + reply.body.count), alignment: 1)
        replyMemory.copyBytes(from: reply.fieldLines)
        UnsafeMutableRawBufferPointer(rebasing: replyMemory[reply.fieldLines.count...]).copyBytes(from: reply.body)
        let view = UnsafeRawBufferPointer(replyMemory)
        fields.pointee = chttp_bytes(UnsafeRawBufferPointer(rebasing: view[..<reply.fieldLines.count]))
        body.pointee = chttp_bytes(
            UnsafeRawBufferPointer(rebasing: view[reply.fieldLines.count..<reply.fieldLines.count + reply.body.count]))
        return reply.status
    }
}
