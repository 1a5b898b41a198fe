"""Small agents that talk in one dialect each, shaped like real harnesses: a Claude-Code-like one (messages), a
Codex-like one (responses) and a plain one (chat). Each keeps its history the way its SDK does: what the model answered
goes back as it came. `Answer` is what all of them understand of an answer, so that answers of different dialects can be
compared.
"""
import base64
import json

import wire

PNG = base64.b64encode(
    bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002"
                  "0001e221bc330000000049454e44ae426082")).decode()
RULES = "".join(f"Rule {index}: read before you write, keep names, say what changed and why.\n" for index in range(900))
PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = [
    ("read_file", "Reads a file.", PATH),
    ("list_dir", "Lists a folder.", PATH),
    ("search", "Searches text.", {"type": "object", "properties": {
        "pattern": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["pattern"]}),
]


class Answer:
    """What came: thoughts, text, calls as (id, name, arguments), why it stopped, tokens read and of them cached."""

    def __init__(self):
        self.reasoning = ""
        self.text = ""
        self.calls = []
        self.stop = None
        self.input_tokens = None
        self.cached_tokens = None
        self.output_tokens = None
        self.model = None

    @property
    def content(self):
        """What does not depend on the dialect."""
        calls = [(name, json.loads(arguments)) for _, name, arguments in self.calls]
        return {"reasoning": self.reasoning, "text": self.text, "calls": calls, "stop": self.stop}


class BrokenAnswer(AssertionError):
    """An answer that its dialect's SDK would choke on."""


def need(condition, what):
    if not condition:
        raise BrokenAnswer(what)


# What each dialect says for one reason to stop.
STOPS = {
    "stop": "stop", "end_turn": "stop", "tool_calls": "calls", "tool_use": "calls", "length": "length",
    "max_tokens": "length", "max_output_tokens": "length",
}


class Agent:
    """One conversation. `ask` sends it and takes the answer into the history; `say` and `results` add to it."""

    path = None
    dialect = None

    def __init__(self, gateway, model, stream=True, thinking=True, tools=True, headers=(), rules="Be brief.",
                 key="sk-client"):
        self.gateway, self.model, self.stream, self.thinking = gateway, model, stream, thinking
        self.tools, self.headers, self.rules, self.key = tools, list(headers), rules, key
        self.history = []
        self.response = None

    def all_fields(self, headers=()):
        return [*self.fields(), *self.headers, *headers]

    def post(self, headers=()):
        with self.gateway.connect(timeout=30) as client:
            return client.exchange("POST", self.path, self.all_fields(headers), json.dumps(self.body()).encode())

    def ask(self, headers=()):
        response = self.response = self.post(headers)
        need(response.status == 200, f"{self.dialect}: {response.status} {response.body[:400]!r}")
        answer = self.read(response)
        self.remember(answer)
        return answer

    def read(self, response):
        if self.stream:
            need("text/event-stream" in response.header("content-type"), response.header("content-type"))
            return self.read_events(wire.events_of(response.body))
        need("application/json" in response.header("content-type"), response.header("content-type"))
        return self.read_document(json.loads(response.body))


class ChatAgent(Agent):
    path, dialect = "/v1/chat/completions", "chat"

    def fields(self):
        return [("Authorization", f"Bearer {self.key}"), ("content-type", "application/json"),
                ("User-Agent", "OpenAI/Python 3.3.0")]

    def body(self):
        body = {"model": self.model, "messages": [{"role": "system", "content": self.rules}, *self.history]}
        if self.tools:
            body["tools"] = [{"type": "function", "function": {"name": n, "description": d, "parameters": p}}
                             for n, d, p in TOOLS]
        if self.thinking:
            body["reasoning_effort"] = "high"
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def say(self, text, image=False):
        parts = [{"type": "text", "text": text}]
        if image:
            parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
        self.history.append({"role": "user", "content": parts if image else text})

    def results(self, answer, texts, failed=()):
        for (identifier, _, _), text in zip(answer.calls, texts):
            self.history.append({"role": "tool", "tool_call_id": identifier, "content": text})

    def remember(self, answer):
        self.history.append(answer.message)

    def finish(self, answer, message, reason, usage):
        answer.reasoning = message.get("reasoning_content") or ""
        answer.text = message.get("content") or ""
        for call in message.get("tool_calls") or []:
            need(call["type"] == "function" and call["id"] and call["function"]["name"], call)
            answer.calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))
        answer.message = {"role": "assistant", "content": message.get("content")}
        if answer.calls:
            answer.message["tool_calls"] = message["tool_calls"]
        if answer.reasoning:
            answer.message["reasoning_content"] = answer.reasoning
        answer.stop = STOPS[reason]
        if usage:
            answer.input_tokens, answer.output_tokens = usage["prompt_tokens"], usage["completion_tokens"]
            answer.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        return answer

    def read_document(self, document):
        answer = Answer()
        answer.model = document["model"]
        need(document["object"] == "chat.completion" and document["id"], document)
        choice = document["choices"][0]
        return self.finish(answer, choice["message"], choice["finish_reason"], document["usage"])

    def read_events(self, events):
        answer, message, calls, reason, usage = Answer(), {"content": None}, {}, None, None
        need(events and events[-1].data == "[DONE]", "no [DONE]")
        for event in events[:-1]:
            if not event.data:
                continue
            chunk = json.loads(event.data)
            need(chunk["object"] == "chat.completion.chunk", chunk)
            answer.model = chunk["model"]
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                delta = choice["delta"]
                has_content = any(delta.get(key) for key in ("content", "tool_calls"))
                need(reason is None or not has_content, "content after the end")
                reason = choice.get("finish_reason") or reason
                for key in ("content", "reasoning_content"):
                    if delta.get(key) is not None:
                        message[key] = (message.get(key) or "") + delta[key]
                for part in delta.get("tool_calls") or []:
                    call = calls.setdefault(part["index"], {"id": None, "type": "function",
                                                            "function": {"name": "", "arguments": ""}})
                    call["id"] = part.get("id") or call["id"]
                    call["function"]["name"] += part["function"].get("name") or ""
                    call["function"]["arguments"] += part["function"].get("arguments") or ""
        need(sorted(calls) == list(range(len(calls))), f"indexes {sorted(calls)}")
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return self.finish(answer, message, reason, usage)


