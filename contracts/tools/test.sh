#!/usr/bin/env bash
# Runs the contracts' tests. Arguments go to forge test, e.g. --match-contract BatchInbox. Gas that differs from snapshots/
# fails; FORGE_SNAPSHOT_CHECK=false rewrites them instead.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"

tools/install.sh
FORGE_SNAPSHOT_CHECK=${FORGE_SNAPSHOT_CHECK:-true} "$(foundry forge)" test "$@"
