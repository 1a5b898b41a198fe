"""Runs the scenario modules, some at a time, and prints what failed and one closing line.

    run.py [--in FOLDER] BINARY [WORD ...]

Runs the test_*.py of FOLDER (this one by default); with words, only tests whose module.Class.name holds one of them.

Each module is a process of its own in a process group of its own, so that a hang is ended with everything it
started. Modules that measure time (RUNS_ALONE in their source) come first, one by one; the others share the machine.
Called with --module it is that process: it runs one module and writes a JSON line for each test.
"""
import concurrent.futures
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES_AT_ONCE = 2
MODULE_SECONDS_MAX = int(os.environ.get("CAIRN_MODULE_SECONDS", "300"))
SUBTEST_FAILURES_SHOWN = 6


class Recorder(unittest.TestResult):
    """Writes {name, outcome, seconds, details} for each test as soon as it ends."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        self.details = []
        self.outcome = "passed"
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.details, self.outcome, self.started = [], "passed", time.monotonic()

    def _fault(self, label, error):
        kind, value, trace = error
        frames = [frame for frame in traceback.extract_tb(trace)
                  if os.path.dirname(frame.filename) in sys.path[:2] and os.path.basename(frame.filename) != "run.py"]
        place = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-3:]))
        self.outcome = "failed"
        self.details.append(f"{label}{kind.__name__}: {value} ({place})")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._fault("", error)

    def addError(self, test, error):
        super().addError(test, error)
        self._fault("", error)
        if not isinstance(test, unittest.TestCase):  # setUpClass or setUpModule: there is no startTest
            self._write(str(test))

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self._fault(f"{subtest._subDescription()} ", error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome = "skipped"
        self.details.append(reason)

    def stopTest(self, test):
        super().stopTest(test)
        self._write(test.id())

    def _write(self, name):
        json.dump({"name": name, "outcome": self.outcome, "details": self.details,
                   "seconds": round(time.monotonic() - self.started, 2)}, self.file)
        self.file.write("\n")
        self.file.flush()


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def run_module(folder, name, results, words):
    """The body of the child process."""
    sys.path.insert(0, folder)
    suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name))
    chosen = [test for test in tests_of(suite) if not words or any(word in test.id() for word in words)]
    with open(results, "w") as file:
        unittest.TestSuite(chosen).run(Recorder(file))
        json.dump({"name": name, "outcome": "finished"}, file)


def run_child(folder, name, binary, words, scratch):
    """Runs one module; [result of each test], what it printed, seconds."""
    started = time.monotonic()
    results = os.path.join(scratch, f"{name}.jsonl")
    with open(os.path.join(scratch, f"{name}.out"), "w+") as output:
        child = subprocess.Popen(
            [sys.executable, "-B", __file__, "--module", folder, name, results, *words],
            cwd=folder, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "CAIRN_BINARY": binary, "PYTHONUNBUFFERED": "1"})
        try:
            child.wait(MODULE_SECONDS_MAX)
            ending = f"ended with {child.returncode}"
        except subprocess.TimeoutExpired:
            ending = f"was ended after {MODULE_SECONDS_MAX} s"
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        output.seek(0)
        text = output.read()
    tests = []
    if os.path.exists(results):
        with open(results) as file:
            tests = [json.loads(line) for line in file if line.strip()]
    if tests and tests[-1]["outcome"] == "finished":
        tests.pop()
    else:
        tests.append({"name": name, "outcome": "failed", "seconds": 0,
                      "details": [f"the module {ending}; its last words: {text[-800:]}"]})
    return tests, text, time.monotonic() - started


def report(name, tests, text, seconds):
    counts = {outcome: sum(test["outcome"] == outcome for test in tests) for outcome in ("passed", "failed", "skipped")}
    if not tests:
        return counts
    print(f"{name}: {counts['passed']} of {len(tests)} in {seconds:.1f} s", flush=True)
    if text.strip():
        print(text.rstrip())
    for test in tests:
        if test["outcome"] == "passed":
            continue
        print(f"  {test['outcome'].upper()} {test['name']}")
        for detail in test["details"][:SUBTEST_FAILURES_SHOWN]:
            print("      " + detail.replace("\n", "\n      "))
        if len(test["details"]) > SUBTEST_FAILURES_SHOWN:
            print(f"      and {len(test['details']) - SUBTEST_FAILURES_SHOWN} more")
    sys.stdout.flush()
    return counts


def main(folder, binary, words):
    if not os.access(binary, os.X_OK):
        sys.exit(f"run.py: {binary} is not a program")
    binary = os.path.abspath(binary)
    names = sorted(name[:-3] for name in os.listdir(folder) if re.fullmatch(r"test_\w+\.py", name))
    alone = []
    for name in names:
        with open(os.path.join(folder, f"{name}.py")) as file:
            if re.search(r"^RUNS_ALONE = True$", file.read(), re.M):
                alone.append(name)
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cairn-scenarios-") as scratch:
        for batch, width in ((alone, 1), ([name for name in names if name not in alone], MODULES_AT_ONCE)):
            with concurrent.futures.ThreadPoolExecutor(width) as pool:
                futures = {pool.submit(run_child, folder, name, binary, words, scratch): name for name in batch}
                for future in concurrent.futures.as_completed(futures):
                    for outcome, count in report(futures[future], *future.result()).items():
                        totals[outcome] += count
    print(f"{os.path.basename(folder).lower()}: {time.monotonic() - started:.0f} s")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    sys.exit(1 if totals["failed"] or not totals["passed"] else 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--module":
        run_module(*sys.argv[2:5], sys.argv[5:])
    elif sys.argv[1] == "--in" and len(sys.argv) > 3:
        main(os.path.abspath(sys.argv[2]), sys.argv[3], sys.argv[4:])
    else:
        main(HERE, sys.argv[1], sys.argv[2:])
