#!/bin/sh
# Measures what translating a request costs, in all pairs of dialects. Usage: run.sh [--smoke]
set -eu
cd "$(dirname "$0")/../.."

if [ "${1:-}" = "--smoke" ]; then
    swift build --product WireBenchmark
    exec .build/debug/WireBenchmark --smoke
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git describe --always --dirty 2>/dev/null || echo unknown)"
swift build -c release --product WireBenchmark
exec .build/release/WireBenchmark