class MessagesAgent(Agent):
    path, dialect = "/v1/messages", "messages"

    def fields(self):
        return [("x-api-key", self.key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json"),
                ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"), ("x-app", "cli"),
                ("User-Agent", "claude-cli/2.1.0 (external, cli)")]

    def body(self):
        mark = {"cache_control": {"type": "ephemeral"}}
        history = json.loads(json.dumps(self.history))
        if history and isinstance(history[-1]["content"], list):
            history[-1]["content"][-1] |= mark
        body = {"model": self.model, "max_tokens": 32000, "messages": history,
                "system": [{"type": "text", "text": "You are an agent."}, {"type": "text", "text": self.rules, **mark}],
                "metadata": {"user_id": "user_1"}}
        if self.tools:
            body["tools"] = [{"name": n, "description": d, "input_schema": p} for n, d, p in TOOLS]
        if self.thinking:
            body["thinking"] = {"type": "enabled", "budget_tokens": 16000}
        if self.stream:
            body["stream"] = True
        return body

    def say(self, text, image=False):
        parts = [{"type": "text", "text": text}]
        if image:
            parts.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
        self.history.append({"role": "user", "content": parts})

    def results(self, answer, texts, failed=()):
        self.history.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": identifier, "content": [{"type": "text", "text": text}],
             **({"is_error": True} if index in failed else {})}
            for index, ((identifier, _, _), text) in enumerate(zip(answer.calls, texts))]})

    def remember(self, answer):
        self.history.append({"role": "assistant", "content": answer.blocks})

    def finish(self, answer, blocks, reason, usage):
        answer.blocks = blocks
        for block in blocks:
            if block["type"] == "thinking":
                answer.reasoning += block["thinking"]
                need(isinstance(block["signature"], str), block)
            elif block["type"] == "text":
                answer.text += block["text"]
            elif block["type"] == "tool_use":
                need(isinstance(block["input"], dict), block)
                answer.calls.append((block["id"], block["name"], json.dumps(block["input"])))
        answer.stop = STOPS[reason]
        answer.cached_tokens = usage["cache_read_input_tokens"]
        answer.input_tokens = (
            usage["input_tokens"] + answer.cached_tokens + usage.get("cache_creation_input_tokens", 0))
        answer.output_tokens = usage["output_tokens"]
        return answer

    def read_document(self, document):
        answer = Answer()
        answer.model = document["model"]
        need(document["type"] == "message" and document["role"] == "assistant" and document["id"], document)
        return self.finish(answer, document["content"], document["stop_reason"], document["usage"])

    def read_events(self, events):
        answer, blocks, reason, usage, open_block, inputs = Answer(), [], None, {}, None, {}
        kinds = [event.name for event in events if event.name != "ping"]
        need(kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds)
        for event in events:
            data = json.loads(event.data)
            need(data["type"] == event.name, event.name)
            if event.name == "message_start":
                answer.model = data["message"]["model"]
                usage |= data["message"]["usage"]
            elif event.name == "content_block_start":
                need(open_block is None and data["index"] == len(blocks), f"block {data['index']} of {len(blocks)}")
                open_block = data["index"]
                blocks.append(data["content_block"])
                inputs[open_block] = ""
            elif event.name == "content_block_delta":
                need(data["index"] == open_block, "a delta of a block that is not open")
                delta, block = data["delta"], blocks[open_block]
                if delta["type"] == "text_delta":
                    block["text"] += delta["text"]
                elif delta["type"] == "thinking_delta":
                    block["thinking"] += delta["thinking"]
                elif delta["type"] == "signature_delta":
                    block["signature"] = delta["signature"]
                elif delta["type"] == "input_json_delta":
                    inputs[open_block] += delta["partial_json"]
            elif event.name == "content_block_stop":
                need(data["index"] == open_block, "the end of a block that is not open")
                if blocks[open_block]["type"] == "tool_use":
                    blocks[open_block]["input"] = json.loads(inputs[open_block] or "{}")
                open_block = None
            elif event.name == "message_delta":
                reason = data["delta"]["stop_reason"]
                usage |= data["usage"]
        need(open_block is None, "a block is still open")
        return self.finish(answer, blocks, reason, usage)


