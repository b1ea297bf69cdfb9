//! Frames, blobs and batches from the batcher's key that no honest batcher writes.

use super::{
    author::Author,
    posting::{Form, PLAIN, SPAN, blob, encoded},
    signing::{Sent, blob_call},
};
use crate::world::transfer;
use alloy_primitives::{Bytes, keccak256};
use anyhow::{Context as _, Result, ensure};
use openledger_protocol::{Frame, SingularBatch, encode_frames_tx};
use openledger_testing::{simulated_l1::Order, wallet::Wallet};

impl Author {
    /// What has no effect, before, between and after the frames of channels.
    pub(super) fn without_effect(&mut self) -> Result<()> {
        let batcher = self.batcher.clone();
        let stranger = self.users[1].clone();
        let inbox = self.inbox();
        for (index, carrier) in [None, None, Some(0), Some(1), Some(2)]
            .into_iter()
            .enumerate()
        {
            self.deposits()?;
            self.pass(2)?;
            self.catch_up(3)?;
            let blocks = self.unposted()?;
            // What would have an effect if it were read.
            let tempting = self.channel(&blocks, PLAIN)?.remove(0);
            let bytes = 1 + self.below(60) as usize;
            let garbage = self.noise(bytes);
            let unopened = Frame {
                id: [0xaa; 16],
                number: 3,
                data: garbage.clone(),
                is_last: true,
            };
            let mut trailing = tempting.to_vec();
            trailing.extend(&garbage);
            let mut other_version = tempting.to_vec();
            other_version[0] = 1;
            let data: Vec<Bytes> = vec![
                Bytes::new(),
                Bytes::from_static(&[0]),
                other_version.into(),
                trailing.into(),
                tempting.slice(..tempting.len() - 1),
                encode_frames_tx(&[unopened]).into(),
            ];
            let mut noise: Vec<(Wallet, Sent)> = data
                .into_iter()
                .map(|data| (batcher.clone(), Sent::Data(2, inbox, data)))
                .collect();
            noise.push((stranger.clone(), Sent::Data(2, inbox, tempting.clone())));
            noise.push((
                batcher.clone(),
                Sent::Data(2, stranger.address(), tempting.clone()),
            ));
            // Of a type that carries no batches.
            noise.push((batcher.clone(), Sent::Data(4, inbox, tempting.clone())));
            if carrier.is_none() {
                noise.truncate(3);
                noise.push((
                    batcher.clone(),
                    self.blobs_without_effect(index, &tempting)?,
                ));
                noise.push((stranger.clone(), blob_call(inbox, vec![blob(&tempting)?])));
            }
            let form = Form {
                carrier,
                frames: 4,
                frames_each: 2,
                each_block: 1,
                ..SPAN
            };
            self.post_all(form, &noise)?;
        }
        Ok(())
    }

    /// Blobs that hold nothing, in a transaction whose calldata does and isn't read.
    fn blobs_without_effect(&self, choice: usize, tempting: &Bytes) -> Result<Sent> {
        let mut blobs = [blob(tempting)?, blob(tempting)?];
        let [first, second] = &mut blobs;
        if choice == 0 {
            // Another version; a length that is too large.
            first[1] = 1;
            second[2] = 0xff;
        } else {
            // One of the bits that no element may have; something behind the data.
            first[32] = 0x40;
            second[131_000] = 1;
        }
        Ok(Sent::Call(Order {
            blobs: blobs.into(),
            ..Order::call(self.inbox(), tempting.clone())
        }))
    }

