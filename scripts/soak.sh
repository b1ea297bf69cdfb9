#!/usr/bin/env bash
# The soak test: a local chain with its L1 and a verifier, under steady load, and nothing may be lost, differ, fall behind
# or grow without end.
#
#   scripts/soak.sh                an hour at 50 transactions a second
#   scripts/soak.sh --short        20 seconds: what `make test` runs
#   scripts/soak.sh --minutes N    N minutes
#   scripts/soak.sh --rate N       N transactions a second
#
# OPENLEDGER_BIN names another binary than the one that is built here.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

seconds=3600
rate=50
while [ $# -gt 0 ]; do
    case "$1" in
        --short) seconds=20 ;;
        --minutes | --rate)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "$1 needs a number"
            if [ "$1" = --rate ]; then rate=$2; else seconds=$((60 * $2)); fi
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"
            exit 0
            ;;
        *) fail "unknown argument $1: scripts/soak.sh --help" ;;
    esac
    shift
done

if [ -z "${OPENLEDGER_BIN:-}" ]; then
    cargo build --quiet -p openledger-cli
    export OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
fi
CLIENTS_SCRIPT=soak.mjs crates/testing/clients/run.sh --seconds "$seconds" --rate "$rate"
