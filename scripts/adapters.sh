#!/usr/bin/env bash
# LoRA adapters as PEFT and the safetensors library write them, registered on a local chain; and kinds that are refused.
# Python's packages go into a virtual environment in the cache. PEFT needs torch, six gigabytes with what it brings
# along on Linux: where it can't be installed, that is said and the rest is run.
#
#   scripts/adapters.sh                  all of it
#   scripts/adapters.sh --without-peft   only what needs no torch
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

FREE_BYTES_MIN=$((16 * 1024 * 1024 * 1024))
venv="$OPENLEDGER_CACHE/python/peft"
plain=(numpy==2.4.6 safetensors==0.8.0)
torch=(torch==2.15.0 peft==0.21.2 transformers==5.23.0)

# Installs packages unless they are there. $1: name of the list, the rest: the packages.
packages() {
    local stamp="$venv/$1.packages"
    shift
    cmp -s <(printf '%s\n' "$@") "$stamp" && return 0
    echo "adapters: installing $* into $venv" >&2
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "$@" || return 1
    printf '%s\n' "$@" >"$stamp"
}

packages plain "${plain[@]}" || fail "numpy and safetensors can't be installed"
flags=("$@")
if [[ " $* " != *" --without-peft "* ]]; then
    free=$(($(df --output=avail -k "$OPENLEDGER_CACHE" | tail -n1) * 1024))
    reason=""
    if ! "$venv/bin/python" -c 'import torch, peft, transformers' 2>/dev/null; then
        if [ "$free" -lt "$FREE_BYTES_MIN" ]; then
            reason="there are less than 16 GiB free in $OPENLEDGER_CACHE"
        elif ! packages torch "${torch[@]}"; then
            reason="pip doesn't install it"
        elif ! "$venv/bin/python" -c 'import torch, peft, transformers'; then
            reason="it doesn't run here"
        fi
    fi
    if [ -n "$reason" ]; then
        echo "adapters: torch can't be used: $reason. PEFT's own files are NOT tested, only those of the safetensors library." >&2
        flags+=(--without-peft)
    fi
fi
if [ -z "${OPENLEDGER_BIN:-}" ]; then
    cargo build --quiet -p openledger-cli
    OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
fi
HF_HUB_OFFLINE=1 exec "$venv/bin/python" scripts/adapters.py --binary "$OPENLEDGER_BIN" ${flags[@]+"${flags[@]}"}
