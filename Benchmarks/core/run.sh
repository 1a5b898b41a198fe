#!/bin/sh
# Builds and runs the micro-benchmarks of the C core, with this repository's own sources as real text.
# Usage: run.sh [--tiny] [file ...]   (files: other real text, one message each)
# Anchors: simdjson (Debian libsimdjson-dev) for JSON, without it that line's hash is 0; BLAS (libblas-dev) for vectors,
# without it those lines are missing. To measure beside another BLAS than the system's, put its folder in
# LD_LIBRARY_PATH. tiktoken and tokenizers for token counts, where Tests/Tokens/run.sh has installed them.
# CC and CXX choose the compilers.
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

blas=""
if echo '#include <cblas.h>' | $cc -fsyntax-only -x c - 2>/dev/null; then blas="-lblas"; fi

compile() { # source, folder of the object
    mkdir -p "$work/$2"
    $cc -std=gnu17 -O3 -Wall -Wextra -Werror -I"$root/CSources/CCairn/include" -c "$1" \
        -o "$work/$2/$(basename "$1" .c).o"
}
for source in "$root"/CSources/CCairn/*.c; do compile "$source" core; done
for source in "$here"/bench_*.c; do compile "$source" "$(basename "$source" .c)"; done
$cxx -std=c++17 -O3 -c "$here/bench_simdjson.cpp" -o "$work/bench_core/bench_simdjson.o"
for folder in "$work"/bench_*; do
    $cxx "$folder"/*.o "$work"/core/*.o $simdjson $blas -lm -o "$folder/run"
done

if [ "$#" -eq 0 ]; then
    cd "$root"
    set -- $(find CSources/CCairn Sources Tests -name '*.[ch]' -o -name '*.swift' | LC_ALL=C sort)
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
for folder in "$work"/bench_*; do "$folder/run" $tiny "$@"; done
python="$root/.venv/tokens/bin/python"
if [ ! -x "$python" ]; then python=python3; fi
"$python" "$here/bench_tokens.py" $tiny
