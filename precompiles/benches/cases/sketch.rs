use super::{
    Access::{self, Cold, Warm},
    Case, DATANET, WHO, World,
};
use alloc::{vec, vec::Vec};
use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use openledger_precompiles::{
    IPausable, SKETCH,
    hash::sm64,
    sketch::{IAttrSketch as Sketch, commitment, limits::rows_per_page, space},
};

pub(super) const CASES: &[(&str, fn() -> Case)] = &[
    ("scoreInfluence 1x64, 1 query", || {
        influence(64, 1, 1, 1, Warm)
    }),
    ("scoreInfluence 1x64, 16 queries", || {
        influence(64, 1, 1, 16, Warm)
    }),
    ("scoreInfluence 1x1024, 16 queries", || {
        influence(1_024, 1, 1, 16, Warm)
    }),
    ("scoreInfluence 4096x64, 1 query", || {
        influence(64, 4_096, 1, 1, Warm)
    }),
    ("scoreInfluence 4096x64, 16 queries", || {
        influence(64, 4_096, 1, 16, Warm)
    }),
    ("scoreInfluence 4096x64, 16 queries, 1024 clusters", || {
        influence(64, 4_096, 1_024, 16, Warm)
    }),
    ("scoreInfluence 1024x256, 1 query, cold", || {
        influence(256, 1_024, 1, 1, Cold)
    }),
    ("scoreInfluence 1024x256, 16 queries", || {
        influence(256, 1_024, 1, 16, Warm)
    }),
    ("scoreInfluence 23x1024, 16 queries", || {
        influence(1_024, 23, 1, 16, Warm)
    }),
    ("scoreInfluence 4096x1024, 1 query", || {
        influence(1_024, 4_096, 1, 1, Warm)
    }),
    ("scoreInfluence 4096x1024, 16 queries", || {
        influence(1_024, 4_096, 1, 16, Warm)
    }),
    ("scoreInfluence 4096x1024, 16 queries, cold", || {
        influence(1_024, 4_096, 1, 16, Cold)
    }),
    ("residual 1x64", || residual(64, 1)),
    ("residual 4096x1024", || residual(1_024, 4_096)),
    ("scoreDot 1x64", || dot(64, 1, Warm)),
    ("scoreDot 4096x64", || dot(64, 4_096, Warm)),
    ("scoreDot 4096x1024", || dot(1_024, 4_096, Warm)),
    ("scoreDot 4096x1024, cold", || dot(1_024, 4_096, Cold)),
    ("scoreKnnShapley 1x64, K 1", || neighbours(64, 1, 1, Warm)),
    ("scoreKnnShapley 4096x64, K 1", || {
        neighbours(64, 4_096, 1, Warm)
    }),
    ("scoreKnnShapley 4096x64, K 64", || {
        neighbours(64, 4_096, 64, Warm)
    }),
    ("scoreKnnShapley 4096x1024, K 64", || {
        neighbours(1_024, 4_096, 64, Warm)
    }),
    ("rowDistance 1x64", || distance(64)),
    ("rowDistance 1x1024", || distance(1_024)),
    ("row 1x1024", || {
        let row = Sketch::rowCall { setId: 1, r: 0 };
        Case::view(sealed(1_024, 0, 1, 1), SKETCH, &row, Warm)
    }),
    ("header", || {
        let header = Sketch::headerCall { setId: 1 };
        Case::view(drawn(64, 0, 1), SKETCH, &header, Warm)
    }),
    ("clusterCount", || {
        let count = Sketch::clusterCountCall {
            space: space(WHO, DATANET),
        };
        Case::view(drawn(64, 0, 2), SKETCH, &count, Warm)
    }),
    ("openSet", || {
        Case::write(World::new(), SKETCH, &open(DATANET, 64, 0))
    }),
    ("drawSeed", || {
        let mut world = World::new();
        world.call(SKETCH, &open(DATANET, 64, 0));
        world.skip_blocks(2);
        Case::write(world, SKETCH, &Sketch::drawSeedCall { setId: 1 })
    }),
    ("SKETCH's seal", || {
        let mut world = drawn(64, 0, 1);
        let append = Sketch::appendRowsCall {
            setId: 1,
            rows: rows(64, 0, 2, 2, 1).into(),
        };
        world.call(SKETCH, &append);
        Case::write(world, SKETCH, &Sketch::sealCall { setId: 1 })
    }),
    ("setPaused, not the timelock's", || {
        let pause = IPausable::setPausedCall {
            selector: Sketch::sealCall::SELECTOR.into(),
            untilTimestamp: u64::MAX,
        };
        Case::view(World::new(), SKETCH, &pause, Warm).refused()
    }),
    ("appendRows 1x64", || append_rows(64, 1)),
    ("appendRows 5 pages x64", || {
        append_rows(64, 5 * rows_per_page(64))
    }),
    ("appendRows 5 pages x1024", || {
        append_rows(1_024, 5 * rows_per_page(1_024))
    }),
    ("commitContribution", || {
        let commit = Sketch::commitContributionCall {
            datanet: DATANET,
            h: DATANET,
        };
        Case::write(World::new(), SKETCH, &commit)
    }),
    ("reveal", || {
        let mut world = World::new();
        let commit = committed(&mut world, DATANET, 0..1).remove(0);
        world.skip_blocks(2);
        Case::write(world, SKETCH, &reveal(DATANET, commit, 0))
    }),
    ("settle, 64 new clusters", || {
        let mut world = World::new();
        revealed(&mut world, 0..64);
        Case::write(world, SKETCH, &settle(DATANET))
    }),
    ("settle, 64 copies of one", || {
        let mut world = World::new();
        revealed(&mut world, 0..1);
        world.call(SKETCH, &settle(DATANET));
        let commits: Vec<B256> = (0..64)
            .flat_map(|_| committed(&mut world, DATANET, 0..1))
            .collect();
        world.skip_blocks(2);
        for commit in commits {
            world.call(SKETCH, &reveal(DATANET, commit, 0));
        }
        world.skip_blocks(49);
        Case::write(world, SKETCH, &settle(DATANET))
    }),
];

