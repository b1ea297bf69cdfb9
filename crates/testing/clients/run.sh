#!/usr/bin/env bash
# Runs real clients against the node, every answer validated: `OPENLEDGER_BIN=PATH run.sh [STEP…]`.
#
# Installs what is missing (npm packages here and in contracts/, a Python environment in the user's cache folder), which
# takes a minute once and nothing afterwards; then run.mjs starts nodes, proxies and tests, and stops all of them.
# STEPs are names that run.mjs prints; without any, all run. CLIENTS_SCRIPT names another program than run.mjs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=/dev/null
source "$root/scripts/env.sh"

OPENLEDGER_BIN=${OPENLEDGER_BIN:-$CARGO_TARGET_DIR/debug/openledger}
if [ ! -x "$OPENLEDGER_BIN" ]; then
    echo "error: there is no $OPENLEDGER_BIN: build it (cargo build), or set OPENLEDGER_BIN" >&2
    exit 2
fi
for command in node npm python3; do
    command -v "$command" >/dev/null || { echo "error: $command is not installed" >&2; exit 2; }
done

# install NAME LOCK STAMP COMMAND…: runs the command unless STAMP is a copy of LOCK.
install() {
    local name=$1 lock=$2 stamp=$3
    shift 3
    cmp -s "$lock" "$stamp" && return
    echo "clients: installing $name"
    "$@"
    cp "$lock" "$stamp"
}
npm_packages() { (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); }
python_packages() {
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
}
venv=$OPENLEDGER_CACHE/clients-venv
economy=$root/examples/economy
install "npm packages" "$here/package-lock.json" "$here/node_modules/.installed-lock" npm_packages "$here"
install "the example's npm packages" "$economy/package-lock.json" "$economy/node_modules/.installed-lock" npm_packages "$economy"
install "web3.py in $venv" "$here/requirements.txt" "$venv/.installed-requirements" python_packages
# Foundry's binaries are the ones that the contracts are built with.
"$root/contracts/tools/install.sh" >/dev/null
source "$root/contracts/tools/lib.sh"

export OPENLEDGER_BIN PYTHON=$venv/bin/python CAST FORGE
CAST=$(foundry cast)
FORGE=$(foundry forge)
exec node "$here/${CLIENTS_SCRIPT:-run.mjs}" "$@"
