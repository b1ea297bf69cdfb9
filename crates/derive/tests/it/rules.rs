//! The rules one by one.

use crate::sim::{
    BATCHER, Driver, L1_GENESIS, STRANGER, SequencedBlock, channel, config, execute, from_batcher,
    genesis, l1_chain, l1_hash, sequence, sequence_with, system_config, transaction,
};
use alloy_primitives::{B64, Bytes};
use openledger_derive::{BatchDrop, DeriveError, InboxTransaction, L1Input, Severity, Step};
use openledger_primitives::{ChainConfig, Transaction};
use openledger_protocol::{ConfigUpdate, L1Attributes, L2BlockRef, OriginViolation, SingularBatch};

/// `count` blocks on `parent`, all with the origin `origin` and one transaction each.
fn blocks(
    config: &ChainConfig,
    parent: L2BlockRef,
    origin: &L1Input,
    count: u64,
) -> Vec<SequencedBlock> {
    let mut parent = parent;
    (0..count)
        .map(|seed| {
            let block = sequence(config, &parent, origin, vec![transaction(seed)]);
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

fn origins(driver: &Driver<'_>) -> Vec<(u64, u64)> {
    driver
        .blocks
        .iter()
        .map(|block| (block.l1_origin.number, block.sequence_number))
        .collect()
}

#[test]
fn without_batches_the_window_expires_into_empty_blocks() {
    let config = config(2, 3);
    // L1 blocks 100, 101, … at 0, 5, 10, 10+9, … seconds.
    let l1 = l1_chain([5, 5, 9, 1, 1, 20, 5]);
    let mut driver = Driver::new(&config, &l1);
    // Block 103 ends epoch 100's window: blocks at 2 and 4 s, then those of epoch 101 wait for 104.
    driver.run().expect("derives");
    assert_eq!(
        origins(&driver),
        [
            (100, 0),
            (100, 1), // 2 s
            (100, 2), // 4 s: the next is not before 101's 5 s
            (101, 0), // 6 s
            (101, 1), // 8 s
            (102, 0), // 10 s
            (102, 1), // 12 s
            (102, 2),
            (102, 3),
            (102, 4), // 18 s
            (103, 0), // 20 s: 19 s passed, and so has 104's 20 s
            (104, 0), // 22 s: past 105's 21 s, but an epoch has one block at least
        ]
    );
    // L1 ends with block 107, which ends the window of epoch 104.
    assert!(
        driver
            .derived
            .iter()
            .all(|attributes| attributes.transactions.len() == 1)
    );
}

#[test]
fn a_batch_in_the_last_block_of_its_window_counts_and_one_later_does_not() {
    let config = config(2, 3);
    for (at, counts) in [(3, true), (4, false)] {
        let mut l1 = l1_chain([12; 8]);
        let made = blocks(&config, genesis(&config), &l1[0], 2);
        post(&mut l1[at], channel(1, &batches(&made), 1_000));
        let mut driver = Driver::new(&config, &l1);
        let first = driver.next().expect("derives").expect("a block");
        assert_eq!(first == made[0].attributes, counts, "in block {at} of 3");
        driver.run().expect("derives");
        assert_eq!(driver.derived[1] == made[1].attributes, counts);
    }
}

#[test]
fn drift_admits_only_empty_blocks_and_only_before_the_next_origin() {
    // Blocks every 100 s; the second L1 block comes after 4,000 s, far beyond the drift limit.
    let config = config(100, 50);
    let mut l1 = l1_chain([4_000, 12, 12, 12]);
    let mut parent = genesis(&config);
    let mut made = Vec::new();
    for index in 0..41 {
        let timestamp = parent.timestamp + config.block_time;
        // Transactions up to the limit of 1,800 s, none beyond it; then the next origin.
        let beyond = timestamp > l1[0].block.timestamp + 1_800;
        let (origin, transactions) = match timestamp >= l1[1].block.timestamp {
            true => (&l1[1], vec![transaction(index)]),
            false if beyond => (&l1[0], vec![]),
            false => (&l1[0], vec![transaction(index)]),
        };
        let block = sequence(&config, &parent, origin, transactions);
        parent = block.reference;
        made.push(block);
    }
    let posted = channel(1, &batches(&made), 100_000);
    post(&mut l1[2], posted);
    let mut driver = Driver::new(&config, &l1);
    driver.run().expect("derives");
    assert_eq!(driver.derived.len(), made.len());
    assert_eq!(driver.head, parent);

    // A transaction beyond the limit costs the batch and the rest of its channel.
    let mut greedy = l1_chain([4_000, 12, 12, 12]);
    let mut late = batches(&made[..30]);
    late[25].transactions = vec![transaction(1)];
    post(&mut greedy[2], channel(1, &late, 100_000));
    let mut driver = Driver::new(&config, &greedy);
    driver.run().expect("derives");
    assert_eq!(driver.derived.len(), 25);
    assert!(matches!(
        driver.pipeline.take_drop(),
        Some(BatchDrop::Drift { .. })
    ));

    // Staying on the old origin when the next one could be had is no better.
    let mut stale = l1_chain([4_000, 12, 12, 12]);
    let mut late = batches(&made[..40]);
    late[39].epoch_num = stale[0].block.number;
    late[39].epoch_hash = stale[0].block.hash;
    late[39].transactions.clear();
    post(&mut stale[2], channel(1, &late, 100_000));
    let mut driver = Driver::new(&config, &stale);
    driver.run().expect("derives");
    assert_eq!(driver.derived.len(), 39);
    assert!(matches!(
        driver.pipeline.take_drop(),
        Some(BatchDrop::Origin(OriginViolation::MustAdvance { .. }))
    ));
}

#[test]
fn every_defect_of_a_batch_drops_the_rest_of_its_channel_only() {
    let config = config(2, 100);
    let l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 5);
    type Spoil = fn(&mut SingularBatch);
    let defects: [(Spoil, fn(&BatchDrop) -> bool); 8] = [
        (
            |batch| batch.timestamp += 2,
            |drop| matches!(drop, BatchDrop::Future { .. }),
        ),
        (
            |batch| batch.parent_hash.0[0] ^= 1,
            |drop| matches!(drop, BatchDrop::Parent { .. }),
        ),
        (
            |batch| batch.epoch_num += 2,
            |drop| matches!(drop, BatchDrop::Epoch { .. }),
        ),
        (
            |batch| batch.epoch_num -= 1,
            |drop| matches!(drop, BatchDrop::Epoch { .. }),
        ),
        (
            |batch| batch.epoch_hash.0[0] ^= 1,
            |drop| matches!(drop, BatchDrop::EpochHash { .. }),
        ),
        (
            |batch| {
                batch.epoch_num += 1;
                batch.epoch_hash = l1_hash(101, 0);
            },
            |drop| {
                matches!(
                    drop,
                    BatchDrop::Origin(OriginViolation::OlderThanOrigin { .. })
                )
            },
        ),
        (
            |batch| batch.transactions.push(Bytes::new()),
            |drop| matches!(drop, BatchDrop::EmptyTransaction { index: 1 }),
        ),
        (
            |batch| batch.transactions.push(Bytes::from_static(&[0x7e, 0xc0])),
            |drop| {
                matches!(
                    drop,
                    BatchDrop::TransactionType {
                        index: 1,
                        tx_type: 0x7e
                    }
                )
            },
        ),
    ];
    for (index, (spoil, expected)) in defects.into_iter().enumerate() {
        let mut l1 = l1.clone();
        let mut bad = batches(&made);
        spoil(&mut bad[2]);
        post(&mut l1[1], channel(1, &bad, 10_000));
        // The next channel brings what the first one should have.
        post(&mut l1[2], channel(2, &batches(&made[2..]), 10_000));
        let mut driver = Driver::new(&config, &l1);
        for block in &made[..2] {
            assert_eq!(
                driver.next().expect("derives").as_ref(),
                Some(&block.attributes)
            );
        }
        assert_eq!(
            driver.next().expect("derives").as_ref(),
            Some(&made[2].attributes),
            "defect {index}"
        );
        let drop = driver.pipeline.take_drop().expect("a batch was dropped");
        assert!(expected(&drop), "defect {index}: {drop:?}");
        driver.run().expect("derives");
        assert_eq!(driver.derived.len(), 5);
    }
}

#[test]
fn a_refused_block_is_replaced_by_its_deposits() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 4);
    post(&mut l1[1], channel(1, &batches(&made), 10_000));
    // What would follow on the replacement, in another channel.
    let mut replaced = made[1].attributes.clone();
    replaced.transactions.truncate(1);
    let after = blocks(&config, execute(&made[0].reference, &replaced), &l1[0], 2);
    post(&mut l1[2], channel(2, &batches(&after), 10_000));

    let mut driver = Driver::new(&config, &l1);
    driver.next().expect("derives");
    assert_eq!(
        driver.peek().expect("derives").as_ref(),
        Some(&made[1].attributes)
    );
    // Asking again gives the same.
    assert_eq!(
        driver.peek().expect("derives").as_ref(),
        Some(&made[1].attributes)
    );
    driver.pipeline.invalid_payload();
    assert_eq!(driver.next().expect("derives"), Some(replaced));
    for block in &after {
        assert_eq!(
            driver.next().expect("derives").as_ref(),
            Some(&block.attributes)
        );
    }
    assert_eq!(driver.peek(), Ok(None));
}

