"""Upstreams of our own, for what the practice provider cannot do: exact bytes, broken bytes, no bytes.

`RawUpstream` listens on a loopback port, parses each request strictly, records it, and lets the test's
handler write whatever it likes. `TunnelProxy` is a forward proxy (CONNECT and absolute form).
One thread a connection: a test has few.
"""
import gzip
import hashlib
import socket
import struct
import threading
import time
import zlib
from dataclasses import dataclass

import wire


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@dataclass
class Recorded:
    """One request as it reached an upstream."""

    connection: int
    method: str
    target: str
    headers: list
    body: bytes = b""

    def header(self, name):
        return wire.header_value(self.headers, name)

    def all(self, name):
        return wire.header_values(self.headers, name)

    @property
    def names(self):
        return {name.lower() for name, _ in self.headers}

    def plain_body(self):
        """The body with its content-encoding undone."""
        coding = self.header("content-encoding")
        if coding is None:
            return self.body
        return {"gzip": gzip.decompress, "deflate": zlib.decompress}[coding](self.body)


class Exchange:
    """What a handler gets: the request, and the connection to answer on."""

    def __init__(self, upstream, sock, request, body_pieces):
        self.upstream = upstream
        self.sock = sock
        self.request = request
        self.body_pieces = body_pieces
        self.is_over = False

    def read_body(self):
        self.request.body = b"".join(self.body_pieces)
        return self.request.body

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, body, status="200 OK", headers=(), content_type="application/json"):
        """A whole answer with its length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def start_stream(self, headers=(), content_type="text/event-stream"):
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", "Transfer-Encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self):
        self.send(b"0\r\n\r\n")

    def stream(self, events, headers=()):
        self.start_stream(headers)
        for event in events:
            self.chunk(event)
        self.end_stream()

    def close(self):
        """Closes in order: what was sent arrives."""
        self.is_over = True
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with RST."""
        self.is_over = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def seconds_until_left(self, seconds):
        """Waits until the gateway leaves this connection; when (time.monotonic), or None after `seconds`."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(wire.READ_BYTES):
                pass
            return time.monotonic()
        except TimeoutError:
            return None
        except OSError:
            return time.monotonic()


class RawUpstream:
    """A listener whose `handler(exchange)` answers each request. Use as a context manager.

    `requests` grows when a request's head arrives; `received` keeps every raw byte, so that a smuggled request
    is seen even when it never parsed. `reads_body=False` leaves the body to the handler. What /health asks to see
    whether the upstream is there (HEAD /) is answered here and kept apart, in `probes`.
    """

    def __init__(self, handler=None, tls=None, reads_body=True, send_bytes=None):
        self.handler = handler or (lambda exchange: exchange.answer(b"{}"))
        self.tls = tls
        self.reads_body = reads_body
        self.send_bytes = send_bytes
        self.requests = []
        self.probes = []
        self.connections = 0
        self.received = bytearray()
        self.faults = []
        self._sockets = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._listener.close()
        for sock in self._sockets:
            try:
                sock.close()
            except OSError:
                pass

    def wait_for_requests(self, count, seconds=5):
        wait_until(lambda: len(self.requests) >= count, seconds, f"{count} requests at the upstream")
        return self.requests

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.send_bytes:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_bytes)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            reader = _RecordingReader(sock, self.received)
            while reader.buffer or reader.more():
                exchange = self._read_request(sock, reader, number)
                if (exchange.request.method, exchange.request.target) == ("HEAD", "/"):
                    self.probes.append(exchange.request)
                    exchange.answer(b"")
                    continue
                self.requests.append(exchange.request)
                self.handler(exchange)
                if exchange.is_over:
                    return
        except wire.WireError as error:
            self.faults.append(str(error))
        except OSError:
            pass  # the gateway left, which many tests want

    def _read_request(self, sock, reader, number):
        head = reader.until(b"\r\n\r\n", wire.HEAD_BYTES_MAX)
        line, _, block = head.partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 3 or words[2] != "HTTP/1.1":
            raise wire.WireError(f"not a request line: {line[:200]!r}")
        request = Recorded(number, words[0], words[1], wire.parse_headers(block))
        lengths, coding = request.all("content-length"), request.all("transfer-encoding")
        if (lengths and coding) or len(lengths) > 1 or len(coding) > 1:
            raise wire.WireError(f"ambiguous framing: {request.headers}")
        pieces = reader.chunked() if coding else reader.pieces(int(lengths[0]) if lengths else 0)
        exchange = Exchange(self, sock, request, pieces)
        if self.reads_body:
            exchange.read_body()
        return exchange


class _RecordingReader(wire.Reader):
    """A reader that also keeps the raw bytes (their first 64 KiB a read) of all connections."""

    def __init__(self, sock, record):
        super().__init__(sock)
        self.record = record

    def more(self):
        before = len(self.buffer)
        went_on = super().more()
        self.record += self.buffer[before:]
        return went_on


class TunnelProxy:
    """A forward proxy on loopback. `calls` lists ("CONNECT", authority) and (method, absolute URL), and the
    Proxy-Authorization that came with each is in `credentials`. With `refusal` it answers that status line."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.calls = []
        self.credentials = []
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._listener.close()
        for sock in self._sockets:
            sock.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            reader = wire.Reader(sock)
            head = reader.until(b"\r\n\r\n", wire.HEAD_BYTES_MAX)
            line, _, block = head.partition(b"\r\n")
            method, target, _ = line.decode("latin-1").split(" ")
            self.calls.append((method, target))
            self.credentials.append(wire.header_value(wire.parse_headers(block), "proxy-authorization"))
            if self.refusal:
                sock.sendall(f"HTTP/1.1 {self.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            authority = target if method == "CONNECT" else target.split("/")[2]
            host, _, port = authority.partition(":")
            origin = socket.create_connection((host, int(port or 80)))
            self._sockets.append(origin)
            if method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = "/" + target.split("/", 3)[3]
                kept = [part for part in block.split(b"\r\n") if not part.lower().startswith(b"proxy-")]
                first = f"{method} {path} HTTP/1.1".encode()
                origin.sendall(b"\r\n".join([first, *kept]) + b"\r\n\r\n" + reader.buffer)
            back = threading.Thread(target=_pump, args=(origin, sock), daemon=True)
            back.start()
            _pump(sock, origin)
        except (OSError, wire.WireError, ValueError):
            pass  # a broken tunnel shows at both its ends


def _pump(source, sink):
    """Copies until the source ends; a broken source breaks the sink too."""
    try:
        while piece := source.recv(wire.READ_BYTES):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was gone before


def refused_port():
    """A loopback port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class FullBacklog:
    """A port whose accept queue is full, so that a further connect hangs instead of being refused."""

    def __enter__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            self.waiting.append(sock)
        time.sleep(0.1)
        return self

    def __exit__(self, *ignored):
        for sock in [*self.waiting, self.listener]:
            sock.close()


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true and returns its value; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.002)
