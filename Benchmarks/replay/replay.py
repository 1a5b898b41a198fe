"""Replays recorded sessions through the gateway, kills it in the middle of each if asked to, and prints a table.

    replay.py --cairn BINARY --script replay_traces.py --traces DIR [--mode stable] [--sessions 20] [--calls N]
              [--dialects chat,anthropic,responses] [--hostile clock,toolorder,keyorder] [--kill] [--json FILE]

The script that prices the replay is given, so that whoever set the targets also measures. It is the agent and the
provider; between them stand a door (this program) and the gateway. The door knows how many calls each session has: in
front of the middle one it kills the gateway (SIGKILL), at any point of what that writes, and starts it again in the
same home.

Each dialect is a run with a fresh home. Ends with 1 when the script does, or when other calls came through the door
than are recorded.
"""
import argparse
import glob
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

START_SECONDS_MAX = 30
PROVIDERS = {"chat": ("deepseek", "chat"), "anthropic": ("anthropic", "messages"), "responses": ("deepseek", "chat")}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Gateway:
    """`cairn serve` in one home, which can be killed and started again."""

    def __init__(self, binary, home, upstream_port, dialect, mode, threads):
        provider, spoken = PROVIDERS[dialect]
        self.config = os.path.join(home, "replay.yaml")
        with open(self.config, "w") as file:
            file.write(
                f"mode: {mode}\nthreads: {threads}\nupstreams:\n  - name: replay\n"
                f"    url: http://127.0.0.1:{upstream_port}\n    provider: {provider}\n    dialect: {spoken}\n")
        self.binary, self.home = binary, home
        self.kills = 0
        self.start()

    def start(self):
        self.log = open(os.path.join(self.home, "gateway.log"), "a+")
        before = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [self.binary, "serve", "--listen", "127.0.0.1:0", "--home", self.home, "--config", self.config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
            env={"PATH": os.environ["PATH"], "HOME": self.home})
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log.name) as file:
                file.seek(before)
                if found := re.search(r"listening on http://[^\s\"]*:(\d+)", file.read()):
                    self.port = int(found[1])
                    return
            time.sleep(0.01)
        with open(self.log.name) as file:
            sys.exit(f"replay: the gateway does not start: {file.read()[-800:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def restart(self):
        self.kill()
        self.kills += 1
        self.start()


class Door:
    """Carries connections to the gateway, one a call, and restarts it in front of the calls it was told."""

    def __init__(self, gateway, restart_before):
        self.gateway = gateway
        self.restart_before = restart_before
        self.calls = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.calls in self.restart_before:
                self.gateway.restart()
            self.calls += 1
            server = socket.create_connection(("127.0.0.1", self.gateway.port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source, sink):
        try:
            while piece := source.recv(1 << 18):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()


def middles(folder, sessions, calls_max):
    """Numbers of the calls in the middle of the sessions, counted over all of them, and how many calls there are."""
    numbers, before = set(), 0
    for path in sorted(glob.glob(os.path.join(folder, "*.json.gz")))[:sessions]:
        with gzip.open(path) as file:
            messages = json.load(file)["messages"]
        count = sum(message["role"] == "assistant" for message in messages[1:])
        count = min(count, calls_max) if calls_max else count
        numbers.add(before + count // 2)
        before += count
    return numbers, before


def replay(options, dialect):
    home = tempfile.mkdtemp(prefix="cairn-replay-")
    upstream_port = free_port()
    gateway = Gateway(options.cairn, home, upstream_port, dialect, options.mode, options.threads)
    numbers, calls = middles(options.traces, options.sessions, options.calls)
    door = Door(gateway, numbers if options.kill else set())
    result = os.path.join(home, "result.json")
    command = [sys.executable, options.script, "--traces", options.traces, "--gateway", f"http://127.0.0.1:{door.port}",
               "--upstream-port", str(upstream_port), "--dialect", dialect, "--sessions", str(options.sessions),
               "--json", result]
    command += ["--calls", str(options.calls)] if options.calls else []
    command += ["--hostile", options.hostile] if options.hostile else []
    started = time.monotonic()
    try:
        code = subprocess.run(command, stdout=sys.stderr).returncode
    finally:
        gateway.kill()
    if not os.path.exists(result):
        sys.exit(f"replay: the script ended with {code} and no result")
    with open(result) as file:
        report = json.load(file)
    if door.calls != calls:
        sys.exit(f"replay: {door.calls} calls came through the door, {calls} are recorded")
    report.update(dialect=dialect, hostile=options.hostile, kills=gateway.kills, code=code,
                  seconds=round(time.monotonic() - started))
    if not options.keep:
        shutil.rmtree(home)
    return report


def table(reports):
    yield ("| client | calls | killed | failed | wrong | grounding | book | bill direct | bill sent | saved, net "
           "| hit rate | hit rate direct |")
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for report in reports:
        call_cells = [report["dialect"], f"{report['calls']:,}", report["kills"], report["failures"],
                      report["wrong_answers"], f"{report['lines'] * 100:.2f} %"]
        for name, book in report["books"].items():
            cells = [*call_cells, name, f"${book['direct']:.4f}", f"${book['net']:.4f}",
                     f"{book['net_saving'] * 100:.2f} %", f"{book['hit_rate'] * 100:.2f} %",
                     f"{book['direct_hit_rate'] * 100:.2f} %"]
            yield f"| {' | '.join(map(str, cells))} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cairn", required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--traces", required=True)
    parser.add_argument("--mode", default="stable")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--dialects", default="chat,anthropic,responses")
    parser.add_argument("--hostile", default="")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the homes where they are")
    parser.add_argument("--json")
    options = parser.parse_args()
    reports = [replay(options, dialect) for dialect in options.dialects.split(",")]
    print("\n".join(table(reports)))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(reports, file, indent=1)
    sys.exit(max(report["code"] for report in reports))


if __name__ == "__main__":
    main()
