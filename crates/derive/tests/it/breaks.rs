//! What is derived does not depend on where derivation was begun again, whatever the batcher posts.

use crate::sim::{
    Driver, L1_GENESIS, SequencedBlock, channel, config, execute, from_batcher, genesis, l1_chain,
    l1_hash, sequence, span_channel, transaction,
};
use alloy_primitives::keccak256;
use openledger_derive::{DeriveError, L1Input, Severity};
use openledger_primitives::{ChainConfig, Transaction};
use openledger_protocol::{L2BlockRef, SingularBatch, SpanBatch};
use proptest::prelude::*;

/// L1 blocks of a hostile world.
const L1_BLOCKS: usize = 40;
/// L1 blocks ahead up to which something is posted.
const AHEAD: usize = 5;

/// A batch that came before its parent's was dropped, and stays so.
#[test]
fn a_batch_of_the_future_stays_dropped() {
    let config = config(2, 100);
    let mut l1 = l1_chain([12; 12]);
    let made = blocks(&config, genesis(&config), &l1[0], 3, 0);
    let parent = made[1].reference;
    let other = sequence(&config, &parent, &l1[0], vec![transaction(77)]);
    let post = |input: &mut L1Input, id, blocks: &[SequencedBlock]| {
        let data = channel(id, &batches(blocks), 10_000);
        input.inbox.extend(data.into_iter().map(from_batcher));
    };
    post(&mut l1[2], 1, &made[2..]);
    post(&mut l1[4], 2, &made[..2]);
    post(&mut l1[7], 3, std::slice::from_ref(&other));

    let mut through = Driver::new(&config, &l1);
    through.run().expect("derives");
    assert_eq!(through.head, other.reference);

    let known = through.blocks[..=2].to_vec();
    let mut resumed = Driver::at(&config, &l1, known.clone(), l1[4].block.number);
    resumed.run().expect("derives");
    assert_eq!(resumed.blocks, through.blocks);

    // Told of an L1 block before the one after which the head was that, it takes what was dropped.
    let mut misled = Driver::at(&config, &l1, known, l1[1].block.number);
    misled.run().expect("derives");
    assert_eq!(misled.head, made[2].reference);
}

/// The L1 block after which the head was known must be on the branch that is read.
#[test]
fn another_block_in_the_place_of_the_last_one_is_a_reorganization() {
    let config = config(2, 100);
    let l1 = l1_chain([12; 8]);
    let mut driver = Driver::at(&config, &l1, vec![genesis(&config)], l1[4].block.number);
    let mut other = l1.clone();
    for input in &mut other[4..] {
        let number = input.block.number;
        input.block.hash = l1_hash(number, 1);
        if number > l1[4].block.number {
            input.block.parent_hash = l1_hash(number - 1, 1);
        }
    }
    driver.l1 = &other;
    let error = driver.run().expect_err("another branch");
    assert!(matches!(error, DeriveError::L1Start { .. }), "{error:?}");
    assert_eq!(error.severity(), Severity::Reset);
}

/// `count` blocks on `parent` with the origin `origin`.
fn blocks(
    config: &ChainConfig,
    mut parent: L2BlockRef,
    origin: &L1Input,
    count: u64,
    seed: u64,
) -> Vec<SequencedBlock> {
    (0..count)
        .map(|index| {
            let block = sequence(config, &parent, origin, vec![transaction(seed + index)]);
            parent = block.reference;
            block
        })
        .collect()
}

fn batches(blocks: &[SequencedBlock]) -> Vec<SingularBatch> {
    blocks.iter().map(|block| block.batch.clone()).collect()
}

/// Whether a block with these transactions is one that the chain refuses.
fn is_refused(parent: &L2BlockRef, transactions: &[Transaction]) -> bool {
    let own: Vec<_> = transactions.iter().filter(|tx| !tx.is_deposit()).collect();
    !own.is_empty() && keccak256([parent.hash.as_slice(), &[own.len() as u8]].concat())[0] < 20
}

