#!/usr/bin/env bash
# Feeds malformed input to the C rooms and to the gateway, under the address and undefined-behaviour sanitizers.
# Usage: Tests/Fuzz/run.sh SECONDS BINARY      BINARY is built with the sanitizers: see `make fuzz`.
#
# Half of the time goes to the fuzz targets of the C rooms, shared out evenly (run.sh in Tests/CCairn, Tests/CHTTP
# and Tests/Outline builds and runs them), half to the gateway as a process (fuzz_http.py). What was found is kept in
# .build-fuzz.
# FUZZ_SEED repeats a run of the gateway part. Exit status: 0 when nothing was found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?usage: Tests/Fuzz/run.sh SECONDS BINARY}
binary=$(realpath "${2:?usage: Tests/Fuzz/run.sh SECONDS BINARY}")
root=$PWD

export ASAN_OPTIONS=detect_leaks=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export SWIFT_BACKTRACE=enable=no # a sanitizer's report is enough, and comes at once

targets=(Tests/CCairn/fuzz_*.c Tests/CHTTP/fuzz_*.c Tests/Outline/fuzz_*.c)
each=$((seconds / 2 / ${#targets[@]}))
status=0
mkdir -p .build-fuzz
cd .build-fuzz # where libFuzzer leaves the input that crashed a target
for room in CCairn CHTTP Outline; do
    "$root/Tests/$room/run.sh" "$((each > 0 ? each : 1))" || status=1
done
python3 "$root/Tests/Fuzz/fuzz_http.py" "$binary" "$((seconds - seconds / 2))" . || status=1
exit "$status"
