//! From opening to sealing: what is recorded, what is refused.

use super::{
    ANYONE, DATANET, NORM_CAP2, OWNER, REGISTRY, Stream, append, drawn, header, open, opened,
    record, records, witnesses::influence_call, world_with_clusters,
};
use crate::world::{World, block_hash, refused};
use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolEvent;
use openledger_precompiles::{
    CommonErrors, SKETCH,
    sketch::{IAttrSketch, draw, lambda, next_digest, rows, space},
};

#[test]
fn a_set_is_opened_drawn_filled_and_sealed() {
    let mut world = world_with_clusters(3);
    let opened_at = world.host.block_number;
    let id = opened(&mut world, 64, 0);
    assert_eq!(id, 1);
    let event = IAttrSketch::SetOpened::decode_log(&world.logs[0]).unwrap();
    assert_eq!(
        (event.setId, event.subject, event.owner),
        (1, space(REGISTRY, DATANET), OWNER)
    );
    assert_eq!(world.logs[0].address, SKETCH);

    world.skip_blocks(2);
    let draw_call = IAttrSketch::drawSeedCall { setId: id };
    let seed = world.call(SKETCH, OWNER, &draw_call).unwrap();
    assert_eq!(seed, draw(block_hash(opened_at + 1), id));

    let mut stream = Stream(1);
    let mut whole = records(64, 351 + 100, &mut stream);
    // Norms at the cap, so that sealing is allowed.
    for row in whole.chunks_exact_mut(70) {
        let norm = |row: &[u8]| {
            row[6..]
                .iter()
                .map(|b| (*b as i8 as i32).pow(2))
                .sum::<i32>()
        };
        let mut at = 6;
        while norm(row) < 170_000 && at < 70 {
            row[at] = 60;
            at += 1;
        }
    }
    let page = 351 * 70;
    let first = world
        .call(SKETCH, OWNER, &append(id, &whole[..page]))
        .unwrap();
    assert_eq!(first, 0);
    let first = world
        .call(SKETCH, OWNER, &append(id, &whole[page..]))
        .unwrap();
    assert_eq!(first, 351);
    let digest = next_digest(next_digest(B256::ZERO, &whole[..page]), &whole[page..]);
    let event = IAttrSketch::RowsAppended::decode_log(&world.logs[0]).unwrap();
    assert_eq!(
        (event.setId, event.first, event.n, event.digest),
        (id, 351, 100, digest)
    );
    refused(
        world.call(SKETCH, OWNER, &append(id, &whole[..70])),
        IAttrSketch::PartialPage { setId: id },
    );
    assert_eq!(header(&mut world, id).sealedBlock, 0);
    assert_eq!(header(&mut world, id).lambda, 0);

    let sealed_at = world.host.block_number;
    world
        .call(SKETCH, OWNER, &IAttrSketch::sealCall { setId: id })
        .unwrap();
    let sum_norm2: u64 = rows(&whole, 64)
        .flat_map(|row| row.vector.iter().map(|b| (*b as i8 as i64).pow(2) as u64))
        .sum();
    let event = IAttrSketch::SetSealed::decode_log(&world.logs[0]).unwrap();
    assert_eq!(
        (event.setId, event.rows, event.lambda),
        (id, 451, sum_norm2.div_ceil(1024))
    );
    let expected = IAttrSketch::SetHeader {
        subject: space(REGISTRY, DATANET),
        owner: OWNER,
        dim: 64,
        kind: 0,
        rows: 451,
        normCap2: NORM_CAP2,
        sumNorm2: sum_norm2,
        lambda: lambda(sum_norm2),
        seed,
        seedBlock: opened_at,
        fracBits: -3,
        shift: 12,
        sparsity: 4,
        dataRoot: B256::repeat_byte(0xda),
        digest,
        sealedBlock: sealed_at,
    };
    assert_eq!(header(&mut world, id), expected);
    for number in [0u32, 350, 351, 450] {
        let call = IAttrSketch::rowCall {
            setId: id,
            r: number,
        };
        let row = world.call(SKETCH, ANYONE, &call).unwrap();
        let expected = rows(&whole, 64).nth(number as usize).unwrap();
        assert_eq!(
            (row.cluster, row.label, &row.v[..]),
            (expected.cluster, expected.label, expected.vector)
        );
    }
    for refusal in [
        world
            .call(SKETCH, OWNER, &append(id, &whole[..70]))
            .map(drop),
        world
            .call(SKETCH, OWNER, &IAttrSketch::sealCall { setId: id })
            .map(drop),
    ] {
        refused(refusal, IAttrSketch::AlreadySealed { setId: id });
    }
}

