"""Request bodies: large, chunked, compressed, announced with Expect, and the limit of 64 MiB."""
import gzip
import json
import time
import unittest
import zlib

import dialects
from harness import BODY_BYTES_MAX, MEMORY_FACTOR, MIB, Gateway, Scenario
from upstreams import RawUpstream, sha256


def answer_digest(exchange):
    exchange.answer(sha256(exchange.request.body).encode())


class LargeBodies(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream(answer_digest)
        cls.gateway = Gateway(cls.upstream.url)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def test_twenty_megabytes_pass_intact_in_each_dialect(self):
        for dialect in dialects.ALL:
            body = dialect.request(text="x" * 20_000_000)
            with self.subTest(dialect=dialect.name):
                response = self.gateway.call(dialect, body=body, timeout=60)

                self.assertEqual((response.status, response.body.decode()), (200, sha256(body)))

    def test_a_chunked_body_of_twenty_megabytes_passes_intact(self):
        body = dialects.CHAT.request(text="y" * 20_000_000)
        with self.gateway.connect(timeout=60) as client:
            client.send_request("POST", "/v1/chat/completions", [("Transfer-Encoding", "chunked")])
            for start in range(0, len(body), 100_001):
                piece = body[start:start + 100_001]
                client.send(b"%X\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")

            self.assertEqual(client.read_response().body.decode(), sha256(body))

    def test_a_body_of_exactly_the_limit_passes(self):
        head = b'{"model":"gpt-5","messages":"'
        body = head + b"z" * (BODY_BYTES_MAX - len(head) - 2) + b'"}'

        response = self.gateway.call(dialects.CHAT, body=body, timeout=60)

        self.assertEqual((response.status, response.body.decode()), (200, sha256(body)))

    def test_an_announced_body_above_the_limit_is_refused_before_it_is_sent(self):
        for dialect in dialects.ALL:
            before = len(self.upstream.requests)
            with self.subTest(dialect=dialect.name), self.gateway.connect() as client:
                client.send_request("POST", dialect.path, [
                    *dialect.key_headers("k"), ("Content-Length", str(BODY_BYTES_MAX + 1))])

                self.assert_envelope(dialect, client.read_response(), (413,))
                self.assertEqual(len(self.upstream.requests), before)

    def test_a_chunked_body_above_the_limit_is_refused(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect=dialect.name), self.gateway.connect(timeout=60) as client:
                client.send_request("POST", dialect.path, [
                    *dialect.key_headers("k"), ("Transfer-Encoding", "chunked")])
                piece = b"%x\r\n%s\r\n" % (MIB, b"c" * MIB)
                try:
                    for _ in range(BODY_BYTES_MAX // MIB + 1):
                        client.send(piece)
                except ConnectionError:
                    pass  # refused while we were still sending; the answer may be read all the same

                self.assert_envelope(dialect, client.read_response(), (413,))
        self.assertFalse([r for r in self.upstream.requests if len(r.body) > BODY_BYTES_MAX])

    def test_memory_returns_after_large_bodies(self):
        for _ in range(4):
            self.gateway.call(dialects.CHAT, body=dialects.CHAT.request(text="m" * 20_000_000), timeout=60)
        time.sleep(0.2)

        resident = self.gateway.resident_bytes()

        print(f"    after bodies of 20 MB and 64 MiB the gateway holds {resident / MIB:.0f} MiB")
        self.assertLess(resident, 4 * BODY_BYTES_MAX * MEMORY_FACTOR)


class ExpectContinue(Scenario):
    def test_the_client_is_told_to_continue(self):
        with RawUpstream(answer_digest) as upstream, Gateway(upstream.url) as gateway:
            for dialect in dialects.ALL:
                body = dialect.request()
                with self.subTest(dialect=dialect.name), gateway.connect() as client:
                    client.send_request("POST", dialect.path, [
                        ("Expect", "100-continue"), ("Content-Length", str(len(body)))])
                    self.assertEqual(client.reader.until(b"\r\n", 100), b"HTTP/1.1 100 Continue")
                    client.reader.until(b"\r\n", 2)
                    client.send(body)
                    response = client.read_response()

                    self.assertEqual((response.status, response.body.decode()), (200, sha256(body)))
                    self.assertEqual(upstream.requests[-1].body, body)

    def test_a_body_that_comes_without_waiting_is_taken(self):
        with RawUpstream(answer_digest) as upstream, Gateway(upstream.url) as gateway, gateway.connect() as client:
            body = dialects.CHAT.request()
            response = client.exchange("POST", "/v1/chat/completions", [("Expect", "100-continue")], body)
            again = client.exchange("POST", "/v1/chat/completions", [], body)

            self.assertEqual((response.status, again.status), (200, 200))

    def test_a_refused_request_gets_its_status_and_no_continue(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for target, headers, status in (
                ("/v1/chat/completions", [("Content-Length", str(BODY_BYTES_MAX + 1))], 413),
                ("/nope", [("Content-Length", "5")], 404),
                ("/v1/chat/completions", [("Content-Length", "5"), ("Host", "evil.example")], 403),
            ):
                with self.subTest(status=status), gateway.connect() as client:
                    client.send_request("POST", target, [("Expect", "100-continue"), *headers])
                    response = client.read_response()

                    self.assertEqual((response.interim, response.status), ([], status))
                    self.assertEqual(upstream.requests, [])

    def test_an_unknown_expectation_is_refused(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            response = gateway.get("/v1/chat/completions", [("Expect", "a-miracle")], "POST", b"{}")

            self.assertEqual(response.status, 417)
            self.assertEqual(upstream.requests, [])


class CompressedRequests(Scenario):
    def test_gzip_and_deflate_bodies_arrive_with_the_same_content(self):
        with RawUpstream(answer_digest) as upstream, Gateway(upstream.url) as gateway:
            for dialect in dialects.ALL:
                for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
                    with self.subTest(dialect=dialect.name, coding=coding):
                        body = dialect.request()

                        response = gateway.call(
                            dialect, headers=[("Content-Encoding", coding)], body=pack(body))

                        self.assertEqual(response.status, 200)
                        self.assertEqual(upstream.requests[-1].plain_body(), body)
                        self.assertEqual(gateway.usage_of(response)["model"], dialect.model)

    def test_a_broken_gzip_body_is_refused_or_passed_and_the_gateway_lives(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            packed = gzip.compress(dialects.CHAT.request())
            for body in (packed[:20], b"\x1f\x8b not gzip", packed[:-8] + b"\0" * 8, b""):
                with self.subTest(body=body[:8]):
                    response = gateway.call(dialects.CHAT, headers=[("Content-Encoding", "gzip")], body=body)

                    self.assertIn(response.status, (200, 400), response.body)
                    if response.status == 200:
                        self.assertEqual(upstream.requests[-1].body, body)
            self.assertEqual(gateway.get("/health").status, 200)

    def test_a_gzip_bomb_does_not_fill_the_memory(self):
        bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = b"".join(bomb.compress(b" " * MIB) for _ in range(512)) + bomb.flush()
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            gateway.call(dialects.CHAT)

            response = gateway.call(
                dialects.CHAT, headers=[("Content-Encoding", "gzip")], body=packed, timeout=60)

            self.assertIn(response.status, (200, 400, 413))
            if response.status == 200:
                self.assertLessEqual(len(upstream.requests[-1].body), BODY_BYTES_MAX)
            self.assertLess(gateway.resident_bytes(), 3 * BODY_BYTES_MAX * MEMORY_FACTOR)


class SlowUpstreamReaders(Scenario):
    def test_an_upstream_that_reads_slowly_gets_the_whole_body(self):
        def read_slowly(exchange):
            body = b""
            for piece in exchange.body_pieces:
                body += piece
                time.sleep(0.001)
            exchange.answer(json.dumps({"digest": sha256(body)}).encode())

        with RawUpstream(read_slowly, reads_body=False) as upstream, Gateway(upstream.url) as gateway:
            body = dialects.CHAT.request(text="s" * (4 * MIB))

            response = gateway.call(dialects.CHAT, body=body, timeout=60)

            self.assertEqual(json.loads(response.body), {"digest": sha256(body)})

    def test_an_answer_before_the_end_of_the_request_passes(self):
        """Providers refuse large bodies early: the client must see that answer, not a broken pipe."""
        def refuse_early(exchange):
            exchange.answer(b'{"error":"early"}', "413 Too Large", [("Connection", "close")])
            exchange.close()
            time.sleep(0.5)

        with RawUpstream(refuse_early, reads_body=False) as upstream, Gateway(upstream.url) as gateway:
            response = gateway.call(dialects.CHAT, body=dialects.CHAT.request(text="e" * (8 * MIB)), timeout=20)

            self.assertEqual((response.status, response.body), (413, b'{"error":"early"}'))


if __name__ == "__main__":
    unittest.main()
