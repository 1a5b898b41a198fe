"""The real libraries at upstreams that do not speak their dialect: `openai` (chat and responses) and `anthropic`, each
at a practice provider of one other dialect. What a library parses without a complaint, streams and gives back in the
next turn is right."""
import base64
import json
import unittest

import anthropic
import openai

from harness import Gateway, Practice, Scenario

CONFIG = "upstreams:\n  - name: only\n    url: {url}\n    dialect: {dialect}\n    provider: {provider}\n"
PNG = base64.b64encode(bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63600000020001e221bc33"
    "0000000049454e44ae426082")).decode()
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"],
          "additionalProperties": False}
MODEL = "deepseek-v4-pro"
QUESTION = "Grüße, 世界 🙂: what is in the project?"


class AtOneDialect(Scenario):
    dialect = None
    provider = "generic"

    @classmethod
    def setUpClass(cls):
        cls.practice = Practice("--dialect", cls.dialect)
        cls.gateway = Gateway(
            config=CONFIG.format(url=cls.practice.url, dialect=cls.dialect, provider=cls.provider))
        base = f"http://127.0.0.1:{cls.gateway.port}"
        cls.openai = openai.OpenAI(base_url=base + "/v1", api_key="sk-test", max_retries=0, timeout=20)
        cls.anthropic = anthropic.Anthropic(base_url=base, api_key="sk-test", max_retries=0, timeout=20)

    @classmethod
    def tearDownClass(cls):
        cls.openai.close()
        cls.anthropic.close()
        cls.gateway.stop()
        cls.practice.stop()


class ChatClient:
    """The openai library's chat completions."""

    CHAT_TOOLS = [{"type": "function", "function": {"name": "read_file", "description": "reads", "parameters": SCHEMA}}]

    def test_chat_answers_and_streams_alike(self):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
            {"type": "text", "text": QUESTION},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]}]
        whole = self.openai.chat.completions.create(model=MODEL, messages=messages, max_completion_tokens=500)
        with self.openai.chat.completions.stream(
                model=MODEL, messages=messages, max_completion_tokens=500,
                stream_options={"include_usage": True}) as stream:
            streamed = stream.get_final_completion()

        self.assertIn("世界", whole.choices[0].message.content)
        self.assertEqual(streamed.choices[0].message.content, whole.choices[0].message.content)
        self.assertEqual((whole.model, whole.choices[0].finish_reason), (MODEL, "stop"))
        self.assertEqual(streamed.usage.completion_tokens, whole.usage.completion_tokens)

    def test_chat_tools_run_to_the_end(self):
        messages = [{"role": "user", "content": QUESTION}]
        for turn in range(6):
            with self.openai.chat.completions.stream(model=MODEL, messages=messages, tools=self.CHAT_TOOLS) as stream:
                choice = stream.get_final_completion().choices[0]
            messages.append(choice.message.model_dump(exclude_none=True, exclude={"parsed"}))
            if choice.finish_reason != "tool_calls":
                break
            for call in choice.message.tool_calls:
                self.assertIn("path", json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "found 世界"})

        self.assertGreaterEqual(turn, 2)
        self.assertEqual(choice.finish_reason, "stop")

    def test_chat_errors_are_the_librarys_own(self):
        with self.assertRaises(openai.RateLimitError) as caught:
            self.openai.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "x"}],
                extra_headers={"x-practice-fault": "rate-limit"})
        self.assertEqual(caught.exception.response.headers["retry-after"], "7")
        with self.assertRaises(openai.AuthenticationError):
            self.openai.with_options(api_key="invalid").chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "x"}])
        with self.assertRaises(openai.APIError):
            list(self.openai.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "x"}], stream=True,
                extra_headers={"x-practice-fault": "reset-mid-stream", "x-practice-words": "50"}))


