"""How the gateway ends: streams finish, nobody new is let in, the exit status tells; and what signals do."""
import os
import re
import signal
import subprocess
import threading
import time
import unittest

import dialects
import wire
from harness import BINARY, Gateway, Scenario, environment, fresh_directory
from upstreams import RawUpstream, wait_until


class Drain(Scenario):
    def setUp(self):
        self.finish = threading.Event()
        self.upstream = RawUpstream(self.stream_until_told)
        self.gateway = Gateway(self.upstream.url)
        self.addCleanup(self.upstream.__exit__)
        self.addCleanup(self.gateway.stop)
        self.addCleanup(self.finish.set)

    def stream_until_told(self, exchange):
        events = dialects.CHAT.stream
        exchange.start_stream()
        exchange.chunk(events[0])
        self.finish.wait(20)
        for event in events[1:]:
            exchange.chunk(event)
        exchange.end_stream()

    def open_stream(self):
        client = self.gateway.connect()
        self.addCleanup(client.close)
        client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
        pieces = client.body_pieces(client.read_head())
        self.assertEqual(next(pieces), dialects.CHAT.stream[0])
        return client, pieces

    def wait_until_refusing(self):
        def refuses():
            try:
                with self.gateway.connect(timeout=1) as client:
                    response = client.exchange("GET", "/health")
                    return response.status == 503
            except (OSError, wire.WireError):
                return True
        wait_until(refuses, 3, "new connections are refused")

    def test_a_stream_finishes_and_new_connections_are_refused(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                self.finish.clear()
                if not self.gateway.is_running():
                    self.gateway = Gateway(self.upstream.url)
                    self.addCleanup(self.gateway.stop)
                _, pieces = self.open_stream()

                self.gateway.signal(number)
                self.wait_until_refusing()
                self.assertTrue(self.gateway.is_running(), "the stream still runs")
                self.finish.set()

                self.assertEqual(b"".join(pieces), b"".join(dialects.CHAT.stream[1:]))
                self.assertEqual(self.gateway.wait_for_exit(3), 0)

    def test_the_call_that_finished_in_the_drain_is_recorded(self):
        _, pieces = self.open_stream()
        self.gateway.signal(signal.SIGTERM)
        self.wait_until_refusing()
        self.finish.set()
        b"".join(pieces)
        self.gateway.wait_for_exit(3)

        lines = self.gateway.usage_lines(1, 0)

        self.assertEqual(lines[0]["usage"], dialects.CHAT.usage)

    def test_idle_connections_do_not_delay_the_exit(self):
        with self.gateway.connect() as idle:
            idle.exchange("GET", "/health")
            started = time.monotonic()
            self.gateway.signal(signal.SIGTERM)

            self.assertEqual(self.gateway.wait_for_exit(3), 0)
            self.assertLess(time.monotonic() - started, 1.5)
            self.assertTrue(idle.is_closed_within(1))

    def test_a_second_signal_exits_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
                              (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(first=first.name, second=second.name):
                if not self.gateway.is_running():
                    self.gateway = Gateway(self.upstream.url)
                    self.addCleanup(self.gateway.stop)
                self.open_stream()
                self.gateway.signal(first)
                self.wait_until_refusing()
                started = time.monotonic()

                self.gateway.signal(second)
                code = self.gateway.wait_for_exit(3)

                self.assertLess(time.monotonic() - started, 1)
                self.assertNotEqual(code, -signal.SIGSEGV)

    def test_the_drain_ends_after_its_time(self):
        self.gateway.stop()
        self.gateway = Gateway(config=f"drain_seconds: 1\nupstreams:\n  - name: a\n    url: {self.upstream.url}\n")
        self.addCleanup(self.gateway.stop)
        self.open_stream()
        started = time.monotonic()

        self.gateway.signal(signal.SIGTERM)
        self.gateway.wait_for_exit(5)

        self.assertTrue(0.7 < time.monotonic() - started < 3)

    def test_answers_during_the_drain_close_their_connection(self):
        client, pieces = self.open_stream()
        self.gateway.signal(signal.SIGTERM)
        self.wait_until_refusing()
        self.finish.set()
        b"".join(pieces)

        self.assertTrue(client.is_closed_within(2))


class Signals(Scenario):
    def test_hangup_reopens_the_usage_log(self):
        with RawUpstream(lambda e: e.answer(dialects.CHAT.answer)) as upstream, Gateway(upstream.url) as gateway:
            gateway.call(dialects.CHAT)
            gateway.usage_lines(1)
            os.rename(gateway.usage_path, gateway.usage_path + ".moved")

            gateway.signal(signal.SIGHUP)
            response = gateway.call(dialects.CHAT)

            self.assertEqual(gateway.usage_lines(1)[0]["call"], response.header("x-cairn-call"))
            with open(gateway.usage_path + ".moved") as moved:
                self.assertEqual(len(moved.readlines()), 1)
            self.assertEqual(os.stat(gateway.usage_path).st_mode & 0o777, 0o600)

    def test_a_closed_terminal_pipe_does_not_kill_the_gateway(self):
        reads, writes = os.pipe()
        directory = fresh_directory()
        with RawUpstream() as upstream, subprocess.Popen(
                [BINARY, "serve", "--listen", "127.0.0.1:0", "--upstream", upstream.url, "--log-level", "debug"],
                env=environment(directory), stdin=subprocess.DEVNULL, stdout=writes, stderr=writes) as process:
            self.addCleanup(process.kill)
            os.close(writes)
            text = b""
            while not (match := re.search(rb"listening on http://127\.0\.0\.1:(\d+)", text)):
                text += os.read(reads, 4096)
            os.close(reads)

            for _ in range(3):
                with wire.Connection(int(match[1])) as client:
                    response = client.exchange("POST", "/v1/chat/completions", [], b"{}")
                self.assertEqual(response.status, 200)
            self.assertIsNone(process.poll())
            process.kill()

    def test_a_restart_on_the_same_port_needs_no_wait(self):
        with RawUpstream() as upstream:
            first = Gateway(upstream.url)
            first.call(dialects.CHAT)
            port = first.port
            first.signal(signal.SIGTERM)
            first.wait_for_exit()

            with Gateway(upstream.url, listen=f"127.0.0.1:{port}") as second:
                self.assertEqual(second.port, port)
                self.assertEqual(second.call(dialects.CHAT).status, 200)


if __name__ == "__main__":
    unittest.main()
