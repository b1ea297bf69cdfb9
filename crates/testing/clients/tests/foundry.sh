#!/usr/bin/env bash
# Foundry's cast and forge: each use checks what the command prints. The native binaries are called, because the npm
# packages' own launchers exit 0 when a command fails.
#
# Set by run.sh: CAST, FORGE (paths), CLIENTS_TARGET, CLIENTS_BUILD.
set -uo pipefail
clients=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One value of the target file, by a JavaScript path.
value() {
    node -e 'console.log(eval("t." + process.argv[2], t = JSON.parse(require("fs").readFileSync(process.argv[1]))))' \
        "$CLIENTS_TARGET" "$1"
}
rpc=$(value rpcUrl)
privileged=$(value privilegedUrl)
# Each suite sends from an account of its own: see lib/target.mjs.
key=$(value 'accounts[4].privateKey')
sender=$(value 'accounts[4].address')
untouched=$(value 'accounts[9].address')
cast() { "$CAST" "$@"; }
forge() { FOUNDRY_OUT="$CLIENTS_BUILD/forge-out" FOUNDRY_CACHE_PATH="$CLIENTS_BUILD/forge-cache" "$FORGE" "$@"; }
json() { node -e 'let s="";process.stdin.on("data",d=>s+=d).on("end",()=>{let r;try{r=JSON.parse(s)}catch{return console.log(s)};console.log(eval(process.argv[1]))})' "$1"; }

passed=0 failed=0
# check NAME GOT WANTED: WANTED is an extended regular expression that must match all of GOT.
check() {
    if [[ $2 =~ ^($3)$ ]]; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        echo "FAILED: $1: got '$2', wanted '$3'"
    fi
}

check "cast chain-id" "$(cast chain-id -r "$rpc" 2>&1)" 161299
check "cast client" "$(cast client -r "$rpc" 2>&1)" '[^ ]+/.+'
check "cast block-number" "$(cast block-number -r "$rpc" 2>&1)" '[0-9]+'
check "cast gas-price" "$(cast gas-price -r "$rpc" 2>&1)" '[0-9]+'
check "cast base-fee" "$(cast base-fee -r "$rpc" 2>&1)" '[0-9]+'
check "cast balance" "$(cast balance -e -r "$rpc" "$untouched" 2>&1)" '10000\.0+'
check "cast balance of an older block" "$(cast balance -e -r "$rpc" --block 0 "$sender" 2>&1)" '10000\.0+'
check "cast nonce" "$(cast nonce -r "$rpc" "$untouched" 2>&1)" 0
for tag in latest safe finalized earliest pending; do
    check "cast block $tag" "$(cast block -r "$rpc" "$tag" --field number 2>&1)" '[0-9]+'
done
check "cast block --full" "$(cast block -r "$rpc" 1 --full --json 2>&1 | json 'r.transactions.length > 0 && r.transactions[0].type' 2>&1)" 0x7e

to=$(cast wallet new --json | json '(r[0] ?? r).address')
receipt=$(cast send -r "$rpc" --private-key "$key" --json "$to" --value 0.01ether 2>&1)
check "cast send" "$(json 'r.status' <<<"$receipt" 2>&1)" 0x1
hash=$(json 'r.transactionHash' <<<"$receipt" 2>/dev/null)
check "cast send moved the value" "$(cast balance -r "$rpc" "$to" 2>&1)" 10000000000000000
check "cast receipt" "$(cast receipt -r "$rpc" "$hash" gasUsed 2>&1)" 21000
check "cast receipt has OP fields" "$(cast receipt -r "$rpc" --json "$hash" 2>&1 | json '["l1Fee","l1GasUsed","l1GasPrice","l1BaseFeeScalar","l1BlobBaseFee","l1BlobBaseFeeScalar"].every(f => f in r)' 2>&1)" true
check "cast tx" "$(cast tx -r "$rpc" "$hash" from 2>&1)" "$sender"
check "cast tx --raw" "$(cast tx -r "$rpc" --raw "$hash" 2>&1)" '0x02[0-9a-f]+'
check "cast send --legacy" "$(cast send -r "$rpc" --private-key "$key" --legacy --json "$to" --value 1 2>&1 | json 'r.type' 2>&1)" 0x0
async=$(cast send -r "$rpc" --private-key "$key" --async "$to" --value 1 2>&1)
check "cast send --async" "$async" '0x[0-9a-f]{64}'
check "cast receipt waits for it" "$(cast receipt -r "$rpc" "$async" status 2>&1)" '(1|true).*'

