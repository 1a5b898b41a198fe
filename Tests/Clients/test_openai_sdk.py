"""The real `openai` library through the gateway to the practice provider: everything an agent uses of it."""
import asyncio
import json
import threading
import time
import unittest

import httpx2
import openai

from harness import Gateway, Practice, Scenario
from upstreams import RawUpstream, refused_port

MODEL = "gpt-practice"
WEATHER = {
    "type": "function", "function": {
        "name": "get_weather", "description": "Wetter für eine Stadt", "parameters": {
            "type": "object", "properties": {"city": {"type": "string", "enum": ["Zürich", "東京"]}},
            "required": ["city"], "additionalProperties": False}}}
USER = [{"role": "user", "content": "Grüße, 世界 🙂"}]


def fault(name):
    return {"x-practice-fault": name}


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
    def client_of(gateway, kind=openai.OpenAI, **options):
        return kind(**{
            "base_url": f"http://127.0.0.1:{gateway.port}/v1", "api_key": "sk-test", "max_retries": 0, "timeout": 20,
            **options})


class Chat(WithGateway):
    def test_a_call_is_answered_and_its_usage_is_recorded(self):
        raw = self.client.chat.completions.with_raw_response.create(model=MODEL, messages=USER)
        completion = raw.parse()

        self.assertIn("世界", completion.choices[0].message.content)
        self.assertEqual(completion.choices[0].finish_reason, "stop")
        self.assertGreater(completion.usage.prompt_tokens, 0)
        line = self.gateway.usage_of(raw_response(raw))
        self.assertEqual(line["usage"]["total_tokens"], completion.usage.total_tokens)
        self.assertEqual((line["model"], line["dialect"]), (MODEL, "chat"))

    def test_the_second_same_prompt_reads_the_providers_cache(self):
        messages = [{"role": "system", "content": "rule " * 3000}, *USER]
        self.client.chat.completions.create(model=MODEL, messages=messages)
        usage = self.client.chat.completions.create(model=MODEL, messages=messages).usage

        self.assertGreater(usage.prompt_tokens_details.cached_tokens, 1000)

    def test_a_stream_gives_the_same_text_and_the_usage_at_its_end(self):
        text = self.client.chat.completions.create(model=MODEL, messages=USER).choices[0].message.content
        chunks = list(self.client.chat.completions.create(
            model=MODEL, messages=USER, stream=True, stream_options={"include_usage": True}))

        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), text)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
                         ["stop"])
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_a_tool_is_called_and_its_result_is_answered(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                messages, calls = list(USER), 0
                for _ in range(6):
                    message = self.turn(messages, stream)
                    messages.append(message)
                    if not message.get("tool_calls"):
                        break
                    for call in message["tool_calls"]:
                        calls += 1
                        self.assertEqual(call["function"]["name"], "get_weather")
                        self.assertIn(json.loads(call["function"]["arguments"])["city"], ("Zürich", "東京"))
                        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "12 °C"})

                self.assertGreaterEqual(calls, 2)
                self.assertTrue(messages[-1]["content"])

    def turn(self, messages, stream):
        if not stream:
            choice = self.client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0]
            return choice.message.model_dump(exclude_none=True)
        with self.client.chat.completions.stream(model=MODEL, messages=messages, tools=[WEATHER]) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
        calls = [{"id": call.id, "type": "function", "function": {
            "name": call.function.name, "arguments": call.function.arguments}} for call in message.tool_calls or []]
        return {"role": "assistant", "content": message.content, **({"tool_calls": calls} if calls else {})}

    def test_unknown_parameters_and_headers_pass(self):
        self.practice.clear()
        self.client.chat.completions.create(
            model=MODEL, messages=USER, extra_body={"x_odd": [1.0, None]}, extra_headers={"X-Odd": "a b"},
            extra_query={"api-version": "7"})

        entry = self.practice.wait_for(lambda entry: True)
        self.assertIn("api-version=7", entry["query"])
        self.assertIn(["X-Odd", "a b"], [[n if n.lower() != "x-odd" else "X-Odd", v] for n, v in entry["headers"]])
        self.assertEqual(json.loads(entry["body"])["x_odd"], [1.0, None])
        self.assertIn("Bearer sk-test", [value for _, value in entry["headers"]])


