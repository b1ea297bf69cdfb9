#!/usr/bin/env bash
# Installs the pinned npm packages, unless they are there already and package-lock.json has not changed since.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"

stamp=node_modules/.installed-lock
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    echo "contracts: npm packages are up to date"
    exit 0
fi
command -v npm >/dev/null || fail "npm is not installed: Node.js 20 or later brings it"
echo "contracts: running npm ci (no package's own install script runs)"
npm ci --ignore-scripts --no-audit --no-fund
cp package-lock.json "$stamp"
