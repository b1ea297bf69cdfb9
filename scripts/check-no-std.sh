#!/usr/bin/env bash
# Links the core packages without std (crates/testing/no_std): fails if one of them, or a dependency, brings std in. Then checks them
# for a machine without an operating system, where a dependency can't build C, as the fault-proof program's won't.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

crate="$root/crates/testing/no_std"
# The same versions as the workspace's: cargo drops from the copy what this crate doesn't need.
cp "$root/Cargo.lock" "$crate/Cargo.lock"
CARGO_TARGET_DIR="$CARGO_TARGET_DIR/no_std" cargo build --quiet --manifest-path "$crate/Cargo.toml"
echo "core packages link without std"

target=riscv64imac-unknown-none-elf
if ! rustup target list --installed | grep -qx "$target" && ! rustup target add "$target"; then
    echo "the Rust target $target can't be installed: not checked for it"
    exit 0
fi
CARGO_TARGET_DIR="$CARGO_TARGET_DIR/no_std" cargo check --quiet --manifest-path "$crate/Cargo.toml" --target "$target"
echo "core packages compile for $target"
