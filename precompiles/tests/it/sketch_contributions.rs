//! Commitments, reveals and settlement.

use crate::world::{World, input, refused};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use openledger_precompiles::{
    CommonErrors, IPausable, Outcome, SKETCH,
    sketch::{EMPTY_SIGNATURE, IAttrSketch, Signature, commit_id, commitment, space},
    split::split,
};
use proptest::{collection::vec, prelude::*};
use std::collections::BTreeMap;

const REGISTRY: Address = Address::repeat_byte(7);
const DATANET: B256 = B256::repeat_byte(8);

fn hash(world_caller: Address, mh: &Signature, who: u8) -> B256 {
    let (data_root, salt) = (B256::repeat_byte(1), B256::repeat_byte(2));
    commitment(
        space(world_caller, DATANET),
        Address::repeat_byte(who),
        mh,
        data_root,
        salt,
    )
}

fn commit(world: &mut World, mh: &Signature, who: u8) -> B256 {
    let call = IAttrSketch::commitContributionCall {
        datanet: DATANET,
        h: hash(REGISTRY, mh, who),
    };
    world.call(SKETCH, REGISTRY, &call).unwrap()
}

fn reveal_call(commit: B256, mh: &Signature, who: u8) -> IAttrSketch::revealCall {
    IAttrSketch::revealCall {
        datanet: DATANET,
        commitId: commit,
        contributor: Address::repeat_byte(who),
        dataRoot: B256::repeat_byte(1),
        salt: B256::repeat_byte(2),
        mh: *mh,
    }
}

fn settle(world: &mut World, max: u16) -> Vec<(u32, B256, bool)> {
    let call = IAttrSketch::settleCall {
        datanet: DATANET,
        max,
    };
    world.call(SKETCH, REGISTRY, &call).unwrap();
    world
        .logs
        .iter()
        .map(|log| IAttrSketch::Clustered::decode_log(log).unwrap())
        .map(|event| (event.cluster, event.commitId, event.isNew))
        .collect()
}

/// Anyone may ask.
fn cluster_count(world: &mut World) -> u32 {
    let call = IAttrSketch::clusterCountCall {
        space: space(REGISTRY, DATANET),
    };
    world.call(SKETCH, Address::repeat_byte(9), &call).unwrap()
}

fn signature(seed: u32) -> Signature {
    core::array::from_fn(|j| seed.wrapping_mul(1_000_003).wrapping_add(j as u32 * 7_919))
}

#[test]
fn reveals_have_their_window_and_must_match() {
    let mut world = World::new();
    let mh = signature(1);
    let id = commit(&mut world, &mh, 3);
    assert_eq!(id, commit_id(space(REGISTRY, DATANET), 0));
    let call = reveal_call(id, &mh, 3);
    let window = IAttrSketch::RevealWindow {
        first: 1_002,
        last: 1_050,
    };
    refused(world.call(SKETCH, REGISTRY, &call), window.clone());
    world.skip_blocks(1);
    refused(world.call(SKETCH, REGISTRY, &call), window.clone());
    world.skip_blocks(1);
    let unknown = reveal_call(B256::ZERO, &mh, 3);
    refused(
        world.call(SKETCH, REGISTRY, &unknown),
        IAttrSketch::UnknownCommit {
            commitId: B256::ZERO,
        },
    );
    let mismatch = IAttrSketch::CommitMismatch { commitId: id };
    refused(
        world.call(SKETCH, REGISTRY, &reveal_call(id, &mh, 4)),
        mismatch.clone(),
    );
    refused(
        world.call(SKETCH, REGISTRY, &reveal_call(id, &signature(2), 3)),
        mismatch.clone(),
    );
    // Another registry can't reveal in this one's space.
    refused(
        world.call(SKETCH, Address::repeat_byte(0x70), &call),
        mismatch,
    );
    world.skip_blocks(48);
    world.call(SKETCH, REGISTRY, &call).unwrap();
    refused(
        world.call(SKETCH, REGISTRY, &call),
        IAttrSketch::AlreadyRevealed { commitId: id },
    );
    world.skip_blocks(1);
    refused(world.call(SKETCH, REGISTRY, &call), window);
    assert_eq!(settle(&mut world, 64), [(0, id, true)]);
    assert_eq!(settle(&mut world, 64), []);
}

#[test]
fn content_without_a_gram_is_refused() {
    let mut world = World::new();
    let id = commit(&mut world, &EMPTY_SIGNATURE, 3);
    world.skip_blocks(2);
    refused(
        world.call(SKETCH, REGISTRY, &reveal_call(id, &EMPTY_SIGNATURE, 3)),
        IAttrSketch::TooShort {},
    );
}

