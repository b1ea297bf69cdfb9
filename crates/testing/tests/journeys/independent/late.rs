//! What comes late: frames, L1 blocks, batches.

use super::{
    author::{Author, DRIFT, WINDOW},
    posting::{Form, PLAIN, SPAN},
};
use crate::world::transfer;
use alloy_primitives::Bytes;
use anyhow::{Context as _, Result, ensure};
use openledger_protocol::SingularBatch;

/// L1 blocks that a channel has to be completed in (Granite).
const CHANNEL_TIMEOUT: u64 = 50;

impl Author {
    /// A channel whose last frame comes as late as may be, and one that is an L1 block later.
    pub(super) fn late_frames(&mut self) -> Result<()> {
        for late in [0, 1] {
            self.pass(1)?;
            self.catch_up(1)?;
            let head = self.chain.head().number;
            let safe = self.safe();
            let blocks = self.unposted()?;
            let data = self.channel(&blocks, Form { frames: 2, ..PLAIN })?;
            let (last, first) = data.split_last().context("a frame")?;
            ensure!(!first.is_empty(), "two frames");
            self.post(
                first,
                Form {
                    each_block: 9,
                    ..PLAIN
                },
                &[],
            )?;
            self.pass(CHANNEL_TIMEOUT - 1 + late)?;
            self.post(std::slice::from_ref(last), PLAIN, &[])?;
            let expected = if late == 0 { head } else { safe };
            ensure!(self.safe() == expected, "{late} late: {}", self.safe());
            self.catch_up(1)?;
            self.post_all(SPAN, &[])?;
        }
        Ok(())
    }

    /// L1 stands still for longer than blocks with transactions may be from their origin.
    pub(super) fn drift(&mut self) -> Result<()> {
        self.catch_up(1)?;
        self.post_all(SPAN, &[])?;
        // The last origin before it.
        while self.reference(self.chain.head().number)?.l1_origin.number
            < self.l1.state().head().header.number
        {
            self.build(Vec::new(), false)?;
        }
        let gap = DRIFT + 300 + self.below(300);
        self.l1.state().block_time = Some(gap);
        self.mine(&[])?;
        self.l1.state().block_time = None;
        // Up to the last block that may have transactions, and beyond.
        while !self.drifts()? {
            let transactions =
                self.transactions(u64::from(self.chain.head().number.is_multiple_of(9)))?;
            self.build(transactions, true)?;
        }
        self.post_all(SPAN, &[])?;
        self.build(Vec::new(), true)?;
        let next = self.unposted()?.remove(0);
        let user = self.users[2].clone();
        let raw = transfer(
            &user,
            self.nonce(user.address())?,
            user.address(),
            1,
            Bytes::new(),
        );
        let safe = self.safe();
        let transactions = vec![raw];
        self.single(&[SingularBatch {
            transactions,
            ..next
        }])?;
        ensure!(
            self.safe() == safe,
            "a block with transactions beyond the drift"
        );
        self.catch_up(1)?;
        self.post_all(
            Form {
                span_blocks: 0,
                ..SPAN
            },
            &[],
        )
    }

    /// No batch for longer than the sequencing window, while deposits are made.
    pub(super) fn silence(&mut self) -> Result<()> {
        self.catch_up(1)?;
        let lost = self.safe() + 1;
        for _ in 0..WINDOW + 4 {
            if self.below(3) == 0 {
                self.deposits()?;
            }
            self.mine(&[])?;
            // The sequencer goes on, and posts nothing.
            if self.below(2) == 0 {
                self.catch_up(1)?;
            }
        }
        ensure!(self.safe() > lost, "blocks without batches");
        self.catch_up(1)?;
        // Of an epoch whose window is over.
        let next = self.unposted()?.remove(0);
        let old = self.recorder.safe.l1_origin.number - 1;
        let epoch_hash = self.l1.state().block(old).context("an L1 block")?.hash;
        self.single(&[SingularBatch {
            epoch_num: old,
            epoch_hash,
            ..next
        }])?;
        // Of one whose window ends with this L1 block.
        self.catch_up(1)?;
        let first = self.unposted()?.remove(0).epoch_num;
        let inclusion = self.l1.state().head().header.number + 1;
        ensure!(
            first + WINDOW == inclusion,
            "epoch {first}, L1 block {inclusion}"
        );
        self.post_all(SPAN, &[])
    }
}
