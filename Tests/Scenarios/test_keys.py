"""Whose key goes where: the caller's own for that call only, or the configured one; and never into a record."""
import json
import os
import threading
import unittest

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream, wait_until

CLIENT_KEY = "sk-client-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
SECOND_KEY = "sk-client-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
OUR_KEY = "sk-configured-cccccccccccccccccccccccccccc"


def echo_key(exchange):
    """Answers with the key that came, so that a crossed answer is seen too."""
    request = exchange.request
    exchange.answer(json.dumps({"key": request.header("authorization"), "body": len(request.body)}).encode())


class Keys(Scenario):
    def test_the_key_of_the_client_is_forwarded_in_the_form_it_came_in(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            for dialect in dialects.ALL:
                for header, value in (("Authorization", f"Bearer {CLIENT_KEY}"), ("x-api-key", CLIENT_KEY)):
                    with self.subTest(dialect=dialect.name, header=header):
                        gateway.get(dialect.path, [(header, value)], "POST", dialect.request())

                        request = upstream.requests[-1]
                        self.assertEqual(request.all(header), [value])
                        other = {"Authorization": "x-api-key", "x-api-key": "authorization"}[header]
                        self.assertEqual(request.all(other), [])

    def test_two_clients_on_one_upstream_connection_never_cross(self):
        with RawUpstream(echo_key) as upstream, Gateway(upstream.url, ["--threads", "1"]) as gateway:
            with gateway.connect() as first, gateway.connect() as second:
                for turn in range(40):
                    client, key = ((first, CLIENT_KEY), (second, SECOND_KEY))[turn % 2]
                    response = client.exchange(
                        "POST", "/v1/chat/completions", [("Authorization", f"Bearer {key}")], b"{}")
                    self.assertEqual(json.loads(response.body)["key"], f"Bearer {key}")

            self.assertEqual(len(upstream.requests), 40)
            self.assertEqual(upstream.connections, 1, "the calls were meant to share one upstream connection")

    def test_concurrent_clients_never_cross(self):
        wrong = []

        def client_of(key, gateway):
            with gateway.connect() as client:
                for turn in range(30):
                    response = client.exchange(
                        "POST", "/v1/chat/completions", [("Authorization", f"Bearer {key}")], b"x" * turn)
                    if json.loads(response.body) != {"key": f"Bearer {key}", "body": turn}:
                        wrong.append((key, response.body))

        with RawUpstream(echo_key) as upstream, Gateway(upstream.url, ["--threads", "2"]) as gateway:
            threads = [threading.Thread(target=client_of, args=(f"sk-{index:032d}", gateway)) for index in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)

            self.assertEqual(wrong, [])
            self.assertEqual(len(upstream.requests), 240)

    def test_a_client_without_a_key_does_not_inherit_one(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--threads", "1"]) as gateway:
            gateway.call(dialects.CHAT, key=CLIENT_KEY)
            gateway.get("/v1/chat/completions", [], "POST", b"{}")

            self.assertEqual(upstream.requests[-1].names & {"authorization", "x-api-key"}, set())
            self.assertEqual(upstream.connections, 1)

    def test_a_configured_key_replaces_both_forms(self):
        for sent in ([("Authorization", f"Bearer {CLIENT_KEY}")], [("x-api-key", CLIENT_KEY)],
                     [("Authorization", f"Bearer {CLIENT_KEY}"), ("X-Api-Key", SECOND_KEY)], []):
            with self.subTest(sent=[name for name, _ in sent]), RawUpstream() as upstream, \
                    Gateway(upstream.url, ["--api-key", OUR_KEY]) as gateway:
                for dialect in dialects.ALL:
                    gateway.get(dialect.path, sent, "POST", dialect.request())

                    request = upstream.requests[-1]
                    values = request.all("authorization") + request.all("x-api-key")
                    self.assertTrue(values, "the configured key must be sent")
                    self.assertLessEqual(set(values), {f"Bearer {OUR_KEY}", OUR_KEY})
                    self.assertLessEqual(len(request.all("authorization")), 1)
                    self.assertLessEqual(len(request.all("x-api-key")), 1)
                self.assertNotIn(CLIENT_KEY.encode(), bytes(upstream.received))
                self.assertNotIn(SECOND_KEY.encode(), bytes(upstream.received))

    def test_the_key_may_come_from_the_environment(self):
        with RawUpstream() as upstream, Gateway(upstream.url, CAIRN_API_KEY=OUR_KEY) as gateway:
            gateway.call(dialects.CHAT, key=CLIENT_KEY)

            self.assertEqual(upstream.requests[-1].header("authorization"), f"Bearer {OUR_KEY}")

    def test_no_key_is_found_in_files_logs_or_metrics(self):
        failing = RawUpstream(lambda exchange: exchange.reset())
        with failing, Gateway(failing.url, ["--api-key", OUR_KEY, "--log-level", "trace"]) as broken:
            broken.call(dialects.CHAT, key=CLIENT_KEY)
            self.look_for_keys(broken, 1)
        with RawUpstream() as upstream, Gateway(upstream.url, ["--log-level", "trace"]) as gateway:
            for dialect in dialects.ALL:
                for stream in (False, True):
                    gateway.call(dialect, stream, key=CLIENT_KEY)
            gateway.get(f"/v1/models?api_key={CLIENT_KEY}", [("x-api-key", SECOND_KEY)])
            gateway.get("/v1/models", [("Host", "evil.example"), ("x-api-key", SECOND_KEY)])
            self.look_for_keys(gateway, 7)

    def look_for_keys(self, gateway, lines):
        wait_until(lambda: os.path.exists(gateway.usage_path), 5, "usage.jsonl")
        gateway.usage_lines(lines)
        pages = {"log": gateway.log, "stdout": "\n".join(gateway.stdout_lines)}
        for name in ("/metrics", "/health"):
            pages[name] = gateway.get(name).body.decode()
        for folder, _, files in os.walk(gateway.home):
            for name in files:
                with open(os.path.join(folder, name), errors="replace") as file:
                    pages[name] = file.read()
        self.assertIn("usage.jsonl", pages)
        for name, text in pages.items():
            for key in (CLIENT_KEY, SECOND_KEY, OUR_KEY):
                self.assertNotIn(key, text, name)
                self.assertNotIn(key[3:20], text, name)


if __name__ == "__main__":
    unittest.main()
