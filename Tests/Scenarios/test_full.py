"""Full mode: what the model can already see is left out, older parts are replaced when that pays, nothing is lost."""
import json
import re
import unittest

import dialects
from harness import run
from test_stable import Stage, StableScenario

FILE = [f"    value_{line} = compute_the_value_of({line}, scale={line * 7})" for line in range(60)]
MARKER = re.compile(r"\[[=-]([0-9a-z]{4,26}):")


class CodingAgent:
    """Reads, edits and tests one file again and again, in one dialect."""

    def __init__(self, dialect):
        self.dialect, self.steps, self.results = dialect, [], []

    def step(self, result=None):
        number = len(self.steps)
        lines = list(FILE)
        lines[number % len(lines)] = f"    value_{number} = changed_in_step_{number}()"
        if result is None:
            result = "\n".join(lines[:45] if number % 3 else [f"test_{line}_{number} passed" for line in range(30)])
        command = "sed -n '1,45p' src/values.py" if number % 3 else "python -m pytest -x"
        self.steps.append((f"I look at step {number} of the plan, because the values must be right.", command))
        self.results.append(result)

    def request(self, stream=False):
        name, messages = self.dialect.name, []
        user = "Make the values right."
        if name == "responses":
            messages.append({"type": "message", "role": "user", "content": user})
        else:
            messages.append({"role": "user", "content": user})
        for number, ((text, command), result) in enumerate(zip(self.steps, self.results)):
            call = f"call_{number}"
            if name == "chat":
                arguments = json.dumps({"command": command})
                messages.append({"role": "assistant", "content": text, "tool_calls": [
                    {"id": call, "type": "function", "function": {"name": "bash", "arguments": arguments}}]})
                messages.append({"role": "tool", "tool_call_id": call, "content": result})
            elif name == "messages":
                messages.append({"role": "assistant", "content": [
                    {"type": "text", "text": text},
                    {"type": "tool_use", "id": call, "name": "bash", "input": {"command": command}}]})
                messages.append({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": call, "content": result}]})
            else:
                messages.append({"type": "message", "role": "assistant",
                                 "content": [{"type": "output_text", "text": text}]})
                messages.append({"type": "function_call", "call_id": call, "name": "bash",
                                 "arguments": json.dumps({"command": command})})
                messages.append({"type": "function_call_output", "call_id": call, "output": result})
        schema = {"type": "object", "properties": {"command": {"type": "string"}}}
        tool = {"name": "bash", "description": "Runs a command."}
        body = {"model": "gpt-5", "stream": stream}
        if name == "chat":
            body |= {"messages": messages, "tools": [{"type": "function", "function": tool | {"parameters": schema}}]}
        elif name == "messages":
            body |= {"messages": messages, "max_tokens": 100, "tools": [tool | {"input_schema": schema}]}
        else:
            body |= {"input": messages, "store": False, "tools": [tool | {"type": "function", "parameters": schema}]}
        return json.dumps(body).encode()


def turns_of(body):
    """The turns of an upstream body, each as text, without the gateway's cache marks."""
    parsed = json.loads(body)

    def unmarked(value):
        if isinstance(value, dict):
            return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
        return [unmarked(item) for item in value] if isinstance(value, list) else value
    return [json.dumps(unmarked(turn)) for turn in parsed.get("messages") or parsed["input"]]


class FullScenario(StableScenario):
    BOOK = [("x-cairn-price-book", "no-cache")]

    def grow(self, stage, agent, count, headers=(), restart_at=(), signal=None):
        """`count` calls: the upstream's bodies. Each extends the one before, but where an epoch rewrote.

        The gateway is killed and started again behind some of them, or ended by a signal."""
        bodies = []
        for number in range(count):
            response, body = stage.send(agent.dialect, agent.request(), headers=[*self.BOOK, *headers])
            turns = turns_of(body)
            if bodies and "planned rewrite" not in response.header("x-cairn-prefix"):
                self.assertEqual(turns[:len(turns_of(bodies[-1]))], turns_of(bodies[-1]), f"call {number}")
            bodies.append(body)
            if number in restart_at:
                stage.restart(signal)
            agent.step()
        return bodies


class LeavingOutTests(FullScenario):
    def test_repeated_lines_and_old_parts_leave_shorter_through_kills(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage(mode="full") as stage:
                agent = CodingAgent(dialect)
                bodies = self.grow(stage, agent, 14, restart_at=(5, 9))

                self.assertLess(len(bodies[-1]), len(agent.request()) * 0.7)
                self.assertTrue(MARKER.search(bodies[-1].decode()))
                # What came last is whole but for lines that stand above.
                self.assertIn("I look at step 12", turns_of(bodies[-1])[-2 - (dialect.name == "responses")])

    def test_a_session_with_epochs_and_restarts_is_proven(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage(mode="full") as stage:
                self.grow(stage, CodingAgent(dialect), 12, restart_at=(4, 8), signal=15)
                stage.restart(signal=15)

                proof = run(["prove", "--home", stage.home, "--all"])
                self.assertEqual(proof.returncode, 0, proof.stdout)
                self.assertIn("proven  12 calls", proof.stdout)
                self.assertNotIn(" 0 breaks", proof.stdout)

    def test_the_counters_tell_what_was_left_out(self):
        with Stage(mode="full") as stage:
            self.grow(stage, CodingAgent(dialects.CHAT), 10)
            metrics = stage.gateway.get("/metrics").body.decode()

            runs = re.search(r'cairn_shortened_parts_total\{strategy="seen-line-runs"\} (\d+)', metrics)
            self.assertGreater(int(runs[1]), 2)
            self.assertRegex(metrics, r'cairn_shortened_bytes_total\{strategy="seen-line-runs"\} [1-9]\d{3,}')
            self.assertRegex(metrics, r'cairn_epochs_total\{reason="pays"\} [1-9]')
            health = json.loads(stage.gateway.get("/health").body)
            self.assertEqual(health.get("recent_breaks", []), [])

    def test_without_a_price_only_what_is_visible_is_left_out(self):
        with Stage(mode="full") as stage:
            agent = CodingAgent(dialects.CHAT)
            for _ in range(8):
                body = agent.request().replace(b'"gpt-5"', b'"a-model-nobody-knows"')
                response, sent = stage.send(dialects.CHAT, body)
                self.assertNotIn("rewrite", response.header("x-cairn-prefix"))
                agent.step()
            self.assertIn("[=", sent.decode())
            self.assertNotIn("[-", sent.decode())


class EscapeTests(FullScenario):
    def test_a_line_in_a_result_keeps_it(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage(mode="full") as stage:
                agent = CodingAgent(dialect)
                agent.step("\n".join(FILE[:40]))
                kept = "\n".join([*FILE[:40], "cairn: keep"])
                agent.step(kept)
                bodies = self.grow(stage, agent, 10, restart_at=(4,))

                for body in bodies:
                    self.assertIn(json.dumps(kept), body.decode())

    def test_a_header_keeps_what_a_call_brings(self):
        with Stage(mode="full") as stage:
            agent = CodingAgent(dialects.CHAT)
            agent.step("\n".join(FILE[:40]))
            stage.send(dialects.CHAT, agent.request(), headers=self.BOOK)
            agent.step("\n".join(FILE[:40]))
            stage.send(dialects.CHAT, agent.request(), headers=[*self.BOOK, ("x-cairn-keep", "1")])
            bodies = self.grow(stage, agent, 10, restart_at=(3,))

            for body in bodies:
                results = [turn for turn in turns_of(body) if '"role": "tool"' in turn]
                self.assertEqual(json.loads(results[1])["content"], agent.results[1])
            self.assertIsNone(stage.upstream.requests[-1].header("x-cairn-keep"))

    def test_the_other_modes_shorten_nothing_and_keep_what_full_sent(self):
        with Stage(mode="stable") as stage:
            agent = CodingAgent(dialects.CHAT)
            plain = self.grow(stage, agent, 6)
            self.assertFalse(MARKER.search(plain[-1].decode()))
            full = self.grow(stage, agent, 4, headers=[("x-cairn-mode", "full")])
            self.assertTrue(MARKER.search(full[-1].decode()))
            after = self.grow(stage, agent, 2)
            self.assertEqual(turns_of(after[-1])[:len(turns_of(full[-1]))], turns_of(full[-1]))
            asked = stage.send(dialects.CHAT, agent.request(), headers=[("x-cairn-mode", "passthrough")])[1]
            self.assertEqual(asked, agent.request())


if __name__ == "__main__":
    unittest.main()
