"""The gateway benchmark: Cairn beside nginx, haproxy and no proxy, in one run, on one core, interleaved.

Run by run.sh, which builds the C programs first. This file reads the command line, starts the sides, runs the parts
of rounds.py and hands the measurements to report.py. Parts:

    load     wrk on plain calls, streams, large bodies and a TLS upstream: requests/s and CPU per request
    latency  one connection, one call at a time: what the proxy adds
    memory   idle keep-alive connections and streams held open: bytes each
    live     many paced streams at once: every event counted, time to first byte

README.md says what each number means and what to distrust.
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
from contenders import NAMES, House, SideError, Upstream, command_of
from load import Bench, LoadError, check_duties, check_the_checker
from measurement import Meter, UpstreamCounters
from rounds import CELLS, LATENCY_CELL, Run, Scale, stopping

PARTS = ("load", "latency", "memory", "live")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def arguments_of(command_line: list[str]) -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    cell_names = [cell.name for cell in CELLS]
    parser = argparse.ArgumentParser(prog="run.sh", description="Measures Cairn beside nginx, haproxy and no proxy.")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cairn", type=pathlib.Path, help="the binary (default: .build/release/cairn)")
    parser.add_argument("--sides", type=names, help=f"some of {','.join(NAMES)}")
    parser.add_argument("--parts", type=names, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--cells", type=names, help=f"some of {','.join(cell_names)}")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, help="length of one load run (2.5)")
    parser.add_argument("--foreign-max", type=float, default=0.10,
                        help="repeat a run when others used more than this many cores (0.10)")
    parser.add_argument("--patience", type=float, default=20,
                        help="seconds a run waits for others to be quiet before it starts all the same (20)")
    parser.add_argument("--smoke", action="store_true", help="tiny counts, every check: for the normal tests")
    parser.add_argument("--publish", action="store_true",
                        help="write docs/performance.md and Benchmarks/Results/gateway-DATE.json")
    arguments = parser.parse_args(command_line)
    if arguments.smoke and arguments.publish:
        parser.error("a smoke run measures nothing worth publishing")
    for given, known in ((arguments.sides, NAMES), (arguments.parts, PARTS), (arguments.cells, cell_names)):
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
        sys.exit(f"bench-gateway: no binary {arguments.cairn}: build it, name it (--cairn) or leave it out (--sides)")


def write_bodies(directory: pathlib.Path) -> dict[tuple[int, bool], pathlib.Path]:
    bodies = {}
    for size, is_stream in sorted({(cell.body_bytes, cell.events > 0) for cell in CELLS}):
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
