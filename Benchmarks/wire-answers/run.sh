#!/bin/sh
# Measures what translating a stream of answers costs, in all pairs of dialects. Usage: run.sh [--smoke]
set -eu
cd "$(dirname "$0")/../.."

if [ "${1:-}" = "--smoke" ]; then
    swift build --product cairn-bench-answers
    exec .build/debug/cairn-bench-answers --smoke
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git describe --always --dirty 2>/dev/null || echo unknown)"
swift build -c release --product cairn-bench-answers
exec .build/release/cairn-bench-answers
