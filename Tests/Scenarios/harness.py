"""Starts the real binary, waits until it listens, and never leaves it behind.

`Gateway` runs `cairn serve` and `Practice` runs `cairn practice`, each with a fresh temporary home and an
environment without the caller's CAIRN_*, proxy or key variables. Ports are always 0. The binary is named by
CAIRN_BINARY (run.sh sets it). Tests derive from `Scenario`, which adds the assertions they share.
"""
import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import dialects
import wire
from upstreams import wait_until

BINARY = os.environ.get("CAIRN_BINARY", "cairn")
START_SECONDS = 15
STOP_SECONDS = 10
MIB = 1 << 20
BODY_BYTES_MAX = 64 * MIB


def _is_sanitized():
    """Whether the binary carries the address sanitizer, whose shadow and quarantine make it several times larger."""
    try:
        with open(BINARY, "rb") as file:
            return b"__asan_init" in file.read()
    except OSError:
        return False


MEMORY_FACTOR = 8 if _is_sanitized() else 1

_running = set()
_homes = set()


def _clean_up():
    for process in list(_running):
        process.kill()
    for home in _homes:
        shutil.rmtree(home, ignore_errors=True)


atexit.register(_clean_up)


def fresh_directory():
    path = tempfile.mkdtemp(prefix="cairn-scenario-")
    _homes.add(path)
    return path


