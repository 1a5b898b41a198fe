"""The gateway benchmark: Cairn beside nginx, haproxy and no proxy, in one run, on one core, interleaved.

Run by run.sh, which builds the C programs first. Parts:

    load     wrk on plain calls, streams, large bodies and a TLS upstream: requests/s and CPU per request
    latency  one connection, one call at a time: what the proxy adds
    memory   idle keep-alive connections and streams held open: bytes each
    live     many paced streams at once: every event counted, time to first byte

Every round measures all sides one after the other (the order rotates), so that slow drift of the machine reaches
them alike; ratios are taken within a round. README.md says what each number means and what to distrust.
"""

import argparse
import contextlib
import datetime
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time

import conversation
import report
from contenders import NAMES, House, Side, SideError, Upstream, command_of
from load import Bench, Cell, Held, LoadError, check_bytes, check_the_checker, wrk_run
from measurement import Meter, UpstreamCounters, memory_kilobytes

PARTS = ("load", "latency", "memory", "live")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

CELLS = (
    Cell("chat-64", "2 KB chat call, 64 connections", connections=64),
    Cell("chat-256", "2 KB chat call, 256 connections", connections=256),
    Cell("stream-20", "stream of 20 events, one per 5 ms, 256 connections", connections=256, events=20,
         gap_milliseconds=5),
    Cell("stream-100", "stream of 100 events, one per 5 ms, 256 connections", connections=256, events=100,
         gap_milliseconds=5),
    Cell("burst-20", "stream of 20 events, unpaced, 64 connections", connections=64, events=20),
    Cell("body-200k", "200 KB request body, 16 connections", connections=16, body_bytes=200 * 1024),
    Cell("body-600k", "600 KB request body, 16 connections", connections=16, body_bytes=600 * 1024),
    Cell("tls-64", "2 KB chat call, TLS upstream, 64 connections", connections=64, upstream_kind="tls"),
)
LATENCY_CELL = Cell("latency", "2 KB chat call, 1 connection", connections=1)
ATTEMPTS_MAX = 4


class Scale:
    """How much of everything: the full run, or the smoke run that only proves that nothing has rotted."""

    def __init__(self, arguments: argparse.Namespace):
        is_smoke = arguments.smoke
        self.is_smoke = is_smoke
        self.rounds = arguments.rounds or (1 if is_smoke else 5)
        self.seconds = arguments.seconds or (0.2 if is_smoke else 2.5)
        self.latency_calls = 500 if is_smoke else 0
        self.settle_seconds = 0.05 if is_smoke else 0.4
        self.attempts_max = 1 if is_smoke else ATTEMPTS_MAX
        self.held = 64 if is_smoke else 2000
        self.live_streams = 64 if is_smoke else 1000
        self.live_gap_milliseconds = 10 if is_smoke else 200
        self.live_events = 20
        self.memory_rounds = 1 if is_smoke else min(3, self.rounds)
        self.live_rounds = 1 if is_smoke else min(3, self.rounds)

    def cell(self, cell: Cell) -> Cell:
        if not self.is_smoke:
            return cell
        return Cell(**{**vars(cell), "connections": min(cell.connections, 8),
                       "gap_milliseconds": min(cell.gap_milliseconds, 1)})


