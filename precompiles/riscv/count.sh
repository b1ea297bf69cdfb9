#!/usr/bin/env bash
# Counts the RISC-V instructions a gas of the precompiles' worst cases: builds the program of this folder for the fault-proof
# program's target (RV64IM, riscv64im.json) and runs it in an interpreter. Fails if a case takes more than ECRECOVER does.
#
#   precompiles/riscv/count.sh [PART-OF-A-NAME]
#
# It needs the nightly toolchain with its rust-src: rustup toolchain install nightly --component rust-src
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

crate="$root/precompiles/riscv"
cargo +nightly --version >/dev/null 2>&1 || fail "the nightly toolchain is needed: rustup toolchain install nightly --component rust-src"
# The same versions as the workspace's.
cp "$root/Cargo.lock" "$crate/Cargo.lock"
build="$CARGO_TARGET_DIR/riscv"
# The machine has one thread and no atomic instructions.
CARGO_TARGET_DIR="$build" CARGO_TARGET_RISCV64IM_RUSTFLAGS="-Cpasses=lower-atomic" \
    cargo +nightly build --quiet --release --manifest-path "$crate/Cargo.toml" \
    -Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem \
    -Zjson-target-spec --target "$crate/riscv64im.json"
cd "$root"
exec cargo run --quiet --release -p openledger-precompiles --example instructions -- \
    "$build/riscv64im/release/openledger-precompiles-riscv" "$@"
