#!/bin/sh
# Measures what translating a request costs, in all pairs of dialects. Usage: run.sh [--smoke]
set -eu
cd "$(dirname "$0")/../.."

if [ "${1:-}" = "--smoke" ]; then
    swift build --product cairn-bench-wire
    exec .build/debug/cairn-bench-wire --smoke
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git describe --always --dirty 2>/dev/null || echo unknown)"
swift build -c release --product cairn-bench-wire
exec .build/release/cairn-bench-wire
