"""The three wire dialects as the scenarios use them: a request, an answer, a stream, and what a right error is.

Bodies are bytes with odd spacing, escapes, unknown fields and large numbers, so that a gateway that parses
and writes JSON again is seen at once. Nothing here is random; a stream is a list of events, ready to send.
"""
import json

ODD_TEXT = "Grüße 你好 🙂 \\u00e9 \\ud83d\\ude42 \\\"quoted\\\" </s>"
OPENAI_ERROR_FIELDS = {"message", "type", "code"}
ANTHROPIC_ERROR_TYPES = {
    "invalid_request_error", "authentication_error", "permission_error", "not_found_error",
    "request_too_large", "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
}


class Dialect:
    """One dialect: `path`, example bytes, and the checks of its error forms."""

    def __init__(self, name, path, model, prompt, stream_fields, answer, stream, usage, key_header):
        self.name = name
        self.path = path
        self.model = model
        self.prompt = prompt
        self.stream_fields = stream_fields
        self.answer = answer
        self.stream = stream
        self.usage = usage
        self.key_header = key_header

    def request(self, stream=False, model=None, text=ODD_TEXT):
        """A request body whose bytes no serialiser would produce by chance."""
        return (
            '{ "model":%s,\t"stream" : %s , %s, "max_tokens":64%s,"x_unknown":{"big":12345678901234567890,'
            '"float":1.0,"exp":1E-07,"null":null}, "zzz":[ ] }'
            % (json.dumps(model or self.model), "true" if stream else "false", self.prompt % text,
               self.stream_fields if stream else "")
        ).encode()

    def key_headers(self, key):
        name, prefix = self.key_header
        headers = [(name, prefix + key), ("content-type", "application/json")]
        return headers + ([("anthropic-version", "2023-06-01")] if self.name == "messages" else [])

    def envelope_fault(self, body):
        """None when `body` is this dialect's error envelope with a message and a usable code, else the reason."""
        try:
            document = json.loads(body)
        except ValueError as error:
            return f"not JSON ({error}): {body[:200]!r}"
        if not isinstance(document, dict) or not isinstance(document.get("error"), dict):
            return f"no error object: {body[:200]!r}"
        error = document["error"]
        if not isinstance(error.get("message"), str) or not error["message"].strip():
            return f"no message: {body[:200]!r}"
        if self.name == "messages":
            if document.get("type") != "error":
                return f"type is not 'error': {body[:200]!r}"
            if error.get("type") not in ANTHROPIC_ERROR_TYPES:
                return f"error.type {error.get('type')!r} is not one of Anthropic's"
            return None
        if not OPENAI_ERROR_FIELDS <= set(error):
            return f"error lacks {OPENAI_ERROR_FIELDS - set(error)}"
        if not isinstance(error["code"], str) or not error["code"]:
            return f"code is {error['code']!r}"
        return None

    def error_event_fault(self, event):
        """None when `event` is an error event that this dialect's clients understand, else the reason."""
        try:
            document = json.loads(event.data)
        except ValueError:
            return f"the last event is not JSON: {event.data[:200]!r}"
        if self.name == "chat":
            return self.envelope_fault(event.data.encode())
        if self.name == "messages":
            if event.name != "error":
                return f"event name {event.name!r} is not 'error'"
            return self.envelope_fault(event.data.encode())
        if event.name not in ("error", "response.failed") or document.get("type") != event.name:
            return f"event {event.name!r} with type {document.get('type')!r}"
        error = document if event.name == "error" else document.get("response", {}).get("error") or {}
        if not error.get("message") or not error.get("code"):
            return f"no message or code: {event.data[:200]!r}"
        return None


def _named(name, document):
    return f"event: {name}\ndata: {document}\n\n".encode()


def _plain(document):
    return f"data: {document}\n\n".encode()


CHAT_USAGE = {
    "prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290,
    "prompt_tokens_details": {"cached_tokens": 1024}, "prompt_cache_hit_tokens": 1024,
    "prompt_cache_miss_tokens": 210,
}
RESPONSES_USAGE = {
    "input_tokens": 1234, "input_tokens_details": {"cached_tokens": 1024}, "output_tokens": 56,
    "output_tokens_details": {"reasoning_tokens": 8}, "total_tokens": 1290,
}
MESSAGES_USAGE = {
    "input_tokens": 210, "cache_creation_input_tokens": 33, "cache_read_input_tokens": 1024,
    "output_tokens": 56,
}

