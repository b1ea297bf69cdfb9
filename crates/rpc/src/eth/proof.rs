//! `eth_getProof` (EIP-1186).

use crate::{
    api::Api,
    block_id::BlockId,
    error::Failure,
    params::{ParamError, Params, Slot},
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    workers::Work,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use openledger_primitives::StateReader as _;
use openledger_trie::prove;
use serde::{Serialize, Serializer};

pub(super) const METHODS: Methods = &[("eth_getProof", Run::Heavy(Work::Long, proof))];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: Hex<u64>,
    storage_hash: B256,
    storage_proof: Vec<StorageProof>,
}

#[derive(Serialize)]
struct StorageProof {
    #[serde(serialize_with = "key")]
    key: Slot,
    value: U256,
    proof: Vec<Bytes>,
}

/// As it was asked for: padded or not.
fn key<S: Serializer>(slot: &Slot, serializer: S) -> Result<S::Ok, S::Error> {
    if slot.is_padded {
        B256::from(slot.value).serialize(serializer)
    } else {
        slot.value.serialize(serializer)
    }
}

fn proof(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "storage keys", "block"])?;
    let address: Address = args.get(0)?;
    let slots: Vec<Slot> = args.get(1)?;
    let max = api.config.limits.proofs_keys_max;
    if slots.len() > max {
        return Err(args.error(
            1,
            ParamError::TooMany {
                count: slots.len(),
                max,
            },
        ));
    }
    let at = api.at(args.or(2, BlockId::Latest)?)?;
    let nodes = at.state.nodes().ok_or(Failure::NoPendingRoot)?;
    let hashed = keccak256(address);
    let account_proof =
        prove(at.header.state_root, None, hashed, &nodes).map_err(Failure::internal)?;
    let account = at.state.account(address)?.unwrap_or_default();
    let mut storage_proof = Vec::with_capacity(slots.len());
    for slot in slots {
        params.deadline.check()?;
        let hashed_slot = keccak256(slot.value.to_be_bytes::<32>());
        let proof = prove(account.storage_root, Some(hashed), hashed_slot, &nodes)
            .map_err(Failure::internal)?;
        let value = at.state.storage(address, slot.value)?;
        storage_proof.push(StorageProof {
            key: slot,
            value,
            proof,
        });
    }
    api.reply(&ProofJson {
        address,
        account_proof,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: Hex(account.nonce),
        storage_hash: account.storage_root,
        storage_proof,
    })
}
