"""What the gateway benchmark reads from the machine: CPU time, foreign load, memory, and the upstream's counters.

CPU time of a process comes from its POSIX CPU clock: nanoseconds, all threads, also those that have ended. Foreign
load is what a core spent on anything but our own processes, so that a run disturbed by others can be repeated.
"""

import dataclasses
import mmap
import os
import resource
import struct
import time

# How long both cores must be idle before a run begins.
QUIET_SECONDS = 0.5
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

COUNTER_NAMES = (
    "connections_accepted", "connections_open", "requests", "request_body_bytes", "responses", "events", "cancelled",
    "protocol_errors",
)


class UpstreamCounters:
    """The upstream's totals, mapped from the file that bench_upstream.c writes (struct counters)."""

    def __init__(self, path: str):
        with open(path, "rb") as file:
            self.mapped = mmap.mmap(file.fileno(), 8 * len(COUNTER_NAMES), access=mmap.ACCESS_READ)

    def read(self) -> dict[str, int]:
        return dict(zip(COUNTER_NAMES, struct.unpack_from(f"<{len(COUNTER_NAMES)}Q", self.mapped)))


def cpu_seconds(process_ids: list[int]) -> float:
    """CPU seconds, user and system, that these processes have used since they started."""
    return sum(time.clock_gettime((~process_id << 3) | 2) for process_id in process_ids)


def user_and_system_seconds(process_ids: list[int]) -> tuple[float, float]:
    """The same split in two, in clock ticks (10 ms): for shares, not for small differences."""
    user = system = 0
    for process_id in process_ids:
        with open(f"/proc/{process_id}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user / TICKS_PER_SECOND, system / TICKS_PER_SECOND


def ended_children_seconds() -> float:
    """CPU seconds of the children that have ended: a client that ran between two snapshots is counted here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def core_busy_seconds(core: int) -> float:
    """Seconds this core was not idle since boot, time stolen by the host included."""
    with open("/proc/stat") as file:
        for line in file:
            name, *fields = line.split()
            if name == f"cpu{core}":
                user, nice, system, _idle, _iowait, interrupt, soft_interrupt, steal = map(int, fields[:8])
                return (user + nice + system + interrupt + soft_interrupt + steal) / TICKS_PER_SECOND
    raise ValueError(f"no core {core} in /proc/stat")


def memory_kilobytes(process_ids: list[int]) -> dict[str, int]:
    """Resident and proportional memory of these processes together, in KiB (smaps_rollup)."""
    total = {"Rss": 0, "Pss": 0}
    for process_id in process_ids:
        with open(f"/proc/{process_id}/smaps_rollup") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in total:
                    total[name] += int(rest.split()[0])
    return total


def family(process_id: int) -> list[int]:
    """A process and its children (nginx has a master and a worker), as they are now."""
    found = [process_id]
    with open(f"/proc/{process_id}/task/{process_id}/children") as file:
        for child in file.read().split():
            found += family(int(child))
    return found


@dataclasses.dataclass
class Snapshot:
    """One reading of everything a window is measured by."""

    seconds: float
    side_cpu_seconds: float
    user_seconds: float
    system_seconds: float
    load_cpu_seconds: float
    side_core_busy_seconds: float
    load_core_busy_seconds: float
    counters: dict[str, int]


@dataclasses.dataclass
class Window:
    """The steady middle of one run: what was done in it and what it cost."""

    seconds: float
    requests: float
    side_cpu_seconds: float
    user_share: float
    foreign_side_cores: float
    foreign_load_cores: float
    load_core_busy: float
    new_upstream_connections: int

    @property
    def foreign_cores(self) -> float:
        return max(self.foreign_side_cores, self.foreign_load_cores)


class Meter:
    """Takes snapshots of one side under test, its load and the upstream, and makes windows of them."""

    def __init__(self, side_core: int, load_core: int, counters: UpstreamCounters):
        self.side_core = side_core
        self.load_core = load_core
        self.counters = counters

    def snapshot(self, side_processes: list[int], load_processes: list[int]) -> Snapshot:
        user, system = user_and_system_seconds(side_processes)
        return Snapshot(
            seconds=time.monotonic(),
            side_cpu_seconds=cpu_seconds(side_processes),
            user_seconds=user,
            system_seconds=system,
            load_cpu_seconds=cpu_seconds(load_processes + [os.getpid()]) + ended_children_seconds(),
            side_core_busy_seconds=core_busy_seconds(self.side_core),
            load_core_busy_seconds=core_busy_seconds(self.load_core),
            counters=self.counters.read(),
        )

    def wait_until_quiet(self, foreign_max: float, patience_seconds: float):
        """Waits until both cores have been as good as idle for half a second, at most `patience_seconds`."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            before = [core_busy_seconds(core) for core in (self.side_core, self.load_core)]
            time.sleep(QUIET_SECONDS)
            after = [core_busy_seconds(core) for core in (self.side_core, self.load_core)]
            if max(late - early for early, late in zip(before, after)) <= foreign_max * QUIET_SECONDS:
                return

    def window(self, before: Snapshot, after: Snapshot, events_per_response: int) -> Window:
        """`events_per_response` is 0 for plain answers; streams are counted by their events, so that a window that
        cuts through streams still counts what was done in it."""
        seconds = after.seconds - before.seconds

        def counted(name: str) -> int:
            return after.counters[name] - before.counters[name]

        side_cpu = after.side_cpu_seconds - before.side_cpu_seconds
        load_cpu = after.load_cpu_seconds - before.load_cpu_seconds
        user = after.user_seconds - before.user_seconds
        system = after.system_seconds - before.system_seconds
        side_busy = after.side_core_busy_seconds - before.side_core_busy_seconds
        load_busy = after.load_core_busy_seconds - before.load_core_busy_seconds
        return Window(
            seconds=seconds,
            requests=counted("events") / events_per_response if events_per_response else counted("responses"),
            side_cpu_seconds=side_cpu,
            user_share=user / (user + system) if user + system > 0 else 0.0,
            foreign_side_cores=max(0.0, side_busy - side_cpu) / seconds,
            foreign_load_cores=max(0.0, load_busy - load_cpu) / seconds,
            load_core_busy=load_busy / seconds,
            new_upstream_connections=counted("connections_accepted"),
        )
