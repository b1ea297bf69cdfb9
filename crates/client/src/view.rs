//! The state at one block, proved.

use crate::{BlockName, Failure, Node};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Encodable, RlpEncodable};
use alloy_rpc_types_eth::{Block, EIP1186AccountProofResponse, Filter, Log};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, Nibbles, proof::verify_proof};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// Slots that are asked for at once.
const SLOTS_PER_REQUEST: usize = 256;
/// Longest code of an account (EIP-170).
const CODE_BYTES_MAX: usize = 24_576;
/// Gas that a call to the chain may use, as far as the node lets it.
const CALL_GAS: u64 = 100_000_000;

/// What a call answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its return data.
    Returned(Bytes),
    /// Its revert data.
    Reverted(Bytes),
}

/// The chain's state at one block.
#[derive(Debug, Clone)]
pub struct View {
    node: Node,
    /// The block.
    pub block: BlockNumHash,
    state_root: B256,
}

/// An account as the state trie holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable)]
struct TrieAccount {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

impl TrieAccount {
    fn is_absent(&self) -> bool {
        self.nonce == 0
            && self.balance.is_zero()
            && self.storage_root == EMPTY_ROOT_HASH
            && self.code_hash == KECCAK_EMPTY
    }
}

impl Node {
    /// The state at a block; without a name at the latest.
    ///
    /// # Errors
    /// A node that has no such block, or gives another one.
    pub async fn at(&self, name: Option<BlockName>) -> anyhow::Result<View> {
        let block: Option<Block> = match name {
            Some(BlockName::Hash(hash)) => {
                self.request("eth_getBlockByHash", (hash, false)).await?
            }
            Some(BlockName::Number(number)) => {
                self.request("eth_getBlockByNumber", (format!("{number:#x}"), false))
                    .await?
            }
            None => {
                self.request("eth_getBlockByNumber", ("latest", false))
                    .await?
            }
        };
        let Some(block) = block else {
            bail!("the node has no such block")
        };
        let header = &block.header;
        let number = header.inner.number;
        // The header's own hash, whatever the node says that it is.
        let hash = header.inner.hash_slow();
        ensure!(
            header.hash == hash,
            "the node's header of block {number} has hash {hash}, not {}",
            header.hash
        );
        match name {
            Some(BlockName::Hash(named)) => {
                ensure!(hash == named, "the node gives block {hash} for {named}");
            }
            Some(BlockName::Number(named)) => {
                ensure!(number == named, "the node gives block {number} for {named}");
            }
            None => {}
        }
        Ok(View {
            node: self.clone(),
            block: BlockNumHash { number, hash },
            state_root: header.inner.state_root,
        })
    }
}

impl View {
    /// The chain's id.
    pub const fn chain_id(&self) -> u64 {
        self.node.chain_id()
    }

    /// The node.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// The block, by its hash (EIP-1898), so that a reorganisation can't move it.
    fn id(&self) -> Value {
        json!({ "blockHash": self.block.hash })
    }

    /// Values of an account's slots, each proved.
    ///
    /// # Errors
    /// [`Failure`]; a proof that doesn't hold.
    pub async fn slots(&self, address: Address, slots: &[U256]) -> anyhow::Result<Vec<U256>> {
        let mut values = Vec::with_capacity(slots.len());
        for slots in slots.chunks(SLOTS_PER_REQUEST) {
            let keys: Vec<B256> = slots.iter().map(|slot| B256::from(*slot)).collect();
            let (account, response) = self.account(address, keys).await?;
            ensure!(
                response.storage_proof.len() == slots.len(),
                "the node proves {} slots instead of {}",
                response.storage_proof.len(),
                slots.len()
            );
            for (slot, proof) in slots.iter().zip(response.storage_proof) {
                let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
                let value = (!proof.value.is_zero()).then(|| alloy_rlp::encode(proof.value));
                verify_proof(account.storage_root, key, value, &proof.proof).with_context(
                    || format!("the proof of slot {slot:#x} of {address} doesn't hold"),
                )?;
                values.push(proof.value);
            }
        }
        Ok(values)
    }

    /// An account's code, proved.
    ///
    /// # Errors
    /// [`Failure`]; a proof that doesn't hold.
    pub async fn code(&self, address: Address) -> anyhow::Result<Bytes> {
        let (account, _) = self.account(address, Vec::new()).await?;
        let code: Bytes = self
            .node
            .request("eth_getCode", (address, self.id()))
            .await?;
        ensure!(
            code.len() <= CODE_BYTES_MAX,
            "the code of {address} has {} bytes, more than {CODE_BYTES_MAX}",
            code.len()
        );
        let hash = keccak256(&code);
        ensure!(
            hash == account.code_hash,
            "the code of {address} has hash {hash}, not {} as the state says",
            account.code_hash
        );
        Ok(code)
    }

    /// An account, proved, and the proofs of its slots, not yet looked at.
    async fn account(
        &self,
        address: Address,
        keys: Vec<B256>,
    ) -> anyhow::Result<(TrieAccount, EIP1186AccountProofResponse)> {
        let response: EIP1186AccountProofResponse = self
            .node
            .request("eth_getProof", (address, keys, self.id()))
            .await?;
        let account = TrieAccount {
            nonce: response.nonce,
            balance: response.balance,
            storage_root: response.storage_hash,
            code_hash: response.code_hash,
        };
        let value = (!account.is_absent()).then(|| {
            let mut encoded = Vec::with_capacity(account.length());
            account.encode(&mut encoded);
            encoded
        });
        let key = Nibbles::unpack(keccak256(address));
        verify_proof(self.state_root, key, value, &response.account_proof).with_context(|| {
            format!(
                "the proof of account {address} in block {} doesn't hold",
                self.block.number
            )
        })?;
        Ok((account, response))
    }

    /// What a call answers at this block (eth_call).
    ///
    /// # Errors
    /// [`Failure`], but for a revert.
    pub async fn call(&self, to: Address, data: Bytes) -> anyhow::Result<Answer> {
        let call = json!({ "to": to, "input": data, "gas": format!("{CALL_GAS:#x}") });
        match self.node.attempt("eth_call", (call, self.id())).await {
            Ok(data) => Ok(Answer::Returned(data)),
            Err(Failure::Reverted(data)) => Ok(Answer::Reverted(data)),
            Err(failure) => Err(anyhow::Error::from(failure).context("eth_call")),
        }
    }

    /// An account's logs from block `first` to this one, whose topics begin with these.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn logs(
        &self,
        address: Address,
        topics: &[Option<B256>],
        first: u64,
    ) -> anyhow::Result<Vec<Log>> {
        let filter = filter(address, topics);
        self.node
            .logs_between(&filter, first, self.block.number)
            .await
    }

    /// Shows `visit` each of an account's logs in these blocks whose topics begin with these, the oldest first; blocks after this one
    /// are left out.
    ///
    /// # Errors
    /// [`Failure`]; what `visit` answers.
    pub async fn visit_logs(
        &self,
        address: Address,
        topics: &[Option<B256>],
        blocks: RangeInclusive<u64>,
        visit: impl FnMut(&Log) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let blocks = *blocks.start()..=self.block.number.min(*blocks.end());
        let filter = filter(address, topics);
        self.node.visit_logs(&filter, blocks, visit).await
    }
}

/// Of an account's logs those whose topics begin with these.
fn filter(address: Address, topics: &[Option<B256>]) -> Filter {
    let mut filter = Filter::new().address(address);
    for (place, topic) in filter.topics.iter_mut().zip(topics) {
        *place = topic.map(Into::into).unwrap_or_default();
    }
    filter
}
