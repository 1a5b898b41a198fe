#!/bin/sh
# Builds the C core as a library for other programs: libcairn.sh FOLDER
# Makes FOLDER/libcairn.a, libcairn.so.VERSION with its links, and cairn.pc with the prefix in $PREFIX. Needs a
# C compiler (CC, cc) and libxxhash's header; nothing of Swift. Called by `make install` and by Tests/Install/run.sh.
#
# Only what the headers in include/ declare is exported: the list for the linker is read from them.
set -eu
[ $# -eq 1 ] || { echo "usage: libcairn.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
core="$here/CCairn"
cc=${CC:-cc}
version=0.1.0
major=${version%%.*}
prefix=${PREFIX:-/usr/local}
mkdir -p "$1"
out=$(cd "$1" && pwd)

rm -rf "$out/objects" "$out"/libcairn.*
mkdir "$out/objects"
for source in "$core"/*.c; do
    $cc -std=c17 -O3 -fPIC -Wall -Wextra -I"$core/include" -I"$core" -c "$source" \
        -o "$out/objects/$(basename "$source" .c).o"
done

{
    echo "CAIRN_$major {"
    echo "  global:"
    sed -nE 's/^[^ #*\/].*[ *](cairn_[a-z0-9_]+)\(.*/    \1;/p' "$core"/include/*.h | sort -u
    echo "  local: *;"
    echo "};"
} >"$out/exports"
$cc -shared -Wl,-soname,"libcairn.so.$major" -Wl,--version-script="$out/exports" -Wl,--no-undefined \
    "$out/objects"/*.o -lm -o "$out/libcairn.so.$version"
ln -sf "libcairn.so.$version" "$out/libcairn.so.$major"
ln -sf "libcairn.so.$major" "$out/libcairn.so"
ar rcs "$out/libcairn.a" "$out/objects"/*.o

cat >"$out/cairn.pc" <<PC
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: cairn
Description: hot paths for gateways between agents and models: JSON, event streams, tokens, fingerprints
Version: $version
Libs: -L\${libdir} -lcairn
Libs.private: -lm
Cflags: -I\${includedir}/cairn
PC
