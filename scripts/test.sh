#!/usr/bin/env bash
# Every check and test, in order; stops at the first step that fails. The last line is "N passed, N failed".
#
#   scripts/test.sh             all steps
#   scripts/test.sh STEP...     some of them; scripts/test.sh --list names them
#
# A step counts the tests that its tool reports, or one if the tool is a check.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root" || exit 1

STEPS=(format clippy dependencies no_std contracts rust crash soak doc_tests kona links clients bench)
logs="$OPENLEDGER_CACHE/test-logs"
mkdir -p "$logs"
passed=0
failed=0
timings=()

step_format() {
    cargo fmt --all --check || return 1
    # Packages outside of the workspace.
    local package
    for package in crates/testing/{fuzz,kona,no_std} precompiles/riscv; do
        cargo fmt --manifest-path "$package/Cargo.toml" --check || return 1
    done
}

step_clippy() {
    cargo clippy --workspace --all-targets --quiet -- -D warnings
}

# Licences, sources and versions of all dependencies, by a check of ours that needs no network; cargo-deny says more
# (unmaintained and vulnerable versions) where it is installed.
step_dependencies() {
    node scripts/check-dependencies.mjs || return 1
    if has cargo-deny; then
        cargo deny --offline check licenses bans sources
    else
        echo "cargo-deny is not installed: its own checks were not run (cargo install cargo-deny --locked)"
    fi
}

step_no_std() {
    scripts/check-no-std.sh
}

step_contracts() {
    contracts/tools/check.sh && contracts/tools/test.sh
}

# Unit, property and integration tests, which also replay the fuzzing corpora.
step_rust() {
    build_command &&
        rm -rf "$CARGO_TARGET_DIR/records" &&
        OPENLEDGER_RECORDS="$CARGO_TARGET_DIR/records" cargo nextest run "${tested[@]}" --no-fail-fast \
            --status-level slow --final-status-level fail --show-progress none
}

# The crash test's short form: apart from other load, so that its kills come at the instants that it means.
step_crash() {
    build_command && scripts/crash.sh --short
}

step_soak() {
    build_command && scripts/soak.sh --short
}

step_doc_tests() {
    cargo test "${tested[@]}" --doc --quiet
}

# kona derives what journeys recorded of the L1, and must come to the same attributes.
step_kona() {
    # Other records there are of the step rust.
    local records="$CARGO_TARGET_DIR/records"
    OPENLEDGER_RECORDS="$records" cargo nextest run "${tested[@]}" --test journeys --status-level fail --show-progress none \
        -E "test(/^independent::/)" || return 1
    OPENLEDGER_RECORDS="$records" CARGO_TARGET_DIR="$CARGO_TARGET_DIR/kona" \
        cargo test --quiet --locked --manifest-path crates/testing/kona/Cargo.toml
}

step_links() {
    node scripts/check-links.mjs || return 1
    node scripts/check-runbooks.mjs
}

step_clients() {
    build_command && crates/testing/clients/run.sh
}

# The short form of the benchmarks: that they run.
step_bench() {
    scripts/bench.sh --short
}

# The command that journeys start.
build_command() {
    build_commands || return 1
    export OPENLEDGER_BIN="$CARGO_TARGET_DIR/debug/openledger"
}

# Adds what a step's log says was run to the totals. $1: log, $2: the step's exit status.
count() {
    local log=$1 status=$2 found=false
    # nextest:   Summary [  1.2s] 30 tests run: 29 passed, 1 failed, 0 skipped
    # forge:     Ran 8 test suites ...: 60 tests passed, 0 failed, 0 skipped (60 total tests)
    # cargo:     test result: ok. 3 passed; 0 failed; ...
    # node:      # pass 12 / # fail 0, or ℹ pass 12
    # ours:      12 passed, 0 failed
    local tests_passed tests_failed
    tests_passed=$(sed -nE \
        -e 's/^ *Summary \[.*\] .* run: ([0-9]+) passed.*/\1/p' \
        -e 's/^Ran [0-9]+ test suites.*: ([0-9]+) tests passed, .*/\1/p' \
        -e 's/^test result: .* ([0-9]+) passed; .*/\1/p' \
        -e 's/^(#|ℹ) pass ([0-9]+)$/\2/p' \
        -e 's/^([0-9]+) passed, [0-9]+ failed$/\1/p' "$log" | awk '{ sum += $1 } END { if (NR) print sum }')
    tests_failed=$(sed -nE \
        -e 's/^ *Summary \[.*\] .* run: .* ([0-9]+) failed.*/\1/p' \
        -e 's/^Ran [0-9]+ test suites.*: [0-9]+ tests passed, ([0-9]+) failed.*/\1/p' \
        -e 's/^test result: .* ([0-9]+) failed; .*/\1/p' \
        -e 's/^(#|ℹ) fail ([0-9]+)$/\2/p' \
        -e 's/^[0-9]+ passed, ([0-9]+) failed$/\1/p' "$log" | awk '{ sum += $1 } END { if (NR) print sum }')
    [ -n "$tests_passed$tests_failed" ] && found=true
    if "$found"; then
        passed=$((passed + ${tests_passed:-0}))
        failed=$((failed + ${tests_failed:-0}))
        if [ "$status" -ne 0 ] && [ "${tests_failed:-0}" -eq 0 ]; then failed=$((failed + 1)); fi
    elif [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

summary() {
    echo
    echo "slowest steps:"
    printf '%s\n' "${timings[@]}" | sort -rn | head -n 5 | while read -r seconds name; do
        printf '  %6ss  %s\n' "$seconds" "$name"
    done
    echo "$passed passed, $failed failed"
}

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${STEPS[@]}"
    exit 0
fi
selected=("$@")
[ ${#selected[@]} -gt 0 ] || selected=("${STEPS[@]}")
for name in "${selected[@]}"; do
    declare -F "step_$name" >/dev/null || fail "no step $name: scripts/test.sh --list names them"
done

for name in "${selected[@]}"; do
    echo "=== $name"
    start=$(date +%s)
    # A subshell, so that a step can't change the others' directory or environment.
    ( "step_$name" ) 2>&1 | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    seconds=$(($(date +%s) - start))
    timings+=("$seconds $name")
    count "$logs/$name.log" "$status"
    echo "--- $name: $([ "$status" -eq 0 ] && echo ok || echo FAILED), ${seconds} s"
    if [ "$status" -ne 0 ]; then
        summary
        exit 1
    fi
done
summary
