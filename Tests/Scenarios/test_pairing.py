"""Calls and results in pairs, and prompts that fit: what a client dropped does not cost it its session."""
import json
import os
import sqlite3
import unittest

import dialects
from harness import Gateway, Practice, Scenario, fresh_directory, run
from upstreams import wait_until

MISSING = "[no result: the call was not answered]"
ORPHAN = "[a result that no call waits for]"


class Talk:
    """A conversation that is spelled in any dialect."""

    def __init__(self, dialect):
        self.dialect = dialect
        self.turns = []
        self.user("Fix the bug.")

    def user(self, text):
        if self.dialect is dialects.RESPONSES:
            self.turns.append({"type": "message", "role": "user", "content": text})
        else:
            self.turns.append({"role": "user", "content": text})
        return self

    def call(self, *names, text="Let me look."):
        if self.dialect is dialects.CHAT:
            calls = [{"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in names]
            self.turns.append({"role": "assistant", "content": text, "tool_calls": calls})
        elif self.dialect is dialects.MESSAGES:
            calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in names]
            self.turns.append({"role": "assistant", "content": [{"type": "text", "text": text}, *calls]})
        else:
            self.turns.append({"type": "message", "role": "assistant",
                               "content": [{"type": "output_text", "text": text}]})
            self.turns += [{"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"} for name in names]
        return self

    def result(self, name, text):
        if self.dialect is dialects.CHAT:
            self.turns.append({"role": "tool", "tool_call_id": name, "content": text})
        elif self.dialect is dialects.MESSAGES:
            self.turns.append({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": name, "content": text}]})
        else:
            self.turns.append({"type": "function_call_output", "call_id": name, "output": text})
        return self

    def body(self, model="small-model", **more):
        key = "input" if self.dialect is dialects.RESPONSES else "messages"
        return json.dumps({"model": model, key: self.turns, **self.limit(100), **more}).encode()

    def limit(self, tokens):
        """The member that bounds the answer."""
        names = {dialects.CHAT: "max_tokens", dialects.MESSAGES: "max_tokens", dialects.RESPONSES: "max_output_tokens"}
        return {names[self.dialect]: tokens}


def prompt_tokens(dialect, answer):
    usage = json.loads(answer.body)["usage"]
    if dialect is dialects.CHAT:
        return usage["prompt_tokens"]
    cached = usage.get("cache_read_input_tokens", 0) + usage.get("cache_creation_input_tokens", 0)
    return usage["input_tokens"] + cached


def sent_turns(practice):
    """The turns of the newest request that reached the provider."""
    body = json.loads(practice.requests()[-1]["body"])
    return body.get("messages") or body["input"]


class PairingScenario(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.practice = Practice()

    @classmethod
    def tearDownClass(cls):
        cls.practice.stop()

    def gateway(self, mode, **more):
        return Gateway(self.practice.url, mode=mode, **more)

    def send(self, gateway, talk, status=200):
        answer = gateway.call(talk.dialect, body=talk.body())
        self.assertEqual(answer.status, status, answer.body[:400])
        return answer


class BrokenClients(PairingScenario):
    def test_a_dropped_result_is_said_to_be_missing(self):
        for dialect in dialects.ALL:
            for mode in ("stable", "full"):
                with self.subTest(dialect=dialect.name, mode=mode), self.gateway(mode) as gateway:
                    talk = Talk(dialect).call("a", "b").result("a", "A").user("Go on.")
                    self.send(gateway, talk)
                    first = sent_turns(self.practice)
                    self.assertIn(MISSING, json.dumps(first))

                    talk.call("c").result("c", "C")
                    self.send(gateway, talk)

                    self.assertEqual(sent_turns(self.practice)[:len(first)], first)
                    self.assertEqual(json.dumps(sent_turns(self.practice)).count(MISSING), 1)

    def test_a_result_without_its_call_becomes_text(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), self.gateway("stable") as gateway:
                talk = Talk(dialect).result("gone", "what was found").call("a").result("a", "A")
                self.send(gateway, talk)
                sent = json.dumps(sent_turns(self.practice))
                self.assertIn(ORPHAN, sent)
                self.assertIn("what was found", sent)

    def test_a_late_result_is_told_and_the_prompt_only_grows(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), self.gateway("stable") as gateway:
                talk = Talk(dialect).call("a").user("Are you there?")
                self.send(gateway, talk)
                first = sent_turns(self.practice)

                talk.result("a", "at last")
                self.send(gateway, talk)

                self.assertEqual(sent_turns(self.practice)[:len(first)], first)
                self.assertIn("at last", json.dumps(sent_turns(self.practice)[len(first):]))

    def test_repairs_are_in_the_journal_and_the_session_is_proven(self):
        with self.gateway("stable") as gateway:
            talk = Talk(dialects.CHAT).result("z", "lost").call("a").user("Next.")
            self.send(gateway, talk)
            self.send(gateway, talk.call("b").result("b", "B"))
            wait_until(lambda: self.prove(gateway).endswith("1 of 1 sessions proven"), 5, "the proof")
            with sqlite3.connect(f"file:{gateway.home}/cairn.db?mode=ro", uri=True) as store:
                rows = store.execute("SELECT reason FROM decisions WHERE strategy = 'pairing-repair'")
                reasons = {row[0] for row in rows}
            self.assertEqual(reasons, {"pairing: a call without a result", "pairing: a result that no call waits for"})

    @staticmethod
    def prove(gateway):
        return run(["prove", "--home", gateway.home, "--all"]).stdout.strip()

    def test_passthrough_leaves_the_refusal_to_the_provider(self):
        for dialect in dialects.ALL:
            for mode in ("passthrough", "observe"):
                with self.subTest(dialect=dialect.name, mode=mode), self.gateway(mode) as gateway:
                    self.send(gateway, Talk(dialect).call("a").user("Go on."), status=400)

    def test_a_valid_prompt_leaves_as_it_came(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), self.gateway("stable") as gateway:
                talk = Talk(dialect).call("a", "b").result("b", "B").result("a", "A").user("Go on.")
                self.send(gateway, talk)
                self.assertEqual(sent_turns(self.practice), talk.turns)


class SmallWindow(PairingScenario):
    WINDOW = 3000
    PRICES = f"""prices:
  - provider: generic
    models: [small-model]
    from: 2020-01-01
    context: {WINDOW}
    miss: 0.28
    hit: 0.028
    output: 0.42
"""

    def test_a_session_outgrows_its_window_and_goes_on(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name):
                home = os.path.join(fresh_directory(), "home")
                os.makedirs(home, mode=0o700)
                with open(f"{home}/prices.yaml", "w") as file:
                    file.write(self.PRICES)
                talk, cuts = Talk(dialect), 0
                gateway = self.gateway("full", home=home)
                try:
                    for number in range(24):
                        # What the user says is never shortened: no epoch can make it fit.
                        said = " ".join(f"wish {number} {word} of {number * word}" for word in range(40))
                        talk.call(f"c{number}", text=f"Step {number}.").result(f"c{number}", "done").user(said)
                        if number == 13:
                            gateway.stop()
                            gateway = self.gateway("full", home=home)
                        answer = self.send(gateway, talk)
                        self.assertLess(prompt_tokens(dialect, answer), self.WINDOW)
                        sent = json.dumps(sent_turns(self.practice))
                        self.assertEqual(sent.count("Fix the bug."), 1)
                        self.assertEqual(sent.count(f"wish {number} 39 "), 1)
                        self.assertLessEqual(sent.count(": earlier messages left out]"), 1)
                        cuts += "planned rewrite" in (answer.header("x-cairn-prefix") or "")
                    self.assertEqual(sent.count(": earlier messages left out]"), 1)
                    self.assertIn(cuts, range(1, 8))
                    wait_until(lambda: self.dropped(home), 5, "decisions in the store")
                finally:
                    gateway.stop()
                proof = run(["prove", "--home", home, "--all"])
                self.assertIn("1 of 1 sessions proven", proof.stdout, proof.stderr)

    @staticmethod
    def dropped(home):
        with sqlite3.connect(f"file:{home}/cairn.db?mode=ro", uri=True) as store:
            return store.execute("SELECT count(*) FROM decisions WHERE strategy = 'middle-drop'").fetchone()[0]


if __name__ == "__main__":
    unittest.main()
