#!/bin/bash
# The shared client tests, with their own scripted provider, through the binary: shared.sh BINARY MODE
# They are looked for in ../shared/clients beside the checkout, or in $CAIRN_SHARED/clients; without them it says so and
# skips. Uses the environment that run.sh makes. A MUST test that fails fails the run, a SHOULD test is told.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -eq 2 ] || { echo "usage: shared.sh BINARY MODE" >&2; exit 2; }
binary=$(realpath "$1")
tests=${CAIRN_SHARED:-$here/../../../shared}/clients
python=${PYTHON:-python3.11}

skip() {
    echo "shared client tests: skipped, because $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
[ -f "$tests/run_all.sh" ] || skip "there is no $(realpath -m --relative-to="$here/../.." "$tests")"
[ -x "$here/.venv/bin/python" ] || skip "Tests/Clients/run.sh has not made its environment"

work=$(mktemp -d)
provider= gateway=
finish() {
    [ -n "$gateway" ] && kill "$gateway" 2>/dev/null
    [ -n "$provider" ] && kill "$provider" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "shared client tests: $1" >&2
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

mkdir "$work/venvs" && ln -s "$here/.venv" "$work/venvs/main"
# Without --log: writing a lone surrogate to it breaks the provider's connection behind a whole answer.
PYTHONDONTWRITEBYTECODE=1 "$python" "$tests/mock_upstream.py" --port 0 --port-file "$work/port" \
    > "$work/provider.log" 2>&1 &
provider=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
[ -s "$work/port" ] || fail "the scripted provider did not start: $(tail -n 1 "$work/provider.log")"
upstream=http://127.0.0.1:$(cat "$work/port")

HOME="$work" "$binary" serve --listen 127.0.0.1:0 --upstream "$upstream" --mode "$2" --home "$work/home" \
    2> "$work/gateway.log" &
gateway=$!
base=
for _ in $(seq 100); do
    base=$(sed -nE 's|.*listening on (http://127\.0\.0\.1:[0-9]+).*|\1|p' "$work/gateway.log" | head -n 1)
    [ -n "$base" ] && break
    sleep 0.1
done
[ -n "$base" ] || fail "the gateway did not start: $(tail -n 1 "$work/gateway.log")"

PYTHONDONTWRITEBYTECODE=1 PYTHON="$python" VENVS="$work/venvs" OUT="$work/out" \
    "$tests/run_all.sh" "$base" "$upstream" | tee "$work/report"
status=${PIPESTATUS[0]}
number='([0-9]+)'
pattern="^TOTAL: $number passed, $number failed \(MUST\), $number warned \(SHOULD\), $number skipped\$"
totals=$(sed -nE "s/$pattern/\1 \2 \3 \4/p" "$work/report")
[ -n "$totals" ] || fail "they told no totals"
read -r passed failed warned skipped <<< "$totals"
[ "$passed" -gt 0 ] || fail "none passed"
[ "$warned" = 0 ] || echo "shared client tests: $warned of the SHOULD tests did not pass"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$status" = 0 ] && [ "$failed" = 0 ]
