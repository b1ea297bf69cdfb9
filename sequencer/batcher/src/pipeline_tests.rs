use super::*;
use crate::{
    DataAvailability, RederiveError, batch_of,
    testing::{FakeSource, block_batch, config, l1},
};
use alloy_primitives::Bytes;
use openledger_protocol::{
    Batch, ChannelAssembler, ChannelReader, FrameOutcome, SingularBatch, decode_frames,
};
use proptest::prelude::*;

fn inclusion(number: u64) -> BlockNumHash {
    BlockNumHash {
        number,
        hash: B256::with_last_byte(number as u8),
    }
}

fn pipeline(source: &FakeSource, config: BatcherConfig) -> Pipeline {
    Pipeline::new(config, source.safe_head(), B256::repeat_byte(1))
}

/// Takes all transactions that may be sent now.
fn send_all(pipeline: &mut Pipeline) -> Vec<ChannelTx> {
    let mut sent = Vec::new();
    while let Some(tx) = pipeline.next_tx() {
        pipeline.mark_sent();
        sent.push(tx);
    }
    sent
}

/// The only payload of a calldata transaction.
fn data(tx: &ChannelTx) -> Bytes {
    assert_eq!((tx.carrier, tx.payloads.len()), (Carrier::Calldata, 1));
    tx.payloads[0].clone()
}

/// The batches in calldata that arrives on L1 in this order.
fn decode(datas: impl IntoIterator<Item = Bytes>) -> Vec<SingularBatch> {
    let mut assembler = ChannelAssembler::default();
    let mut batches = Vec::new();
    for data in datas {
        for frame in decode_frames(&data).expect("frames") {
            if let FrameOutcome::Complete(channel) = assembler.add(frame, 1, usize::MAX) {
                batches.extend(read(channel));
            }
        }
    }
    batches
}

fn read(channel: Vec<u8>) -> Vec<SingularBatch> {
    let mut reader = ChannelReader::new(channel, 100_000_000, 161_299).expect("zlib");
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch().expect("well formed") {
        let Batch::Singular(batch) = batch else {
            panic!("singular batches only")
        };
        batches.push(batch);
    }
    batches
}

#[test]
fn a_channel_closes_when_its_time_is_over() {
    let source = FakeSource::new();
    source.seal(3, &[10, 20]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            channel_duration_max: 2,
            ..config()
        },
    );
    assert_eq!(
        pipeline.advance(&source, l1(10)).expect("advances"),
        Advance::Idle
    );
    assert_eq!(pipeline.cursor(), source.unsafe_head());
    assert!(pipeline.next_tx().is_none());
    source.seal(1, &[]);
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(pipeline.next_tx().is_none());
    pipeline.advance(&source, l1(12)).expect("advances");
    let sent = send_all(&mut pipeline);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, config().chain.batch_inbox_address);
    assert_eq!(pipeline.submitted_to(), 4);
    assert_eq!(pipeline.confirmed_to(), 0);
    let expected: Vec<_> = (1..=4).map(|number| block_batch(&source, number)).collect();
    assert_eq!(decode(sent.iter().map(data)), expected);

    let confirmed = pipeline
        .confirm(sent[0].info, inclusion(13), 26)
        .expect("in time");
    assert_eq!(
        confirmed,
        [ConfirmedChannel {
            to: source.unsafe_head(),
            inclusion: inclusion(13)
        }]
    );
    assert_eq!((pipeline.confirmed_to(), pipeline.pending_txs()), (4, 0));
}

#[test]
fn without_a_duration_a_channel_closes_at_once() {
    let source = FakeSource::new();
    source.seal(3, &[]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            channel_duration_max: 0,
            ..config()
        },
    );
    pipeline.advance(&source, l1(10)).expect("advances");
    assert_eq!(send_all(&mut pipeline).len(), 1);
    assert_eq!(pipeline.submitted_to(), 3);
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(send_all(&mut pipeline).is_empty());
}

