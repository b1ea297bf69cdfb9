#!/usr/bin/env bash
# Compiles the contracts and writes artifacts/, one file a deployable contract. With an argument, writes there instead.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"

tools/install.sh
"$(foundry forge)" build --force src node_modules/@openzeppelin/contracts/governance/TimelockController.sol
node tools/artifacts.cjs "${1:-artifacts}"
