//! Sets: opened, drawn, filled, sealed, scored.

use crate::world::{GAS, World, block_hash, input, refused};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use openledger_precompiles::{
    CommonErrors, IPausable, Outcome, PAUSE_MAX_S, SKETCH, gas,
    sketch::{
        CertifiedQuery, IAttrSketch, Row, commitment, draw, influence, knn_shapley, lambda,
        limits::{SHIFT_MAX, rows_per_page},
        next_digest, record_len, residual, rows, space,
    },
};
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;
use proptest::{collection::vec, prelude::*};

const OWNER: Address = Address::repeat_byte(0x11);
const ANYONE: Address = Address::repeat_byte(0x22);
const REGISTRY: Address = Address::repeat_byte(7);
const DATANET: B256 = B256::repeat_byte(8);
const NORM_CAP2: u32 = 200_000;

/// A deterministic stream.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        openledger_precompiles::hash::sm64(0x5eed, self.0)
    }

    /// An entry of magnitude 20 to 27.
    fn long_entry(&mut self) -> i8 {
        let bits = self.next();
        let magnitude = 20 + (bits % 8) as i8;
        if bits >> 63 == 1 {
            -magnitude
        } else {
            magnitude
        }
    }

    fn entry(&mut self, magnitude: u64) -> i8 {
        ((self.next() % (2 * magnitude + 1)) as i16 - magnitude as i16) as i8
    }
}

fn record(cluster: u32, label: u16, vector: &[i8]) -> Vec<u8> {
    let mut record = cluster.to_be_bytes().to_vec();
    record.extend(label.to_be_bytes());
    record.extend(vector.iter().map(|entry| *entry as u8));
    record
}

/// `count` records in three clusters, with norms that differ little.
fn records(dim: u16, count: u32, stream: &mut Stream) -> Vec<u8> {
    (0..count)
        .flat_map(|number| {
            let vector: Vec<i8> = (0..dim).map(|_| stream.long_entry()).collect();
            record(
                3 * number / count.max(1),
                (stream.next() % 3) as u16,
                &vector,
            )
        })
        .collect()
}

/// A world whose space has `clusters` clusters.
fn world_with_clusters(clusters: u32) -> World {
    let mut world = World::new();
    let space = space(REGISTRY, DATANET);
    let signature = |number: u32| {
        core::array::from_fn(|j| number.wrapping_mul(77).wrapping_add(j as u32 * 1_000_003))
    };
    for start in (0..clusters).step_by(64) {
        let numbers = start..clusters.min(start + 64);
        let commits: Vec<B256> = numbers
            .clone()
            .map(|number| {
                let mh = signature(number);
                let h = commitment(space, OWNER, &mh, B256::ZERO, B256::ZERO);
                let call = IAttrSketch::commitContributionCall {
                    datanet: DATANET,
                    h,
                };
                world.call(SKETCH, REGISTRY, &call).unwrap()
            })
            .collect();
        world.skip_blocks(2);
        for (number, commit) in numbers.zip(commits) {
            let call = IAttrSketch::revealCall {
                datanet: DATANET,
                commitId: commit,
                contributor: OWNER,
                dataRoot: B256::ZERO,
                salt: B256::ZERO,
                mh: signature(number),
            };
            world.call(SKETCH, REGISTRY, &call).unwrap();
        }
        world.skip_blocks(51);
        let call = IAttrSketch::settleCall {
            datanet: DATANET,
            max: 64,
        };
        world.call(SKETCH, REGISTRY, &call).unwrap();
    }
    world
}

fn open(dim: u16, kind: u8) -> IAttrSketch::openSetCall {
    IAttrSketch::openSetCall {
        subject: space(REGISTRY, DATANET),
        dim,
        kind,
        normCap2: NORM_CAP2,
        fracBits: -3,
        shift: 12,
        sparsity: 4,
        dataRoot: B256::repeat_byte(0xda),
    }
}

fn append(set_id: u64, rows: &[u8]) -> IAttrSketch::appendRowsCall {
    IAttrSketch::appendRowsCall {
        setId: set_id,
        rows: rows.to_vec().into(),
    }
}

