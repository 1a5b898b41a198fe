#!/usr/bin/env bash
# Prepares a Debian machine for building Cairn: the Debian packages that are missing, then the third-party sources that
# pins.txt names, then what is made of them: vocabularies, compiled grammars. `make setup` runs `setup.sh build`;
# `setup.sh bench` also installs what the benchmarks compare with, `setup.sh min` leaves out what pins.txt calls
# optional, now and in every `setup.sh kept`, which is what the other recipes run.
# Changes nothing, and takes less than half a second, when nothing is missing. Exit status: 0 ready; 2 something is
# missing that it could not or may not install (it says what to do); 1 a download failed or was not what the pin
# promises.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

swift_minimum=6.2

packages_build=(
    g++ make git pkg-config ca-certificates     # Swift links with the C++ toolchain; OpenSSL reads the certificates
    python3 python3-venv python3-pip openssl    # fetches the pins; runs the scenario and client tests
    nghttp2-server                              # an HTTP/2 origin for the tests
    valgrind                                    # counts the core's instructions for the tests
    libuv1-dev libssl-dev libcurl4-openssl-dev  # CHTTP: event loop, TLS, forward proxies
    libyaml-dev                                 # CairnSettings: the config file
    zlib1g-dev libbrotli-dev libzstd-dev        # CairnGateway: content encodings; CairnStore: zstd
    libsqlite3-dev                              # CairnStore
    libblas-dev libxxhash-dev                   # the planned rooms, see ARCHITECTURE.md
    libsimdjson-dev                             # the same
)
packages_bench=(wrk nginx-light haproxy) # load, and the two proxies to compare with

say() { printf 'setup: %s\n' "$*"; }

# stop STATUS MESSAGE [LINE...]: the lines are for pasting and stand alone.
stop() {
    local status=$1
    printf 'setup: %s\n' "$2" >&2
    shift 2
    [ $# = 0 ] || printf '%s\n' "$@" >&2
    exit "$status"
}

check_swift() {
    local version hint="Cairn needs Swift $swift_minimum or newer: see swift.org/install, then run this again."
    command -v swift >/dev/null || stop 2 "Swift is not on the PATH. $hint"
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [ "$(printf '%s\n%s\n' "$swift_minimum" "$version" | sort -V | head -n 1)" = "$swift_minimum" ] \
        || stop 2 "Swift ${version:-of an unknown version} is too old. $hint"
}

# Prints those of the given packages that are not installed.
missing_packages() {
    local installed
    installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    local name
    for name in "$@"; do
        grep -qxF "$name installed" <<<"$installed" || printf '%s\n' "$name"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# Bytes apt would download for the given packages; fails when apt's lists are missing or do not know one of them.
download_bytes() {
    local uris
    uris=$(apt-get install --print-uris --quiet=2 --no-install-recommends "$@" 2>/dev/null) || return 1
    awk '{ bytes += $3 } END { print bytes + 0 }' <<<"$uris"
}

# Installing nginx or haproxy starts and enables them. The benchmarks start their own copies on their own ports, so both
# are kept down: policy-rc.d forbids starting for the length of the installation, and what was enabled is disabled.
rc_policy=/usr/sbin/policy-rc.d
forbid_daemons() {
    [ -e "$rc_policy" ] && return
    trap 'as_root rm -f "$rc_policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$rc_policy" >/dev/null
    as_root chmod 755 "$rc_policy"
}
disable_daemons() {
    command -v systemctl >/dev/null || return 0
    local unit
    for unit in nginx haproxy; do
        case " $* " in *" $unit"*) as_root systemctl --quiet disable "$unit" || true ;; esac
    done
}

install_packages() {
    local missing bytes
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0

    local paste="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null \
        || stop 2 "these Debian packages, or what your system calls them, are missing:" "${missing[*]}"
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        stop 2 "Debian packages are missing and I may not install them. Paste this line, then run me again:" \
            "sudo sh -c '$paste'"
    fi

    if ! bytes=$(download_bytes "${missing[@]}"); then
        say "apt-get update (apt's lists do not know all of: ${missing[*]})"
        as_root apt-get update --quiet=2
        bytes=$(download_bytes "${missing[@]}") || stop 2 "apt does not know all of these packages: ${missing[*]}"
    fi
    say "installing ${#missing[@]} Debian packages, downloading $((bytes / 1024)) KiB: ${missing[*]}"
    forbid_daemons
    if ! apt_install "${missing[@]}" >/dev/null; then
        say "that failed; once more with fresh lists (apt-get update)"
        as_root apt-get update --quiet=2
        apt_install "${missing[@]}" >/dev/null || stop 2 "apt-get could not install them; see its message above"
    fi
    disable_daemons "${missing[@]}"
    is_changed=yes
}

# A Python whose pip can be used: Debian's own first, because packages_build has just seen to it.
python_with_pip() {
    local python
    for python in /usr/bin/python3 python3; do
        if "$python" -c 'import pip' 2>/dev/null; then printf '%s\n' "$python"; return; fi
    done
    stop 2 "no python3 with pip found; install the Debian packages python3 and python3-pip"
}

# fetch_pin NAME VERSION FORM SHA256 BYTES TAKE ENTRIES INTO PURPOSE
fetch_pin() {
    local stamp="$1 $2 $3 $4: $7 of ${6:-.}" destination=$8
    [ "$(cat "$destination/.pin" 2>/dev/null)" = "$stamp" ] && return
    say "fetching $1 $2 ($3, $(($5 / 1024)) KiB) into CSources/$destination: $9"
    local python
    python=$(python_with_pip)
    "$python" fetch.py "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$destination" "$stamp" || exit 1
    is_changed=yes
}

# Its presence means that `make setup-min` was the last choice.
minimal_marker=.setup-min

fetch_pins() {
    local line key
    local -A pin=()
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in
            '#'*) ;;
            '') fetch_paragraph; pin=() ;;
            *': '*) key=${line%%: *}; pin[$key]=${line#*: } ;;
            *) stop 1 "pins.txt: not 'key: value': $line" ;;
        esac
    done <pins.txt
    fetch_paragraph
}

