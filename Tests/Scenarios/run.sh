#!/bin/bash
# Drives the real binary over loopback: run.sh BINARY [WORD ...]. Needs python3.11 and openssl, nothing else.
# Prints each failure and, last, one line "N passed, N failed, N skipped"; exits 1 when a test failed.
set -u
[ $# -ge 1 ] || { echo "usage: run.sh BINARY [WORD ...]" >&2; exit 2; }
exec "${PYTHON:-python3.11}" -B "$(dirname "$0")/run.py" "$@"
