"""A model whose answers a test decides: an upstream of one or all dialects that says what it is told to say.

Each request takes the next step of the script: a list of parts, or a function that is shown the request (`Asked`) and
returns one. Parts are `text(...)`, `thought(...)` and `call(name, ...)`. Behind the last step it says "Done.".
"""
import json
import threading

from upstreams import RawUpstream

PATHS = {"/v1/chat/completions": "chat", "/v1/messages": "messages", "/v1/responses": "responses"}
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 1000, 600, 50


def text(words):
    return ("text", words)


def thought(words):
    return ("thought", words)


def call(name, /, **arguments):
    return ("call", name, json.dumps(arguments))


class Refused:
    """A step that is an error of the provider's."""

    def __init__(self, status, body):
        self.status, self.body = status, body


class Broken:
    """A step that is cut off in the middle of its stream."""

    def __init__(self, *parts):
        self.parts = parts


class Held:
    """A step that never comes: the gateway must leave."""


class Asked:
    """A request as the model got it."""

    def __init__(self, dialect, body):
        self.dialect = dialect
        self.raw = body
        self.body = json.loads(body)

    @property
    def text(self):
        return json.dumps(self.body, ensure_ascii=False)

    def results(self):
        """Every tool result in the prompt, in order: (identifier of its call, text)."""
        found = []
        for turn in self.body.get("messages") or self.body.get("input"):
            if turn.get("role") == "tool":
                found.append((turn["tool_call_id"], flat(turn["content"])))
            elif turn.get("type") == "function_call_output":
                found.append((turn["call_id"], flat(turn["output"])))
            elif isinstance(turn.get("content"), list):
                found += [(part["tool_use_id"], flat(part["content"])) for part in turn["content"]
                          if part.get("type") == "tool_result"]
        return found

    def tool_names(self):
        return [(tool.get("function") or tool).get("name") for tool in self.body.get("tools", [])]