fn opened(world: &mut World, dim: u16, kind: u8) -> u64 {
    world.call(SKETCH, OWNER, &open(dim, kind)).unwrap()
}

fn drawn(world: &mut World, dim: u16, kind: u8) -> u64 {
    let id = opened(world, dim, kind);
    world.skip_blocks(2);
    let call = IAttrSketch::drawSeedCall { setId: id };
    world.call(SKETCH, OWNER, &call).unwrap();
    id
}

/// A sealed set with a norm cap that lets it.
fn sealed(world: &mut World, dim: u16, kind: u8, records: &[u8]) -> u64 {
    let norms: Vec<u32> = rows(records, dim)
        .map(|row| {
            row.vector
                .iter()
                .map(|b| (*b as i8 as i32).pow(2) as u32)
                .sum()
        })
        .collect();
    let call = IAttrSketch::openSetCall {
        normCap2: norms.iter().copied().max().unwrap_or_default(),
        ..open(dim, kind)
    };
    let id = world.call(SKETCH, OWNER, &call).unwrap();
    world.skip_blocks(2);
    world
        .call(SKETCH, OWNER, &IAttrSketch::drawSeedCall { setId: id })
        .unwrap();
    let page = rows_per_page(dim) as usize * record_len(dim);
    let per_call = 5 * page;
    for part in records.chunks(per_call.min(120_000 / page * page)) {
        world.call(SKETCH, OWNER, &append(id, part)).unwrap();
    }
    world
        .call(SKETCH, OWNER, &IAttrSketch::sealCall { setId: id })
        .unwrap();
    world.skip_blocks(1);
    id
}

fn header(world: &mut World, id: u64) -> IAttrSketch::SetHeader {
    world
        .call(SKETCH, ANYONE, &IAttrSketch::headerCall { setId: id })
        .unwrap()
}

