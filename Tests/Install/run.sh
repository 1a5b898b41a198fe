#!/usr/bin/env bash
# Installs the library into a fresh folder and uses it from there as a stranger would: C and C++ programs that know
# nothing but cairn.pc, and Python through ctypes. Usage: Tests/Install/run.sh   Last line: "N passed, N failed".
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

check() { # name, command...
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok - $name"
    else
        failed=$((failed + 1))
        echo "not ok - $name"
        sed 's/^/    /' "$work/out" | head -n 20
    fi
}

make -C "$root" -s install-lib PREFIX="$work/prefix" >"$work/install" 2>&1 || {
    cat "$work/install"
    echo "0 passed, 1 failed"
    exit 1
}
export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib"
read -r -a flags <<<"$(pkg-config --cflags --libs cairn)"
cat >"$work/request.json" <<'JSON'
{"model":"m","messages":[{"role":"system","content":"Be brief."},
 {"role":"user","content":"see src/main.c:42: error: 'x' undeclared\nhttps://example.com/a?b=1"}]}
JSON

c_program() { ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$root/Examples/chat_filter.c" "${flags[@]}" -o "$work/filter"; }
cpp_program() {
    printf '%s\n' '#include <cairn.h>' '#include <cstring>' \
        'int main() { return std::strcmp(cairn_status_text(CAIRN_OK), "ok"); }' >"$work/link.cpp"
    ${CXX:-g++} -std=c++17 -Wall -Wextra -Werror "$work/link.cpp" "${flags[@]}" -o "$work/link" && "$work/link"
}
static_program() {
    ${CC:-cc} -std=c11 "$root/Examples/chat_filter.c" $(pkg-config --cflags cairn) "$work/prefix/lib/libcairn.a" -lm \
        -o "$work/static" && "$work/static" <"$work/request.json" | cmp - "$work/filtered"
}
filter_prints() {
    "$work/filter" <"$work/request.json" >"$work/filtered" && cat "$work/filtered" \
        && grep -q '^system: about [0-9]* tokens, lineage [0-9a-f]\{32\}$' "$work/filtered" \
        && grep -q 'src/main.c:42' "$work/filtered" && grep -q 'https://example.com/a?b=1' "$work/filtered"
}
filter_counts() {
    local file="$work/prefix/share/cairn/o200k_base.cairn"
    [ -e "$file" ] || { echo "no vocabulary installed"; return 0; }
    "$work/filter" "$file" <"$work/request.json" | grep '^system: 3 o200k_base tokens'
}
filter_refuses() {
    ! printf '{"messages":[' | "$work/filter" 2>"$work/err" && grep -q 'byte 13: incomplete input' "$work/err"
}
python_agrees() {
    python3 "$root/Examples/chat_fingerprint.py" "$work/prefix/lib/libcairn.so" >"$work/python" && cat "$work/python" \
        && [ "$(sed -n 1p "$work/python" | cut -c1-32)" = "$(sed -n 2p "$work/python" | cut -c1-32)" ] \
        && [ "$(sed -n 1p "$work/python" | cut -c1-32)" != "$(sed -n 3p "$work/python" | cut -c1-32)" ]
}
exports_are_doors() { # only names of the headers, and a versioned soname
    ! nm -D --defined-only "$work/prefix/lib/libcairn.so" | awk '{print $3}' | grep -v '^cairn_\|^CAIRN_' \
        && readelf -d "$work/prefix/lib/libcairn.so" | grep -q 'SONAME.*libcairn.so.0'
}

check "a C program links through cairn.pc alone" c_program
check "the filter prints tokens, lineages and snippets" filter_prints
check "an installed vocabulary counts exactly" filter_counts
check "a cut-off request is told with its place" filter_refuses
check "the static library gives the same" static_program
check "a C++ program links too" cpp_program
check "Python fingerprints a tool call however it is spelled" python_agrees
check "the shared library exports its headers' names and no others" exports_are_doors
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
