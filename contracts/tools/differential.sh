#!/usr/bin/env bash
# Random vectors of the precompiles, made by the Python reference, through the native code and the Solidity reference: all
# three must agree on every one. Prints how many there were.
#
#   contracts/tools/differential.sh [ROUNDS] [SEED]      by default 4 rounds from seed 1
#
# It needs python3 with numpy (PYTHON names another one), and the command `openledger` (OPENLEDGER_BIN, or it is built).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CONTRACTS_DIR"
rounds=${1:-4}
seed=${2:-1}
# Random cases of each of SPAN's and SPLIT's sections in a round: forge's reader of JSON gets slow with larger files.
cases=30
python=${PYTHON:-python3}

"$python" -c 'import numpy' 2>/dev/null || fail "the reference needs numpy: pip install numpy"
if [ -z "${OPENLEDGER_BIN:-}" ]; then
    (cd .. && . scripts/env.sh && cargo build --quiet -p openledger-cli)
    OPENLEDGER_BIN="$(. ../scripts/env.sh && echo "$CARGO_TARGET_DIR")/debug/openledger"
fi
tools/install.sh
vectors=../precompiles/vectors
work=$(mktemp -d)
# Where tests may read.
solidity=test/precompiles/vectors/random
trap 'rm -rf "$work" "$solidity"' EXIT
native=0
compared=0
for ((round = 0; round < rounds; round++)); do
    number=$((seed + round))
    "$python" "$vectors/generate_golden.py" "$number" "$work/golden.json" >/dev/null
    "$python" "$vectors/span_split.py" "$number" "$work/span_split.json" "$cases" >/dev/null
    "$python" "$vectors/sketch.py" "$number" "$work/sketch.json" >/dev/null
    "$python" "$vectors/streams.py" "$number" "$work/streams.json" >/dev/null
    "$python" "$vectors/lora.py" "$number" "$work/lora.json" "$cases" >/dev/null
    for file in golden span_split sketch lora streams; do
        summary=$("$OPENLEDGER_BIN" attribution check-vectors "$work/$file.json" 2>/dev/null | tail -n 1) ||
            fail "seed $number: the native code differs from $file.json: $summary"
        native=$((native + ${summary%% passed*}))
    done
    mkdir -p "$solidity"
    counts=$(node tools/precompile-vectors.mjs "$work" "$solidity")
    compared=$((compared + $(echo "$counts" | tr -c '0-9\n' ' ' | tr -s ' ' '\n' | awk '{ sum += $1 } END { print sum }')))
    PRECOMPILE_VECTORS=$solidity "$(foundry forge)" test --gas-limit 1000000000000 --match-contract PrecompileVectors >"$work/forge.log" 2>&1 ||
        fail "seed $number: the Solidity reference differs: $(grep FAIL "$work/forge.log" | head -n 3)"
done
echo "$native vectors equal in Python and native code, $compared of them in Solidity too"
