#!/usr/bin/env bash
# Feeds malformed input to the core and to the gateway, under the address and undefined-behaviour sanitizers.
# Usage: Tests/Fuzz/run.sh SECONDS BINARY      BINARY is built with the sanitizers: see `make fuzz`.
#
# Half of the time goes to the core's fuzz targets (Tests/CCairn/fuzz_*.c, libFuzzer, shared out evenly), half to the
# gateway as a process (fuzz_http.py). What was found is kept in .build-fuzz; a corpus there makes later runs better.
# FUZZ_SEED repeats a run of the gateway part. Exit status: 0 when nothing was found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?usage: Tests/Fuzz/run.sh SECONDS BINARY}
binary=${2:?usage: Tests/Fuzz/run.sh SECONDS BINARY}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export SWIFT_BACKTRACE=enable=no # the crash reporter of Swift waits for ever under libFuzzer

folder=.build-fuzz
targets=(Tests/CCairn/fuzz_*.c)
[ -e "${targets[0]}" ] || { printf 'fuzz: no Tests/CCairn/fuzz_*.c\n' >&2; exit 2; }
# libFuzzer comes with Swift's clang; the one beside swift is the one that knows its runtime.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
each=$((seconds / 2 / ${#targets[@]}))
[ "$each" -gt 0 ] || each=1

passed=0
failed=0
note() { # note STATUS NAME
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'fuzz: %s FAILED\n' "$2"; fi
}

for source in "${targets[@]}"; do
    name=$(basename "$source" .c)
    mkdir -p "$folder/$name/corpus"
    "$clang" -fuse-ld=lld -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -ICSources/CCairn/include -ITests/CCairn "$source" CSources/CCairn/*.c -o "$folder/$name/$name"
    printf 'fuzz: %s, %s seconds\n' "$name" "$each"
    status=0
    "$folder/$name/$name" -max_total_time="$each" -max_len=4096 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$folder/$name/" "$folder/$name/corpus" >"$folder/$name/log" 2>&1 || status=$?
    [ "$status" = 0 ] || grep -A 40 -E 'ERROR|runtime error' "$folder/$name/log" || tail -n 20 "$folder/$name/log"
    sed -n "s/^stat::number_of_executed_units: */fuzz: $name, inputs: /p" "$folder/$name/log"
    note "$status" "$name"
done

status=0
python3 Tests/Fuzz/fuzz_http.py "$binary" "$((seconds - seconds / 2))" "$folder" || status=$?
note "$status" fuzz_http

printf 'fuzz: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
