//! What contributors would earn, and what they are worth: worlds with and without each cheat, epochs drawn again and again, models
//! trained anew without each contributor.
//!
//! Whatever is paid here is computed by the integer functions that the chain's contracts run, over draws as the chain makes them.

use crate::{
    data::Settled,
    network::{Adapter, Base, Training},
    service::{Service, form_of},
    statistics::{mean, spearman},
    task::Example,
    world::{CONTRIBUTORS, Cheats, Contribution, FLOODER, Field, RARE, Request, World},
};
use alloy_primitives::{B256, U256, keccak256};
use anyhow::bail;
use openledger_economy::epoch::{
    draw::{self, DRAWS},
    payment::{self, Pool, Running},
    scores::SetResult,
    scoring::{self, UNITS},
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Epochs that a study looks at, as many as the chain settles.
pub(crate) const EPOCHS: usize = 2;
/// Requests of an epoch.
pub(crate) const REQUESTS: usize = 160;
/// How the adapter is trained, and the one that is derived from it.
pub(crate) const TRAINING: Training = Training {
    steps: 50,
    rate: 0.01,
};
/// Part of the fees that a payer who steers pays: one in this many.
pub(crate) const STEERING_PART: u128 = 100;

/// The honest contributor for whose first cluster a payer steers, beside a junk one.
const STEERED: usize = 4;
/// New requests on which losses are measured, and samples of the rare class.
const TEST_REQUESTS: usize = 2_000;
const RARE_SAMPLES: usize = 500;
/// Epochs over which the effect of steering is averaged: the mean is then known to about a tenth of the bound.
const STEERED_EPOCHS: u64 = 400;

/// A model, as it comes out of a field's data.
pub(crate) struct Trained {
    /// The base.
    pub(crate) base: Base,
    /// The adapter.
    pub(crate) adapter: Adapter,
    /// What it was trained on.
    pub(crate) settled: Settled,
}

impl Trained {
    /// An adapter of these rows, on a base of its own.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn on(world: &World, settled: Settled) -> anyhow::Result<Self> {
        let base = Base::train(world.seed, &world.public())?;
        let adapter = Adapter::new(world.seed)?.trained(&base, &settled.samples(), TRAINING)?;
        Ok(Self {
            base,
            adapter,
            settled,
        })
    }

    /// This adapter, trained further on other rows.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn further(&self, settled: Settled) -> anyhow::Result<Self> {
        Ok(Self {
            base: self.base.clone(),
            adapter: self
                .adapter
                .trained(&self.base, &settled.samples(), TRAINING)?,
            settled,
        })
    }

    /// It in service, with a set of this seed.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub(crate) fn service(&self, seed: u64, id: u64) -> anyhow::Result<Service> {
        let gradients = self
            .adapter
            .gradients(&self.base, &self.settled.samples())?;
        let mut form = form_of(&gradients);
        form.seed = seed;
        Service::new(&self.base, &self.adapter, &self.settled, form, id)
    }
}

/// An epoch's calls of an adapter: what each paid, and what it scores.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epoch {
    /// Where its draws come from.
    pub(crate) seed: B256,
    /// The adapter's number in the registry.
    pub(crate) adapter: u64,
    /// Price of each call, wei.
    pub(crate) prices: Vec<u128>,
    /// Scores by cluster of each call; `None`: without a witness.
    pub(crate) scores: Vec<Option<Vec<i128>>>,
}

impl Epoch {
    /// The calls that are drawn.
    pub(crate) fn drawn(&self) -> Vec<usize> {
        let ends: Vec<u128> = self
            .prices
            .iter()
            .scan(0u128, |sum, price| {
                *sum += price;
                Some(*sum)
            })
            .collect();
        let total = ends.last().copied().unwrap_or_default();
        let offsets = (0..DRAWS).filter_map(|i| draw::offset(self.seed, self.adapter, i, total));
        let places = offsets.map(|offset| ends.partition_point(|end| *end <= offset));
        places.collect()
    }

    /// What follows from its draws.
    pub(crate) fn result(&self, clusters: &[u32]) -> SetResult {
        let drawn = self.drawn();
        let scores = drawn
            .iter()
            .filter_map(|place| self.scores.get(*place)?.clone());
        let by_draw: Vec<Vec<i128>> = scores.collect();
        scoring::result(clusters.to_vec(), &by_draw)
    }
}

