//! Across the block that activates Jovian.

use crate::sim::{
    Driver, GENESIS_TIME, L1_GENESIS, SequencedBlock, channel, config, from_batcher, genesis,
    l1_chain, sequence, span_channel, transaction, upgrade,
};
use alloy_primitives::Bytes;
use openledger_derive::{BatchDrop, L1Input};
use openledger_primitives::{BlockAttributes, ChainConfig, Transaction};
use openledger_protocol::{
    ConfigUpdate, L1Attributes, SingularBatch, SpanBatch, jovian_upgrade_deposits,
};

fn jovian(mut config: ChainConfig, after: u64) -> ChainConfig {
    config.forks.jovian_time = Some(GENESIS_TIME + after);
    config
}

/// Blocks on genesis with one L1 origin, the transactions of each as said.
fn blocks(
    config: &ChainConfig,
    origin: &L1Input,
    transactions: impl IntoIterator<Item = Vec<Bytes>>,
) -> Vec<SequencedBlock> {
    let mut parent = genesis(config);
    transactions
        .into_iter()
        .map(|transactions| {
            let block = sequence(config, &parent, origin, transactions);
            parent = block.reference;
            block
        })
        .collect()
}

fn batches(blocks: &[SequencedBlock]) -> Vec<SingularBatch> {
    blocks.iter().map(|block| block.batch.clone()).collect()
}

fn post(input: &mut L1Input, data: Vec<Bytes>) {
    input.inbox.extend(data.into_iter().map(from_batcher));
}

fn info(attributes: &BlockAttributes) -> L1Attributes {
    L1Attributes::from_deposit(&attributes.transactions[0]).expect("L1 attributes first")
}

fn upgrades(attributes: &BlockAttributes) -> usize {
    let deposits = jovian_upgrade_deposits(&upgrade()).into_iter();
    let known: Vec<Transaction> = deposits.map(Transaction::from).collect();
    let transactions = attributes.transactions.iter();
    transactions.filter(|tx| known.contains(tx)).count()
}

