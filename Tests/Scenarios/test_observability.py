"""/health and /metrics: what a supervisor and a Prometheus server read."""
import json
import threading
import time
import unittest

import dialects
from harness import Gateway, Practice, Scenario, metric_sum
from upstreams import RawUpstream, refused_port, wait_until

HISTOGRAMS = ("cairn_added_latency_seconds", "cairn_time_to_first_byte_seconds", "cairn_call_duration_seconds")
CHAT_LABELS = {"route": "chat_completions", "upstream": "main"}


class Health(Scenario):
    def test_health_answers_get_and_post_on_both_paths(self):
        with RawUpstream() as upstream, Gateway(f"main={upstream.url}") as gateway:
            for path in ("/health", "/v1/health"):
                for method, body in (("GET", None), ("POST", b""), ("POST", b"{}")):
                    with self.subTest(path=path, method=method):
                        response = gateway.get(path, method=method, body=body)

                        self.assertEqual(response.status, 200)
                        self.assertIn("application/json", response.header("content-type"))
                        self.assertIsInstance(json.loads(response.body), dict)
            self.assertEqual(upstream.requests, [], "health must not cost a call to the provider")
            for probe in upstream.probes:
                self.assertEqual(probe.names & {"authorization", "x-api-key", "cookie"}, set())

    def test_health_reports_the_mode(self):
        for mode in ("passthrough", "observe", "stable", "full"):
            with self.subTest(mode=mode), RawUpstream() as upstream, \
                    Gateway(upstream.url, ["--mode", mode]) as gateway:
                self.assertEqual(json.loads(gateway.get("/health").body)["mode"], mode)
                self.assertEqual(gateway.call(dialects.CHAT).status, 200, "every mode carries calls")

    def test_health_reports_each_loop_and_each_upstream(self):
        with RawUpstream() as upstream, Gateway(arguments=["--threads", "2"], config=(
                "upstreams:\n"
                f"  - name: reachable\n    url: {upstream.url}\n    models: [a]\n"
                f"  - name: gone\n    url: http://127.0.0.1:{refused_port()}\n")) as gateway:
            def report():
                document = json.loads(gateway.get("/health").body)
                states = {entry["name"]: entry for entry in document["upstreams"]}
                return document if states["reachable"]["reachable"] is True \
                    and states["gone"]["reachable"] is False else None
            document = wait_until(report, 5, "the reachability of both upstreams")

            self.assertEqual(len(document["loops"]), 2)


