#!/usr/bin/env bash
# The journeys: a sequencer and a verifier through everything that an L1 may do to them (crates/testing/tests/journeys).
# `make test` goes through each once; this does so with many seeds.
#
#   scripts/journeys.sh                 20 seeds, about a quarter of an hour
#   scripts/journeys.sh --seeds N       N seeds
#   scripts/journeys.sh --first S       from seed S on (1)
#   scripts/journeys.sh --only FILTER   of those whose names contain FILTER
#
# A seed that fails is named; JOURNEY_SEED=S cargo nextest run -p openledger-testing --test journeys NAME repeats it, and
# JOURNEY_LOG=info shows what both nodes say.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

seeds=20
first=1
only=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seeds | --first)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "$1 needs a number"
            if [ "$1" = --seeds ]; then seeds=$2; else first=$2; fi
            shift
            ;;
        --only)
            [ -n "${2:-}" ] || fail "--only needs a part of a name"
            only=("$2")
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"
            exit 0
            ;;
        *) fail "unknown argument $1: scripts/journeys.sh --help" ;;
    esac
    shift
done

failed=()
for ((seed = first; seed < first + seeds; seed++)); do
    echo "seed $seed"
    JOURNEY_SEED=$seed cargo nextest run "${tested[@]}" --test journeys --no-fail-fast --status-level fail \
        --final-status-level none --show-progress none ${only[@]+"${only[@]}"} || failed+=("$seed")
done
[ ${#failed[@]} -eq 0 ] || fail "seeds that failed: ${failed[*]}"
echo "$seeds seeds passed"
