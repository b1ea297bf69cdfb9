//! Training sets: real ones, made through SKETCH and SPAN.

use super::*;
use crate::world::block_hash;
use openledger_precompiles::{
    SKETCH, SPAN,
    sketch::{IAttrSketch, commitment, draw, space},
    span::IAttrSpan,
};

const REGISTRY: Address = Address::repeat_byte(0x77);
const DATANET: B256 = B256::repeat_byte(0xd1);

/// A set of one embedding row in a space with one cluster.
fn sketch_set(world: &mut World, seal: bool) -> u64 {
    let space = space(REGISTRY, DATANET);
    let mh: [u32; 32] = core::array::from_fn(|j| j as u32);
    let h = commitment(space, OTHER, &mh, B256::ZERO, B256::ZERO);
    let call = IAttrSketch::commitContributionCall {
        datanet: DATANET,
        h,
    };
    let commit = world.call(SKETCH, REGISTRY, &call).unwrap();
    world.skip_blocks(2);
    let call = IAttrSketch::revealCall {
        datanet: DATANET,
        commitId: commit,
        contributor: OTHER,
        dataRoot: B256::ZERO,
        salt: B256::ZERO,
        mh,
    };
    world.call(SKETCH, REGISTRY, &call).unwrap();
    world.skip_blocks(51);
    let call = IAttrSketch::settleCall {
        datanet: DATANET,
        max: 64,
    };
    world.call(SKETCH, REGISTRY, &call).unwrap();
    let call = IAttrSketch::openSetCall {
        subject: space,
        dim: 64,
        kind: 1,
        normCap2: 0,
        fracBits: 0,
        shift: 0,
        sparsity: 0,
        dataRoot: B256::ZERO,
    };
    let id = world.call(SKETCH, REGISTRY, &call).unwrap();
    world.skip_blocks(2);
    let call = IAttrSketch::drawSeedCall { setId: id };
    world.call(SKETCH, REGISTRY, &call).unwrap();
    let call = IAttrSketch::appendRowsCall {
        setId: id,
        rows: vec![0; 70].into(),
    };
    world.call(SKETCH, REGISTRY, &call).unwrap();
    if seal {
        let call = IAttrSketch::sealCall { setId: id };
        world.call(SKETCH, REGISTRY, &call).unwrap();
    }
    id
}

/// A committed index of `datanet`.
fn span_index(world: &mut World, datanet: B256, seal: bool) -> u64 {
    let call = IAttrSpan::commitTokensCall {
        datanet,
        tokenRoot: B256::repeat_byte(1),
    };
    let id = world.call(SPAN, OTHER, &call).unwrap();
    let committed = world.host.block_number;
    world.skip_blocks(2);
    let call = IAttrSpan::openIndexCall {
        datanet,
        k: 6,
        w: 8,
        tokenizerHash: B256::repeat_byte(2),
        salt: draw(block_hash(committed + 1), id),
    };
    assert_eq!(world.call(SPAN, OTHER, &call), Ok(id));
    let call = IAttrSpan::commitRootCall {
        id,
        root: B256::repeat_byte(3),
        leaves: 5,
    };
    world.call(SPAN, OTHER, &call).unwrap();
    if seal {
        world
            .call(SPAN, OTHER, &IAttrSpan::sealCall { id })
            .unwrap();
    }
    id
}

#[test]
fn training_sets_exist_are_sealed_and_of_the_datanet() {
    let (mut world, base) = world_with_base();
    let space = space(REGISTRY, DATANET);
    let sketch = sketch_set(&mut world, true);
    let open_sketch = sketch_set(&mut world, false);
    let span = span_index(&mut world, space, true);
    let open_span = span_index(&mut world, space, false);
    let other = B256::repeat_byte(5);
    let other_span = span_index(&mut world, other, true);
    let train = |datanet, sketch, span, weight| Train {
        datanet,
        sketchSet: sketch,
        spanIndex: span,
        weightBps: weight,
    };
    let mut seed = 0;
    let mut attempt = |world: &mut World, trains: Vec<Train>| {
        seed += 1;
        let draft = draft(base, seed).with(|adapter| adapter.train = trains);
        register(world, &draft)
    };
    for (index, trains) in [
        vec![train(space, open_sketch, 0, 10_000)],
        vec![train(space, sketch, open_span, 10_000)],
        vec![
            train(space, sketch, 0, 1),
            train(space, 0, open_span, 9_999),
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let index = (index / 2) as u8;
        refused(attempt(&mut world, trains), TrainNotSealed { index });
    }
    refused(
        attempt(&mut world, vec![train(other, sketch, 0, 10_000)]),
        TrainDatanetMismatch {
            index: 0,
            subject: space,
        },
    );
    refused(
        attempt(&mut world, vec![train(space, sketch, other_span, 10_000)]),
        TrainDatanetMismatch {
            index: 0,
            subject: other,
        },
    );
    for weight in [9_999, 10_001] {
        refused(
            attempt(&mut world, vec![train(space, sketch, span, weight)]),
            TrainWeights {
                sum: u32::from(weight),
            },
        );
    }
    let trains = vec![
        train(space, sketch, span, 2_500),
        train(other, 0, other_span, 7_000),
        train(space, sketch, 0, 500),
    ];
    let id = attempt(&mut world, trains.clone()).unwrap();
    let logs: Vec<_> = world
        .logs
        .iter()
        .skip(1)
        .map(|log| log.data.clone())
        .collect();
    let expected: Vec<_> = trains
        .iter()
        .map(|train| {
            TrainedOn {
                id,
                datanet: train.datanet,
                sketchSet: train.sketchSet,
                weightBps: train.weightBps,
            }
            .encode_log_data()
        })
        .collect();
    assert_eq!(logs, expected);
    assert_eq!(get(&mut world, id).adapter.train, trains);

    // A child that declares nothing of its own and passes 40 % on.
    let child = draft(base, 900).parents(&[(id, 4_000)]);
    let child = register(&mut world, &child).unwrap();
    let flat = view(&mut world, &flattenDatanetsCall { id: child });
    let mut expected = [(B256::ZERO, 600_000), (space, 120_000), (other, 280_000)];
    expected.sort();
    let pairs: Vec<_> = flat.datanets.into_iter().zip(flat.ppm).collect();
    assert_eq!(pairs, expected);
    // Three heads, one slot of parents, six of training sets; one edge, three sets.
    assert_eq!(world.gas_used, 600 + 6 + 10 * 2_100 + 4 * 150);
}
