"""Calls of one dialect to an upstream of another: what the client gets is what a native provider would have told, in
streams and whole, with tools, images, thoughts and errors; and nobody's key or header goes where it should not."""
import json
import re
import threading
import time
import unittest

import agents
import dialects
import wire
from harness import Gateway, Practice, Program, Scenario, metric_sum, run
from upstreams import RawUpstream, wait_until

MODELS = {"chat": "deepseek-v4-pro", "responses": "gpt-5.5-pro", "messages": "claude-sonnet-4-6"}
DIALECTS = {dialect.name: dialect for dialect in dialects.ALL}
CONFIG = "upstreams:\n  - name: only\n    url: {url}\n    dialect: {dialect}\n    provider: {provider}\n{more}"


def gateway_to(url, dialect, provider="generic", more=""):
    return Gateway(config=CONFIG.format(url=url, dialect=dialect, provider=provider, more=more))


def pairs():
    """(agent, dialect of the upstream) for all six translations."""
    return [(agent, target) for target in MODELS for agent in agents.ALL if agent.dialect != target]


class Pairs(Scenario):
    """Practice providers of one dialect each, with a gateway before each."""

    @classmethod
    def setUpClass(cls):
        cls.practices = {target: Practice("--dialect", target) for target in MODELS}
        cls.gateways = {target: gateway_to(cls.practices[target].url, target) for target in MODELS}

    @classmethod
    def tearDownClass(cls):
        for program in [*cls.gateways.values(), *cls.practices.values()]:
            program.stop()

    def agent(self, kind, target, **options):
        agent = kind(self.gateways[target], MODELS[target], **options)
        agent.freeform = False
        return agent

    def each(self, **options):
        for kind, target in pairs():
            for stream in (True, False):
                with self.subTest(client=kind.dialect, upstream=target, stream=stream):
                    yield self.agent(kind, target, stream=stream, **options), target, stream

    def test_an_answer_says_what_a_native_one_says(self):
        for agent, target, stream in self.each(tools=False):
            native = next(kind for kind in agents.ALL if kind.dialect == target)(
                self.gateways[target], MODELS[target], stream=stream, tools=False)
            for one in (agent, native):
                one.say("Explain the gateway 你好 🙂 \"quoted\" \\ back")
            answer, told = agent.ask(), native.ask()

            self.assertEqual(answer.text, told.text)
            self.assertTrue(answer.text)
            self.assertEqual(answer.stop, told.stop)
            self.assertEqual(bool(answer.reasoning), bool(told.reasoning))
            self.assertEqual(answer.model, MODELS[target])
            self.assertEqual(answer.output_tokens, told.output_tokens)
            self.assertTrue(agent.response.header("x-cairn-call"))
            own = "request-id" if agent.dialect == "messages" else "x-request-id"
            self.assertTrue(agent.response.header(own), "its library shows the id under this name")

    def test_tools_are_called_alone_and_in_parallel_and_their_results_go_back(self):
        for agent, target, stream in self.each():
            agent.say("Look into the project", image=True)
            counts = []
            for _ in range(6):
                answer = agent.ask()
                counts.append(len(answer.calls))
                if not answer.calls:
                    break
                self.assertEqual(answer.stop, "calls")
                for _, name, arguments in answer.calls:
                    self.assertIn(name, [tool[0] for tool in agents.TOOLS])
                    self.assertIsInstance(json.loads(arguments), dict)
                texts = [f"result of {name} é" for _, name, _ in answer.calls]
                agent.results(answer, texts, failed=(0,))

            self.assertEqual(counts[:2], [1, 2], "one call, then two in parallel")
            self.assertEqual(answer.stop, "stop")
            self.assertTrue(answer.text)

    def test_an_image_reaches_the_upstream(self):
        for agent, target, stream in self.each(tools=False):
            agent.say("What is this?", image=True)
            agent.ask()

            body = self.practices[target].requests()[-1]["body"]
            self.assertIn(agents.PNG, body)
            self.assertIn({"chat": '"image_url"', "responses": '"input_image"', "messages": '"base64"'}[target], body)

    def test_an_answer_that_is_cut_says_so(self):
        for agent, target, stream in self.each(tools=False, thinking=False):
            agent.say("Explain at length")
            agent.headers.append(("x-practice-words", "400"))
            limit = {"chat": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}[agent.dialect]
            body = agent.body
            agent.body = lambda: body() | {limit: 20}

            self.assertEqual(agent.ask().stop, "length")

    def test_errors_before_the_answer_keep_status_and_retry_after(self):
        for fault, status, word in (("rate-limit", 429, "rate"), ("server-error", 500, "error")):
            for agent, target, stream in self.each():
                agent.say("Hello")
                response = agent.post([("x-practice-fault", fault)])

                self.assert_envelope(DIALECTS[agent.dialect], response, (status,), fault) \
                    if agent.dialect == "messages" else self.assertIn("error", json.loads(response.body))
                self.assertEqual(response.status, status)
                self.assertIn(word, response.body.decode().lower())
                if fault == "rate-limit":
                    self.assertEqual(response.header("retry-after"), "7")
                self.assertTrue(response.header("x-cairn-call"))

    def test_a_stream_that_breaks_ends_with_an_error_event(self):
        for fault in ("reset-mid-stream", "missing-done", "truncated-json"):
            for kind, target in pairs():
                if fault == "missing-done" and target == "chat":
                    continue  # a finish_reason came: the answer is whole
                with self.subTest(client=kind.dialect, upstream=target, fault=fault):
                    agent = self.agent(kind, target, tools=False)
                    agent.say("Hello")
                    response = agent.post([("x-practice-fault", fault), ("x-practice-words", "200")])

                    self.assertEqual(response.status, 200)
                    self.assert_ends_with_error_event(DIALECTS[kind.dialect], response.body, fault)
                    outcome = self.gateways[target].usage_of(response)["outcome"]
                    self.assertEqual(outcome, "upstream_error")

    def test_streams_of_any_spelling_are_read(self):
        for fault in ("crlf-lines", "comment-lines", "split-utf8", "close-delimited", "gzip-response"):
            for kind, target in pairs():
                with self.subTest(client=kind.dialect, upstream=target, fault=fault):
                    plain, odd = (self.agent(kind, target, tools=False) for _ in range(2))
                    odd.headers.append(("x-practice-fault", fault))
                    for agent in (plain, odd):
                        agent.say("Grüße 你好 🙂")

                    self.assertEqual(odd.ask().content, plain.ask().content)

    def test_whole_answers_may_be_encoded(self):
        for kind, target in pairs():
            with self.subTest(client=kind.dialect, upstream=target):
                agent = self.agent(kind, target, stream=False, headers=[("x-practice-fault", "gzip-response")])
                agent.say("Hello")

                self.assertTrue(agent.ask().calls)

    def test_a_body_that_is_none_is_refused_with_its_place(self):
        for kind, target in pairs():
            agent = self.agent(kind, target)
            field = "input" if kind.dialect == "responses" else "messages"
            number = b'{"model":"m","%s":5}' % field.encode()
            for body, place in ((b"{", b"JSON"), (b"[]", b""), (number, field.encode())):
                with self.subTest(client=kind.dialect, upstream=target, body=body):
                    before = len(self.practices[target].requests())
                    with self.gateways[target].connect() as client:
                        response = client.exchange("POST", kind.path, agent.fields(), body)

                    self.assert_envelope(DIALECTS[kind.dialect], response, (400,))
                    self.assertIn(place, response.body)
                    self.assertEqual(len(self.practices[target].requests()), before)
            metrics = self.gateways[target].metrics()
            self.assertGreaterEqual(metric_sum(metrics, "cairn_refusals_total", reason="bad_request"), 3)

    def test_what_has_no_counterpart_is_told(self):
        agent = self.agent(agents.ChatAgent, "messages", tools=False, thinking=False)
        agent.say("Hello")
        body = agent.body()
        agent.body = lambda: body | {"logit_bias": {"50256": -100}, "x_future": 1}
        agent.ask()

        told = agent.response.header("x-cairn-dropped")
        self.assertIn("logit_bias;no-counterpart", told)
        self.assertIn("x_future;unknown", told)
        record = self.gateways["messages"].usage_of(agent.response)
        self.assertEqual(record["rewritten"]["dialect"], "messages")
        self.assertEqual(record["rewritten"]["dropped"]["x_future;unknown"], 1)
        metrics = self.gateways["messages"].metrics()
        self.assertGreaterEqual(metric_sum(metrics, "cairn_dropped_members_total", reason="unknown"), 1)

    def test_usage_is_recorded_even_if_the_client_does_not_ask(self):
        agent = self.agent(agents.ChatAgent, "messages", tools=False)
        agent.say("Hello")
        body = agent.body()
        del body["stream_options"]
        agent.body = lambda: body
        response = agent.post()

        self.assertNotIn(b'"usage":{', response.body)
        self.assertGreater(self.gateways["messages"].usage_of(response)["usage"]["prompt_tokens"], 5)

    def test_a_large_request_is_translated_away_from_the_loop(self):
        for kind, target in pairs():
            with self.subTest(client=kind.dialect, upstream=target):
                agent = self.agent(kind, target, tools=False, thinking=False)
                agent.say("word " * 600_000)
                answer = agent.ask()

                self.assertGreater(answer.input_tokens, 700_000)

    def test_an_encoded_request_is_translated(self):
        import gzip
        agent = self.agent(agents.MessagesAgent, "chat", tools=False)
        agent.say("Hello")
        with self.gateways["chat"].connect() as client:
            response = client.exchange("POST", agent.path, [*agent.fields(), ("content-encoding", "gzip")],
                                       gzip.compress(json.dumps(agent.body()).encode()))

        self.assertTrue(agent.read(response).text)
        sent = self.practices["chat"].requests()[-1]
        self.assertNotIn("content-encoding", [name.lower() for name, _ in sent["headers"]])


