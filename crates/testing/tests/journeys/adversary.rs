//! Frames from the batcher's own key that no honest batcher writes.

use crate::{Tuning, World, l1::L1};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::{DataAvailability, batch_of};
use openledger_protocol::{
    Batch, ChannelOptions, ChannelOut, Compression, Frame, SingularBatch, encode_frames_tx,
};
use openledger_testing::simulated_l1::Order;

pub(crate) fn calldata() -> Tuning {
    Tuning {
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        ..Tuning::default()
    }
}

/// Frames of a channel with this content before compression.
pub(crate) fn frames(id: u64, batches: &[Batch], frame_bytes: usize) -> Result<Vec<Frame>> {
    let mut content = Vec::new();
    for batch in batches {
        let mut encoded = Vec::new();
        batch.encode(&mut encoded)?;
        content.push(encoded);
    }
    channel(id, &content, frame_bytes)
}

fn channel(id: u64, content: &[Vec<u8>], frame_bytes: usize) -> Result<Vec<Frame>> {
    let mut name = [0xad; 16];
    name[..8].copy_from_slice(&id.to_be_bytes());
    let mut channel = ChannelOut::new(
        name,
        ChannelOptions {
            compression: Compression::Zlib(6),
            rlp_bytes_max: 1 << 30,
            compressed_bytes_target: 1 << 30,
        },
    );
    for encoded in content {
        channel
            .add_encoded(encoded)
            .map_err(|full| anyhow::anyhow!("{full}"))?;
    }
    channel.close();
    Ok(channel.output_frames(frame_bytes)?)
}

impl<L: L1> World<L> {
    /// The sequencer's block of this number as a batch.
    fn batch_at(&self, number: u64) -> Result<SingularBatch> {
        let block = self.verifier()?.chain.block(number)?.context("a block")?;
        Ok(batch_of(&block.block)?)
    }

    /// A batch for the block after the safe head, without transactions.
    pub(crate) fn next_batch(&self) -> Result<SingularBatch> {
        let head = self.verifier()?.heads().safe.number;
        let last = self.batch_at(head)?;
        Ok(SingularBatch {
            parent_hash: self.verifier()?.heads().safe.hash,
            timestamp: last.timestamp + 1,
            transactions: Vec::new(),
            ..last
        })
    }

    /// An L1 block that begins with transactions of the batcher's key to the inbox.
    pub(crate) async fn mine_from_batcher(&self, data: &[Bytes], gas_limit: u64) -> Result<()> {
        let inbox = self.files.rollup.batch_inbox_address;
        let first = self.l1.nonce(self.batcher.address()).await?;
        let sign = |(nonce, data): (u64, &Bytes)| {
            let order = Order::call(inbox, data.clone()).with_gas_limit(gas_limit);
            order.sign(L::CHAIN_ID, &self.batcher, nonce)
        };
        let raw: Vec<Bytes> = (first..).zip(data).map(sign).collect();
        self.l1.mine_with(&raw).await?;
        let included = self.newest().await?;
        for raw in &raw {
            let hash = keccak256(raw);
            let mut hashes = included.iter().map(|tx| tx.envelope.tx_hash());
            ensure!(
                hashes.any(|included| *included == hash),
                "{hash} is left out"
            );
        }
        Ok(())
    }

    /// Calldata of all that the batcher posted so far.
    async fn posted(&self) -> Result<Vec<Bytes>> {
        let included = self.included_of(self.batcher.address(), 0).await?;
        let data = included.iter().map(|tx| tx.envelope.input().clone());
        Ok(data.collect())
    }
}

on_each_l1!(
    frames_without_effect,
    an_inbox_call_runs_out_of_gas,
    batches_against_the_sequencer,
);

