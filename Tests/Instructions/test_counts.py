"""Shows that counts.py fails when it should: the dumps of a real run against doctored baselines, and made-up dumps.

Usage: test_counts.py FOLDER      (FOLDER holds the dumps; run.sh calls it before it compares)
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import counts

CONDITIONS = "clang 21, xxHash 801, AVX2"
PATH = "json parse, chat"
DUMP = """version: 1
desc: Trigger: Client Request: {name}
events: Ir

ob=/build/count_core
fl=???
fn=cairn_json_parse
0 {count}
cob=/lib/libc.so.6
cfn=memcpy
calls=3 0
0 5000
+3 20

ob=/lib/libc.so.6
fl=???
fn=memcpy
0 5000
totals: {count}
"""
dumps_of_run = None


class Counts(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.baseline = os.path.join(self.folder, "baseline.txt")

    def run_counts(self, folder, conditions=CONDITIONS):
        done = subprocess.run([sys.executable, counts.__file__, folder, self.baseline, conditions],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def dumps(self, **count_of_name):
        folder = os.path.join(self.folder, "dumps")
        os.mkdir(folder)
        open(os.path.join(self.folder, "left_out"), "w", encoding="utf-8").close()
        for index, (name, count) in enumerate(count_of_name.items()):
            with open(os.path.join(folder, f"dump.{index}"), "w", encoding="utf-8") as file:
                file.write(DUMP.format(name=name, count=count))
        return folder

    def doctored(self, change):
        """Runs against a baseline of the run itself, after `change` of it."""
        counted = counts.counts_of(dumps_of_run)
        change(counted)
        counts.write_baseline(self.baseline, CONDITIONS, counted)
        return self.run_counts(dumps_of_run)

    def test_a_run_equals_its_own_baseline(self):
        status, told = self.doctored(lambda counted: None)
        self.assertEqual((status, "not ok" in told), (0, False), told)

    def test_a_tenth_more_fails_and_says_path_baseline_count_and_ratio(self):
        count = counts.counts_of(dumps_of_run)[PATH]
        expected = int(count / 1.2)
        status, told = self.doctored(lambda counted: counted.update({PATH: expected}))
        self.assertEqual(status, 1)
        self.assertIn(f"not ok - {PATH}: {count} instructions, baseline {expected}, ratio 1.200: more than 1.10", told)
        self.assertRegex(told, r"\n\d+ passed, 1 failed, 0 skipped\n$")

    def test_nine_per_cent_more_pass(self):
        status, told = self.doctored(lambda counted: counted.update({PATH: int(counted[PATH] / 1.09)}))
        self.assertEqual((status, "not ok" in told), (0, False), told)

    def test_much_less_passes_with_a_hint(self):
        status, told = self.doctored(lambda counted: counted.update({PATH: counted[PATH] * 2}))
        self.assertEqual(status, 0)
        self.assertRegex(told, re.escape(f"ok - {PATH}") + r".*ratio 0\.500 # less than 0\.90: .*--update")

    def test_a_path_without_baseline_fails(self):
        status, told = self.doctored(lambda counted: counted.pop(PATH))
        self.assertEqual(status, 1)
        self.assertIn("instructions and no baseline", told)

    def test_a_path_that_is_not_counted_any_more_fails(self):
        status, told = self.doctored(lambda counted: counted.update({"json parse, gone": 1}))
        self.assertEqual(status, 1)
        self.assertIn("not ok - json parse, gone: in the baseline and not counted", told)

    def test_only_the_programs_own_instructions_count(self):
        self.assertEqual(counts.counts_of(self.dumps(path=1000)), {"path": 1020})

    def test_a_path_left_out_is_skipped_with_its_reason(self):
        folder = self.dumps(path=1000)
        with open(os.path.join(self.folder, "left_out"), "w", encoding="utf-8") as file:
            file.write("tokens x: that vocabulary is not installed\n")
        counts.write_baseline(self.baseline, CONDITIONS, {"path": 1020, "tokens x, cold": 7})
        status, told = self.run_counts(folder)
        self.assertEqual(status, 0)
        self.assertIn("ok - tokens x, cold # SKIP that vocabulary is not installed", told)

    def test_another_compiler_skips_the_baseline_and_still_compares_pairs(self):
        folder = self.dumps(**{"path": 9000, "work (n)": 1000, "work (2n)": 4000})
        counts.write_baseline(self.baseline, CONDITIONS, {"path": 1020})
        status, told = self.run_counts(folder, conditions="gcc 12, xxHash 801, AVX2")
        self.assertEqual(status, 1)
        self.assertIn("0 passed, 1 failed, 1 skipped (it was made with clang 21", told)
        self.assertIn("not ok - work: 1020 instructions for n, 4020 for 2n, ratio 3.941: more than 2.2", told)

    def test_a_pair_without_its_double_fails(self):
        counts.write_baseline(self.baseline, CONDITIONS, {})
        status, told = self.run_counts(self.dumps(**{"work (n)": 1000}))
        self.assertEqual(status, 1)
        self.assertIn("not ok - work: only one of n and 2n was counted", told)


if __name__ == "__main__":
    dumps_of_run = sys.argv.pop(1)
    unittest.main(argv=[sys.argv[0], "--quiet"] if len(sys.argv) == 1 else sys.argv)