#[test]
fn a_block_that_is_invalid_with_deposits_alone_is_fatal() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 1);
    post(&mut l1[1], channel(1, &batches(&made), 10_000));
    let mut driver = Driver::new(&config, &l1);
    // Nothing was given out yet: nothing can be invalid.
    driver.pipeline.invalid_payload();
    driver.peek().expect("derives");
    driver.pipeline.invalid_payload();
    driver.peek().expect("the deposits");
    driver.pipeline.invalid_payload();
    let error = driver.peek().expect_err("fatal");
    assert_eq!(
        error,
        DeriveError::DepositsInvalid {
            parent: genesis(&config).id()
        }
    );
    assert_eq!(error.severity(), Severity::Fatal);
}

#[test]
fn transactions_that_do_not_decode_leave_the_deposits() {
    let config = config(2, 100);
    for bad in [
        &[0x03, 0xc0][..],
        &[0x02, 0xc0],
        &[0x7d, 0xc0],
        &[0xc0],
        &[0xff],
        &[0x60],
    ] {
        let mut l1 = l1_chain([12; 8]);
        let made = blocks(&config, genesis(&config), &l1[0], 3);
        let mut posted = batches(&made);
        posted[1].transactions.push(Bytes::copy_from_slice(bad));
        post(&mut l1[1], channel(1, &posted, 10_000));
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        let mut expected = made[1].attributes.clone();
        expected.transactions.truncate(1);
        assert_eq!(
            driver.derived,
            [made[0].attributes.clone(), expected],
            "{bad:?}"
        );
    }
}

