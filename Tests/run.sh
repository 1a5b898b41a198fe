#!/usr/bin/env bash
# Runs every suite, also after one has failed, and prints one line of totals a suite. Called by `make test`.
# Usage: Tests/run.sh BINARY      Exit status: 0 when every suite passed.
#
# A suite is a command. Its exit status decides, and it must tell its totals: a last line with "N passed" (and, where
# they apply, "N failed", "N skipped" and a reason), or what `swift test` and the benchmarks' smoke run say. A suite
# that tells none has failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=${1:?usage: Tests/run.sh BINARY}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary=()
failed_suites=0

# The totals the suite told, in its own words; empty when it told none.
totals() {
    sed -nE -e 's/.*(Test run with [0-9]+ tests? .*)/\1/p' -e '/[0-9]+ passed|smoke: [0-9]+/p' "$log" | tail -n 1
}

suite() {
    local name=$1 status told
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    told=$(totals)
    if [ "$status" != 0 ] || [ -z "$told" ]; then
        failed_suites=$((failed_suites + 1))
        told="FAILED with status $status; ${told:-no totals told}"
    fi
    summary+=("$(printf '%-14s%s' "$name" "$told")")
}

suite swift swift test --explicit-target-dependency-import-check error
suite core Tests/CCairn/run.sh
suite outline Tests/Outline/run.sh
suite tokens Tests/Tokens/run.sh
suite instructions Tests/Instructions/run.sh
suite http Tests/CHTTP/run.sh
suite install Tests/Install/run.sh
suite store Tests/Store/run.sh
suite scenarios Tests/Scenarios/run.sh "$binary"
suite clients Tests/Clients/run.sh "$binary"
suite timings Benchmarks/store/run.sh --smoke
suite bench-wire Benchmarks/wire/run.sh --smoke
suite answers Benchmarks/wire-answers/run.sh --smoke
suite shortener Benchmarks/shortener/run.sh --smoke
suite benchmarks Benchmarks/gateway/run.sh --smoke --cairn "$(realpath "$binary")"

printf '\n== totals\n'
printf '%s\n' "${summary[@]}"
if [ "$failed_suites" != 0 ]; then
    printf '%d of %d suites failed\n' "$failed_suites" "${#summary[@]}"
    exit 1
fi
printf 'all %d suites passed\n' "${#summary[@]}"
