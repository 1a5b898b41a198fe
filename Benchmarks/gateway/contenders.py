"""The sides of the gateway benchmark: Cairn, nginx, haproxy, and no proxy at all.

Each is started alone on the proxy's core in front of the same upstream, waits until it answers, and can tell which
processes are its own. A side is one process family per upstream kind (plain or TLS), for every side alike.
"""

import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from measurement import family

HERE = pathlib.Path(__file__).parent
NAMES = ("direct", "cairn", "nginx", "haproxy")
START_SECONDS_MAX = 10


class SideError(Exception):
    """A side could not be started, or does not do what is measured."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def filled_in(template: str, **values: object) -> str:
    text = (HERE / "sides" / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


class Upstream:
    """bench_upstream on the load core: its ports, its process and the file of its counters."""

    def __init__(self, build: pathlib.Path, directory: pathlib.Path, core: int):
        self.certificate = directory / "upstream.crt"
        key = directory / "upstream.key"
        self.counters_path = directory / "upstream.counters"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", self.certificate],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), build / "bench_upstream", "--stats", self.counters_path,
             "--tls-certificate", self.certificate, "--tls-key", key],
            stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if words[:1] != ["listening"]:
            raise SideError("bench_upstream did not start")
        self.ports = {"plain": int(words[1]), "tls": int(words[2])}

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Side:
    """One contender in front of one upstream kind. `plain_port` and `stream_port` take the two kinds of calls."""

    def __init__(self, name: str, plain_port: int, stream_port: int, metrics_path: str | None = None):
        self.name = name
        self.plain_port = plain_port
        self.stream_port = stream_port
        self.metrics_path = metrics_path
        self.process: subprocess.Popen | None = None
        self.records: pathlib.Path | None = None
        self.error_log: pathlib.Path | None = None

    def processes(self) -> list[int]:
        return family(self.process.pid) if self.process else []

    def start(self, command: list, directory: pathlib.Path, core: int, records: pathlib.Path, environment=None):
        """Starts `command` on `core` and waits until a call through it is answered."""
        self.records = records
        self.error_log = directory / f"{self.name}.stderr"
        output = open(records, "a") if self.name == "haproxy" else subprocess.DEVNULL
        with open(self.error_log, "w") as errors:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, command)], stdout=output, stderr=errors,
                stdin=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SideError(f"{self.name} did not start:\n{self.error_log.read_text()[-2000:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            return self.call("POST", "/v1/chat/completions", b"{}")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One call through this side: its status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=30)
        try:
            connection.request(method, path, body, {
                "Content-Type": "application/json", "Authorization": "Bearer sk-bench"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.name}: {error!r}") from error
        finally:
            connection.close()

    def obituary(self) -> str:
        """What is known of a side that has ended by itself; empty while it runs."""
        if self.process is None or self.process.poll() is None:
            return ""
        return f"{self.name} ended with status {self.process.returncode}:\n{self.error_log.read_text()[-2000:]}"

    def record_count(self) -> int:
        return self.records.read_bytes().count(b"\n") if self.records.exists() else 0

    def trim_records(self):
        """Empties the record file between runs; the sides append, so they carry on at its start."""
        if self.records and self.records.exists():
            os.truncate(self.records, 0)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def command_of(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class House:
    """Knows how to start each side: the upstream, the cores, the Cairn binary and a fresh folder for each start."""

    def __init__(self, upstream: Upstream, directory: pathlib.Path, core: int, cairn: pathlib.Path | None):
        self.upstream = upstream
        self.directory = directory
        self.core = core
        self.cairn = cairn
        self.start_count = 0

    def open(self, name: str, kind: str = "plain") -> Side:
        """Starts side `name` in front of the `kind` ("plain" or "tls") port of the upstream."""
        self.start_count += 1
        directory = self.directory / f"{self.start_count:03d}-{name}-{kind}"
        directory.mkdir(mode=0o700)
        return getattr(self, f"open_{name}")(kind, directory)

    def open_direct(self, kind: str, directory: pathlib.Path) -> Side:
        return Side("direct", self.upstream.ports[kind], self.upstream.ports[kind])

    def open_cairn(self, kind: str, directory: pathlib.Path) -> Side:
        port = free_port()
        home = directory / "home"
        command = [self.cairn, "serve", "--listen", f"127.0.0.1:{port}", "--mode", "passthrough", "--threads", "1",
                   "--home", home]
        if kind == "tls":
            config = directory / "cairn.yaml"
            config.write_text(filled_in("cairn.yaml", UPSTREAM_PORT=self.upstream.ports["tls"],
                                        CERTIFICATE=self.upstream.certificate))
            command += ["--config", config]
        else:
            command += ["--upstream", f"http://127.0.0.1:{self.upstream.ports['plain']}"]
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("CAIRN_") and not name.lower().endswith("_proxy")}
        side = Side("cairn", port, port, metrics_path="/metrics")
        side.start(command, directory, self.core, home / "usage.jsonl", environment)
        return side

    def open_nginx(self, kind: str, directory: pathlib.Path) -> Side:
        plain_port, stream_port = free_port(), free_port()
        config = directory / "nginx.conf"
        config.write_text(filled_in(
            "nginx.conf", DIRECTORY=directory, USER="user root;" if os.geteuid() == 0 else "",
            PLAIN_PORT=plain_port, STREAM_PORT=stream_port, UPSTREAM_PORT=self.upstream.ports[kind],
            SCHEME="https" if kind == "tls" else "http", CERTIFICATE=self.upstream.certificate))
        side = Side("nginx", plain_port, stream_port, metrics_path="/metrics")
        side.start([command_of("nginx"), "-p", directory, "-c", config, "-e", "stderr"], directory, self.core,
                   directory / "access.jsonl")
        return side

    def open_haproxy(self, kind: str, directory: pathlib.Path) -> Side:
        plain_port, stream_port = free_port(), free_port()
        config = directory / "haproxy.cfg"
        tls = f"ssl verify required ca-file {self.upstream.certificate} sni str(localhost) verifyhost localhost"
        config.write_text(filled_in("haproxy.cfg", PLAIN_PORT=plain_port, STREAM_PORT=stream_port,
                                    UPSTREAM_PORT=self.upstream.ports[kind], TLS=tls if kind == "tls" else ""))
        side = Side("haproxy", plain_port, stream_port)
        side.start([command_of("haproxy"), "-db", "-f", config], directory, self.core, directory / "access.jsonl")
        return side
