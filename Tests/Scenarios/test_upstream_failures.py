"""What a caller sees when the upstream fails: the right status and envelope before the first byte of the answer,
a dialect-correct error event and a closed stream after it, and never an answer that belongs to another call."""
import gzip
import json
import socket
import threading
import time
import unittest

import dialects
import wire
from harness import Gateway, Practice, Scenario
from upstreams import FullBacklog, RawUpstream, refused_port

SHORT_TIMEOUTS = """
upstreams:
  - name: slow
    url: {url}
    timeouts:
      connect_seconds: 1
      first_byte_seconds: 1
      idle_seconds: 1
"""


class BeforeTheFirstByte(Scenario):
    def check(self, gateway, statuses, what=""):
        for dialect in dialects.ALL:
            for stream in (False, True):
                with self.subTest(what=what, dialect=dialect.name, stream=stream):
                    response = gateway.call(dialect, stream, timeout=20)

                    self.assert_envelope(dialect, response, statuses, what)
                    self.assertTrue(response.header("x-cairn-call"))
        self.assertEqual(gateway.get("/health").status, 200)

    def check_answer(self, data, what=""):
        """An upstream that answers every request with `data` and closes is a 502."""
        def handler(exchange):
            exchange.send(data)
            exchange.close()

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway:
            self.check(gateway, (502,), what or repr(data[:60]))
            self.assertEqual(len(upstream.requests), 6, f"{what}: a request that was sent is not sent again")

    def test_a_refused_connection_is_502(self):
        with Gateway(f"http://127.0.0.1:{refused_port()}") as gateway:
            self.check(gateway, (502,))

    def test_a_name_that_does_not_resolve_is_502(self):
        with Gateway("http://no-such-host.invalid:81") as gateway:
            self.check(gateway, (502,))

    def test_a_connect_that_hangs_is_504(self):
        with FullBacklog() as full, \
                Gateway(config=SHORT_TIMEOUTS.format(url=f"http://127.0.0.1:{full.port}")) as gateway:
            started = time.monotonic()
            response = gateway.call(dialects.CHAT)

            self.assert_envelope(dialects.CHAT, response, (504,))
            self.assertLess(time.monotonic() - started, 4)

    def test_no_first_byte_in_time_is_504(self):
        with RawUpstream(lambda e: e.seconds_until_left(10)) as upstream, \
                Gateway(config=SHORT_TIMEOUTS.format(url=upstream.url)) as gateway:
            for dialect in dialects.ALL:
                with self.subTest(dialect=dialect.name):
                    started = time.monotonic()
                    response = gateway.call(dialect)
                    seconds = time.monotonic() - started

                    self.assert_envelope(dialect, response, (504,))
                    self.assertTrue(0.8 < seconds < 4, seconds)
            self.assertEqual(len(upstream.requests), 3, "a timed-out request is not sent again")

    def test_a_tls_handshake_with_a_server_that_speaks_no_tls_is_502(self):
        def garbage(listener):
            while True:
                try:
                    sock, _ = listener.accept()
                    sock.recv(4096)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    sock.close()
                except OSError:
                    return

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=garbage, args=(listener,), daemon=True).start()
            with Gateway(f"https://127.0.0.1:{listener.getsockname()[1]}") as gateway:
                self.check(gateway, (502,))

    def test_a_close_without_an_answer_is_502(self):
        with RawUpstream(lambda e: e.close()) as upstream, Gateway(upstream.url) as gateway:
            self.check(gateway, (502,))
            self.assertEqual(len(upstream.requests), 6)

    def test_a_reset_before_the_answer_is_502(self):
        with RawUpstream(lambda e: e.reset()) as upstream, Gateway(upstream.url) as gateway:
            self.check(gateway, (502,))
            self.assertEqual(len(upstream.requests), 6)

    def test_a_broken_status_line_is_502(self):
        for data in (b"garbage\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 99 Low\r\n\r\n",
                     b"HTTP/1.1 2000 Long\r\nContent-Length: 0\r\n\r\n", b"\0\1\2\3\r\n\r\n",
                     b"HTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"):
            self.check_answer(data)

    def test_contradictory_framing_of_an_answer_is_502(self):
        for headers in ("Content-Length: 5\r\nContent-Length: 6", "Content-Length: -1", "Content-Length: 5x",
                        "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked\r\nContent-Length: 5",
                        "Content-Length : 5", "Content-Length: 5\r\n folded: 1", "X: a\0b\r\nContent-Length: 5"):
            self.check_answer(f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode() + b"hello", what=headers)

    def test_headers_of_an_answer_above_the_limit_are_502(self):
        one = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 300_000 + b"\r\nContent-Length: 0\r\n\r\n"
        many = b"HTTP/1.1 200 OK\r\n" + b"x-many: 1234567890\r\n" * 20_000 + b"Content-Length: 0\r\n\r\n"
        endless = b"HTTP/1.1 200 OK\r\nX-Endless: " + b"a" * 4_000_000
        for name, data in (("one", one), ("many", many), ("endless", endless)):
            with RawUpstream(lambda e, d=data: e.send(d)) as upstream, Gateway(upstream.url) as gateway:
                for dialect in dialects.ALL:
                    with self.subTest(name=name, dialect=dialect.name):
                        self.assert_envelope(dialect, gateway.call(dialect), (502,))

    def test_an_upgrade_nobody_asked_for_is_502(self):
        self.check_answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")

    def test_interim_answers_are_not_taken_for_the_final_one(self):
        def handler(exchange):
            exchange.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-Early: 1\r\n\r\n")
            time.sleep(0.02)
            exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            exchange.answer(dialects.CHAT.answer)

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway, gateway.connect() as client:
            for _ in range(2):
                client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request())
                response = client.read_response()
                self.assertEqual((response.status, response.body), (200, dialects.CHAT.answer))
                self.assertIsNone(response.header("x-early"))

    def test_answers_without_a_body_do_not_wait_for_one(self):
        for head in (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
            with RawUpstream(lambda e, h=head: e.send(h)) as upstream, Gateway(upstream.url) as gateway:
                with self.subTest(head=head), gateway.connect() as client:
                    for _ in range(2):
                        response = client.exchange("GET", "/v1/files/x")
                        self.assertEqual((response.status, response.body), (int(head[9:12]), b""))

    def test_different_failures_have_different_codes(self):
        codes = []
        with Gateway(f"http://127.0.0.1:{refused_port()}") as gateway:
            codes.append(json.loads(gateway.call(dialects.CHAT).body)["error"]["code"])
        with Gateway("http://no-such-host.invalid:81") as gateway:
            codes.append(json.loads(gateway.call(dialects.CHAT, timeout=20).body)["error"]["code"])
        with RawUpstream(lambda e: e.seconds_until_left(10)) as upstream, \
                Gateway(config=SHORT_TIMEOUTS.format(url=upstream.url)) as gateway:
            codes.append(json.loads(gateway.call(dialects.CHAT).body)["error"]["code"])
        with RawUpstream(lambda e: e.send(b"garbage\r\n\r\n")) as upstream, Gateway(upstream.url) as gateway:
            codes.append(json.loads(gateway.call(dialects.CHAT).body)["error"]["code"])

        self.assertEqual(len(set(codes)), 4, codes)


class AfterTheFirstByte(Scenario):
    def broken_stream(self, gateway, dialect):
        """What arrived of a stream, however it ended."""
        with gateway.connect() as client:
            client.send_request("POST", dialect.path, dialect.key_headers("k"), dialect.request(True))
            response, _ = client.read_what_came()
            self.assertEqual(response.status, 200)
            return response.body

    def check_streams(self, gateway, what):
        for dialect in dialects.ALL:
            for cut in (0, 5):
                with self.subTest(what=what, dialect=dialect.name, cut=cut):
                    self.dialect, self.cut = dialect, cut
                    sent = b"".join(dialect.stream[:4]) + dialect.stream[4][:cut]

                    body = self.broken_stream(gateway, dialect)

                    self.assertTrue(body.startswith(sent), f"{body[-200:]!r}")
                    self.assertNotIn(b"[DONE]", body)
                    self.assert_ends_with_error_event(dialect, body, what)
        self.assertEqual(gateway.get("/health").status, 200)

    def upstream_that(self, break_off):
        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(b"".join(self.dialect.stream[:4]) + self.dialect.stream[4][:self.cut])
            time.sleep(0.02)
            break_off(exchange)
        return RawUpstream(handler)

    def test_a_reset_in_mid_stream_becomes_an_error_event(self):
        with self.upstream_that(lambda e: e.reset()) as upstream, Gateway(upstream.url) as gateway:
            self.check_streams(gateway, "reset")
            self.assertEqual(len(upstream.requests), 6, "no retry once bytes have flowed")

    def test_a_close_in_mid_stream_becomes_an_error_event(self):
        with self.upstream_that(lambda e: e.close()) as upstream, Gateway(upstream.url) as gateway:
            self.check_streams(gateway, "close")

    def test_malformed_chunking_in_mid_stream_becomes_an_error_event(self):
        for data in (b"xyz\r\nabc\r\n", b"5\r\nabcdefgh", b"-5\r\nabc\r\n", b"ffffffffffffffffff\r\n",
                     b"0x5\r\nabcde\r\n"):
            def break_off(exchange, data=data):
                exchange.send(data)
                exchange.close()
            with self.upstream_that(break_off) as upstream, Gateway(upstream.url) as gateway:
                self.check_streams(gateway, repr(data))

    def test_silence_in_mid_stream_becomes_an_error_event(self):
        with self.upstream_that(lambda e: e.seconds_until_left(10)) as upstream, \
                Gateway(config=SHORT_TIMEOUTS.format(url=upstream.url)) as gateway:
            started = time.monotonic()
            self.check_streams(gateway, "silence")
            self.assertLess(time.monotonic() - started, 6 * 3)

    def test_a_stream_shorter_than_its_length_becomes_an_error_event_or_a_visible_cut(self):
        def handler(exchange):
            data = b"".join(self.dialect.stream[:4])
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n" + data)
            exchange.close()

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway:
            for dialect in dialects.ALL:
                with self.subTest(dialect=dialect.name), gateway.connect() as client:
                    self.dialect = dialect
                    client.send_request("POST", dialect.path, dialect.key_headers("k"), dialect.request(True))
                    try:
                        response = client.read_response()
                    except (wire.WireError, ConnectionError):
                        continue
                    self.assert_ends_with_error_event(dialect, response.body)

    def test_a_cut_json_answer_is_visibly_cut(self):
        """A body that is not a stream cannot carry an error event: the client must see that it is incomplete."""
        def with_length(exchange):
            body = exchange.half
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                          % (2 * len(body)) + body)

        def chunked(exchange):
            exchange.start_stream(content_type="application/json")
            exchange.chunk(exchange.half)

        for name, start in (("length", with_length), ("chunked", chunked)):
            for end in ("close", "reset"):
                def handler(exchange, start=start, end=end):
                    dialect = next(d for d in dialects.ALL if d.path == exchange.request.target)
                    exchange.half = dialect.answer[: len(dialect.answer) // 2]
                    start(exchange)
                    time.sleep(0.02)
                    getattr(exchange, end)()

                with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway:
                    for dialect in dialects.ALL:
                        with self.subTest(framing=name, end=end, dialect=dialect.name):
                            try:
                                response = gateway.call(dialect)
                            except (wire.WireError, ConnectionError):
                                continue
                            self.assert_envelope(dialect, response, (502,))
                    self.assertEqual(len(upstream.requests), 3)

    def test_bytes_after_an_answer_never_become_the_answer_of_another_call(self):
        poison = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"

        def handler(exchange):
            body = b"for " + exchange.request.header("x-caller").encode()
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body + poison)

        with RawUpstream(handler) as upstream, Gateway(upstream.url, ["--threads", "1"]) as gateway:
            for turn in range(10):
                response = gateway.get("/v1/chat/completions", [("x-caller", f"c{turn}")], "POST", b"{}")

                self.assertEqual(response.body, f"for c{turn}".encode())
                time.sleep(0.01 if turn % 2 else 0)

    def test_an_answer_without_a_request_is_not_given_to_the_next_caller(self):
        """The upstream sends a second answer some time later, when the connection rests in the pool."""
        def handler(exchange):
            exchange.answer(exchange.request.header("x-caller").encode())
            time.sleep(0.02)
            exchange.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nstale")

        with RawUpstream(handler) as upstream, Gateway(upstream.url, ["--threads", "1"]) as gateway:
            for turn in range(5):
                response = gateway.get("/v1/chat/completions", [("x-caller", f"c{turn}")], "POST", b"{}")
                self.assertEqual((response.status, response.body), (200, f"c{turn}".encode()))
                time.sleep(0.06)


