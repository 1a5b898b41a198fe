"""Compares the instructions that callgrind counted (one dump a path, see count_core.c) with the committed baseline.

Usage: counts.py FOLDER BASELINE CONDITIONS [--update]
FOLDER holds the dumps, the file left_out beside it what was not counted and why ("tokens x: no vocabulary"), CONDITIONS
says what counts depend on ("clang 21, xxHash 801, AVX2"). Counted is what the
program's own functions executed: the core and the few lines that call it, not the C library, whose memcpy is another
one on each system. Prints TAP and, last, "N passed, N failed, N skipped". Exit status 1 when something failed.

- A path may take up to RATIO_MAX times its baseline; below RATIO_MIN a hint says that the baseline can be lowered.
- A pair "path (n)", "path (2n)" may take up to LINEAR_RATIO_MAX times as many for the double: no baseline needed.
- The baseline is left out, with a line that says so, under other conditions than it was made.
- --update writes the baseline of what was counted.
"""

import os
import sys

RATIO_MAX = 1.10
RATIO_MIN = 0.90
LINEAR_RATIO_MAX = 2.2
TRIGGER = "desc: Trigger: Client Request: "
MADE_WITH = "# made with: "
HOW_TO_UPDATE = "Tests/Instructions/run.sh --update"


def dump_counts(path, program):
    """The name of one dump and the instructions of the functions in `program`; the name is None for the last dump,
    which callgrind writes when the program ends. Format: the Callgrind Format Specification of valgrind 3.19."""
    name, total, is_own, is_call = None, 0, False, False
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(TRIGGER):
                name = line[len(TRIGGER):].strip()
            elif line.startswith("ob="):
                is_own = os.path.basename(line[3:].strip()) == program
            elif line.startswith("calls="):
                is_call = True  # the next line is the cost of what was called: counted there
            elif line[:1].isdigit() or line[:1] in "+-*":
                if is_own and not is_call:
                    total += int(line.split()[-1])
                is_call = False
    return name, total


def counts_of(folder, program="count_core"):
    counts = {}
    for file in sorted(os.listdir(folder)):
        name, count = dump_counts(os.path.join(folder, file), program)
        if name is not None:
            counts[name] = count
    return counts


def read_baseline(path):
    """The conditions it was made under, and its counts."""
    conditions, counts = "", {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(MADE_WITH):
                conditions = line[len(MADE_WITH):].strip()
            elif line.strip() and not line.startswith("#"):
                count, name = line.strip().split(maxsplit=1)
                counts[name] = int(count)
    return conditions, counts


def write_baseline(path, conditions, counts):
    with open(path, "w", encoding="utf-8") as file:
        file.write("# Instructions of each hot path of the C core on the input of count_core.c, counted by callgrind\n"
                   f"# in the core's own functions. `make test` fails when one takes {RATIO_MAX:.2f} times as many.\n"
                   f"# Written by {HOW_TO_UPDATE}; compared only where the next line holds too.\n"
                   f"{MADE_WITH}{conditions}\n")
        for name in sorted(counts):
            if not is_of_pair(name):
                file.write(f"{counts[name]:10} {name}\n")


def is_of_pair(name):
    return name.endswith((" (n)", " (2n)"))


def compare(counts, baseline):
    """(passed, line) for every path that is in either; a path may be missing because its vocabulary is."""
    for name in sorted(counts):
        if is_of_pair(name):
            continue
        count, expected = counts[name], baseline.get(name)
        if expected is None:
            yield False, f"{name}: {count} instructions and no baseline; {HOW_TO_UPDATE} writes one"
            continue
        ratio = count / expected
        told = f"{name}: {count} instructions, baseline {expected}, ratio {ratio:.3f}"
        if ratio > RATIO_MAX:
            yield False, f"{told}: more than {RATIO_MAX:.2f}. If that is meant: {HOW_TO_UPDATE}"
        elif ratio < RATIO_MIN:
            yield True, f"{told} # less than {RATIO_MIN:.2f}: {HOW_TO_UPDATE} keeps the gain"
        else:
            yield True, told


def compare_pairs(counts):
    for name in sorted(counts):
        if not name.endswith(" (n)"):
            continue
        path = name[:-len(" (n)")]
        once, twice = counts[name], counts.get(path + " (2n)")
        if not once or twice is None:
            yield False, f"{path}: only one of n and 2n was counted"
            continue
        told = f"{path}: {once} instructions for n, {twice} for 2n, ratio {twice / once:.3f}"
        if twice > LINEAR_RATIO_MAX * once:
            yield False, f"{told}: more than {LINEAR_RATIO_MAX}, which is not linear"
        else:
            yield True, told


def missing(counts, baseline, left_out):
    """Paths of the baseline that were not counted, each with whether that was announced."""
    for name in sorted(set(baseline) - set(counts)):
        reason = next((reason for front, reason in left_out if name.startswith(front + ",")), None)
        yield name, reason


def report(counts, baseline, left_out, reason):
    passed = failed = skipped = 0
    verdicts = list(compare_pairs(counts))
    if reason is None:
        verdicts = list(compare(counts, baseline)) + verdicts
        for name, why in missing(counts, baseline, left_out):
            if why is None:
                verdicts.append((False, f"{name}: in the baseline and not counted"))
            else:
                print(f"ok - {name} # SKIP {why}")
                skipped += 1
    else:
        skipped = len(baseline)
        print(f"# the baseline of {skipped} paths is left out: {reason}")
    for is_passed, line in verdicts:
        print(("ok - " if is_passed else "not ok - ") + line)
        passed += is_passed
        failed += not is_passed
    print(f"1..{passed + failed + skipped}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped" + (f" ({reason})" if reason else ""))
    return 1 if failed else 0


def main(folder, baseline_path, conditions, *options):
    with open(os.path.join(folder, os.pardir, "left_out"), encoding="utf-8") as file:
        left_out = [tuple(line.strip().split(": ", 1)) for line in file if ": " in line]
    counts = counts_of(folder)
    if options[:1] == ("--update",):
        if left_out:
            sys.exit(f"the baseline is left as it is, because paths are missing: {left_out}")
        write_baseline(baseline_path, conditions, counts)
        print(f"baseline of {sum(not is_of_pair(name) for name in counts)} paths written: {baseline_path}")
        return 0
    made_with, baseline = read_baseline(baseline_path)
    reason = None
    if made_with != conditions:
        reason = f"it was made with {made_with}, this is {conditions}"
    return report(counts, baseline, left_out, reason)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
