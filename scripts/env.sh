# Sourced by the Makefile's recipes and .ci/run: where build products that outlive a clone are kept.
# Nothing here is needed to build; without it cargo compiles RocksDB from source in each target folder.
export OPENLEDGER_CACHE="${OPENLEDGER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/openledger}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$OPENLEDGER_CACHE/target}"
OPENLEDGER_ROCKSDB_VERSION=11.8.1-0.19.0
rocksdb_dir="$OPENLEDGER_CACHE/rocksdb/$OPENLEDGER_ROCKSDB_VERSION"
if [ -z "${ROCKSDB_LIB_DIR:-}" ] && [ -f "$rocksdb_dir/librocksdb.a" ]; then
  export ROCKSDB_LIB_DIR="$rocksdb_dir" ROCKSDB_STATIC=1
fi
[ -d "$HOME/.cargo/bin" ] && export PATH="$HOME/.cargo/bin:$PATH"
if command -v clang >/dev/null && command -v mold >/dev/null; then
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=clang
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-Clink-arg=-fuse-ld=mold"
fi
