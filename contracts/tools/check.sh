#!/usr/bin/env bash
# Compiles the contracts afresh and compares with the committed artifacts; fails if they differ, state lies elsewhere than in
# storage/, or a source is unformatted.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
tools/build.sh "$fresh"

differing=()
for file in "$fresh"/*.json; do
    name=$(basename "$file")
    cmp -s "$file" "artifacts/$name" || differing+=("$name")
done
for file in artifacts/*.json; do
    name=$(basename "$file")
    [ "$name" = preinstalls.json ] || [ -f "$fresh/$name" ] || differing+=("$name (no such contract)")
done
if [ ${#differing[@]} -gt 0 ]; then
    fail "these committed artifacts are not what the sources compile to: ${differing[*]}. Run contracts/tools/build.sh and commit the result."
fi
node tools/precompile-vectors.mjs >/dev/null
node tools/storage-layouts.mjs
"$(foundry forge)" fmt --check || fail "sources are not formatted: run forge fmt"
echo "contracts: artifacts match the sources"
