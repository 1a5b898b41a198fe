"""Turns the measurements of the gateway benchmark into tables: on the terminal, in docs/performance.md, and as JSON.

Every number shown is a median over the rounds with its smallest and largest value. A ratio is taken between two sides
of the same round first; its median is what a target is held against.
"""

import dataclasses
import json
import pathlib
import platform
import re
import statistics
import subprocess

SECTION_BEGIN = "<!-- gateway: written by make bench-gateway -->"
SECTION_END = "<!-- gateway: end -->"


@dataclasses.dataclass(frozen=True)
class Target:
    """One promise: `value` of Cairn in `cell`, as it is or divided by that of side `against`, must keep the bound."""

    text: str
    cell: str
    value: str
    bound: float
    against: str | None = None
    is_minimum: bool = False

    def keeps(self, measured: float) -> bool:
        return measured >= self.bound if self.is_minimum else measured <= self.bound

    def bound_text(self) -> str:
        unit = f" x {self.against}" if self.against else (" KB" if "kilobytes" in self.value else "")
        return f"{'at least' if self.is_minimum else 'at most'} {self.bound:g}{unit}"


TARGETS = (
    Target("CPU per call, 2 KB chat, 64 connections", "chat-64", "cpu_microseconds", 0.95, "nginx"),
    Target("CPU per call, 2 KB chat, 256 connections", "chat-256", "cpu_microseconds", 0.95, "nginx"),
    Target("calls per second, 2 KB chat, 64 connections", "chat-64", "requests_per_second", 1.0, "nginx", True),
    Target("calls per second, 2 KB chat, 256 connections", "chat-256", "requests_per_second", 1.0, "nginx", True),
    Target("CPU per stream of 20 events", "stream-20", "cpu_microseconds", 0.95, "nginx"),
    Target("CPU per stream of 100 events", "stream-100", "cpu_microseconds", 0.95, "nginx"),
    Target("CPU per call, 200 KB body", "body-200k", "cpu_microseconds", 0.75, "nginx"),
    Target("CPU per call, 600 KB body", "body-600k", "cpu_microseconds", 0.75, "nginx"),
    Target("CPU per call, TLS upstream", "tls-64", "cpu_microseconds", 0.95, "nginx"),
    Target("latency at 1 connection, p50", "latency", "p50_microseconds", 1.0, "nginx"),
    Target("latency at 1 connection, p99", "latency", "p99_microseconds", 1.0, "nginx"),
    Target("memory of an idle keep-alive connection", "idle", "kilobytes_each", 10),
    Target("memory of a stream held open", "held", "kilobytes_each", 48),
    Target("lost events, 1,000 live streams", "live-burst", "lost_events", 0),
    Target("first byte p99, 1,000 live streams at once", "live-burst", "first_byte_p99_microseconds", 2.0, "direct"),
)

# Columns of the tables: heading, value, digits after the point.
LOAD_COLUMNS = (
    ("calls/s", "requests_per_second", 0), ("CPU us/call", "cpu_microseconds", 1), ("p50 us", "p50_microseconds", 0),
    ("p99 us", "p99_microseconds", 0), ("others' cores", "foreign_cores", 2))
LATENCY_COLUMNS = (
    ("p50 us", "p50_microseconds", 0), ("p90 us", "p90_microseconds", 0), ("p99 us", "p99_microseconds", 0),
    ("others' cores", "foreign_cores", 2))
MEMORY_COLUMNS = (
    ("KB each (Rss)", "kilobytes_each", 1), ("KB each (Pss)", "proportional_kilobytes_each", 1),
    ("KB before", "resident_kilobytes_before", 0), ("KB after release", "resident_kilobytes_after", 0))
LIVE_COLUMNS = (
    ("streams", "streams", 0), ("lost events", "lost_events", 0),
    ("first byte p50 us", "first_byte_p50_microseconds", 0), ("p99 us", "first_byte_p99_microseconds", 0),
    ("others' cores", "foreign_cores", 2))
TABLES = (
    ("Load", "load", LOAD_COLUMNS), ("Latency", "latency", LATENCY_COLUMNS), ("Memory", "memory", MEMORY_COLUMNS),
    ("Live streams", "live", LIVE_COLUMNS))

TITLES = {
    "idle": "2,000 idle keep-alive connections, one 2 KB call each", "held": "2,000 streams held open after one event",
    "live-burst": "1,000 streams of 20 events over 4 s, all begun at once",
    "live-spread": "1,000 streams of 20 events over 4 s, begun evenly over 4 s",
}

NOTES = """\
- The proxy under test has one core, wrk and the upstream share the other. **CPU per call is the sturdy number**; calls
  per second are capped by the second core as soon as it is full, and then understate the faster proxy.
- CPU per call is all CPU of all threads and processes of a side in the steady middle of a run, divided by the answers
  (or events) that the upstream gave in the same window. On loopback most of it is the kernel's TCP, the same for all.
- p50 and p99 under load come from wrk, which corrects them for coordinated omission; latency at one connection comes
  from our own client, uncorrected.
- Every side does the same duties: one record per call to a file, metrics, keep-alive on both sides, a verified
  certificate on TLS. nginx: buffering on for plain calls and off for streams, 1 MB body buffer, 512 idle upstream
  connections, buffered log. Records go to memory-backed files, so no side waits for a disk.
- Before every run a small client compares all bytes of some answers; in the run wrk's error counters must be zero and
  its count must agree with the upstream's. A run that fails this ends the benchmark.
- A run with more foreign load on either core than the limit is repeated; the quietest attempt counts and its foreign
  load is shown. nginx allocates its connection table at start: its growth per connection does not show that part.
"""


