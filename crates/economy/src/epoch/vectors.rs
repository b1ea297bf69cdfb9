//! Whole epochs, as the contracts settle them: `contracts/test/protocol/vectors/epochs.json`, which
//! `EpochVectors.t.sol` writes. What is computed here must be the same, bit by bit.

use super::{
    draw::{Draws, FeeLog, offset, seed},
    form::check_form,
    payment::{Account, Owners, Pot, Running, Trained, royalties},
    scores::{Draw, Scores, SetResult},
    scoring::{Set, compute},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolValue, sol};
use openledger_precompiles::lora::lineage::{Lineage, Node, Parent};
use std::collections::BTreeMap;

sol! {
    struct VFee { address worker; bytes32 root; uint128 rootSum; uint128 price; uint128 end; }
    struct VSet { uint64 id; uint16 dim; uint64 lambda; bytes records; }
    struct VComputed { uint16 voidDraws; bytes scores; bool[] isValid; bytes[] results; }
    struct VTrain { bytes32 datanet; uint64 sketchSet; uint64 spanIndex; uint16 weightBps; }
    struct VShare { uint64 id; uint16 relBps; }
    struct VNode { uint64 id; uint64 base; uint16 absBps; VShare[] parents; }
    struct VPot { uint128 model; uint128 adapters; uint128 contributors; uint128 stakers; }
    struct VRoyalty { uint64 id; uint256 amount; }
    struct VPayment {
        uint64 sketchSet; uint32 cluster; address owner; uint256 earned; uint256 paid; uint256 datanetPart;
    }
    struct VEpoch {
        uint64 epoch;
        uint64 adapter;
        bytes32 closing;
        bytes32 seed;
        uint128[] offsets;
        VFee[] log;
        VSet[] sets;
        VComputed[] computed;
        VTrain[] train;
        VNode[] lineage;
        VPot pot;
        uint16 proposerBps;
        VRoyalty[] royalties;
        uint256 stakers;
        VPayment[] payments;
        uint256 paid;
        uint256 carried;
    }
}

const FILE: &str = include_str!("../../../../contracts/test/protocol/vectors/epochs.json");
/// `EpochSettlement`'s default.
const CARRY_EPOCHS: u32 = 4;

#[derive(serde::Deserialize)]
struct Vectors {
    epochs: Vec<Bytes>,
}

fn epochs() -> Vec<VEpoch> {
    let vectors: Vectors = serde_json::from_str(FILE).unwrap();
    let decode = |data: &Bytes| VEpoch::abi_decode(data).unwrap();
    vectors.epochs.iter().map(decode).collect()
}

impl VEpoch {
    fn draws(&self) -> Draws {
        let mut log = FeeLog::default();
        for fee in &self.log {
            log.push(fee.worker, fee.root, fee.rootSum, fee.price, fee.end)
                .unwrap();
        }
        Draws {
            seed: self.seed,
            adapter: self.adapter,
            log,
        }
    }

    fn sets(&self) -> Vec<Set> {
        let set = |set: &VSet| Set {
            id: set.id,
            dim: set.dim,
            lambda: set.lambda,
            records: set.records.to_vec(),
        };
        self.sets.iter().map(set).collect()
    }

    fn trained(&self) -> Vec<Trained> {
        let of = |set: &VSet| {
            let entry = self.train.iter().find(|entry| entry.sketchSet == set.id);
            entry.map(|entry| Trained {
                set: set.id,
                space: entry.datanet,
                weight_bps: entry.weightBps,
            })
        };
        self.sets.iter().filter_map(of).collect()
    }

    fn lineage(&self) -> Lineage {
        let mut nodes: BTreeMap<u64, Node> = self
            .lineage
            .iter()
            .map(|node| {
                let parents = node.parents.iter().map(|parent| Parent {
                    id: parent.id,
                    rel_bps: parent.relBps,
                });
                let of = Node {
                    abs_bps: node.absBps,
                    base: (node.base != node.id).then_some(node.base),
                    parents: parents.collect(),
                };
                (node.id, of)
            })
            .collect();
        let start = nodes.get(&self.adapter).unwrap().clone();
        Lineage::read(self.adapter, start, &mut nodes).unwrap()
    }

    /// The results that were proposed and paid.
    fn results(&self) -> Vec<SetResult> {
        let computed = &self.computed[0];
        let scores = Scores::decode(&computed.scores).unwrap();
        let (draws, sets) = (self.draws(), self.sets());
        let result = |(place, set)| compute(&draws, 0, &scores, place, set).unwrap();
        sets.iter().enumerate().map(result).collect()
    }
}

#[test]
fn draws_fall_where_the_contract_s_do() {
    for epoch in epochs() {
        assert_eq!(seed(epoch.closing, epoch.epoch), epoch.seed);
        let draws = epoch.draws();
        for (i, expected) in epoch.offsets.iter().enumerate() {
            let total = draws.log.total();
            assert_eq!(offset(epoch.seed, epoch.adapter, i, total), Some(*expected));
            assert_eq!(draws.entry(i).unwrap().0, *expected);
        }
        assert_eq!(epoch.offsets.len(), super::draw::DRAWS);
    }
}