async fn frames_without_effect<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(calldata()).await? else {
        return Ok(());
    };
    world.transfers(3, 200).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let mark = world.safe().await?;
    let posted = world.posted().await?;
    let next = world.next_batch()?;
    let span = |batch: SingularBatch| Batch::Singular(batch);
    let good = frames(1, &[span(next.clone())], 60)?;
    ensure!(good.len() > 1, "a channel of several frames");
    let one = |frame: &Frame| Bytes::from(encode_frames_tx(std::slice::from_ref(frame)));
    let whole = |frames: &[Frame]| Bytes::from(encode_frames_tx(frames));
    let mut cut = whole(&good).to_vec();
    cut.truncate(cut.len() - 1);
    let mut other_version = whole(&good).to_vec();
    other_version[0] = 1;
    let mut renumbered = good.clone();
    renumbered.reverse();
    let future = SingularBatch {
        timestamp: next.timestamp + 1_000,
        ..next.clone()
    };
    let orphan = SingularBatch {
        parent_hash: B256::repeat_byte(0x66),
        ..next.clone()
    };
    let other_epoch = SingularBatch {
        epoch_hash: B256::repeat_byte(0x67),
        ..next.clone()
    };
    let unborn = SingularBatch {
        epoch_num: next.epoch_num + 2,
        ..next.clone()
    };
    let deposit = SingularBatch {
        transactions: vec![vec![0x7e, 0xc0].into()],
        ..next.clone()
    };
    let empty = SingularBatch {
        transactions: vec![Bytes::new()],
        ..next.clone()
    };
    let mut cases: Vec<(&str, Vec<Bytes>)> = vec![
        ("nothing", vec![Bytes::new()]),
        (
            "noise",
            vec![
                (0..200)
                    .map(|_| world.random.next() as u8)
                    .collect::<Vec<u8>>()
                    .into(),
            ],
        ),
        ("a channel without its end", vec![one(&good[0])]),
        (
            "a channel without its beginning",
            good[1..].iter().map(one).collect(),
        ),
        ("frames backwards", renumbered.iter().map(one).collect()),
        (
            "frames backwards in one transaction",
            vec![whole(&renumbered)],
        ),
        ("a frame that is cut", vec![cut.into()]),
        ("another version", vec![other_version.into()]),
        ("what was posted before", posted.clone()),
        (
            "what was posted before, backwards",
            posted.iter().rev().cloned().collect(),
        ),
        (
            "a batch of an hour ahead",
            vec![whole(&frames(2, &[span(future)], 10_000)?)],
        ),
        (
            "a batch on an unknown block",
            vec![whole(&frames(3, &[span(orphan)], 10_000)?)],
        ),
        (
            "a batch of an unknown epoch",
            vec![whole(&frames(4, &[span(other_epoch)], 10_000)?)],
        ),
        (
            "a batch that skips an epoch",
            vec![whole(&frames(5, &[span(unborn)], 10_000)?)],
        ),
        (
            "a deposit in a batch",
            vec![whole(&frames(6, &[span(deposit)], 10_000)?)],
        ),
        (
            "an empty transaction in a batch",
            vec![whole(&frames(7, &[span(empty)], 10_000)?)],
        ),
        (
            "a batch of no kind",
            vec![whole(&channel(8, &[vec![9; 100]], 10_000)?)],
        ),
    ];
    // 120 MB of zeros in 120 kB: read as far as a channel goes, and no further.
    let bomb = channel(9, &[vec![0; 120_000_000]], 100_000)?;
    cases.push(("a bomb", bomb.iter().map(one).collect()));
    for index in (1..cases.len()).rev() {
        cases.swap(
            index,
            usize::try_from(world.random.below(index as u64 + 1))?,
        );
    }
    for (name, data) in &cases {
        println!("{name}: {} transactions", data.len());
        world.mine_from_batcher(data, 5_000_000).await?;
        if world.random.below(3) == 0 {
            world.transfers(1, 50).await?;
            world.catch_up().await?;
        }
    }
    world.finish().await?;
    let kept = world
        .verifier()?
        .chain
        .block(mark.number)?
        .context("the block")?
        .hash;
    ensure!(kept == mark.hash);
    Ok(())
}

/// An inbox call that runs out of gas: the inbox does not record it, derivation reads it.
async fn an_inbox_call_runs_out_of_gas<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(calldata()).await? else {
        return Ok(());
    };
    world.transfers(3, 200).await?;
    let batcher = world.batcher.address();
    // The batcher's own transaction waits; one with its data and too little gas takes its nonce.
    world.tick_until_waiting(1).await?;
    let waiting = world.l1.waiting(batcher).await?;
    let data = waiting.first().context("it waits")?.input().clone();
    let tokens: u64 = data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    let gas_limit = 21_000 + 10 * tokens + 100;
    world.mine_from_batcher(&[data], gas_limit).await?;
    let included = world.newest().await?;
    let first = included.iter().find(|tx| tx.sender == batcher);
    ensure!(
        !first.context("the call")?.receipt.status(),
        "it did not run out of gas"
    );
    world.catch_up().await?;
    world.ticks(2).await?;
    world.transfers(2, 100).await?;
    world.finish().await
}

/// Batches that take effect and are not what the sequencer sealed: its chain gives way to L1's, and what it
/// acknowledged goes into later blocks.
async fn batches_against_the_sequencer<L: L1>() -> Result<()> {
    let Some(mut world) = World::<L>::start(calldata()).await? else {
        return Ok(());
    };
    world.transfers(3, 200).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let batcher = world.batcher.address();
    let next = world.next_batch()?;
    // Sealed, and not posted.
    world.transfers(2, 100).await?;
    world.l1.mine_only(batcher, 0).await?;
    world.catch_up().await?;
    let transactions: Vec<Bytes> = match world.random.below(3) {
        // A block without transactions, though the sequencer's has some.
        0 => Vec::new(),
        // Transactions that can't be decoded, or can't be executed: the deposits alone make the block.
        1 => vec![vec![0x02, 0xc1, 0x80].into()],
        _ => {
            let tx = world.sign_as(&world.owner, 7, batcher, 1, Bytes::new());
            vec![tx]
        }
    };
    println!("{} transactions in the batch", transactions.len());
    let batch = Batch::Singular(SingularBatch {
        transactions,
        ..next
    });
    let data = Bytes::from(encode_frames_tx(&frames(1, &[batch], 10_000)?));
    world.mine_from_batcher(&[data], 5_000_000).await?;
    world.catch_up().await?;
    world.ticks(3).await?;
    world.transfers(2, 100).await?;
    world.finish().await
}
