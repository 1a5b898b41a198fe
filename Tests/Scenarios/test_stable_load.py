"""Many sessions at once in stable mode lose nothing.

The suite runs short ones, `make test-stable-load` sessions of 200 turns.

Each of 64 clients talks over a connection of its own; the upstream checks that every prompt extends the one before.
"""
import hashlib
import json
import os
import threading
import time
import unittest

import dialects
from harness import Gateway, Scenario
from jittering import Agent, prompt_of
from upstreams import RawUpstream

RUNS_ALONE = True
CLIENTS = 64
TURNS = int(os.environ.get("CAIRN_STABLE_TURNS", "10"))
SECONDS_MAX = 30 if TURNS <= 10 else 1500


class Watching:
    """An upstream that keeps a digest of the last prompt of each session and counts those that do not extend it."""

    def __init__(self):
        self.calls, self.faults, self.last = {}, [], {}
        self.lock = threading.Lock()

    def __call__(self, exchange):
        session = exchange.request.header("x-test")
        prompt = prompt_of(exchange.request.body)
        digests = [hashlib.blake2b(entry.encode(), digest_size=8).digest() for entry in prompt]
        with self.lock:
            before = self.last.get(session, [])
            if digests[:len(before)] != before:
                self.faults.append(f"session {session}, call {self.calls.get(session)}")
            self.last[session] = digests
            self.calls[session] = self.calls.get(session, 0) + 1
        exchange.answer(dialects.CHAT.answer)


class LoadTests(Scenario):
    def test_64_sessions_at_once_lose_nothing(self):
        watching = Watching()
        with RawUpstream(watching) as upstream, Gateway(upstream.url, ["--threads", "2"], mode="stable") as gateway:
            faults, sessions = [], [set() for _ in range(CLIENTS)]

            def talk(number):
                agent = Agent(dialects.CHAT, number, goal=f"session {number}")
                headers = [*dialects.CHAT.key_headers("sk-test"), ("x-test", str(number))]
                with gateway.connect(timeout=SECONDS_MAX) as client:
                    for _ in range(TURNS):
                        response = client.exchange("POST", dialects.CHAT.path, headers, agent.request())
                        if response.status != 200 or response.body != dialects.CHAT.answer:
                            faults.append(f"session {number}: {response.status}")
                        sessions[number].add(response.header("x-cairn-session"))
                        agent.step()

            def guarded(number):
                try:
                    talk(number)
                except Exception as error:  # noqa: BLE001 - whatever ends a client is a fault of the run
                    faults.append(f"session {number}: {error!r}")

            started = time.monotonic()
            threads = [threading.Thread(target=guarded, args=(number,)) for number in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SECONDS_MAX)
            self.assertFalse(any(thread.is_alive() for thread in threads), f"not done in {SECONDS_MAX} s")
            seconds = time.monotonic() - started

            self.assertEqual(faults, [])
            self.assertEqual(watching.faults, [])
            self.assertEqual(upstream.faults, [])
            self.assertEqual(set(watching.calls.values()), {TURNS})
            self.assertEqual([len(names) for names in sessions], [1] * CLIENTS)
            self.assertEqual(len(set().union(*sessions)), CLIENTS)
            lines = gateway.usage_lines(CLIENTS * TURNS, 10)
            self.assertEqual(len({line["call"] for line in lines}), CLIENTS * TURNS)
            store = json.loads(gateway.get("/health").body)["store"]
            self.assertEqual((store["state"], store["lost_records"]), ("ready", 0))
            if TURNS > 10:
                print(f"{CLIENTS} sessions of {TURNS} calls in {seconds:.0f} s, "
                      f"{gateway.resident_bytes() >> 20} MiB resident")


if __name__ == "__main__":
    unittest.main()