class Run:
    """One whole benchmark: the sides, the measurements so far, and the parts that add to them."""

    def __init__(self, arguments: argparse.Namespace, scale: Scale, house: House, bench: Bench):
        self.arguments = arguments
        self.scale = scale
        self.house = house
        self.bench = bench
        self.side_names = arguments.sides
        self.measurements: list[dict] = []

    def note(self, part: str, cell: str, side: str, round_number: int, **values: float):
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
        self.measurements.append({"part": part, "cell": cell, "side": side, "round": round_number, **rounded})
        shown = "  ".join(f"{name.replace('microseconds', 'us')} {value:g}" for name, value in rounded.items())
        print(f"  round {round_number}  {cell:<11} {side:<8} {shown}", file=sys.stderr, flush=True)

    def sides_of_round(self, round_number: int, names: list[str] | None = None) -> list[str]:
        names = names or self.side_names
        first = (round_number - 1) % len(names)
        return names[first:] + names[:first]

    # Parts

    def measure_load(self, sides: dict[tuple[str, str], Side], cells: list[Cell]):
        for round_number in range(1, self.scale.rounds + 1):
            for cell in cells:
                for name in self.sides_of_round(round_number):
                    self.measure_cell(sides[name, cell.upstream_kind], cell, round_number)

    def measure_cell(self, side: Side, cell: Cell, round_number: int):
        """The quietest of several attempts: the first with little foreign load, else the one with the least."""
        check_bytes(self.bench, side, cell)
        quietest = None
        for attempt in range(1, self.scale.attempts_max + 1):
            side.trim_records()
            answer, window = wrk_run(self.bench, side, cell, self.scale.seconds)
            if quietest is None or window.foreign_cores < quietest[1].foreign_cores:
                quietest = answer, window
            if window.foreign_cores <= self.arguments.foreign_max:
                break
        answer, window = quietest
        values = {
            "requests_per_second": window.requests / window.seconds,
            "p50_microseconds": answer["p50"],
            "p99_microseconds": answer["p99"],
            "foreign_cores": window.foreign_cores,
            "load_core_busy": window.load_core_busy,
            "new_upstream_connections": window.new_upstream_connections,
            "attempts": attempt,
        }
        if side.process:
            values["cpu_microseconds"] = window.side_cpu_seconds * 1e6 / window.requests
            values["user_share"] = window.user_share
        self.note("load", cell.name, side.name, round_number, **values)

    def measure_latency(self, sides: dict[tuple[str, str], Side]):
        for round_number in range(1, self.scale.rounds + 1):
            for name in self.sides_of_round(round_number):
                side = sides[name, "plain"]
                side.trim_records()
                answer = self.bench.client(
                    side.plain_port, self.bench.body(LATENCY_CELL), requests=self.scale.latency_calls,
                    seconds=max(1, round(self.scale.seconds)))
                self.note("latency", LATENCY_CELL.name, name, round_number,
                          p50_microseconds=answer["complete"]["p50"], p90_microseconds=answer["complete"]["p90"],
                          p99_microseconds=answer["complete"]["p99"], calls=answer["responses"])

    def measure_memory(self):
        """Each reading is of a process just started, warmed by few connections: growth, not what it held before."""
        for round_number in range(1, self.scale.memory_rounds + 1):
            for cell, are_streams in (("idle", False), ("held", True)):
                for name in self.sides_of_round(round_number, [name for name in self.side_names if name != "direct"]):
                    with stopping(self.house.open(name)) as side:
                        self.measure_held(side, cell, are_streams, round_number)

    def measure_held(self, side: Side, cell: str, are_streams: bool, round_number: int):
        body = self.bench.bodies[2048, are_streams]
        port = side.stream_port if are_streams else side.plain_port
        self.bench.client(port, body, connections=8, requests=25, events=5 if are_streams else 0)
        time.sleep(self.scale.settle_seconds)
        before = memory_kilobytes(side.processes())
        held = Held(self.bench, side, self.scale.held, are_streams=are_streams)
        time.sleep(self.scale.settle_seconds)
        during = memory_kilobytes(side.processes())
        held.release()
        time.sleep(self.scale.settle_seconds)
        after = memory_kilobytes(side.processes())
        self.note("memory", cell, side.name, round_number,
                  kilobytes_each=(during["Rss"] - before["Rss"]) / self.scale.held,
                  proportional_kilobytes_each=(during["Pss"] - before["Pss"]) / self.scale.held,
                  resident_kilobytes_before=before["Rss"], resident_kilobytes_after=after["Rss"])

    def measure_live(self, sides: dict[tuple[str, str], Side]):
        """All at once (the harsh case), then arriving evenly over the length of one stream."""
        stream_milliseconds = self.scale.live_events * self.scale.live_gap_milliseconds
        for round_number in range(1, self.scale.live_rounds + 1):
            for cell, spread_milliseconds in (("live-burst", 0), ("live-spread", stream_milliseconds)):
                for name in self.sides_of_round(round_number):
                    side = sides[name, "plain"]
                    side.trim_records()
                    answer = self.bench.client(
                        side.stream_port, self.bench.bodies[2048, True], connections=self.scale.live_streams,
                        requests=1, events=self.scale.live_events, gap_milliseconds=self.scale.live_gap_milliseconds,
                        spread_milliseconds=spread_milliseconds)
                    lost = self.scale.live_streams * self.scale.live_events - answer["events"]
                    if lost:
                        raise LoadError(f"{name}: {lost} events are missing")
                    self.note("live", cell, name, round_number, lost_events=lost, streams=answer["responses"],
                              first_byte_p50_microseconds=answer["first_byte"]["p50"],
                              first_byte_p99_microseconds=answer["first_byte"]["p99"])


@contextlib.contextmanager
def stopping(side: Side):
    try:
        yield side
    finally:
        side.stop()


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


