"""HOME/usage.jsonl: one line a call, with what the provider reported, readable by its owner only, rotated by size."""
import datetime
import gzip
import json
import os
import threading
import time
import unittest
import zlib

import dialects
from harness import Gateway, Scenario
from upstreams import RawUpstream, refused_port, wait_until


def stored_brotli(data):
    """`data` as a brotli stream of one uncompressed meta-block (RFC 7932); at most 64 KiB."""
    bits = (len(data) - 1) << 4 | 1 << 20  # WBITS 16, not last, MNIBBLES 4, MLEN - 1, ISUNCOMPRESSED
    return bits.to_bytes(3, "little") + data + b"\x03"


def stored_zstd(data):
    """`data` as a zstd frame of one raw block (RFC 8878); at most 64 KiB."""
    descriptor = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")  # single segment, 4-byte size
    return descriptor + (len(data) << 3 | 1).to_bytes(3, "little") + data


CODINGS = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": stored_brotli, "zstd": stored_zstd,
}


class UsageLines(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.upstream = RawUpstream(lambda exchange: cls.answer_with(exchange))
        cls.gateway = Gateway(f"main={cls.upstream.url}")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.upstream.__exit__()

    def setUp(self):
        type(self).answer_with = staticmethod(self.plain)

    @staticmethod
    def plain(exchange):
        dialect = next((d for d in dialects.ALL if exchange.request.target == d.path), dialects.CHAT)
        if b'"stream" : true' in exchange.request.plain_body():
            return exchange.stream(dialect.stream)
        return exchange.answer(dialect.answer)

    def test_a_line_has_every_field_with_its_unit(self):
        for dialect in dialects.ALL:
            for stream in (False, True):
                with self.subTest(dialect=dialect.name, stream=stream):
                    before = datetime.datetime.now(datetime.timezone.utc)
                    request = dialect.request(stream)

                    response = self.gateway.call(dialect, stream, body=request)
                    line = self.gateway.usage_of(response)

                    when = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
                    self.assertLess(abs((when - before).total_seconds()), 5)
                    self.assertEqual(line["dialect"], dialect.name)
                    self.assertEqual(line["upstream"], "main")
                    self.assertEqual(line["model"], dialect.model)
                    self.assertEqual(line["status"], 200)
                    self.assertIs(line["stream"], stream)
                    self.assertEqual(line["outcome"], "ok")
                    self.assertEqual(line["bytes"], {"request": len(request), "response": len(response.body)})
                    self.assertGreater(line["ms"]["total"], 0)
                    self.assertLessEqual(line["ms"]["first_byte"], line["ms"]["total"])
                    self.assertLess(line["ms"]["added"], line["ms"]["total"])

    def test_the_usage_is_what_the_provider_reported(self):
        for dialect in dialects.ALL:
            for stream in (False, True):
                with self.subTest(dialect=dialect.name, stream=stream):
                    line = self.gateway.usage_of(self.gateway.call(dialect, stream))

                    self.assertEqual(line["usage"], dialect.usage)

    def test_the_usage_is_found_for_every_cut_of_the_stream(self):
        for dialect in dialects.ALL:
            body = b"".join(dialect.stream)
            for size in (1, 3, 17, 4096):
                for newline in (b"\n", b"\r\n"):
                    data = body.replace(b"\n", newline)

                    def cut(exchange, data=data, size=size):
                        exchange.start_stream()
                        for start in range(0, len(data), size):
                            exchange.chunk(data[start:start + size])
                        exchange.end_stream()
                    with self.subTest(dialect=dialect.name, size=size, newline=newline):
                        type(self).answer_with = staticmethod(cut)

                        line = self.gateway.usage_of(self.gateway.call(dialect, True))

                        self.assertEqual(line["usage"], dialect.usage)

    def test_the_usage_is_found_in_compressed_answers(self):
        for coding, pack in CODINGS.items():
            for dialect in dialects.ALL:
                for stream in (False, True):
                    plain = b"".join(dialect.stream) if stream else dialect.answer
                    packed = pack(plain)

                    def send(exchange, packed=packed, coding=coding, stream=stream):
                        exchange.answer(packed, headers=[("Content-Encoding", coding)],
                                        content_type="text/event-stream" if stream else "application/json")
                    type(self).answer_with = staticmethod(send)
                    with self.subTest(coding=coding, dialect=dialect.name, stream=stream):
                        response = self.gateway.call(dialect, stream)

                        self.assert_same_bytes(response.body, packed, "the answer")
                        self.assertEqual(self.gateway.usage_of(response)["usage"], dialect.usage)

    def test_usage_in_text_is_not_taken_for_usage(self):
        fake = '{"usage":{"prompt_tokens":1,"completion_tokens":1}}'
        body = json.dumps({
            "choices": [{"message": {"content": fake, "usage": {"prompt_tokens": 2}}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}).encode()
        type(self).answer_with = staticmethod(lambda exchange: exchange.answer(body))

        line = self.gateway.usage_of(self.gateway.call(dialects.CHAT))

        self.assertEqual(line["usage"], {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})

    def test_an_answer_without_usage_or_json_is_recorded_all_the_same(self):
        for body in (b"{}", b"not json", b"", b"\xff\xfe", b'{"usage":null}', b'{"usage":', b"[" * 100_000):
            type(self).answer_with = staticmethod(lambda exchange, body=body: exchange.answer(body))
            with self.subTest(body=body[:20]):
                response = self.gateway.call(dialects.CHAT)
                line = self.gateway.usage_of(response)

                self.assertEqual(response.body, body)
                self.assertIsNone(line.get("usage"))
                self.assertEqual(line["status"], 200)

    def test_the_model_of_the_request_is_recorded_whatever_its_form(self):
        for body, model in (
            (b'{"model":"a/b\\u00e9 \\"q\\" \\n","messages":[]}', 'a/b\u00e9 "q" \n'),
            (b'{"messages":[{"model":"inner"}],"model":"outer"}', "outer"),
            (b'{"messages":[{"content":"\\"model\\":\\"fake\\""}],"x":{"model":"deep"}, "model" : "real"}', "real"),
            (b'{"model":7}', None), (b"{}", None), (b"not json", None), (b'{"model":"' + b"m" * 5000 + b'"}', None),
        ):
            with self.subTest(body=body[:60]):
                type(self).answer_with = staticmethod(lambda exchange: exchange.answer(b"{}"))

                response = self.gateway.call(dialects.CHAT, body=body)
                line = self.gateway.usage_of(response)

                if model is not None:
                    self.assertEqual(line["model"], model)
                else:
                    self.assertLess(len(line.get("model") or ""), 1024)

    def test_failures_are_recorded_with_their_status(self):
        type(self).answer_with = staticmethod(lambda exchange: exchange.reset())
        response = self.gateway.call(dialects.MESSAGES)
        line = self.gateway.usage_of(response)
        self.assertEqual((response.status, line["status"], line["dialect"]), (502, 502, "messages"))

        type(self).answer_with = staticmethod(lambda exchange: exchange.answer(b"{}", "429 Slow Down"))
        self.assertEqual(self.gateway.usage_of(self.gateway.call(dialects.CHAT))["status"], 429)

        with Gateway(f"http://127.0.0.1:{refused_port()}") as gateway:
            self.assertEqual(gateway.usage_of(gateway.call(dialects.CHAT))["status"], 502)

    def test_concurrent_calls_give_whole_lines(self):
        with Gateway(self.upstream.url, ["--threads", "2"]) as gateway:
            def some():
                for turn in range(25):
                    gateway.call(dialects.ALL[turn % 3], turn % 2 == 0)
            threads = [threading.Thread(target=some) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)

            lines = gateway.usage_lines(200)

            self.assertEqual(len(lines), 200)
            self.assertEqual(len({line["call"] for line in lines}), 200)

    def test_prompts_and_answers_are_never_recorded(self):
        secret = "the-prompt-is-nobodys-business"
        self.gateway.call(dialects.CHAT, body=dialects.CHAT.request(text=secret))
        self.gateway.get(f"/v1/files?text={secret}")
        time.sleep(0.1)

        with open(self.gateway.usage_path) as file:
            text = file.read()

        self.assertNotIn(secret, text)
        self.assertNotIn("Gr\u00fc", text)
        self.assertNotIn(secret, self.gateway.log)


class TheFile(Scenario):
    BYTES_MAX = 64 << 10

    def test_home_and_file_belong_to_their_owner_only(self):
        old = os.umask(0)
        try:
            with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
                gateway.call(dialects.CHAT)
                gateway.usage_lines(1)

                self.assertEqual(os.stat(gateway.home).st_mode & 0o777, 0o700)
                self.assertEqual(os.stat(gateway.usage_path).st_mode & 0o777, 0o600)
        finally:
            os.umask(old)

    def test_the_file_is_rotated_by_size_and_no_line_is_lost(self):
        with RawUpstream(lambda e: e.answer(dialects.CHAT.answer)) as upstream, Gateway(config=(
                f"upstreams:\n  - name: a\n    url: {upstream.url}\n"
                f"usage_log:\n  bytes_max: {self.BYTES_MAX}\n  files_max: 50\n")) as gateway:
            calls = set()
            with gateway.connect() as client:
                for _ in range(400):
                    response = client.exchange("POST", "/v1/chat/completions", [], dialects.CHAT.request())
                    calls.add(response.header("x-cairn-call"))

            def recorded():
                found = set()
                for name in self.files(gateway):
                    with open(os.path.join(gateway.home, name)) as file:
                        found |= {json.loads(line)["call"] for line in file}
                return found == calls
            wait_until(recorded, 5, "all 400 calls in the files together")

            self.assertGreater(len(self.files(gateway)), 1)
            for name in self.files(gateway):
                status = os.stat(os.path.join(gateway.home, name))
                self.assertLessEqual(status.st_size, self.BYTES_MAX)
                self.assertEqual(status.st_mode & 0o777, 0o600)

    def test_old_files_are_dropped(self):
        with RawUpstream(lambda e: e.answer(dialects.CHAT.answer)) as upstream, Gateway(config=(
                f"upstreams:\n  - name: a\n    url: {upstream.url}\n"
                f"usage_log:\n  bytes_max: {self.BYTES_MAX}\n  files_max: 2\n")) as gateway:
            with gateway.connect() as client:
                for _ in range(700):
                    last = client.exchange("POST", "/v1/chat/completions", [], dialects.CHAT.request())
            gateway.usage_of(last)

            self.assertLessEqual(len(self.files(gateway)), 2)

    @staticmethod
    def files(gateway):
        return sorted(name for name in os.listdir(gateway.home) if name.startswith("usage"))

    def test_a_second_start_appends(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            gateway.call(dialects.CHAT)
            gateway.usage_lines(1)
            gateway.stop()
            with Gateway(upstream.url, home=gateway.home) as again:
                again.call(dialects.CHAT)

                self.assertEqual(len(again.usage_lines(2)), 2)

    def test_a_file_that_cannot_be_written_does_not_stop_calls(self):
        with RawUpstream() as upstream, Gateway(upstream.url) as gateway:
            gateway.call(dialects.CHAT)
            gateway.usage_lines(1)
            os.remove(gateway.usage_path)
            os.mkdir(gateway.usage_path)
            gateway.signal(1)
            time.sleep(0.2)

            for _ in range(3):
                self.assertEqual(gateway.call(dialects.CHAT).status, 200)
            wait_until(lambda: "usage" in gateway.log, 3, "a log line about the usage log")


if __name__ == "__main__":
    unittest.main()
