#!/usr/bin/env bash
# Fuzzes every decoder of untrusted bytes, one target after the other, and records the outcome in docs/fuzzing.md.
#
#   scripts/fuzz.sh [--asan] [--seconds N] [--seed N] [TARGET...]
#
# Ten minutes a target unless said otherwise. It builds with the ordinary toolchain: the coverage that libFuzzer needs is a
# stable compiler option. --asan builds with cargo-fuzz and the nightly toolchain instead, so that AddressSanitizer watches the
# unsafe code behind the decoders as well. What is found is kept in the cache folder between runs; an input that fails is
# printed and left in the target's folder of crates/testing/fuzz/artifacts. `make test` replays the committed corpora.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=600
seed=$(date +%Y%m%d)
asan=
targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --asan) asan=1 && shift ;;
        --seconds) seconds=$2 && shift 2 ;;
        --seed) seed=$2 && shift 2 ;;
        --help | -h) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 0 ;;
        -*) fail "unknown flag $1: scripts/fuzz.sh --help" ;;
        *) targets+=("$1") && shift ;;
    esac
done

crate="$root/crates/testing/fuzz"
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(find "$crate/fuzz_targets" -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)
fi
for target in "${targets[@]}"; do
    [ -f "$crate/fuzz_targets/$target.rs" ] || fail "no target $target in $crate/fuzz_targets"
done

host=$(rustc -vV | sed -n 's/^host: //p')
echo "fuzz: building ${#targets[@]} targets"
if [ -n "$asan" ]; then
    has cargo-fuzz || fail "--asan needs cargo-fuzz: cargo install cargo-fuzz --locked"
    cargo +nightly --version >/dev/null 2>&1 || fail "--asan needs the nightly toolchain: rustup toolchain install nightly"
    build="$CARGO_TARGET_DIR/fuzz-asan"
    # cargo-fuzz builds one target or all.
    only=()
    [ ${#targets[@]} -eq 1 ] && only=("${targets[0]}")
    cargo +nightly fuzz build --fuzz-dir "$crate" --target-dir "$build" "${only[@]}"
    # Several static libraries bring their own copies of some globals.
    export ASAN_OPTIONS="detect_odr_violation=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
else
    build="$CARGO_TARGET_DIR/fuzz"
    coverage="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
    # --target keeps the flags away from build scripts and procedural macros. The environment's own RUSTFLAGS for the host
    # would take the place of these, so that they are joined.
    variable="CARGO_TARGET_$(echo "$host" | tr 'a-z-' 'A-Z_')_RUSTFLAGS"
    export "$variable=${!variable:-} $coverage"
    CARGO_TARGET_DIR="$build" cargo build --quiet --release --manifest-path "$crate/Cargo.toml" --target "$host" \
        "${targets[@]/#/--bin=}"
fi

# A line goes to the end of the record, whose table stands last.
record="$root/docs/fuzzing.md"
failed=0
for target in "${targets[@]}"; do
    found="$OPENLEDGER_CACHE/fuzz/$target"
    artifacts="$crate/artifacts/$target"
    mkdir -p "$found" "$artifacts"
    log=$(mktemp)
    outcome=ok
    echo "fuzz: $target for $seconds s (seed $seed)"
    # The first folder takes what is found; the committed corpus is only read.
    nice -n 19 "$build/$host/release/$target" "$found" "$crate/corpus/$target" \
        -max_total_time="$seconds" -seed="$seed" -print_final_stats=1 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$artifacts/" >"$log" 2>&1 || outcome=FAILED
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz: $target: $outcome, ${executions:-0} executions"
    grouped=$(printf '%s' "${executions:-0}" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta')
    echo "| $target | $grouped | $seconds | $seed | $(date +%F) | $outcome${asan:+, AddressSanitizer} |" >>"$record"
    if [ "$outcome" != ok ]; then
        failed=$((failed + 1))
        tail -n 30 "$log"
    fi
    rm -f "$log"
done
[ "$failed" -eq 0 ] || fail "$failed targets failed: see crates/testing/fuzz/artifacts"