class Responses(WithGateway):
    def test_a_response_is_answered(self):
        response = self.client.responses.create(model=MODEL, input="Grüße")

        self.assertIn("Grüße", response.output_text)
        self.assertEqual(response.status, "completed")
        self.assertGreater(response.usage.output_tokens, 0)

    def test_a_stream_ends_in_the_whole_response(self):
        with self.client.responses.stream(model=MODEL, input="Grüße") as events:
            deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            final = events.get_final_response()

        self.assertEqual(final.output_text, deltas)
        self.assertGreater(final.usage.total_tokens, 0)

    def test_a_tool_is_called_and_its_result_is_answered(self):
        tool = {"type": "function", **WEATHER["function"], "strict": False}
        items = [{"role": "user", "content": "weather?"}]
        calls = 0
        for _ in range(6):
            response = self.client.responses.create(model=MODEL, input=items, tools=[tool])
            found = [item for item in response.output if item.type == "function_call"]
            items += [item.model_dump(exclude_none=True) for item in response.output]
            items += [{"type": "function_call_output", "call_id": call.call_id, "output": "12 °C"} for call in found]
            calls += len(found)
            if not found:
                break

        self.assertGreaterEqual(calls, 2)
        self.assertTrue(response.output_text)


class Lists(WithGateway):
    def test_models_are_listed_and_retrieved(self):
        names = [model.id for model in self.client.models.list()]

        self.assertIn("practice", names)
        self.assertEqual(self.client.models.retrieve("practice").id, "practice")

    def test_embeddings_come_as_numbers(self):
        vectors = self.client.embeddings.create(model="text-embedding-practice", input=["a", "b"])

        self.assertEqual(len(vectors.data), 2)
        self.assertIsInstance(vectors.data[0].embedding[0], float)

    def test_a_base_url_without_v1_works(self):
        with self.client_of(self.gateway, base_url=f"http://127.0.0.1:{self.gateway.port}") as client:
            self.assertTrue(client.chat.completions.create(model=MODEL, messages=USER).choices)
            self.assertTrue(client.responses.create(model=MODEL, input="x").output_text)
            self.assertTrue(client.models.list().data)


class Errors(WithGateway):
    def chat(self, client=None, **options):
        return (client or self.client).chat.completions.create(model=MODEL, messages=USER, **options)

    def test_provider_errors_become_the_librarys_own_classes(self):
        with self.assertRaises(openai.RateLimitError) as caught:
            self.chat(extra_headers=fault("rate-limit"))
        self.assertEqual(caught.exception.response.headers["retry-after"], "7")
        self.assertTrue(caught.exception.response.headers["x-cairn-call"])
        with self.assertRaises(openai.InternalServerError) as caught:
            self.chat(extra_headers=fault("server-error"))
        self.assertEqual(caught.exception.status_code, 500)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("no-such-model")
        with self.assertRaises(openai.BadRequestError):
            self.client.chat.completions.create(model=MODEL, messages=[])
        with self.client_of(self.gateway, api_key="sk-invalid") as client:
            with self.assertRaises(openai.AuthenticationError):
                self.chat(client)

    def test_errors_of_the_gateway_become_the_librarys_own_classes(self):
        with self.assertRaises(openai.InternalServerError) as caught:
            self.chat(extra_headers=fault("reset-before-first-byte"))
        self.assertEqual((caught.exception.status_code, caught.exception.code), (502, "upstream_reset"))
        with self.client_of(self.gateway, base_url=f"http://127.0.0.1:{self.gateway.port}/nope") as client:
            with self.assertRaises(openai.NotFoundError):
                self.chat(client)
        with self.assertRaises(openai.PermissionDeniedError) as caught:
            self.chat(extra_headers={"Origin": "http://evil.example"})
        self.assertEqual(caught.exception.code, "foreign_origin")
        with Gateway(f"http://127.0.0.1:{refused_port()}") as gateway, self.client_of(gateway) as client:
            for call in (self.chat, lambda c: c.responses.create(model=MODEL, input="x")):
                with self.assertRaises(openai.InternalServerError) as caught:
                    call(client)
                self.assertEqual(caught.exception.code, "upstream_refused")
                self.assertIn("refused", caught.exception.message)

    def test_a_body_above_the_limit_is_a_status_error(self):
        with self.assertRaises((openai.APIStatusError, openai.APIConnectionError)) as caught:
            self.client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "x" * (65 << 20)}])
        if isinstance(caught.exception, openai.APIStatusError):
            self.assertEqual(caught.exception.status_code, 413)

    def test_an_error_in_mid_stream_is_raised(self):
        for call in (
            lambda: self.chat(stream=True, extra_headers=fault("reset-mid-stream")),
            lambda: self.client.responses.create(
                model=MODEL, input="x", stream=True, extra_headers=fault("reset-mid-stream")),
        ):
            with self.assertRaises(openai.APIError):
                events = list(call())
                if getattr(events[-1], "type", "") == "error":
                    raise openai.APIError(events[-1].message, httpx2.Request("POST", "http://x"), body=None)

    def test_a_gateway_that_is_gone_is_a_connection_error(self):
        with Gateway(self.practice.url) as gateway, self.client_of(gateway) as client:
            self.chat(client)
            gateway.stop()
            with self.assertRaises(openai.APIConnectionError):
                self.chat(client)

    def test_the_librarys_retries_reach_the_provider_once_each(self):
        failures = ["429 Slow", "500 Oh", "503 Busy"]

        def handler(exchange):
            if failures:
                return exchange.answer(b'{"error":{"message":"m"}}', failures.pop(0), [("retry-after-ms", "10")])
            exchange.answer(b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[]}')

        with RawUpstream(handler) as upstream, Gateway(upstream.url) as gateway, \
                self.client_of(gateway, max_retries=3) as client:
            self.assertEqual(self.chat(client).id, "c")
            self.assertEqual([r.header("x-stainless-retry-count") for r in upstream.requests], ["0", "1", "2", "3"])

    def test_a_timeout_of_the_client_cancels_the_call(self):
        self.practice.clear()
        with self.assertRaises(openai.APITimeoutError):
            self.chat(timeout=0.3, extra_headers={"x-practice-latency-ms": "5000"})

        self.practice.wait_for(lambda entry: entry["ended"] == "client_left", 2, "client_left")


