#!/bin/sh
# Counts the instructions of every hot path of the C core with callgrind, and compares them with baseline.txt; then
# whether twice the input takes twice the instructions, on the texts that are worst for tokens and delta.
# Usage: run.sh            the last line is "N passed, N failed, N skipped"; exit status 1 when something failed
#        run.sh --update   rewrites baseline.txt: after a change that is meant, with the reason in its commit
# Counts do not depend on the machine's speed or load. They depend on the compiler (CC, default clang), on xxHash's
# header, and on AVX2, which valgrind offers where the processor has it: where one is another than the baseline's, only
# the ratios of n and 2n are checked. Without valgrind nothing is, and the last line says so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
core="$root/CSources/CCairn"
cc=${CC:-clang}
case "${1:-}" in
    "" | --update) ;;
    *) echo "usage: run.sh [--update]" >&2; exit 2 ;;
esac

if ! command -v valgrind >/dev/null || ! echo '#include <valgrind/callgrind.h>' | $cc -E - >/dev/null 2>&1; then
    echo "0 passed, 0 failed, 1 skipped (no valgrind here: the Debian package valgrind has it)"
    [ "${1:-}" != "--update" ] # a baseline that was not written is a failure
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/dumps"

# As the core ships (libcairn.sh), without the machine's own instructions.
flags="-std=c17 -O3 -Wall -Wextra -Werror -I$core/include -I$core"
for source in "$core"/*.c "$here"/count_core.c; do
    $cc $flags -c "$source" -o "$work/$(basename "$source" .c).o"
done
$cc "$work"/*.o -lm -Wl,-z,now -o "$work/count_core" # now: no call is another one the first time
rm "$work"/*.o

if ! valgrind --tool=callgrind --instr-atstart=no --dump-line=no --compress-strings=no \
    --callgrind-out-file="$work/dumps/dump" "$work/count_core" "$root/CSources/Vocabularies" \
    >"$work/told" 2>"$work/valgrind"; then
    cat "$work/told" "$work/valgrind"
    echo "0 passed, 1 failed, 0 skipped (count_core failed under valgrind)"
    exit 1
fi
sed -n 's/^left out: //p' "$work/told" >"$work/left_out"
compiler=$($cc --version | sed -nE '1s/.*(clang|gcc|GCC)[^0-9]*([0-9]+)\..*/\1 \2/p')
conditions="${compiler:-$cc}, $(sed -n 's/^made with: //p' "$work/told")"
echo "# $conditions"
if ! python3 -B "$here/test_counts.py" "$work/dumps"; then
    echo "0 passed, 1 failed, 0 skipped (counts.py does not fail when it should)"
    exit 1
fi
python3 -B "$here/counts.py" "$work/dumps" "$here/baseline.txt" "$conditions" "$@"
