//! Who is paid what of an epoch's pot, as `EpochSettlement` pays it: exact to the wei.

use super::{scores::SetResult, scoring::UNITS};
use alloy_primitives::{Address, B256, U256, U512};
use openledger_precompiles::lora::{lineage::Lineage, royalty::royalty_flow};

/// Basis points in a whole.
const BPS: u128 = 10_000;

/// What an epoch's fees left for the four parts that the settlement pays, wei.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pot {
    /// The model's.
    pub model: u128,
    /// The adapter's and its ancestors'.
    pub adapters: u128,
    /// The contributors'.
    pub contributors: u128,
    /// The stakers', of which the proposer's reward is.
    pub stakers: u128,
}

/// What is kept of an adapter from one epoch to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Joins later epochs' pools, wei.
    pub carried: u128,
    /// Epochs in a row that left no less to carry than they divided.
    pub unpaid_epochs: u32,
    /// Being divided among Datanets, wei.
    pub residue: u128,
}

/// How an epoch's pool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// What wasn't paid, with what hadn't joined the pool, wei.
    pub left: u128,
    /// Whether it is divided among Datanets now, and not carried.
    pub is_residue: bool,
}

impl Account {
    /// The pool of an epoch whose pot has so much for contributors: of what was carried it takes no more
    /// than it brought.
    pub fn begin(&mut self, contributors: u128) -> Pool {
        let joining = self.carried.min(contributors);
        self.carried -= joining;
        Pool::new(contributors.saturating_add(joining))
    }

    /// Ends an epoch whose pool is paid as far as it will be.
    pub fn end(&mut self, pool: &Pool, carry_epochs: u32) -> Ended {
        let left = self.carried.saturating_add(pool.left);
        self.unpaid_epochs = if left >= pool.total {
            self.unpaid_epochs.saturating_add(1)
        } else {
            0
        };
        // One residue at a time, since its division among Datanets has begun.
        let is_residue = self.unpaid_epochs >= carry_epochs && self.residue == 0;
        if is_residue {
            *self = Self {
                carried: 0,
                unpaid_epochs: 0,
                residue: left,
            };
        } else {
            self.carried = left;
        }
        Ended { left, is_residue }
    }
}

/// A part of the royalties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Royalty {
    /// The base or adapter that it is for.
    pub id: u64,
    /// Wei, more than nothing.
    pub amount: u128,
}

/// What the royalties' payment moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Royalties {
    /// The proposer's reward, wei.
    pub reward: u128,
    /// What stakers share, wei.
    pub stakers: u128,
    /// The model's, then the adapters', in the order in which they are paid.
    pub parts: Vec<Royalty>,
}

/// Shares of a lineage add up to more than a whole, which no registered lineage's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shares of the lineage of adapter {adapter} add up to more than a whole")]
pub struct BadLineage {
    /// Whose.
    pub adapter: u64,
}

/// Divides all of a pot but the contributors' part.
///
/// `proposer_bps` is 0 where nobody's proposal is paid.
///
/// # Errors
/// [`BadLineage`].
pub fn royalties(
    pot: &Pot,
    base: u64,
    lineage: &Lineage,
    proposer_bps: u16,
) -> Result<Royalties, BadLineage> {
    let reward = portion(pot.stakers, proposer_bps);
    let flow = royalty_flow(lineage, U256::from(pot.adapters)).ok_or(BadLineage {
        adapter: lineage.start(),
    })?;
    let model = (base, pot.model);
    // Parts of `pot.adapters`.
    let adapters = flow
        .into_iter()
        .map(|(id, amount)| (id, amount.saturating_to::<u128>()));
    let parts = std::iter::once(model).chain(adapters);
    Ok(Royalties {
        reward,
        stakers: pot.stakers - reward,
        parts: parts
            .filter(|(_, amount)| *amount != 0)
            .map(|(id, amount)| Royalty { id, amount })
            .collect(),
    })
}

/// A cluster's running score for an adapter's set, and its maximum so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Running {
    /// Sum of its scores, kept within 128 bits.
    pub score: i128,
    /// Its maximum, at least 0.
    pub best: i128,
}

impl Running {
    /// Adds an epoch's sum, and returns the part of what was earned by which the score passed its earlier
    /// maximum: `earned · rise / sum`, rounded down.
    ///
    /// Never more than what was earned: the score was not above its maximum, so that it rose above that by at most the sum. A payment
    /// therefore never overflows, whatever a wrong result says.
    pub fn raise(&mut self, sum: i128, earned: U256) -> U256 {
        self.score = self.score.saturating_add(sum);
        if self.score <= self.best {
            return U256::ZERO;
        }
        let rise = self.score.abs_diff(self.best);
        self.best = self.score;
        let product = U512::from(earned) * U512::from(rise);
        // The sum is at least the rise, and so not 0.
        let part = product.checked_div(U512::from(sum.unsigned_abs()));
        part.map_or(U256::ZERO, |part| part.saturating_to())
            .min(earned)
    }
}

