#!/bin/bash
# The real OpenAI and Anthropic client libraries through the binary: run.sh BINARY [WORD ...]
# Makes its own virtual environment (.venv, from requirements.txt) and, when the shared client tests are at hand, runs
# them too (shared.sh). Where the packages cannot be had it says why and skips. Ends with one line of totals.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
[ $# -ge 1 ] || { echo "usage: run.sh BINARY [WORD ...]" >&2; exit 2; }
binary=$(cd "$OLDPWD" && realpath "$1")
shift
python=${PYTHON:-python3.11}
[ -x "$binary" ] || { echo "run.sh: $binary is not a program" >&2; exit 2; }

# Sets the environment up once for each content of requirements.txt; prints the reason when it cannot.
make_environment() {
    local stamp=.venv/requirements.sha256 wanted
    wanted=$(sha256sum requirements.txt)
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    echo "clients: making .venv from requirements.txt (about 60 MB, once)"
    rm -rf .venv
    "$python" -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt || return
    echo "$wanted" > "$stamp"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! make_environment > "$log" 2>&1; then
    cat "$log"
    echo "clients: skipped, because the packages of requirements.txt cannot be had: $(tail -n 1 "$log")"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
cat "$log"

# Nothing of the caller's own accounts or proxies may leak into the libraries.
unset "${!OPENAI_@}" "${!ANTHROPIC_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
.venv/bin/python -B ../Scenarios/run.py --in . "$binary" "$@" | tee "$log"
status=${PIPESTATUS[0]}
[ $# -gt 0 ] && exit "$status"
# Bytes as they are, and what the gateway does by itself: no client may tell the difference.
shared_status=0
for mode in passthrough stable; do
    ./shared.sh "$binary" "$mode" | tee -a "$log"
    [ "${PIPESTATUS[0]}" = 0 ] || shared_status=1
done

awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { passed += $1; failed += $3; skipped += $5 }
     END { print "clients and shared tests together:"
           printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
[ "$status" = 0 ] && [ "$shared_status" = 0 ]