def arguments_of(command_line: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description="Measures Cairn beside nginx, haproxy and no proxy.")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cairn", type=pathlib.Path, help="the binary (default: .build/release/cairn)")
    parser.add_argument("--sides", type=lambda text: text.split(","), help=f"some of {','.join(NAMES)}")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--cells", type=lambda text: text.split(","), help="some of " + ",".join(c.name for c in CELLS))
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, help="length of one load run (2.5)")
    parser.add_argument("--foreign-max", type=float, default=0.10,
                        help="repeat a run when others used more than this many cores (0.10)")
    parser.add_argument("--smoke", action="store_true", help="tiny counts, every check: for the normal tests")
    parser.add_argument("--publish", action="store_true",
                        help="write docs/performance.md and Benchmarks/Results/gateway-DATE.json")
    arguments = parser.parse_args(command_line)
    if arguments.smoke and arguments.publish:
        parser.error("a smoke run measures nothing worth publishing")
    for given, known in ((arguments.sides, NAMES), (arguments.parts, PARTS), (arguments.cells, [c.name for c in CELLS])):
        unknown = [name for name in given or [] if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return arguments


def choose_sides(arguments: argparse.Namespace):
    """Fills in the sides and the binary; ends the program with one line when something is not there."""
    arguments.cairn = arguments.cairn or REPOSITORY / ".build/release/cairn"
    if arguments.sides is None:
        arguments.sides = ["cairn", "nginx"] if arguments.smoke else list(NAMES)
        if arguments.smoke and command_of("nginx") is None:
            arguments.sides.remove("nginx")
            print("skipped: nginx (not installed)", file=sys.stderr)
    missing = [name for name in ("nginx", "haproxy") if name in arguments.sides and command_of(name) is None]
    if "load" in arguments.parts and command_of("wrk") is None:
        if not arguments.smoke:
            missing.append("wrk")
        else:
            arguments.parts.remove("load")
            print("skipped: the load part (wrk is not installed)", file=sys.stderr)
    if missing:
        sys.exit(f"bench-gateway: not installed: {' '.join(missing)} (apt-get install {' '.join(missing)})")
    if "cairn" in arguments.sides and not os.access(arguments.cairn, os.X_OK):
        sys.exit(f"bench-gateway: no binary {arguments.cairn}; build it, name it with --cairn, or leave it out with --sides")


def write_bodies(directory: pathlib.Path) -> dict[tuple[int, bool], pathlib.Path]:
    bodies = {}
    for size, is_stream in {(cell.body_bytes, cell.events > 0) for cell in CELLS}:
        path = directory / f"body-{size}-{'stream' if is_stream else 'plain'}.json"
        path.write_bytes(conversation.chat_body(size, is_stream=is_stream))
        bodies[size, is_stream] = path
    return bodies


def measure(arguments: argparse.Namespace, scale: Scale, directory: pathlib.Path, stack: contextlib.ExitStack) -> Run:
    cores = sorted(os.sched_getaffinity(0))
    side_core, load_core = cores[0], cores[-1]
    if side_core == load_core and not scale.is_smoke:
        sys.exit("bench-gateway: needs two cores, one for the proxy and one for the load")
    os.sched_setaffinity(0, {load_core})

    upstream = Upstream(arguments.build, directory, load_core)
    stack.callback(upstream.stop)
    house = House(upstream, directory, side_core, arguments.cairn)
    bench = Bench(arguments.build, write_bodies(directory), load_core, upstream,
                  Meter(side_core, load_core, UpstreamCounters(str(upstream.counters_path))))
    check_the_checker(bench)
    run = Run(arguments, scale, house, bench)
    cells = [scale.cell(cell) for cell in CELLS if not arguments.cells or cell.name in arguments.cells]

    kinds = {"plain"} | {cell.upstream_kind for cell in cells if "load" in arguments.parts}
    sides = {}
    for kind in sorted(kinds):
        for name in arguments.sides:
            sides[name, kind] = stack.enter_context(stopping(house.open(name, kind)))
            if (name, kind) != ("direct", "tls"):
                check_duties(sides[name, kind], list(bench.bodies.values()))

    if "load" in arguments.parts:
        run.measure_load(sides, cells)
    if "latency" in arguments.parts:
        run.measure_latency(sides)
    if "live" in arguments.parts:
        run.measure_live(sides)
    if "memory" in arguments.parts:
        run.measure_memory()
    return run


def main():
    # Told to stop, leave by way of the `with` blocks: they end every process that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = arguments_of(sys.argv[1:])
    choose_sides(arguments)
    scale = Scale(arguments)
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))

    # Logs and records go to memory where there is such a folder, so that no side pays for, or waits on, a disk.
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-gateway-", dir=parent) as directory, \
                contextlib.ExitStack() as stack:
            run = measure(arguments, scale, pathlib.Path(directory), stack)
    except (SideError, LoadError) as error:
        sys.exit(f"bench-gateway: {error}")

    outcome = report.Outcome(
        measurements=run.measurements,
        cells={cell.name: cell.title for cell in (*CELLS, LATENCY_CELL)},
        facts=report.facts(REPOSITORY, scale=vars(scale), minutes=(time.monotonic() - start) / 60,
                           date=datetime.date.today().isoformat()),
    )
    text, page_section = outcome.text(), outcome.markdown()
    if arguments.smoke:
        print(f"bench-gateway smoke: {len(run.measurements)} measurements of {' and '.join(arguments.sides)}, every "
              f"answer right, {len(text.splitlines())} lines of tables and {len(page_section)} bytes of report")
        return
    print(text)
    if arguments.publish:
        for path in outcome.publish(REPOSITORY):
            print(f"wrote {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
