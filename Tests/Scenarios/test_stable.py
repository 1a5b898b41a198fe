"""Stable mode: whatever a harness jitters, the provider sees a prompt that only grows."""
import concurrent.futures
import json
import os
import sqlite3
import stat
import unittest

import dialects
from harness import MIB, Gateway, Scenario, fresh_directory
from jittering import Agent, heard, mark_count, prompt_of, without_marks, without_told
from upstreams import RawUpstream, wait_until

KEY = "sk-the-secret-of-the-first-client"


def answer(exchange):
    """The dialect's own answer, streamed if the request asks for it."""
    dialect = next(one for one in dialects.ALL if one.path == exchange.request.target.split("?")[0])
    try:
        is_stream = json.loads(exchange.request.plain_body())["stream"]
    except (ValueError, TypeError, KeyError):
        is_stream = False
    if is_stream:
        exchange.stream(dialect.stream)
    else:
        exchange.answer(dialect.answer)


class Stage:
    """A gateway in stable mode that can be killed and started again in the same home, and its upstream."""

    def __init__(self, *arguments, home=None, config=None, mode="stable", **variables):
        self.upstream = RawUpstream(answer)
        self.mode = mode
        self.arguments, self.config, self.variables = arguments, config, variables
        self.home = home or os.path.join(fresh_directory(), "home")
        self.start()

    def start(self):
        config = self.config and self.config.replace("UPSTREAM", self.upstream.url)
        self.gateway = Gateway(
            None if config else self.upstream.url, self.arguments, home=self.home, config=config, mode=self.mode,
            **self.variables)

    def restart(self, signal=None):
        """kill -9, or an orderly end by `signal`."""
        if signal:
            self.gateway.signal(signal)
            self.gateway.wait_for_exit()
        self.gateway.stop()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.gateway.stop()
        self.upstream.__exit__()

    def send(self, dialect, body, key=KEY, headers=(), stream=False):
        """One call: (the answer, the body that went upstream)."""
        before = len(self.upstream.requests)
        response = self.gateway.call(dialect, stream, key, headers, body)
        if response.status != 200:
            raise AssertionError(f"status {response.status}: {response.body[:300]!r}")
        return response, self.upstream.requests[before].body

    def call(self, agent, stream=False, **options):
        return self.send(agent.dialect, agent.request(stream), stream=stream, **options)


class StableScenario(Scenario):
    def assert_extends(self, before, after, what):
        """`after` begins with all of `before`, byte for byte."""
        for index, (one, other) in enumerate(zip(before, after)):
            self.assert_same_bytes(other.encode(), one.encode(), f"{what}, entry {index}")
        self.assertGreaterEqual(len(after), len(before), what)

    @staticmethod
    def read(dialect, prompt):
        """A prompt as the provider hashes it: without the gateway's own marks, which move."""
        return without_marks(prompt) if dialect is dialects.MESSAGES else prompt

    def assert_told(self, agent, prompt, what):
        """The newest turn tells the newest clock, and nothing else of the conversation has changed."""
        self.assertIn(agent.clock, heard(prompt[-1]), what)
        self.assertIn(f"Session pid: {1000 + 7 * agent.calls}", heard(prompt[-1]), what)
        said = [text for role, text, _ in agent.turns if role != "assistant"]
        turns = [json.loads(text) for text in prompt[len(agent.tool_names):]]
        texts = [without_told(heard(json.dumps(turn))) for turn in turns
                 if isinstance(turn, dict) and (turn.get("role") in ("user", "tool") or "output" in turn)]
        self.assertEqual(texts, said, what)