#[test]
fn a_channel_that_takes_too_long_is_lost() {
    let config = config(2, 1_000);
    for (last, lost) in [(51, false), (52, true)] {
        let mut l1 = l1_chain([12; 60]);
        let made = blocks(&config, genesis(&config), &l1[0], 3);
        let frames = channel(1, &batches(&made), 200);
        assert!(frames.len() >= 2);
        let (end, begin) = frames.split_last().expect("frames");
        post(&mut l1[1], begin.to_vec());
        post(&mut l1[last], vec![end.clone()]);
        let mut driver = Driver::new(&config, &l1);
        driver.run().expect("derives");
        assert_eq!(driver.derived.is_empty(), lost, "ended in block {last}");
    }
}

#[test]
fn the_batcher_is_the_one_of_the_block_itself() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let new_config = openledger_primitives::SystemConfig {
        batcher_address: STRANGER,
        ..system_config()
    };
    let first = blocks(&config, genesis(&config), &l1[0], 2);
    let data = channel(1, &batches(&first), 10_000);
    // The block that names a new batcher already takes from that one, and no more from the old one.
    l1[1].config_updates.push(ConfigUpdate::Batcher(STRANGER));
    l1[1].inbox.push(InboxTransaction {
        sender: STRANGER,
        data,
    });
    let second = blocks(&config, first[1].reference, &l1[0], 1);
    post(&mut l1[2], channel(2, &batches(&second), 10_000));
    // The L2 blocks of that origin say so.
    let mut parent = first[1].reference;
    let mut third = Vec::new();
    for _ in 0..4 {
        let timestamp = parent.timestamp + config.block_time;
        let advance = timestamp >= l1[1].block.timestamp;
        let (origin, system_config) = if advance {
            (&l1[1], &new_config)
        } else {
            (&l1[0], &system_config())
        };
        let block = sequence_with(
            &config,
            system_config,
            &parent,
            origin,
            vec![transaction(9)],
        );
        parent = block.reference;
        third.push(block);
    }
    let data = channel(3, &batches(&third), 10_000);
    l1[3].inbox.push(InboxTransaction {
        sender: STRANGER,
        data,
    });
    let mut driver = Driver::new(&config, &l1);
    driver.run().expect("derives");
    assert_eq!(driver.head, parent);
    let batcher = |attributes: &Transaction| {
        L1Attributes::from_deposit(attributes).map(|info| info.batcher_address)
    };
    assert_eq!(batcher(&driver.derived[0].transactions[0]), Ok(BATCHER));
    let last = driver.derived.last().expect("blocks");
    assert_eq!(batcher(&last.transactions[0]), Ok(STRANGER));
}