def facts(repository: pathlib.Path, **more: object) -> dict:
    """The machine, the programs and the commit."""
    def output(*command: str) -> str:
        try:
            done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        except FileNotFoundError:
            return "not installed"
        return (done.stdout + done.stderr).strip()

    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    versions = {}
    for name, text in (("nginx", output("/usr/sbin/nginx", "-v")), ("haproxy", output("/usr/sbin/haproxy", "-v")),
                       ("wrk", output("wrk", "-v")), ("openssl", output("openssl", "version"))):
        found = re.search(r"\d+\.\d+\.\d+", text)
        versions[name] = found[0] if found else "none"
    commit = output("git", "rev-parse", "--short=10", "HEAD")
    is_changed = bool(output("git", "status", "--porcelain", "--untracked-files=no"))
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": len([line for line in open("/proc/cpuinfo") if line.startswith("processor")]),
        "memory_gigabytes": round(int(memory[1]) / 1024 / 1024) if memory else 0,
        "system": system[1] if system else platform.system(),
        "kernel": platform.release(),
        "commit": commit + (" with changes" if is_changed else ""),
        "versions": versions,
        **more,
    }


@dataclasses.dataclass
class Outcome:
    """All measurements of one benchmark and what is said about them."""

    measurements: list[dict]
    cells: dict[str, str]
    facts: dict

    def values(self, cell: str, side: str, value: str) -> dict[int, float]:
        """`value` by round; empty when it was not measured."""
        return {
            row["round"]: row[value] for row in self.measurements
            if row["cell"] == cell and row["side"] == side and value in row}

    def compared(self, target: Target) -> list[float]:
        """What the target is held against, one number a round."""
        ours = self.values(target.cell, "cairn", target.value)
        if target.against is None:
            return list(ours.values())
        theirs = self.values(target.cell, target.against, target.value)
        return [ours[number] / theirs[number] for number in ours if theirs.get(number)]

    # Tables, as rows of texts

    def target_rows(self) -> list[list[str]]:
        rows = [["target", "bound", "measured (least to most)", ""]]
        for target in TARGETS:
            compared = self.compared(target)
            if compared:
                verdict = "met" if target.keeps(statistics.median(compared)) else "**missed**"
                rows.append([target.text, target.bound_text(), spread(compared, 2), verdict])
            else:
                rows.append([target.text, target.bound_text(), "not measured", ""])
        return rows

    def table_rows(self, part: str, columns: tuple) -> list[list[str]]:
        rows = [["load", "side", *(heading for heading, _, _ in columns)]]
        seen = []
        for row in self.measurements:
            if row["part"] == part and (row["cell"], row["side"]) not in seen:
                seen.append((row["cell"], row["side"]))
        order = ("direct", "cairn", "nginx", "haproxy")
        cells = list(dict.fromkeys(cell for cell, _ in seen))
        for cell, side in sorted(seen, key=lambda pair: (cells.index(pair[0]), order.index(pair[1]))):
            title = self.cells.get(cell) or TITLES[cell]
            texts = []
            for _, value, digits in columns:
                found = list(self.values(cell, side, value).values())
                texts.append(spread(found, digits) if found else "-")
            rows.append([title, side, *texts])
        return rows

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        found = [("Targets", self.target_rows())]
        for heading, part, columns in TABLES:
            rows = self.table_rows(part, columns)
            if len(rows) > 1:
                found.append((heading, rows))
        return found

    def setting(self) -> list[str]:
        facts, scale = self.facts, self.facts["scale"]
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        return [
            f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores, "
            f"{facts['memory_gigabytes']} GB; {facts['system']}, Linux {facts['kernel']}; {versions}.",
            f"{scale['rounds']} interleaved rounds of {scale['seconds']:g} s a run; memory and live streams "
            f"{scale['memory_rounds']} rounds; {facts['minutes']:.0f} minutes in all.",
        ]

    # The three outputs

    def text(self) -> str:
        parts = ["\n".join(self.setting())]
        for heading, rows in self.tables():
            parts.append(heading + "\n" + aligned(rows))
        return "\n\n".join(parts)

    def markdown(self) -> str:
        parts = [SECTION_BEGIN, "## The gateway beside nginx", *self.setting(),
                 "Made by `make bench-gateway` (Benchmarks/gateway; raw numbers in Benchmarks/Results). "
                 "Each cell: median (least to most)."]
        for heading, rows in self.tables():
            parts.append(f"### {heading}\n\n" + piped(rows))
        parts.append("### How to read this\n\n" + NOTES.rstrip())
        parts.append(SECTION_END)
        return "\n\n".join(parts) + "\n"

    def publish(self, repository: pathlib.Path) -> list[pathlib.Path]:
        """Writes the section into docs/performance.md, beside whatever else is there, and the raw numbers."""
        page = repository / "docs/performance.md"
        page.parent.mkdir(exist_ok=True)
        old = page.read_text() if page.exists() else "# Performance\n\n" + SECTION_BEGIN + SECTION_END + "\n"
        before, begin, rest = old.partition(SECTION_BEGIN)
        _, end, after = rest.partition(SECTION_END)
        if not begin or not end:
            before, after = old.rstrip() + "\n\n", ""
        page.write_text(before + self.markdown() + after.lstrip("\n"))

        raw = repository / "Benchmarks/Results" / f"gateway-{self.facts['date']}.json"
        raw.parent.mkdir(exist_ok=True)
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in self.measurements)
        raw.write_text(f'{{"facts":{json.dumps(self.facts)},\n"measurements":[\n{lines}\n]}}\n')
        return [page, raw]


def spread(values: list[float], digits: int) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    if round(least, digits) == round(most, digits):
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows
    ).replace("**", "")


def piped(rows: list[list[str]]) -> str:
    rule = ["---"] * len(rows[0])
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:]))