class EndsOfStreams(Scenario):
    """A stream whose body ends in order is whole when its last event says so, however that is spelled."""

    WHOLE = (
        (dialects.CHAT, b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'),
        (dialects.CHAT, b'data: { "choices" : [ { "delta" : {}, "finish_reason" : "stop" } ] }\n\n'),
        (dialects.CHAT, b'data: {"choices":[{"delta":{}}]}\n\ndata:[DONE]\n\n'),
        (dialects.CHAT, b'data: {"choices":[{"delta":{}}]}\r\n\r\ndata: [DONE]\r\n\r\n'),
        (dialects.CHAT, b'data: {"choices":[{"delta":{}}]}\n\ndata: [DONE]'),
        (dialects.CHAT, b'data: {"error":{"message":"the provider says so"}}\n\n'),
        (dialects.RESPONSES, b'event: response.completed\ndata: {"type":"response.completed"}\n\n'),
        (dialects.RESPONSES, b'data: {"type" : "response.completed"}\n\n'),
        (dialects.RESPONSES, b'event: response.incomplete\ndata: {"type":"response.incomplete"}\n\n'),
        (dialects.RESPONSES, b'event: response.failed\ndata: {"type":"response.failed"}\n\n'),
        (dialects.MESSAGES, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        (dialects.MESSAGES, b'event: message_stop\ndata: {"type":"message_stop"}'),
        (dialects.MESSAGES, b'data: { "type" : "message_stop" }\n\n'),
        (dialects.MESSAGES, b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'),
        (dialects.RESPONSES, b'data: {"type":"response.created"}\n\nevent: response.completed\ndata: {"type":'
         b'"response.completed","response":{"text":"%s"}}\n\n' % (b"H" * 5_000_000)),
        (dialects.CHAT, b": only a comment\n\n"),
        (dialects.CHAT, b""),
    )

    def test_whole_streams_pass_unchanged(self):
        for dialect, body in self.WHOLE:
            with self.subTest(dialect=dialect.name, body=body[:100]), \
                    RawUpstream(lambda e, b=body: e.stream([b] if b else [])) as upstream, \
                    Gateway(upstream.url) as gateway, gateway.connect() as client:
                client.send_request("POST", dialect.path, dialect.key_headers("k"), dialect.request(True))
                response, is_whole = client.read_what_came()

                self.assert_same_bytes(response.body, body, "the stream")
                self.assertTrue(is_whole)

    def test_event_streams_of_other_paths_pass_unchanged(self):
        body = b'data: {"status":"running"}\n\n'
        with RawUpstream(lambda e: e.stream([body])) as upstream, Gateway(upstream.url) as gateway:
            self.assert_same_bytes(gateway.get("/v1/fine_tuning/jobs/1/events").body, body, "the stream")

    def test_streams_that_stop_before_their_end_are_told(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect=dialect.name), \
                    RawUpstream(lambda e, d=dialect: e.stream(d.stream[:6])) as upstream, \
                    Gateway(upstream.url) as gateway, gateway.connect() as client:
                client.send_request("POST", dialect.path, dialect.key_headers("k"), dialect.request(True))
                response, _ = client.read_what_came()

                self.assertTrue(response.body.startswith(b"".join(dialect.stream[:6])))
                self.assert_ends_with_error_event(dialect, response.body)


class Retries(Scenario):
    def test_a_pooled_connection_that_closed_is_replaced_without_an_error(self):
        def answer_and_close_quietly(exchange):
            exchange.answer(b"{}")
            exchange.close()

        with RawUpstream(answer_and_close_quietly) as upstream, Gateway(upstream.url, ["--threads", "1"]) as gateway:
            with gateway.connect() as client:
                for turn in range(20):
                    response = client.exchange("POST", "/v1/chat/completions", [], dialects.CHAT.request())
                    self.assertEqual(response.status, 200, f"turn {turn}: {response.body!r}")
                    time.sleep(0.01)

            self.assertEqual(len(upstream.requests), 20)
            self.assertEqual(upstream.connections, 20)

    def test_a_request_that_was_sent_on_a_pooled_connection_is_not_sent_again(self):
        for end in ("close", "reset"):
            def handler(exchange, end=end):
                if b"first" in exchange.request.body:
                    return exchange.answer(b"{}")
                getattr(exchange, end)()

            with self.subTest(end=end), RawUpstream(handler) as upstream, \
                    Gateway(upstream.url, ["--threads", "1"]) as gateway:
                self.assertEqual(gateway.call(dialects.CHAT, body=b'{"x":"first"}').status, 200)

                response = gateway.call(dialects.CHAT, body=b'{"x":"second"}')

                self.assert_envelope(dialects.CHAT, response, (502,))
                self.assertEqual(len([r for r in upstream.requests if b"second" in r.body]), 1)

    def test_an_upstream_that_comes_back_is_used_again(self):
        port = refused_port()
        with Gateway(f"http://127.0.0.1:{port}") as gateway:
            self.assertEqual(gateway.call(dialects.CHAT).status, 502)
            with socket.create_server(("127.0.0.1", port)) as listener:
                def serve():
                    sock, _ = listener.accept()
                    reader = wire.Reader(sock)
                    reader.until(b"\r\n\r\n", 65536)
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                threading.Thread(target=serve, daemon=True).start()

                self.assertEqual(gateway.call(dialects.CHAT).body, b"ok")


class PracticeFaults(Scenario):
    """Every fault of the practice provider, in each dialect, streaming and not, through the gateway."""

    @classmethod
    def setUpClass(cls):
        cls.practice = Practice()
        cls.gateway = Gateway(cls.practice.url)
        cls.impatient = Gateway(config=SHORT_TIMEOUTS.format(url=cls.practice.url))

    @classmethod
    def tearDownClass(cls):
        cls.impatient.stop()
        cls.gateway.stop()
        cls.practice.stop()

    def call(self, dialect, stream, fault):
        """(response with what arrived of the body, whether the body was whole)"""
        gateway = self.impatient if fault in ("slow-first-byte", "stall-mid-stream") else self.gateway
        with gateway.connect(timeout=20) as client:
            client.send_request("POST", dialect.path, [
                *dialect.key_headers("k"), ("x-practice-fault", fault), ("x-practice-words", "20"),
            ], dialect.request(stream))
            return client.read_what_came()

    def check_each(self, fault, check, streams=(False, True)):
        """Calls check(dialect, stream, response, is_whole) for each kind of call with `fault`."""
        for dialect in dialects.ALL:
            for stream in streams:
                with self.subTest(fault=fault, dialect=dialect.name, stream=stream):
                    self.practice.clear()
                    check(dialect, stream, *self.call(dialect, stream, fault))
                    self.assertEqual(len(self.practice.requests()), 1, "each call reaches the upstream once")

    def test_provider_errors_pass(self):
        for fault, status in (("rate-limit", 429), ("server-error", 500), ("overloaded", 529)):
            def check(dialect, stream, response, is_whole):
                self.assertTrue(is_whole)
                self.assertEqual(response.status, status)
                self.assertIn("message", json.loads(response.body)["error"])
                if fault == "rate-limit":
                    self.assertEqual(response.header("retry-after"), "7")
            self.check_each(fault, check)

    def test_a_reset_before_the_first_byte(self):
        def check(dialect, stream, response, is_whole):
            self.assertTrue(is_whole)
            self.assert_envelope(dialect, response, (502,))
        self.check_each("reset-before-first-byte", check)

    def test_a_reset_in_mid_stream(self):
        def check(dialect, stream, response, is_whole):
            self.assertEqual(response.status, 200)
            self.assert_ends_with_error_event(dialect, response.body)
        self.check_each("reset-mid-stream", check, (True,))

    def test_a_slow_first_byte_runs_into_the_timeout(self):
        def check(dialect, stream, response, is_whole):
            self.assertTrue(is_whole)
            self.assert_envelope(dialect, response, (504,))
        self.check_each("slow-first-byte", check)

    def test_a_stalled_stream_runs_into_the_timeout(self):
        def check(dialect, stream, response, is_whole):
            self.assert_ends_with_error_event(dialect, response.body)
        self.check_each("stall-mid-stream", check, (True,))

    def test_truncated_json_passes_as_it_is(self):
        def check(dialect, stream, response, is_whole):
            self.assertTrue(is_whole)
            self.assertEqual(response.status, 200)
            with self.assertRaises(ValueError):
                json.loads(response.body)
        self.check_each("truncated-json", check, (False,))

    def test_a_stream_without_its_last_event_is_not_taken_for_whole(self):
        """A chat stream says with finish_reason that it is whole; the others need their last event."""
        def check(dialect, stream, response, is_whole):
            self.assertEqual(response.status, 200)
            self.assertNotIn(b"[DONE]", response.body)
            if dialect.name == "chat":
                self.assertTrue(is_whole)
                self.assertIsNotNone(dialect.error_event_fault(wire.events_of(response.body)[-1]))
            else:
                self.assert_ends_with_error_event(dialect, response.body)
        self.check_each("missing-done", check, (True,))

    def test_odd_but_legal_streams_arrive_whole(self):
        for fault in ("crlf-lines", "comment-lines", "split-utf8", "close-delimited", "huge-data-line"):
            def check(dialect, stream, response, is_whole):
                self.assertTrue(is_whole)
                self.assertEqual(response.status, 200)
                events = wire.events_of(response.body)
                self.assertGreater(len(events), 1)
                self.assertIsNotNone(dialect.error_event_fault(events[-1]), "an error event in a good stream")
            self.check_each(fault, check, (True,))

    def test_bad_chunking(self):
        def check(dialect, stream, response, is_whole):
            if response.status == 200 and stream:
                self.assert_ends_with_error_event(dialect, response.body)
            elif response.status == 200:
                self.assertFalse(is_whole)
            else:
                self.assert_envelope(dialect, response, (502,))
        self.check_each("bad-chunking", check)

    def test_a_gzip_answer(self):
        def check(dialect, stream, response, is_whole):
            self.assertTrue(is_whole)
            self.assertEqual(response.header("content-encoding"), "gzip")
            plain = gzip.decompress(response.body)
            self.assertTrue(wire.events_of(plain) if stream else json.loads(plain))
        self.check_each("gzip-response", check)


if __name__ == "__main__":
    unittest.main()
