//! Sets: opened, drawn, filled, sealed, scored.

mod calls;
mod scoring;
mod sets;
mod witnesses;

use crate::world::World;
use alloy_primitives::{Address, B256};
use openledger_precompiles::{
    SKETCH,
    sketch::{IAttrSketch, commitment, limits::rows_per_page, record_len, rows, space},
};

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