#[test]
fn settlement_waits_and_skips_for_ever() {
    let mut world = World::new();
    let (first, second) = (signature(1), signature(2));
    let skipped = commit(&mut world, &first, 1);
    let revealed = commit(&mut world, &second, 2);
    world.skip_blocks(10);
    let late = commit(&mut world, &first, 3);
    world
        .call(SKETCH, REGISTRY, &reveal_call(revealed, &second, 2))
        .unwrap();
    world.skip_blocks(40);
    world
        .call(SKETCH, REGISTRY, &reveal_call(late, &first, 3))
        .unwrap();
    // Block c + 50 of the first two: nothing yet.
    assert_eq!(settle(&mut world, 64), []);
    world.skip_blocks(1);
    assert_eq!(settle(&mut world, 64), [(0, revealed, true)]);
    refused(
        world.call(SKETCH, REGISTRY, &reveal_call(skipped, &first, 1)),
        IAttrSketch::RevealWindow {
            first: 1_002,
            last: 1_050,
        },
    );
    world.skip_blocks(10);
    assert_eq!(settle(&mut world, 64), [(1, late, true)]);
    refused(
        world.call(
            SKETCH,
            REGISTRY,
            &IAttrSketch::settleCall {
                datanet: DATANET,
                max: 65,
            },
        ),
        IAttrSketch::TooMany { asked: 65, max: 64 },
    );
    assert_eq!(settle(&mut world, 0), []);
}

#[test]
fn settlement_cannot_be_paused_and_contributions_can() {
    let mut world = World::new();
    let timelock = openledger_primitives::predeploys::PARAMETER_TIMELOCK;
    let until = world.host.timestamp + 1_000;
    let pause = |selector: [u8; 4]| IPausable::setPausedCall {
        selector: selector.into(),
        untilTimestamp: until,
    };
    refused(
        world.call(SKETCH, timelock, &pause(IAttrSketch::settleCall::SELECTOR)),
        CommonErrors::NotPausable {
            selector: IAttrSketch::settleCall::SELECTOR.into(),
        },
    );
    let selector = IAttrSketch::commitContributionCall::SELECTOR;
    world.call(SKETCH, timelock, &pause(selector)).unwrap();
    refused(
        world.call(
            SKETCH,
            REGISTRY,
            &IAttrSketch::commitContributionCall {
                datanet: DATANET,
                h: B256::ZERO,
            },
        ),
        CommonErrors::Paused {
            selector: selector.into(),
            until,
        },
    );
}

/// Gas of a settlement that takes one commitment into a new cluster: everything read once, in order.
#[test]
fn settling_costs_its_slots_and_its_log() {
    let mut world = World::new();
    let mh = signature(5);
    let id = commit(&mut world, &mh, 3);
    // The pause; the space, read and written; hash and status, new.
    assert_eq!(
        world.gas_used,
        600 + 3 * 3 + 2_100 + 2_100 + 20_000 + 2 * 22_100
    );
    world.skip_blocks(2);
    world
        .call(SKETCH, REGISTRY, &reveal_call(id, &mh, 3))
        .unwrap();
    // Pause, status, hash; four slots of signature; status again, which is warm and not zero.
    let calldata = 4 + 37 * 32u64;
    assert_eq!(
        world.gas_used,
        600 + 3 * calldata.div_ceil(32) + 3 * 2_100 + 4 * 22_100 + 2_900
    );
    world.skip_blocks(49);
    assert_eq!(cluster_count(&mut world), 0);
    assert_eq!(world.gas_used, 600 + 2 * 3 + 2_100);
    assert_eq!(settle(&mut world, 1).len(), 1);
    // Space and status; four slots of signature; eight empty bands, written warm; the cluster's
    // signature; the log; the space again.
    let slots = 2 * 2_100 + 4 * 2_100 + 8 * 2_100 + 8 * 20_000 + 4 * 22_100 + 2_900;
    assert_eq!(world.gas_used, 600 + 3 * 3 + slots + 375 + 2 * 375 + 8 * 96);
    assert_eq!(cluster_count(&mut world), 1);
}

#[test]
fn under_static_nothing_is_written() {
    let mut world = World::new();
    for data in [
        IAttrSketch::commitContributionCall {
            datanet: DATANET,
            h: B256::ZERO,
        }
        .abi_encode(),
        reveal_call(B256::ZERO, &signature(1), 1).abi_encode(),
        IAttrSketch::settleCall {
            datanet: DATANET,
            max: 1,
        }
        .abi_encode(),
    ] {
        let mut call = input(SKETCH, REGISTRY, &data);
        call.is_static = true;
        let Outcome::Revert { output, .. } = world.run(call) else {
            panic!("not refused");
        };
        refused(Err::<(), _>(output.to_vec()), CommonErrors::StaticWrite {});
        assert_eq!(
            world.host.slots().filter(|(to, ..)| *to == SKETCH).count(),
            0
        );
    }
}

