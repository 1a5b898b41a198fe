"""Which paths the gateway knows, and where under the upstream's URL each of them goes."""
import unittest

import dialects
from harness import Gateway, Practice, Scenario
from upstreams import RawUpstream


class RoutesToThePracticeProvider(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.practice = Practice()
        cls.gateway = Gateway(cls.practice.url)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.practice.stop()

    def setUp(self):
        self.practice.clear()

    def arrived(self):
        return self.practice.wait_for(lambda entry: True)

    def test_each_dialect_is_answered(self):
        for dialect in dialects.ALL:
            for stream in (False, True):
                with self.subTest(dialect=dialect.name, stream=stream):
                    self.practice.clear()

                    response = self.gateway.call(dialect, stream)

                    self.assertEqual(response.status, 200, response.body[:300])
                    entry = self.arrived()
                    self.assertEqual((entry["method"], entry["path"]), ("POST", dialect.path))

    def test_each_dialect_is_answered_without_v1_in_the_base_url(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect=dialect.name):
                self.practice.clear()

                response = self.gateway.get(
                    dialect.path.removeprefix("/v1"), dialect.key_headers("k"), "POST", dialect.request())

                self.assertEqual(response.status, 200, response.body[:300])
                self.assertEqual(self.arrived()["path"], dialect.path)

    def test_the_anthropic_base_url_is_answered_as_messages(self):
        for path in ("/anthropic/v1/messages", "/anthropic/v1/messages?beta=true"):
            with self.subTest(path=path):
                self.practice.clear()

                response = self.gateway.get(
                    path, dialects.MESSAGES.key_headers("k"), "POST", dialects.MESSAGES.request())

                self.assertEqual(response.status, 200, response.body[:300])
                self.assertEqual(self.arrived()["path"], "/v1/messages")

    def test_count_tokens_is_answered(self):
        response = self.gateway.get(
            "/v1/messages/count_tokens", dialects.MESSAGES.key_headers("k"), "POST", dialects.MESSAGES.request())

        self.assertEqual(response.status, 200, response.body[:300])
        self.assertIn(b"input_tokens", response.body)

    def test_embeddings_are_answered(self):
        response = self.gateway.get(
            "/v1/embeddings", dialects.CHAT.key_headers("k"), "POST", b'{"model":"e","input":"x"}')

        self.assertEqual(response.status, 200, response.body[:300])
        self.assertIn(b"embedding", response.body)

    def test_models_are_listed_and_retrieved(self):
        for path in ("/v1/models", "/models", "/v1/models/practice", "/models/practice"):
            with self.subTest(path=path):
                self.assertEqual(self.gateway.get(path).status, 200)


class Targets(Scenario):
    """What exactly stands in the request line upstream."""

    def target_of(self, upstream, gateway, target, method="POST", body=b"{}"):
        before = len(upstream.requests)
        response = gateway.get(target, [("content-type", "application/json")], method, body)
        self.assertEqual(response.status, 200, f"{target}: {response.body[:300]!r}")
        self.assertEqual(len(upstream.requests), before + 1, target)
        return upstream.requests[-1].method, upstream.requests[-1].target

    def test_the_upstream_url_may_have_v1_or_a_prefix_or_neither(self):
        with RawUpstream() as upstream:
            for suffix, want in (
                ("", "/v1"), ("/", "/v1"), ("/v1", "/v1"), ("/v1/", "/v1"), ("/anthropic", "/anthropic/v1"),
                ("/anthropic/", "/anthropic/v1"), ("/anthropic/v1", "/anthropic/v1"), ("/a/b/v1", "/a/b/v1"),
            ):
                with self.subTest(suffix=suffix), Gateway(upstream.url + suffix) as gateway:
                    for path in ("/chat/completions", "/messages", "/models"):
                        for base in ("", "/v1"):
                            method, body = ("GET", None) if path == "/models" else ("POST", b"{}")
                            got = self.target_of(upstream, gateway, base + path, method, body)
                            self.assertEqual(got, (method, want + path))

    def test_every_other_v1_path_goes_upstream_as_it_is(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for method, target, body in (
                ("GET", "/v1/files?limit=3&after=a%2Fb", None),
                ("DELETE", "/v1/files/file-1", None),
                ("POST", "/v1/audio/transcriptions", b"--x\r\n\0\xff binary\r\n--x--"),
                ("POST", "/v1/responses/resp_1/cancel", b""),
                ("GET", "/v1/responses/resp_1?include[]=a&stream=true", None),
                ("PUT", "/v1/x/y", b"{}"),
                ("PATCH", "/v1/x", b"{}"),
                ("POST", "/v1/messages/batches", b"{}"),
                ("GET", "/v1/models/org%2Fmodel%20name", None),
                ("GET", "/v1/models/a+b~c!$&'()*,;=:@", None),
            ):
                with self.subTest(target=target):
                    self.assertEqual(self.target_of(upstream, gateway, target, method, body), (method, target))
                    self.assertEqual(upstream.requests[-1].body, body or b"")

    def test_query_strings_pass_unchanged(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for query in ("?beta=true", "?api-version=2024-06-01&x=%20+%C3%A9&&a==b", "?", "?a?b/c"):
                with self.subTest(query=query):
                    for dialect in dialects.ALL:
                        _, target = self.target_of(upstream, gateway, dialect.path + query)
                        self.assertEqual(target, dialect.path + query)

    def test_head_is_answered_without_a_body(self):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: text/plain\r\n\r\n"
        with RawUpstream(lambda exchange: exchange.send(answer)) as upstream, Gateway(upstream.url) as gateway:
            with gateway.connect() as client:
                first = client.exchange("HEAD", "/v1/files/x")
                second = client.exchange("HEAD", "/v1/files/y")

        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual(first.header("content-length"), "1234")

    def test_paths_outside_v1_are_not_found_and_not_sent_upstream(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for target in ("/nope", "/v2/chat/completions", "/v1chat/completions", "/.env", "/v1/../secret",
                           "/v1/%2e%2e/secret", "/v1/x/..", "/v1/./../../secret"):
                with self.subTest(target=target):
                    response = gateway.get(target)

                    self.assert_refused(response, (400, 404))
            self.assertEqual([request.target for request in upstream.requests], [])

    def test_wrong_methods_on_own_routes_are_refused(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for method, target in (("DELETE", "/metrics"), ("POST", "/metrics"), ("PUT", "/health")):
                with self.subTest(method=method, target=target):
                    self.assert_refused(gateway.get(target, method=method), (404, 405))
            self.assertEqual(upstream.requests, [])


if __name__ == "__main__":
    unittest.main()
