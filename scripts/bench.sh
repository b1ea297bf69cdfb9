#!/usr/bin/env bash
# The benchmarks: the load generator on our node and anvil in alternation, then the criterion benches. The defaults take
# about ten minutes and are a first look; docs/benchmarks.md says which runs decide.
#
#   scripts/bench.sh                   both, short
#   scripts/bench.sh --load [FLAGS]    the load generator alone; FLAGS go to `load compare` in place of the short ones
#   scripts/bench.sh --criterion       the criterion benches alone
#
# The results of the load generator are also written to $CARGO_TARGET_DIR/load.json.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

load=true
criterion=true
flags=(--pairs 3 --transactions 20000 --single-transactions 6000 --probes 300 --read-seconds 2)
case "${1:-}" in
    "") ;;
    --load)
        criterion=false
        shift
        [ $# -eq 0 ] || flags=("$@")
        ;;
    --criterion) load=false ;;
    -h | --help)
        sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"
        exit 0
        ;;
    *) fail "unknown argument $1: scripts/bench.sh --help" ;;
esac

anvil=$(node -p 'const { platform, arch } = process; const p = require("path");
    p.join(p.dirname(require.resolve(`@foundry-rs/anvil-${platform}-${arch === "x64" ? "amd64" : arch}/package.json`,
        { paths: [p.resolve("contracts")] })), "bin", "anvil")') || fail "anvil is missing: scripts/install.sh"

if "$load"; then
    # One command, so that what both share is built once.
    cargo build --release -p openledger-cli -p openledger-testing --bin openledger --bin load
    "$CARGO_TARGET_DIR/release/load" compare --ours "$CARGO_TARGET_DIR/release/openledger" --anvil "$anvil" \
        --output "$CARGO_TARGET_DIR/load.json" "${flags[@]}"
fi
if "$criterion"; then
    cargo bench -p openledger-testing --bench execution --bench state
fi