#[test]
fn a_sequencing_window_that_ends_closes_the_channel() {
    let source = FakeSource::new();
    source.seal(1, &[]);
    let config = BatcherConfig {
        channel_duration_max: 1_000_000,
        window_margin: 20,
        ..config()
    };
    let window = config.chain.seq_window_size;
    let mut pipeline = pipeline(&source, config);
    // Blocks of the source have L1 origin 1.
    pipeline
        .advance(&source, l1(1 + window - 21))
        .expect("advances");
    assert!(pipeline.next_tx().is_none());
    pipeline
        .advance(&source, l1(1 + window - 20))
        .expect("advances");
    assert!(pipeline.next_tx().is_some());
}

#[test]
fn what_is_held_is_bounded() {
    let source = FakeSource::new();
    source.seal(400, &[700]);
    let config = BatcherConfig {
        tx_bytes_target: 2_000,
        channels_in_flight_max: 3,
        txs_in_flight_max: 2,
        blocks_per_step: 5,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    let mut steps = 0;
    while pipeline.advance(&source, l1(10)).expect("advances") == Advance::More {
        steps += 1;
        assert!(pipeline.cursor().number <= steps * 5);
    }
    assert_eq!(pipeline.closed.len(), 3);
    let read = pipeline.cursor().number;
    assert!(read < 40, "{read}");
    let sent = send_all(&mut pipeline);
    assert_eq!((sent.len(), pipeline.pending_txs()), (2, 2));
    // A confirmation makes room for one more.
    pipeline
        .confirm(sent[0].info, inclusion(11), 22)
        .expect("in time");
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(pipeline.cursor().number > read);
    assert_eq!(send_all(&mut pipeline).len(), 1);
    assert!(pipeline.closed.len() <= 3);
}

#[test]
fn an_unwound_block_is_posted_again_in_its_new_form() {
    let source = FakeSource::new();
    source.seal(6, &[5]);
    let mut pipeline = pipeline(&source, config());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    pipeline
        .confirm(sent[0].info, inclusion(11), 22)
        .expect("in time");
    source.set_safe(4);
    let posted = pipeline.cursor();

    // Shorter, of equal length, and longer: each is noticed.
    for sealed in [1, 2, 3] {
        source.unwind(4);
        source.seal(sealed, &[6, 6]);
        let outcome = pipeline.advance(&source, l1(12)).expect("advances");
        assert_eq!(outcome, Advance::Restart(RestartReason::Unwound { posted }));
    }
    pipeline.restart(source.safe_head());
    assert_eq!((pipeline.submitted_to(), pipeline.confirmed_to()), (4, 4));
    pipeline.advance(&source, l1(12)).expect("advances");
    pipeline.advance(&source, l1(13)).expect("advances");
    let again = send_all(&mut pipeline);
    let expected: Vec<_> = (5..=7).map(|number| block_batch(&source, number)).collect();
    assert_eq!(decode(again.iter().map(data)), expected);
}

#[test]
fn a_channel_that_is_late_is_posted_again() {
    let source = FakeSource::new();
    source.seal(8, &[900]);
    let config = BatcherConfig {
        tx_bytes_target: 1_500,
        channel_txs_target: 4,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    let first = usize::from(pipeline.channel(sent[0].info).expect("held").txs_total);
    assert!(first >= 3, "{first}");
    let channel = pipeline.channel(sent[0].info).expect("held").id;
    pipeline
        .confirm(sent[0].info, inclusion(20), 40)
        .expect("in time");
    // 50 blocks since Granite; the block at the limit still counts.
    assert_eq!(
        pipeline.advance(&source, l1(70)).expect("advances"),
        Advance::Idle
    );
    let reason = RestartReason::ChannelTimedOut {
        channel,
        opened: 20,
        timeout: 50,
    };
    assert_eq!(
        pipeline.advance(&source, l1(71)).expect("advances"),
        Advance::Restart(reason.clone())
    );
    // The same is seen when the last frame arrives too late.
    for tx in &sent[1..first - 1] {
        assert_eq!(pipeline.confirm(tx.info, inclusion(70), 140), Ok(vec![]));
    }
    assert_eq!(
        pipeline.confirm(sent[first - 1].info, inclusion(71), 142),
        Err(reason)
    );
    assert_eq!(pipeline.confirmed_to(), 0);

    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(72)).expect("advances");
    pipeline.advance(&source, l1(73)).expect("advances");
    let again = send_all(&mut pipeline);
    assert_ne!(pipeline.channel(again[0].info).expect("held").id, channel);
    let batches = decode(again.iter().map(data));
    assert_eq!(batches[0], block_batch(&source, 1));
}

#[test]
fn a_safe_head_that_does_not_follow_is_waited_for_then_posted_for_again() {
    let source = FakeSource::new();
    source.seal(4, &[]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            safe_lag_max: 10,
            ..config()
        },
    );
    let post = |pipeline: &mut Pipeline, at: u64| {
        pipeline.advance(&source, l1(at)).expect("advances");
        pipeline.advance(&source, l1(at + 1)).expect("advances");
        let sent = send_all(pipeline);
        assert_eq!(sent.len(), 1);
        pipeline
            .confirm(sent[0].info, inclusion(at + 1), 0)
            .expect("in time");
    };
    // Each time it gets twice as long.
    let mut at = 100;
    for patience in [10, 20, 40] {
        post(&mut pipeline, at);
        at += 1;
        source.set_safe(1);
        assert_eq!(
            pipeline
                .advance(&source, l1(at + patience))
                .expect("advances"),
            Advance::Idle
        );
        let reason = RestartReason::SafeHeadStalled {
            safe: 1,
            expected: 4,
            l1_number: at + patience + 1,
        };
        let outcome = pipeline
            .advance(&source, l1(at + patience + 1))
            .expect("advances");
        assert_eq!(outcome, Advance::Restart(reason));
        pipeline.restart(source.safe_head());
        at += patience + 2;
    }
    post(&mut pipeline, at);
    source.set_safe(4);
    assert_eq!(
        pipeline
            .advance(&source, l1(at + 10_000))
            .expect("advances"),
        Advance::Idle
    );
    assert!(pipeline.awaiting_safe.is_empty());
    assert_eq!(pipeline.stalls, 0);
}