_RESPONSES_BODY = (
    '{"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","model":"gpt-5",'
    '"output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed",'
    '"content":[{"type":"output_text","text":"Gr\\u00fc\\u00dfe \U0001f642","annotations":[]}]}],'
    '"usage":%s}' % json.dumps(RESPONSES_USAGE)
)

CHAT = Dialect(
    "chat", "/v1/chat/completions", "gpt-5",
    '"messages":[{"role":"user","content":"%s"}]', ',"stream_options":{"include_usage":true}',
    ('{ "id":"chatcmpl-1", "object":"chat.completion","created":1700000000,"model":"gpt-5",\r\n'
     '"choices":[{"index":0,"message":{"role":"assistant","content":"Gr\\u00fc\\u00dfe 你好"},'
     '"finish_reason":"stop"}],"usage":%s,"x_future":1.10}\n' % json.dumps(CHAT_USAGE)).encode(),
    [_plain('{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",'
            '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}'),
     b": keep-alive\n\n"]
    + [_plain('{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",'
              '"choices":[{"index":0,"delta":{"content":"Wört %d \\ud83d\\ude42"},"finish_reason":null}]}' % index)
       for index in range(12)]
    + [_plain('{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",'
              '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'),
       _plain('{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5",'
              '"choices":[],"usage":%s}' % json.dumps(CHAT_USAGE)),
       b"data: [DONE]\n\n"],
    CHAT_USAGE, ("Authorization", "Bearer "))

RESPONSES = Dialect(
    "responses", "/v1/responses", "gpt-5", '"input":[{"role":"user","content":"%s"}]', "",
    _RESPONSES_BODY.encode(),
    [_named("response.created", '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1",'
            '"object":"response","created_at":1700000000,"status":"in_progress","model":"gpt-5","output":[],'
            '"usage":null}}')]
    + [_named("response.output_text.delta", '{"type":"response.output_text.delta","sequence_number":%d,'
              '"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Wört %d"}' % (index + 1, index))
       for index in range(12)]
    + [_named("response.x_future", '{"type":"response.x_future","sequence_number":13,"odd" : 1.0 }'),
       _named("response.completed", '{"type":"response.completed","sequence_number":14,"response":%s}'
              % _RESPONSES_BODY)],
    RESPONSES_USAGE, ("Authorization", "Bearer "))

MESSAGES = Dialect(
    "messages", "/v1/messages", "claude-sonnet-4-6", '"messages":[{"role":"user","content":"%s"}]', "",
    ('{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6",'
     '"content":[{"type":"thinking","thinking":"h\\u006dm","signature":"c2ln"},{"type":"text","text":"Grüße"}],'
     '"stop_reason":"end_turn","stop_sequence":null,"usage":%s}' % json.dumps(MESSAGES_USAGE)).encode(),
    [_named("message_start", '{"type":"message_start","message":{"id":"msg_1","type":"message",'
            '"role":"assistant","model":"claude-sonnet-4-6","content":[],"stop_reason":null,'
            '"stop_sequence":null,"usage":{"input_tokens":210,"cache_creation_input_tokens":33,'
            '"cache_read_input_tokens":1024,"output_tokens":1}}}'),
     _named("content_block_start", '{"type":"content_block_start","index":0,'
            '"content_block":{"type":"text","text":""}}'),
     _named("ping", '{"type": "ping"}')]
    + [_named("content_block_delta", '{"type":"content_block_delta","index":0,'
              '"delta":{"type":"text_delta","text":"Wört %d"}}' % index) for index in range(12)]
    + [_named("content_block_stop", '{"type":"content_block_stop","index":0}'),
       _named("message_delta", '{"type":"message_delta","delta":{"stop_reason":"end_turn",'
              '"stop_sequence":null},"usage":{"output_tokens":56}}'),
       _named("message_stop", '{"type":"message_stop"}')],
    MESSAGES_USAGE, ("x-api-key", ""))

ALL = [CHAT, RESPONSES, MESSAGES]
