#!/usr/bin/env bash
# The crash tests: kill a node under load by SIGKILL at random instants and check that it lost nothing; then the same to a
# node with an L1, which is killed as well, with a third as many kills.
#
#   scripts/crash.sh             200 kills, a quarter of an hour or so
#   scripts/crash.sh --short     8 kills, about a minute: what `make test` runs
#   scripts/crash.sh --rounds N  N kills
#
# OPENLEDGER_CRASH_SEED repeats a run's instants and transactions (each run prints its own); OPENLEDGER_BIN names another
# binary than the one that is built here.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

rounds=200
while [ $# -gt 0 ]; do
    case "$1" in
        --short) rounds=8 ;;
        --rounds)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "--rounds needs a number of kills"
            rounds=$2
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"
            exit 0
            ;;
        *) fail "unknown argument $1: scripts/crash.sh --help" ;;
    esac
    shift
done

if [ -z "${OPENLEDGER_BIN:-}" ]; then
    build_commands
    export OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
fi
OPENLEDGER_CRASH_ROUNDS=$rounds cargo test --quiet "${tested[@]}" --test crash -- --ignored --nocapture \
    --test-threads=1