class Heads(Scenario):
    """What of a client's header reaches an upstream of another dialect."""

    def sent(self, kind, target, key="", headers=(), model="m"):
        """The header fields of the upstream's request, by lower-case name."""
        with Practice("--dialect", target) as practice, \
                gateway_to(practice.url, target, more=f"    api_key: {key}\n" if key else "") as gateway:
            agent = kind(gateway, model, tools=False, headers=headers)
            agent.say("Hello")
            agent.ask()
            request = practice.requests()[-1]
            self.path = request["path"]
            return {name.lower(): value for name, value in request["headers"]}

    def test_the_client_key_takes_the_form_of_the_upstream(self):
        to_chat = self.sent(agents.MessagesAgent, "chat")
        to_messages = self.sent(agents.ChatAgent, "messages")

        self.assertEqual(to_chat["authorization"], "Bearer sk-client")
        self.assertNotIn("x-api-key", to_chat)
        self.assertEqual(to_messages["x-api-key"], "sk-client")
        self.assertNotIn("authorization", to_messages)

    def test_a_key_of_the_settings_replaces_it(self):
        for kind, target in pairs():
            with self.subTest(client=kind.dialect, upstream=target):
                head = self.sent(kind, target, key="UPSTREAM")

                self.assertNotIn("sk-client", json.dumps(head))
                self.assertIn("UPSTREAM", head["x-api-key" if target == "messages" else "authorization"])

    def test_fields_of_one_vendor_stay_here(self):
        to_chat = self.sent(agents.MessagesAgent, "chat", headers=[("cookie", "a=b"), ("x-cairn-mode", "full"),
                                                                  ("x-keep", "1")])
        to_messages = self.sent(agents.ResponsesAgent, "messages", headers=[("openai-organization", "org")])

        for name in to_chat:
            self.assertFalse(name.startswith(("anthropic-", "x-cairn-", "cookie", "x-app")), name)
        self.assertEqual(to_chat["x-keep"], "1")
        self.assertEqual(to_messages["anthropic-version"], "2023-06-01")
        for name in ("openai-organization", "originator", "session-id"):
            self.assertNotIn(name, to_messages)
        self.assertEqual(to_chat["content-type"], "application/json")

    def test_the_path_is_that_of_the_dialect(self):
        for kind, target in pairs():
            with self.subTest(client=kind.dialect, upstream=target):
                self.sent(kind, target)
                self.assertEqual(self.path, DIALECTS[target].path)