class HostileHarnessTests(StableScenario):
    def test_a_prompt_only_grows_through_jitter_kills_and_restarts(self):
        for dialect in dialects.ALL:
            for stream in (False, True):
                what = f"{dialect.name}, stream {stream}"
                with self.subTest(what), Stage() as stage:
                    agent = Agent(dialect, f"grow {what}")
                    before, sessions = None, set()
                    for number in range(9):
                        response, body = stage.call(agent, stream)
                        prompt = prompt_of(body)
                        if before:
                            self.assert_extends(before, self.read(dialect, prompt), f"{what}, call {number}")
                            size, whole = response.header("x-cairn-prefix").split("/")
                            self.assertTrue(0 < int(size) < int(whole.split(";")[0]), whole)
                            self.assertNotIn(";", whole, what)
                        self.assert_told(agent, prompt, f"{what}, call {number}")
                        sessions.add(response.header("x-cairn-session"))
                        before = self.read(dialect, prompt)
                        if number == 3:
                            stage.restart()
                        if number == 6:
                            stage.restart(signal=15)
                        agent.say("go on") if number == 4 else agent.step()
                    self.assertEqual(len(sessions), 1, what)

    def test_claude_codes_moving_marks_stay_and_break_nothing(self):
        for jitters in (False, True):
            with self.subTest(jitters=jitters), Stage() as stage:
                agent = Agent(dialects.MESSAGES, f"marks {jitters}", marks=True, jitters=jitters)
                before = None
                for number in range(8):
                    response, body = stage.call(agent)
                    prompt = without_marks(prompt_of(body))
                    if before:
                        self.assert_extends(before, prompt, f"call {number}")
                    self.assertEqual(mark_count(body), 2, body)
                    newest = json.loads(prompt_of(body)[-1])["content"]
                    marked = next(index for index, block in enumerate(newest) if "cache_control" in block)
                    told = [index for index, block in enumerate(newest) if agent.clock in block.get("text", "")]
                    self.assertTrue(all(marked < index for index in told), newest)
                    before = prompt
                    if number == 4:
                        stage.restart()
                    agent.step()

    def test_plain_prompts_pass_byte_for_byte(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                agent = Agent(dialect, 1, jitters=False)
                for _ in range(5):
                    sent = agent.request()
                    _, body = stage.send(dialect, sent)
                    self.assertEqual(prompt_of(body), prompt_of(sent))
                    self.assertEqual(json.loads(body), json.loads(sent))
                    agent.step()

    def test_numbers_and_unknown_members_keep_their_spelling(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                _, body = stage.send(dialect, dialect.request())
                for text in (b"12345678901234567890", b'"float":1.0', b'"exp":1E-07', b'"null":null', b'"zzz"',
                             b"\\u00e9"):
                    self.assertIn(text, body)

    def test_a_changed_tool_is_sent_and_told_as_the_reason(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 5)
            stage.call(agent)
            agent.step()
            agent.tool_names = (*agent.tool_names, "browse")
            response, body = stage.call(agent)
            self.assertIn("; the client changed its tools", response.header("x-cairn-prefix"))
            self.assertEqual(len(json.loads(body)["tools"]), 5)
            before = prompt_of(body)
            agent.step()
            self.assert_extends(before, prompt_of(stage.call(agent)[1]), "after the change")


class HistoryTests(StableScenario):
    def test_a_retry_is_sent_as_it_was(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 11)
            stage.call(agent)
            agent.step()
            first, one = stage.call(agent)
            agent.calls -= 1
            again, other = stage.call(agent)
            self.assertEqual(prompt_of(one), prompt_of(other))
            self.assertEqual(first.header("x-cairn-session"), again.header("x-cairn-session"))

    def test_forks_and_rewinds_share_what_they_have_in_common(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                agent = Agent(dialect, 12)
                prompts = []
                for _ in range(4):
                    prompts.append(prompt_of(stage.call(agent)[1]))
                    agent.step()
                trunk, kept = agent.turns, len(agent.turns) - 4
                agent.turns = [*trunk[:kept], ("assistant", "another way", None), ("user", "no, so", None)]
                fork = prompt_of(stage.call(agent)[1])
                self.assert_extends(prompts[-2], fork, "a fork after a rewind")
                agent.turns = trunk
                self.assert_extends(prompts[-1], prompt_of(stage.call(agent)[1]), "back on the trunk")
                agent.turns = [*trunk[:kept], ("assistant", "another way", None), ("user", "no, so", None)]
                agent.step()
                self.assert_extends(fork, prompt_of(stage.call(agent)[1]), "back on the fork")

    def test_clear_and_compaction_begin_behind_the_system_prompt(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 13)
            first, body = stage.call(agent)
            agent.step()
            stage.call(agent)
            agent.turns = [("user", "Summary of what was done so far. Continue.", None)]
            cleared, after = stage.call(agent)
            self.assertNotEqual(first.header("x-cairn-session"), cleared.header("x-cairn-session"))
            shared = len(agent.tool_names) + 1
            self.assertEqual(prompt_of(body)[:shared], prompt_of(after)[:shared])

    def test_sub_agents_with_one_system_prompt_are_apart(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                team = [Agent(dialect, number, goal=f"part {number}") for number in range(4)]
                before, sessions = {}, {}
                for turn in range(4):
                    for number, agent in enumerate(team):
                        response, body = stage.call(agent)
                        prompt = prompt_of(body)
                        sessions.setdefault(number, response.header("x-cairn-session"))
                        self.assertEqual(sessions[number], response.header("x-cairn-session"))
                        self.assert_extends(before.get(number, []), prompt, f"agent {number}, call {turn}")
                        self.assert_told(agent, prompt, f"agent {number}, call {turn}")
                        before[number] = prompt
                        agent.step()
                self.assertEqual(len(set(sessions.values())), len(team))
                shared = len(Agent.tool_names) + 1
                self.assertEqual(len({tuple(prompt[:shared]) for prompt in before.values()}), 1,
                                 "tools and system prompt are spelled once for all")

    def test_two_keys_never_share(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 14)
            first, body = stage.call(agent)
            sessions = {first.header("x-cairn-session")}
            for number in range(3):
                other = Agent(dialects.CHAT, 15 + number)
                sent = other.request()
                response, got = stage.send(dialects.CHAT, sent, key=f"sk-client-{number}")
                self.assertNotIn(response.header("x-cairn-session"), sessions)
                sessions.add(response.header("x-cairn-session"))
                names = [[tool["function"]["name"] for tool in json.loads(one)["tools"]] for one in (got, sent)]
                self.assertEqual(*names, "its own order of tools")
                self.assertTrue(response.header("x-cairn-prefix").startswith("0/"))
                stage.restart()
            agent.step()
            self.assert_extends(prompt_of(body), prompt_of(stage.call(agent)[1]), "the first client")

    def test_clients_at_once_on_several_threads(self):
        with Stage("--threads", "4") as stage:
            def talk(number):
                dialect = dialects.ALL[number % 3]
                agent = Agent(dialect, number, goal=f"session {number}")
                for _ in range(12):
                    response = stage.gateway.call(dialect, False, KEY, (("x-test", str(number)),), agent.request())
                    if response.status != 200:
                        return f"status {response.status}"
                    agent.step()
                return None
            with concurrent.futures.ThreadPoolExecutor(9) as pool:
                self.assertEqual(list(pool.map(talk, range(9))), [None] * 9)
            for number in range(9):
                prompts = [self.read(dialects.ALL[number % 3], prompt_of(request.body))
                           for request in stage.upstream.requests if request.header("x-test") == str(number)]
                self.assertEqual(len(prompts), 12)
                for index in range(1, 12):
                    self.assert_extends(prompts[index - 1], prompts[index], f"client {number}, call {index}")


class ModeTests(StableScenario):
    def test_passthrough_is_bytes_and_observe_is_bytes_with_a_ledger(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                agent, before = Agent(dialect, 21), []
                for mode in ("stable", "passthrough", "observe", "stable"):
                    sent = agent.request()
                    response, body = stage.send(dialect, sent, headers=(("x-cairn-mode", mode),))
                    line = stage.gateway.usage_of(response)
                    if mode == "stable":
                        self.assertNotEqual(body, sent)
                        prompt = self.read(dialect, prompt_of(body))
                        self.assert_extends(before, prompt, "what was sent in stable mode before")
                        before = prompt
                    else:
                        self.assert_same_bytes(body, sent, mode)
                    if mode == "passthrough":
                        self.assertIsNone(response.header("x-cairn-session"))
                        self.assertNotIn("billed_usd", line)
                    else:
                        self.assertEqual(line["session"], response.header("x-cairn-session"))
                        self.assertIn("untouched_usd", line)
                    agent.step()

    def test_stable_is_what_a_gateway_does_by_itself(self):
        with Stage(mode=None) as stage:
            self.assertEqual(json.loads(stage.gateway.get("/health").body)["mode"], "stable")
            self.assertIsNotNone(stage.call(Agent(dialects.CHAT, 20))[0].header("x-cairn-session"))

    def test_an_unknown_mode_is_refused(self):
        with Stage() as stage:
            for dialect in dialects.ALL:
                response = stage.gateway.call(dialect, headers=(("x-cairn-mode", "fast"),))
                self.assert_envelope(dialect, response, (400,))

    def test_fields_for_the_gateway_do_not_travel_on(self):
        with Stage() as stage:
            stage.send(dialects.CHAT, Agent(dialects.CHAT, 22).request(), headers=(("x-cairn-mode", "stable"),))
            self.assertFalse([name for name in stage.upstream.requests[-1].names if name.startswith("x-cairn")])

    def test_observe_alone_changes_nothing_over_a_whole_session(self):
        with Stage(mode="observe") as stage:
            agent = Agent(dialects.MESSAGES, 23)
            for _ in range(4):
                sent = agent.request()
                self.assert_same_bytes(stage.send(agent.dialect, sent)[1], sent, "observe")
                agent.step()


class HintTests(StableScenario):
    def test_a_messages_client_without_marks_gets_at_most_four(self):
        with Stage("--provider", "anthropic") as stage:
            agent = Agent(dialects.MESSAGES, 31, system="You are a coding agent. " * 800, pad=4000)
            before = None
            for number in range(8):
                _, body = stage.call(agent)
                self.assertTrue(1 <= mark_count(body) <= 4, f"call {number}: {mark_count(body)} marks")
                found = json.loads(body)
                newest = found["messages"][-1]["content"]
                self.assertTrue(any("cache_control" in block for block in newest), newest)
                told = next(index for index, block in enumerate(newest) if agent.clock in block.get("text", ""))
                self.assertTrue(all("cache_control" not in block for block in newest[told:]), newest[told:])
                self.assertIn("cache_control", json.dumps(found["system"]))
                prompt = without_marks(prompt_of(body))
                if before:
                    self.assert_extends(before, prompt, f"call {number}")
                before = prompt
                agent.step()

    def test_a_chat_client_of_an_anthropic_upstream_gets_marks_too(self):
        config = "upstreams:\n  - name: a\n    url: UPSTREAM\n    provider: anthropic\n    dialect: messages\n"
        with Stage(config=config) as stage:
            agent = Agent(dialects.CHAT, 35, system="You are a coding agent. " * 800, pad=4000)
            before = None
            for number in range(6):
                _, body = stage.call(agent)
                self.assertTrue(2 <= mark_count(body) <= 4, f"call {number}: {mark_count(body)} marks")
                self.assertIn("cache_control", prompt_of(body)[-1])
                prompt = without_marks(prompt_of(body))
                if before:
                    self.assert_extends(before, prompt, f"call {number}")
                before = prompt
                agent.step()

    def test_a_short_prompt_gets_no_marks(self):
        with Stage("--provider", "anthropic") as stage:
            self.assertEqual(mark_count(stage.call(Agent(dialects.MESSAGES, 32))[1]), 0)

    def test_an_openai_upstream_gets_a_cache_key_when_the_client_gave_none(self):
        with Stage("--provider", "openai") as stage:
            for dialect in (dialects.CHAT, dialects.RESPONSES):
                agent, keys = Agent(dialect, 33), set()
                for _ in range(3):
                    response, body = stage.call(agent)
                    keys.add(json.loads(body)["prompt_cache_key"])
                    self.assertIn(response.header("x-cairn-session"), json.loads(body)["prompt_cache_key"])
                    agent.step()
                self.assertEqual(len(keys), 1)
                agent.settings = {"prompt_cache_key": "mine"}
                self.assertEqual(json.loads(stage.call(agent)[1])["prompt_cache_key"], "mine")

    def test_other_upstreams_get_no_cache_key(self):
        for provider in ("deepseek", "vllm"):
            with self.subTest(provider), Stage("--provider", provider) as stage:
                self.assertNotIn(b"prompt_cache_key", stage.call(Agent(dialects.CHAT, 34))[1])


class HeaderTests(StableScenario):
    def test_an_answer_tells_its_session_prefix_and_saving(self):
        with Stage("--provider", "openai") as stage:
            agent = Agent(dialects.CHAT, 41, model="gpt-5", pad=2000)
            for number in range(4):
                response, _ = stage.call(agent, stream=number % 2 == 1)
                self.assertRegex(response.header("x-cairn-session"), r"\A[0-9a-f]{32}\Z")
                self.assertRegex(response.header("x-cairn-prefix"), r"\A\d+/\d+(; new session)?\Z")
                self.assertRegex(response.header("x-cairn-saved-usd"), r"\A-?\d+(\.\d+)?\Z")
                agent.step()
            self.assertGreater(float(response.header("x-cairn-saved-usd")), 0)

    def test_a_model_without_a_price_says_nothing_of_dollars(self):
        with Stage() as stage:
            response, _ = stage.call(Agent(dialects.CHAT, 42, model="a-model-nobody-knows"))
            self.assertIsNotNone(response.header("x-cairn-session"))
            self.assertIsNone(response.header("x-cairn-saved-usd"))


class FailOpenTests(StableScenario):
    def test_what_is_no_request_goes_on_as_it_came(self):
        bodies = [b"", b"no json", b"[1,2]", b'{"messages":5}', b'{"messages":[{"role":"user"', b"\xff\xfe",
                  b'{"messages":[{"role":"user","content":"a"}],"messages":3}']
        with Stage() as stage:
            for dialect in dialects.ALL:
                for body in [*bodies, b"{" + b" " * (2 * MIB), b'{"model":"m","input":' + b'"' + b"x" * (2 * MIB)]:
                    with self.subTest(f"{dialect.name} {body[:30]}"):
                        self.assert_same_bytes(stage.send(dialect, body)[1], body, "an unreadable body")

    def test_bodies_of_more_than_a_megabyte(self):
        for dialect in dialects.ALL:
            with self.subTest(dialect.name), Stage() as stage:
                agent = Agent(dialect, 51, pad=700_000)
                before = []
                for _ in range(4):
                    prompt = without_marks(prompt_of(stage.call(agent)[1]))
                    self.assert_extends(before, prompt, "large")
                    before = prompt
                    agent.step()
                sent = agent.request()
                for mode in ("observe", "passthrough"):
                    _, body = stage.send(dialect, sent, headers=(("x-cairn-mode", mode),))
                    self.assert_same_bytes(body, sent, f"{mode}, {len(sent)} bytes")

    def test_a_body_of_64_megabytes(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 52, jitters=False)
            agent.step("y" * (60 * MIB))
            sent = agent.request()
            _, body = stage.send(dialects.CHAT, sent)
            self.assertEqual(prompt_of(body), prompt_of(sent))

    def assert_serves(self, stage, seed):
        """The gateway serves, and keeps the prompt stable as far as its memory goes."""
        agent = Agent(dialects.CHAT, seed)
        before = []
        for _ in range(4):
            prompt = prompt_of(stage.call(agent)[1])
            self.assert_extends(before, prompt, "without a store")
            before = prompt
            agent.step()

    def health(self, stage):
        return json.loads(stage.gateway.get("/health").body)["store"]

    def test_health_tells_of_a_store_that_works(self):
        with Stage() as stage:
            self.assert_serves(stage, 53)
            wait_until(lambda: self.health(stage)["queued_records"] == 0, 5, "all is written")
            self.assertGreater(self.health(stage)["file_bytes"], 0)
            self.assertEqual(self.health(stage)["state"], "ready")

    def test_a_read_only_home(self):
        home = fresh_directory()
        blocked = os.path.join(home, "file")
        with open(blocked, "w") as file:
            file.write("a file where the home should be")
        directory = os.path.join(home, "home")
        os.mkdir(directory)
        os.mkdir(os.path.join(directory, "cairn.db"))  # also stops root, whom modes do not
        os.chmod(directory, stat.S_IRUSR | stat.S_IXUSR)
        try:
            with Stage(home=directory) as stage:
                self.assert_serves(stage, 54)
                self.assertEqual(self.health(stage)["state"], "degraded")
                self.assertTrue(self.health(stage)["reason"])
        finally:
            os.chmod(directory, stat.S_IRWXU)

    def test_a_corrupt_store(self):
        with Stage() as stage:
            agent = Agent(dialects.CHAT, 55)
            before = prompt_of(stage.call(agent)[1])
            stage.gateway.kill()
            for name in os.listdir(stage.home):
                if name.startswith("cairn.db"):
                    with open(os.path.join(stage.home, name), "r+b") as file:
                        size = os.fstat(file.fileno()).st_size
                        file.write(os.urandom(min(size, 8192)))
            stage.start()
            self.assert_serves(stage, 56)
            agent.step()
            prompt = prompt_of(stage.call(agent)[1])
            self.assertEqual(len(prompt), len(before) + 2, "the conversation goes on, even if its spelling is lost")
            self.assertIn(self.health(stage)["state"], ("ready", "degraded"))

    def test_a_locked_store(self):
        with Stage() as stage:
            self.assert_serves(stage, 57)
            lock = sqlite3.connect(os.path.join(stage.home, "cairn.db"), isolation_level=None)
            try:
                lock.execute("BEGIN IMMEDIATE")
                self.assert_serves(stage, 58)
            finally:
                lock.close()

    def test_a_store_that_may_not_grow(self):
        limits = fresh_directory()
        path = os.path.join(limits, "limited")
        with open(path, "w") as file:
            file.write("#!/bin/sh\nulimit -f 400\nexec \"$CAIRN_REAL\" \"$@\"\n")
        os.chmod(path, 0o755)
        import harness
        real, harness.BINARY = harness.BINARY, path
        try:
            with Stage(CAIRN_REAL=real) as stage:
                agent = Agent(dialects.CHAT, 59, pad=20_000)
                before = []
                for _ in range(30):
                    agent.pad = os.urandom(10_000).hex()
                    agent.step()
                    prompt = prompt_of(stage.call(agent)[1])
                    self.assert_extends(before, prompt, "a full disk")
                    before = prompt
                wait_until(lambda: self.health(stage)["state"] == "degraded", 10, "health tells of the full disk")
        finally:
            harness.BINARY = real


class SecretTests(StableScenario):
    def test_no_key_is_in_the_home_or_the_log(self):
        keys = (KEY, "sk-an-upstream-key-of-the-operator")
        with Stage("--api-key", keys[1], "--log-level", "trace") as stage:
            for dialect in dialects.ALL:
                agent = Agent(dialect, 61)
                for _ in range(2):
                    stage.call(agent)
                    agent.step()
            stage.gateway.usage_lines(6)
            stage.gateway.signal(15)
            stage.gateway.wait_for_exit()
            searched = 0
            for folder, _, names in os.walk(stage.home):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        data = file.read()
                    searched += len(data)
                    self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)
                    for key in keys:
                        self.assertNotIn(key.encode(), data, path)
            self.assertGreater(searched, 10_000)
            for key in keys:
                self.assertNotIn(key, stage.gateway.log)


if __name__ == "__main__":
    unittest.main()