/// Seeds of epochs that no chain drew.
pub(crate) fn epoch_seed(world: u64, epoch: u64) -> B256 {
    draw::seed(keccak256(world.to_be_bytes()), epoch)
}

/// Price of a request, in units of an answer's token.
fn price(request: &Request) -> u128 {
    u128::from(request.tokens_out())
}

/// What an adapter's epochs of these results and pools (wei) pay to contributors, one after the other.
///
/// # Errors
/// Results whose numbers have no 256 bits: no chain has them.
pub(crate) fn pay(
    settled: &Settled,
    results: &[SetResult],
    pools: &[u128],
) -> anyhow::Result<Vec<u128>> {
    let entry = payment::Trained {
        set: 1,
        space: B256::ZERO,
        weight_bps: 10_000,
    };
    let mut running: BTreeMap<u32, Running> = BTreeMap::new();
    let mut sums = vec![0u128; CONTRIBUTORS];
    for (result, total) in results.iter().zip(pools) {
        let mut pool = Pool::new(*total);
        for (place, cluster) in result.clusters.iter().enumerate() {
            let score = running.entry(*cluster).or_default();
            let due = pool.due(&entry, result, place, score);
            pool.left -= due.amount;
            let owner = settled.owner(*cluster);
            if let Some(sum) = owner.and_then(|owner| sums.get_mut(owner)) {
                *sum += due.amount;
            }
        }
    }
    Ok(sums)
}

