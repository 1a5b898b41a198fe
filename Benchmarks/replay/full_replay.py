"""Replays recorded sessions in mode full, one after the other under each price book, and prints a table.

    full_replay.py --cairn BINARY --script replay_traces.py --traces DIR [--books deepseek-flash,...] [--dialect chat]
                   [--hostile clock,toolorder,keyorder] [--kill] [--sessions 46] [--skip 0] [--jobs 2] [--json FILE]

A book is chosen by the header `x-cairn-price-book`, and only its own row of the script's report counts: the planner
decides otherwise under other prices. Every session is a run of the script of its own, so that the worst one is known;
all of a book share a gateway and its home. The thinking in the recordings is plain text.

Ends with 1 when an answer was wrong or a call failed.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

from replay import Door, Gateway, free_port, middles

BOOKS = ("deepseek-flash", "deepseek-pro", "openai", "anthropic", "no-cache")
SUMS = ("direct", "cost", "net", "prompt_tokens")


def middle(options, number):
    """Of the calls of one session."""
    last = options.skip + number
    return (middles(options.traces, last, 0)[1] - middles(options.traces, last - 1, 0)[1]) // 2


def session(options, book, number, gateway, upstream_port, home):
    """The script's report on one session."""
    result = os.path.join(home, "result.json")
    if os.path.exists(result):
        os.remove(result)
    door = Door(gateway, {middle(options, number)} if options.kill else set())
    command = [sys.executable, options.script, "--traces", options.traces, "--gateway", f"http://127.0.0.1:{door.port}",
               "--upstream-port", str(upstream_port), "--dialect", options.dialect, "--sessions", "1",
               "--skip", str(options.skip + number - 1), "--header", f"x-cairn-price-book: {book}", "--json", result]
    command += ["--hostile", options.hostile] if options.hostile else []
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    door.listener.close()
    if not os.path.exists(result):
        sys.exit(f"full_replay: the script ended without a result: {output[-800:]}")
    with open(result) as file:
        return json.load(file)


def replay(options, book):
    home, upstream_port = tempfile.mkdtemp(prefix="cairn-full-"), free_port()
    gateway = Gateway(options.cairn, home, upstream_port, options.dialect, options.mode, options.threads)
    row = dict(book=book, sessions=0, calls=0, failures=0, wrong_answers=0, own_calls=0, missed_calls=0, atoms=1.0,
               hit=0.0, worst=1.0, kills=0, **{name: 0.0 for name in SUMS})
    atoms = []
    try:
        for number in range(1, options.sessions + 1):
            report = session(options, book, number, gateway, upstream_port, home)
            bill = report["books"][book]
            for name in ("calls", "failures", "wrong_answers", "own_calls", "missed_calls", "sessions"):
                row[name] += report[name]
            for name in SUMS:
                row[name] += bill[name]
            row["hit"] += bill["hit_rate"] * bill["prompt_tokens"]
            row["worst"] = min(row["worst"], bill["net_saving"])
            atoms.append((report["atoms"], report["calls"]))
            print(f"{book} {number}: {bill['net_saving'] * 100:.2f} %", file=sys.stderr, flush=True)
    finally:
        gateway.kill()
    row.update(net_saving=1 - row["net"] / row["direct"], gross_saving=1 - row["cost"] / row["direct"],
               hit_rate=row["hit"] / row["prompt_tokens"], missed=row["missed_calls"] / row["calls"],
               atoms=sum(share * calls for share, calls in atoms) / row["calls"], kills=gateway.kills)
    if options.keep:
        row["home"] = home
    else:
        shutil.rmtree(home)
    return row


def table(rows):
    yield ("| book | bill direct | bill sent | saved, gross | saved, net | missed | identifiers | worst session "
           "| hit rate |")
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        cells = [row["book"], f"${row['direct']:.4f}", f"${row['cost']:.4f}", f"{row['gross_saving'] * 100:.2f} %",
                 f"{row['net_saving'] * 100:.2f} %", f"{row['missed'] * 100:.2f} %", f"{row['atoms'] * 100:.2f} %",
                 f"{row['worst'] * 100:.2f} %", f"{row['hit_rate'] * 100:.2f} %"]
        yield f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cairn", required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--traces", required=True)
    parser.add_argument("--books", default=",".join(BOOKS))
    parser.add_argument("--full", action="store_true", help="chooses this program in run.sh")
    parser.add_argument("--mode", default="full")
    parser.add_argument("--dialect", default="chat")
    parser.add_argument("--hostile", default="")
    parser.add_argument("--kill", action="store_true", help="SIGKILL the gateway in the middle of every session")
    parser.add_argument("--sessions", type=int, default=0, help="0: all")
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the homes where they are")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.sessions = options.sessions or len(glob.glob(os.path.join(options.traces, "*.json.gz"))) - options.skip
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as jobs:
        rows = list(jobs.map(lambda book: replay(options, book), options.books.split(",")))
    first = rows[0]
    print(f"{first['sessions']} sessions, {first['calls']} calls under each book, dialect {options.dialect}; "
          f"over all books "
          f"{sum(row['failures'] for row in rows)} failed, {sum(row['wrong_answers'] for row in rows)} wrong answers, "
          f"{sum(row['own_calls'] for row in rows)} calls of the gateway's own, "
          f"{sum(row['kills'] for row in rows)} kills\n")
    print("\n".join(table(rows)))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)
    sys.exit(1 if any(row["failures"] or row["wrong_answers"] for row in rows) else 0)


if __name__ == "__main__":
    main()
