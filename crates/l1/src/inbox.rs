use crate::{L1BlockData, L1Client, L1Error, contracts::BatchInbox};
use alloy_eips::{BlockId, BlockNumHash};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent, SolValue};

/// Most L1 blocks whose commitments one call reads.
pub const COMMITMENT_RANGE_MAX: u64 = 100_000;
/// L1 blocks of one log query: what public endpoints allow.
const LOG_QUERY_BLOCKS: u64 = 1_000;

/// What the inbox recorded of one transaction (event `BatchCommitted`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The transaction's sender.
    pub batcher: Address,
    /// Its place in the sender's chain, from 0.
    pub index: u64,
    /// Head of the chain with it.
    pub head: B256,
    /// keccak256 of its calldata.
    pub calldata_hash: B256,
    /// Versioned hashes of its blobs.
    pub blob_hashes: Vec<B256>,
    /// The L1 block that includes it.
    pub block: BlockNumHash,
    /// The transaction.
    pub tx_hash: B256,
}

/// One batcher's hash chain in the inbox, recomputed from what its transactions carried.
///
/// `head(-1) = 0`, `head(n) = keccak256(abi.encode(head(n - 1), keccak256(calldata), blobHashes))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitmentChain {
    /// Entries so far.
    pub count: u64,
    /// Head after the last entry; zero where there is none.
    pub head: B256,
}

impl CommitmentChain {
    /// Adds a transaction and returns the new head.
    pub fn extend(&mut self, calldata: &[u8], blob_hashes: &[B256]) -> B256 {
        self.extend_hashed(keccak256(calldata), blob_hashes)
    }

    /// Adds a transaction whose calldata is known by its hash and returns the new head.
    pub fn extend_hashed(&mut self, calldata_hash: B256, blob_hashes: &[B256]) -> B256 {
        let entry = (self.head, calldata_hash, blob_hashes.to_vec());
        self.head = keccak256(entry.abi_encode_params());
        self.count = self.count.saturating_add(1);
        self.head
    }

    /// The chain that a batcher's transactions to the inbox make, oldest first.
    pub fn of<'a>(transactions: impl IntoIterator<Item = (&'a [u8], &'a [B256])>) -> Self {
        let mut chain = Self::default();
        for (calldata, blob_hashes) in transactions {
            chain.extend(calldata, blob_hashes);
        }
        chain
    }
}

/// Reads the inbox contract.
#[derive(Debug, Clone)]
pub struct InboxReader {
    client: L1Client,
    inbox: Address,
}

impl InboxReader {
    /// A reader of the inbox at this address.
    pub const fn new(client: L1Client, inbox: Address) -> Self {
        Self { client, inbox }
    }

    /// Commitments of L1 blocks `from` to `to`, both included, in order. An endpoint can leave some
    /// out; [`commitments_in`] reads them from a verified block.
    ///
    /// # Errors
    /// A range longer than [`COMMITMENT_RANGE_MAX`], a log that is no commitment, or no answer.
    pub async fn commitments(&self, from: u64, to: u64) -> Result<Vec<Commitment>, L1Error> {
        let blocks = to.checked_sub(from).map(|span| span.saturating_add(1));
        if blocks.is_none_or(|blocks| blocks > COMMITMENT_RANGE_MAX) {
            return Err(L1Error::Range {
                from,
                to,
                limit: COMMITMENT_RANGE_MAX,
            });
        }
        let mut commitments = Vec::new();
        let mut start = from;
        while start <= to {
            let end = to.min(start.saturating_add(LOG_QUERY_BLOCKS - 1));
            let filter = Filter::new()
                .address(self.inbox)
                .event_signature(BatchInbox::BatchCommitted::SIGNATURE_HASH)
                .from_block(start)
                .to_block(end);
            for log in self.client.logs(&filter).await? {
                // A log without a place belongs to a pending block.
                let (Some(number), Some(hash), Some(tx_hash)) =
                    (log.block_number, log.block_hash, log.transaction_hash)
                else {
                    continue;
                };
                commitments.push(decode(&log.inner, BlockNumHash { number, hash }, tx_hash)?);
            }
            let Some(next) = end.checked_add(1) else {
                break;
            };
            start = next;
        }
        Ok(commitments)
    }