class ResponsesAgent(Agent):
    path, dialect = "/v1/responses", "responses"
    freeform = True

    def fields(self):
        return [("Authorization", f"Bearer {self.key}"), ("content-type", "application/json"),
                ("originator", "codex_cli_rs"), ("session-id", "s-1"), ("User-Agent", "codex_cli_rs/0.163.0")]

    def body(self):
        body = {"model": self.model, "instructions": "You are an agent.", "store": False,
                "input": [{"type": "message", "role": "developer",
                           "content": [{"type": "input_text", "text": self.rules}]}, *self.history],
                "include": ["reasoning.encrypted_content"], "prompt_cache_key": "s-1", "parallel_tool_calls": True}
        if self.tools:
            body["tools"] = [{"type": "function", "name": n, "description": d, "parameters": p, "strict": False}
                             for n, d, p in TOOLS]
            if self.freeform:
                body["tools"] += [
                    {"type": "custom", "name": "apply_patch", "description": "Edits files.",
                     "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
                    {"type": "web_search"}]
            body["tool_choice"] = "auto"
        if self.thinking:
            body["reasoning"] = {"effort": "high", "summary": "auto"}
        if self.stream:
            body["stream"] = True
        return body

    def say(self, text, image=False):
        parts = [{"type": "input_text", "text": text}]
        if image:
            parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"})
        self.history.append({"type": "message", "role": "user", "content": parts})

    def results(self, answer, texts, failed=()):
        for (identifier, _, _), text in zip(answer.calls, texts):
            kind = answer.kinds[identifier] + "_output"
            self.history.append({"type": kind, "call_id": identifier, "output": text})

    def remember(self, answer):
        self.history += answer.items

    def finish(self, answer, response):
        need(response["object"] == "response" and response["id"].startswith("resp_"), response)
        answer.model = response["model"]
        answer.response = response
        answer.items = response["output"]
        answer.kinds = {}
        for item in answer.items:
            if item["type"] == "reasoning":
                answer.reasoning += "".join(part["text"] for part in item["summary"])
            elif item["type"] == "message":
                answer.text += "".join(part["text"] for part in item["content"])
            elif item["type"] == "function_call":
                answer.calls.append((item["call_id"], item["name"], item["arguments"]))
                answer.kinds[item["call_id"]] = item["type"]
            elif item["type"] == "custom_tool_call":
                answer.calls.append((item["call_id"], item["name"], json.dumps({"input": item["input"]})))
                answer.kinds[item["call_id"]] = item["type"]
        status = response["status"]
        if status == "incomplete":
            answer.stop = STOPS[response["incomplete_details"]["reason"]]
        else:
            need(status == "completed", response)
            answer.stop = "calls" if answer.calls else "stop"
        usage = response["usage"]
        answer.input_tokens, answer.output_tokens = usage["input_tokens"], usage["output_tokens"]
        answer.cached_tokens = usage["input_tokens_details"]["cached_tokens"]
        return answer

    def read_document(self, document):
        return self.finish(Answer(), document)

    def read_events(self, events):
        answer, texts, items = Answer(), {}, {}
        for number, event in enumerate(events):
            data = json.loads(event.data)
            need(data["type"] == event.name and data["sequence_number"] == number, f"{event.name} {number}")
            if event.name == "response.output_item.added":
                need(data["output_index"] == len(items), "items begin in order")
                items[data["output_index"]] = data["item"]["id"]
            elif event.name in ("response.output_text.delta", "response.function_call_arguments.delta"):
                need(data["item_id"] == items[data["output_index"]], "a delta of another item")
                texts[data["item_id"]] = texts.get(data["item_id"], "") + data["delta"]
            elif event.name == "response.output_text.done":
                need(texts.get(data["item_id"], "") == data["text"], "the text is the sum of its deltas")
            elif event.name == "response.function_call_arguments.done":
                need(texts.get(data["item_id"], "") == data["arguments"], "arguments are the sum of their deltas")
        need(events[0].name == "response.created", events[0].name)
        last = json.loads(events[-1].data)
        need(last["type"] in ("response.completed", "response.incomplete"), last["type"])
        return self.finish(answer, last["response"])


ALL = [ChatAgent, ResponsesAgent, MessagesAgent]
