#!/bin/sh
# Builds and runs the C tests of CHTTP without SwiftPM: each test program under the address and undefined-behaviour
# sanitizers, then each fuzz target for a few seconds, first over its corpus.
# Usage: run.sh [seconds per fuzz target, default 3; 0 leaves fuzzing out]
# Prints TAP and, as the last line, "N passed, N failed". Exit status 1 when something failed. CC chooses the compiler;
# fuzzing needs clang and is skipped, with a line that says so, where it has no libFuzzer.
set -u
here=$(cd "$(dirname "$0")" && pwd)
room="$here/../../CSources/CHTTP"
parser="$here/../../CSources/CLLHTTP/fetched"
fuzz_seconds=${1:-3}
cc=${CC:-clang}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# tap.h is the core's; it lets allocations fail.
wraps="-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc"
includes="-I$room/include -I$parser/include -I$here -I$here/../CCairn -I$here/../../CSources/CCairn/include"
flags="-std=c17 -Wall -Wextra -Wno-unused-parameter -Werror $includes"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
libraries="-luv -lssl -lcrypto -lcurl -lpthread"
passed=0
failed=0

# lld where the compiler has it: GNU gold warns about every symbol of the sanitizer runtime.
echo 'int main(void) { return 0; }' >"$work/probe.c"
link=""
if $cc -fuse-ld=lld "$work/probe.c" -o "$work/probe" 2>/dev/null; then link="-fuse-ld=lld"; fi

# Counts the TAP lines of one program's output; a program that dies without its plan counts as one more failure.
count() { # output file, exit status
    ok=$(grep -c '^ok ' "$1")
    bad=$(grep -c '^not ok ' "$1")
    if ! grep -q '^1\.\.[0-9]' "$1" || { [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; }; then bad=$((bad + 1)); fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

# Compiles the room and its parser once per mode, so that each program only links.
build_room() { # mode name, compiler flags
    mkdir -p "$work/$1"
    for source in "$room"/*.c; do
        $cc $flags $2 -c "$source" -o "$work/$1/$(basename "$source" .c).o" || exit 1
    done
    for source in "$parser"/src/*.c; do
        $cc -I"$parser/include" -O2 -w -c "$source" -o "$work/$1/parser_$(basename "$source" .c).o" || exit 1
    done
}

run_tests() {
    build_room sanitized "-O1 -g $sanitizers"
    for source in "$here"/test_*.c; do
        name=$(basename "$source" .c)
        echo "# $name"
        $cc $flags -O1 -g $sanitizers $link $wraps "$source" "$work"/sanitized/*.o -o "$work/$name" \
            $libraries || exit 1
        "$work/$name" >"$work/out" 2>&1
        status=$?
        cat "$work/out"
        count "$work/out" "$status"
    done
}

run_fuzzers() {
    probe="$work/fuzz_probe.c"
    echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return b == 0 && n > 0; }' >"$probe"
    if ! $cc -fsanitize=fuzzer $link "$probe" -o "$work/probe" 2>/dev/null; then
        echo "# fuzzing skipped: $cc has no libFuzzer"
        return
    fi
    build_room fuzz "-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
    for source in "$here"/fuzz_*.c; do
        name=$(basename "$source" .c)
        $cc $flags -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $link \
            "$source" "$work"/fuzz/*.o -o "$work/$name" $libraries || exit 1
        mkdir -p "$work/corpus_$name"
        cp "$here/corpus/${name#fuzz_}"/* "$work/corpus_$name"/
        # A crash leaves its input beside this script's caller, not in the scratch folder that is removed.
        "$work/$name" -max_total_time="$fuzz_seconds" -max_len=4096 -timeout=10 -artifact_prefix="./$name-" \
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

run_tests
[ "$fuzz_seconds" -gt 0 ] && run_fuzzers
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