/// An honest worker: solves (GᵀG + λI)x = q, scales x to 14 bits, rounds and refines it.
fn witness(records: &[u8], dim: u16, lambda: u64, query: &[u8]) -> (Vec<i16>, u8) {
    let matrix: Vec<Vec<f64>> = rows(records, dim)
        .map(|row| row.vector.iter().map(|b| f64::from(*b as i8)).collect())
        .collect();
    let q: Vec<f64> = query.iter().map(|b| f64::from(*b as i8)).collect();
    let apply = |x: &[f64]| {
        let mut y: Vec<f64> = x.iter().map(|x| lambda as f64 * x).collect();
        for row in &matrix {
            let a: f64 = row.iter().zip(x).map(|(g, x)| g * x).sum();
            for (y, g) in y.iter_mut().zip(row) {
                *y += a * g;
            }
        }
        y
    };
    // Conjugate gradients.
    let mut x = vec![0.0; q.len()];
    let (mut r, mut p) = (q.clone(), q.clone());
    let mut rr: f64 = r.iter().map(|r| r * r).sum();
    for _ in 0..4 * q.len() {
        let ap = apply(&p);
        let step = rr / p.iter().zip(&ap).map(|(a, b)| a * b).sum::<f64>();
        for ((x, r), (p, ap)) in x.iter_mut().zip(&mut r).zip(p.iter().zip(&ap)) {
            *x += step * p;
            *r -= step * ap;
        }
        let next: f64 = r.iter().map(|r| r * r).sum();
        if next < 1e-22 {
            break;
        }
        for (p, r) in p.iter_mut().zip(&r) {
            *p = r + next / rr * *p;
        }
        rr = next;
    }
    let max = x.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let shift = (16_383.0 / max)
        .log2()
        .floor()
        .clamp(0.0, f64::from(SHIFT_MAX));
    let mut witness: Vec<f64> = x.iter().map(|x| (x * shift.exp2()).round()).collect();
    // Rounding alone can leave more than 1/256 where one direction is a thousand times as stiff as the
    // others: move single entries as long as that shortens the residual.
    let columns: Vec<Vec<f64>> = (0..q.len())
        .map(|at| {
            let mut unit = vec![0.0; q.len()];
            unit[at] = 1.0;
            apply(&unit)
        })
        .collect();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let applied = apply(&witness);
    let mut r: Vec<f64> = q
        .iter()
        .zip(applied)
        .map(|(q, u)| q * shift.exp2() - u)
        .collect();
    for _ in 0..20 {
        let mut moved = false;
        for (entry, column) in witness.iter_mut().zip(&columns) {
            let step = (product(column, &r) / product(column, column)).round();
            let step = (*entry + step).clamp(-16_383.0, 16_383.0) - *entry;
            if step != 0.0 {
                *entry += step;
                r.iter_mut().zip(column).for_each(|(r, h)| *r -= step * h);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    (witness.iter().map(|x| *x as i16).collect(), shift as u8)
}

fn influence_call(id: u64, queries: &[(Vec<u8>, Vec<i16>, u8)]) -> IAttrSketch::scoreInfluenceCall {
    IAttrSketch::scoreInfluenceCall {
        setId: id,
        q: queries.iter().map(|(q, ..)| q.clone().into()).collect(),
        x: queries
            .iter()
            .map(|(_, x, _)| {
                x.iter()
                    .flat_map(|x| x.to_be_bytes())
                    .collect::<Vec<u8>>()
                    .into()
            })
            .collect(),
        shift: queries.iter().map(|(.., shift)| *shift).collect(),
    }
}

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

#[test]
fn scoring_waits_for_the_block_after_the_seal() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(5);
    let data = records(64, 12, &mut stream);
    let id = sealed(&mut world, 64, 1, &data);
    let call = IAttrSketch::scoreDotCall {
        setId: id,
        q: vec![1; 64].into(),
    };
    world.call(SKETCH, ANYONE, &call).unwrap();
    world.host.block_number -= 1;
    refused(
        world.call(SKETCH, ANYONE, &call),
        IAttrSketch::NotSealed { setId: id },
    );
    let open = opened(&mut world, 64, 1);
    refused(
        world.call(
            SKETCH,
            ANYONE,
            &IAttrSketch::scoreDotCall {
                setId: open,
                q: vec![1; 64].into(),
            },
        ),
        IAttrSketch::NotSealed { setId: open },
    );
}

#[test]
fn a_batch_scores_what_the_pure_function_does_at_the_stated_gas() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(9);
    let dim = 128u16;
    let data = records(dim, 200, &mut stream);
    let id = sealed(&mut world, dim, 0, &data);
    let lambda = header(&mut world, id).lambda;
    let queries: Vec<_> = (0..3)
        .map(|_| {
            let query: Vec<u8> = (0..dim).map(|_| stream.entry(90) as u8).collect();
            let (x, shift) = witness(&data, dim, lambda, &query);
            (query, x, shift)
        })
        .collect();
    let certified: Vec<_> = queries
        .iter()
        .map(|(query, x, shift)| CertifiedQuery {
            query,
            witness: x.clone(),
            shift: *shift,
        })
        .collect();
    let expected = influence(rows(&data, dim), lambda, &certified).unwrap();
    assert_eq!(expected.cluster, [0, 1, 2]);
    let call = influence_call(id, &queries);
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(scores.cluster, expected.cluster);
    assert_eq!(scores.sum, expected.sum);
    assert_eq!(scores.sumSq, expected.sum_sq);

    // 183 rows a page: one full page and one of 17 rows; pause, form and counters.
    let calldata = call.abi_encode().len() as u64;
    let compute =
        (2 * 3 * 200 * 128u64).div_ceil(gas::MULTIPLY_ADDS_PER_GAS) + 40 * 3 * 128 + 20 * 3 * 200;
    let page = |rows: u64| 2_600 + 3 * (1 + rows * 134).div_ceil(32);
    let total = 600 + 3 * calldata.div_ceil(32) + 3 * 2_100 + compute + page(183) + page(17);
    assert_eq!(world.gas_used, total);

    // The gas to the unit, and not one less.
    let data = call.abi_encode();
    let mut exact = input(SKETCH, ANYONE, &data);
    exact.gas = total;
    assert!(matches!(world.run(exact), Outcome::Success { gas_used, .. } if gas_used == total));
    exact.gas = total - 1;
    assert_eq!(world.run(exact), Outcome::OutOfGas);
}

#[test]
fn batches_that_break_a_rule_are_named() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(11);
    let data = records(64, 30, &mut stream);
    let id = sealed(&mut world, 64, 0, &data);
    let lambda = header(&mut world, id).lambda;
    let query: Vec<u8> = (0..64).map(|_| stream.entry(90) as u8).collect();
    let (x, shift) = witness(&data, 64, lambda, &query);
    let good = (query.clone(), x.clone(), shift);
    world
        .call(
            SKETCH,
            ANYONE,
            &influence_call(id, std::slice::from_ref(&good)),
        )
        .unwrap();

    let mut refuse = |call: IAttrSketch::scoreInfluenceCall, data: Vec<u8>| match world
        .call(SKETCH, ANYONE, &call)
    {
        Ok(_) => panic!("accepted"),
        Err(actual) => assert_eq!(actual, data),
    };
    let encode = |error: &dyn Fn() -> Vec<u8>| error();
    use alloy_sol_types::SolError;
    let batch = |q: u64, x: u64, s: u64| IAttrSketch::BadBatch {
        queries: U256::from(q),
        witnesses: U256::from(x),
        shifts: U256::from(s),
    };
    refuse(influence_call(id, &[]), batch(0, 0, 0).abi_encode());
    refuse(
        influence_call(id, &vec![good.clone(); 17]),
        batch(17, 17, 17).abi_encode(),
    );
    let mut uneven = influence_call(id, &[good.clone(), good.clone()]);
    uneven.shift.pop();
    refuse(uneven, batch(2, 2, 1).abi_encode());
    let mut short = influence_call(id, std::slice::from_ref(&good));
    short.q[0] = Bytes::from(vec![1; 63]);
    refuse(
        short,
        IAttrSketch::BadLength {
            expected: U256::from(64),
            actual: U256::from(63),
        }
        .abi_encode(),
    );
    let at = |query: u64| U256::from(query);
    for entry in [16_384i16, -16_384, i16::MIN] {
        let mut far = good.clone();
        far.1[7] = entry;
        refuse(
            influence_call(id, &[good.clone(), far]),
            IAttrSketch::WitnessRange { query: at(1) }.abi_encode(),
        );
    }
    let mut shifted = good.clone();
    shifted.2 = 63;
    refuse(
        influence_call(id, &[shifted]),
        IAttrSketch::BadShift {
            query: at(0),
            shift: 63,
        }
        .abi_encode(),
    );
    let zero = (vec![0; 64], vec![0; 64], 0);
    refuse(
        influence_call(id, &[good.clone(), good.clone(), zero]),
        IAttrSketch::ZeroQuery { query: at(2) }.abi_encode(),
    );
    let mut wrong = good.clone();
    wrong.1[0] = wrong.1[0].wrapping_add(4_000).clamp(-16_383, 16_383);
    refuse(
        influence_call(id, &[good.clone(), wrong]),
        encode(&|| IAttrSketch::WitnessRejected { query: at(1) }.abi_encode()),
    );

    let embedding = sealed(&mut world, 64, 1, &data);
    refused(
        world.call(SKETCH, ANYONE, &influence_call(embedding, &[good])),
        IAttrSketch::WrongKind { kind: 1 },
    );
    let knn = |id, k| IAttrSketch::scoreKnnShapleyCall {
        setId: id,
        q: query.clone().into(),
        label: 1,
        K: k,
    };
    refused(
        world.call(SKETCH, ANYONE, &knn(id, 5)),
        IAttrSketch::WrongKind { kind: 0 },
    );
    for k in [0, 65] {
        refused(
            world.call(SKETCH, ANYONE, &knn(embedding, k)),
            IAttrSketch::BadK { k },
        );
    }
}

