#!/bin/sh
# Builds and runs the tests of the outline room with a C compiler alone: optimised, under the address and
# undefined-behaviour sanitizers, and a fuzz target for a few seconds. tree-sitter and the grammars are those that
# set-up has compiled; without them (make setup-min) there is nothing to test.
# Usage: run.sh [seconds of fuzzing, default 3; 0 leaves it out]
# UPDATE_GOLDEN=1 run.sh 0 writes the outlines of golden/ anew.
# Prints TAP and, as the last line, "N passed, N failed". Exit status 1 when something failed. CC chooses the compiler;
# fuzzing needs clang and is skipped, with a line that says so, where it has no libFuzzer.
set -u
here=$(cd "$(dirname "$0")" && pwd)
sources="$here/../../CSources"
grammars="$sources/CGrammars"
fuzz_seconds=${1:-3}
cc=${CC:-clang}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

if ! grep -qs tree_sitter_python "$grammars/installed/cgrammars_table.c"; then
    echo "0 passed, 0 failed, 1 skipped: no grammars are installed (make setup)"
    exit 0
fi

flags="-std=gnu17 -Wall -Wextra -Werror -I$sources/COutline/include -I$sources/COutline
    -I$grammars/include -I$grammars/fetched/core/include -I$here -I$here/../CCairn -I$sources/CCairn/include"
own="$sources/COutline/*.c $grammars/cgrammars.c $grammars/cgrammars_pool.c $grammars/installed/cgrammars_table.c"
library="$grammars/installed/libcairn_grammars.a"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
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

run_tests() { # mode name, compiler flags
    echo "# test_outline ($1)"
    $cc $flags $2 $link -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc "$here/test_outline.c" $own "$library" \
        -o "$work/test_outline" || exit 1
    "$work/test_outline" "$here/golden" >"$work/out" 2>&1
    status=$?
    cat "$work/out"
    count "$work/out" "$status"
}

run_fuzzer() {
    echo '#include <stddef.h>
        int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
        int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) { return bytes == NULL && length > 0; }' \
        >"$work/fuzz_probe.c"
    if ! $cc -fsanitize=fuzzer $link "$work/fuzz_probe.c" -o "$work/probe" 2>/dev/null; then
        echo "# fuzzing skipped: $cc has no libFuzzer"
        return
    fi
    $cc $flags -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $link \
        "$here/fuzz_outline.c" $own "$library" -o "$work/fuzz_outline" || exit 1
    # The inputs of the golden cases, one a language, and those that once failed.
    cp -r "$here/corpus" "$work/corpus"
    number=0
    for language in rust python typescript tsx javascript java c cpp c-sharp go; do
        printf "\\$(printf '%03o' "$number")" >"$work/corpus/$language"
        sed -n '/^```/,/^```$/p' "$here/golden/$language.md" | sed '1d;/^```$/,$d' >>"$work/corpus/$language"
        number=$((number + 1))
    done
    # A crash keeps its input outside the scratch folder, which is removed; libFuzzer prints the path.
    "$work/fuzz_outline" -max_total_time="$fuzz_seconds" -max_len=4096 -timeout=20 -rss_limit_mb=1024 \
        -artifact_prefix="${TMPDIR:-/tmp}/cairn-fuzz_outline-" "$work/corpus" >"$work/out" 2>&1
    status=$?
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/out")
    if [ "$status" -eq 0 ]; then
        echo "ok - fuzz_outline held for ${runs:-0} runs"
        passed=$((passed + 1))
    else
        tail -n 40 "$work/out" | sed 's/^/# /'
        echo "not ok - fuzz_outline"
        failed=$((failed + 1))
    fi
}

run_tests optimised "-O2"
run_tests sanitized "-O1 -g $sanitizers"
[ "$fuzz_seconds" -gt 0 ] && run_fuzzer
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
