#!/usr/bin/env bash
# Links the core packages without std (crates/testing/no_std): fails if one of them, or a dependency, brings std in.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

crate="$root/crates/testing/no_std"
# The same versions as the workspace's: cargo drops from the copy what this crate doesn't need.
cp "$root/Cargo.lock" "$crate/Cargo.lock"
CARGO_TARGET_DIR="$CARGO_TARGET_DIR/no_std" cargo build --quiet --manifest-path "$crate/Cargo.toml"
echo "core packages link without std"
