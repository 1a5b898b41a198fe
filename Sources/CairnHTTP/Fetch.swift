// Fetch.swift: requests of ours to an origin, and their answers. Confined to the origin's loop.
import CHTTP

/// Where to connect and how long to wait. One origin a loop: pools are not shared between threads.
public struct OriginOptions: Sendable {
    public var host: String
    public var port: UInt16
    public var tls: TLSContext?
    public var connectMilliseconds: UInt32 = 10_000
    public var firstByteMilliseconds: UInt32 = 600_000
    public var idleMilliseconds: UInt32 = 300_000
    /// An unused connection is kept this long. Shorter than what common servers and balancers allow (60 s).
    public var poolIdleMilliseconds: UInt32 = 30_000
    public var connectionsMax: UInt32 = 1024
    public var waitingMax: UInt32 = 4096
    /// Nil: direct. The environment is not looked at.
    public var proxy: ForwardProxy?
    /// HTTP/2: over TLS if the origin agrees, in the clear without asking. For origins that speak nothing else.
    public var usesHTTP2 = false

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// A proxy that connects to origins for us. Prints without its user name and password.
public struct ForwardProxy: Sendable, CustomStringConvertible, CustomReflectable {
    /// `scheme://host:port`; the scheme is http, https, socks4, socks4a, socks5 or socks5h.
    public var url: String
    /// Not percent-encoded.
    public var user: String?
    public var password: String?

    public init(url: String, user: String? = nil, password: String? = nil) {
        self.url = url
        self.user = user
        self.password = password
    }

    public var description: String { url }
    public var customMirror: Mirror { Mirror(self, children: ["url": url]) }
}

public final class Origin: @unchecked Sendable {
    // Sendable: made before the loop runs or on it, and used on the loop's thread only.
    let handle: OpaquePointer
    public let loop: EventLoop
    private let tls: TLSContext?

    public init(loop: EventLoop, options: OriginOptions) throws(HTTPError) {
        let proxy = options.proxy
        let made = withCStrings(options.host, proxy?.url, proxy?.user, proxy?.password) { host, url, user, password in
            var raw = chttp_origin_options()
            raw.host = host
            raw.proxy = url
            raw.proxy_user = user
            raw.proxy_password = password
            raw.uses_http2 = options.usesHTTP2
            raw.port = options.port
            raw.tls = options.tls?.handle
            raw.connect_ms = options.connectMilliseconds
            raw.first_byte_ms = options.firstByteMilliseconds
            raw.idle_ms = options.idleMilliseconds
            raw.pool_idle_ms = options.poolIdleMilliseconds
            raw.connections_max = options.connectionsMax
            raw.waiting_max = options.waitingMax
            return chttp_origin_new(loop.handle, &raw)
        }
        guard let made else { throw .outOfResources("an origin could not be made") }
        handle = made
        self.loop = loop
        tls = options.tls
    }

    deinit { chttp_origin_free(handle) }
}

/// The texts as C strings for the closure; nil stays nil.
private func withCStrings<Result>(
    _ first: String, _ second: String?, _ third: String?, _ fourth: String?,
    _ body: (
        UnsafePointer<CChar>, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?
    ) -> Result
) -> Result {
    func with(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
        text.map { $0.withCString { body($0) } } ?? body(nil)
    }
    return first.withCString { first in
        with(second) { second in with(third) { third in with(fourth) { body(first, second, third, $0) } } }
    }
}

/// What happens to a fetch. On the loop's thread; `ended` or `failed` comes exactly once and last, unless cancelled.
public protocol FetchHandler: AnyObject {
    /// The kernel has the whole request: its body is not needed any more.
    func fetchSent(_ fetch: Fetch)
    func fetchHead(_ fetch: Fetch)
    /// A view for the call. Bytes handed to `ServerCall.write` from here are not copied.
    func fetchData(_ fetch: Fetch, _ bytes: UnsafeRawBufferPointer)
    func fetchEnded(_ fetch: Fetch)
    func fetchFailed(_ fetch: Fetch, _ failure: FetchFailure, detail: String)
}

extension FetchHandler {
    public func fetchSent(_ fetch: Fetch) {}
}

/// What to send. All bytes but the body are copied by `Fetch.init`.
public struct FetchRequest {
    public var method: UnsafeRawBufferPointer
    /// Path and query.
    public var target: UnsafeRawBufferPointer
    /// Value of the Host field.
    public var host: UnsafeRawBufferPointer
    /// A request whose end-to-end fields are passed on, less `less`.
    public var fieldsOf: Head?
    public var less: NameSet?
    /// Further lines as `headerLines` makes them.
    public var fieldLines: UnsafeRawBufferPointer
    /// Nil: no body and no Content-Length. The memory must stay until `fetchSent` or the end of the fetch.
    public var body: UnsafeRawBufferPointer?