/// Who is paid for a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners {
    /// The cluster's owner in the epoch.
    pub owner: Address,
    /// The Datanet's.
    pub datanet_owner: Address,
    /// What the Datanet's owner keeps of it.
    pub datanet_bps: u16,
}

/// A training entry that is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trained {
    /// Its sketch set.
    pub set: u64,
    /// The space of its Datanet.
    pub space: B256,
    /// Its part of the contributors' pool.
    pub weight_bps: u16,
}

/// What a cluster is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterPayment {
    /// The sketch set.
    pub set: u64,
    /// The cluster.
    pub cluster: u32,
    /// The cluster's owner.
    pub owner: Address,
    /// What its share came to before the running score, wei.
    pub earned: U256,
    /// What is paid, wei, `datanet_part` of it to the Datanet's owner.
    pub paid: u128,
    /// The Datanet's owner.
    pub datanet_owner: Address,
    /// What of it is his.
    pub datanet_part: u128,
}

/// What becomes of a share before anybody is asked whether the cluster may earn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What the share came to, wei.
    pub earned: U256,
    /// What would be paid of it, wei: what the running score rose by, and no more than is left.
    pub amount: u128,
}

/// The contributors' pool of an epoch, as it is paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// All of it, wei.
    pub total: u128,
    /// What isn't paid yet, wei.
    pub left: u128,
}

impl Pool {
    /// A pool of what was carried and what came in.
    pub const fn new(total: u128) -> Self {
        Self { total, left: total }
    }

    /// What was paid, wei.
    pub const fn paid(&self) -> u128 {
        self.total - self.left
    }

    /// What place `c` of a set's result comes to, with the cluster's running score, which it moves on.
    pub fn due(
        &self,
        trained: &Trained,
        result: &SetResult,
        c: usize,
        running: &mut Running,
    ) -> Due {
        let (Some(sum), Some(share)) = (result.sums.get(c), result.shares.get(c)) else {
            return Due {
                earned: U256::ZERO,
                amount: 0,
            };
        };
        let part = U256::from(portion(self.total, trained.weight_bps));
        // Below 2^128 · 2^64.
        let earned = part * U256::from(*share) / U256::from(UNITS);
        let raised = running.raise(*sum, earned);
        Due {
            earned,
            // At most what is left, which has 128 bits.
            amount: raised.min(U256::from(self.left)).saturating_to(),
        }
    }

    /// Pays what is due to a cluster's owners.
    pub fn pay(&mut self, set: u64, cluster: u32, due: &Due, owners: &Owners) -> ClusterPayment {
        let paid = due.amount.min(self.left);
        self.left -= paid;
        ClusterPayment {
            set,
            cluster,
            owner: owners.owner,
            earned: due.earned,
            paid,
            datanet_owner: owners.datanet_owner,
            datanet_part: portion(paid, owners.datanet_bps),
        }
    }
}

