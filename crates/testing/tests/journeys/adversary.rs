//! Frames from the batcher's own key that no honest batcher writes.

use crate::{Tuning, World};
use alloy_primitives::{B256, Bytes};
use anyhow::{Context as _, Result, ensure};
use openledger_batcher::{DataAvailability, batch_of};
use openledger_protocol::{
    Batch, ChannelOptions, ChannelOut, Compression, Frame, SingularBatch, encode_frames_tx,
};
use openledger_testing::simulated_l1::Order;

fn calldata() -> Tuning {
    Tuning {
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        ..Tuning::default()
    }
}

/// Frames of a channel with this content before compression.
fn frames(id: u64, batches: &[Batch], frame_bytes: usize) -> Result<Vec<Frame>> {
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

impl World {
    /// The sequencer's block of this number as a batch.
    fn batch_at(&self, number: u64) -> Result<SingularBatch> {
        let block = self.verifier()?.chain.block(number)?.context("a block")?;
        Ok(batch_of(&block.block)?)
    }

    /// A batch for the block after the safe head, without transactions.
    fn next_batch(&self) -> Result<SingularBatch> {
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
    fn mine_from_batcher(&mut self, data: &[Bytes], gas_limit: u64) -> Result<()> {
        let inbox = self.files.rollup.batch_inbox_address;
        let mut l1 = self.l1.state();
        let raw: Vec<Bytes> = (0..)
            .zip(data)
            .map(|(ahead, data)| {
                let order = Order::call(inbox, data.clone()).with_gas_limit(gas_limit);
                l1.sign(&order, &self.batcher, ahead)
            })
            .collect();
        let block = l1.mine_with(&raw, &|_| true);
        ensure!(
            block.transactions.len() >= data.len(),
            "not all were included"
        );
        Ok(())
    }

    /// Calldata of all that the batcher posted so far.
    fn posted(&self) -> Vec<Bytes> {
        use alloy_consensus::Transaction as _;
        let l1 = self.l1.state();
        let all = l1.blocks().iter().flat_map(|block| &block.transactions);
        all.filter(|tx| tx.sender == self.batcher.address())
            .map(|tx| tx.envelope.input().clone())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_without_effect() -> Result<()> {
    let mut world = World::new(calldata()).await?;
    world.transfers(3, 200).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let mark = world.safe().await?;
    let posted = world.posted();
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
        world.mine_from_batcher(data, 5_000_000)?;
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_call_runs_out_of_gas() -> Result<()> {
    let mut world = World::new(calldata()).await?;
    world.transfers(3, 200).await?;
    let batcher = world.batcher.address();
    // The batcher's own transaction waits; one with its data and too little gas takes its nonce.
    let data = loop {
        world.l1.state().mine_with(&[], &|tx| tx.sender != batcher);
        world.catch_up().await?;
        let waiting = {
            use alloy_consensus::Transaction as _;
            let l1 = world.l1.state();
            let first = l1.pool.of(batcher).next();
            first.map(|tx| tx.envelope.input().clone())
        };
        match waiting {
            Some(data) => break data,
            None => tokio::time::sleep(crate::LOOK).await,
        }
    };
    let tokens: u64 = data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    world.mine_from_batcher(&[data], 21_000 + 10 * tokens + 100)?;
    let head = world.l1.state().head().clone();
    ensure!(
        !head.transactions[0].receipt.status(),
        "it did not run out of gas"
    );
    world.catch_up().await?;
    world.ticks(2).await?;
    world.transfers(2, 100).await?;
    world.finish().await
}

/// Batches that take effect and are not what the sequencer sealed: its chain gives way to L1's, and what it
/// acknowledged goes into later blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_against_the_sequencer() -> Result<()> {
    let mut world = World::new(calldata()).await?;
    world.transfers(3, 200).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let batcher = world.batcher.address();
    let next = world.next_batch()?;
    // Sealed, and not posted.
    world.transfers(2, 100).await?;
    world.l1.state().mine_with(&[], &|tx| tx.sender != batcher);
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
    world.mine_from_batcher(&[data], 5_000_000)?;
    world.catch_up().await?;
    world.ticks(3).await?;
    world.transfers(2, 100).await?;
    world.finish().await
}