#[test]
fn a_safe_head_ahead_is_followed() {
    let source = FakeSource::new();
    let mut pipeline = pipeline(&source, config());
    source.seal(9, &[]);
    source.set_safe(5);
    assert_eq!(
        pipeline.advance(&source, l1(10)).expect("advances"),
        Advance::Restart(RestartReason::SafeHeadAhead { safe: 5, posted: 0 })
    );
    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(
        batches,
        (6..=9)
            .map(|number| block_batch(&source, number))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_store_that_fails_stops_nothing() {
    let source = FakeSource::new();
    source.seal(3, &[]);
    let mut pipeline = pipeline(&source, config());
    source.fail_at(Some(2));
    assert!(matches!(
        pipeline.advance(&source, l1(10)),
        Err(PipelineError::Source { number: 2, .. })
    ));
    source.fail_at(None);
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(batches.len(), 3);
}

#[test]
fn deposits_are_left_out_and_a_block_without_attributes_is_refused() {
    let source = FakeSource::new();
    source.seal(1, &[30]);
    let mut block = source.block(1).expect("readable").expect("exists");
    // A user deposit behind the attributes.
    block
        .body
        .transactions
        .insert(1, block.body.transactions[0].clone());
    let batch = batch_of(&block).expect("valid");
    assert_eq!((batch.epoch_num, batch.transactions.len()), (1, 1));
    block.body.transactions.drain(..2);
    assert!(matches!(
        batch_of(&block),
        Err(BatchOfBlockError::Attributes { number: 1, .. })
    ));
    block.body.transactions.clear();
    assert_eq!(
        batch_of(&block),
        Err(BatchOfBlockError::Empty { number: 1 })
    );
}

/// What may happen to a batcher.
#[derive(Debug, Clone)]
enum Event {
    /// So many blocks are sealed, with transactions of these sizes in each.
    Seal(u8, Vec<u16>),
    /// The L1 grows.
    L1(u8),
    /// The L1 includes up to so many transactions.
    Include(u8),
    /// Derivation catches up.
    Derive,
    /// An L1 reorg drops what is pending and unwinds so many blocks that are not on L1.
    Unwind(u8),
    /// The L1 sender gives up.
    Lose,
    /// The next channel comes out wrong.
    Corrupt,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..8_u8, proptest::collection::vec(0..600_u16, 0..4)).prop_map(|(n, sizes)| Event::Seal(n, sizes)),
        3 => (1..4_u8).prop_map(Event::L1),
        1 => (20..70_u8).prop_map(Event::L1),
        4 => (1..6_u8).prop_map(Event::Include),
        3 => Just(Event::Derive),
        1 => (1..20_u8).prop_map(Event::Unwind),
        1 => Just(Event::Lose),
        1 => Just(Event::Corrupt),
    ]
}

