"""Which header fields pass: all end-to-end fields as they are, no hop-by-hop field, no trace of the gateway."""
import unittest

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream

REQUEST_FIELDS = [
    ("User-Agent", "OpenAI/Python 3.3.0"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("X-Stainless-Retry-Count", "0"),
    ("anthropic-beta", "prompt-caching-2024-07-31,context-1m-2025-08-07"),
    ("anthropic-version", "2023-06-01"),
    ("OpenAI-Organization", "org-1"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("X-Odd", "\ta  b \"c\" \\ ; = , \xe9\xff"),
    ("X-Empty", ""),
    ("x_under.score~!#$%&'*+-^`|", "token characters"),
    ("Idempotency-Key", "stainless-python-retry-1"),
]
HOP_BY_HOP_REQUEST = [
    ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Proxy-Connection", "keep-alive"),
    ("Proxy-Authorization", "Basic c2VjcmV0"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ("X-Hop-Secret", "1"), ("Connection", "keep-alive, Upgrade, HTTP2-Settings, x-hop-secret"),
]
TRACES_OF_A_PROXY = {"via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
RESPONSE_FIELDS = [
    ("X-Request-ID", "req_abc123"),
    ("openai-processing-ms", "321"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-tokens", "149984"),
    ("x-ratelimit-reset-tokens", "6ms"),
    ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
    ("retry-after-ms", "120"),
    ("Server", "cloudflare"),
    ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("Cache-Control", "no-cache"),
    ("X-Odd", "a  \"b\" \xe9\xff"),
    ("X-Empty", ""),
]


class Headers(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.fields = []
        cls.upstream = RawUpstream(lambda exchange: exchange.answer(b"{}", headers=cls.fields))
        cls.gateway = Gateway(cls.upstream.url)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def setUp(self):
        type(self).fields = []

    def upstream_saw(self, headers, dialect=dialects.CHAT):
        with self.gateway.connect() as client:
            response = client.exchange("POST", dialect.path, headers, dialect.request())
        self.assertEqual(response.status, 200, response.body[:300])
        return self.upstream.requests[-1]

    def test_end_to_end_fields_reach_the_upstream_with_their_values(self):
        request = self.upstream_saw(REQUEST_FIELDS)

        for name, value in REQUEST_FIELDS:
            self.assertEqual(request.all(name), [value.strip(" \t")], name)

    def test_duplicate_fields_keep_their_number_and_order(self):
        request = self.upstream_saw([("X-Twice", "b"), ("x-other", "o"), ("x-twice", "a"), ("X-TWICE", "b")])

        self.assertEqual(request.all("x-twice"), ["b", "a", "b"])

    def test_hop_by_hop_fields_do_not_reach_the_upstream(self):
        request = self.upstream_saw(HOP_BY_HOP_REQUEST)

        for name in ("keep-alive", "te", "proxy-connection", "proxy-authorization", "upgrade", "http2-settings",
                     "x-hop-secret", "expect"):
            self.assertNotIn(name, request.names)
        self.assertIn(request.header("connection"), (None, "keep-alive"))

    def test_cookies_do_not_reach_the_upstream(self):
        self.assertNotIn("cookie", self.upstream_saw([("Cookie", "session=secret"), ("cookie", "b=c")]).names)

    def test_the_upstream_gets_its_own_host(self):
        request = self.upstream_saw([])

        self.assertEqual(request.all("host"), [f"127.0.0.1:{self.upstream.port}"])

    def test_the_gateway_leaves_no_trace_and_invents_no_field(self):
        sent = [("content-type", "application/json"), ("authorization", "Bearer k")]

        request = self.upstream_saw(sent)

        self.assertEqual(request.names & TRACES_OF_A_PROXY, set())
        self.assertLessEqual(request.names, {"host", "content-type", "authorization", "content-length", "connection"})

    def test_end_to_end_fields_of_the_answer_reach_the_client_with_their_values(self):
        type(self).fields = RESPONSE_FIELDS

        response = self.gateway.call(dialects.CHAT)

        for name, value in RESPONSE_FIELDS:
            self.assertEqual(response.all(name), [value], name)
        self.assertEqual(response.all("content-type"), ["application/json"])

    def test_duplicate_fields_of_the_answer_are_kept_in_order(self):
        type(self).fields = [("X-Dup", "1"), ("X-Between", "x"), ("x-dup", "2"), ("X-Dup", "1")]

        self.assertEqual(self.gateway.call(dialects.CHAT).all("x-dup"), ["1", "2", "1"])

    def test_hop_by_hop_fields_of_the_answer_do_not_reach_the_client(self):
        type(self).fields = [
            ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=99"),
            ("Proxy-Authenticate", "Basic"), ("Upgrade", "h2"), ("Proxy-Connection", "keep-alive"),
        ]

        response = self.gateway.call(dialects.CHAT)

        for name in ("x-hop", "proxy-authenticate", "upgrade", "proxy-connection"):
            self.assertEqual(response.all(name), [], name)
        self.assertNotIn("timeout=99", response.all("keep-alive"))

    def test_every_answer_carries_its_own_call_id(self):
        seen = [self.gateway.call(dialect, stream).all("x-cairn-call")
                for dialect in dialects.ALL for stream in (False, True)]

        self.assertTrue(all(len(values) == 1 and values[0] for values in seen), seen)
        self.assertEqual(len({values[0] for values in seen}), len(seen))

    def test_a_call_id_of_the_upstream_is_not_taken_for_ours(self):
        type(self).fields = [("x-cairn-call", "forged")]

        values = self.gateway.call(dialects.CHAT).all("x-cairn-call")

        self.assertEqual(len(values), 1)
        self.assertNotEqual(values[0], "forged")

    def test_many_and_long_fields_below_the_limit_pass(self):
        fields = [(f"x-field-{index}", "v" * 400) for index in range(100)] + [("x-long", "w" * 16000)]

        request = self.upstream_saw(fields)

        for name, value in fields:
            self.assertEqual(request.all(name), [value])

    def test_no_cross_origin_headers_are_ever_sent(self):
        for method, headers in (
            ("OPTIONS", [("Access-Control-Request-Method", "POST")]),
            ("OPTIONS", []),
            ("POST", []),
        ):
            with self.subTest(method=method, headers=headers), self.gateway.connect() as client:
                origin = ("Origin", f"http://127.0.0.1:{self.gateway.port}")
                client.send_request(method, "/v1/chat/completions", [origin, *headers], b"{}")
                response = client.read_response()
                self.assertEqual(
                    [name for name, _ in response.headers if name.lower().startswith("access-control-")], [])


if __name__ == "__main__":
    unittest.main()
