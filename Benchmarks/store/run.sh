#!/usr/bin/env bash
# The micro-benchmark of the store, in a fresh folder.
# Usage: Benchmarks/store/run.sh [--smoke] [TURNS, default 100000]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

smoke=""
if [ "${1:-}" = --smoke ]; then smoke=yes; shift; fi
turns=${1:-$([ -n "$smoke" ] && echo 2000 || echo 100000)}
flags=(--configuration release --static-swift-stdlib --explicit-target-dependency-import-check error)
if [ -n "$smoke" ]; then flags=(--explicit-target-dependency-import-check error); fi

swift build --product StoreBenchmark "${flags[@]}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'machine: %s, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -sr)"
printf 'commit:  %s\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)"
"$(swift build --show-bin-path "${flags[@]}")/StoreBenchmark" "$work" "$turns"
if [ -n "$smoke" ]; then echo "smoke: 1 benchmark run, 0 failed"; fi
