"""Request bodies for the gateway benchmark: chat-completions calls as a coding agent makes them.

A body is a system prompt, a few tool definitions and a conversation that grows turn by turn (user, assistant with a
tool call, tool result with source-like text) until it has the wanted size. The text is generated from a fixed seed:
the same on every machine, no two lines alike, nothing that compresses to one repeated byte.
"""

import json
import random

WORDS = (
    "buffer cursor token parse stream client request header chunk retry budget lineage digest prefix cache socket "
    "timer queue index offset window marker handle branch commit merge assert fixture schema column vector matrix "
    "kernel thread future promise closure module import export return yield await async match guard throw catch"
).split()

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {argument: {"type": "string"} for argument in arguments},
                "required": arguments[:1],
            },
        },
    }
    for name, description, arguments in (
        ("read_file", "Read a file of the workspace.", ["path", "range"]),
        ("run", "Run a shell command and return its output.", ["command"]),
    )
]

SYSTEM = (
    "You are a coding agent in a terminal. Work in small steps: read before you edit, run the tests after every "
    "change, and explain in one sentence what you did. Never guess a path."
)


def source_line(draw: random.Random, number: int) -> str:
    """One line of plausible source text; the number makes it unlike every other."""
    first, second, third = draw.sample(WORDS, 3)
    form = draw.randrange(4)
    if form == 0:
        return f"    let {first}{number} = {second}.{third}(at: {draw.randrange(10_000)})"
    if form == 1:
        return f"    if ({first}->{second} != {number}) {{ return {third}_{draw.randrange(100)}; }}"
    if form == 2:
        return f"# {number}: the {first} {second} waits for its {third} (see \"{first}.md\")"
    return f"    self.{first}[{number}] = {second}({third}, {draw.random():.6f})"


def turns(draw: random.Random, step: int, line_count: int) -> list[dict]:
    """One step of the agent's loop: the user speaks, the assistant calls a tool, the tool answers."""
    first, second = draw.sample(WORDS, 2)
    path = f"Sources/{first}/{second}_{step}.swift"
    listing = "\n".join(source_line(draw, step * 1000 + line) for line in range(line_count))
    call = {"id": f"call_{step:05d}", "type": "function",
            "function": {"name": "read_file", "arguments": json.dumps({"path": path})}}
    return [
        {"role": "user", "content": f"Step {step}: why does the {first} lose its {second}? Look into {path}."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": listing},
    ]


def chat_body(size_bytes: int, *, is_stream: bool) -> bytes:
    """A chat-completions body of exactly `size_bytes` bytes (at least 1,500)."""
    draw = random.Random(20_260_101 + size_bytes)
    line_count = 5 if size_bytes < 10_000 else 60
    body = {
        "model": "deepseek-v4-flash",
        "messages": [{"role": "system", "content": SYSTEM}],
        "tools": TOOLS,
        "stream": is_stream,
        "max_tokens": 4096,
    }
    step = 0
    while True:
        step += 1
        grown = body["messages"] + turns(draw, step, line_count)
        if len(encoded({**body, "messages": grown})) > size_bytes - 200:
            break
        body["messages"] = grown
    return with_exact_size(body, draw, size_bytes)


def with_exact_size(body: dict, draw: random.Random, size_bytes: int) -> bytes:
    """Closes the conversation with a user turn whose text fills the body up to the last byte."""
    closing = {"role": "user", "content": ""}
    body["messages"].append(closing)
    missing = size_bytes - len(encoded(body))
    if missing < 0:
        raise ValueError(f"a body of {size_bytes} bytes is too small for one conversation")
    words = []
    while sum(map(len, words)) + len(words) < missing:
        words.append(draw.choice(WORDS))
    closing["content"] = " ".join(words)[:missing].ljust(missing, ".")
    return encoded(body)


def encoded(body: dict) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