/// A block as a batch of any kind gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    timestamp: u64,
    epoch_num: u64,
    transactions: Vec<Bytes>,
}

impl From<SingularBatch> for Content {
    fn from(batch: SingularBatch) -> Self {
        Self {
            timestamp: batch.timestamp,
            epoch_num: batch.epoch_num,
            transactions: batch.transactions,
        }
    }
}

/// All batches of a channel.
fn batches(channel: Vec<u8>) -> Vec<Batch> {
    let mut reader = ChannelReader::new(channel, 100_000_000, 161_299).expect("a stream");
    std::iter::from_fn(|| reader.next_batch().expect("well formed")).collect()
}

fn contents(batch: Batch, config: &BatcherConfig) -> Vec<Content> {
    match batch {
        Batch::Singular(batch) => vec![batch.into()],
        Batch::Span(span) => span
            .into_blocks(&config.chain)
            .map(|block| Content {
                timestamp: block.timestamp,
                epoch_num: block.epoch_num,
                transactions: block.transactions,
            })
            .collect(),
    }
}

/// An L1 with a batcher, and the chain that derivation makes of it.
struct World {
    source: FakeSource,
    pipeline: Pipeline,
    config: BatcherConfig,
    l1: u64,
    /// Sent and not included; those without info were sent before a restart.
    pending: VecDeque<(Option<ChannelTxInfo>, Vec<Bytes>)>,
    assembler: ChannelAssembler,
    derived: u64,
}

impl World {
    fn new(config: BatcherConfig) -> Self {
        let source = FakeSource::new();
        let pipeline = pipeline(&source, config.clone());
        Self {
            source,
            pipeline,
            config,
            l1: 1,
            pending: VecDeque::new(),
            assembler: ChannelAssembler::default(),
            derived: 0,
        }
    }

    fn restart(&mut self) {
        self.pipeline.restart(self.source.safe_head());
        self.pending.iter_mut().for_each(|(info, _)| *info = None);
    }

