"""Drives one side: heavy load from wrk, checked answers from bench_client, and the rules that both must keep.

Every function raises LoadError when an answer was wrong, missing or doubled: a benchmark of broken answers is no
benchmark.
"""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time

from contenders import Side, SideError, Upstream
from measurement import Meter, Window

PATH = "/v1/chat/completions"
# Left out at the start of a wrk run: connecting and filling the pools (less when the run itself is shorter).
LEAD_IN_SECONDS = 0.4
# After a load: when the calls that it left under way count as ended, and how long that may take.
SETTLED_SECONDS = 0.03
SETTLING_SECONDS_MAX = 10


class LoadError(Exception):
    """An answer, or the count of answers, was wrong."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One kind of load: one row of the table for each side."""

    name: str
    title: str
    connections: int
    body_bytes: int = 2048
    upstream_kind: str = "plain"
    events: int = 0
    gap_milliseconds: int = 0

    def port(self, side: Side) -> int:
        return side.stream_port if self.events else side.plain_port


@dataclasses.dataclass(frozen=True)
class Bench:
    """What every run needs: programs, request bodies, the cores, the upstream and the meter."""

    build: pathlib.Path
    bodies: dict[tuple[int, bool], pathlib.Path]
    load_core: int
    upstream: Upstream
    meter: Meter

    def body(self, cell: Cell) -> pathlib.Path:
        return self.bodies[cell.body_bytes, cell.events > 0]

    def client_command(self, port: int, body: pathlib.Path, **options: int | str) -> list[str]:
        command = ["taskset", "-c", str(self.load_core), str(self.build / "bench_client"),
                   "--port", str(port), "--body", str(body)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return command

    def client(self, port: int, body: pathlib.Path, **options: int) -> dict:
        """One run of bench_client to its end; the report, checked for errors."""
        done = subprocess.run(self.client_command(port, body, **options), stdout=subprocess.PIPE, check=True, text=True)
        return checked(json.loads(done.stdout))


def client_run(bench: Bench, side: Side, port: int, body: pathlib.Path, **options: int) -> tuple[dict, Window]:
    """One run of bench_client, and the window that it took."""
    processes = side.processes()
    before = bench.meter.snapshot(processes, [bench.upstream.process.pid])
    report = bench.client(port, body, **options)
    after = bench.meter.snapshot(processes, [bench.upstream.process.pid])
    return report, bench.meter.window(before, after, options.get("events", 0))


def checked(report: dict) -> dict:
    if any(report["errors"].values()):
        raise LoadError(f"wrong answers: {report['errors']}")
    return report


def check_the_checker(bench: Bench):
    """Answers that are wrong on purpose (the upstream's echo instead of its answer) must be counted as wrong."""
    command = bench.client_command(
        bench.upstream.ports["plain"], bench.bodies[2048, False], connections=4, path="/v1/bench/echo")
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    if json.loads(done.stdout)["errors"]["wrong_bytes"] != 4:
        raise LoadError("bench_client does not notice wrong answers")


def check_duties(side: Side, bodies: list[pathlib.Path]):
    """What makes the comparison fair: bodies pass unchanged, and where a side keeps records and metrics, it does."""
    for path in bodies:
        body = path.read_bytes()
        status, echoed = side.call("POST", "/v1/bench/echo", body)
        if status != 200 or echoed != body:
            raise SideError(f"{side.name} changed a body of {len(body)} bytes (status {status}, {len(echoed)} back)")
    if side.metrics_path and side.call("GET", side.metrics_path)[0] != 200:
        raise SideError(f"{side.name} has no metrics")
    if side.records:
        deadline = time.monotonic() + 5
        while side.record_count() < len(bodies):
            if time.monotonic() > deadline:
                raise SideError(f"{side.name} wrote {side.record_count()} records of {len(bodies)} calls and more")
            time.sleep(0.05)


def check_bytes(bench: Bench, side: Side, cell: Cell):
    """A few calls of this cell with every byte compared, before the load is let loose."""
    connection_count = min(cell.connections, 8)
    if cell.upstream_kind == "tls" and side.name == "direct":
        return
    report = bench.client(
        cell.port(side), bench.body(cell), connections=connection_count, requests=2, events=cell.events,
        gap_milliseconds=cell.gap_milliseconds)
    if report["responses"] != 2 * connection_count or report["events"] != report["responses"] * cell.events:
        raise LoadError(f"{report['responses']} answers with {report['events']} events came back")


def wrk_run(bench: Bench, side: Side, cell: Cell, seconds: float) -> tuple[dict, Window]:
    """One wrk run: its report, and the window between the lead-in and the moment when wrk is told to stop."""
    processes = side.processes()
    scheme = "https" if cell.upstream_kind == "tls" and side.name == "direct" else "http"
    environment = {**os.environ, "BENCH_BODY": str(bench.body(cell))}
    if cell.events:
        environment |= {"BENCH_EVENTS": str(cell.events), "BENCH_GAP_MILLISECONDS": str(cell.gap_milliseconds)}
    before_all = settled_counters(bench)
    wrk = subprocess.Popen(
        ["taskset", "-c", str(bench.load_core), "wrk", "-t1", f"-c{cell.connections}", "-d60s",
         "--timeout", "30s", "-s", str(pathlib.Path(__file__).parent / "post.lua"),
         f"{scheme}://127.0.0.1:{cell.port(side)}{PATH}"],
        env=environment, stdout=subprocess.PIPE, text=True)
    start = time.monotonic()
    load_processes = [wrk.pid, bench.upstream.process.pid]
    try:
        time.sleep(min(LEAD_IN_SECONDS, seconds / 4))
        before = bench.meter.snapshot(processes, load_processes)
        time.sleep(max(0.1, start + seconds - time.monotonic()))
        after = bench.meter.snapshot(processes, load_processes)
    finally:
        wrk.send_signal(signal.SIGINT)
    output, _ = wrk.communicate()
    report = wrk_report(output)
    check_counts(report, before_all, settled_counters(bench), cell)
    return report, bench.meter.window(before, after, cell.events)


def settled_counters(bench: Bench) -> dict[str, int]:
    """The upstream's counters once what was under way has reached it: nothing moved for SETTLED_SECONDS."""
    counters = bench.meter.counters.read()
    for _ in range(round(SETTLING_SECONDS_MAX / SETTLED_SECONDS)):
        time.sleep(SETTLED_SECONDS)
        earlier, counters = counters, bench.meter.counters.read()
        if counters == earlier:
            return counters
    raise LoadError("the upstream is still being called long after the load ended")


def wrk_report(output: str) -> dict:
    for line in output.splitlines():
        if line.startswith("report "):
            return checked(json.loads(line.removeprefix("report ")))
    raise LoadError(f"wrk gave no report:\n{output[-1000:]}")


def check_counts(report: dict, before: dict[str, int], after: dict[str, int], cell: Cell):
    """What wrk counted and what the upstream counted must agree, but for the calls cut off at the end."""
    upstream_requests = after["requests"] - before["requests"]
    upstream_bytes = after["request_body_bytes"] - before["request_body_bytes"]
    surplus = upstream_requests - report["requests"]
    if report["requests"] == 0:
        raise LoadError("not one answer")
    if not 0 <= surplus <= cell.connections:
        raise LoadError(f"wrk has {report['requests']} answers, the upstream saw {upstream_requests} requests")
    if not 0 <= upstream_bytes - upstream_requests * cell.body_bytes <= cell.connections * cell.body_bytes:
        raise LoadError(f"{upstream_requests} requests of {cell.body_bytes} bytes brought {upstream_bytes} bytes")
    if after["protocol_errors"] != before["protocol_errors"]:
        raise LoadError("the upstream met malformed requests")


class Held:
    """Connections or streams that bench_client opened and keeps open, until `release`."""

    def __init__(self, bench: Bench, side: Side, count: int, *, are_streams: bool):
        port = side.stream_port if are_streams else side.plain_port
        options = {"connections": count, "in_flight": 64}
        if are_streams:
            options |= {"events": 2, "gap_milliseconds": 600_000}
        self.process = subprocess.Popen(
            bench.client_command(port, bench.bodies[2048, are_streams], **options) + ["--hold"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()

    def release(self):
        output, _ = self.process.communicate()
        if self.line.strip() != "holding":
            raise LoadError("bench_client could not hold its connections")
        checked(json.loads(output))