/// The configuration of a block is its parent's, which names the defaults where it was set to zero.
#[test]
fn fee_parameters_of_zero_are_zero_once() {
    let mut config = config(2, 3);
    config.genesis.system_config.eip1559_params = B64::ZERO;
    let mut l1 = l1_chain([6; 9]);
    let [first, second] = [B64::ZERO, B64::with_last_byte(7)];
    l1[2]
        .config_updates
        .push(ConfigUpdate::Eip1559Params(first));
    l1[4]
        .config_updates
        .push(ConfigUpdate::Eip1559Params(second));
    let mut driver = Driver::new(&config, &l1);
    driver.run().expect("derives");
    let defaults = config.eip1559_params_default();
    assert_eq!(defaults, B64::new([0, 0, 0, 250, 0, 0, 0, 6]));
    for (block, attributes) in driver.blocks[1..].iter().zip(&driver.derived) {
        let expected = match (block.l1_origin.number - L1_GENESIS, block.sequence_number) {
            (0, 1) | (2, 0) => B64::ZERO,
            (0..4, _) => defaults,
            _ => second,
        };
        assert_eq!(attributes.eip1559_params, expected, "{block:?}");
    }
    assert!(driver.head.l1_origin.number > L1_GENESIS + 4);
}

#[test]
fn a_reorganized_l1_asks_for_a_reset() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    l1[3].block.parent_hash = l1_hash(102, 1);
    let error = Driver::new(&config, &l1).run().expect_err("reorganized");
    assert_eq!(
        error,
        DeriveError::L1Reorg {
            number: 103,
            expected: l1_hash(102, 0),
            found: l1_hash(102, 1),
        }
    );
    assert_eq!(error.severity(), Severity::Reset);

    // Another first block, or one that nobody asked for.
    let mut start = l1_chain([12; 8]);
    let mut driver = Driver::new(&config, &l1);
    start[0].block.hash = l1_hash(100, 1);
    assert!(matches!(
        driver.pipeline.feed(start[0].clone()),
        Err(DeriveError::L1Start { .. })
    ));
    assert_eq!(
        driver.pipeline.feed(start[2].clone()),
        Err(DeriveError::UnexpectedL1 {
            expected: Some(100),
            found: 102
        })
    );
    // A safe head whose origin is on another fork.
    let l1 = l1_chain([12; 8]);
    let mut driver = Driver::new(&config, &l1);
    let stray = L2BlockRef {
        l1_origin: (100, l1_hash(100, 1)).into(),
        ..genesis(&config)
    };
    driver.head = stray;
    driver.pipeline = openledger_derive::Pipeline::new(
        driver.config.clone(),
        std::sync::Arc::new(crate::sim::l1_config()),
        stray,
        system_config(),
        l1[0].block.id(),
        system_config(),
        l1[0].block,
    );
    let error = driver.run().expect_err("another fork");
    assert!(matches!(error, DeriveError::Origin { .. }), "{error:?}");
    assert_eq!(error.severity(), Severity::Reset);
}

#[test]
fn the_parent_must_follow() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 2);
    post(&mut l1[1], channel(1, &batches(&made), 10_000));
    let mut driver = Driver::new(&config, &l1);
    driver.peek().expect("derives");
    let stray = L2BlockRef {
        parent_hash: l1_hash(1, 1),
        ..made[0].reference
    };
    assert!(matches!(
        driver.pipeline.step(&stray),
        Err(DeriveError::UnexpectedParent { .. })
    ));
    assert!(matches!(
        driver.pipeline.step(&made[1].reference),
        Err(DeriveError::UnexpectedParent { .. })
    ));
    assert!(matches!(
        driver.pipeline.step(&made[0].reference),
        Ok(Step::Attributes { .. })
    ));
}

#[test]
fn a_step_names_the_l1_block_it_derives_from() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 1);
    let frames = channel(1, &batches(&made), 60);
    let (end, begin) = frames.split_last().expect("frames");
    post(&mut l1[1], begin.to_vec());
    post(&mut l1[4], vec![end.clone()]);
    let mut driver = Driver::new(&config, &l1);
    driver.peek().expect("derives");
    let Ok(Step::Attributes {
        origin,
        is_last_in_span,
        ..
    }) = driver.pipeline.step(&genesis(&config))
    else {
        panic!("attributes were there")
    };
    assert_eq!((origin, is_last_in_span), (l1[4].block.id(), true));
    assert_eq!(driver.pipeline.origin(), l1[4].block.id());
}

#[test]
fn blobs_are_data_of_their_own() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 8]);
    let made = blocks(&config, genesis(&config), &l1[0], 3);
    let frames = channel(1, &batches(&made), 150);
    // One transaction with a frame a blob, a blob between them that holds nothing.
    let mut data = frames;
    data.insert(1, Bytes::from_static(&[9, 9]));
    l1[1].inbox.push(InboxTransaction {
        sender: BATCHER,
        data,
    });
    let mut driver = Driver::new(&config, &l1);
    driver.run().expect("derives");
    assert_eq!(driver.derived.len(), 3);
}