class Streaming(Scenario):
    """Streams leave as they are translated, whatever either side does."""

    CHUNK = dialects.CHAT.stream[2]

    def test_the_first_byte_is_not_held_back(self):
        for kind, target in pairs():
            release = threading.Event()

            def handler(exchange):
                exchange.start_stream()
                events = DIALECTS[target].stream
                for event in events[:5]:
                    exchange.chunk(event)
                release.wait(10)
                for event in events[5:]:
                    exchange.chunk(event)
                exchange.end_stream()

            with self.subTest(client=kind.dialect, upstream=target), RawUpstream(handler) as upstream, \
                    gateway_to(upstream.url, target) as gateway, gateway.connect(timeout=10) as client:
                agent = kind(gateway, MODELS[target], tools=False)
                agent.say("Hello")
                client.send_request("POST", kind.path, agent.all_fields(), json.dumps(agent.body()).encode())
                response = client.read_head()
                came = b""
                for piece in client.body_pieces(response):
                    came += piece
                    if "Wört 0".encode() in came or b"W\\u00f6rt 0" in came:
                        release.set()
                self.assertTrue(release.is_set(), "the first text came only with the last")
                self.assertIn("Wört 11", json.dumps(came.decode(), ensure_ascii=False))

    def test_a_client_that_leaves_ends_the_upstream_stream(self):
        with Practice("--dialect", "chat", "--tokens-per-second", "20") as practice, \
                gateway_to(practice.url, "chat") as gateway:
            agent = agents.MessagesAgent(gateway, "m", tools=False, headers=[("x-practice-words", "2000")])
            agent.say("Hello")
            with gateway.connect() as client:
                client.send_request("POST", agent.path, agent.all_fields(), json.dumps(agent.body()).encode())
                client.read_head()
            practice.wait_for(lambda entry: entry["ended"] == "client_left", what="the end of the upstream stream")
            self.assertEqual(gateway.usage_lines(1)[0]["outcome"], "client_left")

    def test_a_slow_reader_loses_nothing_and_holds_little(self):
        words = 40_000
        with Practice("--dialect", "chat") as practice, gateway_to(practice.url, "chat") as gateway:
            agent = agents.MessagesAgent(gateway, "m", tools=False, thinking=False,
                                         headers=[("x-practice-words", str(words))])
            agent.say("Hello")
            body = agent.body() | {"max_tokens": 10 * words}
            agent.body = lambda: body
            before = gateway.resident_bytes()
            with gateway.connect(receive_bytes=4096, timeout=60) as client:
                client.send_request("POST", agent.path, agent.all_fields(), json.dumps(agent.body()).encode())
                response = client.read_head()
                time.sleep(1.5)
                self.assertLess(gateway.resident_bytes() - before, 24 << 20)
                body = b"".join(client.body_pieces(response))
            texts = re.findall(rb'"text_delta","text":"((?:[^"\\]|\\.)*)"', body)
            self.assertEqual(len(b"".join(texts).split()), words)
            self.assertTrue(body.rstrip().endswith(b'{"type":"message_stop"}'))

    def test_a_whole_answer_beyond_the_limit_is_an_error_and_a_stream_of_that_size_is_none(self):
        large = "x" * (10 << 20)

        def handler(exchange):
            document = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": large}, "finish_reason": "stop"}]}
            if b'"stream":true' in exchange.request.body.replace(b" ", b""):
                exchange.start_stream()
                for start in range(0, len(large), 1 << 20):
                    exchange.chunk(b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
                                   b'"choices":[{"index":0,"delta":{"content":"' + b"x" * (1 << 20) + b'"}}]}\n\n')
                exchange.chunk(b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
                               b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
                exchange.end_stream()
            else:
                exchange.answer(json.dumps(document).encode())

        with RawUpstream(handler) as upstream, gateway_to(upstream.url, "chat") as gateway:
            for kind in (agents.MessagesAgent, agents.ResponsesAgent):
                whole = kind(gateway, "m", tools=False, stream=False)
                stream = kind(gateway, "m", tools=False)
                for agent in (whole, stream):
                    agent.say("Hello")

                self.assert_envelope(DIALECTS[kind.dialect], whole.post(), (502,))
                if kind is agents.MessagesAgent:
                    self.assertEqual(len(stream.ask().text), len(large))

    def test_an_upstream_that_answers_no_api_is_502(self):
        def handler(exchange):
            exchange.answer(b"<html>welcome</html>", content_type="text/html")

        with RawUpstream(handler) as upstream, gateway_to(upstream.url, "chat") as gateway:
            for kind in (agents.MessagesAgent, agents.ResponsesAgent):
                agent = kind(gateway, "m", tools=False, stream=False)
                agent.say("Hello")
                response = agent.post()

                self.assert_envelope(DIALECTS[kind.dialect], response, (502,))
                self.assertNotIn(b"welcome", response.body)


class Renaming(Scenario):
    """The model map in the client's own dialect: the upstream sees its own name, the client the name it asked for."""

    MAP = "    model_map:\n      mine: deepseek-v4-pro\n"

    def test_requests_and_answers_carry_the_right_names_and_nothing_else_changes(self):
        for target, kind in ((kind.dialect, kind) for kind in agents.ALL):
            for stream in (True, False):
                with self.subTest(dialect=target, stream=stream), Practice("--dialect", target) as practice, \
                        gateway_to(practice.url, target, more=self.MAP) as gateway:
                    agent = kind(gateway, "mine", stream=stream, tools=False)
                    agent.say("Hello 你好")
                    sent = json.dumps(agent.body()).encode()
                    answer = agent.ask()

                    self.assertEqual(answer.model, "mine")
                    self.assertNotIn(b"deepseek-v4-pro", agent.response.body)
                    got = practice.requests()[-1]["body"].encode()
                    self.assert_same_bytes(got, sent.replace(b'"mine"', b'"deepseek-v4-pro"'), "the request")
                    self.assertEqual(gateway.usage_of(agent.response)["rewritten"]["model"], "deepseek-v4-pro")

    def test_a_client_that_asks_for_passthrough_gets_it(self):
        with Practice() as practice, gateway_to(practice.url, "chat", more=self.MAP) as gateway:
            agent = agents.ChatAgent(gateway, "mine", tools=False, headers=[("x-cairn-mode", "passthrough")])
            agent.say("Hello")
            sent = json.dumps(agent.body()).encode()
            agent.ask()

            self.assert_same_bytes(practice.requests()[-1]["body"].encode(), sent, "the request")

    def test_a_mode_that_there_is_not_is_refused(self):
        with Practice() as practice, Gateway(practice.url) as gateway:
            for dialect in dialects.ALL:
                response = gateway.call(dialect, headers=[("x-cairn-mode", "turbo")])

                self.assert_envelope(dialect, response, (400,))
                self.assertIn(b"x-cairn-mode", response.body)
            self.assertEqual(practice.requests(), [])


class KeptResponses(Scenario):
    """previous_response_id, store and the routes of responses at an upstream that has none of them."""

    @classmethod
    def setUpClass(cls):
        cls.practice = Practice("--dialect", "chat")
        cls.gateway = gateway_to(cls.practice.url, "chat")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.practice.stop()

    def post(self, key="sk-1", **body):
        with self.gateway.connect() as client:
            response = client.exchange(
                "POST", "/v1/responses", [("Authorization", f"Bearer {key}"), ("content-type", "application/json")],
                json.dumps({"model": "deepseek-v4-pro", **body}).encode())
        if body.get("stream") and response.status == 200:
            return response, json.loads(wire.events_of(response.body)[-1].data)["response"]
        return response, json.loads(response.body)

    def get(self, target, key="sk-1", method="GET"):
        response = self.gateway.get(target, [("Authorization", f"Bearer {key}")], method=method)
        return response.status, json.loads(response.body)

    def test_a_conversation_goes_on_from_the_response_before(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                _, first = self.post(input="The first question", stream=stream)
                _, second = self.post(input="The second", previous_response_id=first["id"], stream=stream)
                _, third = self.post(input="The third", previous_response_id=second["id"], stream=stream)

                self.assertEqual(third["previous_response_id"], second["id"])
                sent = json.loads(self.practice.requests()[-1]["body"])["messages"]
                self.assertEqual([m["role"] for m in sent], ["user", "assistant"] * 2 + ["user"])
                self.assertIn("The first question", json.dumps(sent[0]))
                self.assertIn("The third", json.dumps(sent[4]))

    def test_a_conversation_may_branch_and_use_tools(self):
        tools = [{"type": "function", "name": n, "parameters": p} for n, _, p in agents.TOOLS]
        _, first = self.post(input="Look", tools=tools)
        calls = [item for item in first["output"] if item["type"] == "function_call"]
        results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "found"} for call in calls]
        one, _ = self.post(input=results, previous_response_id=first["id"], tools=tools)
        other, _ = self.post(input=results, previous_response_id=first["id"], tools=tools)

        self.assertTrue(calls)
        self.assertEqual((one.status, other.status), (200, 200))

    def test_a_response_is_shown_listed_and_deleted(self):
        _, first = self.post(input="The first")
        _, made = self.post(input=[{"role": "user", "content": "The second"}], previous_response_id=first["id"])

        self.assertEqual(self.get(f"/v1/responses/{made['id']}"), (200, made))
        status, page = self.get(f"/v1/responses/{made['id']}/input_items?order=asc")
        self.assertEqual(status, 200)
        self.assertEqual([item["type"] for item in page["data"]][0], "message")
        self.assertIn("The second", json.dumps(page["data"][-1]))
        self.assertTrue(all(item["id"] for item in page["data"]))
        self.assertEqual(self.get(f"/v1/responses/{made['id']}", method="DELETE")[1]["deleted"], True)
        self.assertEqual(self.get(f"/v1/responses/{made['id']}")[0], 404)

    def test_another_key_finds_nothing(self):
        _, made = self.post(input="Mine")

        for target in (f"/v1/responses/{made['id']}", f"/v1/responses/{made['id']}/input_items"):
            self.assertEqual(self.get(target, key="sk-2")[0], 404)
        self.assertEqual(self.get(f"/v1/responses/{made['id']}", key="sk-2", method="DELETE")[0], 404)
        response, body = self.post(key="sk-2", input="x", previous_response_id=made["id"])
        self.assertEqual((response.status, body["error"]["code"]), (400, "previous_response_not_found"))
        self.assertEqual(self.get(f"/v1/responses/{made['id']}")[0], 200)

    def test_storage_is_done_here_and_so_nothing_of_it_is_dropped(self):
        for store in (True, False):
            response, _ = self.post(input="Hello", store=store)

            self.assertIsNone(response.header("x-cairn-dropped"))

    def test_a_response_that_is_not_stored_is_not_there(self):
        _, made = self.post(input="Secret", store=False)

        self.assertEqual(self.get(f"/v1/responses/{made['id']}")[0], 404)
        self.assertEqual(self.post(input="x", previous_response_id=made["id"])[0].status, 400)

    def test_ids_are_never_the_same(self):
        made = {self.post(input="The same")[1]["id"] for _ in range(20)}
        with gateway_to(self.practice.url, "chat") as again:
            response = again.call(dialects.RESPONSES, body=b'{"model":"deepseek-v4-pro","input":"The same"}')
            made.add(json.loads(response.body)["id"])

        self.assertEqual(len(made), 21)
        self.assertTrue(all(len(identifier) >= 37 for identifier in made))

    def test_what_only_openai_keeps_is_refused_by_name(self):
        for field, value in (("conversation", "conv_1"), ("background", True)):
            response, body = self.post(input="x", **{field: value})

            self.assertEqual(response.status, 400)
            self.assertIn(field, body["error"]["message"])

    def test_a_native_upstream_keeps_its_own(self):
        with Practice("--dialect", "responses") as practice, gateway_to(practice.url, "responses") as gateway:
            gateway.get("/v1/responses/resp_x")
            gateway.get("/v1/responses/resp_x", method="DELETE")

            self.assertEqual([r["path"] for r in practice.requests()], ["/v1/responses/resp_x"] * 2)


