#!/bin/sh
# Compiles the fetched tree-sitter and its grammars once, into a static library beside a table of what is in it. Called
# by setup.sh; prints one line when it did something, nothing when what is installed is up to date.
#
#     fetched/core/src/lib.c         -->  installed/libcairn_grammars.a    16 MB of objects, linked by target CGrammars
#     fetched/rust/src/parser.c ...       installed/cgrammars_table.c      {"rust", tree_sitter_rust}, ...
#                                         installed/headers                what a generated parser includes
#                                         installed/.stamp                 what they were made from
#
# Generated parsers are large (C#: 34 MB of source) and never change between two pins, so neither SwiftPM nor the C
# tests compile them. Without grammars (make setup-min) the table is empty, and everything still builds.
# CC chooses the compiler.
set -eu
cd "$(dirname "$0")"
cc=${CC:-clang}
command -v "$cc" >/dev/null || cc=cc
flags="-std=c11 -O2 -fPIC -w"

# name: the function tree_sitter_<name>; folder: of its parser.c; scanner: its hand-written half, if it has one.
# TypeScript's scanner is missing in its archive; ours serves both of its dialects.
grammars() {
    cat <<'LIST'
rust       fetched/rust/src                  fetched/rust/src/scanner.c
python     fetched/python/src                fetched/python/src/scanner.c
typescript fetched/typescript/typescript/src cgrammars_typescript_scanner.c
tsx        fetched/typescript/tsx/src        cgrammars_typescript_scanner.c
javascript fetched/javascript/src            fetched/javascript/src/scanner.c
java       fetched/java/src                  -
c          fetched/c/src                     -
cpp        fetched/cpp/src                   fetched/cpp/src/scanner.c
c_sharp    fetched/c_sharp/src               fetched/c_sharp/src/scanner.c
go         fetched/go/src                    -
LIST
}

stamp() {
    cat fetched/*/.pin
    cat build.sh cgrammars_typescript_scanner.c include/cgrammars_pool.h | cksum
    "$cc" --version | head -n 1
}

stamp=$(stamp)
if [ "$(cat installed/.stamp 2>/dev/null)" = "$stamp" ]; then exit 0; fi

work=$(mktemp -d ./.build-XXXXXX)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/objects" "$work/installed/headers/tree_sitter"
: >"$work/names"
core=fetched/core
for header in alloc array parser ts_assert; do
    cp "$core/src/$header.h" "$work/installed/headers/tree_sitter/"
done
# Its memory comes from our pool: the macros are there to be set from outside. Scanners call the C library besides.
flags="$flags -include include/cgrammars_pool.h"
for verb in malloc calloc realloc free; do flags="$flags -Dts_$verb=cgrammars_$verb"; done
scanner_flags=""
for verb in malloc calloc realloc free; do scanner_flags="$scanner_flags -D$verb=cgrammars_$verb"; done
"$cc" $flags -D_DEFAULT_SOURCE -I "$core/include" -I "$core/src" -c "$core/src/lib.c" -o "$work/objects/tree_sitter.o"
flags="$flags -I $work/installed/headers"
grammars | while read -r name folder scanner; do
    [ -e "$folder/parser.c" ] || continue
    "$cc" $flags -I "$folder" -c "$folder/parser.c" -o "$work/objects/$name.o"
    if [ "$scanner" != - ]; then
        "$cc" $flags $scanner_flags "-DGRAMMAR=$name" -c "$scanner" -o "$work/objects/${name}_scanner.o"
    fi
    echo "$name" >>"$work/names"
done
count=$(wc -l <"$work/names")

{
    echo "/* cgrammars_table.c: which grammars are installed. Written by build.sh at set-up."
    # The checksum makes SwiftPM link again whenever the library beside this file changes.
    echo " * Made from: $(printf '%s' "$stamp" | cksum) */"
    echo '#include "../cgrammars_int.h"'
    sed 's/.*/const TSLanguage *tree_sitter_&(void);/' "$work/names"
    echo "const cgrammars_entry cgrammars_table[] = {"
    sed 's/.*/    {"&", tree_sitter_&},/' "$work/names"
    echo "    {0, 0}};"
} >"$work/installed/cgrammars_table.c"
ar rcs "$work/installed/libcairn_grammars.a" "$work/objects"/*.o
printf '%s\n' "$stamp" >"$work/installed/.stamp"
rm -rf installed
mv "$work/installed" installed
echo "compiled tree-sitter and $count grammars, $(($(wc -c <installed/libcairn_grammars.a) / 1024)) KiB"