/// Derives all that L1 says; answers the number of the newest block after each L1 block.
fn run(driver: &mut Driver<'_>) -> Vec<usize> {
    let mut newest = Vec::new();
    while let Some(attributes) = driver.peek().expect("derives") {
        if is_refused(&driver.head, &attributes.transactions) {
            driver.pipeline.invalid_payload();
            continue;
        }
        let at = (driver.pipeline.origin().number - L1_GENESIS) as usize;
        newest.resize(at, driver.blocks.len() - 1);
        driver.head = execute(&driver.head, &attributes);
        driver.blocks.push(driver.head);
    }
    newest.resize(driver.l1.len(), driver.blocks.len() - 1);
    newest
}

/// What the batcher does about one L1 block.
#[derive(Debug, Clone)]
struct Move {
    /// Blocks that it builds on the newest safe one.
    count: u64,
    /// L1 blocks from the newest block's origin to theirs.
    origin: u64,
    /// Blocks of the first of two channels; the rest is in the second.
    split: usize,
    /// In how many L1 blocks the frames of either are posted.
    after: [usize; 2],
    /// Bytes a frame.
    frame: usize,
    is_span: bool,
    /// Whether the last frame of the first channel is left out.
    is_cut: bool,
    /// Whether the first channel's first frame is posted again after two L1 blocks.
    is_repeated: bool,
}

prop_compose! {
    fn moves()(
        count in 0..7_u64,
        origin in 0..3_u64,
        split in 0..7_usize,
        after in [0..AHEAD, 0..AHEAD],
        frame in prop_oneof![40..120_usize, Just(5_000)],
        is_span: bool,
        is_cut in prop::bool::weighted(0.2),
        is_repeated in prop::bool::weighted(0.2),
    ) -> Move {
        Move { count, origin, split, after, frame, is_span, is_cut, is_repeated }
    }
}

/// Plays the moves, each on the chain as it is derived by then.
fn play(config: &ChainConfig, moves: &[Move]) -> Vec<L1Input> {
    let mut l1 = l1_chain([6; L1_BLOCKS]);
    for (at, next) in moves.iter().enumerate() {
        let mut driver = Driver::new(config, &l1[..=at]);
        run(&mut driver);
        let head = driver.head;
        let origin = (head.l1_origin.number - L1_GENESIS + next.origin) as usize;
        // What the rules don't allow can't be built.
        let timestamp = head.timestamp + config.block_time;
        let Some(origin) = l1.get(origin.min(at)).filter(|origin| {
            origin.block.number <= head.l1_origin.number + 1 && origin.block.timestamp <= timestamp
        }) else {
            continue;
        };
        let made = blocks(config, head, origin, next.count, 100 * at as u64);
        let (first, second) = made.split_at(next.split.min(made.len()));
        for (index, part) in [first, second].into_iter().enumerate() {
            if part.is_empty() {
                continue;
            }
            let id = (at * 2 + index) as u8;
            let mut data = if next.is_span {
                let is_first_of_epoch = part[0].reference.sequence_number == 0;
                let span = SpanBatch::from_blocks(&batches(part), is_first_of_epoch, config);
                span_channel(id, &span.expect("consecutive"), next.frame)
            } else {
                channel(id, &batches(part), next.frame)
            };
            let repeated = (next.is_repeated && index == 0).then(|| data[0].clone());
            if next.is_cut && index == 0 {
                data.pop();
            }
            let mut to = at + 1 + next.after[index];
            for data in data {
                if let Some(input) = l1.get_mut(to) {
                    input.inbox.push(from_batcher(data));
                }
                // A frame or two an L1 block.
                to += usize::from(id.is_multiple_of(2));
            }
            if let (Some(data), Some(input)) = (repeated, l1.get_mut(to + 2)) {
                input.inbox.push(from_batcher(data));
            }
        }
    }
    l1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_break_changes_nothing(
        moves in proptest::collection::vec(moves(), L1_BLOCKS),
        window in 3..12_u64,
        timeout in 2..8_u64,
    ) {
        let config = ChainConfig { channel_timeout: timeout, ..config(2, window) };
        let l1 = play(&config, &moves);
        let mut through = Driver::new(&config, &l1);
        let newest = run(&mut through);
        for (at, newest) in newest.iter().enumerate() {
            let known = through.blocks[..=*newest].to_vec();
            let mut resumed = Driver::at(&config, &l1, known, l1[at].block.number);
            run(&mut resumed);
            prop_assert_eq!(&resumed.blocks, &through.blocks, "begun again after L1 block {}", at);
        }
    }
}
