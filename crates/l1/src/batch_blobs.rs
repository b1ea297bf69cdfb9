//! The blobs that a block's batches are in.

use crate::{BlobBlock, L1BlockData, L1Client, L1Error};
use alloy_primitives::{Address, B256, Bytes};
use openledger_primitives::ChainConfig;
use openledger_protocol::{CONFIG_UPDATE_TOPIC, ConfigUpdate};
use std::collections::BTreeMap;

/// What the blobs of a block's batcher transactions decode to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchBlobs(BTreeMap<B256, Vec<Bytes>>);

impl BatchBlobs {
    /// What the blobs of the transaction with this hash decode to, in order, those that don't decode
    /// left out; nothing for any other transaction than a batcher's.
    pub fn of(&self, tx_hash: B256) -> &[Bytes] {
        self.0.get(&tx_hash).map_or(&[], Vec::as_slice)
    }
}

/// Who posts batches as of `block`, whose own updates count already, if `before` did before it.
pub fn batcher_in(block: &L1BlockData, config: &ChainConfig, before: Address) -> Address {
    let mut batcher = before;
    let logs = block
        .receipts
        .iter()
        .filter(|receipt| receipt.is_success())
        .flat_map(|receipt| receipt.logs());
    for log in logs {
        if log.address == config.l1_system_config_address
            && log.topics().first() == Some(&CONFIG_UPDATE_TOPIC)
            && let Ok(ConfigUpdate::Batcher(updated)) = ConfigUpdate::decode(log)
        {
            batcher = updated;
        }
    }
    batcher
}

impl L1Client {
    /// The blobs of all transactions that `batcher`, the one as of this block ([`batcher_in`]), sent
    /// to the inbox, verified. Others' are not asked for: anybody may send blobs there.
    ///
    /// # Errors
    /// [`L1Error::Blobs`], transient, if one can't be had now; [`L1Error::NoBlobSource`] if there is
    /// one and this client has no source.
    pub async fn batch_blobs(
        &self,
        block: &L1BlockData,
        config: &ChainConfig,
        batcher: Address,
    ) -> Result<BatchBlobs, L1Error> {
        let at = BlobBlock {
            number: block.header.number,
            hash: block.hash,
            timestamp: block.header.timestamp,
        };
        let mut payloads = BTreeMap::new();
        for tx in &block.transactions {
            let hashes = tx.blob_hashes();
            if hashes.is_empty()
                || tx.to() != Some(config.batch_inbox_address)
                || tx.sender() != Some(batcher)
            {
                continue;
            }
            let source = self.blobs().ok_or_else(|| L1Error::NoBlobSource {
                number: at.number,
                tx_hash: tx.hash(),
            })?;
            payloads.insert(tx.hash(), source.payloads(at, hashes).await?);
        }
        Ok(BatchBlobs(payloads))
    }
}
