"""The rounds of the gateway benchmark: which loads there are, how much of each, and the four parts that measure.

Every round measures all sides one after the other (the order rotates), so that slow drift of the machine reaches
them alike.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable

from contenders import House, Side
from load import Bench, Cell, Held, LoadError, check_bytes, client_run, wrk_run
from measurement import Window, memory_kilobytes

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
        self.patience_seconds = 0 if is_smoke else arguments.patience
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

    def quietest(self, side: Side, run: Callable[[], tuple[dict, Window]]) -> tuple[dict, Window, int]:
        """The first of several attempts with little foreign load, else the one with the least; and how many it took."""
        found = None
        for attempt in range(1, self.scale.attempts_max + 1):
            self.bench.meter.wait_until_quiet(self.arguments.foreign_max, self.scale.patience_seconds)
            side.trim_records()
            answer, window = run()
            if found is None or window.foreign_cores < found[1].foreign_cores:
                found = answer, window
            if window.foreign_cores <= self.arguments.foreign_max:
                break
        return *found, attempt

    def measure_cell(self, side: Side, cell: Cell, round_number: int):
        check_bytes(self.bench, side, cell)
        answer, window, attempts = self.quietest(side, lambda: wrk_run(self.bench, side, cell, self.scale.seconds))
        values = {
            "requests_per_second": window.requests / window.seconds,
            "p50_microseconds": answer["p50"],
            "p99_microseconds": answer["p99"],
            "foreign_cores": window.foreign_cores,
            "load_core_busy": window.load_core_busy,
            "new_upstream_connections": window.new_upstream_connections,
            "attempts": attempts,
        }
        if side.process:
            values["cpu_microseconds"] = window.side_cpu_seconds * 1e6 / window.requests
            values["user_share"] = window.user_share
        self.note("load", cell.name, side.name, round_number, **values)

    def measure_latency(self, sides: dict[tuple[str, str], Side]):
        for round_number in range(1, self.scale.rounds + 1):
            for name in self.sides_of_round(round_number):
                side = sides[name, "plain"]
                answer, window, attempts = self.quietest(side, lambda: client_run(
                    self.bench, side, side.plain_port, self.bench.body(LATENCY_CELL),
                    requests=self.scale.latency_calls, seconds=max(1, round(self.scale.seconds))))
                self.note("latency", LATENCY_CELL.name, name, round_number,
                          p50_microseconds=answer["complete"]["p50"], p90_microseconds=answer["complete"]["p90"],
                          p99_microseconds=answer["complete"]["p99"], calls=answer["responses"],
                          foreign_cores=window.foreign_cores, attempts=attempts)

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
                    answer, window, attempts = self.quietest(side, lambda: client_run(
                        self.bench, side, side.stream_port, self.bench.bodies[2048, True],
                        connections=self.scale.live_streams, requests=1, events=self.scale.live_events,
                        gap_milliseconds=self.scale.live_gap_milliseconds, spread_milliseconds=spread_milliseconds))
                    lost = self.scale.live_streams * self.scale.live_events - answer["events"]
                    if lost:
                        raise LoadError(f"{name}: {lost} events are missing")
                    self.note("live", cell, name, round_number, lost_events=lost, streams=answer["responses"],
                              first_byte_p50_microseconds=answer["first_byte"]["p50"],
                              first_byte_p99_microseconds=answer["first_byte"]["p99"],
                              foreign_cores=window.foreign_cores, attempts=attempts)


@contextlib.contextmanager
def stopping(side: Side):
    """Stops the side at the end; when its load failed because it is gone, says so."""
    try:
        yield side
    except LoadError as error:
        raise LoadError(f"{error}\n{side.obituary()}".rstrip()) from error
    finally:
        side.stop()