/// `⌊amount · bps / 10⁴⌋` of at most a whole.
pub fn portion(amount: u128, bps: u16) -> u128 {
    let bps = u128::from(bps).min(BPS);
    (amount / BPS) * bps + (amount % BPS) * bps / BPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_precompiles::lora::lineage::{Node, Parent};
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    fn lineage(nodes: &BTreeMap<u64, Node>) -> Lineage {
        let (start, node) = nodes.last_key_value().unwrap();
        Lineage::read(*start, node.clone(), &mut nodes.clone()).unwrap()
    }

    fn wei() -> impl Strategy<Value = u128> {
        prop_oneof![
            0u128..100,
            any::<u64>().prop_map(u128::from),
            0u128..1 << 100
        ]
    }

    proptest! {
        /// What goes out as royalties is what came in, whatever the lineage's shares.
        #[test]
        fn royalties_conserve(
            model in wei(), adapters in wei(), stakers in wei(),
            proposer_bps in 0u16..=5_000, abs in 0u16..2_500, rel in 0u16..=10_000,
        ) {
            let adapter = |parent| Node {
                abs_bps: abs,
                base: Some(1),
                parents: vec![Parent { id: parent, rel_bps: rel }],
            };
            let nodes = BTreeMap::from([(1, Node::default()), (2, adapter(1)), (3, adapter(2)), (4, adapter(3))]);
            let pot = Pot { model, adapters, contributors: 0, stakers };
            let paid = royalties(&pot, 1, &lineage(&nodes), proposer_bps).unwrap();
            let parts: u128 = paid.parts.iter().map(|part| part.amount).sum();
            prop_assert_eq!(parts, model + adapters);
            prop_assert_eq!(paid.reward + paid.stakers, stakers);
            prop_assert!(paid.parts.iter().all(|part| part.amount > 0));
        }

        /// However wrong a result is that nobody challenged, what is paid and left is the pool.
        #[test]
        fn clusters_conserve(
            total in wei(),
            results in vec((any::<i128>(), any::<u64>(), any::<bool>()), 0..20),
            weight_bps in 0u16..=10_000,
            datanet_bps in 0u16..=5_000,
        ) {
            let trained = Trained { set: 7, space: B256::ZERO, weight_bps };
            let result = SetResult {
                clusters: (0..).take(results.len()).collect(),
                sums: results.iter().map(|(sum, _, _)| *sum).collect(),
                shares: results.iter().map(|(_, share, _)| *share).collect(),
            };
            let owners = Owners { owner: Address::ZERO, datanet_owner: Address::ZERO, datanet_bps };
            let mut pool = Pool::new(total);
            let mut out = 0;
            for (c, (_, _, may_earn)) in results.iter().enumerate() {
                let mut running = Running::default();
                let due = pool.due(&trained, &result, c, &mut running);
                prop_assert!(running.score <= running.best);
                if due.amount > 0 && *may_earn {
                    let payment = pool.pay(7, c as u32, &due, &owners);
                    prop_assert!(payment.datanet_part <= payment.paid);
                    prop_assert!(U256::from(payment.paid) <= payment.earned);
                    out += payment.paid;
                }
            }
            prop_assert_eq!(out, pool.paid());
            prop_assert_eq!(out + pool.left, total);
        }

        /// Noise that goes up and down earns nothing twice: over all epochs together a cluster is paid for no
        /// more than its maximum.
        #[test]
        fn rises_add_up_to_the_maximum(sums in vec(-1_000i128..1_000, 0..40)) {
            let (mut running, mut paid) = (Running::default(), U256::ZERO);
            for sum in sums {
                // A wei for each point: what is paid is the rise.
                let earned = U256::from(sum.max(0).unsigned_abs());
                paid += running.raise(sum, earned);
            }
            prop_assert_eq!(paid, U256::from(running.best.unsigned_abs()));
        }

        /// However wrong results are, epoch after epoch: nobody is paid more than he earned, and the contract's arithmetic, which has 256 bits,
        /// holds every number.
        #[test]
        fn no_payment_overflows(
            epochs in vec((prop_oneof![any::<i128>(), Just(i128::MIN), Just(i128::MAX), -5i128..5], any::<u64>()), 0..12),
        ) {
            let mut running = Running::default();
            for (sum, share) in epochs {
                let before = running;
                // As large as a set's part can be.
                let earned = U256::from(u128::MAX) * U256::from(share) / U256::from(UNITS);
                let paid = running.raise(sum, earned);
                prop_assert!(paid <= earned && running.score <= running.best && running.best >= before.best);
                let rise = running.best.abs_diff(before.best);
                prop_assert!(rise == 0 || (sum > 0 && rise <= sum.unsigned_abs()));
            }
        }

        #[test]
        fn portions_are_rounded_down(amount in any::<u128>(), bps in 0u16..=10_000) {
            let exact = U256::from(amount) * U256::from(bps) / U256::from(BPS);
            prop_assert_eq!(U256::from(portion(amount, bps)), exact);
        }
    }

    #[test]
    fn what_stays_unpaid_becomes_residue_once() {
        let mut account = Account::default();
        let epoch = |account: &mut Account, contributors: u128, paid: u128| {
            let mut pool = account.begin(contributors);
            let total = pool.total;
            pool.left -= paid;
            (total, account.end(&pool, 2))
        };
        let (total, ended) = epoch(&mut account, 10, 0);
        assert_eq!((total, ended.left, ended.is_residue), (10, 10, false));
        // Who pays little divides little: 10 are carried, and 3 of them join.
        let (total, ended) = epoch(&mut account, 3, 0);
        assert_eq!((total, ended.left, ended.is_residue), (6, 13, true));
        let residue = Account {
            residue: 13,
            ..Account::default()
        };
        assert_eq!(account, residue);
        // Another one waits until this one is divided.
        for carried in [5, 10, 15] {
            let (_, ended) = epoch(&mut account, 5, 0);
            assert_eq!((ended.left, ended.is_residue), (carried, false));
        }
        assert_eq!(account.unpaid_epochs, 3);
        let (total, ended) = epoch(&mut account, 20, 30);
        assert_eq!((total, ended.left), (35, 5));
        assert_eq!((account.carried, account.unpaid_epochs), (5, 0));
    }

    #[test]
    fn a_score_at_its_bound_stays() {
        let mut running = Running {
            score: i128::MAX,
            best: i128::MAX,
        };
        assert_eq!(running.raise(5, U256::MAX), U256::ZERO);
        assert_eq!(running.score, i128::MAX);
        // As it is paid, with more than 256 bits between.
        let mut running = Running::default();
        assert_eq!(running.raise(i128::MAX, U256::MAX), U256::MAX);
    }
}
