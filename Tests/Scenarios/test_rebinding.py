"""A page in a browser must not reach the gateway: foreign Host and Origin are refused on a loopback listener."""
import unittest

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream

PATHS = (("POST", "/v1/chat/completions"), ("POST", "/v1/messages"), ("GET", "/v1/models"), ("GET", "/health"),
         ("GET", "/metrics"), ("GET", "/v1/lcm/expand/k7f2"), ("GET", "/nope"))
FOREIGN_HOSTS = (
    "evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost",
    "10.0.0.1", "0.0.0.0:{port}", "host.docker.internal", "[2001:db8::1]:{port}", "127.0.0.1:{port}.evil.example",
)
OWN_HOSTS = (
    "127.0.0.1:{port}", "127.0.0.1", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "localhost.:{port}",
)
FOREIGN_ORIGINS = (
    "http://evil.example", "https://evil.example:{port}", "null", "http://127.0.0.1.evil.example", "file://",
    "http://localhost.evil.example:{port}", "chrome-extension://abcdefghijklmnop", "garbage",
)


class Rebinding(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream()
        cls.gateway = Gateway(cls.upstream.url)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def setUp(self):
        self.upstream.requests.clear()

    def dialect_of(self, path):
        return dialects.MESSAGES if path == "/v1/messages" else dialects.CHAT

    def test_a_foreign_host_is_refused_everywhere(self):
        for host in FOREIGN_HOSTS:
            for method, path in PATHS:
                with self.subTest(host=host, path=path), self.gateway.connect() as client:
                    response = client.exchange(
                        method, path, [], b"{}" if method == "POST" else None,
                        host=host.format(port=self.gateway.port))

                    self.assert_envelope(self.dialect_of(path), response, (400, 403))
                    if "{port}." not in host:
                        self.assertEqual(response.status, 403)
        self.assertEqual(self.upstream.requests, [])

    def test_a_foreign_origin_is_refused_everywhere(self):
        for origin in FOREIGN_ORIGINS:
            for method, path in PATHS:
                with self.subTest(origin=origin, path=path):
                    response = self.gateway.get(
                        path, [("Origin", origin.format(port=self.gateway.port))], method,
                        b"{}" if method == "POST" else None)

                    self.assert_envelope(self.dialect_of(path), response, (403,))
        self.assertEqual(self.upstream.requests, [])

    def test_the_own_names_are_served(self):
        for host in OWN_HOSTS:
            with self.subTest(host=host), self.gateway.connect() as client:
                response = client.exchange(
                    "POST", "/v1/chat/completions", [], b"{}", host=host.format(port=self.gateway.port))

                self.assertEqual(response.status, 200, response.body)

    def test_the_own_origin_is_served(self):
        for origin in (f"http://127.0.0.1:{self.gateway.port}", f"http://localhost:{self.gateway.port}"):
            with self.subTest(origin=origin):
                self.assertEqual(self.gateway.get("/health", [("Origin", origin)]).status, 200)

    def test_allowed_hosts_are_added(self):
        with Gateway(self.upstream.url, [
                "--allow-host", "host.docker.internal", "--allow-host", "gateway.lan"]) as gateway:
            for host, status in (
                ("host.docker.internal", 200), (f"host.docker.internal:{gateway.port}", 200), ("Gateway.LAN", 200),
                ("evil.example", 403), ("x.host.docker.internal", 403), ("127.0.0.1", 200),
            ):
                with self.subTest(host=host), gateway.connect() as client:
                    self.assertEqual(
                        client.exchange("POST", "/v1/chat/completions", [], b"{}", host=host).status, status)
            with self.subTest("origin"):
                response = gateway.get("/health", [("Origin", f"http://host.docker.internal:{gateway.port}")])
                self.assertEqual(response.status, 200)

    def test_several_origins_are_refused_when_one_is_foreign(self):
        own = f"http://127.0.0.1:{self.gateway.port}"

        response = self.gateway.get("/v1/models", [("Origin", own), ("Origin", "http://evil.example")])

        self.assertIn(response.status, (400, 403))
        self.assertEqual(self.upstream.requests, [])


if __name__ == "__main__":
    unittest.main()
