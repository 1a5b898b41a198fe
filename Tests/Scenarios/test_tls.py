"""TLS on both sides: the listener's own certificates, and the upstream's, which must be proven."""
import os
import socket
import ssl
import time
import unittest

import dialects
from certificates import Authority
from harness import MIB, Gateway, Scenario
from upstreams import RawUpstream, sha256

UPSTREAM = "upstreams:\n  - name: secure\n    url: {url}\n    ca_file: {ca}\n"


def unchecked():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Listener(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()

    def test_a_given_certificate_is_shown_and_calls_pass(self):
        cert, key = self.authority.server("listener")
        with RawUpstream(lambda e: e.stream(dialects.CHAT.stream)) as upstream, \
                Gateway(upstream.url, ["--tls-cert", cert, "--tls-key", key]) as gateway:
            self.assertEqual(gateway.scheme, "https")
            for _ in range(2):
                with gateway.connect(tls=self.authority.client_context()) as client:
                    for _ in range(2):
                        response = client.exchange("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
                        self.assert_same_bytes(response.body, b"".join(dialects.CHAT.stream), "the stream")

    def test_a_large_body_passes_both_ways_over_tls(self):
        cert, key = self.authority.server("listener")
        with RawUpstream(lambda e: e.answer(e.request.body)) as upstream, \
                Gateway(upstream.url, ["--tls-cert", cert, "--tls-key", key]) as gateway:
            body = bytes(range(256)) * (12 * MIB // 256)
            with gateway.connect(tls=self.authority.client_context(), timeout=60) as client:
                response = client.exchange("POST", "/v1/files", [], body)

            self.assertEqual(sha256(response.body), sha256(body))

    def test_the_automatic_certificate_is_made_once_and_its_key_is_private(self):
        with RawUpstream() as upstream:
            seen = []
            with Gateway(upstream.url, ["--tls-auto"]) as gateway:
                home = gateway.home
                for _ in range(2):
                    with gateway.connect(tls=unchecked()) as client:
                        self.assertEqual(client.exchange("GET", "/health").status, 200)
                        seen.append(client.sock.getpeercert(binary_form=True))
                for name in os.listdir(home):
                    mode = os.stat(os.path.join(home, name)).st_mode
                    if "key" in name:
                        self.assertEqual(mode & 0o777, 0o600)
                self.assertTrue([name for name in os.listdir(home) if "key" in name], os.listdir(home))
            with Gateway(upstream.url, ["--tls-auto"], home=home) as again:
                with again.connect(tls=unchecked()) as client:
                    seen.append(client.sock.getpeercert(binary_form=True))

            self.assertEqual(len(set(seen)), 1, "clients that trusted it must not be surprised by a restart")

    def test_old_protocol_versions_are_refused(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--tls-auto"]) as gateway:
            context = unchecked()
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                gateway.connect(tls=context).close()

            context = unchecked()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with gateway.connect(tls=context) as client:
                self.assertEqual(client.exchange("GET", "/health").status, 200)

    def test_plain_http_and_garbage_on_the_tls_port_do_no_harm(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--tls-auto"]) as gateway:
            plain = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            for data in (plain, b"\x16\x03\x01\xff\xff" + b"\0" * 400, b"\0"):
                with gateway.connect() as client:
                    client.send(data)
                    client.sock.shutdown(socket.SHUT_WR)
                    rest = client.drain(3)
                    self.assertIsNotNone(rest, "the connection hangs")
                    self.assertNotIn(b"200 OK", rest)
            with gateway.connect(tls=unchecked()) as client:
                self.assertEqual(client.exchange("GET", "/health").status, 200)

    def test_a_connection_ends_with_a_tls_goodbye(self):
        """Without close_notify a client cannot tell an end from an attack."""
        with RawUpstream() as upstream, Gateway(upstream.url, ["--tls-auto"]) as gateway:
            with socket.create_connection(("127.0.0.1", gateway.port), 5) as raw, unchecked().wrap_socket(
                    raw, server_hostname="localhost", suppress_ragged_eofs=False) as sock:
                sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                data = b""
                while piece := sock.recv(65536):
                    data += piece

            self.assertTrue(data.startswith(b"HTTP/1.1 200"), data[:100])

    def test_a_client_that_leaves_a_tls_stream_cancels_the_upstream_call(self):
        left = []

        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(dialects.CHAT.stream[0])
            left.append(exchange.seconds_until_left(5))
            exchange.is_over = True

        with RawUpstream(handler) as upstream, Gateway(upstream.url, ["--tls-auto"]) as gateway:
            client = gateway.connect(tls=unchecked())
            client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
            next(client.body_pieces(client.read_head()))
            closed_at = time.monotonic()
            client.close()
            while not left and time.monotonic() < closed_at + 6:
                time.sleep(0.01)

            self.assertLess(left[0] - closed_at, 0.25)


class Upstream(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()

    def test_an_upstream_of_a_trusted_authority_is_used(self):
        with RawUpstream(lambda e: e.answer(sha256(e.request.body).encode()),
                         tls=self.authority.server_context("good")) as upstream:
            with Gateway(config=UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file)) as gateway:
                for body in (b"{}", b"x" * (8 * MIB)):
                    with self.subTest(bytes=len(body)):
                        response = gateway.get("/v1/chat/completions", [], "POST", body)
                        self.assertEqual((response.status, response.body.decode()), (200, sha256(body)))

    def test_a_stream_over_tls_is_unchanged_and_the_connection_is_used_again(self):
        with RawUpstream(lambda e: e.stream(dialects.MESSAGES.stream),
                         tls=self.authority.server_context("good")) as upstream, \
                Gateway(config=UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file),
                        arguments=["--threads", "1"]) as gateway:
            for _ in range(5):
                self.assert_same_bytes(
                    gateway.call(dialects.MESSAGES, True).body, b"".join(dialects.MESSAGES.stream), "the stream")

            self.assertEqual(upstream.connections, 1)

    def check_refused(self, upstream, config=None):
        before = len(upstream.requests)
        with Gateway(upstream=None if config else upstream.url, config=config) as gateway:
            for dialect in dialects.ALL:
                response = gateway.call(dialect, key="sk-must-not-leave")
                self.assert_envelope(dialect, response, (502,))
                if dialect.name != "messages":
                    self.assertIn(b"upstream_tls", response.body)
        self.assertEqual(len(upstream.requests), before)
        self.assertNotIn(b"sk-must-not-leave", bytes(upstream.received))

    def test_an_authority_nobody_trusts_is_502_and_no_key_is_sent(self):
        with RawUpstream(tls=self.authority.server_context("untrusted")) as upstream:
            self.check_refused(upstream)
            self.check_refused(upstream, UPSTREAM.format(url=upstream.url, ca=Authority().ca_file))

    def test_a_certificate_for_another_name_is_502(self):
        context = self.authority.server_context("elsewhere", names="DNS:elsewhere.example")
        with RawUpstream(tls=context) as upstream:
            self.check_refused(upstream, UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file))
            named = upstream.url.replace("127.0.0.1", "localhost")
            self.check_refused(upstream, UPSTREAM.format(url=named, ca=self.authority.ca_file))

    def test_an_expired_certificate_is_502(self):
        context = self.authority.server_context("expired", days="-1")
        with RawUpstream(tls=context) as upstream:
            self.check_refused(upstream, UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file))

    def test_the_name_is_told_in_the_handshake(self):
        names = []
        context = self.authority.server_context("good")
        context.sni_callback = lambda sock, name, ctx: names.append(name)
        with RawUpstream(tls=context) as upstream:
            url = upstream.url.replace("127.0.0.1", "localhost")
            with Gateway(config=UPSTREAM.format(url=url, ca=self.authority.ca_file)) as gateway:
                self.assertEqual(gateway.call(dialects.CHAT).status, 200)

        self.assertEqual(names, ["localhost"])

    def test_checks_can_be_switched_off_for_one_upstream(self):
        with RawUpstream(tls=self.authority.server_context("untrusted")) as upstream, Gateway(config=(
                f"upstreams:\n  - name: a\n    url: {upstream.url}\n    insecure_tls: true\n")) as gateway:
            self.assertEqual(gateway.call(dialects.CHAT).status, 200)

    def test_an_upstream_that_resets_its_tls_connections_does_no_harm(self):
        """The goodbye that a closing side sends may itself fail, in the middle of the closing."""
        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(b"".join(dialects.CHAT.stream[:4]))
            exchange.reset()

        with RawUpstream(handler, tls=self.authority.server_context("good")) as upstream, \
                Gateway(config=UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file)) as gateway:
            for turn in range(30):
                with self.subTest(turn=turn), gateway.connect() as client:
                    client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
                    response, _ = client.read_what_came()

                    if response.status == 200:
                        self.assert_ends_with_error_event(dialects.CHAT, response.body)
                    else:
                        self.assert_envelope(dialects.CHAT, response, (502,))
            self.assertTrue(gateway.is_running(), gateway.log[-500:])

    def test_a_tls_connection_that_ends_without_goodbye_cuts_the_stream(self):
        """A close without TLS's close_notify can be an attack: what came is incomplete unless its framing says else."""
        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(b"".join(dialects.CHAT.stream[:4]))
            exchange.is_over = True
            raw = socket.socket(fileno=exchange.sock.detach())
            raw.close()

        with RawUpstream(handler, tls=self.authority.server_context("good")) as upstream, \
                Gateway(config=UPSTREAM.format(url=upstream.url, ca=self.authority.ca_file)) as gateway:
            with gateway.connect() as client:
                client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
                response, _ = client.read_what_came()

            self.assert_ends_with_error_event(dialects.CHAT, response.body)


if __name__ == "__main__":
    unittest.main()