class Lists(Scenario):
    """Models and token counts in the dialect of whoever asks."""

    VERSION = [("anthropic-version", "2023-06-01")]

    def test_models_are_shown_in_the_clients_shape(self):
        for target in MODELS:
            with self.subTest(upstream=target), Practice("--dialect", target) as practice, \
                    gateway_to(practice.url, target, more="    model_map:\n      mine: claude-sonnet-4-6\n") as gateway:
                openai = json.loads(gateway.get("/v1/models").body)
                anthropic = json.loads(gateway.get("/v1/models", self.VERSION).body)

                self.assertEqual(openai["object"], "list")
                self.assertEqual(anthropic["data"][0]["type"], "model")
                self.assertFalse(anthropic["has_more"])
                translated = openai if target == "messages" else anthropic
                self.assertIn("mine", [model["id"] for model in translated["data"]])

                one = json.loads(gateway.get("/v1/models/mine", self.VERSION).body)
                self.assertEqual((one["type"], one["id"]), ("model", "mine"))
                missing = gateway.get("/v1/models/none", self.VERSION)
                self.assert_envelope(dialects.MESSAGES, missing, (404,))

    def test_models_of_the_same_dialect_pass_unchanged(self):
        with Practice("--dialect", "messages") as practice, gateway_to(practice.url, "messages") as gateway:
            with wire.Connection(practice.port) as client:
                direct = client.exchange("GET", "/v1/models", self.VERSION).body

            self.assert_same_bytes(gateway.get("/v1/models", self.VERSION).body, direct, "the list")

    def count(self, gateway, text, model="deepseek-v4-pro"):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
        with gateway.connect() as client:
            return client.exchange("POST", "/v1/messages/count_tokens",
                                   [*self.VERSION, ("content-type", "application/json")], body)

    def test_tokens_are_counted_where_the_upstream_does_not_count(self):
        with Practice("--dialect", "chat") as practice, gateway_to(practice.url, "chat") as gateway:
            short, long = self.count(gateway, "hello"), self.count(gateway, "hello world, " * 1000)
            unknown = self.count(gateway, "hello", model="claude-sonnet-4-6")

            self.assertEqual([r.status for r in (short, long, unknown)], [200] * 3)
            self.assertLess(json.loads(short.body)["input_tokens"], 15)
            self.assertTrue(2500 < json.loads(long.body)["input_tokens"] < 4500, long.body)
            self.assertIn(short.header("x-cairn-token-count"), ("exact", "estimated"))
            self.assertEqual(unknown.header("x-cairn-token-count"), "estimated")
            self.assertEqual(practice.requests(), [])
            self.assert_envelope(dialects.MESSAGES, self.count(gateway, 5), (400,))

    def test_an_upstream_that_counts_is_asked(self):
        with Practice("--dialect", "messages") as practice, gateway_to(practice.url, "messages") as gateway:
            response = self.count(gateway, "hello")

            self.assertIsNone(response.header("x-cairn-token-count"))
            self.assertEqual(practice.requests()[-1]["path"], "/v1/messages/count_tokens")