/// What epochs of these pools pay to contributors, had these contributions been made: the same requests are drawn, and the model is
/// trained anew.
///
/// # Errors
/// candle's.
pub(crate) fn paid_with(
    world: &World,
    contributions: &[Contribution],
    set_seed: u64,
    drawn: &[Vec<Request>],
    pools: &[u128],
) -> anyhow::Result<Vec<u128>> {
    let trained = Trained::on(world, Settled::new(B256::ZERO, contributions)?)?;
    let service = trained.service(set_seed, 1)?;
    let sketches = drawn
        .iter()
        .map(|requests| {
            let answers = service.answers(requests)?;
            Ok(answers.into_iter().map(|answer| answer.sketch).collect())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    paid_for(&trained.settled, &service, &sketches, pools)
}

/// What epochs of these pools pay for the sketches that are drawn.
///
/// # Errors
/// As [`pay`].
pub(crate) fn paid_for(
    settled: &Settled,
    service: &Service,
    drawn: &[Vec<Vec<u8>>],
    pools: &[u128],
) -> anyhow::Result<Vec<u128>> {
    let result = |sketches: &Vec<Vec<u8>>| {
        let by_draw: Vec<Vec<i128>> = sketches.iter().filter_map(|s| service.scores(s)).collect();
        scoring::result(service.clusters().to_vec(), &by_draw)
    };
    let results: Vec<SetResult> = drawn.iter().map(result).collect();
    pay(settled, &results, pools)
}

/// An epoch of the first adapter's users.
fn served(
    world: &World,
    service: &Service,
    number: usize,
    seed: B256,
    adapter: u64,
) -> anyhow::Result<Epoch> {
    let requests = requests(world, Field::First, number);
    let answers = service.answers(&requests)?;
    Ok(Epoch {
        seed,
        adapter,
        prices: requests.iter().map(price).collect(),
        scores: service.all_scores(&answers),
    })
}

/// The requests of a field's users in an epoch.
pub(crate) fn requests(world: &World, field: Field, epoch: usize) -> Vec<Request> {
    world.requests(field, REQUESTS, &format!("requests {field:?} {epoch}"))
}

/// What contributors are worth: models trained without each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worth {
    /// By how much the mean loss of new requests rises without each contributor of the first Datanet.
    pub(crate) losses: Vec<(usize, f64)>,
    /// Accuracy in the rare class, and without the one who has it.
    pub(crate) rare_accuracy: (f64, f64),
    /// Accuracy over all requests.
    pub(crate) accuracy: f64,
}

impl Worth {
    /// Trains the first adapter anew without each contributor.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn new(world: &World, trained: &Trained) -> anyhow::Result<Self> {
        let asked = world.requests(Field::First, TEST_REQUESTS, "test");
        let asked: Vec<Example> = asked.iter().map(|request| request.sample).collect();
        let rare = world.samples(RARE, RARE_SAMPLES);
        let base = &trained.base;
        let loss =
            |adapter: &Adapter| -> anyhow::Result<f64> { Ok(mean(&adapter.losses(base, &asked)?)) };
        let whole = loss(&trained.adapter)?;
        let without = Field::First
            .contributors()
            .into_par_iter()
            .map(|contributor| {
                let rows = trained.settled.samples_without(contributor);
                // Who owns no row changes nothing.
                if rows.len() == trained.settled.rows.len() {
                    return Ok((contributor, 0.0, None));
                }
                let adapter = Adapter::new(world.seed)?.trained(base, &rows, TRAINING)?;
                let accuracy = match contributor {
                    RARE => Some(accuracy(base, &adapter, &rare)?),
                    _ => None,
                };
                Ok((contributor, loss(&adapter)? - whole, accuracy))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let left = without.iter().find_map(|(_, _, accuracy)| *accuracy);
        Ok(Self {
            losses: without.iter().map(|(who, loss, _)| (*who, *loss)).collect(),
            rare_accuracy: (
                accuracy(base, &trained.adapter, &rare)?,
                left.unwrap_or_default(),
            ),
            accuracy: accuracy(base, &trained.adapter, &asked)?,
        })
    }

    /// Rank correlation of what contributors were paid with what they are worth.
    pub(crate) fn spearman(&self, paid: &[u128]) -> f64 {
        let pairs = self.losses.iter().filter_map(|(who, loss)| {
            let paid = U256::from(*paid.get(*who)?);
            Some((f64::from(paid), *loss))
        });
        let (paid, losses): (Vec<f64>, Vec<f64>) = pairs.unzip();
        spearman(&paid, &losses)
    }
}

fn accuracy(base: &Base, adapter: &Adapter, samples: &[Example]) -> anyhow::Result<f64> {
    let answers = adapter.answers(base, samples)?;
    let right = answers
        .iter()
        .zip(samples)
        .filter(|(answer, sample)| **answer == sample.label);
    Ok(right.count() as f64 / samples.len().max(1) as f64)
}

/// By how much of the pool a payer moves a cluster's share, on average over many draws of the same calls, by adding calls for one
/// [`STEERING_PART`]-th of all fees, each of which rewards the cluster as much as a call can.
pub(crate) fn steering(calls: &Epoch, service: &Service, cluster: u32) -> Option<f64> {
    let place = service.clusters().iter().position(|of| *of == cluster)?;
    let fees: u128 = calls.prices.iter().sum();
    let mut steered = calls.clone();
    steered.prices.push((fees / (STEERING_PART - 1)).max(1));
    steered
        .scores
        .push(service.scores(&service.steering_query(cluster)));
    let moved: f64 = (0..STEERED_EPOCHS)
        .into_par_iter()
        .map(|number| {
            let seed = draw::seed(calls.seed, number);
            let share = |epoch: &Epoch| {
                let drawn = Epoch {
                    seed,
                    ..epoch.clone()
                };
                let shares = drawn.result(service.clusters()).shares;
                shares.get(place).copied().unwrap_or_default() as f64 / UNITS as f64
            };
            share(&steered) - share(calls)
        })
        .sum();
    Some(moved / STEERED_EPOCHS as f64)
}

/// All of a seed's world, computed here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Study {
    /// Paid to each contributor, of pools of 10^18 wei.
    pub(crate) paid: Vec<u128>,
    /// The requests that were drawn, by epoch.
    pub(crate) drawn: Vec<Vec<Request>>,
    /// What they are worth.
    pub(crate) worth: Worth,
    /// Part of all rows that each contributor has.
    pub(crate) row_shares: Vec<f64>,
    /// What a payer who steers moves of the pool: the most of a junk cluster's and an honest one's.
    pub(crate) steering: f64,
}

impl Study {
    /// Studies the world of a seed, with all cheats.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn new(seed: u64) -> anyhow::Result<Self> {
        let world = World::new(seed);
        let contributions = world.contributions(Field::First, Cheats::ALL);
        let trained = Trained::on(&world, Settled::new(B256::ZERO, &contributions)?)?;
        let service = trained.service(seed, 1)?;
        let epochs = (0..EPOCHS)
            .map(|number| served(&world, &service, number, epoch_seed(seed, number as u64), 1))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let results: Vec<SetResult> = epochs
            .iter()
            .map(|epoch| epoch.result(service.clusters()))
            .collect();
        let paid = pay(&trained.settled, &results, &[u128::from(UNITS); EPOCHS])?;
        let [first, ..] = epochs.as_slice() else {
            bail!("there are no epochs");
        };
        let cluster_of = |who| {
            trained
                .settled
                .owners
                .iter()
                .position(|owner| *owner == who)
        };
        let steered = |who| {
            let cluster = cluster_of(who).map(|cluster| cluster as u32);
            let moved = cluster.and_then(|cluster| steering(first, &service, cluster));
            // Whatever can't be measured isn't within a bound.
            moved.unwrap_or(f64::INFINITY)
        };
        Ok(Self {
            worth: Worth::new(&world, &trained)?,
            row_shares: (0..CONTRIBUTORS)
                .map(|who| trained.settled.row_share(who))
                .collect(),
            steering: steered(FLOODER).max(steered(STEERED)),
            drawn: epochs
                .iter()
                .enumerate()
                .map(|(number, epoch)| {
                    let asked = requests(&world, Field::First, number);
                    epoch
                        .drawn()
                        .into_iter()
                        .map(|place| asked[place])
                        .collect()
                })
                .collect(),
            paid,
        })
    }
}

