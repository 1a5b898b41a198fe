#!/bin/sh
# Writes the table of means for estimates (cairn_tokens_estimate_table.c) from real text, then measures estimates on
# text that was held out. By hand, rarely. Usage: calibrate.sh FILE...   Needs the vocabularies of `make setup`.
# Take many kinds of text, no kind much more than the others; the table in the repository comes from 4,905 files:
# program sources and documents of 20 kinds from a Debian system, and message catalogues in 24 languages.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
core="$here/../../CSources/CCairn"
vocabularies="${CAIRN_VOCABULARIES:-$here/../../CSources/Vocabularies}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

table="$core/cairn_tokens_estimate_table.c"
build() {
    ${CC:-clang} -std=c17 -O2 -Wall -Wextra -I"$core/include" -I"$core" "$here/calibrate.c" "$core"/cairn_tokens*.c \
        "$core"/cairn_bytes*.c -o "$work/calibrate"
}
set -- "$vocabularies/cl100k_base.cairn" "$vocabularies/o200k_base.cairn" "$vocabularies/deepseek_v3.cairn" -- "$@"
build
"$work/calibrate" table "$@" >"$work/table.c"
cp "$work/table.c" "$table"
build
"$work/calibrate" errors "$@"