/// The documented layout, read slot by slot.
#[test]
fn a_set_stands_where_the_layout_says() {
    let mut world = world_with_clusters(1);
    let block = world.host.block_number;
    let id = opened(&mut world, 512, 1);
    let base = keccak256(
        [
            U256::from(id).to_be_bytes::<32>(),
            U256::from(2).to_be_bytes(),
        ]
        .concat(),
    );
    let slot = |offset: u64| {
        let at = U256::from_be_bytes(base.0) + U256::from(offset);
        world.host.peek(SKETCH, at)
    };
    assert_eq!(world.host.peek(SKETCH, U256::from(1)), U256::from(id));
    assert_eq!(slot(0), U256::from_be_bytes(space(REGISTRY, DATANET).0));
    assert_eq!(slot(1), U256::from_be_bytes([0xda; 32]));
    assert_eq!(slot(2), U256::ZERO);
    let form = slot(3).to_be_bytes::<32>();
    assert_eq!(form[12..], OWNER[..]);
    assert_eq!(
        form[..12],
        [0, 0, 0, 3, 0x0d, 0x40, 4, 12, 0xfd, 1, 2, 0],
        "normCap2, sparsity, shift, fracBits, kind, dim"
    );
    assert_eq!(slot(4), U256::ZERO);
    assert_eq!(slot(5), U256::from(block) << 64);
}

#[test]
fn what_a_set_may_not_be_is_named() {
    let mut world = World::new();
    for dim in [0, 63, 65, 96, 2048] {
        refused(
            world.call(SKETCH, OWNER, &open(dim, 0)),
            IAttrSketch::BadDim { dim },
        );
    }
    refused(
        world.call(SKETCH, OWNER, &open(64, 2)),
        IAttrSketch::BadKind { kind: 2 },
    );
    refused(
        world.call(
            SKETCH,
            OWNER,
            &IAttrSketch::openSetCall {
                sparsity: 5,
                ..open(64, 0)
            },
        ),
        IAttrSketch::BadSparsity { sparsity: 5 },
    );
    for result in [
        world
            .call(SKETCH, OWNER, &IAttrSketch::drawSeedCall { setId: 1 })
            .map(drop),
        world.call(SKETCH, OWNER, &append(1, &[])).map(drop),
        world
            .call(SKETCH, OWNER, &IAttrSketch::sealCall { setId: 1 })
            .map(drop),
        world
            .call(SKETCH, OWNER, &IAttrSketch::headerCall { setId: 1 })
            .map(drop),
        world
            .call(SKETCH, OWNER, &IAttrSketch::rowCall { setId: 1, r: 0 })
            .map(drop),
        world.call(SKETCH, OWNER, &influence_call(1, &[])).map(drop),
    ] {
        refused(result, IAttrSketch::UnknownSet { setId: 1 });
    }
}

#[test]
fn a_seed_has_its_window() {
    let mut world = World::new();
    let id = opened(&mut world, 64, 0);
    let call = IAttrSketch::drawSeedCall { setId: id };
    let window = IAttrSketch::SeedWindow {
        first: 1_002,
        last: 1_250,
    };
    refused(world.call(SKETCH, OWNER, &call), window.clone());
    world.skip_blocks(1);
    refused(world.call(SKETCH, OWNER, &call), window.clone());
    refused(
        world.call(SKETCH, OWNER, &append(id, &[0; 70])),
        IAttrSketch::NoSeed { setId: id },
    );
    refused(
        world.call(SKETCH, OWNER, &IAttrSketch::sealCall { setId: id }),
        IAttrSketch::NoSeed { setId: id },
    );
    world.skip_blocks(249);
    let seed = world.call(SKETCH, OWNER, &call).unwrap();
    assert_eq!(seed, draw(block_hash(1_001), id));
    // Pause, form, seed; the history's account and slot; the seed again, warm and not zero.
    assert_eq!(
        world.gas_used,
        600 + 3 * 2 + 3 * 2_100 + 2_600 + 2_100 + 2_900
    );
    world.skip_blocks(1);
    refused(world.call(SKETCH, OWNER, &call), window);
    // A block without a hash.
    let id = opened(&mut world, 64, 0);
    world.skip_blocks(2);
    let number = world.host.block_number - 1;
    world.host.insert_slot(
        openledger_primitives::predeploys::HISTORY_STORAGE,
        U256::from(number % 8191),
        U256::ZERO,
    );
    refused(
        world.call(SKETCH, OWNER, &IAttrSketch::drawSeedCall { setId: id }),
        IAttrSketch::NoBlockHash {
            blockNumber: number,
        },
    );
}

