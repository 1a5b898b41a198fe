"""Several upstreams: which one a call goes to, with whose key, and that pass-through leaves the model's name alone."""
import unittest

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream, refused_port


class Choice(Scenario):
    def setUp(self):
        self.first = RawUpstream(lambda e: e.answer(b"first"))
        self.second = RawUpstream(lambda e: e.answer(b"second"))
        self.addCleanup(self.first.__exit__)
        self.addCleanup(self.second.__exit__)

    def gateway(self, config, **options):
        gateway = Gateway(config=config.format(first=self.first.url, second=self.second.url), **options)
        self.addCleanup(gateway.stop)
        return gateway

    PATTERNS = (
        "upstreams:\n"
        "  - name: claude\n    url: {first}\n    models: [\"claude-*\", exact-model]\n"
        "  - name: rest\n    url: {second}/prefix\n"
    )

    def test_the_model_chooses_the_upstream(self):
        gateway = self.gateway(self.PATTERNS)
        for dialect in dialects.ALL:
            for model, answer in (
                ("claude-sonnet-4-6", b"first"), ("exact-model", b"first"), ("exact-model-2", b"second"),
                ("gpt-5", b"second"), ("xclaude-1", b"second"), ("cl\\u0061ude-1", b"first"),
            ):
                with self.subTest(dialect=dialect.name, model=model):
                    body = dialect.request(model="MODEL").replace(b"MODEL", model.encode())

                    response = gateway.call(dialect, body=body)

                    self.assertEqual(response.body, answer)
                    upstream = self.first if answer == b"first" else self.second
                    self.assert_same_bytes(upstream.requests[-1].body, body, "the request")
        self.assertTrue(self.second.requests[-1].target.startswith("/prefix/v1/"))

    def test_the_model_is_found_at_the_end_of_a_large_and_of_a_chunked_body(self):
        gateway = self.gateway(self.PATTERNS)
        body = b'{"messages":[{"role":"user","content":"%s"}],"model":"claude-x"}' % (b"m" * 3_000_000)

        self.assertEqual(gateway.call(dialects.CHAT, body=body).body, b"first")
        with gateway.connect() as client:
            client.send_request("POST", "/v1/messages", [("Transfer-Encoding", "chunked")])
            for start in range(0, len(body), 100_000):
                piece = body[start:start + 100_000]
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")
            self.assertEqual(client.read_response().body, b"first")
        self.assertEqual([len(r.body) for r in self.first.requests], [len(body)] * 2)

    def test_a_model_in_the_path_chooses_too(self):
        gateway = self.gateway(self.PATTERNS)

        self.assertEqual(gateway.get("/v1/models/claude-x").body, b"first")
        self.assertEqual(gateway.get("/v1/models/gpt-5").body, b"second")

    def test_a_call_without_a_model_goes_to_the_first_that_takes_all(self):
        gateway = self.gateway(self.PATTERNS)

        for body in (b"{}", b"not json", b'{"model":5}'):
            with self.subTest(body=body):
                self.assertIn(gateway.call(dialects.CHAT, body=body).body, (b"first", b"second"))

    def test_named_upstreams_on_the_command_line(self):
        gateway = Gateway(arguments=[
            "--upstream", f"one={self.first.url}", "--upstream", f"two={self.second.url}"])
        self.addCleanup(gateway.stop)

        response = gateway.call(dialects.CHAT)

        self.assertEqual(response.body, b"first")
        self.assertEqual(gateway.usage_of(response)["upstream"], "one")

    def test_each_upstream_gets_its_own_key_and_no_other(self):
        gateway = self.gateway(
            "upstreams:\n"
            "  - name: claude\n    url: {first}\n    models: [\"claude-*\"]\n    api_key_variable: FIRST_KEY\n"
            "  - name: rest\n    url: {second}\n", FIRST_KEY="sk-first-key")

        gateway.call(dialects.MESSAGES, key="sk-own-key")
        gateway.call(dialects.CHAT, key="sk-own-key")

        self.assertIn(b"sk-first-key", bytes(self.first.received))
        self.assertNotIn(b"sk-own-key", bytes(self.first.received))
        self.assertIn(b"sk-own-key", bytes(self.second.received))
        self.assertNotIn(b"sk-first-key", bytes(self.second.received))

    def test_an_upstream_of_one_dialect_gets_no_other(self):
        gateway = self.gateway(
            "upstreams:\n"
            "  - name: messages-only\n    url: {first}\n    dialect: messages\n"
            "  - name: rest\n    url: {second}\n")

        self.assertEqual(gateway.call(dialects.MESSAGES).body, b"first")
        self.assertEqual(gateway.call(dialects.CHAT).body, b"second")
        self.assertEqual(gateway.call(dialects.RESPONSES).body, b"second")

    def test_the_model_map_renames_nothing_for_a_client_that_asks_for_passthrough(self):
        for provider in ("openai", "generic"):
            gateway = self.gateway(
                f"upstreams:\n  - name: a\n    url: {{first}}\n    provider: {provider}\n"
                "    model_map:\n      \"gpt-*\": deepseek-v4-flash\n")
            for dialect in dialects.ALL if provider == "generic" else (dialects.CHAT, dialects.RESPONSES):
                with self.subTest(provider=provider, dialect=dialect.name):
                    body = dialect.request(model="gpt-5-mini")

                    gateway.call(dialect, body=body, headers=[("x-cairn-mode", "passthrough")])

                    self.assert_same_bytes(self.first.requests[-1].body, body, "the request")

                    gateway.call(dialect, body=body)

                    renamed = body.replace(b'"gpt-5-mini"', b'"deepseek-v4-flash"')
                    self.assert_same_bytes(self.first.requests[-1].body, renamed, "the renamed request")

    def test_a_refused_upstream_does_not_send_the_call_elsewhere(self):
        """Another provider bills another account: the caller decides, not the gateway."""
        gateway = self.gateway(
            f"upstreams:\n  - name: gone\n    url: http://127.0.0.1:{refused_port()}\n"
            "  - name: rest\n    url: {second}\n")

        self.assert_envelope(dialects.CHAT, gateway.call(dialects.CHAT), (502,))
        self.assertEqual(self.second.requests, [])


if __name__ == "__main__":
    unittest.main()
