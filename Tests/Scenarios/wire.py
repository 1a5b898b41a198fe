"""HTTP/1.1 by hand over one socket, for tests that must see and send exact bytes.

Every scenario talks to the gateway through `Connection`; the upstreams in upstreams.py parse requests
with the same reader. The parsing is strict on purpose: an answer that a lenient client would forgive
(a missing final chunk, a short body, a stray byte) is a `WireError` here.
"""
import re
import socket
import struct
import time
from dataclasses import dataclass, field

HEAD_BYTES_MAX = 1 << 20
LINE_BYTES_MAX = 1 << 16
READ_BYTES = 1 << 16
TIMEOUT_SECONDS = 10.0


class WireError(Exception):
    """The bytes on the socket are not HTTP/1.1, or ended before the message did."""


def header_value(headers, name):
    """The first value of a header in a list of (name, value), or None."""
    return next((value for key, value in headers if key.lower() == name.lower()), None)


def header_values(headers, name):
    """All values of a header, in wire order."""
    return [value for key, value in headers if key.lower() == name.lower()]


class Reader:
    """A buffered reader of one socket. `read` methods raise WireError when the bytes end too early."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def more(self):
        """Reads once from the socket; False at the end of the stream."""
        piece = self.sock.recv(READ_BYTES)
        self.buffer += piece
        return bool(piece)

    def until(self, mark, limit):
        while mark not in self.buffer:
            if len(self.buffer) > limit:
                raise WireError(f"no {mark!r} in {limit} bytes")
            if not self.more():
                raise WireError(f"ended before {mark!r}: {self.buffer[:200]!r}")
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def pieces(self, count):
        """Yields `count` bytes in the pieces in which they arrive."""
        while count > 0:
            if not self.buffer and not self.more():
                raise WireError(f"ended {count} bytes too early")
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(piece)
            yield piece

    def chunked(self):
        """Yields the pieces of a chunked body, its trailers dropped."""
        while True:
            line = self.until(b"\r\n", LINE_BYTES_MAX)
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}(;.*)?", line):
                raise WireError(f"not a chunk size: {line[:80]!r}")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while self.until(b"\r\n", LINE_BYTES_MAX):
                    pass
                return
            yield from self.pieces(size)
            if b"".join(self.pieces(2)) != b"\r\n":
                raise WireError("a chunk is not followed by CRLF")

    def rest(self):
        """Yields what comes until the other side closes."""
        while self.buffer or self.more():
            piece, self.buffer = self.buffer, b""
            yield piece


def parse_headers(block):
    headers = []
    for line in block.split(b"\r\n") if block else []:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in line:
            raise WireError(f"not a header line: {line[:120]!r}")
        headers.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return headers


@dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: list
    interim: list = field(default_factory=list)
    body: bytes = b""

    def header(self, name):
        return header_value(self.headers, name)

    def all(self, name):
        return header_values(self.headers, name)


class Connection:
    """One client connection. Use as a context manager; `port` is on 127.0.0.1."""

    def __init__(self, port, tls=None, receive_bytes=None, timeout=TIMEOUT_SECONDS, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(timeout)
        self.port = port
        try:
            self.sock.connect((address, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        except BaseException:
            self.sock.close()
            raise
        self.reader = Reader(self.sock)
        self.method = "GET"

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Leaves with RST, as a killed client does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_request(self, method, target, headers=(), body=None, host=None):
        """Writes a whole request; Host and Content-Length are added when `headers` lacks them."""
        self.method = method
        names = {name.lower() for name, _ in headers}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"Host: {host or f'127.0.0.1:{self.port}'}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def read_head(self):
        """The final status line and headers; interim (1xx) statuses are collected on the way."""
        interim = []
        while True:
            head = self.reader.until(b"\r\n\r\n", HEAD_BYTES_MAX)
            line, _, block = head.partition(b"\r\n")
            match = re.fullmatch(rb"(HTTP/1\.[01]) ([1-5][0-9][0-9])(?: (.*))?", line)
            if not match:
                raise WireError(f"not a status line: {line[:120]!r}")
            status = int(match[2])
            if status >= 200 or status == 101:
                reason = (match[3] or b"").decode("latin-1")
                return Response(match[1].decode(), status, reason, parse_headers(block), interim)
            interim.append(status)

    def body_pieces(self, response):
        """Yields the decoded body as it arrives; raises WireError when it is cut short."""
        coding = response.header("transfer-encoding")
        lengths = response.all("content-length")
        if coding is not None and lengths:
            raise WireError("an answer with both framings")
        if self.method == "HEAD" or response.status in (204, 304):
            return
        if coding is not None:
            if coding.lower() != "chunked":
                raise WireError(f"transfer-encoding {coding!r}")
            yield from self.reader.chunked()
        elif lengths:
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise WireError(f"content-length {lengths!r}")
            yield from self.reader.pieces(int(lengths[0]))
        else:
            yield from self.reader.rest()

    def read_response(self):
        response = self.read_head()
        response.body = b"".join(self.body_pieces(response))
        return response

    def read_what_came(self):
        """The answer with whatever arrived of its body, and whether the body was whole."""
        response = self.read_head()
        try:
            for piece in self.body_pieces(response):
                response.body += piece
        except (WireError, ConnectionError):
            return response, False
        return response, True

    def exchange(self, method, target, headers=(), body=None, host=None):
        self.send_request(method, target, headers, body, host)
        return self.read_response()

    def is_closed_within(self, seconds):
        """True when the other side closes (or resets) within `seconds` and sends nothing more."""
        if self.reader.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(TIMEOUT_SECONDS)

    def drain(self, seconds):
        """All bytes until the other side closes, or None when it has not closed in `seconds`."""
        data, self.reader.buffer = self.reader.buffer, b""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                self.sock.settimeout(left)
                piece = self.sock.recv(READ_BYTES)
                if not piece:
                    return data
                data += piece
            return None
        except ConnectionError:
            return data
        except TimeoutError:
            return None
        finally:
            self.sock.settimeout(TIMEOUT_SECONDS)


@dataclass
class Event:
    """One server-sent event: its `event:` name (or None) and its joined `data:` lines."""

    name: object
    data: str


class EventReader:
    """Turns the bytes of a text/event-stream into events, whatever the packet borders."""

    def __init__(self):
        self.buffer = b""
        self.name = None
        self.data = []

    def feed(self, piece):
        """The events that `piece` completed."""
        self.buffer += piece
        events = []
        while match := re.search(rb"\r\n|\n|\r(?=.)", self.buffer, re.S):
            line, self.buffer = self.buffer[: match.start()], self.buffer[match.end():]
            if not line:
                if self.data:
                    events.append(Event(self.name, "\n".join(self.data)))
                self.name, self.data = None, []
                continue
            key, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if key == b"data":
                self.data.append(value.decode("utf-8"))
            elif key == b"event":
                self.name = value.decode("utf-8")
        return events


def events_of(body):
    """All complete events of a whole stream body."""
    return EventReader().feed(body)
