#!/bin/sh
# Builds and runs the micro-benchmarks of the C core, with this repository's own sources as real text.
# Usage: run.sh [--tiny] [file ...]   (files: other real text, one message each)
# simdjson (Debian libsimdjson-dev) is the anchor for JSON; without it that line's hash is 0. CC and CXX choose the
# compilers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cc=${CC:-clang}
cxx=${CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

tiny=""
if [ "${1:-}" = "--tiny" ]; then tiny="--tiny"; shift; fi
simdjson=""
if echo '#include <simdjson.h>' | $cxx -std=c++17 -fsyntax-only -x c++ - 2>/dev/null; then simdjson="-lsimdjson"; fi

for source in "$root"/CSources/CCairn/*.c "$here"/bench_core.c; do
    $cc -std=gnu17 -O3 -Wall -Wextra -Werror -I"$root/CSources/CCairn/include" -c "$source" \
        -o "$work/$(basename "$source" .c).o"
done
$cxx -std=c++17 -O3 -c "$here/bench_simdjson.cpp" -o "$work/bench_simdjson.o"
$cxx "$work"/*.o $simdjson -o "$work/bench_core"

if [ "$#" -eq 0 ]; then
    cd "$root"
    set -- $(find CSources/CCairn Sources Tests -name '*.[ch]' -o -name '*.swift' | LC_ALL=C sort)
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
"$work/bench_core" $tiny "$@"
