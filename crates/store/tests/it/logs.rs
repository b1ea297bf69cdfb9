//! The log index against a scan of all logs.

use crate::chain::{TestChain, options};
use alloy_primitives::{Address, B256, Bytes, Log};
use openledger_primitives::StateChanges;
use openledger_store::LogBlocks;
use proptest::prelude::*;

fn log_address(index: u8) -> Address {
    // Predeploys: only the last bytes differ.
    let mut address = Address::repeat_byte(0);
    (address.0.0[0], address.0.0[19]) = (0x42, index);
    address
}

fn topic(index: u8) -> B256 {
    match index {
        0 => B256::ZERO,
        1..=3 => B256::with_last_byte(index),
        _ => alloy_primitives::keccak256([index]),
    }
}

fn log() -> impl Strategy<Value = Log> {
    (0_u8..5, prop::collection::vec(0_u8..6, 0..=4)).prop_map(|(address, topics)| {
        let topics = topics.into_iter().map(topic).collect();
        Log::new_unchecked(log_address(address), topics, Bytes::new())
    })
}

fn matches(log: &Log, addresses: &[Address], topics: &[Vec<B256>]) -> bool {
    (addresses.is_empty() || addresses.contains(&log.address))
        && topics.iter().enumerate().all(|(position, any)| {
            any.is_empty()
                || log
                    .data
                    .topics()
                    .get(position)
                    .is_some_and(|topic| any.contains(topic))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn candidates_cover_every_match(
        blocks in prop::collection::vec(prop::collection::vec(prop::collection::vec(log(), 0..3), 0..3), 1..40),
        filters in prop::collection::vec((
            prop::collection::vec(0_u8..6, 0..3),
            prop::collection::vec(prop::collection::vec(0_u8..7, 0..3), 0..5),
            0_u64..40, 0_u64..45, any::<bool>(),
        ), 20),
    ) {
        let mut chain = TestChain::new(options(), 100);
        for logs in &blocks {
            chain.extend(StateChanges::default(), logs);
        }
        for (addresses, topics, from, to, many) in filters {
            let mut addresses: Vec<Address> = addresses.into_iter().map(log_address).collect();
            let topics: Vec<Vec<B256>> =
                topics.into_iter().map(|any| any.into_iter().map(topic).collect()).collect();
            if many && !addresses.is_empty() {
                // More alternatives than iterators are kept open.
                addresses.extend((100..250).map(log_address));
            }
            let logs = |number: usize| blocks[number].iter().flatten();
            let range = from.min(blocks.len() as u64)..(to + 1).min(blocks.len() as u64);
            let found = match chain.store().log_blocks(&addresses, &topics, from, to).unwrap() {
                LogBlocks::All => {
                    prop_assert!(addresses.is_empty() && topics.iter().all(Vec::is_empty));
                    continue;
                }
                LogBlocks::Candidates(found) => found,
            };
            prop_assert!(found.is_sorted());
            prop_assert!(found.iter().all(|number| (from..=to).contains(number)));
            for number in range {
                let exact = logs(number as usize).any(|log| matches(log, &addresses, &topics));
                prop_assert!(!exact || found.contains(&number));
                // A candidate has each criterion met by some log of its own.
                let each = (addresses.is_empty()
                    || logs(number as usize).any(|log| matches(log, &addresses, &[])))
                    && (0..topics.len()).all(|position| {
                        let mut one = vec![Vec::new(); topics.len()];
                        one[position] = topics[position].clone();
                        one.iter().all(Vec::is_empty)
                            || logs(number as usize).any(|log| matches(log, &[], &one))
                    });
                prop_assert_eq!(found.contains(&number), each);
            }
        }
    }
}
