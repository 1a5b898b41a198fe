"""Upstreams behind a forward proxy that the environment names, by the rules that curl users know."""
import threading
import unittest

import dialects
from certificates import Authority
from harness import MIB, Gateway, Scenario
from upstreams import RawUpstream, TunnelProxy, refused_port, sha256, wait_until

SECURE = "upstreams:\n  - name: secure\n    url: {url}\n    ca_file: {ca}\n"


class ForwardProxy(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()

    def secure_gateway(self, upstream, **variables):
        return Gateway(config=SECURE.format(url=upstream.url, ca=self.authority.ca_file), **variables)

    def secure_upstream(self, handler=None):
        return RawUpstream(handler, tls=self.authority.server_context("behind"))

    def test_a_tls_upstream_is_reached_through_connect(self):
        for variable in ("HTTPS_PROXY", "https_proxy"):
            with self.subTest(variable=variable), TunnelProxy() as proxy, \
                    self.secure_upstream(lambda e: e.answer(sha256(e.request.body).encode())) as upstream, \
                    self.secure_gateway(upstream, **{variable: f"http://127.0.0.1:{proxy.port}"}) as gateway:
                for dialect in dialects.ALL:
                    body = dialect.request()
                    response = gateway.call(dialect, body=body)

                    self.assertEqual((response.status, response.body.decode()), (200, sha256(body)))
                    self.assertEqual(upstream.requests[-1].target, dialect.path)
                self.assertEqual(set(proxy.calls), {("CONNECT", f"127.0.0.1:{upstream.port}")})

    def test_streams_pass_the_proxy_event_by_event(self):
        arrived = threading.Semaphore(0)

        def lockstep(exchange):
            exchange.start_stream()
            for event in dialects.MESSAGES.stream:
                exchange.chunk(event)
                if not arrived.acquire(timeout=5):
                    return exchange.reset()
            exchange.end_stream()

        with TunnelProxy() as proxy, self.secure_upstream(lockstep) as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway, \
                gateway.connect() as client:
            client.send_request("POST", "/v1/messages", [], dialects.MESSAGES.request(True))
            got, count = b"", 0
            for piece in client.body_pieces(client.read_head()):
                got += piece
                while got.startswith(b"".join(dialects.MESSAGES.stream[:count + 1])) \
                        and count < len(dialects.MESSAGES.stream):
                    count += 1
                    arrived.release()

            self.assert_same_bytes(got, b"".join(dialects.MESSAGES.stream), "the stream")

    def test_headers_keys_and_errors_pass_the_proxy_as_they_pass_without(self):
        fields = [("x-ratelimit-remaining", "5"), ("X-Dup", "1"), ("X-Dup", "2"), ("retry-after", "9")]
        with TunnelProxy() as proxy, \
                self.secure_upstream(lambda e: e.answer(b'{"error":{}}', "429 Slow", fields)) as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
            response = gateway.call(dialects.CHAT, key="sk-k", headers=[
                ("X-Twice", "a"), ("X-Twice", "b"), ("Cookie", "c=1"), ("User-Agent", "agent/1")])

            self.assertEqual((response.status, response.body), (429, b'{"error":{}}'))
            for name, value in fields:
                self.assertIn(value, response.all(name))
            self.assertEqual(len(response.all("x-cairn-call")), 1)
            request = upstream.requests[-1]
            self.assertEqual(request.all("authorization"), ["Bearer sk-k"])
            self.assertEqual(request.all("x-twice"), ["a", "b"])
            self.assertEqual(request.all("user-agent"), ["agent/1"])
            self.assertNotIn("cookie", request.names)
            self.assertEqual(len(upstream.requests), 1)

    def test_a_large_body_passes_the_proxy(self):
        with TunnelProxy() as proxy, \
                self.secure_upstream(lambda e: e.answer(sha256(e.request.body).encode())) as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
            body = dialects.CHAT.request(text="p" * (10 * MIB))

            self.assertEqual(gateway.call(dialects.CHAT, body=body, timeout=60).body.decode(), sha256(body))

    def test_a_plain_upstream_is_asked_for_through_http_proxy(self):
        with TunnelProxy() as proxy, RawUpstream() as upstream, \
                Gateway(upstream.url, http_proxy=f"http://127.0.0.1:{proxy.port}") as gateway:
            response = gateway.call(dialects.CHAT)

            self.assertEqual(response.status, 200)
            self.assertEqual(len(proxy.calls), 1)
            self.assertIn(proxy.calls[0], [
                ("POST", f"{upstream.url}/v1/chat/completions"), ("CONNECT", f"127.0.0.1:{upstream.port}")])
            self.assertEqual(upstream.requests[-1].target, "/v1/chat/completions")

    def test_no_proxy_names_upstreams_that_are_reached_directly(self):
        for listed, is_direct in (("127.0.0.1", True), ("example.org,127.0.0.1", True), ("*", True),
                                  ("example.org", False), ("127.0.0.11", False)):
            with self.subTest(no_proxy=listed), TunnelProxy() as proxy, self.secure_upstream() as upstream, \
                    self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}",
                                        NO_PROXY=listed) as gateway:
                self.assertEqual(gateway.call(dialects.CHAT).status, 200)
                self.assertEqual(proxy.calls == [], is_direct, proxy.calls)

    def test_a_proxy_for_the_other_scheme_is_not_used(self):
        with TunnelProxy() as proxy, RawUpstream() as upstream, \
                Gateway(upstream.url, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
            self.assertEqual(gateway.call(dialects.CHAT).status, 200)
            self.assertEqual(proxy.calls, [])

    def test_credentials_of_the_proxy_go_to_the_proxy_only(self):
        with TunnelProxy() as proxy, self.secure_upstream() as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://user:pass@127.0.0.1:{proxy.port}") as gateway:
            self.assertEqual(gateway.call(dialects.CHAT).status, 200)

            self.assertEqual(proxy.credentials, ["Basic dXNlcjpwYXNz"])
            self.assertNotIn("proxy-authorization", upstream.requests[-1].names)
            self.assertNotIn("dXNlcjpwYXNz", gateway.log)

    def test_a_proxy_that_refuses_or_is_gone_is_502(self):
        with self.secure_upstream() as upstream:
            for refusal in ("403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"):
                with self.subTest(refusal=refusal), TunnelProxy(refusal) as proxy, \
                        self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
                    for dialect in dialects.ALL:
                        self.assert_envelope(dialect, gateway.call(dialect), (502,))
            with self.subTest("gone"), \
                    self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{refused_port()}") as gateway:
                self.assert_envelope(dialects.CHAT, gateway.call(dialects.CHAT), (502,))
            self.assertEqual(upstream.requests, [])

    def test_a_reset_behind_the_proxy_becomes_an_error_event(self):
        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(b"".join(dialects.CHAT.stream[:4]))
            exchange.reset()

        with TunnelProxy() as proxy, self.secure_upstream(handler) as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
            with gateway.connect() as client:
                client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
                response, _ = client.read_what_came()

            self.assert_ends_with_error_event(dialects.CHAT, response.body)

    def test_a_client_that_leaves_cancels_the_call_behind_the_proxy(self):
        left = []

        def handler(exchange):
            exchange.start_stream()
            exchange.chunk(dialects.CHAT.stream[0])
            left.append(exchange.seconds_until_left(5))
            exchange.is_over = True

        with TunnelProxy() as proxy, self.secure_upstream(handler) as upstream, \
                self.secure_gateway(upstream, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
            client = gateway.connect()
            client.send_request("POST", "/v1/chat/completions", [], dialects.CHAT.request(True))
            next(client.body_pieces(client.read_head()))
            client.close()
            wait_until(lambda: left and left[0] is not None, 6, "the upstream sees the client leave")


if __name__ == "__main__":
    unittest.main()