fn signature(number: u32) -> [u32; 32] {
    core::array::from_fn(|j| {
        number
            .wrapping_mul(97)
            .wrapping_add((j as u32).wrapping_mul(1_000_003))
    })
}

fn committed(world: &mut World, datanet: B256, numbers: core::ops::Range<u32>) -> Vec<B256> {
    let space = space(WHO, datanet);
    numbers
        .map(|number| {
            let h = commitment(space, WHO, &signature(number), B256::ZERO, B256::ZERO);
            world.call(SKETCH, &Sketch::commitContributionCall { datanet, h })
        })
        .collect()
}

fn reveal(datanet: B256, commit: B256, number: u32) -> Sketch::revealCall {
    Sketch::revealCall {
        datanet,
        commitId: commit,
        contributor: WHO,
        dataRoot: B256::ZERO,
        salt: B256::ZERO,
        mh: signature(number),
    }
}

/// Contributions of these numbers, ready to settle.
fn revealed(world: &mut World, numbers: core::ops::Range<u32>) {
    let commits = committed(world, DATANET, numbers.clone());
    world.skip_blocks(2);
    for (number, commit) in numbers.zip(commits) {
        world.call(SKETCH, &reveal(DATANET, commit, number));
    }
    world.skip_blocks(49);
}

fn settle(datanet: B256) -> Sketch::settleCall {
    Sketch::settleCall { datanet, max: 64 }
}

/// Entries of a row: a direction shared by all rows, so that a witness is known without solving.
fn entry(column: u64) -> i8 {
    if sm64(7, column) & 1 == 0 { 100 } else { -100 }
}

/// `count` rows from row `first` on, in `clusters` clusters of equal size.
fn rows(dim: u16, first: u32, count: u32, of: u32, clusters: u32) -> Vec<u8> {
    let mut records = Vec::new();
    for row in first..first + count {
        let cluster = u64::from(row) * u64::from(clusters) / u64::from(of.max(1));
        records.extend((cluster as u32).to_be_bytes());
        records.extend([0, 1]);
        records.extend((0..u64::from(dim)).map(|column| entry(column) as u8));
    }
    records
}

fn open(datanet: B256, dim: u16, kind: u8) -> Sketch::openSetCall {
    Sketch::openSetCall {
        subject: space(WHO, datanet),
        dim,
        kind,
        normCap2: u32::from(dim) * 10_000,
        fracBits: 0,
        shift: 0,
        sparsity: 0,
        dataRoot: B256::ZERO,
    }
}

/// A world with an open set, drawn, whose id is 1, and `clusters` clusters.
fn drawn(dim: u16, kind: u8, clusters: u32) -> World {
    let mut world = World::new();
    revealed(&mut world, 0..clusters);
    for _ in 0..clusters.div_ceil(64) {
        world.call(SKETCH, &settle(DATANET));
    }
    world.call(SKETCH, &open(DATANET, dim, kind));
    world.skip_blocks(2);
    world.call(SKETCH, &Sketch::drawSeedCall { setId: 1 });
    world
}

/// A world with a sealed set of `rows` rows.
fn sealed(dim: u16, kind: u8, count: u32, clusters: u32) -> World {
    let mut world = drawn(dim, kind, clusters);
    let step = 5 * rows_per_page(dim);
    let mut first = 0;
    while first < count {
        let now = step.min(count - first);
        let append = Sketch::appendRowsCall {
            setId: 1,
            rows: rows(dim, first, now, count, clusters).into(),
        };
        world.call(SKETCH, &append);
        first += now;
    }
    world.call(SKETCH, &Sketch::sealCall { setId: 1 });
    world.skip_blocks(1);
    world
}