class Concurrency(WithGateway):
    def test_fifty_async_calls_at_once_get_their_own_answers(self):
        async def all_calls():
            async with self.client_of(self.gateway, openai.AsyncOpenAI) as client:
                async def one(number):
                    messages = [{"role": "user", "content": f"number <{number}>"}]
                    if number % 2:
                        completion = await client.chat.completions.create(model=MODEL, messages=messages)
                        return completion.choices[0].message.content
                    stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
                    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
                return await asyncio.gather(*(one(number) for number in range(50)))

        for number, text in enumerate(asyncio.run(all_calls())):
            self.assertIn(f"number <{number}>", text)

    def test_a_stream_that_is_closed_early_cancels_the_call(self):
        self.practice.clear()
        stream = self.client.chat.completions.create(model=MODEL, messages=USER, stream=True, extra_headers={
            "x-practice-words": "500", "x-practice-tokens-per-second": "50"})
        next(iter(stream))
        stream.close()

        self.practice.wait_for(lambda entry: entry["ended"] == "client_left", 2, "client_left")

    def test_an_async_task_that_is_cancelled_cancels_the_call(self):
        async def cancelled():
            async with self.client_of(self.gateway, openai.AsyncOpenAI) as client:
                task = asyncio.create_task(client.responses.create(
                    model=MODEL, input="x", extra_headers={"x-practice-latency-ms": "5000"}))
                await asyncio.sleep(0.3)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task

        self.practice.clear()
        asyncio.run(cancelled())
        self.practice.wait_for(lambda entry: entry["ended"] == "client_left", 2, "client_left")

    def test_threads_share_one_client(self):
        texts = []
        threads = [threading.Thread(target=lambda: texts.append(self.client.chat.completions.create(
            model=MODEL, messages=USER).choices[0].message.content)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        self.assertEqual(len(texts), 16)

    def test_chunks_arrive_while_the_provider_still_writes(self):
        stream = self.client.chat.completions.create(model=MODEL, messages=USER, stream=True, extra_headers={
            "x-practice-words": "20", "x-practice-tokens-per-second": "50"})
        times = [time.monotonic() for _ in stream]

        self.assertGreater(times[-1] - times[0], 0.2)


def raw_response(raw):
    """The SDK's raw response, seen as `usage_of` wants it."""
    class Seen:
        @staticmethod
        def header(name):
            return raw.headers[name]
    return Seen


if __name__ == "__main__":
    unittest.main()
