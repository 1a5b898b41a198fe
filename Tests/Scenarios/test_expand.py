"""Lossless by contract: what mode full left out comes back byte for byte, by HTTP and by the command, for its owner
alone, after kills and restarts; and `cairn why` explains what left otherwise."""
import json
import os
import re
import sqlite3
import subprocess
import unittest

import dialects
from harness import BINARY, Scenario, environment, fresh_directory, metric_sum
from jittering import Agent, prompt_of, without_told
from test_stable import KEY, Stage
from upstreams import wait_until

MARKER = re.compile(r"\[[=-]([0-9a-hjkmnp-tv-z]{4,26}):(?:(\d+)(?:-(\d+))?)?([^\]]*)\]( \([^)]*\))?")
BOOK = [("x-cairn-price-book", "no-cache")]


def source(number):
    """A file of forty lines with what JSON escapes, in other words for each number."""
    lines = [f"    value_{number}_{line} = \"größe {line}\" + 'C:\\\\dir' # 行 🙂\t{line}" for line in range(40)]
    return "\n".join(lines) + "\n"


def texts_of(value):
    """All strings of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


class ExpandScenario(Scenario):
    @staticmethod
    def play(stage, agent, turns=18, key=KEY, kill_at=None, headers=BOOK, first=0):
        """A conversation that looks at three files again and again: (session, texts that went upstream, call ids)."""
        sent, calls, session = [], [], None
        for number in range(turns):
            if number == kill_at:
                stage.restart()
            response, body = stage.send(agent.dialect, agent.request(), key=key, headers=headers)
            session = response.header("x-cairn-session")
            calls.append(response.header("x-cairn-call"))
            sent += [text for turn in prompt_of(body) for text in texts_of(json.loads(turn))]
            text = source(first + number % 3)
            agent.step("\n".join(text.split("\n")[number % 5:30 + number % 7]) if number % 4 else text)
        return session, sent, calls

    def command(self, stage, *words):
        return subprocess.run(
            [BINARY, words[0], "--home", stage.gateway.home, *words[1:]], env=environment(fresh_directory()),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)

    @staticmethod
    def expand(stage, handle, query="", key=KEY, method="GET", path="/v1/lcm/expand/", headers=()):
        fields = [("authorization", f"Bearer {key}"), *headers]
        return stage.gateway.get(path + handle + query, fields, method=method)


class RoundTrip(ExpandScenario):
    def assert_known(self, text, agent):
        """The text is one of the agent's own: word for word, but for arguments, which mean the same."""
        said = {without_told(text) for _, text, _ in agent.turns}
        if text in said:
            return
        arguments = [more[1] for role, _, more in agent.turns if role == "assistant" and more]
        self.assertIn(json.loads(text), arguments)

    def check(self, stage, session, sent, agent):
        handles = set()
        for text in sent:
            for match in MARKER.finditer(text):
                handles.add(match[1])
        self.assertGreater(len(handles), 4)
        for handle in handles:
            response = self.expand(stage, handle, f"?session={session}")
            self.assertEqual(response.status, 200, (handle, response.body))
            self.assertEqual(response.header("content-type"), "text/plain; charset=utf-8")
            self.assertEqual(response.header("x-cairn-session"), session)
            self.assertEqual(response.header("x-cairn-handle"), handle)
            self.assertRegex(response.header("x-cairn-strategy"), r"^[a-z-]+ \d+$")
            self.assert_known(response.body.decode(), agent)
            result = self.command(stage, "expand", handle, "--session", session)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assert_same_bytes(result.stdout, response.body, f"cairn expand {handle}")
        return handles

    def test_every_marker_expands_by_http_and_by_the_command_also_after_restarts(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage(mode="full") as stage:
                agent = Agent(dialect, f"expand {dialect.name}")
                session, sent, _ = self.play(stage, agent, kill_at=9)
                handles = self.check(stage, session, sent, agent)
                stage.restart(signal=15)
                self.assertEqual(self.check(stage, session, sent, agent), handles)

    def test_lines_in_the_place_of_their_markers_make_the_text_again(self):
        with Stage(mode="full") as stage:
            agent = Agent(dialects.CHAT, "lines", jitters=False)
            session, sent, _ = self.play(stage, agent, headers=())
            said = {text for _, text, _ in agent.turns}
            count = 0
            for text in set(sent):
                runs = [match for match in MARKER.finditer(text) if match[2]]
                if not runs or text.startswith("[-"):
                    continue
                again, at = "", 0
                for match in runs:
                    first, last = int(match[2]), int(match[3] or match[2])
                    response = self.expand(stage, match[1], f"?session={session}&lines={first}-{last}")
                    self.assertEqual(response.status, 200)
                    lines = response.body.decode()
                    if lines.count("\n") == last - first + 1:
                        lines = lines[:-1]
                    again += text[at:match.start()] + lines
                    at = match.end()
                    count += 1
                self.assertIn(again + text[at:], said)
            self.assertGreater(count, 5)


class Refusals(ExpandScenario):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(mode="full")
        cls.agent = Agent(dialects.CHAT, "refusals", jitters=False)
        cls.session, sent, cls.calls = cls.play(cls.stage, cls.agent)
        cls.handle = next(match[1] for text in sent for match in MARKER.finditer(text))

    @classmethod
    def tearDownClass(cls):
        cls.stage.__exit__()

    def test_not_known_and_not_yours_are_one_answer(self):
        theirs = self.expand(self.stage, self.handle, key="sk-another-key")
        unknown = self.expand(self.stage, "zzzz", key="sk-another-key")

        self.assert_refused(theirs, {404})
        self.assertEqual(theirs.body.replace(self.handle.encode(), b"zzzz"), unknown.body)
        named = self.expand(self.stage, self.handle, f"?session={self.session}", key="sk-another-key")
        self.assertEqual(named.body, theirs.body)
        self.assertEqual(self.expand(self.stage, self.handle).status, 200)
        self.assertEqual(self.expand(self.stage, self.handle, f"?session={'0' * 32}").status, 404)

    def test_bad_questions_are_told_in_the_callers_dialect(self):
        for query in ("?lines=0-3", "?lines=a", "?lines=4-2", "?lines=1-99999", "?session=abc", "?lines="):
            with self.subTest(query):
                self.assert_refused(self.expand(self.stage, self.handle, query), {400})
        for handle in ("abc", "abcdi", "K7F2", "k7f2%3A", "z" * 27):
            with self.subTest(handle):
                self.assert_refused(self.expand(self.stage, handle), {404})
        self.assert_envelope(
            dialects.MESSAGES, self.expand(self.stage, "zzzz", headers=[("anthropic-version", "2023-06-01")]), {404})
        below = self.expand(self.stage, "zzzz", path="/anthropic/v1/lcm/expand/")
        self.assert_envelope(dialects.MESSAGES, below, {404})
        self.assert_refused(self.expand(self.stage, self.handle, method="POST"), {405})

    def test_head_tells_the_size_and_sends_no_body(self):
        whole = self.expand(self.stage, self.handle)
        head = self.expand(self.stage, self.handle, method="HEAD")

        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("content-length"), str(len(whole.body)))

    def test_it_never_goes_upstream_and_is_recorded_and_counted(self):
        gateway = self.stage.gateway
        before = len(self.stage.upstream.requests)
        counted = metric_sum(gateway.metrics(), "cairn_calls_total", route="expand")

        found = self.expand(self.stage, self.handle)
        missing = self.expand(self.stage, "zzzz")
        other = gateway.get("/v1/lcm/other", [("authorization", f"Bearer {KEY}")])

        self.assertEqual((found.status, missing.status, other.status), (200, 404, 404))
        self.assertEqual(len(self.stage.upstream.requests), before)
        record = gateway.usage_of(found)
        self.assertEqual(
            (record["route"], record["status"], record["upstream"], record["outcome"]), ("expand", 200, None, "ok"))
        self.assertEqual(record["bytes"]["response"], len(found.body))
        self.assertEqual(gateway.usage_of(missing)["outcome"], "refused")
        self.assertEqual(metric_sum(gateway.metrics(), "cairn_calls_total", route="expand"), counted + 2)

    def test_the_command_tells_what_it_cannot_do(self):
        for words, status, word in (
                (["expand", "zzzz"], 1, b"nothing is known"),
                (["expand", self.handle, "--lines", "1-99999"], 1, b"lines"),
                (["expand", "not a handle"], 2, b"marker"), (["expand"], 2, b"HANDLE"),
                (["expand", self.handle, "--session", "0" * 32], 1, b"nothing is known"),
                (["why", "zzzz"], 1, b"nothing is known"), (["why", "0" * 26], 1, b"no call"),
                (["why", "?"], 2, b"CALL")):
            with self.subTest(words):
                result = self.command(self.stage, *words)

                self.assertEqual((result.returncode, result.stdout), (status, b""), result.stderr)
                self.assertIn(word, result.stderr)
                self.assertEqual(len(result.stderr.strip().splitlines()), 1)
        nowhere = subprocess.run(
            [BINARY, "expand", "zzzz", "--home", "/nowhere"], env=environment(fresh_directory()), capture_output=True)
        self.assertEqual(nowhere.returncode, 2)

    def test_why_tells_the_rule_the_price_and_the_sizes(self):
        result = self.command(self.stage, "why", self.handle)

        self.assertEqual((result.returncode, result.stderr), (0, b""))
        text = result.stdout.decode()
        self.assertRegex(
            text, rf"{self.handle}  session {self.session}, turn \d+ \((tool|assistant)\), part \d+\n"
            r"  [\d,]+ bytes became [\d,]+\n  [a-z-]+ \d+: (birth|epoch: \w+), thought to save -?\$[\d.]+\n"
            r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, call \w{26}\n")
        self.assertNotIn("?", text)

    def test_why_explains_every_changed_turn_of_a_call(self):
        id = self.calls[-1]
        wait_until(lambda: self.command(self.stage, "why", id).returncode == 0, 5, "the record of the call")
        text = self.command(self.stage, "why", id).stdout.decode()

        self.assertIn(f"call {id}  session {self.session}", text)
        self.assertRegex(text, r"\d+ turns, [\d,]+ bytes came and [\d,]+ left: [\d,]+ less \([\d.]+ %\)")
        self.assertNotIn("not in the store", text)
        self.assertNotIn("?", text)
        parts = re.findall(r"  part \d+  (\w+)  ([\d,]+) bytes became ([\d,]+)  [a-z-]+ \d+: ", text)
        self.assertGreater(len(parts), 4)
        for handle, came, left in parts:
            whole = self.expand(self.stage, handle, f"?session={self.session}").body
            self.assertEqual(int(came.replace(",", "")), len(whole))
            self.assertLess(int(left.replace(",", "")), len(whole))


class Damage(ExpandScenario):
    def test_an_original_that_is_another_one_is_not_given_out_and_a_shared_handle_wants_its_session(self):
        with Stage(mode="full") as stage:
            one = self.play(stage, Agent(dialects.CHAT, "one", goal="one", jitters=False))
            other = self.play(stage, Agent(dialects.CHAT, "other", goal="other", jitters=False), first=3)
            stage.gateway.signal(15)
            stage.gateway.wait_for_exit()
            store = sqlite3.connect(os.path.join(stage.home, "cairn.db"))
            rows = store.execute(
                "SELECT number, handle, lower(hex(session)) FROM decisions ORDER BY number").fetchall()
            number, shared, _ = next(row for row in rows if row[2] == one[0])
            moved, handle, _ = next(row for row in rows if row[2] == other[0] and row[1] != shared)
            store.execute("UPDATE decisions SET handle = ? WHERE number = ?", (shared, moved))
            spoilt, lost, _ = next(row for row in rows if row[1] not in (shared, handle))
            store.execute("UPDATE decisions SET original = ? WHERE handle = ?", (b"\0" * 16, lost))
            store.commit()
            store.close()
            stage.start()

            ambiguous = self.expand(stage, shared)
            self.assert_refused(ambiguous, {409})
            self.assertIn(one[0].encode(), ambiguous.body)
            self.assertIn(other[0].encode(), ambiguous.body)
            for session in (one[0], other[0]):
                self.assertEqual(self.expand(stage, shared, f"?session={session}").status, 200)
            self.assertEqual(self.command(stage, "expand", shared).returncode, 1)
            self.assert_refused(self.expand(stage, lost), {500})
            result = self.command(stage, "expand", lost)
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertIn(b"not the one that was left out", result.stderr)


if __name__ == "__main__":
    unittest.main()