# Fetches the pin collected by fetch_pins, if there is one.
fetch_paragraph() {
    [ "${#pin[@]}" -gt 0 ] || return 0
    [ "${pin[optional]:-no}" = no ] || [ ! -e "$minimal_marker" ] || return 0
    local field
    for field in name version form sha256 bytes entries into for; do
        [ -n "${pin[$field]:-}" ] || stop 1 "pins.txt: the paragraph of '${pin[name]:-?}' has no '$field'"
    done
    fetch_pin "${pin[name]}" "${pin[version]}" "${pin[form]}" "${pin[sha256]}" "${pin[bytes]}" "${pin[take]:-}" \
        "${pin[entries]}" "${pin[into]}" "${pin[for]}"
}

# Converts the fetched vocabularies, unless that is done already.
convert_vocabularies() {
    [ -d Vocabularies/fetched ] && [ ! -e "$minimal_marker" ] || return 0
    local python line
    python=$(python_with_pip)
    while IFS= read -r line; do
        say "$line"
        is_changed=yes
    done < <("$python" vocabularies.py Vocabularies/fetched Vocabularies)
    wait "$!" || exit 1
}

# Compiles tree-sitter and the grammars that were fetched, unless that is done already.
build_grammars() {
    local told
    told=$(CGrammars/build.sh) || stop 1 "the grammars could not be compiled; see the compiler's message above"
    [ -n "$told" ] || return 0
    say "$told"
    is_changed=yes
}

packages=("${packages_build[@]}")
case "${1:-build}" in
    build) rm -f "$minimal_marker" ;;
    kept) ;;
    min) touch "$minimal_marker" ;;
    bench) packages+=("${packages_bench[@]}") ;;
    *) stop 2 "usage: setup.sh [build|kept|min|bench]" ;;
esac
is_changed=no
check_swift
install_packages "${packages[@]}"
fetch_pins
convert_vocabularies
build_grammars
[ "$is_changed" = yes ] && say "ready" || say "nothing is missing"
