mod cancelled;

use super::*;
use crate::{
    DataAvailability,
    testing::{FakeSource, block_batch, config, l1},
};
use alloy_eips::BlockNumHash;
use openledger_l1::{Confirmed, L1Error, Pressure, SendResult};
use openledger_protocol::{Batch, ChannelAssembler, ChannelReader, FrameOutcome, decode_frames};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::oneshot;

type Sent = (TxCandidate, oneshot::Sender<SendResult>);

/// An L1 that a test moves by hand.
#[derive(Clone, Default)]
struct FakeL1 {
    number: Arc<AtomicU64>,
    down: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Sent>>>,
    room: Arc<AtomicU64>,
    pressure: Arc<Mutex<Pressure>>,
}

impl L1Head for FakeL1 {
    async fn head(&self) -> Result<L1Point, L1Error> {
        if self.down.load(Ordering::SeqCst) {
            return Err(L1Error::Interrupted);
        }
        Ok(l1(self.number.load(Ordering::SeqCst)))
    }
}

impl TxSubmit for FakeL1 {
    fn submit(&self, candidate: TxCandidate) -> Result<oneshot::Receiver<SendResult>, SendError> {
        if self.room.load(Ordering::SeqCst) == 0 {
            return Err(SendError::QueueFull { waiting: 0 });
        }
        self.room.fetch_sub(1, Ordering::SeqCst);
        let (result, receiver) = oneshot::channel();
        self.sent
            .lock()
            .expect("not poisoned")
            .push((candidate, result));
        Ok(receiver)
    }

    fn set_pressure(&self, pressure: Pressure) {
        *self.pressure.lock().expect("not poisoned") = pressure;
    }
}

impl FakeL1 {
    fn new() -> Self {
        let l1 = Self::default();
        l1.room.store(1_000, Ordering::SeqCst);
        l1.grow(10);
        l1
    }

    fn grow(&self, blocks: u64) {
        self.number.fetch_add(blocks, Ordering::SeqCst);
    }

    fn waiting(&self) -> usize {
        self.sent.lock().expect("not poisoned").len()
    }

    fn take(&self) -> Sent {
        self.sent.lock().expect("not poisoned").remove(0)
    }

    fn confirmed(&self) -> Confirmed {
        let number = self.number.load(Ordering::SeqCst);
        Confirmed {
            tx_hash: B256::repeat_byte(7),
            block: BlockNumHash {
                number,
                hash: B256::repeat_byte(number as u8),
            },
            gas_used: 21_000,
            fee_wei: 5,
            success: true,
            nonce: 0,
            contract: None,
        }
    }
}

fn start(
    config: BatcherConfig,
    source: &Arc<FakeSource>,
    l1: &FakeL1,
) -> (
    Batcher,
    JoinHandle<Result<(), BatcherError>>,
    CancellationToken,
) {
    let shutdown = CancellationToken::new();
    let config = BatcherConfig {
        poll_interval: Duration::from_millis(5),
        ..config
    };
    let (batcher, task) = Batcher::run_with(
        config,
        source.clone(),
        l1.clone(),
        l1.clone(),
        Vec::new(),
        shutdown.clone(),
    );
    (batcher, task, shutdown)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not within 10 s: {what}");
}

/// Numbers of the first and last block in calldata that holds one whole channel.
fn blocks_in(source: &FakeSource, data: &[u8]) -> (u64, u64) {
    let mut assembler = ChannelAssembler::default();
    let mut numbers = Vec::new();
    for frame in decode_frames(data).expect("frames") {
        if let FrameOutcome::Complete(channel) = assembler.add(frame, 1, usize::MAX) {
            let mut reader = ChannelReader::new(channel, 100_000_000, 161_299).expect("zlib");
            while let Some(Batch::Singular(batch)) = reader.next_batch().expect("well formed") {
                let number = batch.timestamp - 1_000;
                assert_eq!(batch, block_batch(source, number));
                numbers.push(number);
            }
        }
    }
    (
        *numbers.first().expect("batches"),
        *numbers.last().expect("batches"),
    )
}