def environment(home, **more):
    """What a program started by a test sees. Leaks at exit are not looked for: a process that ends lets go of all."""
    names = ("PATH", "LD_LIBRARY_PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {"ASAN_OPTIONS": "detect_leaks=0", **kept, "HOME": home, "SWIFT_BACKTRACE": "enable=no", **more}


def run(arguments, timeout=30, **variables):
    """Runs the binary to its end: CompletedProcess with text output."""
    return subprocess.run(
        [BINARY, *arguments], env=environment(fresh_directory(), **variables), timeout=timeout,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Program:
    """One running binary; its output is collected line by line while it runs."""

    def __init__(self, arguments, home=None, **variables):
        self.directory = home or fresh_directory()
        self.process = subprocess.Popen(
            [BINARY, *arguments], env=environment(self.directory, **variables), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        _running.add(self)
        self.has_been_ended = False
        self.stdout_lines = []
        self.stderr_lines = []
        for stream, lines in ((self.process.stdout, self.stdout_lines), (self.process.stderr, self.stderr_lines)):
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
        stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()

    def wait_for_line(self, lines, pattern):
        """The match of the first line with `pattern`; AssertionError with the output when the program ends first."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for line in list(lines):
                if match := re.search(pattern, line):
                    return match
            if self.process.poll() is not None:
                time.sleep(0.05)
                if not any(re.search(pattern, line) for line in lines):
                    break
            time.sleep(0.005)
        self.kill()
        raise AssertionError(
            f"{' '.join(self.process.args)}: no line like {pattern!r}, exit {self.process.poll()}, "
            f"stdout {self.stdout_lines[-5:]}, stderr {self.stderr_lines[-5:]}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for_exit(self, seconds=STOP_SECONDS):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s") from None
        self.has_been_ended = True
        _running.discard(self)
        return code

    def stop(self):
        """SIGKILL: tests of an orderly end send their own signals. AssertionError if it had ended by itself, or if a
        sanitizer wrote a report."""
        code = self.process.poll()
        is_alone_in_its_end = code is not None and not self.has_been_ended
        self.kill()
        last_words = " | ".join(self.stderr_lines[-12:])
        if is_alone_in_its_end:
            raise AssertionError(f"{self.process.args[1]} ended by itself with {code}: {last_words}")
        if "runtime error:" in self.log or "Sanitizer: " in self.log:
            raise AssertionError(f"{self.process.args[1]} wrote a sanitizer's report: {last_words}")

    def kill(self):
        self.has_been_ended = True
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        _running.discard(self)

    def is_running(self):
        return self.process.poll() is None

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024

    @property
    def log(self):
        return "\n".join(self.stderr_lines)


class Practice(Program):
    """The practice provider."""

    def __init__(self, *arguments):
        super().__init__(["practice", "--listen", "127.0.0.1:0", *arguments])
        match = self.wait_for_line(self.stdout_lines, r"practice provider on http://127\.0\.0\.1:(\d+)")
        self.port = int(match[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def requests(self):
        with wire.Connection(self.port) as client:
            return json.loads(client.exchange("GET", "/practice/requests").body)

    def clear(self):
        with wire.Connection(self.port) as client:
            client.exchange("DELETE", "/practice/requests")

    def wait_for(self, condition, seconds=5, what="a recorded request"):
        """The first recorded request for which `condition` holds."""
        return wait_until(lambda: next((entry for entry in self.requests() if condition(entry)), None), seconds, what)


class Gateway(Program):
    """`cairn serve` in front of one upstream (or what `config` says); `home` does not exist yet unless it is given.

    It passes bytes unless `mode` (None: what it does by itself) or `arguments` say otherwise, as most tests want."""

    def __init__(self, upstream=None, arguments=(), config=None, home=None, listen="127.0.0.1:0", mode="passthrough",
                 **variables):
        directory = fresh_directory()
        self.home = home or os.path.join(directory, "cairn-home")
        words = ["serve", "--listen", listen, "--home", self.home]
        is_said = any(word.split("=")[0] == "--mode" for word in arguments) or "CAIRN_MODE" in variables \
            or re.search(r"^mode:", config or "", re.M)
        if mode and not is_said:
            words += ["--mode", mode]
        if upstream:
            words += ["--upstream", upstream]
        if config:
            path = os.path.join(directory, "cairn.yaml")
            with open(path, "w") as file:
                file.write(config)
            words += ["--config", path]
        super().__init__([*words, *arguments], home=directory, **variables)
        match = self.wait_for_line(self.stderr_lines, r"listening on (https?)://[^\s\"]*:(\d+)")
        self.port = int(match[2])
        self.scheme = match[1]

    def connect(self, **options):
        return wire.Connection(self.port, **options)

    def call(self, dialect, stream=False, key="sk-test", headers=(), body=None, **options):
        """One call on a fresh connection; the whole answer."""
        body = dialect.request(stream) if body is None else body
        with self.connect(**options) as client:
            return client.exchange("POST", dialect.path, [*dialect.key_headers(key), *headers], body)

    def get(self, target, headers=(), method="GET", body=None):
        with self.connect() as client:
            return client.exchange(method, target, headers, body)

    @property
    def usage_path(self):
        return os.path.join(self.home, "usage.jsonl")

    def usage_lines(self, count, seconds=5):
        """The parsed lines of usage.jsonl once there are at least `count`."""
        def lines():
            if not os.path.exists(self.usage_path):
                return []
            with open(self.usage_path, encoding="utf-8") as file:
                text = file.read()
            complete = text[: text.rfind("\n") + 1].splitlines()
            return complete if len(complete) >= count else []
        return [json.loads(line) for line in wait_until(lines, seconds, f"{count} lines in usage.jsonl")]

    def usage_of(self, response):
        """The usage line of one answer, found by its call id."""
        call = response.header("x-cairn-call")
        return wait_until(
            lambda: next((line for line in self.usage_lines(1) if line["call"] == call), None), 5,
            f"the usage line of call {call}")

    def metrics(self):
        response = self.get("/metrics")
        if response.status != 200:
            raise AssertionError(f"/metrics answered {response.status}")
        return parse_metrics(response.body.decode("utf-8"))


_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)(?: \d+)?')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parse_metrics(text):
    """{(name, frozenset of labels): value} of a Prometheus text page; AssertionError on any line that is not one."""
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"two TYPE lines for {name}"
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped"), line
            types[name] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            labels = _LABEL.findall(match[2] or "")
            assert sum(len(k) + len(v) + 4 for k, v in labels) - 1 <= len(match[2] or "x"), f"labels: {line!r}"
            key = (match[1], frozenset(labels))
            assert key not in samples, f"twice: {line!r}"
            family = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert match[1] in types or types.get(family) == "histogram", f"no TYPE for {line!r}"
            samples[key] = float(match[3])
    assert text.endswith("\n"), "the page must end with a line feed"
    return samples


def metric_sum(samples, name, **labels):
    """The sum of the samples of `name` whose labels include all of `labels`."""
    wanted = set(labels.items())
    return sum(value for (key, have), value in samples.items() if key == name and wanted <= have)


class Scenario(unittest.TestCase):
    """The base of all scenario tests."""

    maxDiff = 2000

    def assert_same_bytes(self, got, want, what):
        if got != want:
            at = next((i for i, pair in enumerate(zip(got, want)) if pair[0] != pair[1]), min(len(got), len(want)))
            self.fail(f"{what}: {len(got)} bytes for {len(want)}, first difference at {at}: "
                      f"{got[max(0, at - 30):at + 50]!r} for {want[max(0, at - 30):at + 50]!r}")

    def assert_envelope(self, dialect, response, statuses, what=""):
        """`response` is one of our own error answers in the caller's dialect."""
        self.assertIn(response.status, statuses, f"{what} {response.body[:300]!r}")
        fault = dialect.envelope_fault(response.body)
        self.assertIsNone(fault, f"{what}: {fault}")
        self.assertIn("application/json", response.header("content-type") or "", what)

    def assert_refused(self, response, statuses, what=""):
        """As assert_envelope, for routes that belong to the OpenAI dialects or to none."""
        self.assert_envelope(dialects.CHAT, response, statuses, what)

    def assert_ends_with_error_event(self, dialect, body, what=""):
        events = wire.events_of(body)
        self.assertTrue(events, f"{what}: no event in {body[-300:]!r}")
        fault = dialect.error_event_fault(events[-1])
        self.assertIsNone(fault, f"{what}: {fault}")
