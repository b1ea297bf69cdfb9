//! What kona asks for, answered from a record.

use crate::{L1Block, Record};
use alloy_consensus::{Header, Receipt, TxEnvelope};
use alloy_eips::eip4844::{Blob, IndexedBlobHash};
use alloy_primitives::B256;
use async_trait::async_trait;
use kona_derive::{BlobProvider, ChainProvider, L2ChainProvider, PipelineError, PipelineErrorKind};
use kona_genesis::{RollupConfig, SystemConfig};
use kona_protocol::{BatchValidationProvider, BlockInfo, L2BlockInfo, to_system_config};
use op_alloy_consensus::OpBlock;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What a record doesn't hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    /// The L1 ends.
    #[error("there is no L1 block {number}")]
    L1Number { number: u64 },
    /// Nobody should have named it.
    #[error("there is no L1 block {hash}")]
    L1Hash { hash: B256 },
    #[error("there is no blob {hash}")]
    Blob { hash: B256 },
    /// Not derived by kona so far.
    #[error("there is no L2 block {number} yet")]
    L2 { number: u64 },
    /// kona can't read our block.
    #[error("L2 block {number}: {source}")]
    Block {
        number: u64,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Missing> for PipelineErrorKind {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::L1Number { .. } => PipelineError::EndOfSource.crit(),
            other => PipelineError::Provider(other.to_string()).crit(),
        }
    }
}

/// The L1 and its blobs.
#[derive(Debug, Clone)]
pub(crate) struct L1(pub(crate) Arc<Record>);

impl L1 {
    fn by_hash(&self, hash: B256) -> Result<&L1Block, Missing> {
        self.0
            .l1
            .iter()
            .find(|block| block.hash == hash)
            .ok_or(Missing::L1Hash { hash })
    }

    pub(crate) fn by_number(&self, number: u64) -> Result<&L1Block, Missing> {
        self.0
            .l1
            .iter()
            .find(|block| block.header.number == number)
            .ok_or(Missing::L1Number { number })
    }
}

pub(crate) fn block_info(block: &L1Block) -> BlockInfo {
    BlockInfo::new(
        block.hash,
        block.header.number,
        block.header.parent_hash,
        block.header.timestamp,
    )
}

#[async_trait]
impl ChainProvider for L1 {
    type Error = Missing;

    async fn header_by_hash(&mut self, hash: B256) -> Result<Header, Missing> {
        Ok(self.by_hash(hash)?.header.clone())
    }

    async fn block_info_by_number(&mut self, number: u64) -> Result<BlockInfo, Missing> {
        self.by_number(number).map(block_info)
    }

    async fn receipts_by_hash(&mut self, hash: B256) -> Result<Vec<Receipt>, Missing> {
        let receipts = self.by_hash(hash)?.receipts.iter();
        Ok(receipts
            .filter_map(|receipt| receipt.as_receipt())
            .cloned()
            .collect())
    }

    async fn block_info_and_transactions_by_hash(
        &mut self,
        hash: B256,
    ) -> Result<(BlockInfo, Vec<TxEnvelope>), Missing> {
        let block = self.by_hash(hash)?;
        Ok((block_info(block), block.transactions.clone()))
    }
}

#[async_trait]
impl BlobProvider for L1 {
    type Error = Missing;

    async fn get_blobs(
        &mut self,
        _: &BlockInfo,
        hashes: &[IndexedBlobHash],
    ) -> Result<Vec<Box<Blob>>, Missing> {
        let blob = |wanted: &IndexedBlobHash| {
            let hash = wanted.hash;
            self.0
                .blobs
                .get(&hash)
                .cloned()
                .ok_or(Missing::Blob { hash })
        };
        hashes.iter().map(blob).collect()
    }
}

/// The L2 blocks that kona has derived so far.
#[derive(Debug, Clone)]
pub(crate) struct L2 {
    pub(crate) record: Arc<Record>,
    /// Number of the newest.
    pub(crate) head: Arc<AtomicU64>,
}

impl L2 {
    pub(crate) fn block(&self, number: u64) -> Result<&OpBlock, Missing> {
        if number > self.head.load(Ordering::Relaxed) {
            return Err(Missing::L2 { number });
        }
        let Some(index) = number.checked_sub(1) else {
            return Ok(&self.record.genesis);
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let derived = self
            .record
            .derived
            .get(index)
            .ok_or(Missing::L2 { number })?;
        Ok(&derived.block)
    }

    pub(crate) fn info(&self, number: u64) -> Result<L2BlockInfo, Missing> {
        L2BlockInfo::from_block_and_genesis(self.block(number)?, &self.record.rollup.genesis)
            .map_err(|source| Missing::Block {
                number,
                source: source.into(),
            })
    }
}

#[async_trait]
impl BatchValidationProvider for L2 {
    type Error = Missing;

    async fn l2_block_info_by_number(&mut self, number: u64) -> Result<L2BlockInfo, Missing> {
        self.info(number)
    }

    async fn block_by_number(&mut self, number: u64) -> Result<OpBlock, Missing> {
        self.block(number).cloned()
    }
}

#[async_trait]
impl L2ChainProvider for L2 {
    type Error = Missing;

    async fn system_config_by_number(
        &mut self,
        number: u64,
        rollup: Arc<RollupConfig>,
    ) -> Result<SystemConfig, Missing> {
        to_system_config(self.block(number)?, &rollup).map_err(|source| Missing::Block {
            number,
            source: source.into(),
        })
    }
}
