"""Malformed and deceptive requests: each is refused, none desyncs the connection, none smuggles a second request.

The rows are those of the parser comparison the project chose its parser by, and what later attacks on proxies taught.
A row is (name, bytes). Wherever a row could be read in two ways, the second reading holds a request for
/v1/smuggled: that target must never be seen upstream.
"""
import random
import time
import unittest

import wire
from harness import MEMORY_FACTOR, Gateway, Scenario
from upstreams import RawUpstream

HOST = b"Host: 127.0.0.1\r\n"
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST


def _chunked(data):
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + data


def _get(target=b"/v1/models", version=b"HTTP/1.1", method=b"GET", headers=HOST):
    return method + b" " + target + b" " + version + b"\r\n" + headers + b"\r\n"


CONFLICTING_FRAMING = [
    ("content-length and transfer-encoding",
     POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("transfer-encoding and content-length, the other order",
     POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("two different content-lengths", POST + b"Content-Length: 0\r\nContent-Length: 99\r\n\r\n" + SMUGGLED),
    ("a list of content-lengths", POST + b"Content-Length: 0, 99\r\n\r\n" + SMUGGLED),
    ("content-length with a plus", POST + b"Content-Length: +0\r\n\r\n" + SMUGGLED),
    ("content-length with a minus", POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED),
    ("content-length in hexadecimal", POST + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED),
    ("content-length with a space inside", POST + b"Content-Length: 0 0\r\n\r\n" + SMUGGLED),
    ("an empty content-length", POST + b"Content-Length: \r\n\r\n" + SMUGGLED),
    ("content-length overflow", POST + b"Content-Length: 18446744073709551616\r\n\r\n" + SMUGGLED),
    ("content-length just below overflow", POST + b"Content-Length: 18446744073709551615\r\n\r\n" + SMUGGLED),
    ("transfer-encoding xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED),
    ("transfer-encoding chunked twice",
     POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("transfer-encoding identity", POST + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + SMUGGLED),
    ("chunked is not the last coding", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("transfer-encoding with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a space before the colon", POST + b"Content-Length : %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED),
    ("a space before the colon of transfer-encoding",
     POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("HTTP/1.0 with transfer-encoding",
     _get(version=b"HTTP/1.0", method=b"POST", headers=HOST + b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"
     + SMUGGLED),
]
MALFORMED_FIELDS = [
    ("an obsolete line fold", POST + b"X-Fold: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    ("a fold in the first header", _get(headers=b" X: y\r\n" + HOST)),
    ("bare line feeds", b"GET /v1/models HTTP/1.1\nHost: 127.0.0.1\n\n"),
    ("a bare line feed in a header block", _get(headers=b"X-A: b\nX-Length: 3\r\n" + HOST)),
    ("a bare carriage return in a value", _get(headers=b"X-A: b\rX-B: c\r\n" + HOST)),
    ("a NUL in a value", _get(headers=b"X-A: b\0c\r\n" + HOST)),
    ("a control byte in a value", _get(headers=b"X-A: b\x01c\r\n" + HOST)),
    ("a NUL in a name", _get(headers=b"X\0A: b\r\n" + HOST)),
    ("a space in a name", _get(headers=b"X A: b\r\n" + HOST)),
    ("an empty name", _get(headers=b": b\r\n" + HOST)),
    ("a line without a colon", _get(headers=b"nocolon\r\n" + HOST)),
    ("a byte above 127 in a name", _get(headers=b"X-\xe9: b\r\n" + HOST)),
]
BAD_CHUNKS = [
    ("chunk data without its CRLF", _chunked(b"2\r\nabXX0\r\n\r\n" + SMUGGLED)),
    ("a chunk size in 0x form", _chunked(b"0x2\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("a negative chunk size", _chunked(b"-2\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("a chunk size that is no number", _chunked(b"zz\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("an empty chunk size", _chunked(b"\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("a chunk size overflow", _chunked(b"10000000000000002\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("a chunk size line ended by a bare line feed", _chunked(b"2\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("a bare line feed inside a chunk extension", _chunked(b"2;a\nxx\r\nab\r\n0\r\n\r\n" + SMUGGLED)),
    ("an endless chunk extension", _chunked(b"2;" + b"e" * 200_000 + b"\r\nab\r\n0\r\n\r\n")),
    ("endless trailers", _chunked(b"0\r\n" + b"x-trailer: 12345678\r\n" * 10_000 + b"\r\n")),
]
BAD_REQUEST_LINES = [
    ("no host", _get(headers=b"")),
    ("two hosts", _get(headers=HOST + b"Host: 127.0.0.1:1\r\n")),
    ("two equal hosts", _get(headers=HOST + HOST)),
    ("an empty host", _get(headers=b"Host:\r\n")),
    ("a host with a space", _get(headers=b"Host: 127.0.0.1 evil.example\r\n")),
    ("a host with a path", _get(headers=b"Host: 127.0.0.1/evil\r\n")),
    ("a host with user information", _get(headers=b"Host: evil@127.0.0.1\r\n")),
    ("a host with a bad port", _get(headers=b"Host: 127.0.0.1:abc\r\n")),
    ("an unknown method", _get(method=b"FROB")),
    ("a lowercase method", _get(method=b"get")),
    ("a method with a bad byte", _get(method=b"G\"ET")),
    ("CONNECT", _get(method=b"CONNECT", target=b"127.0.0.1:443")),
    ("TRACE", _get(method=b"TRACE")),
    ("HTTP/3.0", _get(version=b"HTTP/3.0")),
    ("HTTP/2.0", _get(version=b"HTTP/2.0")),
    ("HTTP/1.10", _get(version=b"HTTP/1.10")),
    ("http in lower case", _get(version=b"http/1.1")),
    ("no version", b"GET /v1/models\r\n\r\n"),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a TLS hello", bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 64 + b"\r\n\r\n"),
    ("a space in the target", _get(target=b"/v1/mo dels")),
    ("a tab in the target", _get(target=b"/v1/mo\tdels")),
    ("a NUL in the target", _get(target=b"/v1/mo\0dels")),
    ("a control byte in the target", _get(target=b"/v1/mo\x01dels")),
    ("a delete byte in the target", _get(target=b"/v1/mo\x7fdels")),
    ("a carriage return in the target", _get(target=b"/v1/mo\rdels")),
    ("a fragment in the target", _get(target=b"/v1/models#x")),
    ("a target without a slash", _get(target=b"v1/models")),
    ("an asterisk for GET", _get(target=b"*")),
    ("a bad percent-encoding", _get(target=b"/v1/models/%zz")),
    ("a cut percent-encoding", _get(target=b"/v1/models/%2")),
    ("a lone percent", _get(target=b"/v1/models/%")),
    ("an encoded NUL", _get(target=b"/v1/models/%00")),
    ("an absolute form for another host", _get(target=b"http://evil.example/v1/models")),
    ("an absolute form of another scheme", _get(target=b"ftp://127.0.0.1/v1/models")),
]
TOO_LARGE = [
    ("a header of 100 KB", _get(headers=HOST + b"X-Long: " + b"a" * 100_000 + b"\r\n")),
    ("headers of 100 KB together", _get(headers=HOST + b"X-Many: 1234567890\r\n" * 5_000)),
    ("a target of 100 KB", _get(target=b"/v1/" + b"a" * 100_000)),
    ("a header name of 100 KB", _get(headers=HOST + b"X" * 100_000 + b": a\r\n")),
]
SERVED = [
    ("a chunk extension", _chunked(b"2;ext=1\r\n{}\r\n0;last\r\n\r\n"), b"{}"),
    ("a quoted chunk extension", _chunked(b"2;a=\"b;c\"\r\n{}\r\n0\r\n\r\n"), b"{}"),
    ("chunk sizes with zeros and capitals", _chunked(b"00000A\r\n" + b"0123456789\r\n0000\r\n\r\n"), b"0123456789"),
    ("trailers", _chunked(b"2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n"), b"{}"),
    ("chunked in odd case", POST + b"transfer-encoding: ChUnKeD\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"),
    ("an empty line before the request", b"\r\n" + POST + b"Content-Length: 2\r\n\r\n{}", b"{}"),
    ("no space after the colon", POST + b"Content-Length:2\r\n\r\n{}", b"{}"),
    ("HTTP/1.0 with a length",
     b"POST /v1/chat/completions HTTP/1.0\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", b"{}"),
    ("a GET with a body", b"GET /v1/models HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", b"{}"),
]


class HostileRequests(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream()
        cls.gateway = Gateway(cls.upstream.url, ["--threads", "1"])

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def answers_to(self, data):
        """The answers to `data`, and whether the gateway closed the connection afterwards."""
        with self.gateway.connect(timeout=3) as client:
            answers = []
            try:
                client.send(data)
                while True:
                    answers.append(client.read_response())
                    client.sock.settimeout(0.3)
            except (wire.WireError, ConnectionError):
                return answers, True
            except TimeoutError:
                return answers, False

    def check_refused(self, name, data, statuses=range(400, 506)):
        with self.subTest(row=name):
            before = len(self.upstream.requests)

            answers, is_closed = self.answers_to(data)

            self.assertTrue(answers or is_closed, "neither refused nor closed: the connection hangs")
            for answer in answers:
                self.assertIn(answer.status, statuses, answer.body[:200])
                self.assert_refused(answer, statuses)
            self.assertNotIn(b"smuggled", bytes(self.upstream.received), "a smuggled request reached the upstream")
            self.assertEqual(len(self.upstream.requests), before, "a refused request reached the upstream")
            self.assertEqual(self.gateway.get("/health").status, 200)

    def test_conflicting_framing_is_refused_and_the_connection_closed(self):
        for name, data in CONFLICTING_FRAMING:
            self.check_refused(name, data)
            with self.subTest(row=name, check="closed"):
                self.assertTrue(self.answers_to(data)[1], "the connection must close: its framing is unknown")

    def test_malformed_header_fields_are_refused(self):
        for name, data in MALFORMED_FIELDS:
            self.check_refused(name, data)

    def test_bad_chunks_are_refused_and_the_upstream_never_gets_a_whole_request(self):
        for name, data in BAD_CHUNKS:
            with self.subTest(row=name):
                whole = len(self.upstream.requests)

                answers, is_closed = self.answers_to(data)

                self.assertTrue(is_closed, "the connection must close: its framing is unknown")
                self.assertTrue(all(400 <= answer.status < 600 for answer in answers), answers)
                self.assertNotIn(b"smuggled", bytes(self.upstream.received))
                self.assertEqual(len(self.upstream.requests), whole, "a request with a broken body was completed")

    def test_bad_request_lines_and_hosts_are_refused(self):
        for name, data in BAD_REQUEST_LINES:
            self.check_refused(name, data)

    def test_oversized_heads_are_refused(self):
        for name, data in TOO_LARGE:
            self.check_refused(name, data, (400, 413, 414, 431))

    def test_refusals_say_why_with_the_right_status(self):
        for status, data in (
            ((400,), CONFLICTING_FRAMING[0][1]), ((400, 501), CONFLICTING_FRAMING[11][1]),
            ((431,), TOO_LARGE[0][1]), ((400, 414, 431), TOO_LARGE[2][1]), ((400,), _get(headers=b"")),
            ((505, 400), _get(version=b"HTTP/3.0")), ((405, 501, 400), _get(method=b"FROB")),
        ):
            with self.subTest(data=data[:60]):
                answers, _ = self.answers_to(data)

                self.assertTrue(answers, "a clear refusal, not only a closed connection")
                self.assert_refused(answers[0], status)

    def test_unusual_but_legal_requests_are_served(self):
        for name, data, body in SERVED:
            with self.subTest(row=name), self.gateway.connect() as client:
                client.send(data)
                response = client.read_response()

                self.assertEqual(response.status, 200, response.body[:200])
                self.assertEqual(self.upstream.requests[-1].body, body)
                self.assertNotIn("x-trailer", self.upstream.requests[-1].names)

    def test_an_absolute_form_for_this_host_is_served_or_refused_but_not_proxied(self):
        authority = b"127.0.0.1:%d" % self.gateway.port
        before = len(self.upstream.requests)

        answers, _ = self.answers_to(
            _get(target=b"http://" + authority + b"/v1/models", headers=b"Host: " + authority + b"\r\n"))

        self.assertIn(answers[0].status, (200, 400, 421))
        for request in self.upstream.requests[before:]:
            self.assertEqual(request.target, "/v1/models")

    def test_an_asterisk_for_options_does_not_reach_the_upstream(self):
        before = len(self.upstream.requests)

        answers, _ = self.answers_to(_get(method=b"OPTIONS", target=b"*"))

        self.assertLess(answers[0].status, 500)
        self.assertEqual(len(self.upstream.requests), before)

    def test_an_upgrade_to_http2_is_not_forwarded(self):
        with self.gateway.connect() as client:
            response = client.exchange("GET", "/v1/models", [
                ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")])

            self.assertEqual(response.status, 200)
            self.assertEqual(self.upstream.requests[-1].names & {"upgrade", "http2-settings"}, set())

    def test_pipelined_requests_are_answered_in_order(self):
        def handler(exchange):
            number = int(exchange.request.target.rsplit("/", 1)[1])
            time.sleep(0.1 - 0.03 * number)  # the first answers last
            exchange.answer(b"answer %d" % number)

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway, gateway.connect() as client:
            data = b"".join(
                b"POST /v1/files/%d HTTP/1.1\r\n%sContent-Length: 5\r\n\r\nbody%d" % (n, HOST, n) for n in range(3))
            client.send(data)
            bodies = [client.read_response().body for _ in range(3)]

            self.assertEqual(bodies, [b"answer 0", b"answer 1", b"answer 2"])
            self.assertEqual(sorted(r.body for r in upstream.requests), [b"body0", b"body1", b"body2"])

    def test_a_pipelined_request_behind_a_refused_one_is_not_lost_in_silence(self):
        with self.gateway.connect() as client:
            client.send(_get(target=b"/nope") + _get(target=b"/v1/after"))
            first = client.read_response()

            self.assertEqual(first.status, 404)
            if first.header("connection") != "close":
                self.assertEqual(client.read_response().status, 200)

    def test_a_flood_of_pipelined_requests_is_bounded(self):
        """A client that pipelines without reading is slowed, and the memory does not grow with what it sends."""
        with self.gateway.connect(receive_bytes=16 << 10, timeout=1) as client:
            before = self.gateway.resident_bytes()
            try:
                for _ in range(2_000):
                    client.send(_get(target=b"/v1/x", headers=HOST + b"X-Pad: " + b"p" * 8_000 + b"\r\n"))
            except (TimeoutError, ConnectionError):
                pass  # slowed or refused: both bound it
            growth = self.gateway.resident_bytes() - before

        self.assertLess(growth, (8 << 20) * MEMORY_FACTOR)
        self.assertEqual(self.gateway.get("/health").status, 200)

    def test_random_bytes_never_hang_or_kill_the_gateway(self):
        seed = 20260101
        print(f"    seed {seed}")
        source = random.Random(seed)
        whole = POST + b"Content-Length: 20\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        for _ in range(200):
            data = bytearray(source.choice([whole, _get(), SMUGGLED + whole, _chunked(b"5\r\nhello\r\n0\r\n\r\n")]))
            for _ in range(source.randint(1, 6)):
                at = source.randrange(len(data))
                data[at:at + source.randint(0, 2)] = source.randbytes(source.randint(0, 3))
            with self.gateway.connect(timeout=1) as client:
                try:
                    client.send(bytes(data))
                    client.sock.shutdown(1)
                    client.drain(1)
                except OSError:
                    continue
        self.assertTrue(self.gateway.is_running())
        self.assertEqual(self.gateway.get("/health").status, 200)
        self.assertEqual(self.upstream.faults, [], "the gateway sent the upstream something malformed")


if __name__ == "__main__":
    unittest.main()
