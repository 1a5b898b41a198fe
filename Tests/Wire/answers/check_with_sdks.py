#!/usr/bin/env python3
"""Reads every golden answer with the types of the SDKs that clients use, strictly: a missing or misnamed member fails.

    pip install -r Tests/Clients/requirements.txt && python3 Tests/Wire/answers/check_with_sdks.py

Prints the number of objects read, or each that was refused; exit status 1 then.
"""
import json
import pathlib
import re
import sys

import pydantic
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

STREAM = {"chat": ChatCompletionChunk, "messages": RawMessageStreamEvent, "responses": ResponseStreamEvent}
WHOLE = {"chat": ChatCompletion, "messages": Message, "responses": Response}
# Words OpenAI's API uses and its SDK's closed list does not have: Codex acts on them.
UNLISTED = {"context_length_exceeded", "insufficient_quota"}


def section(text, name):
    found = re.search(r"^## %s\n\n```(\w+)\n(.*?)^```" % name, text, re.S | re.M)
    return found.group(1), found.group(2)


def objects(kind, body):
    """The JSON texts of a section; errors are not for the types."""
    if kind == "json":
        texts = [body] if body.strip() else []
    else:
        texts = [line[6:] for line in re.split(r"\r?\n", body) if line.startswith("data: ")]
    return [text for text in texts if text.strip() != "[DONE]" and '"error":{"' not in text[:60]]


def check(path):
    dialect = path.parent.name.split("-to-")[1]
    kind, body = section(path.read_text(encoding="utf-8"), "Client")
    adapter = pydantic.TypeAdapter((STREAM if kind == "sse" else WHOLE)[dialect])
    faults, count = [], 0
    for text in objects(kind, body):
        value = json.loads(text)
        if value.get("type") == "ping":
            continue
        for choice in value.get("choices") or []:
            # The SDK knows custom calls in whole answers only.
            calls = choice.get("delta", {}).get("tool_calls") or []
            for call in calls if kind == "sse" else []:
                if call.get("type") == "custom":
                    call["type"] = "function"
        error = (value.get("response") or {}).get("error") or {}
        if error.get("code") in UNLISTED:
            error["code"] = "server_error"
        count += 1
        try:
            adapter.validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            faults.append("%s/%s: %s at %s" % (path.parent.name, path.name, first["msg"], first["loc"]))
    return count, faults


def main():
    folder = pathlib.Path(__file__).parent
    # What passes in its own dialect is the upstream's word.
    cases = [path for path in sorted(folder.glob("*-to-*/*.md")) if len(set(path.parent.name.split("-to-"))) == 2]
    results = [check(path) for path in cases]
    faults = [fault for _, found in results for fault in found]
    print("\n".join(faults) or "%d objects of %d cases read" % (sum(count for count, _ in results), len(cases)))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
