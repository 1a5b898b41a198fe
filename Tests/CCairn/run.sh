#!/bin/sh
# Builds and runs the C tests of CCairn with a C compiler alone: each test program optimised and under the address and
# undefined-behaviour sanitizers, then each fuzz target for a few seconds.
# Usage: run.sh [seconds per fuzz target, default 3; 0 leaves fuzzing out]
# Prints TAP and, as the last line, "N passed, N failed". Exit status 1 when something failed. CC chooses the compiler;
# fuzzing needs clang and is skipped, with a line that says so, where it has no libFuzzer.
set -u
here=$(cd "$(dirname "$0")" && pwd)
core="$here/../../CSources/CCairn"
fuzz_seconds=${1:-3}
cc=${CC:-clang}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

flags="-std=c17 -Wall -Wextra -Werror -I$core/include -I$core -I$here"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
wraps="-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc" # tap.h lets allocations fail
passed=0
failed=0

# lld where the compiler has it: GNU gold warns about every symbol of the sanitizer runtime.
echo 'int main(void) { return 0; }' >"$work/probe.c"
link=""
if $cc -fuse-ld=lld "$work/probe.c" -o "$work/probe" 2>/dev/null; then link="-fuse-ld=lld"; fi

# The vector room's searches are also tested through a BLAS library, where there is one.
libraries="-lm"
printf '#include <cblas.h>\nint main(void) { return cblas_sdot(0, 0, 1, 0, 1) != 0; }\n' >"$work/probe.c"
if $cc $link "$work/probe.c" -lblas -o "$work/probe" 2>/dev/null; then
    libraries="-lm -lblas"
    flags="$flags -DTEST_WITH_CBLAS"
else
    echo "# searches through BLAS skipped: no <cblas.h> with -lblas"
fi

# Counts the TAP lines of one program's output; a program that dies without its plan counts as one more failure.
count() { # output file, exit status
    ok=$(grep -c '^ok ' "$1")
    bad=$(grep -c '^not ok ' "$1")
    if ! grep -q '^1\.\.[0-9]' "$1" || { [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; }; then bad=$((bad + 1)); fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

# Compiles the core once per mode, so that each test program only links.
build_core() { # mode name, compiler flags
    mkdir -p "$work/$1"
    for source in "$core"/*.c; do
        $cc $flags $2 -c "$source" -o "$work/$1/$(basename "$source" .c).o" || exit 1
    done
}

run_tests() { # mode name, compiler flags
    build_core "$1" "$2"
    for source in "$here"/test_*.c; do
        name=$(basename "$source" .c)
        echo "# $name ($1)"
        $cc $flags $2 $link $wraps "$source" "$work/$1"/*.o -o "$work/$name" $libraries || exit 1
        "$work/$name" >"$work/out" 2>&1
        status=$?
        cat "$work/out"
        count "$work/out" "$status"
    done
}

run_fuzzers() {
    probe="$work/fuzz_probe.c"
    echo '#include <stddef.h>
        int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
        int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) { return bytes == NULL && length > 0; }' \
        >"$probe"
    if ! $cc -fsanitize=fuzzer $link "$probe" -o "$work/probe" 2>/dev/null; then
        echo "# fuzzing skipped: $cc has no libFuzzer"
        return
    fi
    build_core fuzz "-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
    for source in "$here"/fuzz_*.c; do
        name=$(basename "$source" .c)
        $cc $flags -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $link \
            "$source" "$work"/fuzz/*.o -o "$work/$name" -lm || exit 1
        mkdir -p "$work/corpus_$name"
        [ -d "$here/corpus/$name" ] && cp "$here/corpus/$name"/* "$work/corpus_$name"/
        # A crash keeps its input outside the scratch folder, which is removed; libFuzzer prints the path.
        "$work/$name" -max_total_time="$fuzz_seconds" -max_len=4096 -artifact_prefix="${TMPDIR:-/tmp}/cairn-$name-" \
            "$work/corpus_$name" >"$work/out" 2>&1
        status=$?
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/out")
        if [ "$status" -eq 0 ]; then
            echo "ok - $name held for ${runs:-0} runs"
            passed=$((passed + 1))
        else
            tail -n 40 "$work/out" | sed 's/^/# /'
            echo "not ok - $name"
            failed=$((failed + 1))
        fi
    done
}

run_tests optimised "-O2"
run_tests sanitized "-O1 -g $sanitizers"
[ "$fuzz_seconds" -gt 0 ] && run_fuzzers
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
