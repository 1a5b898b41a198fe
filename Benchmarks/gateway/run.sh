#!/bin/sh
# Builds the benchmark's two C programs and runs the gateway benchmark: `make bench-gateway` is `run.sh --publish`.
# Use: Benchmarks/gateway/run.sh [--smoke] [--publish] [--cairn BINARY] [--sides a,b] [--help for the rest]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build="$here/../../.build/bench-gateway"
compiler=${CC:-$(command -v clang || command -v cc)}
flags="-std=c17 -O2 -Wall -Wextra -Werror"
mkdir -p "$build"

# newer TARGET SOURCE...: true when TARGET is missing or one of the sources has changed since.
newer() {
    target=$1
    shift
    [ ! -e "$target" ] || [ -n "$(find "$@" -newer "$target")" ]
}

cd "$here"
shared="bench_http.c bench_payload.c"
if newer "$build/bench_upstream" bench_upstream.c bench_http.[ch] bench_payload.[ch]; then
    "$compiler" $flags -o "$build/bench_upstream" bench_upstream.c $shared -lssl -lcrypto
fi
if newer "$build/bench_client" bench_client.c bench_http.[ch] bench_payload.[ch]; then
    "$compiler" $flags -o "$build/bench_client" bench_client.c $shared
fi
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/gateway_benchmark.py" --build "$build" "$@"
