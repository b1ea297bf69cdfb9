//! The EVM of the simulated L1: Prague's rules over the accounts of a block, without the system calls at
//! a block's beginning (no contract of ours reads what they write).

use super::block::{Accounts, Block};
use alloy_consensus::{Header, TxEnvelope};
use alloy_evm::FromRecoveredTx;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    context_interface::block::BlobExcessGasAndPrice,
    database::CacheDB,
    primitives::{eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE, hardfork::SpecId},
    state::AccountInfo,
};

/// Most blobs of a transaction, and of a block (Prague).
pub(super) const BLOBS_MAX: u64 = 9;
/// Gas of calls and estimates.
const CALL_GAS: u64 = 30_000_000;
/// An estimate is at most this much above what suffices, as a part of it.
const ESTIMATE_PART: u64 = 64;

/// What a transaction did.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) success: bool,
    pub(super) gas_used: u64,
    pub(super) logs: Vec<Log>,
    pub(super) contract: Option<Address>,
}

/// How a call ended that was not included anywhere.
#[derive(Debug)]
pub(super) enum Called {
    /// It returned this.
    Returned { output: Bytes },
    /// It reverted with this, or ran out of something (no data).
    Reverted { data: Bytes },
    /// It could not begin.
    Refused { reason: InvalidCall },
}

/// Why a call could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct InvalidCall(String);

fn config(chain_id: u64) -> CfgEnv {
    let mut config = CfgEnv::new_with_spec(SpecId::PRAGUE);
    config.chain_id = chain_id;
    config.max_blobs_per_tx = Some(BLOBS_MAX);
    config
}

fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(
            header.excess_blob_gas.unwrap_or_default(),
            BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
        )),
        ..Default::default()
    }
}

/// Executes a transaction in the block with this header and keeps what it changes; `None` if it can't be
/// included now.
pub(super) fn execute(
    chain_id: u64,
    header: &Header,
    accounts: &mut Accounts,
    envelope: &TxEnvelope,
    sender: Address,
) -> Option<Executed> {
    let mut evm = Context::mainnet()
        .with_db(accounts)
        .with_block(block_env(header))
        .with_cfg(config(chain_id))
        .build_mainnet();
    let outcome = evm.transact_commit(TxEnv::from_recovered_tx(envelope, sender));
    let result = outcome.ok()?;
    Some(Executed {
        success: result.is_success(),
        gas_used: result.tx_gas_used(),
        contract: result.created_address(),
        logs: if result.is_success() {
            result.into_logs()
        } else {
            Vec::new()
        },
    })
}

/// Calls on the state after `block`, free of charge.
pub(super) fn call(chain_id: u64, block: &Block, request: &TransactionRequest) -> Called {
    run(chain_id, block, request, request.gas.unwrap_or(CALL_GAS)).0
}

/// The gas that a transaction would need on the state after `block`, or how it would fail.
pub(super) fn estimate(
    chain_id: u64,
    block: &Block,
    request: &TransactionRequest,
) -> Result<u64, Called> {
    let (outcome, used) = run(chain_id, block, request, CALL_GAS);
    if !matches!(outcome, Called::Returned { .. }) {
        return Err(outcome);
    }
    let (mut low, mut high) = (used.saturating_sub(1), CALL_GAS);
    while high - low > low / ESTIMATE_PART {
        // What is used usually suffices, or little more does: not from the middle at first.
        let tried = (low + (high - low) / 2).min(low.saturating_mul(2).max(low + 1));
        match run(chain_id, block, request, tried).0 {
            Called::Returned { .. } => high = tried,
            _ => low = tried,
        }
    }
    Ok(high)
}

fn run(chain_id: u64, block: &Block, request: &TransactionRequest, gas: u64) -> (Called, u64) {
    let caller = request.from.unwrap_or_default();
    let mut accounts = CacheDB::new(block.accounts.as_ref());
    let nonce = block.account(caller).nonce;
    accounts.insert_account_info(
        caller,
        AccountInfo {
            balance: U256::MAX >> 1,
            nonce,
            ..Default::default()
        },
    );
    let blobs = request.blob_versioned_hashes.clone().unwrap_or_default();
    let tx = TxEnv {
        tx_type: if blobs.is_empty() { 2 } else { 3 },
        caller,
        gas_limit: gas,
        gas_price: 0,
        gas_priority_fee: Some(0),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        nonce,
        chain_id: Some(chain_id),
        max_fee_per_blob_gas: if blobs.is_empty() { 0 } else { u128::MAX >> 64 },
        blob_hashes: blobs,
        ..Default::default()
    };
    let mut env = block_env(&block.header);
    env.basefee = 0;
    let mut evm = Context::mainnet()
        .with_db(accounts)
        .with_block(env)
        .with_cfg(config(chain_id))
        .build_mainnet();
    match evm.transact(tx) {
        Ok(result) => {
            let used = result.result.tx_gas_used();
            let called = match result.result {
                ExecutionResult::Success { output, .. } => Called::Returned {
                    output: output.into_data(),
                },
                ExecutionResult::Revert { output, .. } => Called::Reverted { data: output },
                ExecutionResult::Halt { .. } => Called::Reverted { data: Bytes::new() },
            };
            (called, used)
        }
        Err(error) => {
            let reason = InvalidCall(error.to_string());
            (Called::Refused { reason }, 0)
        }
    }
}

impl Block {
    /// An account after this block; one that does not exist is empty.
    pub fn account(&self, address: Address) -> AccountInfo {
        self.accounts
            .cache
            .accounts
            .get(&address)
            .and_then(|account| account.info())
            .unwrap_or_default()
    }

    /// The code of an account after this block.
    pub fn code(&self, address: Address) -> Bytes {
        let info = self.account(address);
        match info.code {
            Some(code) => code.original_bytes(),
            None => self
                .accounts
                .cache
                .contracts
                .get(&info.code_hash)
                .map(|code| code.original_bytes())
                .unwrap_or_default(),
        }
    }
}
