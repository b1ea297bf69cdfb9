//! The batcher is cut off when what it posted is confirmed and not safe yet, and starts again: it posts nothing
//! twice, and what an L1 reorganization drops is sent again.

use crate::{Tuning, World, l1::L1, reorg::Orphaned, until};
use alloy_consensus::{Transaction as _, TxEnvelope};
use anyhow::{Context as _, Result, bail, ensure};
use openledger_batcher::{BatchKind, DataAvailability};
use openledger_protocol::{Batch, ChannelAssembler, ChannelReader, FrameOutcome, decode_frames};
use std::collections::HashMap;

/// How often it is cut off while a channel is on L1 in part.
const CUTS: usize = 3;
/// How often that is tried: each of the channels that wait may be a single transaction.
const ROUNDS_MAX: usize = 12;
/// Transactions that may wait: more than those of all channels that the batcher has closed.
const IN_FLIGHT_MAX: usize = 48;
/// L1 blocks after which the batcher has gone on: far fewer than `BatcherConfig::safe_lag_max`.
const BLOCKS_MAX: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_confirmed_is_not_posted_again() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| {
            // Channels of several transactions, whose batches say which block they are.
            config.data_availability = DataAvailability::Calldata;
            config.tx_bytes_target = 1_200;
            config.channel_txs_target = 5;
            config.batch_kind = BatchKind::Singular;
            config.txs_in_flight_max = IN_FLIGHT_MAX;
        },
        sender: |config| config.in_flight_max = IN_FLIGHT_MAX,
        ..Tuning::default()
    })
    .await?;
    let batcher = world.batcher.address();
    let (mut cuts, mut in_vain) = (0, 0);
    for _ in 0..ROUNDS_MAX {
        world.transfers(12, 400).await?;
        world.tick_until_waiting(3).await?;
        let waiting = world.until_channels_are_whole().await?;
        let parts: Vec<usize> = (1..waiting.len())
            .filter(|count| !ends_channel(&waiting[count - 1]))
            .collect();
        if !parts.is_empty() {
            let at = world.random.below(parts.len() as u64);
            let sequencer = world.sequencer.as_ref().context("it runs")?;
            let paid = sequencer.metric("batcher_fee_gwei").await?;
            world
                .l1
                .mine_only(batcher, parts[usize::try_from(at)?])
                .await?;
            until("the batcher knows of it", || async {
                let now = sequencer.metric("batcher_fee_gwei").await?;
                Ok((now > paid).then_some(()))
            })
            .await?;
            world.kill_sequencer().await?;
            cuts += 1;
            // It may have begun to send another channel, which is then given up.
            let waiting = world.l1.waiting(batcher).await?;
            let last = waiting.iter().rposition(ends_channel);
            in_vain += waiting.len() - last.map_or(0, |last| last + 1) + 1;
            world.start_sequencer().await?;
        }
        if cuts == CUTS {
            break;
        }
        // What is left of the channel follows, or is cut off once more.
        if world.random.below(2) == 0 {
            world.ticks(2).await?;
        }
    }
    ensure!(cuts == CUTS, "it was cut off {cuts} times only");
    world.ticks(2).await?;
    world.finish().await?;
    check_posted(&mut world, in_vain).await
}

impl<L: L1> World<L> {
    /// Waits until the last transaction of the batcher that waits ends a channel, while time stands still: it has
    /// no more to send then. Answers all of them.
    async fn until_channels_are_whole(&self) -> Result<Vec<TxEnvelope>> {
        until("whole channels", || async {
            let waiting = self.l1.waiting(self.batcher.address()).await?;
            Ok(waiting.last().is_some_and(ends_channel).then_some(waiting))
        })
        .await
    }
}

/// Whether a batcher transaction has its channel's last frame.
fn ends_channel(tx: &TxEnvelope) -> bool {
    let frames = decode_frames(tx.input());
    frames.is_ok_and(|frames| frames.last().is_some_and(|frame| frame.is_last))
}

/// Each block is in one channel, and no more than so many transactions are in none.
async fn check_posted<L: L1>(world: &mut World<L>, in_vain_max: usize) -> Result<()> {
    let first_time = world.files.rollup.genesis.l2_time;
    let chain_id = world.files.rollup.l2_chain_id;
    let head = usize::try_from(world.safe().await?.number)?;
    let mut times_posted = vec![0_u32; head + 1];
    let mut assembler = ChannelAssembler::default();
    // Transactions of each channel, by id, and of those that are whole.
    let (mut parts, mut whole) = (HashMap::new(), 0);
    let included = world.included_of(world.batcher.address(), 0).await?;
    for tx in &included {
        for frame in decode_frames(tx.envelope.input())? {
            let id = frame.id;
            *parts.entry(id).or_insert(0) += 1;
            let FrameOutcome::Complete(channel) = assembler.add(frame, 1, usize::MAX) else {
                continue;
            };
            whole += parts.remove(&id).unwrap_or_default();
            let mut reader = ChannelReader::new(channel, usize::MAX, chain_id)?;
            while let Some(batch) = reader.next_batch()? {
                let Batch::Singular(batch) = batch else {
                    bail!("a span batch")
                };
                let number = usize::try_from(batch.timestamp - first_time)?;
                let times = times_posted.get_mut(number);
                *times.context("a block of the chain")? += 1;
            }
        }
    }
    let in_vain = included.len() - whole;
    println!("{head} blocks in {whole} transactions, {in_vain} in vain");
    let wrong: Vec<usize> = (1..=head)
        .filter(|number| times_posted[*number] != 1)
        .collect();
    ensure!(wrong.is_empty(), "blocks {wrong:?} were not posted once");
    ensure!(
        in_vain <= in_vain_max,
        "{in_vain} transactions were in vain, not {in_vain_max}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reorg_drops_after_a_restart_is_sent_again() -> Result<()> {
    let mut world = World::new(Tuning {
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        ..Tuning::default()
    })
    .await?;
    world.transfers(3, 200).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let posted = world.safe().await?.number;
    // The run before knows that it is confirmed.
    let batcher = world.batcher.address();
    let last = {
        let l1 = world.l1.state();
        let last = l1.blocks().iter().rposition(|block| {
            let mut transactions = block.transactions.iter();
            transactions.any(|tx| tx.sender == batcher)
        });
        last.context("a batch")? as u64
    };
    world.kill_sequencer().await?;
    world.start_sequencer().await?;
    ensure!(world.safe().await?.number == posted, "all of it is safe");
    let depth = world.l1.head().await?.number + 1 - last;
    world.reorganize(depth, Orphaned::WithoutBatches);
    world.catch_up().await?;
    while world.safe().await?.number >= posted {
        tokio::time::sleep(crate::LOOK).await;
    }
    let blocks = world.ticks_until_safe(posted, BLOCKS_MAX).await?;
    println!("safe again after {blocks} L1 blocks");
    // The sender has sent it again as it was: nobody had to notice that it was gone.
    let restarts = world.sequencer()?.metric("batcher_restarts_total").await?;
    ensure!(restarts == 0, "the batcher started over {restarts} times");
    world.finish().await
}