/// A contributor's part of what all were paid.
pub(crate) fn part(paid: &[u128], contributor: usize) -> f64 {
    let float = |wei: u128| f64::from(U256::from(wei));
    let all = paid.iter().copied().sum();
    float(paid.get(contributor).copied().unwrap_or_default()) / float(all).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_of_wei() {
        let epoch = Epoch {
            seed: B256::repeat_byte(7),
            adapter: 3,
            prices: vec![0, 1, 999, 0],
            scores: vec![None; 4],
        };
        let drawn = epoch.drawn();
        assert_eq!(drawn.len(), DRAWS);
        assert!(drawn.iter().filter(|place| **place == 2).count() >= DRAWS - 1);
        assert!(drawn.iter().all(|place| [1, 2].contains(place)));
        // Nobody has a score, so nobody earns.
        assert_eq!(epoch.result(&[0, 1]), SetResult::default());
    }

    /// The derived adapter's calls have scores, and both whose rows it was trained on earn.
    #[test]
    fn a_derived_adapter_pays_for_its_own_rows() {
        for seed in 1..=3 {
            let world = World::new(seed);
            let settled = |field| {
                let all = world.contributions(field, Cheats::ALL);
                Settled::new(B256::ZERO, &all).unwrap()
            };
            let first = Trained::on(&world, settled(Field::First)).unwrap();
            let derived = first.further(settled(Field::Second)).unwrap();
            let service = derived.service(seed, 1).unwrap();
            let asked = requests(&world, Field::Second, 0);
            let epoch = Epoch {
                seed: epoch_seed(seed, 0),
                adapter: 3,
                prices: asked.iter().map(price).collect(),
                scores: service.all_scores(&service.answers(&asked).unwrap()),
            };
            let result = epoch.result(service.clusters());
            let paid = pay(&derived.settled, &[result], &[u128::from(UNITS)]).unwrap();
            for who in Field::Second.honest() {
                assert!(paid[who] > 0, "seed {seed}: {paid:?}");
            }
        }
    }

    /// The same rows give the same model, so that what is trained anew can be compared to the last bit.
    #[test]
    fn training_is_deterministic() {
        let world = World::new(3);
        let contributions = world.contributions(Field::Second, Cheats::ALL);
        let gradients = || {
            let settled = Settled::new(B256::ZERO, &contributions).unwrap();
            let trained = Trained::on(&world, settled).unwrap();
            let samples = trained.settled.samples();
            trained.adapter.gradients(&trained.base, &samples).unwrap()
        };
        let first = gradients();
        assert!(first.iter().flatten().any(|value| *value != 0.0));
        assert_eq!(first, gradients());
    }
}
