//! Runs a file's cases: the pre-state is block 1 on an empty genesis, each case a block 2 that is unwound
//! after it was checked, and the pre-state is unwound after the last.

use crate::case::{Case, Post};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256, map::HashMap};
use anyhow::{Context as _, Result, bail};
use openledger_execution::{StateDatabase, state_changes};
use openledger_primitives::{
    Account, AccountChange, AccountInfo, Block, BlockBody, EMPTY_CODE_HASH, EMPTY_ROOT_HASH,
    Header, NodeReader, SealedBlock, StateChanges, StateReader,
};
use openledger_store::{Store, StoreOptions};
use openledger_trie::{ResidentLimits, StateTrie};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    database::{State, states::bundle_state::BundleRetention},
    primitives::hardfork::SpecId,
};
use std::{convert::Infallible, path::Path};

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) files: usize,
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
    pub(crate) skipped: Vec<String>,
}

impl Report {
    pub(crate) fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.passed += other.passed;
        self.failures.extend(other.failures);
        self.skipped.extend(other.skipped);
    }
}

/// Reads nothing: the state before genesis.
struct Nothing;

#[derive(Debug, thiserror::Error)]
#[error("a node of an empty trie was read")]
struct NoNode;

impl StateReader for Nothing {
    type Error = Infallible;
    fn account(&self, _: Address) -> Result<Option<Account>, Infallible> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, Infallible> {
        Ok(U256::ZERO)
    }
    fn code(&self, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(None)
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, Infallible> {
        Ok(None)
    }
}

impl NodeReader for Nothing {
    type Error = NoNode;
    fn node(&self, _: Option<B256>, _: &[u8], _: B256) -> Result<Bytes, NoNode> {
        Err(NoNode)
    }
}

/// A store with an empty genesis; in memory where the machine has a memory file system.
pub(crate) fn empty_store() -> Result<(tempfile::TempDir, Store)> {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        tempfile::tempdir()?
    };
    let store = Store::open(directory.path(), StoreOptions::default())?;
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let updates = trie.update(&StateChanges::default(), &Nothing, &Nothing)?;
    store.commit_genesis(
        &block(0, B256::ZERO, updates.root),
        &StateChanges::default(),
        &updates,
    )?;
    Ok((directory, store))
}

pub(crate) fn file(path: &Path, store: &Store, report: &mut Report) -> Result<()> {
    let cases: HashMap<String, Case> = serde_json::from_slice(&std::fs::read(path)?)?;
    for (name, case) in &cases {
        let base = commit_pre(case, store)?;
        for (fork, posts) in &case.post {
            let spec = spec(fork)?;
            for post in posts {
                match run(case, store, base, spec, post) {
                    Ok(()) => report.passed += 1,
                    Err(error) => report.failures.push(format!(
                        "{name} {fork} d{} g{} v{}: {error:#}",
                        post.indexes.data, post.indexes.gas, post.indexes.value
                    )),
                }
                store.unwind(1)?;
            }
        }
        store.unwind(0)?;
    }
    Ok(())
}

fn block(number: u64, parent_hash: B256, state_root: B256) -> SealedBlock {
    let header = Header {
        number,
        parent_hash,
        state_root,
        ..Default::default()
    };
    SealedBlock {
        hash: header.hash_slow(),
        block: Block {
            header,
            body: BlockBody::default(),
        },
        senders: Vec::new(),
        receipts: Vec::new(),
    }
}

/// Commits the pre-state as block 1; answers its root.
fn commit_pre(case: &Case, store: &Store) -> Result<B256> {
    let mut changes = StateChanges::default();
    for (address, account) in &case.pre {
        let code_hash = if account.code.is_empty() {
            EMPTY_CODE_HASH
        } else {
            let hash = keccak256(&account.code);
            changes.code.insert(hash, account.code.clone());
            hash
        };
        changes.accounts.insert(
            *address,
            AccountChange {
                info: Some(AccountInfo {
                    nonce: account.nonce.saturating_to(),
                    balance: account.balance,
                    code_hash,
                }),
                storage_wiped: false,
                storage: account
                    .storage
                    .iter()
                    .filter(|(_, value)| !value.is_zero())
                    .map(|(slot, value)| (*slot, *value))
                    .collect(),
            },
        );
    }
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH, ResidentLimits::default());
    let updates = trie.update(&changes, &Nothing, &Nothing)?;
    let root = updates.root;
    let genesis = store.head().context("genesis")?;
    store.commit(&block(1, genesis.hash, root), &changes, &updates)?;
    Ok(root)
}