#[test]
fn what_was_batched_across_the_activation_is_derived() {
    // Blocks every 2 s from 2 s on: the third, at 6 s, is the first past 5 s.
    let config = jovian(config(2, 100), 5);
    for spans in [false, true] {
        let mut l1 = l1_chain([12; 8]);
        let one = |seed| vec![transaction(seed)];
        let made = blocks(
            &config,
            &l1[0],
            [one(1), one(2), Vec::new(), one(3), one(4)],
        );
        let data = if spans {
            let span = SpanBatch::from_blocks(&batches(&made), false, &config).expect("a span");
            span_channel(1, &span, 1_000)
        } else {
            channel(1, &batches(&made), 1_000)
        };
        post(&mut l1[1], data);
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        assert_eq!(driver.pipeline.take_drop(), None);
        assert_eq!(driver.derived.len(), made.len());
        for (derived, made) in driver.derived.iter().zip(&made) {
            assert_eq!(derived, &made.attributes);
        }
        let found: Vec<_> = driver
            .derived
            .iter()
            .map(|block| {
                (
                    block.min_base_fee,
                    info(block).da_footprint_gas_scalar,
                    upgrades(block),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (None, None, 0),
                (None, None, 0),
                (Some(0), None, 5),
                (Some(0), Some(400), 0),
                (Some(0), Some(400), 0),
            ]
        );
    }
}

#[test]
fn a_batch_with_transactions_for_the_activation_is_dropped() {
    let config = jovian(config(2, 3), 6);
    for spans in [false, true] {
        let mut l1 = l1_chain([12; 8]);
        let one = |seed| vec![transaction(seed)];
        // The third block activates Jovian, and may have no transactions.
        let made = blocks(&config, &l1[0], [one(1), one(2), one(3), one(4)]);
        let data = if spans {
            let span = SpanBatch::from_blocks(&batches(&made), false, &config).expect("a span");
            span_channel(1, &span, 1_000)
        } else {
            channel(1, &batches(&made), 1_000)
        };
        post(&mut l1[1], data);
        let mut driver = Driver::new(&config, &l1);
        for block in &made[..2] {
            let derived = driver.next().expect("derives").expect("a block");
            assert_eq!(derived, block.attributes);
        }
        // What follows in the channel goes with it, and the window ends without another.
        let third = driver.next().expect("derives").expect("a block");
        let timestamp = GENESIS_TIME + 6;
        assert_eq!(
            driver.pipeline.take_drop(),
            Some(BatchDrop::Activation { timestamp })
        );
        assert_eq!(third.timestamp, timestamp);
        assert_eq!((third.transactions.len(), upgrades(&third)), (6, 5));
        let fourth = driver.next().expect("derives").expect("a block");
        assert_eq!(fourth.transactions.len(), 1);
    }
}

/// What a block says of minimum base fee and DA footprint scalar.
fn fees(attributes: &BlockAttributes) -> (Option<u64>, Option<u16>) {
    let scalar = info(attributes).da_footprint_gas_scalar;
    (attributes.min_base_fee, scalar)
}

/// A configuration is carried from block to block, and a block before Jovian has no room for what Jovian
/// adds; nor has its first for the scalar.
#[test]
fn what_is_set_before_the_activation_is_forgotten() {
    let set = |fee, scalar| {
        vec![
            ConfigUpdate::MinBaseFee(fee),
            ConfigUpdate::DaFootprintGasScalar(scalar),
        ]
    };
    for in_the_first in [false, true] {
        let mut l1 = l1_chain([6; 9]);
        l1[1].config_updates = set(5, 50);
        if in_the_first {
            l1[2].config_updates = set(7, 70);
        }
        l1[3].config_updates = set(9, 90);
        // Zero stands for the default again.
        l1[4].config_updates = vec![ConfigUpdate::DaFootprintGasScalar(0)];
        // The first block of epoch 2, at 12 s, activates Jovian.
        let config = jovian(config(2, 3), 12);
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        let kept = Some(if in_the_first { 7 } else { 0 });
        for (block, attributes) in driver.blocks[1..].iter().zip(&driver.derived) {
            let epoch = block.l1_origin.number - L1_GENESIS;
            let expected = match (epoch, block.sequence_number) {
                (0 | 1, _) => (None, None),
                (2, 0) => (kept, None),
                (2, _) => (kept, Some(400)),
                (3, _) => (Some(9), Some(90)),
                _ => (Some(9), Some(400)),
            };
            assert_eq!(fees(attributes), expected, "{block:?}");
            let activates = (epoch, block.sequence_number) == (2, 0);
            assert_eq!(upgrades(attributes), if activates { 5 } else { 0 });
        }
        assert!(driver.head.l1_origin.number > L1_GENESIS + 4);
    }
}

/// A pipeline that begins anew at any block goes on as the one that derived it, whatever L1 said that the
/// chain forgot.
#[test]
fn a_pipeline_that_begins_anew_remembers_no_more() {
    let mut l1 = l1_chain([6; 12]);
    l1[1].config_updates = vec![
        ConfigUpdate::MinBaseFee(5),
        ConfigUpdate::DaFootprintGasScalar(50),
    ];
    let config = jovian(config(2, 3), 8);
    let mut whole = Driver::new(&config, &l1);
    whole.run().expect("derives");
    for count in 1..whole.derived.len() {
        let known = whole.blocks[..=count].to_vec();
        // It was complete when its window ended.
        let derived_to = known[count].l1_origin.number + config.seq_window_size;
        let said = &whole.derived[count - 1];
        let mut resumed = Driver::resumed(&config, &l1, known, derived_to, said);
        resumed.run().expect("derives");
        assert_eq!(
            resumed.derived,
            whole.derived[count..],
            "from block {count}"
        );
    }
}