class ResponsesClient:
    """The openai library's responses, used as its agents library does."""

    RESPONSES_TOOLS = [{"type": "function", "name": "read_file", "description": "reads", "parameters": SCHEMA,
                        "strict": True}]

    def test_responses_answer_and_stream_alike(self):
        whole = self.openai.responses.create(model=MODEL, input=QUESTION, instructions="Be brief.")
        with self.openai.responses.stream(model=MODEL, input=QUESTION, instructions="Be brief.") as stream:
            kinds = [event.type for event in stream]
            streamed = stream.get_final_response()

        self.assertIn("世界", whole.output_text)
        self.assertEqual(streamed.output_text, whole.output_text)
        self.assertEqual((whole.status, whole.model, whole.instructions), ("completed", MODEL, "Be brief."))
        self.assertEqual((kinds[0], kinds[-1]), ("response.created", "response.completed"))
        self.assertGreater(streamed.usage.output_tokens, 0)

    def test_responses_tools_run_with_the_whole_input_sent_again(self):
        items = [{"role": "user", "content": QUESTION}]
        for turn in range(6):
            response = self.openai.responses.create(
                model=MODEL, input=items, tools=self.RESPONSES_TOOLS, store=False, parallel_tool_calls=True,
                reasoning={"effort": "high", "summary": "auto"}, include=["reasoning.encrypted_content"])
            items += [item.model_dump(exclude_none=True) for item in response.output]
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                break
            items += [{"type": "function_call_output", "call_id": call.call_id, "output": "found"} for call in calls]

        self.assertGreaterEqual(turn, 2)
        self.assertTrue(response.output_text)

    def test_responses_tools_run_from_the_kept_response(self):
        response = self.openai.responses.create(model=MODEL, input=QUESTION, tools=self.RESPONSES_TOOLS)
        first = response.id
        for turn in range(6):
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                break
            response = self.openai.responses.create(
                model=MODEL, tools=self.RESPONSES_TOOLS, previous_response_id=response.id,
                input=[{"type": "function_call_output", "call_id": call.call_id, "output": "found"} for call in calls])

        self.assertGreaterEqual(turn, 2)
        self.assertTrue(response.output_text)
        self.assertEqual(self.openai.responses.retrieve(first).id, first)
        listed = list(self.openai.responses.input_items.list(response.id, order="asc", limit=2))
        self.assertGreater(len(listed), 3)
        self.openai.responses.delete(first)
        with self.assertRaises(openai.NotFoundError):
            self.openai.responses.retrieve(first)

    def test_responses_errors_are_the_librarys_own(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.openai.responses.create(model=MODEL, input="x", previous_response_id="resp_none")
        self.assertEqual(caught.exception.code, "previous_response_not_found")
        with self.assertRaises(openai.InternalServerError):
            self.openai.responses.create(model=MODEL, input="x", extra_headers={"x-practice-fault": "server-error"})


class MessagesClient:
    """The anthropic library."""

    MESSAGES_TOOLS = [{"name": "read_file", "description": "reads", "input_schema": SCHEMA}]

    def test_messages_answer_and_stream_alike(self):
        asked = {"model": MODEL, "max_tokens": 500, "system": "Be brief.", "messages": [{"role": "user", "content": [
            {"type": "text", "text": QUESTION},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}]}
        whole = self.anthropic.messages.create(**asked)
        with self.anthropic.messages.stream(**asked) as stream:
            text = "".join(stream.text_stream)
            streamed = stream.get_final_message()

        written = "".join(block.text for block in whole.content if block.type == "text")
        self.assertIn("世界", written)
        self.assertEqual(text, written)
        self.assertEqual((whole.model, whole.stop_reason, streamed.stop_reason), (MODEL, "end_turn", "end_turn"))
        self.assertEqual(streamed.usage.output_tokens, whole.usage.output_tokens)

    def test_messages_tools_run_to_the_end_with_thinking(self):
        messages = [{"role": "user", "content": QUESTION}]
        thought = False
        for turn in range(6):
            with self.anthropic.messages.stream(
                    model=MODEL, max_tokens=4000, messages=messages, tools=self.MESSAGES_TOOLS,
                    thinking={"type": "enabled", "budget_tokens": 2000}) as stream:
                message = stream.get_final_message()
            thought |= any(block.type == "thinking" and block.thinking for block in message.content)
            messages.append({"role": "assistant", "content": message.content})
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                break
            self.assertEqual(message.stop_reason, "tool_use")
            messages.append({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": "found", "is_error": index == 0}
                for index, call in enumerate(calls)]})

        self.assertGreaterEqual(turn, 2)
        self.assertEqual(message.stop_reason, "end_turn")
        self.assertTrue(thought)

    def test_messages_errors_are_the_librarys_own(self):
        asked = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "x"}]}
        with self.assertRaises(anthropic.RateLimitError) as caught:
            self.anthropic.messages.create(**asked, extra_headers={"x-practice-fault": "rate-limit"})
        self.assertEqual(caught.exception.response.headers["retry-after"], "7")
        broken = {"x-practice-fault": "reset-mid-stream", "x-practice-words": "50"}
        with self.assertRaises(anthropic.APIStatusError):
            with self.anthropic.messages.stream(**asked, extra_headers=broken) as stream:
                stream.get_final_message()

    def test_messages_models_and_counts(self):
        self.assertIn("deepseek-v4-pro", [model.id for model in self.anthropic.models.list()])
        counted = self.anthropic.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "hello"}])
        self.assertGreater(counted.input_tokens, 0)


class AtMessages(ChatClient, ResponsesClient, AtOneDialect):
    """OpenAI's library, an Anthropic-only upstream."""

    dialect = "messages"


class AtChat(MessagesClient, ResponsesClient, AtOneDialect):
    """Anthropic's library and responses, a chat-only upstream of DeepSeek's kind."""

    dialect = "chat"
    provider = "deepseek"


class AtResponses(ChatClient, MessagesClient, AtOneDialect):
    """Chat and Anthropic's library, a responses-only upstream."""

    dialect = "responses"


if __name__ == "__main__":
    unittest.main()