    fn step(&mut self) {
        loop {
            match self
                .pipeline
                .advance(&self.source, l1(self.l1))
                .expect("no failure")
            {
                Advance::Idle => break,
                Advance::More => {}
                Advance::Restart(_) => self.restart(),
            }
        }
        for tx in send_all(&mut self.pipeline) {
            let most = self.config.payload_bytes_max(tx.carrier);
            assert!(tx.payloads.iter().all(|payload| payload.len() <= most));
            self.pending.push_back((Some(tx.info), tx.payloads));
        }
        assert!(self.pipeline.pending_txs() <= self.config.txs_in_flight_max);
        assert!(self.pipeline.closed.len() <= self.config.channels_in_flight_max + 1);
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Seal(blocks, sizes) => {
                let sizes: Vec<_> = sizes.into_iter().map(usize::from).collect();
                self.source.seal(u64::from(blocks), &sizes);
            }
            Event::L1(blocks) => self.l1 += u64::from(blocks),
            Event::Include(count) => (0..count).for_each(|_| self.include()),
            Event::Derive => self.source.set_safe(self.derived),
            Event::Unwind(blocks) => {
                self.pending.clear();
                let head = self.source.unsafe_head().number;
                self.source
                    .unwind(head.saturating_sub(u64::from(blocks)).max(self.derived));
                self.restart();
            }
            Event::Lose => self.restart(),
            Event::Corrupt => self.pipeline.corrupt_next = true,
        }
        self.step();
    }

    fn include(&mut self) {
        let Some((info, payloads)) = self.pending.pop_front() else {
            return;
        };
        let timeout = self.config.chain.channel_timeout(l1(self.l1).timestamp);
        self.assembler.expire(self.l1, timeout);
        for frame in payloads
            .iter()
            .flat_map(|payload| decode_frames(payload).expect("frames"))
        {
            if let FrameOutcome::Complete(channel) = self.assembler.add(frame, self.l1, usize::MAX)
            {
                for batch in batches(channel) {
                    self.derive(batch);
                }
            }
        }
        if let Some(info) = info
            && self
                .pipeline
                .confirm(info, inclusion(self.l1), l1(self.l1).timestamp)
                .is_err()
        {
            self.restart();
        }
        assert!(self.pipeline.confirmed_to() <= self.derived);
    }

    /// Takes the blocks of a batch that extends the derived chain; others are old or do not fit.
    fn derive(&mut self, batch: Batch) {
        let head = self.source.unsafe_head().number;
        let first = match &batch {
            Batch::Singular(batch) => batch.timestamp,
            Batch::Span(span) => span.start_timestamp(&self.config.chain),
        } - 1_000;
        if first > head || first > self.derived + 1 {
            return;
        }
        let parent = block_batch(&self.source, first).parent_hash;
        let fits = match &batch {
            Batch::Singular(batch) => batch.parent_hash == parent,
            Batch::Span(span) => span.checks_parent(parent),
        };
        if !fits {
            return;
        }
        for content in contents(batch, &self.config) {
            let number = content.timestamp - 1_000;
            if number <= self.derived {
                continue;
            }
            if number > head || content != block_batch(&self.source, number).into() {
                return;
            }
            self.derived = number;
        }
    }
}

