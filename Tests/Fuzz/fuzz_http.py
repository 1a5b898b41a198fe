"""Drives a sanitized gateway with malformed HTTP on both sides for a bounded time. Called by run.sh.

A few threads play clients that send requests cut, repeated, flipped and spliced from well-formed and hostile ones, in
random pieces. Others play an upstream that answers in the same spirit. Whatever comes:

  - the process lives, and goes on answering GET /health with 200;
  - what it sends is HTTP: each answer has a right status line, clean fields, and a body as long as it says;
  - it does not hang: every connection ends within ANSWER_SECONDS_MAX after the client has closed its side;
  - on SIGTERM it exits 0, and no sanitizer has reported anything.

Usage: fuzz_http.py BINARY SECONDS FOLDER      FOLDER receives the log and the last requests when something was found.
The seed is printed; FUZZ_SEED=N runs with that seed again.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ANSWER_SECONDS_MAX = 10
START_SECONDS_MAX = 30
DRAIN_SECONDS_MAX = 40
CLIENTS = 8
QUIET_SECONDS = 0.1  # a client that has heard nothing for so long closes its side
HEALTH_SECONDS = 0.5  # between two looks at /health
KEPT_REQUESTS = 20  # of each client, written to FOLDER when something was found
ANSWER_BYTES_MAX = 4 << 20

BODY = b'{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"h\\u00e9llo"}]}'
REQUESTS = [
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer k\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: localhost\r\nx-api-key: k\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"10;ext=1\r\n" + BODY[:16] + b"\r\n%x\r\n" % (len(BODY) - 16) + BODY[16:] + b"\r\n0\r\nx-trailer: 1\r\n\r\n",
    b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
    b"Content-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    b"GET /v1/models/%67pt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br, gzip\r\n\r\n",
    b"GET /v1/lcm/expand/k7f2?lines=1-2&session=0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n",
]
# Pieces that parsers disagree about; spliced into heads and bodies.
HOSTILE = [
    b"Content-Length: 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: 5, 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding : chunked\r\n", b"X: a\r\n b\r\n", b"X: a\0b\r\n",
    b"Host: a\r\nHost: b\r\n", b"\n", b"\r", b"\r\n\r\n", b"0x5\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"5;\r\n",
    b"%00", b"%", b"%zz", b"/../", b"//", b"http://evil.example/", b"HTTP/1.0", b"HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: x\r\n", b"\xff\xfe", b"\xc3\x28",
    b"A" * 70000, b"X: y\r\n" * 2000,
]
EVENTS = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: {"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n'
ANSWERS = [
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{"usage":{"total_tokens":1}}',
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVENTS), EVENTS),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + EVENTS,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    b"HTTP/1.0 500 Oops\r\n\r\nno",
]


class Fault(Exception):
    """Something the gateway must not do; the text says what."""


def mutate(source, message, others):
    """A few random changes to `message`; sometimes none."""
    data = bytearray(message)
    for _ in range(source.choice([0, 1, 1, 1, 2, 3, 6])):
        at = source.randrange(len(data) + 1)
        kind = source.randrange(7)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << source.randrange(8)
        elif kind == 1:
            data[at:at + source.randrange(1, 40)] = b""
        elif kind == 2:
            data[at:at] = data[at:at + source.randrange(1, 60)]
        elif kind == 3:
            ends = [place.end() for place in re.finditer(b"\r\n", bytes(data))] or [at]
            place = source.choice(ends)
            data[place:place] = source.choice(HOSTILE)
        elif kind == 4:
            data[at:at] = source.choice(HOSTILE)
        elif kind == 5:
            other = source.choice(others)
            data = data[:at] + other[source.randrange(len(other)):]
        else:
            data[at:at] = bytes(source.randrange(256) for _ in range(source.randrange(1, 9)))
    return bytes(data)


def send_in_pieces(source, connection, data):
    """Sends all of it, cut at random places; a connection the other side has closed is not an error."""
    try:
        while data:
            size = source.choice([1, 7, 100, 5000, len(data)])
            connection.sendall(data[:size])
            data = data[size:]
            if source.random() < 0.05:
                time.sleep(0.002)
    except OSError:
        pass


class Upstream(threading.Thread):
    """An upstream that reads until the request seems over, answers something odd, and closes or waits for more."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.source = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answered = 0

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection, self.source.random()), daemon=True).start()

    def serve(self, connection, seed):
        source = random.Random(seed)
        with connection:
            connection.settimeout(2)
            try:
                while connection.recv(65536):
                    answer = mutate(source, source.choice(ANSWERS), ANSWERS)
                    send_in_pieces(source, connection, answer)
                    self.answered += 1
                    if source.random() < 0.7:
                        return
            except OSError:
                pass


def read_all(connection):
    """What comes until the end of the connection, and whether it was reset. Closes our side when nothing came for
    QUIET_SECONDS; raises Fault when the other side does not end it then."""
    received, deadline = bytearray(), None
    while True:
        left = QUIET_SECONDS if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise Fault(f"a connection was still open {ANSWER_SECONDS_MAX} seconds after the client closed its side")
        connection.settimeout(left)
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            if deadline is None:
                deadline = time.monotonic() + ANSWER_SECONDS_MAX
                try:
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    return bytes(received), True
            continue
        except ConnectionError:
            return bytes(received), True
        if not piece:
            return bytes(received), False
        received += piece
        if len(received) > ANSWER_BYTES_MAX:
            raise Fault("an answer without end")


FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\x20-\x7e\x80-\xff\t]*\Z")


