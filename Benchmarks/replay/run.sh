#!/bin/sh
# Replays recorded agent sessions through the gateway and prices them: what docs/economics.md was made with.
# Use: CAIRN_REPLAY_SCRIPT=replay_traces.py CAIRN_REPLAY_TRACES=DIR run.sh BINARY [--hostile a,b] [--kill] [--help]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
shift
script=${CAIRN_REPLAY_SCRIPT:?the script that prices the replay}
traces=${CAIRN_REPLAY_TRACES:?the folder of recorded sessions}
exec python3 -B "$here/replay.py" --cairn "$binary" --script "$script" --traces "$traces" "$@"