#[derive(Debug, Clone)]
struct Plan {
    contents: Vec<u32>,
    reveal_order: Vec<usize>,
    steps: Vec<u16>,
}

fn plan() -> impl Strategy<Value = Plan> {
    vec(0u32..5, 1..20).prop_flat_map(|contents| {
        let indices: Vec<usize> = (0..contents.len()).collect();
        (Just(indices).prop_shuffle(), vec(1u16..8, 24)).prop_map(move |(reveal_order, steps)| {
            Plan {
                contents: contents.clone(),
                reveal_order,
                steps,
            }
        })
    })
}

proptest! {
    /// Copies share one cluster, whoever reveals and settles when: clusters are numbered by the first
    /// commitment of each content.
    #[test]
    fn copies_are_one_cluster(plan in plan()) {
        let mut world = World::new();
        let ids: Vec<_> = plan
            .contents
            .iter()
            .zip(0u8..)
            .map(|(content, who)| commit(&mut world, &signature(*content), who))
            .collect();
        world.skip_blocks(2);
        for index in plan.reveal_order {
            let mh = signature(plan.contents[index]);
            world.call(SKETCH, REGISTRY, &reveal_call(ids[index], &mh, index as u8)).unwrap();
        }
        world.skip_blocks(49);
        let mut events = Vec::new();
        for step in plan.steps {
            events.extend(settle(&mut world, step));
        }
        let mut first = Vec::new();
        let expected: Vec<_> = plan
            .contents
            .iter()
            .zip(&ids)
            .map(|(content, id)| {
                let known = first.iter().position(|known| known == content);
                let cluster = known.unwrap_or_else(|| {
                    first.push(*content);
                    first.len() - 1
                });
                (cluster as u32, *id, known.is_none())
            })
            .collect();
        prop_assert_eq!(events, expected);
    }

    /// k exact copies earn what one does, whatever the order of commitments and reveals and however settling is
    /// divided: the owner of a cluster is its first contributor, and clusters' shares don't know the copies.
    #[test]
    fn copies_earn_what_one_does(
        plan in plan(), scores in vec(any::<i64>(), 5), total in any::<u128>(),
    ) {
        // Content by content, in the order of the first commitments.
        let mut once = Plan { steps: vec![64], ..plan.clone() };
        once.contents.clear();
        for content in &plan.contents {
            if !once.contents.contains(content) {
                once.contents.push(*content);
            }
        }
        once.reveal_order = (0..once.contents.len()).collect();
        let earned = earnings(&plan, &scores, total);
        let alone = earnings(&once, &scores, total);
        prop_assert_eq!(earned.values().sum::<U256>(), alone.values().sum::<U256>());
        for content in &once.contents {
            // All accounts that contributed it, together.
            let accounts = |plan: &Plan, earned: &BTreeMap<u8, U256>| -> U256 {
                let who = (0u8..).zip(&plan.contents).filter(|(_, known)| *known == content);
                who.filter_map(|(who, _)| earned.get(&who)).sum()
            };
            prop_assert_eq!(accounts(&plan, &earned), accounts(&once, &alone));
        }
    }
}

/// What each contributor earns of `total` if a cluster's score is its content's.
fn earnings(plan: &Plan, scores: &[i64], total: u128) -> BTreeMap<u8, U256> {
    let mut world = World::new();
    let ids: Vec<_> = (0u8..)
        .zip(&plan.contents)
        .map(|(who, content)| commit(&mut world, &signature(*content), who))
        .collect();
    world.skip_blocks(2);
    for index in &plan.reveal_order {
        let mh = signature(plan.contents[*index]);
        let reveal = reveal_call(ids[*index], &mh, *index as u8);
        world.call(SKETCH, REGISTRY, &reveal).unwrap();
    }
    world.skip_blocks(49);
    // Clusters come in order; each belongs to whoever made it.
    let mut owners = Vec::new();
    for step in &plan.steps {
        for (cluster, id, is_new) in settle(&mut world, *step) {
            if is_new {
                assert_eq!(cluster as usize, owners.len());
                owners.push(ids.iter().position(|known| *known == id).unwrap());
            }
        }
    }
    let of_clusters: Vec<i64> = owners
        .iter()
        .map(|who| scores[plan.contents[*who] as usize])
        .collect();
    let amounts = split(total, &of_clusters, 0, 0);
    (owners.into_iter().map(|who| who as u8))
        .zip(amounts.into_iter().map(U256::from))
        .collect()
}
