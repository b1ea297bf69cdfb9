//! Span batches.

use crate::sim::{
    Driver, SequencedBlock, config, execute, from_batcher, genesis, l1_chain, sequence,
    span_channel, transaction,
};
use openledger_derive::{BatchDrop, L1Input};
use openledger_primitives::ChainConfig;
use openledger_protocol::{SingularBatch, SpanBatch};

fn chain(config: &ChainConfig, l1: &[L1Input], count: u64) -> Vec<SequencedBlock> {
    let mut parent = genesis(config);
    (0..count)
        .map(|seed| {
            let timestamp = parent.timestamp + config.block_time;
            let at = (parent.l1_origin.number - l1[0].block.number) as usize;
            let origin = if timestamp >= l1[at + 1].block.timestamp {
                &l1[at + 1]
            } else {
                &l1[at]
            };
            let block = sequence(config, &parent, origin, vec![transaction(seed)]);
            parent = block.reference;
            block
        })
        .collect()
}

fn span(config: &ChainConfig, blocks: &[SequencedBlock]) -> SpanBatch {
    let batches: Vec<SingularBatch> = blocks.iter().map(|block| block.batch.clone()).collect();
    SpanBatch::from_blocks(&batches, blocks[0].reference.sequence_number == 0, config)
        .expect("consecutive")
}

fn post(input: &mut L1Input, id: u8, span: &SpanBatch) {
    input.inbox.extend(
        span_channel(id, span, 100_000)
            .into_iter()
            .map(from_batcher),
    );
}

#[test]
fn overlapping_spans_bring_what_is_new() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 20]);
    let made = chain(&config, &l1, 30);
    post(&mut l1[6], 1, &span(&config, &made[..20]));
    // All known: past. Half known: the rest of it. From genesis' child on: everything overlaps.
    post(&mut l1[7], 2, &span(&config, &made[5..15]));
    post(&mut l1[8], 3, &span(&config, &made[10..25]));
    post(&mut l1[9], 4, &span(&config, &made));
    let mut driver = Driver::new(&config, &l1);
    driver.run().expect("derives");
    assert_eq!(driver.derived.len(), 30);
    assert_eq!(driver.head, made[29].reference);
    // The blocks were seen by this pipeline: it had to ask for none.
    assert_eq!(driver.l2_asked_for, 0);

    // After a restart it asks for the one that the span builds on.
    let known = driver.blocks[..=20].to_vec();
    let mut driver = Driver::at(&config, &l1, known, l1[7].block.number);
    driver.run().expect("derives");
    assert_eq!(driver.head, made[29].reference);
    assert_eq!(driver.l2_asked_for, 2);
}

#[test]
fn an_invalid_block_ends_the_span_and_keeps_what_was_before() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 20]);
    let made = chain(&config, &l1, 12);
    post(&mut l1[6], 1, &span(&config, &made));
    let mut driver = Driver::new(&config, &l1);
    for _ in 0..5 {
        driver.next().expect("derives");
    }
    driver.peek().expect("derives").expect("the sixth");
    driver.pipeline.invalid_payload();
    let replaced = driver.next().expect("derives").expect("its deposits");
    assert_eq!(replaced.transactions.len(), 1);
    assert_eq!(driver.head, execute(&made[4].reference, &replaced));
    // What is left of the span is gone, though its timestamps would fit.
    assert_eq!(driver.peek(), Ok(None));
}

#[test]
fn what_a_span_says_of_itself_is_checked() {
    let config = config(2, 10);
    let l1 = l1_chain([12; 40]);
    let made = chain(&config, &l1, 12);
    let batches = |range: std::ops::Range<usize>| -> Vec<SingularBatch> {
        made[range]
            .iter()
            .map(|block| block.batch.clone())
            .collect()
    };
    let from = |batches: &[SingularBatch]| {
        SpanBatch::from_blocks(batches, false, &config).expect("consecutive")
    };
    let mut other_parent = batches(0..12);
    other_parent[0].parent_hash.0[0] ^= 1;
    let mut other_origin = batches(0..12);
    other_origin[11].epoch_hash.0[0] ^= 1;
    let cases: [(SpanBatch, usize, fn(&BatchDrop) -> bool); 4] = [
        (from(&other_parent), 4, |drop| {
            matches!(drop, BatchDrop::ParentCheck { .. })
        }),
        (from(&other_origin), 4, |drop| {
            matches!(drop, BatchDrop::OriginCheck { .. })
        }),
        (from(&batches(1..12)), 4, |drop| {
            matches!(drop, BatchDrop::Future { .. })
        }),
        (from(&batches(0..12)), 11, |drop| {
            matches!(drop, BatchDrop::TooLate { .. })
        }),
    ];
    for (index, (span, at, expected)) in cases.into_iter().enumerate() {
        let mut l1 = l1.clone();
        l1.truncate(at + 1);
        post(&mut l1[at], 1, &span);
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        let drop = driver.pipeline.take_drop();
        assert!(
            drop.as_ref().is_some_and(expected),
            "case {index}: {drop:?}"
        );
        assert!(
            driver
                .derived
                .iter()
                .all(|block| block.transactions.len() == 1),
            "case {index}"
        );
    }
}