#[test]
fn only_the_owner_writes() {
    let mut world = world_with_clusters(1);
    let id = drawn(&mut world, 64, 0);
    for result in [
        world
            .call(SKETCH, ANYONE, &IAttrSketch::drawSeedCall { setId: id })
            .map(drop),
        world.call(SKETCH, ANYONE, &append(id, &[])).map(drop),
        world
            .call(SKETCH, ANYONE, &IAttrSketch::sealCall { setId: id })
            .map(drop),
    ] {
        refused(result, CommonErrors::Unauthorized { caller: ANYONE });
    }
}

#[test]
fn rows_that_break_a_rule_are_named() {
    let mut world = world_with_clusters(2);
    let id = drawn(&mut world, 64, 0);
    let good = |cluster| record(cluster, 0, &[30; 64]);
    let mut try_rows = |rows: &[Vec<u8>]| world.call(SKETCH, OWNER, &append(id, &rows.concat()));
    refused(try_rows(&[]), IAttrSketch::BadRow { row: 0 });
    refused(
        try_rows(&[good(0), vec![0; 69]]),
        IAttrSketch::BadRow { row: 1 },
    );
    // Not in order, and not known to the space.
    refused(
        try_rows(&[good(1), good(0)]),
        IAttrSketch::BadRow { row: 1 },
    );
    refused(
        try_rows(&[good(1), good(2)]),
        IAttrSketch::BadRow { row: 1 },
    );
    let mut vector = [30; 64];
    vector[9] = i8::MIN;
    refused(
        try_rows(&[good(0), record(0, 0, &vector)]),
        IAttrSketch::BadInt8 { row: 1, column: 9 },
    );
    refused(
        try_rows(&[good(0), record(0, 0, &[56; 64])]),
        IAttrSketch::NormTooLarge {
            row: 1,
            norm2: 56 * 56 * 64,
        },
    );
    let many: Vec<_> = (0..1_600).map(|_| good(0)).collect();
    for first in [0u32, 1_755, 3_510] {
        // Full pages: 5 × 351 rows.
        let whole: Vec<_> = (0..5 * 351).map(|_| good(0)).collect();
        let result = world.call(SKETCH, OWNER, &append(id, &whole.concat()));
        if first < 3_510 {
            assert_eq!(result.unwrap(), first);
        } else {
            refused(
                result,
                IAttrSketch::TooManyRows {
                    rows: 3_510 + 1_755,
                    max: 4_096,
                },
            );
        }
    }
    drop(many);
    // An embedding's norm isn't capped.
    let id = drawn(&mut world, 64, 1);
    world
        .call(SKETCH, OWNER, &append(id, &record(0, 0, &[127; 64])))
        .unwrap();
}

#[test]
fn a_loose_cap_and_an_empty_set_are_not_sealed() {
    let mut world = world_with_clusters(1);
    let seal = |id| IAttrSketch::sealCall { setId: id };
    let id = drawn(&mut world, 64, 0);
    refused(
        world.call(SKETCH, OWNER, &seal(id)),
        IAttrSketch::EmptySet { setId: id },
    );
    // 81 % of 200,000 is 162,000: 64·50² = 160,000 is below it, 64·51² = 166,464 above.
    let rows = [
        record(0, 0, &[50; 64]),
        record(0, 0, &[51; 64]),
        record(0, 0, &[50; 64]),
    ];
    world
        .call(SKETCH, OWNER, &append(id, &rows.concat()))
        .unwrap();
    refused(
        world.call(SKETCH, OWNER, &seal(id)),
        IAttrSketch::CapTooLoose {
            atCap: 1,
            needed: 2,
        },
    );
    let id = drawn(&mut world, 64, 0);
    world
        .call(SKETCH, OWNER, &append(id, &rows[..2].concat()))
        .unwrap();
    world.call(SKETCH, OWNER, &seal(id)).unwrap();
    // Embeddings need none.
    let id = drawn(&mut world, 64, 1);
    world
        .call(SKETCH, OWNER, &append(id, &record(0, 0, &[1; 64])))
        .unwrap();
    world.call(SKETCH, OWNER, &seal(id)).unwrap();
}

#[test]
fn a_set_has_at_most_1024_clusters() {
    let mut world = world_with_clusters(1_025);
    let id = drawn(&mut world, 64, 1);
    let rows: Vec<u8> = (0..1_025).flat_map(|c| record(c, 0, &[1; 64])).collect();
    refused(
        world.call(SKETCH, OWNER, &append(id, &rows)),
        IAttrSketch::TooManyClusters { row: 1_024 },
    );
    world
        .call(SKETCH, OWNER, &append(id, &rows[..1_024 * 70]))
        .unwrap();
}
