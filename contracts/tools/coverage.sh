#!/usr/bin/env bash
# Measures which lines the tests run; fails if that are less than 95 % of those of a folder that settles money or votes, on L1 and
# on L2. Arguments go to forge coverage. Takes some minutes: everything is compiled without the optimizer, so that the
# tests that compare with the artifacts, and gas with a limit, can't be part of it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"

LINES_PERCENT_MIN=95
FOLDERS=(src/L1 src/dispute src/protocol src/governance src/libraries)

tools/install.sh
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
# Gas without the optimizer is none that belongs into snapshots/.
FORGE_SNAPSHOT_EMIT=false FORGE_SNAPSHOT_CHECK=false "$(foundry forge)" coverage \
    --no-match-test 'test_artifacts_matchSources_succeeds|test_score_gasOfManyClusters_succeeds|test_list_widestLineage_fitsIntoATransaction' \
    --report summary --report lcov --report-file "$report/lcov.info" "$@"

low=()
for folder in "${FOLDERS[@]}"; do
    # LF: lines that could be run, LH: lines that were.
    read -r found hit < <(awk -F: -v folder="$folder/" '
        $1 == "SF" { counts = index($2, folder) == 1 }
        counts && $1 == "LF" { found += $2 }
        counts && $1 == "LH" { hit += $2 }
        END { print found + 0, hit + 0 }' "$report/lcov.info")
    [ "$found" -gt 0 ] || fail "the report has no lines of $folder"
    echo "$folder: $hit of $found lines"
    [ $((hit * 100)) -ge $((found * LINES_PERCENT_MIN)) ] || low+=("$folder")
done
[ ${#low[@]} -eq 0 ] || fail "less than $LINES_PERCENT_MIN % of lines are tested: ${low[*]}"
