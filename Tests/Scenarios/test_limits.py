"""Clients that take too long or too much: slow headers, slow bodies, idle connections, too many connections."""
import threading
import time
import unittest

import dialects
import wire
from harness import Gateway, Scenario
from upstreams import RawUpstream, wait_until

CONFIG = """
upstreams:
  - name: only
    url: {url}
timeouts:
  header_seconds: 1
  body_seconds: 1
  keepalive_seconds: 1
limits:
  connections_max: {connections}
"""
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class SlowClients(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream(lambda exchange: (time.sleep(
            float(exchange.request.header("x-sleep") or 0)), exchange.answer(b"{}")))
        cls.gateway = Gateway(config=CONFIG.format(url=cls.upstream.url, connections=1000))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def seconds_until_closed(self, client):
        started = time.monotonic()
        rest = client.drain(6)
        self.assertIsNotNone(rest, "the connection was never closed")
        if rest:
            self.assertIn(b" 408 ", rest.split(b"\r\n")[0])
        return time.monotonic() - started

    def test_a_header_that_never_ends_times_out(self):
        with self.gateway.connect() as client:
            client.send(HEAD)

            self.assertTrue(0.5 < self.seconds_until_closed(client) < 3)

    def test_a_header_that_drips_times_out_all_the_same(self):
        started = time.monotonic()
        with self.gateway.connect() as client:
            client.send(HEAD)
            with self.assertRaises((ConnectionError, TimeoutError, wire.WireError)):
                while time.monotonic() - started < 5:
                    client.send(b"X-A: b\r\n")
                    time.sleep(0.2)
                raise AssertionError("a dripping header was never refused")

        self.assertLess(time.monotonic() - started, 4)

    def test_a_connection_that_never_speaks_is_closed(self):
        with self.gateway.connect() as client:
            self.assertTrue(0.5 < self.seconds_until_closed(client) < 3)

    def test_a_body_that_stops_times_out(self):
        for framing in (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"):
            with self.subTest(framing=framing), self.gateway.connect() as client:
                client.send(HEAD + framing)

                self.assertTrue(0.5 < self.seconds_until_closed(client) < 3)

    def test_a_body_that_drips_within_the_timeout_is_served(self):
        with self.gateway.connect() as client:
            client.send(HEAD + b"Content-Length: 8\r\n\r\n")
            for byte in b'{"a": 1}':
                time.sleep(0.25)
                client.send(bytes([byte]))

            self.assertEqual(client.read_response().status, 200)

    def test_an_idle_connection_is_closed_after_an_answer(self):
        with self.gateway.connect() as client:
            client.exchange("POST", "/v1/chat/completions", [], b"{}")

            started = time.monotonic()
            self.assertEqual(client.drain(6), b"")
            self.assertTrue(0.5 < time.monotonic() - started < 3)

    def test_a_long_call_is_not_an_idle_connection(self):
        with self.gateway.connect() as client:
            response = client.exchange("POST", "/v1/chat/completions", [("x-sleep", "2.5")], b"{}")

            self.assertEqual(response.status, 200)

    def test_keep_alive_serves_many_calls_with_pauses(self):
        with self.gateway.connect() as client:
            for _ in range(4):
                self.assertEqual(client.exchange("POST", "/v1/chat/completions", [], b"{}").status, 200)
                time.sleep(0.5)

    def test_http10_and_connection_close_close_after_the_answer(self):
        for data in (
            b"POST /v1/chat/completions HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}",
            HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        ):
            with self.subTest(data=data[:60]), self.gateway.connect() as client:
                client.send(data)
                self.assertEqual(client.read_response().body, b"{}")
                self.assertTrue(client.is_closed_within(0.5))


class TooManyConnections(Scenario):
    def test_the_connection_above_the_limit_is_refused_with_503(self):
        with RawUpstream() as upstream:
            config = CONFIG.format(url=upstream.url, connections=4).replace(": 1\n", ": 30\n")
            gateway = Gateway(config=config, arguments=["--threads", "1"])
            self.addCleanup(gateway.stop)
            held = [gateway.connect() for _ in range(4)]
            for client in held:
                self.assertEqual(client.exchange("POST", "/v1/chat/completions", [], b"{}").status, 200)

            with gateway.connect() as extra:
                try:
                    extra.send_request("POST", "/v1/chat/completions", [], b"{}")
                except ConnectionError:
                    pass  # refused at once: the answer may be read all the same
                response = extra.read_response()
                self.assert_refused(response, (503,))
                self.assertTrue(extra.is_closed_within(1))

            self.assertEqual(held[0].exchange("POST", "/v1/chat/completions", [], b"{}").status, 200)
            held.pop().close()

            def served():
                try:
                    return gateway.call(dialects.CHAT).status == 200
                except (ConnectionError, wire.WireError):
                    return False
            wait_until(served, 2, "a place that became free is given to the next client")
            for client in held:
                client.close()


class ConfiguredLimits(Scenario):
    def gateway(self, upstream, more, arguments=()):
        gateway = Gateway(config=f"upstreams:\n  - name: only\n    url: {upstream.url}\n{more}", arguments=arguments)
        self.addCleanup(gateway.stop)
        return gateway

    def test_a_smaller_body_limit_is_kept(self):
        with RawUpstream() as upstream:
            gateway = self.gateway(upstream, "limits:\n  body_bytes_max: 1KiB\n")
            for size, status in ((1024, 200), (1025, 413)):
                with self.subTest(size=size):
                    response = gateway.call(dialects.CHAT, body=b"x" * size)
                    self.assertEqual(response.status, status)

    def test_a_smaller_header_limit_is_kept(self):
        with RawUpstream() as upstream:
            gateway = self.gateway(upstream, "limits:\n  header_bytes_max: 2KiB\n")
            for size, status in ((1000, 200), (2000, 431)):
                with self.subTest(size=size):
                    response = gateway.call(dialects.CHAT, headers=[("X-Long", "h" * size)])
                    self.assertEqual(response.status, status)

    def test_a_client_that_stops_reading_is_left_after_a_while(self):
        left = []

        def pour(exchange):
            exchange.start_stream()
            try:
                while True:
                    exchange.chunk(b"data: " + b"x" * 4096 + b"\n\n")
            except OSError:
                left.append(time.monotonic())
                raise

        with RawUpstream(pour) as upstream:
            gateway = self.gateway(upstream, "timeouts:\n  write_seconds: 1\n")
            started = time.monotonic()
            with gateway.connect(receive_bytes=16 << 10) as client:
                client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
                client.read_head()
                wait_until(lambda: left, 6, "the gateway gives the call up")

                self.assertGreater(left[0] - started, 0.7)
                self.assertEqual(gateway.usage_lines(1)[0]["outcome"], "client_stalled")

    def test_calls_wait_for_a_place_when_an_upstream_has_a_connection_limit(self):
        open_now, most = [0], [0]
        lock = threading.Lock()

        def count(exchange):
            with lock:
                open_now[0] += 1
                most[0] = max(most[0], open_now[0])
            time.sleep(0.05)
            with lock:
                open_now[0] -= 1
            exchange.answer(exchange.request.body)

        with RawUpstream(count) as upstream:
            gateway = self.gateway(upstream, "    connections_max: 2\n", ["--threads", "1"])
            answers = []
            threads = [threading.Thread(target=lambda n=n: answers.append(
                gateway.call(dialects.CHAT, body=b"%d" % n).body)) for n in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)

            self.assertEqual(sorted(answers, key=int), [b"%d" % n for n in range(12)])
            self.assertEqual((most[0], upstream.connections), (2, 2))


if __name__ == "__main__":
    unittest.main()
