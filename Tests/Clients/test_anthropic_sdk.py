"""The real `anthropic` library through the gateway to the practice provider: everything an agent uses of it."""
import asyncio
import json
import time
import unittest

import anthropic

from harness import Gateway, Practice, Scenario
from upstreams import RawUpstream, refused_port

MODEL = "claude-practice"
WEATHER = {"name": "get_weather", "description": "Wetter", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Zürich", "東京"]}}, "required": ["city"]}}
CALL = {"model": MODEL, "max_tokens": 2048, "messages": [{"role": "user", "content": "Grüße, 世界 🙂"}]}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def fault(name):
    return {"x-practice-fault": name}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


class WithGateway(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.practice = Practice()
        cls.gateway = Gateway(cls.practice.url)
        cls.client = cls.client_of(cls.gateway)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.gateway.stop()
        cls.practice.stop()

    @staticmethod
    def client_of(gateway, kind=anthropic.Anthropic, **options):
        return kind(**{
            "base_url": f"http://127.0.0.1:{gateway.port}", "api_key": "sk-ant-test", "max_retries": 0, "timeout": 20,
            **options})


class Messages(WithGateway):
    def test_a_message_is_answered_and_its_usage_is_recorded(self):
        message = self.client.messages.create(**CALL)

        self.assertIn("世界", text_of(message))
        self.assertEqual(message.stop_reason, "end_turn")
        line = self.gateway.usage_lines(1)[-1]
        self.assertEqual(line["usage"]["output_tokens"], message.usage.output_tokens)
        self.assertEqual((line["model"], line["dialect"]), (MODEL, "messages"))

    def test_a_stream_gives_the_same_text_and_usage(self):
        whole = self.client.messages.create(**CALL)
        with self.client.messages.stream(**CALL) as events:
            text = "".join(events.text_stream)
            final = events.get_final_message()

        self.assertEqual(text, text_of(whole))
        self.assertEqual(text_of(final), text)
        self.assertEqual(final.usage.output_tokens, whole.usage.output_tokens)

    def test_beta_headers_pass(self):
        self.practice.clear()
        self.client.beta.messages.create(**CALL, betas=["context-1m-2025-08-07"])

        entry = self.practice.wait_for(lambda entry: True)
        headers = {name.lower(): value for name, value in entry["headers"]}
        self.assertIn("context-1m-2025-08-07", headers["anthropic-beta"])
        self.assertRegex(headers["anthropic-version"], r"^\d{4}-\d\d-\d\d$")
        self.assertIn("sk-ant-test", headers.get("authorization", "") + headers.get("x-api-key", ""))

    def test_a_base_url_that_ends_in_anthropic_works(self):
        with self.client_of(self.gateway, base_url=f"http://127.0.0.1:{self.gateway.port}/anthropic") as client:
            self.assertTrue(text_of(client.messages.create(**CALL)))

    def test_thinking_comes_with_its_signature_and_may_be_sent_back(self):
        message = self.client.messages.create(**CALL, thinking=THINKING)
        thinking = [block for block in message.content if block.type == "thinking"]
        self.assertTrue(thinking and thinking[0].thinking and thinking[0].signature)

        with self.client.messages.stream(**CALL, thinking=THINKING) as events:
            kinds = [block.type for block in events.get_final_message().content]
        self.assertEqual(kinds, [block.type for block in message.content])

        again = self.client.messages.create(**{**CALL, "messages": [
            *CALL["messages"], {"role": "assistant", "content": message.content},
            {"role": "user", "content": "and then?"}]}, thinking=THINKING)
        self.assertTrue(text_of(again))

    def test_a_tool_is_called_and_its_result_is_answered(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                messages, calls = list(CALL["messages"]), 0
                for _ in range(6):
                    message = self.turn(messages, stream)
                    messages.append({"role": "assistant", "content": message.content})
                    uses = [block for block in message.content if block.type == "tool_use"]
                    if not uses:
                        break
                    calls += len(uses)
                    self.assertEqual(message.stop_reason, "tool_use")
                    for use in uses:
                        self.assertIn(use.input["city"], ("Zürich", "東京"))
                    messages.append({"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": use.id, "content": "12 °C"} for use in uses]})

                self.assertGreaterEqual(calls, 2)
                self.assertTrue(text_of(message))

    def turn(self, messages, stream):
        call = {**CALL, "messages": messages, "tools": [WEATHER]}
        if not stream:
            return self.client.messages.create(**call)
        with self.client.messages.stream(**call) as events:
            return events.get_final_message()

    def test_cache_control_is_billed_as_the_provider_reports(self):
        system = [{"type": "text", "text": "rule " * 3000, "cache_control": {"type": "ephemeral"}}]
        first = self.client.messages.create(**CALL, system=system)
        second = self.client.messages.create(**CALL, system=system)

        self.assertGreater(first.usage.cache_creation_input_tokens, 1000)
        self.assertGreater(second.usage.cache_read_input_tokens, 1000)

    def test_tokens_are_counted(self):
        call = {name: CALL[name] for name in ("model", "messages")}

        self.assertGreater(self.client.messages.count_tokens(**call).input_tokens, 0)

    def test_models_are_listed_and_retrieved(self):
        self.assertIn("practice", [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve("practice").id, "practice")


class Errors(WithGateway):
    def test_provider_errors_become_the_librarys_own_classes(self):
        with self.assertRaises(anthropic.RateLimitError) as caught:
            self.client.messages.create(**CALL, extra_headers=fault("rate-limit"))
        self.assertEqual(caught.exception.response.headers["retry-after"], "7")
        for name, status in (("server-error", 500), ("overloaded", 529)):
            with self.assertRaises(anthropic.APIStatusError) as caught:
                self.client.messages.create(**CALL, extra_headers=fault(name))
            self.assertEqual(caught.exception.status_code, status)
        with self.assertRaises(anthropic.NotFoundError):
            self.client.models.retrieve("no-such-model")
        with self.assertRaises(anthropic.BadRequestError):
            self.client.messages.create(**{**CALL, "messages": []})
        with self.client_of(self.gateway, api_key="sk-invalid") as client:
            with self.assertRaises(anthropic.AuthenticationError):
                client.messages.create(**CALL)

    def test_errors_of_the_gateway_become_the_librarys_own_classes(self):
        with self.assertRaises(anthropic.InternalServerError) as caught:
            self.client.messages.create(**CALL, extra_headers=fault("reset-before-first-byte"))
        self.assertEqual(caught.exception.status_code, 502)
        with self.assertRaises(anthropic.PermissionDeniedError) as caught:
            self.client.messages.create(**CALL, extra_headers={"Origin": "http://evil.example"})
        self.assertEqual(caught.exception.body["error"]["type"], "permission_error")
        with Gateway(f"http://127.0.0.1:{refused_port()}") as gateway, self.client_of(gateway) as client:
            with self.assertRaises(anthropic.InternalServerError) as caught:
                client.messages.create(**CALL)
        self.assertEqual(caught.exception.body["type"], "error")
        self.assertIn("refused", caught.exception.body["error"]["message"])

    def test_an_error_in_mid_stream_is_raised(self):
        for name in ("reset-mid-stream", "bad-chunking", "missing-done"):
            with self.subTest(fault=name), self.assertRaises(anthropic.APIStatusError) as caught:
                with self.client.messages.stream(**CALL, extra_headers=fault(name)) as events:
                    for _ in events:
                        pass
            self.assertEqual(caught.exception.body["error"]["type"], "api_error")

    def test_odd_streams_are_read_as_plain_ones(self):
        plain = text_of(self.client.messages.create(**CALL))
        for name in ("crlf-lines", "comment-lines", "split-utf8", "close-delimited", "gzip-response"):
            with self.subTest(fault=name):
                with self.client.messages.stream(**CALL, extra_headers=fault(name)) as events:
                    self.assertEqual("".join(events.text_stream), plain)

    def test_the_librarys_retries_reach_the_provider_once_each(self):
        failures = ["529 Overloaded", "429 Slow"]

        def handler(exchange):
            if failures:
                return exchange.answer(b'{"type":"error","error":{"type":"api_error","message":"m"}}',
                                       failures.pop(0), [("retry-after-ms", "10")])
            exchange.answer(json.dumps({
                "id": "msg", "type": "message", "role": "assistant", "model": MODEL, "content": [],
                "stop_reason": "end_turn", "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1}}).encode())

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway, \
                self.client_of(gateway, max_retries=2) as client:
            self.assertEqual(client.messages.create(**CALL).id, "msg")
            self.assertEqual([r.header("x-stainless-retry-count") for r in upstream.requests], ["0", "1", "2"])


class Concurrency(WithGateway):
    def test_fifty_async_streams_at_once_get_their_own_answers(self):
        async def all_calls():
            async with self.client_of(self.gateway, anthropic.AsyncAnthropic) as client:
                async def one(number):
                    call = {**CALL, "messages": [{"role": "user", "content": f"number <{number}>"}]}
                    async with client.messages.stream(**call) as events:
                        return "".join([text async for text in events.text_stream])
                return await asyncio.gather(*(one(number) for number in range(50)))

        for number, text in enumerate(asyncio.run(all_calls())):
            self.assertIn(f"number <{number}>", text)

    def test_a_stream_that_is_left_early_cancels_the_call(self):
        self.practice.clear()
        with self.client.messages.stream(**CALL, extra_headers={
                "x-practice-words": "500", "x-practice-tokens-per-second": "50"}) as events:
            for _ in events.text_stream:
                break

        self.practice.wait_for(lambda entry: entry["ended"] == "client_left", 2, "client_left")

    def test_text_arrives_while_the_provider_still_writes(self):
        with self.client.messages.stream(**CALL, extra_headers={
                "x-practice-words": "20", "x-practice-tokens-per-second": "50"}) as events:
            times = [time.monotonic() for _ in events.text_stream]

        self.assertGreater(times[-1] - times[0], 0.2)


if __name__ == "__main__":
    unittest.main()
