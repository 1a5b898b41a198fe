#!/bin/sh
# Replays recorded agent sessions through the gateway and prices them: what docs/economics.md was made with.
# Use: CAIRN_REPLAY_SCRIPT=replay_traces.py CAIRN_REPLAY_TRACES=DIR run.sh BINARY [--full] [--hostile a,b] [--kill]
# --full: mode full, each book and each session on its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
shift
script=${CAIRN_REPLAY_SCRIPT:?the script that prices the replay}
traces=${CAIRN_REPLAY_TRACES:?the folder of recorded sessions}
program=replay.py
case " $* " in *" --full "*) program=full_replay.py ;; esac
exec python3 -B "$here/$program" --cairn "$binary" --script "$script" --traces "$traces" "$@"