def check_answers(data, is_cut):
    """Raises Fault when `data` is not a row of HTTP answers. The last may be cut: by a reset, or in mid-body, as the
    only way to tell a client that an upstream broke off."""
    count = 0
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            if is_cut:
                return count
            raise Fault(f"a head without end: {data[:200]!r}")
        lines = head.split(b"\r\n")
        status = re.match(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [\x20-\x7e]*\Z", lines[0])
        if not status:
            raise Fault(f"not a status line: {lines[0][:200]!r}")
        fields = {}
        for line in lines[1:]:
            if not FIELD.match(line):
                raise Fault(f"not a header field: {line[:200]!r}")
            name, _, value = line.partition(b":")
            fields.setdefault(name.lower(), []).append(value.strip())
        lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
        if len(lengths) + len(codings) > 1:
            raise Fault(f"two framings in one answer: {head[:300]!r}")
        count += 1
        code = int(status[1])
        if code < 200 or code in (204, 304):
            data = rest
        elif lengths:
            data = rest[int(lengths[0]):]
        elif codings:
            data = after_chunks(rest)
        else:
            return count  # ends with the connection
    return count


def after_chunks(data):
    """What follows a chunked body; nothing when it is cut. Raises Fault for a wrong chunk."""
    while data:
        line, separator, data = data.partition(b"\r\n")
        if not separator:
            return b""
        size = re.match(rb"([0-9A-Fa-f]{1,8})(;|\Z)", line)
        if not size:
            raise Fault(f"not a chunk size: {line[:80]!r}")
        length = int(size[1], 16)
        if length == 0:
            _, _, data = (b"\r\n" + data).partition(b"\r\n\r\n")
            return data
        if len(data) > length and not data[length:].startswith(b"\r"):
            raise Fault("a chunk longer than its size")
        data = data[length + 2:]
    return b""


class Client(threading.Thread):
    """Plays connections of one to three requests until told to stop, or until it finds something."""

    def __init__(self, seed, port):
        super().__init__(daemon=True)
        self.source = random.Random(seed)
        self.port = port
        self.is_stopping = threading.Event()
        self.history = []
        self.connections = self.answers = 0
        self.fault = None

    def run(self):
        while not self.is_stopping.is_set() and self.fault is None:
            try:
                self.play()
            except Fault as fault:
                self.fault = fault
            except OSError as error:
                self.fault = Fault(f"cannot connect: {error}")

    def play(self):
        count = self.source.choice([1, 1, 2, 3])
        requests = b"".join(mutate(self.source, self.source.choice(REQUESTS), REQUESTS) for _ in range(count))
        self.history = [*self.history[1 - KEPT_REQUESTS:], requests]
        self.connections += 1
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS_MAX) as connection:
            send_in_pieces(self.source, connection, requests)
            self.answers += check_answers(*read_all(connection))


def check_health(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            data, _ = read_all(connection)
    except OSError as error:
        raise Fault(f"the gateway does not answer any more: {error}") from error
    if not data.startswith(b"HTTP/1.1 200 "):
        raise Fault(f"/health says {data[:100]!r}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until_served(process, port):
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Fault(f"the gateway exited with {process.returncode} at start")
        try:
            return check_health(port)
        except Fault:
            time.sleep(0.1)
    raise Fault(f"no /health within {START_SECONDS_MAX} seconds")


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(DRAIN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Fault(f"still running {DRAIN_SECONDS_MAX} seconds after SIGTERM") from None
    if status != 0:
        raise Fault(f"exit status {status} after SIGTERM")


def check_log(path):
    with open(path, "rb") as log:
        for line in log:
            if re.search(rb"ERROR: \w+Sanitizer|runtime error:|Fatal error", line):
                raise Fault(f"the log says: {line.strip().decode(errors='replace')}")


def fuzz(process, clients, port, seconds):
    """Lets the clients play until the time is up; raises the first fault."""
    deadline = time.monotonic() + seconds
    for client in clients:
        client.start()
    while time.monotonic() < deadline:
        time.sleep(HEALTH_SECONDS)
        if process.poll() is not None:
            raise Fault(f"the gateway exited with {process.returncode}")
        for client in clients:
            if client.fault:
                raise client.fault
        check_health(port)
    for client in clients:
        client.is_stopping.set()
    for client in clients:
        client.join()
        if client.fault:
            raise client.fault


def main(binary, seconds, folder):
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
    upstream = Upstream(seed)
    upstream.start()
    port = free_port()
    clients = [Client(seed + index, port) for index in range(1, CLIENTS + 1)]
    with tempfile.TemporaryDirectory(prefix="cairn-fuzz-") as home:
        log = os.path.join(home, "log")
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("CAIRN_") and not key.lower().endswith("_proxy")}
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [binary, "serve", "--listen", f"127.0.0.1:{port}", "--upstream", f"http://127.0.0.1:{upstream.port}",
                 "--home", os.path.join(home, "home"), "--threads", "1", "--drain-seconds", "5"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        try:
            wait_until_served(process, port)
            fuzz(process, clients, port, seconds)
            stop(process)
            check_log(log)
            connections = sum(client.connections for client in clients)
            answers = sum(client.answers for client in clients)
            if answers == 0 or upstream.answered == 0:
                raise Fault("nothing was answered: the fuzzer does not reach what it is for")
        except Fault as fault:
            os.makedirs(folder, exist_ok=True)
            shutil.copy(log, os.path.join(folder, "fuzz_http.log"))
            with open(os.path.join(folder, "fuzz_http.requests"), "w", encoding="ascii") as file:
                file.writelines(f"{requests!r}\n" for client in clients for requests in client.history)
            print(f"fuzz_http: {fault}\nfuzz_http: FUZZ_SEED={seed}; the log and the last requests are in {folder}")
            return 1
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    print(f"fuzz_http: {connections} connections, {answers} answers, {upstream.answered} answers of the upstream, "
          f"seed {seed}: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
