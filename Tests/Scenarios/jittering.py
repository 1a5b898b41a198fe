"""Agents as the scenarios of stable mode use them: conversations spelled otherwise in every call, and what arrives.

`Agent` holds a conversation in no dialect and spells it in any, each time otherwise: shuffled tools and keys, other
white space and escapes, clocks and process numbers in the system prompt, texts as strings or as arrays of one part.
What it says never changes, so a gateway that knows its own conversations sends a prompt that only grows.
`prompt_of` cuts the prompt out of a body as it arrived: the raw bytes of the tools, the system prompt and each turn.
"""
import json
import random
import re

WHITE = ["", "", "", " ", "  ", "\n", "\t", "\r\n"]
_TOLD = re.compile(r"\n{0,2}<now>.*?</now>", re.S)
_MARK = re.compile(r'"cache_control"')


class Speller:
    """Writes JSON that means the same and never looks the same."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, value):
        rng, white = self.rng, lambda: self.rng.choice(WHITE)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            members = list(value.items())
            rng.shuffle(members)
            spelled = [f"{self.text(key)}{white()}:{white()}{self(item)}" for key, item in members]
            inner = f"{white()},{white()}".join(spelled)
            return "{" + white() + inner + white() + "}"
        if isinstance(value, list):
            return "[" + white() + f"{white()},{white()}".join(self(item) for item in value) + white() + "]"
        return json.dumps(value)

    def text(self, text):
        """A string with some of its characters escaped where they need not be."""
        spelled = json.dumps(text, ensure_ascii=self.rng.random() < 0.5)
        return spelled.replace("/", "\\/") if self.rng.random() < 0.3 else spelled


class Plain:
    """Writes JSON always the same way."""

    rng = None

    def __call__(self, value):
        return json.dumps(value, ensure_ascii=False)


class Agent:
    """One conversation. `seed` makes its jitter; `goal` and `system` are what it says; `marks`: it sets cache marks on
    its system prompt and its newest turn, as Claude Code does."""

    tool_names = ("read_file", "run", "search", "write_file")

    def __init__(self, dialect, seed, goal="Fix the bug", system="You are a coding agent.\nBe brief.", jitters=True,
                 marks=False, pad=0, model=None):
        self.dialect, self.system, self.marks, self.jitters = dialect, system, marks, jitters
        self.rng = random.Random(seed)
        self.spell = Speller(self.rng) if jitters else Plain()
        self.model = model or dialect.model
        self.pad = "x" * pad
        self.turns = [("user", f"{goal}: Grüße 你好 🙂 \"quoted\" </s> C:\\new", None)]
        self.calls = 0
        self.settings = {}

    @property
    def clock(self):
        """The line that is true for the newest call only."""
        return f"Current time: 2026-11-20T{self.calls // 60 % 24:02d}:{self.calls % 60:02d}:07Z"

    def system_text(self):
        if not self.jitters:
            return self.system
        return f"{self.clock}\nSession pid: {1000 + 7 * self.calls}\n{self.system}"

    def step(self, text=None):
        """The model answered with a tool call, and the tool with a result."""
        number = len(self.turns)
        arguments = {"path": f"/src/file-{number}.c", "limit": number, "deep": {"a": [1, 2.50, None], "b": "ü/"}}
        self.turns.append(("assistant", f"step {number}: schön", (f"call_{number}", arguments)))
        self.turns.append(("tool", text or f"result {number} 行\t{self.pad}", f"call_{number}"))

    def say(self, text):
        self.turns.append(("assistant", "done ✓", None))
        self.turns.append(("user", text, None))

    def request(self, stream=False):
        """The body of the next call."""
        self.calls += 1
        tools = [{"name": name, "description": f"Tool {name} – ünïcode", "parameters": {
            "type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["path"]}} for name in self.tool_names]
        if self.jitters:
            self.rng.shuffle(tools)
        body = {"model": self.model, **getattr(self, self.dialect.name)(tools), **self.settings}
        if stream:
            body["stream"] = True
        return self.spell(body).encode()

    def either(self, text, kind):
        """A text as a string, or as an array of one part."""
        return [{"type": kind, "text": text}] if self.jitters and self.rng.random() < 0.5 else text

    def chat(self, tools):
        messages = [{"role": "system", "content": self.either(self.system_text(), "text")}]
        for role, text, more in self.turns:
            message = {"role": role, "content": text if role == "assistant" else self.either(text, "text")}
            if role == "assistant" and more:
                message["tool_calls"] = [{"id": more[0], "type": "function", "function": {
                    "name": "run", "arguments": json.dumps(more[1])}}]
            if role == "tool":
                message["tool_call_id"] = more
            messages.append(message)
        return {"messages": messages, "tools": [{"type": "function", "function": tool} for tool in tools]}

    def responses(self, tools):
        items = []
        for role, text, more in self.turns:
            if role == "tool":
                items.append({"type": "function_call_output", "call_id": more, "output": text})
                continue
            kind = "output_text" if role == "assistant" else "input_text"
            content = [{"type": kind, "text": text}] if role == "assistant" else self.either(text, kind)
            items.append({"type": "message", "role": role, "content": content})
            if more:
                items.append({"type": "function_call", "call_id": more[0], "name": "run",
                              "arguments": json.dumps(more[1])})
        return {"instructions": self.system_text(), "input": items, "store": False,
                "tools": [dict(tool, type="function") for tool in tools]}

    def messages(self, tools):
        system = self.either(self.system_text(), "text")
        turns = []
        for role, text, more in self.turns:
            if role == "assistant":
                blocks = [{"type": "text", "text": text}]
                if more:
                    blocks.append({"type": "tool_use", "id": more[0], "name": "run", "input": more[1]})
                turns.append({"role": role, "content": blocks})
            elif role == "tool":
                block = {"type": "tool_result", "tool_use_id": more, "content": self.either(text, "text")}
                turns.append({"role": "user", "content": [block]})
            else:
                turns.append({"role": "user", "content": self.either(text, "text")})
        if self.marks:
            system = [{"type": "text", "text": self.system_text(), "cache_control": {"type": "ephemeral"}}]
            newest = turns[-1]["content"]
            newest = newest if isinstance(newest, list) else [{"type": "text", "text": newest}]
            turns[-1]["content"] = newest[:-1] + [dict(newest[-1], cache_control={"type": "ephemeral"})]
        offered = [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
                   for tool in tools]
        return {"system": system, "messages": turns, "max_tokens": 64, "tools": offered}


# ---------------------------------------------------------------- what arrived

_decoder = json.JSONDecoder()
_white = re.compile(r"[ \t\r\n]*")


def _after_white(text, at):
    return _white.match(text, at).end()


def members(text):
    """{key: raw text} of a JSON object."""
    found, at = {}, _after_white(text, 0) + 1
    while text[at := _after_white(text, at)] != "}":
        at = at + 1 if text[at] == "," else at
        key, at = _decoder.raw_decode(text, _after_white(text, at))
        at = _after_white(text, _after_white(text, at) + 1)
        _, end = _decoder.raw_decode(text, at)
        found[key] = text[at:end]
        at = end
    return found


def elements(text):
    """[raw text] of a JSON array."""
    found, at = [], _after_white(text, 0) + 1
    while text[at := _after_white(text, at)] != "]":
        at = _after_white(text, at + 1 if text[at] == "," else at)
        _, end = _decoder.raw_decode(text, at)
        found.append(text[at:end])
        at = end
    return found


def prompt_of(body):
    """The prompt in the order providers hash it: raw texts of each tool, the system prompt, and each turn."""
    found = members(body.decode("utf-8"))
    prompt = elements(found.get("tools", "[]"))
    prompt += [found[key] for key in ("system", "instructions") if key in found]
    return prompt + elements(found.get("messages") or found["input"])


def without_marks(prompt):
    """A messages prompt as the model sees it: cache marks are not part of it, nor is how a lone text is wrapped."""
    return [json.dumps(_unmarked(json.loads(text)), ensure_ascii=False) for text in prompt]


def _unmarked(value):
    if isinstance(value, dict):
        value = {key: _unmarked(item) for key, item in value.items() if key != "cache_control"}
        if isinstance(value.get("content"), str):
            value["content"] = [{"type": "text", "text": value["content"]}]
        return value
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    return value


def mark_count(body):
    return len(_MARK.findall(body.decode("utf-8")))


def heard(raw):
    """The text of a raw turn."""
    def flat(value):
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "\n".join(flat(item) for item in value)
        if value.get("type") in ("text", "input_text", "output_text"):
            return value["text"]
        return flat(value.get("content") if "content" in value else value.get("output", ""))
    return flat(json.loads(raw))


def without_told(text):
    """A turn's text without what the gateway told the model there."""
    return _TOLD.sub("", text)