fn run(case: &Case, store: &Store, base: B256, spec: SpecId, post: &Post) -> Result<()> {
    let state = store.latest()?;
    let mut db = State::builder()
        .with_database(StateDatabase(&state))
        .with_bundle_update()
        .build();
    let outcome = {
        let mut evm = Context::mainnet()
            .with_db(&mut db)
            .with_block(block_env(case, spec))
            .with_cfg(config(spec))
            .build_mainnet();
        match transaction(case, post) {
            Ok(tx) => evm
                .transact_commit(tx)
                .map_err(|error| anyhow::anyhow!("{error:?}")),
            Err(error) => Err(error),
        }
    };
    match (&outcome, &post.expect_exception) {
        (Ok(_), Some(expected)) => bail!("accepted, but {expected} was expected"),
        (Err(error), None) => bail!("refused: {error:#}"),
        (Ok(result), None) => {
            let mut encoded = Vec::new();
            alloy_rlp::encode_list(result.logs(), &mut encoded);
            if keccak256(&encoded) != post.logs {
                bail!("logs differ");
            }
        }
        (Err(_), Some(_)) => {}
    }
    db.merge_transitions(BundleRetention::PlainState);
    let changes = state_changes(db.take_bundle());
    let mut trie = StateTrie::new(base, ResidentLimits::default());
    let updates = trie.update(&changes, &state, &state)?;
    if updates.root != post.hash {
        bail!(
            "state root {} is not the expected {}",
            updates.root,
            post.hash
        );
    }
    // Through the store and back: the committed state must have the same root, and unwinding must
    // restore the pre-state.
    let head = store.head().context("head")?;
    store.commit(&block(2, head.hash, updates.root), &changes, &updates)?;
    store.unwind(1)?;
    let restored = store.latest()?;
    for address in case.pre.keys() {
        let account = restored.account(*address)?;
        if account != state.account(*address)? {
            bail!("unwinding did not restore {address}");
        }
    }
    Ok(())
}

fn config(spec: SpecId) -> CfgEnv {
    let mut config = CfgEnv::new_with_spec(spec);
    config.chain_id = 1;
    config.max_blobs_per_tx = Some(if spec.is_enabled_in(SpecId::PRAGUE) {
        9
    } else {
        6
    });
    config
}

fn block_env(case: &Case, spec: SpecId) -> BlockEnv {
    let env = &case.env;
    let blob = spec.is_enabled_in(SpecId::CANCUN).then(|| {
        let fraction = if spec.is_enabled_in(SpecId::PRAGUE) {
            revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE
        } else {
            revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN
        };
        BlobExcessGasAndPrice::new(
            env.current_excess_blob_gas
                .unwrap_or_default()
                .saturating_to(),
            fraction,
        )
    });
    BlockEnv {
        number: env.current_number,
        beneficiary: env.current_coinbase,
        timestamp: env.current_timestamp,
        gas_limit: env.current_gas_limit.saturating_to(),
        basefee: env.current_base_fee.unwrap_or_default().saturating_to(),
        difficulty: env.current_difficulty,
        prevrandao: if spec.is_enabled_in(SpecId::MERGE) {
            Some(env.current_random.unwrap_or_default())
        } else {
            None
        },
        blob_excess_gas_and_price: blob,
        ..Default::default()
    }
}

fn transaction(case: &Case, post: &Post) -> Result<TxEnv> {
    let tx = &case.transaction;
    let indexes = &post.indexes;
    let sender = match tx.sender {
        Some(sender) => sender,
        None => alloy_signer_local::PrivateKeySigner::from_bytes(&tx.secret_key)?.address(),
    };
    let kind = if tx.to.is_empty() {
        TxKind::Create
    } else {
        TxKind::Call(tx.to.parse()?)
    };
    let access_list = tx.access_lists.get(indexes.data).cloned().flatten();
    let number128 = |value: U256| u128::try_from(value).context("fee does not fit 128 bits");
    let tx_type = if tx.max_fee_per_blob_gas.is_some() {
        3
    } else if tx.max_fee_per_gas.is_some() {
        2
    } else if access_list.is_some() {
        1
    } else {
        0
    };
    let gas_price = tx.gas_price.or(tx.max_fee_per_gas).unwrap_or_default();
    let builder = TxEnv::builder()
        .tx_type(Some(tx_type))
        .caller(sender)
        .gas_limit(tx.gas_limit[indexes.gas].saturating_to())
        .gas_price(number128(gas_price)?)
        .gas_priority_fee(tx.max_priority_fee_per_gas.map(number128).transpose()?)
        .kind(kind)
        .value(tx.value[indexes.value])
        .data(tx.data[indexes.data].clone())
        .nonce(u64::try_from(tx.nonce).context("nonce does not fit 64 bits")?)
        .chain_id(Some(1))
        .access_list(
            access_list
                .unwrap_or_default()
                .into_iter()
                .map(|item| alloy_eips::eip2930::AccessListItem {
                    address: item.address,
                    storage_keys: item.storage_keys,
                })
                .collect::<Vec<_>>()
                .into(),
        )
        .blob_hashes(tx.blob_versioned_hashes.clone())
        .max_fee_per_blob_gas(
            tx.max_fee_per_blob_gas
                .map(number128)
                .transpose()?
                .unwrap_or_default(),
        );
    builder
        .build()
        .map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn spec(fork: &str) -> Result<SpecId> {
    Ok(match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "EIP150" => SpecId::TANGERINE,
        "EIP158" => SpecId::SPURIOUS_DRAGON,
        "Byzantium" => SpecId::BYZANTIUM,
        "Constantinople" | "ConstantinopleFix" => SpecId::PETERSBURG,
        "Istanbul" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" => SpecId::LONDON,
        "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        other => bail!("unknown fork {other}"),
    })
}
