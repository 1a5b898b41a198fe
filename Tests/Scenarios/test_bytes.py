"""Pass-through means the same bytes: request and answer bodies in every dialect, framing and packet size."""
import unittest
import zlib

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream, sha256

PIECE_BYTES = (1, 7, 1000)


def answers():
    """(name, bytes of the body) that an upstream may send for each dialect, streaming and not."""
    for dialect in dialects.ALL:
        yield dialect, False, dialect.answer
        yield dialect, True, b"".join(dialect.stream)


class ByteIdentity(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream(lambda exchange: cls.answer_with(exchange))
        cls.gateway = Gateway(cls.upstream.url)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def check(self, dialect, stream, body, answer_with, what):
        type(self).answer_with = staticmethod(answer_with)
        request = dialect.request(stream)

        response = self.gateway.call(dialect, stream, body=request)

        with self.subTest(dialect=dialect.name, stream=stream, framing=what):
            self.assertEqual(response.status, 200)
            self.assert_same_bytes(response.body, body, "the answer")
            self.assertEqual(sha256(self.upstream.requests[-1].body), sha256(request), "the request")

    def test_a_body_with_a_length_is_unchanged(self):
        for dialect, stream, body in answers():
            kind = "text/event-stream" if stream else "application/json; charset=utf-8"
            self.check(dialect, stream, body, lambda e, b=body, k=kind: e.answer(b, content_type=k), "length")

    def test_a_chunked_body_is_unchanged_for_every_piece_size(self):
        for dialect, stream, body in answers():
            for size in PIECE_BYTES:
                def send(exchange, body=body, size=size):
                    exchange.start_stream()
                    for start in range(0, len(body), size):
                        exchange.chunk(body[start:start + size])
                    exchange.end_stream()
                self.check(dialect, stream, body, send, f"chunks of {size}")

    def test_chunk_extensions_and_trailers_of_the_upstream_do_no_harm(self):
        for dialect, stream, body in answers():
            def send(exchange, body=body):
                exchange.start_stream()
                half = len(body) // 2
                for piece in (body[:half], body[half:]):
                    exchange.send(b"%X;name=\"va;lue\"\r\n%s\r\n" % (len(piece), piece))
                exchange.send(b"000;last\r\nx-trailer: 1\r\n\r\n")
            self.check(dialect, stream, body, send, "extensions")

    def test_a_close_delimited_body_is_unchanged(self):
        for dialect, stream, body in answers():
            for version in ("1.1", "1.0"):
                def send(exchange, body=body, version=version):
                    exchange.send(f"HTTP/{version} 200 OK\r\nContent-Type: text/plain\r\n\r\n".encode() + body)
                    exchange.close()
                self.check(dialect, stream, body, send, f"close, HTTP/{version}")

    def test_crlf_lines_comments_and_unknown_fields_of_a_stream_are_unchanged(self):
        for dialect in dialects.ALL:
            body = b"\xef\xbb\xbf: hello\r\n\r\n" + b"".join(dialect.stream).replace(b"\n", b"\r\n")
            body += b"id: 7\r\nretry: 10\r\nunknown: x\r\n\r\ndata\r\n\r\n: tail without end"
            self.check(dialect, True, body, lambda e, b=body: e.stream([b[:33], b[33:34], b[34:]]), "crlf")

    def test_a_request_in_pieces_is_unchanged(self):
        type(self).answer_with = staticmethod(lambda exchange: exchange.answer(b"{}"))
        for dialect in dialects.ALL:
            for size in PIECE_BYTES:
                with self.subTest(dialect=dialect.name, size=size), self.gateway.connect() as client:
                    body = dialect.request()
                    client.send_request("POST", dialect.path, [
                        *dialect.key_headers("k"), ("Transfer-Encoding", "chunked")])
                    for start in range(0, len(body), size):
                        piece = body[start:start + size]
                        client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                    client.send(b"0\r\n\r\n")

                    self.assertEqual(client.read_response().status, 200)
                    self.assert_same_bytes(self.upstream.requests[-1].body, body, "the request")

    def test_bodies_that_are_not_utf8_or_not_json_pass_on_other_v1_paths(self):
        body = bytes(range(256)) * 64
        type(self).answer_with = staticmethod(
            lambda exchange: exchange.answer(body[::-1], content_type="application/octet-stream"))

        response = self.gateway.get("/v1/audio/speech", [("content-type", "application/octet-stream")], "POST", body)

        self.assertEqual(response.status, 200)
        self.assert_same_bytes(response.body, body[::-1], "the answer")
        self.assert_same_bytes(self.upstream.requests[-1].body, body, "the request")

    def test_compressed_answers_pass_unchanged(self):
        for dialect, stream, body in answers():
            for coding, bits in (("gzip", 31), ("deflate", 15)):
                packer = zlib.compressobj(6, zlib.DEFLATED, bits)
                packed = packer.compress(body) + packer.flush()
                kind = "text/event-stream" if stream else "application/json"

                def send(exchange, packed=packed, coding=coding, kind=kind):
                    exchange.answer(packed, headers=[("Content-Encoding", coding)], content_type=kind)
                self.check(dialect, stream, packed, send, coding)

    def test_error_answers_of_the_provider_are_unchanged(self):
        for status in ("400 Bad Request", "401 Unauthorized", "404 Not Found", "409 Conflict", "413 Too Large",
                       "422 Unprocessable Entity", "429 Too Many Requests", "500 Oh", "503 Busy", "529 Overloaded"):
            body = b'{ "error" : {"message":"as the provider wrote it \\u00e9","odd":1.0} }\n'
            type(self).answer_with = staticmethod(lambda exchange, status=status: exchange.answer(
                body, status, [("Retry-After", "17"), ("x-should-retry", "false"), ("request-id", "req_77")]))
            for dialect in dialects.ALL:
                with self.subTest(status=status, dialect=dialect.name):
                    before = len(self.upstream.requests)

                    response = self.gateway.call(dialect)

                    self.assertEqual(f"{response.status} {response.reason}".split()[0], status.split()[0])
                    self.assert_same_bytes(response.body, body, "the error")
                    self.assertEqual(response.header("retry-after"), "17")
                    self.assertEqual(response.header("x-should-retry"), "false")
                    self.assertEqual(response.header("request-id"), "req_77")
                    self.assertEqual(len(self.upstream.requests), before + 1, "a provider's error is not retried")


if __name__ == "__main__":
    unittest.main()