/// A query along the rows with its witness: x = 2^shift·q / (rows·‖g‖² + λ), since G has rank one.
pub(crate) fn certified_query(dim: u16, rows: u32) -> (Vec<u8>, Vec<i16>, u8) {
    let direction: Vec<i8> = (0..u64::from(dim)).map(entry).collect();
    let norm2 = u64::from(dim) * 10_000;
    let lambda = (u64::from(rows) * norm2).div_ceil(1_024).max(1);
    let eigenvalue = u128::from(u64::from(rows) * norm2 + lambda);
    let shift = (0..=62u8)
        .rev()
        .find(|shift| (100u128 << shift) / eigenvalue <= 16_383)
        .unwrap_or(0);
    let magnitude = (((100u128 << shift) + eigenvalue / 2) / eigenvalue) as i16;
    let witness = direction
        .iter()
        .map(|g| magnitude * i16::from(g.signum()))
        .collect();
    let query = direction.iter().map(|g| *g as u8).collect();
    (query, witness, shift)
}

fn influence(dim: u16, rows: u32, clusters: u32, batch: usize, access: Access) -> Case {
    let (query, witness, shift) = certified_query(dim, rows);
    let witness: Vec<u8> = witness.iter().flat_map(|x| x.to_be_bytes()).collect();
    let score = Sketch::scoreInfluenceCall {
        setId: 1,
        q: vec![query.into(); batch],
        x: vec![witness.into(); batch],
        shift: vec![shift; batch],
    };
    Case::view(sealed(dim, 0, rows, clusters), SKETCH, &score, access)
}

fn residual(dim: u16, rows: u32) -> Case {
    let (query, witness, shift) = certified_query(dim, rows);
    let residual = Sketch::residualCall {
        setId: 1,
        q: query.into(),
        x: witness
            .iter()
            .flat_map(|x| x.to_be_bytes())
            .collect::<Vec<u8>>()
            .into(),
        shift,
    };
    Case::view(sealed(dim, 0, rows, 1), SKETCH, &residual, Warm)
}

fn dot(dim: u16, rows: u32, access: Access) -> Case {
    let score = Sketch::scoreDotCall {
        setId: 1,
        q: certified_query(dim, rows).0.into(),
    };
    Case::view(sealed(dim, 0, rows, 1), SKETCH, &score, access)
}

/// Rows at distances in no order, so that sorting them is work.
fn neighbours(dim: u16, count: u32, k: u8, access: Access) -> Case {
    let mut world = drawn(dim, 1, 1);
    let step = 5 * rows_per_page(dim);
    let mut first = 0;
    while first < count {
        let now = step.min(count - first);
        let mut records = Vec::new();
        for row in first..first + now {
            records.extend([0, 0, 0, 0, 0, (sm64(8, u64::from(row)) & 1) as u8]);
            records.extend(
                (0..u64::from(dim))
                    .map(|column| (sm64(u64::from(row), column) % 255).wrapping_sub(127) as u8),
            );
        }
        let append = Sketch::appendRowsCall {
            setId: 1,
            rows: records.into(),
        };
        world.call(SKETCH, &append);
        first += now;
    }
    world.call(SKETCH, &Sketch::sealCall { setId: 1 });
    world.skip_blocks(1);
    let score = Sketch::scoreKnnShapleyCall {
        setId: 1,
        q: certified_query(dim, count).0.into(),
        label: 1,
        K: k,
    };
    Case::view(world, SKETCH, &score, access)
}

fn distance(dim: u16) -> Case {
    let distance = Sketch::rowDistanceCall {
        setId: 1,
        r: 0,
        alt: certified_query(dim, 1).0.into(),
    };
    Case::view(sealed(dim, 0, 1, 1), SKETCH, &distance, Warm)
}

fn append_rows(dim: u16, count: u32) -> Case {
    let append = Sketch::appendRowsCall {
        setId: 1,
        rows: rows(dim, 0, count, count, 1).into(),
    };
    Case::write(drawn(dim, 0, 1), SKETCH, &append)
}

/// Seals `count` sets of one embedding each, with ids from 1, the subject of each the space of a datanet of
/// [`datanet`].
pub(super) fn seal_embeddings(world: &mut World, count: u8) {
    let commits: Vec<B256> = (0..count)
        .flat_map(|index| committed(world, datanet(index), 0..1))
        .collect();
    world.skip_blocks(2);
    for (index, commit) in (0..count).zip(commits) {
        world.call(SKETCH, &reveal(datanet(index), commit, 0));
    }
    world.skip_blocks(49);
    for index in 0..count {
        world.call(SKETCH, &settle(datanet(index)));
        world.call(SKETCH, &open(datanet(index), 64, 1));
    }
    world.skip_blocks(2);
    for set_id in 1..=u64::from(count) {
        world.call(SKETCH, &Sketch::drawSeedCall { setId: set_id });
        let append = Sketch::appendRowsCall {
            setId: set_id,
            rows: vec![0; 70].into(),
        };
        world.call(SKETCH, &append);
        world.call(SKETCH, &Sketch::sealCall { setId: set_id });
    }
}

pub(super) const fn datanet(index: u8) -> B256 {
    B256::with_last_byte(index)
}
