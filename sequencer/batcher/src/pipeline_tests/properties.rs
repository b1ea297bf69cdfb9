//! Whatever happens, what is posted decodes to the blocks, and every block arrives in the end.

use super::*;
use proptest::prelude::*;

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
    /// Sent and not included; those without info are forgotten.
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
                Advance::Unwound { .. } => {
                    let is_held = |info: &ChannelTxInfo| self.pipeline.channel(*info).is_some();
                    for (info, _) in &mut self.pending {
                        *info = info.filter(is_held);
                    }
                }
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
                let head = self.source.unsafe_head().number;
                self.source
                    .unwind(head.saturating_sub(u64::from(blocks)).max(self.derived));
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
