#!/bin/sh
# Token counts with the real vocabularies: golden ones, then against tiktoken and tokenizers, which are installed into
# .venv/tokens if they can be had. What is missing is skipped, with a line that says what. Arguments go to equality.py.
# The last line is "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/.venv/tokens"
packages="tiktoken==0.14.0 regex==2026.11.15 tokenizers==0.23.3"
out=$(mktemp)
trap 'rm -f "$out"' EXIT INT TERM
status=0

python=python3
stamp="$venv/.packages"
if [ "$(cat "$stamp" 2>/dev/null)" = "$packages" ]; then
    python="$venv/bin/python"
elif python3 -m venv "$venv" >"$out" 2>&1 && "$venv/bin/pip" install --quiet --no-deps $packages >"$out" 2>&1; then
    echo "$packages" >"$stamp"
    python="$venv/bin/python"
else
    echo "# $packages cannot be installed: $(tail -n 1 "$out")"
fi

"$python" "$here/golden.py" >"$out" 2>&1 || status=1
cat "$out"
totals=$(tail -n 1 "$out")
"$python" "$here/equality.py" "$@" >"$out" 2>&1 || status=1
cat "$out"
printf '%s\n%s\n' "$totals" "$(tail -n 1 "$out")" | awk '
    {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) p += $(i - 1)
            if ($i ~ /^failed/) f += $(i - 1)
            if ($i ~ /^skipped/) s += $(i - 1)
        }
    }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'
exit $status