fn form() -> impl Strategy<Value = BatcherConfig> {
    let kind = prop_oneof![Just(BatchKind::Span), Just(BatchKind::Singular)];
    let compression = prop_oneof![
        Just(Compression::Zlib(6)),
        Just(Compression::Brotli(5)),
        Just(Compression::Brotli(1))
    ];
    let carrier = prop_oneof![
        2 => Just(DataAvailability::Calldata),
        1 => Just(DataAvailability::Blobs),
        1 => Just(DataAvailability::Auto)
    ];
    (kind, compression, carrier, 1..4_usize).prop_map(
        |(batch_kind, compression, data_availability, blobs_per_tx)| BatcherConfig {
            batch_kind,
            compression,
            data_availability,
            blobs_per_tx,
            ..config()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever the form and the cuts: what is posted decodes to the blocks, in order, from the
    /// first on.
    #[test]
    fn what_is_posted_decodes_to_the_blocks(
        form in form(),
        seals in proptest::collection::vec((1..6_u64, proptest::collection::vec(0..3_000_usize, 0..4)), 1..12),
        tx_bytes_target in 200..6_000_usize,
        channel_txs_target in 1..4_usize,
        channel_duration_max in 0..3_u64,
        blocks_per_step in 1..20_usize,
    ) {
        let config = BatcherConfig {
            tx_bytes_target, channel_txs_target, channel_duration_max, blocks_per_step, ..form
        };
        let source = FakeSource::new();
        let mut pipeline = pipeline(&source, config.clone());
        let mut posted = Vec::new();
        let mut number = 10;
        let mut assembler = ChannelAssembler::default();
        for (blocks, sizes) in seals {
            source.seal(blocks, &sizes);
            // Until nothing is left to send, with time to close the last channel.
            for _ in 0..5 {
                loop {
                    let more = pipeline.advance(&source, l1(number)).expect("advances") == Advance::More;
                    let sent = send_all(&mut pipeline);
                    if !more && sent.is_empty() {
                        break;
                    }
                    for tx in sent {
                        prop_assert!(tx.payloads.len() <= config.blobs_per_tx);
                        pipeline.confirm(tx.info, inclusion(number), number * 2).expect("in time");
                        for payload in tx.payloads {
                            prop_assert!(payload.len() <= config.payload_bytes_max(tx.carrier));
                            for frame in decode_frames(&payload).expect("frames") {
                                if let FrameOutcome::Complete(channel) = assembler.add(frame, 1, usize::MAX) {
                                    posted.extend(batches(channel).into_iter().flat_map(|batch| contents(batch, &config)));
                                }
                            }
                        }
                    }
                }
                number += 1;
            }
        }
        let head = source.unsafe_head().number;
        prop_assert_eq!(pipeline.confirmed_to(), head);
        prop_assert_eq!(pipeline.backlog_bytes(head), 0);
        let expected: Vec<Content> = (1..=head).map(|number| block_batch(&source, number).into()).collect();
        prop_assert_eq!(posted, expected);
    }

    /// Whatever happens on the way: in the end derivation has every block.
    #[test]
    fn every_block_arrives_in_the_end(
        form in form(),
        events in proptest::collection::vec(event(), 1..60),
        tx_bytes_target in 300..2_000_usize,
        channel_txs_target in 1..4_usize,
        channel_duration_max in 0..3_u64,
        txs_in_flight_max in 1..5_usize,
        channels_in_flight_max in 1..4_usize,
    ) {
        let config = BatcherConfig {
            tx_bytes_target,
            channel_txs_target,
            channel_duration_max,
            txs_in_flight_max,
            channels_in_flight_max,
            blocks_per_step: 3,
            safe_lag_max: 8,
            ..form
        };
        let mut world = World::new(config);
        for event in events {
            world.apply(event);
        }
        for _ in 0..2_000 {
            if world.derived == world.source.unsafe_head().number {
                break;
            }
            world.apply(Event::L1(1));
            world.apply(Event::Include(2));
            world.apply(Event::Derive);
        }
        prop_assert_eq!(world.derived, world.source.unsafe_head().number);
    }
}

#[test]
fn blobs_share_a_transaction() {
    let source = FakeSource::new();
    // Incompressible: about 500 kB, four blobs.
    source.seal(25, &[20_000]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        data_availability: DataAvailability::Auto,
        blobs_per_tx: 3,
        channel_txs_target: 2,
        ..config()
    };
    let mut pipeline = pipeline(&source, config.clone());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    let shape: Vec<_> = sent
        .iter()
        .map(|tx| (tx.carrier, tx.payloads.len()))
        .collect();
    assert_eq!(shape, [(Carrier::Blobs, 3), (Carrier::Blobs, 1)]);
    assert!(
        sent[0]
            .payloads
            .iter()
            .all(|payload| payload.len() == 130_044)
    );
    let tags: Vec<_> = sent
        .iter()
        .map(|tx| (tx.tag.from, tx.tag.to.number, tx.tag.index, tx.tag.total))
        .collect();
    assert_eq!(tags, [(1, 25, 0, 2), (1, 25, 1, 2)]);
    assert_eq!(pipeline.carrier(), Some(Carrier::Blobs));
    assert!(pipeline.backlog_bytes(25) > 500_000);
    assert_eq!(pipeline.window_left(l1(11)), Some(1 + 3_600 - 11));
    assert_eq!(pipeline.waited(l1(15)), 8);
}

#[test]
fn a_channel_of_spans_is_filled_and_not_overfilled() {
    let source = FakeSource::new();
    source.seal(200, &[3_000; 4]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        blocks_per_step: 1_000,
        channels_in_flight_max: 100,
        txs_in_flight_max: 1_000,
        ..config()
    };
    let target = config.channel_bytes_target(Carrier::Calldata);
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    let sizes: Vec<_> = pipeline
        .closed
        .iter()
        .map(|channel| channel.compressed_bytes)
        .collect();
    assert!(sizes.len() > 10, "{sizes:?}");
    for size in sizes {
        // A block is a tenth of the target.
        assert!(
            size <= target + target / 50 && size >= target * 85 / 100,
            "{size} of {target}"
        );
    }
    assert!(pipeline.closed.iter().all(|channel| channel.txs_total <= 2));
}

#[test]
fn what_would_come_out_wrong_is_not_posted() {
    let source = FakeSource::new();
    source.seal(6, &[50]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        channel_duration_max: 0,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.corrupt_next = true;
    let outcome = pipeline.advance(&source, l1(10)).expect("advances");
    assert_eq!(
        outcome,
        Advance::Restart(RestartReason::NotRederived {
            from: 1,
            to: 6,
            difference: RederiveError::Block { index: 5 }
        })
    );
    assert!(pipeline.next_tx().is_none());
    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(10)).expect("advances");
    // In the plainest form, once.
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(batches.len(), 6);
    source.seal(1, &[]);
    pipeline.advance(&source, l1(11)).expect("advances");
    let again = send_all(&mut pipeline);
    let [frame] = &decode_frames(&data(&again[0])).expect("frames")[..] else {
        panic!("one frame")
    };
    assert_eq!(frame.data[0], 1, "brotli again");
}

#[test]
fn what_an_earlier_run_sent_is_not_posted_again() {
    let source = FakeSource::new();
    source.seal(30, &[700]);
    let config = BatcherConfig {
        tx_bytes_target: 1_500,
        channel_txs_target: 2,
        channel_duration_max: 0,
        txs_in_flight_max: 5,
        ..config()
    };
    let mut before = pipeline(&source, config.clone());
    before.advance(&source, l1(10)).expect("advances");
    let sent = send_all(&mut before);
    let total = usize::from(sent[0].tag.total);
    assert!(total >= 2 && sent.len() == 5, "{total}");
    let tags = |txs: &[ChannelTx]| -> Vec<_> {
        txs.iter()
            .map(|tx| ChannelTag::decode(&tx.tag.encode()))
            .collect()
    };

    // All that was sent; the last channel only in part.
    let whole = sent.len() / total;
    let mut after = pipeline(&source, config.clone());
    let infos = after.resume(&tags(&sent), &source, 20).expect("read");
    assert_eq!(infos.iter().flatten().count(), whole * total);
    let last = sent[whole * total - 1].tag.to;
    assert_eq!((after.cursor(), after.submitted_to()), (last, last.number));
    assert_eq!(after.pending_txs(), whole * total);
    for info in infos.into_iter().flatten() {
        after.confirm(info, inclusion(12), 24).expect("in time");
    }
    assert_eq!(after.confirmed_to(), last.number);
    after.advance(&source, l1(12)).expect("advances");
    let next = send_all(&mut after);
    assert_eq!(next[0].tag.from, last.number + 1);

    // Nothing of it is of use if a part of the first channel is gone, or the chain is another.
    let mut partial = pipeline(&source, config.clone());
    let infos = partial
        .resume(&tags(&sent[1..]), &source, 20)
        .expect("read");
    let infos: Vec<_> = infos.into_iter().flatten().collect();
    assert!(infos.is_empty(), "{infos:?}");
    source.unwind(0);
    source.seal(30, &[700]);
    let mut other = pipeline(&source, config);
    let infos = other.resume(&tags(&sent), &source, 20).expect("read");
    assert_eq!(infos, vec![None; 5]);
    assert_eq!(other.cursor().number, 0);
    assert_eq!(
        other.resume(&[None, None], &source, 20).expect("read"),
        [None, None]
    );
}
