//! What the log says of sealed blocks: a line a block; while catching up, a line a second.

use openledger_primitives::SealedBlock;
use std::time::{Duration, Instant};
use tracing::info;

/// Blocks that may be behind the clock before catching up is announced.
const CATCH_UP_NOTICE_BLOCKS: u64 = 10;
/// Time between two lines while catching up.
const NOTICE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Report {
    /// When catching up was last mentioned; `None` if the chain keeps up.
    last_notice: Option<Instant>,
}

impl Report {
    /// Reports a sealed block with so many transactions beyond those prescribed, which took so long to
    /// seal and is so many blocks behind the clock.
    pub(super) fn sealed(
        &mut self,
        block: &SealedBlock,
        pooled: usize,
        took: Duration,
        behind: u64,
    ) {
        if behind > CATCH_UP_NOTICE_BLOCKS {
            if self
                .last_notice
                .is_none_or(|last| last.elapsed() > NOTICE_INTERVAL)
            {
                self.last_notice = Some(Instant::now());
                info!(block = block.number(), behind, "catching up with the clock");
            }
            return;
        }
        self.last_notice = None;
        let header = &block.block.header;
        info!(
            block = header.number,
            hash = %block.hash,
            transactions = pooled,
            gas_used = header.gas_used,
            base_fee = header.base_fee_per_gas.unwrap_or_default(),
            seal_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "sealed block"
        );
    }
}
