"""Mode full: a model asks for what was left out, Cairn answers inside the gateway, and the client sees one message."""
import json
import os
import re
import sqlite3
import time
import unittest

import agents
import dialects
import wire
from harness import MEMORY_FACTOR, MIB, Gateway, Scenario, fresh_directory, metric_sum, run
from jittering import prompt_of, without_marks
from scripted import INPUT_TOKENS, OUTPUT_TOKENS, PATHS, Broken, Held, Model, Refused, Writer, call, text, thought
from upstreams import wait_until

LINES = [f"value_{number} = compute_the_value_of({number}, scale={number * 7})" for number in range(60)]
OUTPUT = "\n".join(LINES)
TOOL = "cairn_expand"
CONFIG = ("upstreams:\n  - name: only\n    url: {url}\n    dialect: {dialect}\n    provider: {provider}\n")
MODEL = {"chat": "deepseek-v4-pro", "responses": "gpt-5.5-pro", "messages": "claude-sonnet-4-6"}


def handle_in(asked):
    """The handle of the newest marker in a prompt."""
    return re.findall(r"\[[=-]([0-9a-z]{4,}):", asked.text)[-1]


def ask(*parts, **more):
    """A step that asks for the newest marker's lines, after and before other parts."""
    return lambda asked: [*parts, call(TOOL, handle=handle_in(asked), **more)]


class Stage:
    """A model, a gateway in mode full, and an agent that has read the same file twice."""

    def __init__(self, kind, target, *script, stream=True, more="", mode="full"):
        self.model = Model([call("read_file", path="a.py")], [call("read_file", path="a.py")], *script)
        self.config = f"mode: {mode}\n{more}" + CONFIG.format(
            url=self.model.url, dialect=target, provider="generic")
        self.home = os.path.join(fresh_directory(), "home")
        self.gateway = Gateway(config=self.config, home=self.home)
        self.agent = kind(self.gateway, MODEL[target], stream=stream, thinking=False)
        self.agent.freeform = False
        self.agent.say("Look at a.py.")
        for _ in range(2):
            answer = self.agent.ask()
            self.agent.results(answer, [OUTPUT])

    def restart(self):
        self.gateway.stop()
        self.gateway = self.agent.gateway = Gateway(config=self.config, home=self.home)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.gateway.stop()
        self.model.__exit__()

    def prompts(self):
        return [without_marks(prompt_of(asked.raw)) for asked in self.model.asked]

    def prove(self):
        return run(["prove", "--home", self.home, "--all"])