def flat(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


class Model:
    """The upstream. `asked` are its requests, in order."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.left = None
        self.lock = threading.Lock()
        self.count = 0
        self.upstream = RawUpstream(self.answer)
        self.url = self.upstream.url

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.upstream.__exit__()

    def answer(self, exchange):
        dialect = PATHS[exchange.request.target.split("?")[0]]
        asked = Asked(dialect, exchange.request.plain_body())
        with self.lock:
            self.asked.append(asked)
            self.count += 1
            number = self.count
            step = self.script.pop(0) if self.script else [text("Done.")]
        if callable(step):
            step = step(asked)
        if isinstance(step, Held):
            self.left = exchange.seconds_until_left(10)
            return None
        if isinstance(step, Refused):
            return exchange.answer(json.dumps(step.body).encode(), status=f"{step.status} Refused")
        writer = Writer(dialect, number, step.parts if isinstance(step, Broken) else step)
        if not asked.body.get("stream"):
            return exchange.answer(json.dumps(writer.document()).encode())
        events = list(writer.stream())
        if isinstance(step, Broken):
            exchange.start_stream()
            for event in events[:-2]:
                exchange.chunk(event)
            return exchange.reset()
        exchange.stream(events)


class Writer:
    """One answer in a dialect."""

    def __init__(self, dialect, number, parts):
        self.dialect, self.number, self.parts = dialect, number, parts
        self.has_calls = any(part[0] == "call" for part in parts)

    def identifier(self, index):
        return f"call_{self.number}_{index}"

    def stream(self):
        return [event.encode() for event in getattr(self, f"{self.dialect}_stream")()]

    def document(self):
        return getattr(self, f"{self.dialect}_document")()

    def chat_usage(self):
        return {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
                "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS, "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS}}

    def chat_calls(self):
        return [{"id": self.identifier(index), "type": "function", "function": {"name": part[1], "arguments": part[2]}}
                for index, part in enumerate(self.parts) if part[0] == "call"]

    def chat_document(self):
        message = {"role": "assistant", "content": "".join(p[1] for p in self.parts if p[0] == "text") or None}
        if thoughts := "".join(part[1] for part in self.parts if part[0] == "thought"):
            message["reasoning_content"] = thoughts
        if self.has_calls:
            message["tool_calls"] = self.chat_calls()
        return {"id": f"chatcmpl-{self.number}", "object": "chat.completion", "created": self.number, "model": "m",
                "choices": [{"index": 0, "message": message,
                             "finish_reason": "tool_calls" if self.has_calls else "stop"}], "usage": self.chat_usage()}

    def chat_stream(self):
        def chunk(delta, reason=None, **more):
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
            return "data: " + json.dumps({"id": f"chatcmpl-{self.number}", "object": "chat.completion.chunk",
                                          "created": self.number, "model": "m", "choices": choices, **more}) + "\n\n"
        yield chunk({"role": "assistant", "content": ""})
        calls = self.chat_calls()
        number = 0
        for part in self.parts:
            if part[0] != "call":
                key = "content" if part[0] == "text" else "reasoning_content"
                yield from (chunk({key: piece}) for piece in halves(part[1]))
                continue
            whole = calls[number]
            start = {**whole, "function": {**whole["function"], "arguments": ""}}
            yield chunk({"tool_calls": [{"index": number, **start}]})
            for piece in halves(part[2]):
                yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
            number += 1
        yield chunk({}, "tool_calls" if self.has_calls else "stop")
        yield chunk(None, usage=self.chat_usage())
        yield "data: [DONE]\n\n"

    def messages_usage(self):
        return {"input_tokens": INPUT_TOKENS - CACHED_TOKENS, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": CACHED_TOKENS, "output_tokens": OUTPUT_TOKENS}

    def block(self, index, part):
        if part[0] == "text":
            return {"type": "text", "text": part[1]}
        if part[0] == "thought":
            return {"type": "thinking", "thinking": part[1], "signature": f"sig{self.number}"}
        return {"type": "tool_use", "id": self.identifier(index), "name": part[1], "input": json.loads(part[2])}

    def messages_document(self):
        return {"id": f"msg_{self.number}", "type": "message", "role": "assistant", "model": "m",
                "content": [self.block(index, part) for index, part in enumerate(self.parts)],
                "stop_reason": "tool_use" if self.has_calls else "end_turn", "stop_sequence": None,
                "usage": self.messages_usage()}

    def messages_stream(self):
        def event(name, **data):
            return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"
        start = {**self.messages_document(), "content": [], "stop_reason": None}
        yield event("message_start", message={**start, "usage": {**self.messages_usage(), "output_tokens": 1}})
        yield event("ping")
        for index, part in enumerate(self.parts):
            block = self.block(index, part)
            if part[0] == "text":
                empty, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": p} for p in halves(part[1])]
            elif part[0] == "thought":
                empty = {**block, "thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": p} for p in halves(part[1])]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            else:
                empty = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": p} for p in halves(part[2])]
            yield event("content_block_start", index=index, content_block=empty)
            yield from (event("content_block_delta", index=index, delta=delta) for delta in deltas)
            yield event("content_block_stop", index=index)
        document = self.messages_document()
        yield event("message_delta", delta={"stop_reason": document["stop_reason"], "stop_sequence": None},
                    usage=self.messages_usage())
        yield event("message_stop")

    def item(self, index, part, is_done=True):
        name = f"{self.number}_{index}"
        if part[0] == "text":
            content = [{"type": "output_text", "text": part[1], "annotations": []}] if is_done else []
            return {"id": f"msg_{name}", "type": "message", "status": "completed", "role": "assistant",
                    "content": content}
        if part[0] == "thought":
            return {"id": f"rs_{name}", "type": "reasoning", "encrypted_content": f"sealed{name}",
                    "summary": [{"type": "summary_text", "text": part[1]}] if is_done else []}
        return {"id": f"fc_{name}", "type": "function_call", "status": "completed", "call_id": self.identifier(index),
                "name": part[1], "arguments": part[2] if is_done else ""}

    def responses_document(self, status="completed"):
        is_done = status == "completed"
        return {"id": f"resp_{self.number}", "object": "response", "created_at": self.number, "status": status,
                "error": None, "incomplete_details": None, "model": "m",
                "output": [self.item(index, part) for index, part in enumerate(self.parts)] if is_done else [],
                "usage": {"input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
                          "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
                          "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS} if is_done else None}

    def responses_stream(self):
        events = [("response.created", {"response": self.responses_document("in_progress")})]
        for index, part in enumerate(self.parts):
            done = self.item(index, part)
            place = {"output_index": index}
            events.append(("response.output_item.added", {**place, "item": self.item(index, part, is_done=False)}))
            kind, at = {
                "text": ("response.output_text", {"content_index": 0}),
                "thought": ("response.reasoning_summary_text", {"summary_index": 0}),
                "call": ("response.function_call_arguments", {}),
            }[part[0]]
            for piece in halves(part[2] if part[0] == "call" else part[1]):
                events.append((f"{kind}.delta", {**place, **at, "item_id": done["id"], "delta": piece}))
            events.append(("response.output_item.done", {**place, "item": done}))
        events.append(("response.completed", {"response": self.responses_document()}))
        for number, (name, data) in enumerate(events):
            yield f"event: {name}\ndata: {json.dumps({'type': name, 'sequence_number': number, **data})}\n\n"


def halves(words):
    middle = len(words) // 2
    return [piece for piece in (words[:middle], words[middle:]) if piece]