    /// Number of entries and head of a batcher's chain as the contract has them after `block`.
    ///
    /// # Errors
    /// If no endpoint answers, or there is no inbox at the address.
    pub async fn chain_of(
        &self,
        batcher: Address,
        block: BlockId,
    ) -> Result<CommitmentChain, L1Error> {
        let abi = |function| move |source| L1Error::Abi { function, source };
        let count = self
            .read(BatchInbox::countCall { batcher }.abi_encode(), block)
            .await?;
        let count =
            BatchInbox::countCall::abi_decode_returns(&count).map_err(abi("BatchInbox.count"))?;
        let head = self
            .read(BatchInbox::headCall { batcher }.abi_encode(), block)
            .await?;
        let head =
            BatchInbox::headCall::abi_decode_returns(&head).map_err(abi("BatchInbox.head"))?;
        Ok(CommitmentChain {
            count: count.saturating_to(),
            head,
        })
    }

    async fn read(&self, data: Vec<u8>, block: BlockId) -> Result<Bytes, L1Error> {
        self.client.call(self.inbox, data.into(), block).await
    }
}

/// The commitments that the inbox recorded in a verified block, with the index of the transaction
/// of each.
///
/// # Errors
/// A log of the inbox with the event's topic that doesn't decode as the event.
pub fn commitments_in(
    block: &L1BlockData,
    inbox: Address,
) -> Result<Vec<(usize, Commitment)>, L1Error> {
    let mut commitments = Vec::new();
    for (index, (tx, receipt)) in block.transactions.iter().zip(&block.receipts).enumerate() {
        for log in receipt.logs() {
            if log.address == inbox
                && log.topics().first() == Some(&BatchInbox::BatchCommitted::SIGNATURE_HASH)
            {
                commitments.push((index, decode(log, block.id(), tx.hash())?));
            }
        }
    }
    Ok(commitments)
}

fn decode(
    log: &alloy_primitives::Log,
    block: BlockNumHash,
    tx_hash: B256,
) -> Result<Commitment, L1Error> {
    let event = BatchInbox::BatchCommitted::decode_log(log)
        .map_err(|source| L1Error::Abi {
            function: "BatchInbox.BatchCommitted",
            source,
        })?
        .data;
    Ok(Commitment {
        batcher: event.batcher,
        index: event.index.saturating_to(),
        head: event.head,
        calldata_hash: event.calldataHash,
        blob_hashes: event.blobHashes,
        block,
        tx_hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, hex};

    #[test]
    fn the_chain_is_the_contract_s() {
        let mut chain = CommitmentChain::default();
        chain.extend(&[], &[]);
        // keccak256 of: 32 zero bytes, keccak256(""), the offset 0x60, and the length 0.
        let mut words = vec![0; 32];
        words.extend(hex!(
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        ));
        words.extend(hex!(
            "0000000000000000000000000000000000000000000000000000000000000060"
        ));
        words.extend([0; 32]);
        assert_eq!(
            chain,
            CommitmentChain {
                count: 1,
                head: keccak256(&words)
            }
        );

        let blobs = [b256!(
            "0100000000000000000000000000000000000000000000000000000000000007"
        )];
        let second = chain.extend(&[0, 1, 2], &blobs);
        let mut words = keccak256(&words).to_vec();
        words.extend(keccak256([0, 1, 2]));
        words.extend(hex!(
            "0000000000000000000000000000000000000000000000000000000000000060"
        ));
        words.extend(hex!(
            "0000000000000000000000000000000000000000000000000000000000000001"
        ));
        words.extend(blobs[0]);
        assert_eq!(second, keccak256(&words));
        let transactions: [(&[u8], &[B256]); 2] = [(&[], &[]), (&[0, 1, 2], &blobs)];
        assert_eq!(CommitmentChain::of(transactions), chain);
    }
}
