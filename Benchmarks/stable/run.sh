#!/bin/sh
# What keeping prompts stable adds to a call; `make bench-stable`.
# Use: run.sh BINARY [--parts history,sizes,turns,memory] [--calls N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
shift
exec python3 -B "$here/stable_benchmark.py" --cairn "$binary" "$@"