#[tokio::test]
async fn blocks_are_posted_and_confirmed() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(3, &[100]);
    let (batcher, task, shutdown) = start(config(), &source, &l1);
    let status = batcher.status();
    until("the blocks are read", || {
        status.borrow().backlog_blocks == 0
    })
    .await;
    l1.grow(1);
    until("a transaction is sent", || l1.waiting() == 1).await;
    assert_eq!(status.borrow().confirmed_to, 0);
    let (candidate, result) = l1.take();
    assert_eq!(blocks_in(&source, &candidate.data), (1, 3));
    l1.grow(1);
    result.send(Ok(l1.confirmed())).expect("awaited");
    until("it is confirmed", || status.borrow().confirmed_to == 3).await;
    let seen = status.borrow().clone();
    assert_eq!(
        (
            seen.submitted_to,
            seen.l1_inclusion.number,
            seen.pending_txs
        ),
        (3, 12, 0)
    );
    assert_eq!(seen.last_error, None);
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn a_lost_transaction_makes_it_start_over() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(5, &[]);
    let (batcher, task, shutdown) = start(
        BatcherConfig {
            channel_duration_max: 0,
            ..config()
        },
        &source,
        &l1,
    );
    let status = batcher.status();
    until("a transaction is sent", || l1.waiting() == 1).await;
    source.seal(1, &[]);
    until("another one is sent", || l1.waiting() == 2).await;
    let (_, first) = l1.take();
    let (_, second) = l1.take();
    let account = alloy_primitives::Address::ZERO;
    first
        .send(Err(SendError::NonceTaken { account, nonce: 0 }))
        .expect("awaited");
    until("all is posted again", || l1.waiting() == 1).await;
    assert!(second.is_closed());
    assert_eq!(status.borrow().restarts, 1);
    assert!(
        status
            .borrow()
            .last_error
            .as_ref()
            .is_some_and(|error| error.contains("nonce 0"))
    );
    let (candidate, result) = l1.take();
    assert_eq!(blocks_in(&source, &candidate.data), (1, 6));
    result.send(Ok(l1.confirmed())).expect("awaited");
    until("it is confirmed", || status.borrow().confirmed_to == 6).await;
    assert_eq!(status.borrow().last_error, None);
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn an_unreachable_l1_and_a_full_queue_are_waited_out() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    l1.down.store(true, Ordering::SeqCst);
    l1.room.store(0, Ordering::SeqCst);
    source.seal(2, &[]);
    let (batcher, task, shutdown) = start(
        BatcherConfig {
            channel_duration_max: 0,
            ..config()
        },
        &source,
        &l1,
    );
    let status = batcher.status();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(l1.waiting(), 0);
    l1.down.store(false, Ordering::SeqCst);
    until("the blocks are read", || {
        status.borrow().backlog_blocks == 0
    })
    .await;
    assert_eq!(status.borrow().pending_txs, 0);
    l1.room.store(5, Ordering::SeqCst);
    until("a transaction is sent", || l1.waiting() == 1).await;
    assert_eq!(blocks_in(&source, &l1.take().0.data), (1, 2));
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn an_unwound_chain_is_posted_anew() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(2, &[10]);
    let settings = BatcherConfig {
        channel_duration_max: 0,
        ..config()
    };
    let (batcher, task, shutdown) = start(settings, &source, &l1);
    let status = batcher.status();
    until("a transaction is sent", || l1.waiting() == 1).await;
    source.seal(2, &[10]);
    until("another one is sent", || l1.waiting() == 2).await;
    let (_, canonical) = l1.take();
    let (_, old) = l1.take();
    source.unwind(2);
    until("it goes back", || status.borrow().restarts == 1).await;
    assert!(old.is_closed() && !canonical.is_closed());
    source.seal(3, &[20]);
    until("the new blocks are posted", || l1.waiting() == 1).await;
    let (candidate, new) = l1.take();
    assert_eq!(blocks_in(&source, &candidate.data), (3, 5));
    // It relies on what is on its way.
    assert!(!candidate.begins);
    for result in [canonical, new] {
        result.send(Ok(l1.confirmed())).expect("awaited");
    }
    until("all is confirmed", || status.borrow().confirmed_to == 5).await;
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn the_sender_s_end_is_the_batcher_s_end() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(1, &[]);
    let (_batcher, task, _shutdown) = start(
        BatcherConfig {
            channel_duration_max: 0,
            ..config()
        },
        &source,
        &l1,
    );
    until("a transaction is sent", || l1.waiting() == 1).await;
    drop(l1.take());
    assert!(matches!(
        task.await.expect("ends"),
        Err(BatcherError::SenderStopped)
    ));
}