class Markup(Scenario):
    """What DeepSeek's models leave in their text becomes thoughts and calls."""

    def test_think_tags_become_thoughts(self):
        self.check([{"text": "<think>First look at é.</think>The answer <b>."}],
                   lambda answer: (answer.reasoning.strip(), answer.text.strip()),
                   ("First look at é.", "The answer <b>."))

    def test_tool_markup_becomes_calls(self):
        markup = ("I look.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"read_file\">\n"
                  "<｜DSML｜parameter name=\"path\" string=\"true\">a/b.txt</｜DSML｜parameter>\n"
                  "</｜DSML｜invoke>\n</｜DSML｜function_calls>")
        self.check([{"text": markup}], lambda answer: (
            answer.text.strip(), [(name, json.loads(arguments)) for _, name, arguments in answer.calls]),
            ("I look.", [("read_file", {"path": "a/b.txt"})]))

    def check(self, script, read, expected):
        import os
        from harness import fresh_directory
        path = os.path.join(fresh_directory(), "script.json")
        with open(path, "w") as file:
            json.dump(script, file)
        with Practice("--dialect", "chat", "--script", path) as practice, \
                gateway_to(practice.url, "chat", provider="deepseek") as gateway:
            for kind in (agents.MessagesAgent, agents.ResponsesAgent):
                for stream in (True, False):
                    with self.subTest(client=kind.dialect, stream=stream):
                        agent = kind(gateway, "deepseek-v4-pro", stream=stream)
                        agent.say("Look")
                        self.assertEqual(read(agent.ask()), expected)