#[test]
fn neighbours_and_dot_products_sum_by_cluster() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(21);
    let dim = 256u16;
    let data = records(dim, 120, &mut stream);
    let id = sealed(&mut world, dim, 1, &data);
    let query: Vec<u8> = (0..dim).map(|_| stream.entry(127) as u8).collect();
    let sums = |scores: &[i128]| {
        let mut sums = [0i128; 3];
        for (row, score) in rows(&data, dim).zip(scores) {
            sums[row.cluster as usize] += score;
        }
        sums
    };
    let wide = |b: &u8| i128::from(*b as i8);
    let page = |rows: u64| 2_600 + 3 * (1 + rows * 262).div_ceil(32);
    let pages = page(93) + page(27);

    let dots: Vec<i128> = rows(&data, dim)
        .map(|row| {
            row.vector
                .iter()
                .zip(&query)
                .map(|(a, b)| wide(a) * wide(b))
                .sum()
        })
        .collect();
    let call = IAttrSketch::scoreDotCall {
        setId: id,
        q: query.clone().into(),
    };
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(
        (scores.cluster, &scores.sum[..]),
        (vec![0, 1, 2], &sums(&dots)[..])
    );
    let base = |call: &[u8]| 600 + 3 * (call.len() as u64).div_ceil(32) + 3 * 2_100;
    let m = gas::MULTIPLY_ADDS_PER_GAS;
    assert_eq!(
        world.gas_used,
        base(&call.abi_encode()) + pages + (120 * 256u64).div_ceil(m) + 20 * 120
    );

    let values = knn_shapley(rows(&data, dim), &query, 2, 5);
    let values: Vec<i128> = values.into_iter().map(i128::from).collect();
    let call = IAttrSketch::scoreKnnShapleyCall {
        setId: id,
        q: query.clone().into(),
        label: 2,
        K: 5,
    };
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(
        (scores.cluster, &scores.sum[..]),
        (vec![0, 1, 2], &sums(&values)[..])
    );
    assert_eq!(
        world.gas_used,
        base(&call.abi_encode()) + pages + (120 * 256u64).div_ceil(m) + (200 * 120u64).div_ceil(m)
    );

    let call = IAttrSketch::rowDistanceCall {
        setId: id,
        r: 100,
        alt: query.clone().into(),
    };
    let distance = world.call(SKETCH, ANYONE, &call).unwrap();
    let row = rows(&data, dim).nth(100).unwrap();
    let square = |a: i128| a * a;
    let d2: i128 = row
        .vector
        .iter()
        .zip(&query)
        .map(|(a, b)| square(wide(a) - wide(b)))
        .sum();
    let n2: i128 = row.vector.iter().map(|a| square(wide(a))).sum();
    let m2: i128 = query.iter().map(|a| square(wide(a))).sum();
    assert_eq!(
        (distance.d2.into(), distance.n2.into(), distance.m2.into()),
        (d2, n2, m2)
    );
    refused(
        world.call(
            SKETCH,
            ANYONE,
            &IAttrSketch::rowDistanceCall {
                setId: id,
                r: 120,
                alt: query.into(),
            },
        ),
        IAttrSketch::UnknownRow {
            row: 120,
            rows: 120,
        },
    );
}

