#!/usr/bin/env bash
# The demonstration (docs/demo.md): a small model is trained on contributed data, served on a fresh local chain for paid
# calls, and those who made its answers are paid. Exits with 1 unless every condition holds.
#
#   scripts/demo.sh                  two and a half minutes
#   scripts/demo.sh --seed N         another world
#   scripts/demo.sh --off-chain N    the payouts of N seeds, without a chain: two seconds a seed
#   scripts/demo.sh --keep DIR       keep the chain, the adapters, the workers' calls and all logs
#
# OPENLEDGER_BIN names another openledger command than the one that is built here.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
case "${1:-}" in
    -h | --help)
        sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"
        exit 0
        ;;
esac

cargo=(cargo build --quiet --manifest-path "$root/Cargo.toml")
if [ -z "${OPENLEDGER_BIN:-}" ]; then
    "${cargo[@]}" -p openledger-cli
    export OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
fi
"${cargo[@]}" -p openledger-demo
exec "$CARGO_TARGET_DIR/debug/openledger-demo" "$@"
