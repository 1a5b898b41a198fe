#!/usr/bin/env bash
# Kills processes that write a store, and takes from others what they need to write: see main.swift.
# Usage: Tests/Store/run.sh [ROUNDS, default 200]   Last line: "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${1:-200}

swift build --product StoreCrash --explicit-target-dependency-import-check error
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 711 "$work" # the trial of rights gives up root's
"$(swift build --show-bin-path)/StoreCrash" "$rounds" "$work"