class LongSessions(Scenario):
    """Fifty calls of a session through a chat-only upstream of DeepSeek's kind: nothing breaks, and the provider's
    cache keeps hitting."""

    CALLS = 50

    def session(self, kind):
        with Practice("--dialect", "chat") as practice, \
                gateway_to(practice.url, "chat", provider="deepseek") as gateway:
            agent = kind(gateway, "deepseek-v4-pro", rules=agents.RULES)
            asked = question = 0
            read = cached = 0
            before = None
            kinds = set()
            while asked < self.CALLS:
                agent.say(f"Question {question}: what does part {question} do?", image=question % 5 == 1)
                question += 1
                while True:
                    if asked % 17 == 7:  # the provider fails once, and the agent asks again
                        self.assertEqual(agent.post([("x-practice-fault", "server-error")]).status, 500)
                    answer = agent.ask()
                    asked += 1
                    kinds |= {"thinking"} if answer.reasoning else set()
                    kinds |= {f"{len(answer.calls)} calls"}
                    read += answer.input_tokens
                    cached += answer.cached_tokens
                    if before is not None:
                        self.assertGreaterEqual(
                            answer.cached_tokens, before - 64, f"call {asked} lost a part of the prompt before")
                    before = answer.input_tokens
                    if not answer.calls:
                        break
                    output = "line of output\n" * 60
                    texts = [f"{name} of question {question}: {output}" for _, name, _ in answer.calls]
                    agent.results(answer, texts, failed=(0,) if asked % 7 == 3 else ())
            self.assertLessEqual({"thinking", "0 calls", "1 calls", "2 calls"}, kinds)
            share = cached / read
            self.assertGreater(share, 0.97, f"{share:.4f} of {read} tokens were cached")

    def test_a_claude_code_session_keeps_its_prefix(self):
        self.session(agents.MessagesAgent)

    def test_a_codex_session_keeps_its_prefix(self):
        self.session(agents.ResponsesAgent)


