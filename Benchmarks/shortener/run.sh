#!/usr/bin/env bash
# What shortening adds to a call, and what a session's shortener holds in memory.
# Usage: Benchmarks/shortener/run.sh [--smoke] [FILE, a request body]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

flags=(--configuration release --static-swift-stdlib --explicit-target-dependency-import-check error)
if [ "${1:-}" = --smoke ]; then flags=(--explicit-target-dependency-import-check error); fi

swift build --product ShortenerBenchmark "${flags[@]}"
printf 'machine: %s, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -sr)"
printf 'commit:  %s\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)"
"$(swift build --show-bin-path "${flags[@]}")/ShortenerBenchmark" "$@"