#[test]
fn pauses_are_the_timelocks_short_and_rare() {
    let mut world = world_with_clusters(1);
    let selector = IAttrSketch::openSetCall::SELECTOR;
    let now = world.host.timestamp;
    let pause = |until| IPausable::setPausedCall {
        selector: selector.into(),
        untilTimestamp: until,
    };
    refused(
        world.call(SKETCH, OWNER, &pause(now + 1)),
        CommonErrors::Unauthorized { caller: OWNER },
    );
    for getter in [
        IAttrSketch::headerCall::SELECTOR,
        IAttrSketch::rowCall::SELECTOR,
        IAttrSketch::rowDistanceCall::SELECTOR,
        IAttrSketch::settleCall::SELECTOR,
        IPausable::setPausedCall::SELECTOR,
        [1, 2, 3, 4],
    ] {
        let call = IPausable::setPausedCall {
            selector: getter.into(),
            untilTimestamp: now + 1,
        };
        refused(
            world.call(SKETCH, PARAMETER_TIMELOCK, &call),
            CommonErrors::NotPausable {
                selector: getter.into(),
            },
        );
    }
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(now + PAUSE_MAX_S + 1)),
        CommonErrors::PauseTooLong {
            until: now + PAUSE_MAX_S + 1,
            latest: now + PAUSE_MAX_S,
        },
    );
    let until = now + PAUSE_MAX_S;
    world
        .call(SKETCH, PARAMETER_TIMELOCK, &pause(until))
        .unwrap();
    assert_eq!(world.logs.len(), 1);
    let paused = CommonErrors::Paused {
        selector: selector.into(),
        until,
    };
    refused(world.call(SKETCH, OWNER, &open(64, 0)), paused.clone());
    world.host.timestamp = until - 1;
    refused(world.call(SKETCH, OWNER, &open(64, 0)), paused);
    world.host.timestamp = until;
    opened(&mut world, 64, 0);
    // Other functions never stopped; this one may be paused again 30 days after the first time.
    let not_before = now + 30 * 86_400;
    world.host.timestamp = not_before - 1;
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before)),
        CommonErrors::PauseTooSoon {
            notBefore: not_before,
        },
    );
    world.host.timestamp = not_before;
    world
        .call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before + 100))
        .unwrap();
    // A pause can be lifted at any time.
    world.call(SKETCH, PARAMETER_TIMELOCK, &pause(0)).unwrap();
    opened(&mut world, 64, 0);
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before + 100)),
        CommonErrors::PauseTooSoon {
            notBefore: not_before + 30 * 86_400,
        },
    );
}

