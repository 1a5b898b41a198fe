"""What stable and full mode add to a call, by the gateway's own measure (`ms.added` of usage.jsonl), and their memory.

    stable_benchmark.py --cairn BINARY [--parts history,sizes,turns,memory] [--calls 120] [--json FILE]

history  600 KB of conversation, about 1 KB new in each call, one connection: passthrough, stable, and stable with a
         harness that puts a clock into the system prompt and reorders tools (each call is then a promise on disk)
full     600 KB of an agent that reads, searches and tests the same files again and again, about 1 KB new in each call:
         stable and full, under the prices of gpt-5; epochs are among the calls
sizes    the same from 1 KB to 4 MB
turns    one session from its 1st to its 1,000th call, 1 KB more each time
memory   1,000 sessions of 200 KB, all alive

The upstream answers at once with a few bytes. CPU is that of the gateway's process, all threads, per call.
"""
import argparse
import http.client
import json
import os
import random
import re
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

KEY = {"authorization": "Bearer sk-benchmark", "content-type": "application/json"}
ANSWER = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 1, "total_tokens": 1001}}).encode()
START_SECONDS_MAX = 30
TURN_BYTES = 2000


class Upstream(socketserver.ThreadingTCPServer):
    """Reads requests and answers each with the same few bytes."""

    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.read_head():
                length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
                while length:
                    length -= len(self.rfile.read(min(length, 1 << 18)))
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                                 % (len(ANSWER), ANSWER))

        def read_head(self):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return b""
                head += line
            return head

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Gateway:
    def __init__(self, binary, upstream, threads=1):
        self.home = tempfile.mkdtemp(prefix="cairn-bench-")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--home", self.home, "--mode", "stable",
             "--threads", str(threads), "--upstream", f"http://127.0.0.1:{upstream.server_address[1]}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], "HOME": self.home})
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            if found := re.search(r"listening on http://[^\s\"]*:(\d+)", self.process.stderr.readline()):
                self.port = int(found[1])
                break
        else:
            sys.exit("stable_benchmark: the gateway does not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.client.connect()
        self.calls = 0

    def call(self, body, mode="stable"):
        self.calls += 1
        self.client.request("POST", "/v1/chat/completions", body, {**KEY, "x-cairn-mode": mode})
        response = self.client.getresponse()
        if response.status != 200 or response.read() != ANSWER:
            sys.exit(f"stable_benchmark: a wrong answer, status {response.status}")
        return response

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mebibytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    def added(self, count):
        """`ms.added` of the newest `count` calls, once all calls are recorded."""
        path = os.path.join(self.home, "usage.jsonl")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if os.path.exists(path):
                with open(path) as file:
                    lines = file.read().splitlines()
                if len(lines) == self.calls:
                    return [json.loads(line)["ms"]["added"] for line in lines[-count:]]
            time.sleep(0.02)
        sys.exit("stable_benchmark: usage.jsonl does not have every call")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Session:
    """One growing conversation as text, so that making a body costs little."""

    def __init__(self, seed, history_bytes, hostile=False, turn_bytes=TURN_BYTES):
        self.rng, self.seed, self.hostile, self.number = random.Random(seed), seed, hostile, 0
        self.turns = [f'{{"role":"user","content":"Task {seed}"}}']
        self.bytes = 0
        while self.bytes < history_bytes:
            self.grow(min(turn_bytes, history_bytes - self.bytes))

    def grow(self, size=1000):
        words = ["error ", "line ", "return ", "\\n", "file.c:12 ", "\\\"x\\\" ", "ü "]
        text = "".join(self.rng.choices(words, k=max(1, size // 6)))[:max(1, size - 80)].rstrip("\\")
        number = len(self.turns)
        self.turns.append(f'{{"role":"assistant","content":"step {number}"}}')
        self.turns.append(f'{{"role":"user","content":"{number} {text}"}}')
        self.bytes += len(self.turns[-1]) + len(self.turns[-2])

    def body(self):
        self.number += 1
        tools = [f'{{"type":"function","function":{{"name":"tool_{name}","parameters":{{"type":"object"}}}}}}'
                 for name in "abcdefgh"]
        clock = ""
        if self.hostile:
            self.rng.shuffle(tools)
            clock = f"Current time: 2026-11-20T{self.number // 60 % 24:02d}:{self.number % 60:02d}:07Z\\n"
        system = f'{{"role":"system","content":"{clock}You are a coding agent."}}'
        turns = ",".join([system, *self.turns])
        return (f'{{"model":"gpt-5","messages":[{turns}],"tools":[{",".join(tools)}]}}').encode()


class AgentSession(Session):
    """An agent's session: calls of one tool and their results, whose other text is new.

    Of the result lines in 540 KB of it 37 % were seen before, of those in the calls behind them 60 %.
    """

    def grow(self, size=1000):
        number = len(self.turns)
        if not hasattr(self, "files"):
            self.files = [[f"    value_{file}_{line} = compute_{self.rng.randrange(9999)}(argument_{line}, {file})"
                           for line in range(200)] for file in range(20)]
        file = self.rng.randrange(len(self.files))
        count = max(1, size // 60)
        start = self.rng.randrange(max(1, len(self.files[file]) - count))
        if number % 3 == 0:
            self.files[file][start] = f"    value_{file}_{start} = changed_in_turn_{number}()"
        seen = self.files[file][start:start + count]
        lines, command = seen, f"sed -n '{start + 1},{start + count}p' src/file_{file}.py"
        if number % 3 == 0:
            lines = [f"result_{number}_{line} took {self.rng.random():.6f} s" for line in range(count)]
            command = "python -m pytest"
        call = json.dumps(json.dumps({"command": command}))
        self.turns.append(f'{{"role":"assistant","content":"step {number}: file {file}","tool_calls":[{{'
                          f'"id":"c{number}","type":"function","function":{{"name":"bash","arguments":{call}}}}}]}}')
        self.turns.append(f'{{"role":"tool","tool_call_id":"c{number}","content":{json.dumps(chr(10).join(lines))}}}')
        self.bytes += len(self.turns[-1]) + len(self.turns[-2])


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def run_calls(gateway, session, calls, mode="stable", growth=1000):
    """Calls of one session behind a first one that is not counted: figures of one row."""
    gateway.call(session.body(), mode)
    cpu, total = gateway.cpu_seconds(), 0
    for _ in range(calls):
        session.grow(growth)
        body = session.body()
        total += len(body)
        gateway.call(body, mode)
    added = gateway.added(calls)
    return dict(bytes=total // calls, calls=calls, p50=statistics.median(added), p99=quantile(added, 0.99),
                cpu_ms=1000 * (gateway.cpu_seconds() - cpu) / calls)


def interleaved(binary, upstream, options, loads):
    """Rows of loads: a name and what makes its session, and the mode."""
    rounds = {name: [] for name in loads}
    for _ in range(options.rounds):  # interleaved, so that a noisy moment of the machine meets all of them
        for name, (mode, session) in loads.items():
            gateway = Gateway(binary, upstream)
            rounds[name].append(run_calls(gateway, session(), options.calls, mode))
            gateway.stop()
    rows = []
    for place, index in (("median", options.rounds // 2), ("quietest", 0)):
        for name, found in rounds.items():
            by_median = sorted(found, key=lambda row: row["p50"])
            rows.append(dict(load=f"{name}, {place} of {options.rounds} rounds", **by_median[index]))
    return rows


def history(binary, upstream, options):
    return interleaved(binary, upstream, options, {
        "passthrough": ("passthrough", lambda: Session(1, 540_000)),
        "stable": ("stable", lambda: Session(1, 540_000)),
        "stable, hostile harness": ("stable", lambda: Session(1, 540_000, hostile=True))})


def full(binary, upstream, options):
    return interleaved(binary, upstream, options, {
        "agent, stable": ("stable", lambda: AgentSession(1, 540_000)),
        "agent, full": ("full", lambda: AgentSession(1, 540_000))})


def sizes(binary, upstream, options):
    rows = []
    gateway = Gateway(binary, upstream)
    for size in (1_000, 10_000, 100_000, 300_000, 600_000, 1_000_000, 2_000_000, 4_000_000):
        for mode in ("passthrough", "stable"):
            session, calls = Session(size, size), max(10, options.calls // 3)
            growth = max(100, min(1000, size // 50))
            rows.append(dict(load=f"{size // 1000} KB, {mode}", **run_calls(gateway, session, calls, mode, growth)))
    gateway.stop()
    return rows


def turns(binary, upstream, options):
    gateway, session, rows = Gateway(binary, upstream), Session(2, 0), []
    for _ in range(1000):
        body = session.body()
        gateway.call(body)
        session.grow()
    added = gateway.added(1000)
    for first, last in ((0, 10), (10, 50), (90, 110), (240, 260), (490, 510), (740, 760), (980, 1000)):
        rows.append(dict(load=f"calls {first + 1} to {last}", bytes=len(body) * last // 1000, calls=last - first,
                         p50=statistics.median(added[first:last]), p99=max(added[first:last])))
    gateway.stop()
    return rows


def memory(binary, upstream, options):
    gateway, rows = Gateway(binary, upstream, threads=2), []
    rows.append(dict(load="started", resident=gateway.resident_mebibytes()))
    sessions = [Session(number, 0) for number in range(1000)]
    one = Session(0, 196_000)
    for step in range(2):
        for number, session in enumerate(sessions):
            own = (turn.replace('"content":"', f'"content":"{number} ', 1) for turn in one.turns[1:])
            session.turns = [session.turns[0], *own]
            if step:
                session.grow()
            gateway.call(session.body())
            session.turns = session.turns[:1]
        rows.append(dict(load=f"1,000 sessions of 200 KB, call {step + 1} of each",
                         resident=gateway.resident_mebibytes()))
    gateway.stop()
    return rows


def table(rows):
    columns = [("load", "load", str), ("bytes", "mean body, bytes", "{:,}".format), ("calls", "calls", str),
               ("p50", "added p50, ms", "{:.3f}".format), ("p99", "added p99, ms", "{:.3f}".format),
               ("cpu_ms", "CPU per call, ms", "{:.2f}".format), ("resident", "resident, MiB", "{:.0f}".format)]
    columns = [column for column in columns if column[0] in rows[0]]
    yield "| " + " | ".join(title for _, title, _ in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(form(row[key]) for key, _, form in columns) + " |"


PARTS = {"history": history, "full": full, "sizes": sizes, "turns": turns, "memory": memory}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cairn", required=True)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--calls", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5, help="of the parts history and full")
    parser.add_argument("--json")
    options = parser.parse_args()
    upstream, found = Upstream(), {}
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in options.parts.split(","):
        found[name] = PARTS[name](options.cairn, upstream, options)
        print(f"\n{name}\n")
        print("\n".join(table(found[name])), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
