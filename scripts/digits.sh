#!/usr/bin/env bash
# Attribution on scikit-learn's digits, with the command's native integer code: the figures of docs/attribution.md.
# Python's packages go into a virtual environment in the cache.
#
#   scripts/digits.sh                     six seeds, about three minutes
#   scripts/digits.sh --seeds 1 --short   one seed, dimension 256 alone
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

venv="$OPENLEDGER_CACHE/python/digits"
packages=(numpy==2.4.6 scikit-learn==1.9.1 safetensors==0.8.0)
if ! cmp -s <(printf '%s\n' "${packages[@]}") "$venv/packages"; then
    echo "digits: installing ${packages[*]} into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    printf '%s\n' "${packages[@]}" >"$venv/packages"
fi
if [ -z "${OPENLEDGER_BIN:-}" ]; then
    cargo build --quiet -p openledger-cli
    OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
fi
# One thread of BLAS: the matrices are small, and the command has threads of its own.
OPENBLAS_NUM_THREADS=1 exec "$venv/bin/python" scripts/digits.py --binary "$OPENLEDGER_BIN" "$@"