class ExpandTool(Scenario):
    def each(self, *script, targets=("chat", "messages", "responses"), **options):
        for kind in agents.ALL:
            for target in targets:
                for stream in (True, False):
                    what = f"{kind.dialect} to {target}, stream {stream}"
                    with self.subTest(what), Stage(kind, target, *script, stream=stream, **options) as stage:
                        yield stage, what

    def assert_extends(self, before, after, what):
        for index, (one, other) in enumerate(zip(before, after)):
            self.assert_same_bytes(other.encode(), one.encode(), f"{what}, entry {index}")
        self.assertGreaterEqual(len(after), len(before), what)

    def assert_hidden(self, stage, what):
        """The client has never heard of a call of the tool. Responses repeat the tools they were asked with."""
        self.assertNotIn(TOOL, json.dumps(stage.agent.history), what)
        if stage.agent.dialect != "responses":
            self.assertNotIn(TOOL.encode(), stage.agent.response.body, what)

    def assert_proven(self, stage, what):
        result = stage.prove()
        self.assertEqual(result.returncode, 0, f"{what}: {result.stdout} {result.stderr}")

    # ------------------------------------------------------------ one message

    def test_the_model_gets_the_lines_and_the_client_one_message(self):
        script = [ask(text("Let me look."), lines="3-4"), [text("It is there."), call("search", pattern="x")],
                  [text("Found.")]]
        for stage, what in self.each(*script):
            answer = stage.agent.ask()

            self.assertEqual(re.sub(r"\s+", " ", answer.text).replace("look.It", "look. It"),
                             "Let me look. It is there.", what)
            self.assertEqual([name for _, name, _ in answer.calls], ["search"], what)
            self.assertEqual(answer.stop, "calls", what)
            self.assertEqual((answer.input_tokens, answer.output_tokens), (2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS), what)
            self.assert_hidden(stage, what)
            self.assertEqual(len(stage.model.asked), 4, what)
            self.assertEqual(stage.model.asked[3].results()[-1][1], "\n".join(LINES[2:4]) + "\n", what)
            self.assertEqual([asked.tool_names().count(TOOL) for asked in stage.model.asked], [1] * 4, what)

            # What the model was asked with stays in front of what follows, to the byte.
            stage.agent.results(answer, ["nothing"])
            stage.agent.ask()
            prompts = stage.prompts()
            for number, (before, after) in enumerate(zip(prompts, prompts[1:])):
                self.assert_extends(before, after, f"{what}, prompt {number + 1}")
            self.assertEqual(stage.model.asked[4].text.count("Let me look."), 1, what)
            self.assertEqual(stage.model.asked[4].text.count("It is there."), 1, what)
            stage.agent.say("Go on.")
            stage.agent.ask()
            self.assert_extends(stage.prompts()[4], stage.prompts()[5], f"{what}, prompt 5")
            self.assert_proven(stage, what)

    def test_beside_calls_of_its_own_the_client_answers_those(self):
        script = [lambda asked: [text("Both."), call(TOOL, handle=handle_in(asked), lines="1"),
                                 call("search", pattern="y")], [text("Thanks.")]]
        for stage, what in self.each(*script):
            answer = stage.agent.ask()

            self.assertEqual(answer.text, "Both.", what)
            self.assertEqual([name for _, name, _ in answer.calls], ["search"], what)
            self.assertEqual(len(stage.model.asked), 3, what)
            self.assert_hidden(stage, what)

            stage.agent.results(answer, ["found y"])
            stage.agent.ask()
            asked = stage.model.asked[3]
            self.assertEqual({result for _, result in asked.results()[-2:]}, {LINES[0] + "\n", "found y"}, what)
            self.assertEqual(asked.text.count("Both."), 1, what)
            self.assert_extends(stage.prompts()[2], stage.prompts()[3], what)
            stage.agent.say("Go on.")
            stage.agent.ask()
            self.assert_extends(stage.prompts()[3], stage.prompts()[4], what)
            self.assert_proven(stage, what)

    def test_the_hidden_turns_outlive_kill_9(self):
        script = [ask(text("Look."), lines="5"), [text("Seen."), call("search", pattern="z")], [text("Good.")]]
        for stage, what in self.each(*script, targets=("chat", "messages")):
            answer = stage.agent.ask()
            wait_until(lambda: len(stage.gateway.usage_lines(3)) >= 3, 5, "three calls")
            stage.restart()
            stage.agent.results(answer, ["none"])
            stage.agent.ask()
            self.assert_extends(stage.prompts()[3], stage.prompts()[4], what)
            stage.restart()
            stage.agent.say("And now?")
            stage.agent.ask()
            self.assert_extends(stage.prompts()[4], stage.prompts()[5], what)
            self.assert_proven(stage, what)

    def test_thoughts_stay_with_the_turn_they_belong_to(self):
        script = [ask(thought("where is it"), text("Hm."), lines="2"), [thought("there"), text("Here.")],
                  [text("Yes.")]]
        for stage, what in self.each(*script):
            stage.agent.ask()
            if stage.agent.dialect == stage.model.asked[3].dialect:
                self.assertIn("where is it", stage.model.asked[3].text, what)
            stage.agent.say("Sure?")
            stage.agent.ask()
            before, after = stage.prompts()[3:5]
            self.assert_extends(before, after, what)
            self.assert_hidden(stage, what)

    # ------------------------------------------------------------ limits and failures

    def test_after_four_rounds_the_model_is_told_to_go_on_and_then_the_message_ends(self):
        steps = [ask(text(f"{number}."), lines=str(number)) for number in range(1, 8)]
        for stage, what in self.each(*steps, targets=("chat",)):
            answer = stage.agent.ask()

            self.assertEqual(re.findall(r"\d", answer.text), list("123456"), what)
            self.assertEqual(answer.stop, "stop", what)
            results = [result for _, result in stage.model.asked[-1].results()[2:]]
            self.assertEqual(results[:4], [line + "\n" for line in LINES[:4]], what)
            self.assertIn("No more can be read", results[4], what)
            self.assertEqual(len(results), 5, what)
            self.assertEqual(len(stage.model.asked), 8, what)

    def test_an_unknown_handle_and_unreadable_arguments_are_told(self):
        for arguments, words in (({"handle": "zzzz"}, "no marker"), ({"name": 1}, "Give the handle"),
                                 ({"handle": "[=zzzz:3-9]"}, "no marker")):
            with self.subTest(arguments), Stage(
                    agents.ChatAgent, "chat", [call(TOOL, **arguments)], [text("Well.")]) as stage:
                self.assertEqual(stage.agent.ask().text, "Well.")
                self.assertIn(words, stage.model.asked[3].results()[-1][1])

    def test_a_handle_of_another_session_is_unknown(self):
        with Stage(agents.ChatAgent, "chat") as stage:
            stage.agent.ask()
            handle = handle_in(stage.model.asked[2])
            other = agents.ChatAgent(stage.gateway, stage.agent.model, thinking=False)
            stage.model.script = [[call(TOOL, handle=handle)], [text("Well.")]]
            other.say("Something else.")
            self.assertEqual(other.ask().text, "Well.")
            self.assertIn("no marker", stage.model.asked[-1].results()[-1][1])

    def test_a_refusal_of_the_second_call_is_told(self):
        refusal = Refused(429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}})
        for stage, what in self.each(ask(text("Look."), lines="1"), refusal, [text("Again.")]):
            response = stage.agent.post()

            self.assertEqual(response.status, 200 if stage.agent.stream else 429, what)
            last = wire.events_of(response.body)[-1].data if stage.agent.stream else response.body
            self.assertIn("slow down", str(last), what)
            self.assertIn("error", str(last), what)
            # The client asks again: a branch of its own, and nothing is lost.
            self.assertEqual(stage.agent.ask().text, "Again.", what)
            self.assert_extends(stage.prompts()[2], stage.prompts()[4], what)
            self.assert_proven(stage, what)

    def test_a_second_call_that_breaks_off_is_told(self):
        for stage, what in self.each(ask(text("Look."), lines="1"), Broken(text("Half of it")), targets=("chat",)):
            if not stage.agent.stream:
                continue
            response = stage.agent.post()
            dialect = next(one for one in dialects.ALL if one.name == stage.agent.dialect)
            self.assert_ends_with_error_event(dialect, response.body, what)

    def test_a_client_that_leaves_between_the_calls_ends_it(self):
        with Stage(agents.ChatAgent, "chat", ask(text("Look."), lines="1"), Held(), [text("Again.")]) as stage:
            body = json.dumps(stage.agent.body()).encode()
            with stage.gateway.connect() as client:
                client.send_request("POST", stage.agent.path, stage.agent.all_fields(), body)
                client.read_head()
                wait_until(lambda: len(stage.model.asked) == 4, 5, "the second call")
            wait_until(lambda: stage.model.left, 5, "the gateway to leave its upstream")
            outcomes = sorted(line["outcome"] for line in stage.gateway.usage_lines(3))
            self.assertEqual(outcomes, ["client_left", "ok", "ok"])
            self.assertEqual(stage.agent.ask().text, "Again.")

    def test_a_client_that_reads_slowly_holds_the_second_answer_back(self):
        long = [text("y" * 2000) for _ in range(4000)]
        with Stage(agents.ChatAgent, "chat", ask(text("Look."), lines="1"), long) as stage:
            body = json.dumps(stage.agent.body()).encode()
            before = stage.gateway.resident_bytes()
            with stage.gateway.connect(receive_bytes=4096) as client:
                client.send_request("POST", stage.agent.path, stage.agent.all_fields(), body)
                response = client.read_head()
                time.sleep(1.5)
                self.assertLess(stage.gateway.resident_bytes() - before, 24 * MIB * MEMORY_FACTOR)
                text_of = b"".join(client.body_pieces(response))
            self.assertEqual(text_of.count(b"y"), 8_000_000)
            self.assertIn(b"[DONE]", text_of)

    # ------------------------------------------------------------ what it costs

    def test_the_extra_call_is_charged(self):
        with Stage(agents.ChatAgent, "chat", ask(lines="1"), [text("So.")]) as stage:
            book = [("x-cairn-price-book", "openai")]
            stage.agent.ask(book)
            asked = stage.gateway.usage_of(stage.agent.response)
            stage.agent.say("Go on.")
            stage.agent.ask(book)
            alone = stage.gateway.usage_of(stage.agent.response)

            self.assertEqual((asked["own_calls"], alone.get("own_calls")), (1, None))
            self.assertEqual(asked["usage"]["prompt_tokens"], 2 * INPUT_TOKENS)
            self.assertAlmostEqual(asked["billed_usd"], 2 * alone["billed_usd"])
            with sqlite3.connect(f"file:{stage.home}/cairn.db?mode=ro", uri=True) as store:
                billed = [row[0] for row in store.execute("SELECT billed FROM calls ORDER BY number")]
            self.assertAlmostEqual(billed[2] / 1e9, asked["billed_usd"])
            # It speaks against the rule that left it out.
            self.assertEqual(metric_sum(stage.gateway.metrics(), "cairn_missed_parts_total", kind="expanded"), 1)

    # ------------------------------------------------------------ when it is offered

    def test_other_modes_a_switch_and_a_choice_leave_the_tools_alone(self):
        def names(stage):
            return {name for asked in stage.model.asked for name in asked.tool_names()}
        for kind in agents.ALL:
            for options in ({"mode": "stable"}, {"more": "expand_tool: off\n"}):
                with self.subTest(kind.dialect, **options), Stage(kind, kind.dialect, **options) as stage:
                    self.assertNotIn(TOOL, names(stage))
        with Model() as model, Gateway(config="mode: full\n" + CONFIG.format(
                url=model.url, dialect="chat", provider="generic")) as gateway:
            for choice in ("none", {"type": "function", "function": {"name": "a"}}):
                own = [{"type": "function", "function": {"name": "a", "parameters": {}}}]
                body = {"model": "m", "messages": [{"role": "user", "content": f"{choice}"}], "tools": own,
                        "tool_choice": choice}
                gateway.call(dialects.CHAT, body=json.dumps(body).encode())
                self.assertEqual(model.asked[-1].tool_names(), ["a"], choice)
            taken = [{"type": "function", "function": {"name": TOOL, "parameters": {}}}]
            body = {"model": "m", "messages": [{"role": "user", "content": "mine"}], "tools": taken}
            gateway.call(dialects.CHAT, body=json.dumps(body).encode())
            self.assertEqual(model.asked[-1].body["tools"], taken)
            body = {"model": "m", "messages": [{"role": "user", "content": "no tools"}]}
            gateway.call(dialects.CHAT, body=json.dumps(body).encode())
            self.assertNotIn("tools", model.asked[-1].body)

    def test_an_answer_that_does_not_ask_passes_byte_for_byte(self):
        odd = b": hello\n\nevent: of.tomorrow\ndata: {\"choices\" : [ ], \"n\":1.0}\n\n"
        for kind in agents.ALL:
            with self.subTest(kind.dialect), Stage(kind, kind.dialect) as stage:
                sent = []

                def speak(exchange):
                    says = Writer(PATHS[exchange.request.target], 9, [text("I will not cairn_expand it.")])
                    events = [odd, *says.stream()]
                    sent.append(b"".join(events))
                    exchange.stream(events)

                stage.model.upstream.handler = speak
                response = stage.agent.post()
                self.assert_same_bytes(response.body, sent[0], kind.dialect)


if __name__ == "__main__":
    unittest.main()