    public init(
        method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer,
        fieldsOf: Head? = nil,
        less: NameSet? = nil, fieldLines: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer?
    ) {
        self.method = method
        self.target = target
        self.host = host
        self.fieldsOf = fieldsOf
        self.less = less
        self.fieldLines = fieldLines
        self.body = body
    }
}

public final class Fetch {
    private var handle: OpaquePointer?
    private var handler: (any FetchHandler)?
    /// Held until the fetch is over: an origin that goes takes its fetches with it.
    private var origin: Origin?
    /// When the request was written; 0 before. Stays readable after the fetch is over.
    public private(set) var sentNanoseconds: UInt64 = 0

    /// Sends `request`. Events come later, never inside this initialiser. Fails only without memory.
    public init?(_ origin: Origin, _ request: FetchRequest, handler: any FetchHandler) {
        self.handler = handler
        self.origin = origin
        let context = Unmanaged.passRetained(self).toOpaque()
        var callbacks = chttp_fetch_callbacks(
            context: context,
            on_sent: { context, _ in
                let fetch = Fetch.of(context)
                fetch.handler?.fetchSent(fetch)
            },
            on_head: { context, _ in
                let fetch = Fetch.of(context)
                fetch.handler?.fetchHead(fetch)
            },
            on_data: { context, _, data, length in
                let fetch = Fetch.of(context)
                fetch.handler?.fetchData(fetch, UnsafeRawBufferPointer(start: data, count: length))
            },
            on_end: { context, _ in
                let fetch = Unmanaged<Fetch>.fromOpaque(context!).takeRetainedValue()
                let handler = fetch.close()
                handler?.fetchEnded(fetch)
            },
            on_fail: { context, _, failure, detail in
                let fetch = Unmanaged<Fetch>.fromOpaque(context!).takeRetainedValue()
                let handler = fetch.close()
                handler?.fetchFailed(
                    fetch, FetchFailure(rawValue: UInt8(failure.rawValue))!, detail: String(cString: detail!))
            })
        var raw = chttp_request(
            method: chttp_bytes(request.method), target: chttp_bytes(request.target), host: chttp_bytes(request.host),
            fields_of: request.fieldsOf?.handle, fields_less: request.less?.handle,
            fields: chttp_bytes(request.fieldLines), has_body: request.body != nil,
            body: request.body.map { chttp_bytes($0) } ?? chttp_bytes())
        handle = chttp_fetch_start(origin.handle, &raw, &callbacks)
        guard handle != nil else {
            Unmanaged<Fetch>.fromOpaque(context).release()
            return nil
        }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> Fetch {
        Unmanaged<Fetch>.fromOpaque(context!).takeUnretainedValue()
    }

    private func close() -> (any FetchHandler)? {
        if let handle { sentNanoseconds = chttp_fetch_sent_at(handle) }
        handle = nil
        origin = nil
        defer { handler = nil }
        return handler
    }

    var openHandle: OpaquePointer? { handle }

    public var isOpen: Bool { handle != nil }

    public var status: Int { handle.map { Int(chttp_fetch_status($0)) } ?? 0 }
    public var head: Head? { handle.map { Head(handle: chttp_fetch_head($0)) } }
    public var contentLength: Int? {
        guard let handle else { return nil }
        let length = chttp_fetch_content_length(handle)
        return length < 0 ? nil : Int(length)
    }
    /// True once a byte of the request was handed to the kernel.
    public var wasSent: Bool { handle.map { chttp_fetch_was_sent($0) } ?? (sentNanoseconds != 0) }
    public var sentAtNanoseconds: UInt64 { handle.map { chttp_fetch_sent_at($0) } ?? sentNanoseconds }

    /// Stops reading the answer until `resume`; at most one read buffer more is delivered.
    public func pause() {
        if let handle { chttp_fetch_pause(handle) }
    }

    public func resume() {
        if let handle { chttp_fetch_resume(handle) }
    }

    /// Ends the fetch: its connection closes and no event comes any more.
    public func cancel() {
        guard let handle else { return }
        withExtendedLifetime(origin) {
            _ = close()
            chttp_fetch_cancel(handle)
        }
        Unmanaged.passUnretained(self).release()
    }
}