/// Of several reasons to refuse, the first in section 1's order is given.
#[test]
fn checks_come_in_order() {
    let mut world = world_with_clusters(1);
    let until = world.host.timestamp + 10;
    let timelock = IPausable::setPausedCall {
        selector: IAttrSketch::openSetCall::SELECTOR.into(),
        untilTimestamp: until,
    };
    world.call(SKETCH, PARAMETER_TIMELOCK, &timelock).unwrap();
    let bad = open(65, 9).abi_encode();
    let longer = [&bad[..], &[0; 32]].concat();
    let mut call = input(SKETCH, OWNER, &longer);
    call.target_address = OWNER;
    call.value = U256::from(1);
    call.is_static = true;
    let mut expect = |call, error: Vec<u8>, gas| match world.run(call) {
        Outcome::Revert { output, gas_used } => {
            assert_eq!((output.to_vec(), gas_used), (error, gas));
        }
        outcome => panic!("{outcome:?}"),
    };
    use alloy_sol_types::SolError;
    expect(call, CommonErrors::BadCallScheme {}.abi_encode(), 0);
    call.target_address = SKETCH;
    expect(call, CommonErrors::NoValue {}.abi_encode(), 0);
    call.value = U256::ZERO;
    expect(call, CommonErrors::BadAbi {}.abi_encode(), 600 + 3 * 10);
    call.data = &bad;
    expect(call, CommonErrors::StaticWrite {}.abi_encode(), 600 + 3 * 9);
    call.is_static = false;
    let paused = CommonErrors::Paused {
        selector: IAttrSketch::openSetCall::SELECTOR.into(),
        until,
    };
    expect(call, paused.abi_encode(), 600 + 3 * 9 + 2_100);
    // Without gas for the base, even malformed calldata is out of gas.
    let mut poor = input(SKETCH, OWNER, &[]);
    poor.gas = 599;
    assert_eq!(world.run(poor), Outcome::OutOfGas);
    let unknown = input(SKETCH, OWNER, &[1, 2, 3, 4]);
    let Outcome::Revert { output, gas_used } = world.run(unknown) else {
        panic!("not refused");
    };
    assert_eq!(
        (output.to_vec(), gas_used),
        (CommonErrors::BadAbi {}.abi_encode(), 603)
    );
    let huge = vec![0; 131_073];
    assert!(matches!(
        world.run(input(SKETCH, OWNER, &huge)),
        Outcome::Revert { gas_used, .. } if gas_used == 600 + 3 * 4_097
    ));
}

