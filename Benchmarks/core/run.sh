#!/bin/sh
# Builds and runs the micro-benchmarks of the C core, with this repository's own sources as real text.
# Usage: run.sh [--tiny] [file ...]   (files: other real text, one message each)
# Anchors: simdjson (Debian libsimdjson-dev) for JSON, without it that line's hash is 0; BLAS (libblas-dev) for vectors,
# without it those lines are missing. To measure beside another BLAS than the system's, put its folder in
# LD_LIBRARY_PATH. tree-sitter for outlines, where set-up has compiled the grammars. tiktoken and tokenizers for token
# counts, where Tests/Tokens/run.sh has installed them.
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

grammars="$root/CSources/CGrammars"
compile() { # source, folder of the object
    mkdir -p "$work/$2"
    $cc -std=gnu17 -O3 -Wall -Wextra -Werror -I"$root/CSources/CCairn/include" -I"$root/CSources/COutline/include" \
        -I"$grammars/include" -I"$grammars/fetched/core/include" -I"$root/Tests/Outline" -c "$1" \
        -o "$work/$2/$(basename "$1" .c).o"
}
# tree-sitter without our allocator, flags otherwise those of build.sh, its names changed so that both can be linked.
compile_plain_tree_sitter() {
    core="$grammars/fetched/core"
    object="$work/bench_outline/plain_tree_sitter.o"
    $cc -std=c11 -O2 -fPIC -w -D_DEFAULT_SOURCE -I"$core/include" -I"$core/src" -c "$core/src/lib.c" -o "$object"
    nm --extern-only --defined-only "$object" | awk '{ print $3, "plain_" $3 }' >"$work/plain_names"
    objcopy --redefine-syms="$work/plain_names" "$object"
}
for source in "$root"/CSources/CCairn/*.c; do compile "$source" core; done
grammar_library=""
for source in "$here"/bench_*.c; do
    name=$(basename "$source" .c)
    if [ "$name" = bench_outline ]; then
        if ! grep -qs tree_sitter_ "$grammars/installed/cgrammars_table.c"; then
            echo "outlines skipped: no grammars are installed (make setup)"
            continue
        fi
        grammar_library="$grammars/installed/libcairn_grammars.a"
        for part in "$root"/CSources/COutline/*.c "$grammars"/*grammars.c "$grammars"/*_pool.c \
            "$grammars"/installed/*.c; do compile "$part" "$name"; done
        compile_plain_tree_sitter
    fi
    compile "$source" "$name"
done
$cxx -std=c++17 -O3 -c "$here/bench_simdjson.cpp" -o "$work/bench_core/bench_simdjson.o"
for folder in "$work"/bench_*; do
    $cxx "$folder"/*.o "$work"/core/*.o $grammar_library $simdjson $blas -lm -o "$folder/run"
done

outlined=""
if [ "$#" -eq 0 ]; then
    cd "$root"
    set -- $(find CSources/CCairn Sources Tests -name '*.[ch]' -o -name '*.swift' | LC_ALL=C sort)
    outlined=$(find Tests/Outline/golden Tests/Scenarios -name '*.md' -o -name '*.py' | LC_ALL=C sort)
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr)"
echo "commit:  $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
for folder in "$work"/bench_*; do
    case "$folder" in
        *outline) "$folder/run" $tiny "$@" $outlined ;;
        *) "$folder/run" $tiny "$@" ;;
    esac
done
python="$root/.venv/tokens/bin/python"
if [ ! -x "$python" ]; then python=python3; fi
"$python" "$here/bench_tokens.py" $tiny