created=$(cd "$clients" && forge create -r "$rpc" --private-key "$key" --broadcast --json contracts/Counter.sol:Counter --constructor-args 40 2>&1)
counter=$(json 'r.deployedTo' <<<"$created" 2>/dev/null)
check "forge create" "$counter" '0x[0-9a-fA-F]{40}'
check "forge's compiler gives the committed code" "$(cast code -r "$rpc" "$counter" 2>&1)" "$(json 'r.deployedBytecode' <"$clients/artifacts/Counter.json")"
check "cast call" "$(cast call -r "$rpc" "$counter" 'number()(uint256)' 2>&1)" 40
check "cast estimate" "$(cast estimate -r "$rpc" --from "$sender" "$counter" 'setNumber(uint256)' 41 2>&1)" '[0-9]{5}'
check "cast send to a contract" "$(cast send -r "$rpc" --private-key "$key" --json "$counter" 'setNumber(uint256)' 41 2>&1 | json 'r.logs.length' 2>&1)" 1
check "cast storage" "$(cast storage -r "$rpc" "$counter" 0 2>&1)" '0x0{62}29'
check "cast logs" "$(cast logs -r "$rpc" --from-block 1 --address "$counter" --json 'NumberChanged(address,uint256,string)' 2>&1 | json 'r.length' 2>&1)" 2
check "cast proof" "$(cast proof -r "$rpc" "$counter" 0 2>&1 | json 'r.storageProof[0].value' 2>&1)" 0x29
check "cast access-list" "$(cast access-list -r "$rpc" --from "$sender" "$counter" 'setNumber(uint256)' 42 2>&1 | tr '\n' ' ')" ".*address: $counter .*"
check "cast codehash" "$(cast codehash -r "$rpc" "$counter" 2>&1)" "$(cast keccak "$(json 'r.deployedBytecode' <"$clients/artifacts/Counter.json")")"
check "cast rpc, an unknown method" "$(cast rpc -r "$rpc" eth_noSuchMethod 2>&1)" '.*-32601.*'

failures=$(cd "$clients" && forge create -r "$rpc" --private-key "$key" --broadcast --json contracts/Failures.sol:Failures 2>&1 | json 'r.deployedTo' 2>&1)
check "cast call, a reason" "$(cast call -r "$rpc" "$failures" 'failWithReason()' 2>&1 | tr '\n' ' ')" '.*the reason given.*'
check "cast call, a custom error" "$(cast call -r "$rpc" --from "$sender" "$failures" 'failWithCustomError(uint256)' 3 2>&1 | tr '\n' ' ')" '.*execution reverted.*'
check "cast call with an override of code" "$(cast call -r "$rpc" --override-code "$to:$(json 'r.deployedBytecode' <"$clients/artifacts/Counter.json")" --override-state "$to:0:0x7b" "$to" 'number()(uint256)' 2>&1)" '123'
check "cast rpc debug_traceTransaction" "$(cast rpc -r "$privileged" debug_traceTransaction "$hash" '{"tracer":"callTracer"}' 2>&1 | json 'r.type' 2>&1)" CALL
authorized=$(cast wallet new --json | json '(r[0] ?? r).private_key')
authority=$(cast wallet address "$authorized")
authorization=$(cast wallet sign-auth -r "$rpc" --private-key "$authorized" --nonce 0 "$counter" 2>&1)
check "cast send --auth (EIP-7702)" "$(cast send -r "$rpc" --private-key "$key" --json --auth "$authorization" "$authority" 'number()' 2>&1 | json 'r.type' 2>&1)" 0x4
check "the account delegates" "$(cast code -r "$rpc" "$authority" 2>&1)" "0xef0100$(tr 'A-F' 'a-f' <<<"${counter:2}")"
check "cast nonce counts the pool" "$(cast nonce -r "$rpc" --block pending "$sender" 2>&1)" "$(cast nonce -r "$rpc" "$sender" 2>&1)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
