#!/usr/bin/env bash
# Benchmarks: criterion for the parts, and the load generator for our node and anvil in alternation.
#
#   scripts/bench.sh [FLAG of `load compare`...]    all of it, on release builds
#   scripts/bench.sh --load-only [FLAG...]          the load generator only
#   scripts/bench.sh --short                        our node alone, on the development build: shows that it works, no figures
#
# Only ratios of interleaved runs mean anything; use an otherwise idle machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
source contracts/tools/lib.sh

case "${1:-}" in
    --help | -h) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit 0 ;;
    --short)
        build_commands
        "$CARGO_TARGET_DIR/debug/load" compare --ours "$CARGO_TARGET_DIR/debug/openledger" \
            --pairs 1 --transactions 2000 --single-transactions 200 --senders 50 --recipients 50 --probes 20 --read-seconds 1
        exit 0
        ;;
esac
load_only=false
if [ "${1:-}" = --load-only ]; then
    load_only=true
    shift
fi
echo "bench: building release"
cargo build --quiet --release -p openledger-cli
cargo build --quiet --release -p openledger-testing --bin load
if ! "$load_only"; then
    cargo bench --quiet --workspace
fi
exec "$CARGO_TARGET_DIR/release/load" compare --ours "$CARGO_TARGET_DIR/release/openledger" --anvil "$(foundry anvil)" "$@"