class Conversion(Scenario):
    """cairn context convert, without a network."""

    def convert(self, body, *arguments, code=0):
        import os
        from harness import fresh_directory
        path = os.path.join(fresh_directory(), "body.json")
        with open(path, "w") as file:
            file.write(body if isinstance(body, str) else json.dumps(body))
        result = run(["context", "convert", *arguments, path])
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_a_session_of_any_dialect_becomes_any_other(self):
        with Practice() as practice, Gateway(practice.url) as gateway:
            for kind in agents.ALL:
                agent = kind(gateway, MODELS[kind.dialect])
                agent.freeform = False
                agent.say("Look into it", image=True)
                answer = agent.ask()
                agent.results(answer, ["found"] * len(answer.calls))
                for target in agents.ALL:
                    with self.subTest(source=kind.dialect, target=target.dialect):
                        made = json.loads(self.convert(agent.body(), "--to", target.dialect).stdout)
                        key = "input" if target.dialect == "responses" else "messages"
                        self.assertGreaterEqual(len(made[key]), 3)
                        self.assertIn(agents.PNG, json.dumps(made))
                        again = run_with_input(["context", "convert", "--to", kind.dialect, "-"], json.dumps(made))
                        self.assertEqual(again.returncode, 0, again.stderr)

    def test_losses_are_listed_and_errors_have_their_place(self):
        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "logit_bias": {"1": 1}}

        self.assertIn("dropped logit_bias (no-counterpart)", self.convert(chat, "--to", "messages").stderr)
        self.assertIn("messages[0]", self.convert(
            {"messages": [5]}, "--to", "messages", "--from", "chat", code=1).stderr)
        self.assertIn("JSON", self.convert("{", "--to", "chat", code=1).stderr)
        self.assertIn("--from", self.convert({"x": 1}, "--to", "chat", code=1).stderr)


def run_with_input(arguments, text):
    import subprocess
    from harness import BINARY, environment, fresh_directory
    return subprocess.run([BINARY, *arguments], env=environment(fresh_directory()), input=text, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


if __name__ == "__main__":
    unittest.main()