#[test]
fn scores_are_encoded_and_their_form_checked_as_the_contract_does() {
    for epoch in epochs() {
        let sets = epoch.sets();
        for computed in &epoch.computed {
            let scores = Scores::decode(&computed.scores).unwrap();
            assert_eq!(scores.encode(), computed.scores);
            assert_eq!(check_form(&scores, sets.len(), &sets), Ok(()));
            assert!(check_form(&scores, sets.len() + 1, &sets).is_err());
            let mut changed = scores.clone();
            changed.draws.pop();
            assert!(check_form(&changed, sets.len(), &sets).is_err());
            let mut changed = scores.clone();
            changed.witnesses[0].x[0] = Bytes::new();
            assert!(check_form(&changed, sets.len(), &sets).is_err());
            let mut changed = scores;
            changed.draws[0] = Draw::default();
            assert!(check_form(&changed, sets.len(), &sets).is_err());
        }
    }
}

#[test]
fn results_are_the_contract_s() {
    let (mut right, mut wrong, mut empty) = (0, 0, 0);
    for epoch in epochs() {
        let (draws, sets) = (epoch.draws(), epoch.sets());
        for computed in &epoch.computed {
            let scores = Scores::decode(&computed.scores).unwrap();
            for (place, set) in sets.iter().enumerate() {
                let found = compute(&draws, computed.voidDraws, &scores, place, set);
                assert_eq!(
                    found.is_ok(),
                    computed.isValid[place],
                    "epoch {}: {found:?}",
                    epoch.epoch
                );
                let Ok(result) = found else {
                    wrong += 1;
                    continue;
                };
                assert_eq!(result.hash(), keccak256(&computed.results[place]));
                right += 1;
                empty += usize::from(result.clusters.is_empty());
            }
        }
    }
    // The file has each kind.
    assert!(
        right >= 14 && wrong >= 4 && empty >= 2,
        "{right} {wrong} {empty}"
    );
}

#[test]
fn a_changed_proposal_is_wrong() {
    let epoch = &epochs()[0];
    let (draws, sets) = (epoch.draws(), epoch.sets());
    let scores = Scores::decode(&epoch.computed[0].scores).unwrap();
    let right = compute(&draws, 0, &scores, 0, &sets[0]).unwrap();
    for change in [
        |scores: &mut Scores| scores.draws[0].price += 1,
        |scores: &mut Scores| scores.draws[0].request_id = B256::ZERO,
        |scores: &mut Scores| scores.draws[0].sketches.reverse(),
        |scores: &mut Scores| scores.witnesses[0].shift[0] = 63,
        |scores: &mut Scores| scores.witnesses[0].shift[0] -= 1,
    ] {
        let mut changed = scores.clone();
        change(&mut changed);
        let found = compute(&draws, 0, &changed, 0, &sets[0]);
        assert!(
            changed == scores || found.as_ref() != Ok(&right),
            "{found:?}"
        );
    }
}

#[test]
fn everybody_is_paid_what_the_contract_pays() {
    let mut account = Account::default();
    let mut running: BTreeMap<(u64, u32), Running> = BTreeMap::new();
    let mut held_back = 0;
    for epoch in epochs() {
        let pot = Pot {
            model: epoch.pot.model,
            adapters: epoch.pot.adapters,
            contributors: epoch.pot.contributors,
            stakers: epoch.pot.stakers,
        };
        let lineage = epoch.lineage();
        let paid = royalties(&pot, 1, &lineage, epoch.proposerBps).unwrap();
        assert_eq!(U256::from(paid.stakers), epoch.stakers);
        let parts: Vec<(u64, U256)> = paid
            .parts
            .iter()
            .map(|part| (part.id, U256::from(part.amount)))
            .collect();
        let expected: Vec<(u64, U256)> = epoch
            .royalties
            .iter()
            .map(|royalty| (royalty.id, royalty.amount))
            .collect();
        assert_eq!(parts, expected);

        let mut pool = account.begin(pot.contributors);
        let mut payments = epoch.payments.iter();
        for (trained, result) in epoch.trained().iter().zip(epoch.results()) {
            for (c, cluster) in result.clusters.iter().enumerate() {
                let running = running.entry((trained.set, *cluster)).or_default();
                let due = pool.due(trained, &result, c, running);
                held_back += usize::from(U256::from(due.amount) < due.earned);
                if due.amount == 0 {
                    continue;
                }
                let expected = payments.next().unwrap();
                let owners = Owners {
                    owner: expected.owner,
                    datanet_owner: Address::ZERO,
                    datanet_bps: 1_000,
                };
                let payment = pool.pay(trained.set, *cluster, &due, &owners);
                assert_eq!(
                    (payment.set, payment.cluster),
                    (expected.sketchSet, expected.cluster)
                );
                assert_eq!(payment.earned, expected.earned);
                assert_eq!(U256::from(payment.paid), expected.paid);
                assert_eq!(U256::from(payment.datanet_part), expected.datanetPart);
            }
        }
        assert!(payments.next().is_none());
        assert_eq!(U256::from(pool.paid()), epoch.paid);
        let ended = account.end(&pool, CARRY_EPOCHS);
        assert_eq!(U256::from(ended.left), epoch.carried);
    }
    // Scores fell and rose again in the file.
    assert!(held_back > 0);
}