/// What the call would do with any amount of gas: the same, or nothing.
#[test]
fn every_amount_of_gas_gives_the_result_or_takes_all() {
    let mut world = world_with_clusters(1);
    let id = drawn(&mut world, 64, 1);
    let data = append(
        id,
        &[record(0, 1, &[5; 64]), record(0, 2, &[6; 64])].concat(),
    )
    .abi_encode();
    let Outcome::Success { gas_used, .. } = ({
        let mut copy = World {
            host: world.host.clone(),
            logs: Vec::new(),
            gas_used: 0,
        };
        copy.run(input(SKETCH, OWNER, &data))
    }) else {
        panic!("refused");
    };
    for gas in (0..gas_used).step_by(97).chain([gas_used - 1]) {
        let mut call = input(SKETCH, OWNER, &data);
        call.gas = gas;
        assert_eq!(world.run(call), Outcome::OutOfGas, "{gas} of {gas_used}");
    }
    let mut call = input(SKETCH, OWNER, &data);
    call.gas = gas_used;
    assert!(matches!(world.run(call), Outcome::Success { .. }));
}

proptest! {
    /// An honest witness is accepted; one with a residual beyond 1/256 is not.
    #[test]
    fn honest_witnesses_pass_and_perturbed_ones_do_not(
        seed in any::<u64>(), count in 1u32..60, at in 0usize..64, step in 500i16..8_000,
    ) {
        let mut stream = Stream(seed);
        let data = records(64, count, &mut stream);
        let sum_norm2 = rows(&data, 64)
            .flat_map(|row| row.vector.iter().map(|b| (*b as i8 as i64).pow(2) as u64))
            .sum();
        let lambda = lambda(sum_norm2);
        let query: Vec<u8> = (0..64).map(|_| stream.entry(100) as u8).collect();
        prop_assume!(query.iter().any(|b| *b != 0));
        let (x, shift) = witness(&data, 64, lambda, &query);
        let mut certified = CertifiedQuery { query: &query, witness: x, shift };
        prop_assert!(influence(rows(&data, 64), lambda, std::slice::from_ref(&certified)).is_ok());
        // The opposite of the solution and no solution at all are refused.
        for factor in [-1, 0] {
            let witness = certified.witness.iter().map(|x| factor * x).collect();
            let wrong = CertifiedQuery { witness, ..certified.clone() };
            let refusal = influence(rows(&data, 64), lambda, std::slice::from_ref(&wrong));
            prop_assert_eq!(refusal.unwrap_err().query, 0);
        }
        // One entry moved: refused exactly where that takes the residual beyond the bound.
        let before = certified.witness[at];
        let moved = if before > 0 { before - step } else { before + step };
        certified.witness[at] = moved;
        let measured = residual(rows(&data, 64), lambda, &certified);
        let accepted = influence(rows(&data, 64), lambda, std::slice::from_ref(&certified)).is_ok();
        let bound = U256::from(256 * 256);
        prop_assert_eq!(accepted, measured.residual2 * bound <= measured.query2);
    }

    /// Scores are what the definition gives in arithmetic that can't overflow.
    #[test]
    fn influence_is_its_definition(
        (dim, data, queries) in (1usize..40).prop_flat_map(|dim| {
            let row = (0u32..5, vec(-127i8..=127, dim));
            let query = (vec(-128i8..=127, dim), vec(-16_383i16..=16_383, dim), 0u8..=62);
            (Just(dim), vec(row, 0..40), vec(query, 1..4))
        }),
        lambda in 1u64..1 << 26,
    ) {
        let mut data = data;
        data.sort_by_key(|(cluster, _)| *cluster);
        let bytes: Vec<Vec<u8>> = data
            .iter()
            .map(|(_, vector)| vector.iter().map(|entry| *entry as u8).collect())
            .collect();
        let rows = || data.iter().zip(&bytes).map(|((cluster, _), vector)| Row {
            cluster: *cluster, label: 0, vector,
        });
        let query_bytes: Vec<Vec<u8>> = queries
            .iter()
            .map(|(query, ..)| query.iter().map(|entry| *entry as u8).collect())
            .collect();
        for ((query, x, shift), bytes) in queries.iter().zip(&query_bytes) {
            let certified = CertifiedQuery { query: bytes, witness: x.clone(), shift: *shift };
            let a: Vec<i128> = data
                .iter()
                .map(|(_, g)| g.iter().zip(x).map(|(g, x)| i128::from(*g) * i128::from(*x)).sum())
                .collect();
            let (mut r2, mut q2) = (U256::ZERO, U256::ZERO);
            for d in 0..dim {
                let u: i128 = data.iter().zip(&a).map(|((_, g), a)| i128::from(g[d]) * a).sum();
                let target = i128::from(query[d]) << shift;
                let r = target - u - i128::from(lambda) * i128::from(x[d]);
                let square = |v: i128| U256::from(v.unsigned_abs()) * U256::from(v.unsigned_abs());
                r2 += square(r);
                q2 += square(target);
            }
            let measured = residual(rows(), lambda, &certified);
            prop_assert_eq!((measured.residual2, measured.query2), (r2, q2));
            let result = influence(rows(), lambda, std::slice::from_ref(&certified));
            prop_assert_eq!(result.is_ok(), r2 * U256::from(65_536) <= q2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes in, there is an answer, the same twice, within the gas, and a refusal leaves no
    /// trace.
    #[test]
    fn any_call_is_answered(
        selector in 0usize..14,
        words in vec(prop_oneof![
            3 => (0u64..300).prop_map(U256::from),
            1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
            2 => prop::sample::select(vec![32u64, 64, 96, 128, 160]).prop_map(U256::from),
        ], 0..45),
        tail in 0usize..32, gas in prop_oneof![0u64..3_000_000, Just(GAS)], is_static in any::<bool>(),
        owner in any::<bool>(),
    ) {
        let selectors = [
            IAttrSketch::openSetCall::SELECTOR, IAttrSketch::drawSeedCall::SELECTOR,
            IAttrSketch::appendRowsCall::SELECTOR, IAttrSketch::sealCall::SELECTOR,
            IAttrSketch::headerCall::SELECTOR, IAttrSketch::rowCall::SELECTOR,
            IAttrSketch::scoreInfluenceCall::SELECTOR, IAttrSketch::scoreDotCall::SELECTOR,
            IAttrSketch::scoreKnnShapleyCall::SELECTOR, IAttrSketch::rowDistanceCall::SELECTOR,
            IAttrSketch::commitContributionCall::SELECTOR, IAttrSketch::revealCall::SELECTOR,
            IAttrSketch::settleCall::SELECTOR, IPausable::setPausedCall::SELECTOR,
        ];
        let mut world = world_with_clusters(2);
        let mut stream = Stream(3);
        let data = records(64, 5, &mut stream);
        let data: Vec<u8> = data.chunks(70).flat_map(|row| {
            let mut row = row.to_vec();
            row[3] = row[3].min(1);
            row
        }).collect();
        sealed(&mut world, 64, 1, &data);
        drawn(&mut world, 128, 0);
        let mut calldata = selectors[selector].to_vec();
        for word in words {
            calldata.extend(word.to_be_bytes::<32>());
        }
        calldata.truncate(calldata.len().saturating_sub(tail % 32 * usize::from(tail > 28)));
        let mut call = input(SKETCH, if owner { OWNER } else { ANYONE }, &calldata);
        call.gas = gas;
        call.is_static = is_static;
        let before = world.host.snapshot();
        let slots: Vec<_> = world.host.slots().collect();
        let outcome = world.run(call);
        match &outcome {
            Outcome::Success { gas_used, .. } => prop_assert!(*gas_used <= gas),
            Outcome::Revert { gas_used, .. } => {
                prop_assert!(*gas_used <= gas);
                prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
            }
            Outcome::OutOfGas => {
                prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
            }
        }
        if is_static {
            prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
        }
        world.host.restore(before);
        prop_assert_eq!(world.run(call), outcome);
    }
}