    /// Batches that are dropped, each with a good one behind it in its channel, which goes with it; and content that is
    /// no batch.
    pub(super) fn invalid(&mut self) -> Result<()> {
        let cases = 13;
        for case in 0..cases {
            self.pass(1)?;
            self.catch_up(2)?;
            let blocks = self.unposted()?;
            let [next, after, ..] = &blocks[..] else {
                anyhow::bail!("two blocks to post")
            };
            let safe = self.safe();
            let expected = match case {
                // Skipped, or read as if it ended there: what is good counts.
                0 => {
                    let past = self.batch(safe)?;
                    self.single(&[past.clone(), next.clone(), past, after.clone()])?;
                    2
                }
                1 => {
                    self.content(&[encoded(next)?, vec![0, 0xc1, 0x80], encoded(after)?])?;
                    1
                }
                // A block that the batch does not allow, or that can't be executed, has its deposits alone.
                2 => {
                    let transactions = vec![Bytes::from_static(&[0x02, 0xc1, 0x80])];
                    self.single(&[
                        SingularBatch {
                            transactions,
                            ..next.clone()
                        },
                        after.clone(),
                    ])?;
                    1
                }
                3 => {
                    let user = self.users[2].clone();
                    let raw = transfer(
                        &user,
                        self.nonce(user.address())? + 77,
                        user.address(),
                        1,
                        Bytes::new(),
                    );
                    let transactions = vec![raw];
                    self.single(&[
                        SingularBatch {
                            transactions,
                            ..next.clone()
                        },
                        after.clone(),
                    ])?;
                    1
                }
                _ => {
                    let bad = self.bad(case - 4, next)?;
                    self.single(&[bad, next.clone()])?;
                    0
                }
            };
            ensure!(
                self.safe() == safe + expected,
                "case {case}: {} blocks derived, {expected} expected, {:?}",
                self.safe() - safe,
                self.recorder.dropped.last()
            );
            let form = self.form();
            self.post_all(form, &[])?;
        }
        // Channels that are none.
        for content in [
            &[0x78][..],
            &[0x78, 0x9c, 1, 2, 3],
            &[1],
            &[1, 0xff, 0xff],
            &[3, 1, 2],
            &[],
        ] {
            self.frame(content.to_vec(), true)?;
        }
        // A channel that is dropped for the next one, also with a frame of it to come.
        self.frame(vec![0x78, 1], false)?;
        self.post_all(SPAN, &[])?;
        Ok(())
    }

    /// One of the ways in which the batch of the next block is invalid.
    fn bad(&mut self, case: u64, next: &SingularBatch) -> Result<SingularBatch> {
        let mut bad = next.clone();
        match case {
            0 => bad.timestamp += 600,
            1 => bad.timestamp += 1,
            2 => bad.epoch_hash = keccak256(bad.epoch_hash),
            3 => bad.epoch_num += 2,
            4 => bad.epoch_num = bad.epoch_num.saturating_sub(2),
            5 => bad.transactions.push(Bytes::new()),
            6 => bad.transactions.push(Bytes::from_static(&[0x7e, 0xc0])),
            // An origin that is younger than the block.
            7 => {
                let l1 = self.l1.state();
                let parent = self.recorder.safe.l1_origin.number;
                let younger = l1.block(parent + 1).context("an L1 block")?;
                if younger.header.timestamp > next.timestamp {
                    (bad.epoch_num, bad.epoch_hash) = (parent + 1, younger.hash);
                } else {
                    bad.timestamp += 6_000;
                }
            }
            _ => bad.epoch_num += 1_000,
        }
        Ok(bad)
    }

    /// Span batches that reach back, lie in the past, or fit nowhere.
    pub(super) fn spans(&mut self) -> Result<()> {
        for case in 0..6 {
            self.pass(3)?;
            self.catch_up(2)?;
            let safe = self.safe();
            let head = self.chain.head().number;
            let blocks = self.unposted()?;
            let back = safe - 1 - self.below(4);
            let mut long: Vec<SingularBatch> = (back..=head)
                .map(|number| self.batch(number))
                .collect::<Result<_>>()?;
            let expected = match case {
                0 => head,
                // What it says of blocks that exist is not looked at.
                1 => {
                    long[1].transactions.clear();
                    head
                }
                2 => {
                    long.truncate(usize::try_from(safe + 1 - back)?);
                    safe
                }
                3 => {
                    long[0].parent_hash = keccak256(long[0].parent_hash);
                    safe
                }
                4 => {
                    let last = long.last_mut().context("a block")?;
                    last.epoch_hash = keccak256(last.epoch_hash);
                    safe
                }
                // From its third block on it can't be executed.
                _ => {
                    long = blocks.clone();
                    let user = self.users[2].clone();
                    let raw = transfer(
                        &user,
                        self.nonce(user.address())? + 77,
                        user.address(),
                        1,
                        Bytes::new(),
                    );
                    long.get_mut(2).context("three blocks")?.transactions = vec![raw];
                    safe + 3
                }
            };
            let span = self.span(&long)?;
            let data = self.channel_of(&[span], SPAN)?;
            self.post(&data, SPAN, &[])?;
            ensure!(
                self.safe() == expected,
                "case {case}: {} is not {expected}",
                self.safe()
            );
            // kona passes over the L1 block that follows one with a span batch which it drops.
            self.pass(1)?;
            let form = self.form();
            self.post_all(form, &[])?;
        }
        Ok(())
    }
}