class Metrics(Scenario):
    def setUp(self):
        self.status = "200 OK"
        self.hold = threading.Event()
        self.hold.set()
        self.upstream = RawUpstream(self.answer)
        self.gateway = Gateway(f"main={self.upstream.url}")
        self.addCleanup(self.upstream.__exit__)
        self.addCleanup(self.gateway.stop)
        self.addCleanup(self.hold.set)

    def answer(self, exchange):
        self.hold.wait(10)
        if self.status == "reset":
            return exchange.reset()
        exchange.answer(b"0123456789", self.status)

    def value(self, name, **labels):
        return metric_sum(self.gateway.metrics(), name, **labels)

    def test_the_page_is_prometheus_text(self):
        self.gateway.call(dialects.CHAT)

        response = self.gateway.get("/metrics")

        self.assertRegex(response.header("content-type"), r"^text/plain; ?version=0\.0\.4")
        self.gateway.metrics()

    def test_calls_are_counted_by_route_upstream_and_status_class(self):
        for status, times in (("200 OK", 3), ("404 Not Found", 2), ("500 Oh", 1)):
            self.status = status
            for _ in range(times):
                self.gateway.call(dialects.CHAT)
        self.status = "200 OK"
        self.gateway.call(dialects.MESSAGES)

        def counts():
            samples = self.gateway.metrics()
            return {kind: metric_sum(samples, "cairn_calls_total", **CHAT_LABELS, **{"class": kind})
                    for kind in ("2xx", "4xx", "5xx")} == {"2xx": 3, "4xx": 2, "5xx": 1}
        wait_until(counts, 2, "3, 2 and 1 calls")
        self.assertEqual(self.value("cairn_calls_total", route="messages"), 1)

    def test_bytes_are_counted_both_ways(self):
        requests = [dialect.request() for dialect in dialects.ALL]
        for dialect, body in zip(dialects.ALL, requests):
            self.gateway.call(dialect, body=body)

        wait_until(lambda: self.value("cairn_response_bytes_total", upstream="main") == 30, 2, "30 bytes of answers")
        self.assertEqual(self.value("cairn_request_bytes_total", upstream="main"), sum(map(len, requests)))

    def test_calls_in_flight_rise_and_fall(self):
        idle = self.value("cairn_calls_in_flight")
        self.hold.clear()
        threads = [threading.Thread(target=self.gateway.call, args=(dialects.CHAT,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.upstream.wait_for_requests(3)

        self.assertEqual(self.value("cairn_calls_in_flight") - idle, 3)

        self.hold.set()
        for thread in threads:
            thread.join(5)
        wait_until(lambda: self.value("cairn_calls_in_flight") == idle, 2, "no call in flight")

    def test_upstream_errors_are_counted_by_kind(self):
        self.status = "reset"
        self.gateway.call(dialects.CHAT)
        self.gateway.call(dialects.CHAT)
        wait_until(lambda: self.value("cairn_upstream_errors_total", upstream="main", kind="upstream_reset") == 2,
                   2, "two resets")

        with Gateway(f"gone=http://127.0.0.1:{refused_port()}") as gateway:
            gateway.call(dialects.CHAT)
            samples = gateway.metrics()
            self.assertEqual(
                metric_sum(samples, "cairn_upstream_errors_total", upstream="gone", kind="upstream_refused"), 1)

    def test_refusals_are_counted_by_reason(self):
        with self.gateway.connect() as client:
            client.exchange("GET", "/v1/models", host="evil.example")

        self.assertEqual(self.value("cairn_refusals_total", reason="foreign_host"), 1)

    def test_histograms_are_kept_per_route_and_upstream(self):
        for _ in range(5):
            self.gateway.call(dialects.CHAT)
        self.gateway.call(dialects.MESSAGES)
        wait_until(lambda: self.value("cairn_call_duration_seconds_count", **CHAT_LABELS) == 5, 2, "5 durations")

        samples = self.gateway.metrics()

        for name in HISTOGRAMS:
            with self.subTest(name=name):
                self.assertEqual(metric_sum(samples, f"{name}_count", **CHAT_LABELS), 5)
                self.assertEqual(metric_sum(samples, f"{name}_bucket", le="+Inf", **CHAT_LABELS), 5)
                self.assertGreater(metric_sum(samples, f"{name}_sum", **CHAT_LABELS), 0)
                buckets = sorted(
                    (float(dict(labels)["le"]), value) for (key, labels), value in samples.items()
                    if key == f"{name}_bucket" and dict(labels)["route"] == "chat_completions")
                self.assertEqual([count for _, count in buckets], sorted(count for _, count in buckets))

    def test_durations_measure_the_right_thing(self):
        with Practice() as practice, Gateway(f"main={practice.url}") as gateway:
            gateway.call(dialects.CHAT, True, headers=[
                ("x-practice-latency-ms", "200"), ("x-practice-words", "10"), ("x-practice-tokens-per-second", "50")])

            def sums():
                samples = gateway.metrics()
                found = [metric_sum(samples, f"{name}_sum", **CHAT_LABELS) for name in HISTOGRAMS]
                return found if found[2] else None
            added, first_byte, duration = wait_until(sums, 2, "the histograms")

            self.assertLess(added, 0.1)
            self.assertTrue(0.18 < first_byte < 0.6, first_byte)
            self.assertGreater(duration, first_byte + 0.1)

    def test_a_client_that_leaves_is_no_longer_in_flight(self):
        idle = self.value("cairn_calls_in_flight")
        self.hold.clear()
        client = self.gateway.connect()
        client.send_request("POST", "/v1/chat/completions", [], b"{}")
        self.upstream.wait_for_requests(1)
        client.close()

        wait_until(lambda: self.value("cairn_calls_in_flight") == idle, 2, "no call in flight")

    def test_labels_do_not_grow_with_what_clients_send(self):
        for index in range(50):
            self.gateway.get(f"/v1/unknown-{index}")
            self.gateway.call(dialects.CHAT, body=b'{"model":"m-%d"}' % index)
        time.sleep(0.1)

        self.assertLess(len(self.gateway.metrics()), 400)


if __name__ == "__main__":
    unittest.main()