#[tokio::test]
async fn blobs_are_built_and_posted() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(2, &[100]);
    let config = BatcherConfig {
        channel_duration_max: 0,
        data_availability: DataAvailability::Blobs,
        ..config()
    };
    let (batcher, task, shutdown) = start(config, &source, &l1);
    let status = batcher.status();
    until("a transaction is sent", || l1.waiting() == 1).await;
    let (candidate, result) = l1.take();
    assert!(candidate.data.is_empty());
    let tag = ChannelTag::decode(&candidate.tag).expect("a tag");
    assert_eq!((tag.from, tag.to, tag.total), (1, source.unsafe_head(), 1));
    let sidecar = candidate.blobs.expect("blobs");
    let data = openledger_protocol::decode_blob(sidecar.blobs()[0].as_slice()).expect("data");
    assert_eq!(blocks_in(&source, &data), (1, 2));
    result.send(Ok(l1.confirmed())).expect("awaited");
    until("it is confirmed", || status.borrow().confirmed_to == 2).await;
    let seen = status.borrow().clone();
    assert_eq!((seen.carrier, seen.fee_wei), (Some(Carrier::Blobs), 5));
    assert!(seen.posted_bytes > 0 && seen.backlog_bytes == 0);
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn a_backlog_is_told_to_builder_and_sender() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(10, &[1_000]);
    let config = BatcherConfig {
        channel_duration_max: 0,
        throttle_limits: openledger_l1::ThrottleConfig {
            backlog_start: 5_000,
            backlog_full: 8_000,
            block_bytes_start: 4_000,
            block_bytes_min: 500,
            tx_bytes_max: 800,
        },
        ..config()
    };
    let throttle = config.throttle.clone();
    let (batcher, task, shutdown) = start(config, &source, &l1);
    let status = batcher.status();
    until("a transaction is sent", || l1.waiting() == 1).await;
    until("blocks are limited", || throttle.block_bytes_max() == 500).await;
    assert_eq!(throttle.tx_bytes_max(), 800);
    assert_eq!(status.borrow().block_bytes_max, Some(500));
    assert!(!status.borrow().deadline_near);
    // Blocks of the source begin with L1 origin 1, and the window is 3,600 blocks.
    l1.grow(2_500);
    until("the alarm is raised", || status.borrow().deadline_near).await;
    assert_eq!(status.borrow().window_left, Some(1 + 3_600 - 2_510));
    let pressure = *l1.pressure.lock().expect("not poisoned");
    assert_eq!(pressure.deadline_permille, (2_509 * 1_000 / 3_600) as u32);
    assert!(pressure.waited >= Duration::from_secs(5_000) && pressure.backlog_permille > 0);
    let (_, result) = l1.take();
    result.send(Ok(l1.confirmed())).expect("awaited");
    until("blocks are not limited", || !throttle.is_active()).await;
    until("the alarm is over", || !status.borrow().deadline_near).await;
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

#[tokio::test]
async fn what_an_earlier_run_sent_is_taken_up() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    source.seal(4, &[100]);
    let tag = ChannelTag {
        id: [1; 16],
        from: 1,
        to: source.unsafe_head(),
        first_epoch: 1,
        index: 0,
        total: 1,
    };
    source.seal(2, &[100]);
    let (on_its_way, result) = oneshot::channel();
    let resumed = vec![ResumedTx {
        tag: tag.encode(),
        nonce: 7,
        result,
    }];
    let config = BatcherConfig {
        channel_duration_max: 0,
        poll_interval: Duration::from_millis(5),
        ..config()
    };
    let shutdown = CancellationToken::new();
    let (batcher, task) = Batcher::run_with(
        config,
        source.clone(),
        l1.clone(),
        l1.clone(),
        resumed,
        shutdown.clone(),
    );
    let status = batcher.status();
    until("the rest is sent", || l1.waiting() == 1).await;
    let (candidate, second) = l1.take();
    assert_eq!(blocks_in(&source, &candidate.data), (5, 6));
    assert_eq!(status.borrow().confirmed_to, 0);
    on_its_way.send(Ok(l1.confirmed())).expect("awaited");
    until("the first is confirmed", || {
        status.borrow().confirmed_to == 4
    })
    .await;
    second.send(Ok(l1.confirmed())).expect("awaited");
    until("all is confirmed", || status.borrow().confirmed_to == 6).await;
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}

/// Has one more block posted and answers when it is confirmed.
async fn post_a_block(source: &FakeSource, l1: &FakeL1, status: &watch::Receiver<BatcherStatus>) {
    source.seal(1, &[]);
    until("a transaction is sent", || l1.waiting() == 1).await;
    let (_, result) = l1.take();
    result.send(Ok(l1.confirmed())).expect("awaited");
    let head = source.unsafe_head().number;
    until("it is confirmed", || status.borrow().confirmed_to == head).await;
}

#[tokio::test]
async fn posting_that_costs_more_than_is_paid_for_it_is_told() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    // Each transaction costs 5 wei, each block's pay 9: too little at 2 OPEN per ETH.
    source.set_block_fees(Some(9));
    let alarm = crate::CostAlarm {
        open_per_eth: "2".parse().expect("a rate"),
        interval: Duration::ZERO,
    };
    let config = BatcherConfig {
        channel_duration_max: 0,
        cost_alarm: Some(alarm),
        ..config()
    };
    let (batcher, task, shutdown) = start(config, &source, &l1);
    let status = batcher.status();
    post_a_block(&source, &l1, &status).await;
    until("it is compared", || status.borrow().posting.is_some()).await;
    let posting = status.borrow().posting.expect("compared");
    assert_eq!((posting.blocks, posting.cost_wei), ((1, 1), 5));
    assert_eq!(posting.cost_open_wei.to::<u64>(), 10);
    assert_eq!(posting.fees_open_wei.to::<u64>(), 9);
    assert!(posting.is_deficit());

    // What the chain no longer knows leaves the last comparison in place.
    source.set_block_fees(None);
    let reads = source.fee_reads();
    post_a_block(&source, &l1, &status).await;
    until("it was asked for", || source.fee_reads() > reads).await;
    assert_eq!(status.borrow().posting, Some(posting));

    source.set_block_fees(Some(10));
    post_a_block(&source, &l1, &status).await;
    until("it is compared", || {
        status
            .borrow()
            .posting
            .is_some_and(|posting| posting.blocks.1 == 3 && !posting.is_deficit())
    })
    .await;
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}
