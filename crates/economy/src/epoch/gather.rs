//! From what workers publish to the scores of a proposal: the drawn calls, and the witnesses of their queries.
//!
//! Files of calls are their workers': what is wrong with one costs its draws, and nothing else. A draw that
//! can't be shown counts without a score, and anyone who has its call may add it until the proposal's first
//! deadline.

use super::{
    chain::Fees,
    draw::{DRAWS, Draws, FeeEntry, is_void},
    form::check_form,
    scores::{Draw, SCORES_BYTES_MAX, Scores, Witnesses},
    scoring::Set,
};
use crate::infer::{CallsDirectory, FeeTree, Leaf};
use alloy_primitives::{B256, Bytes, U256, U512};
use anyhow::{Context, anyhow, ensure};
use openledger_attribution::solve::{System, solve};
use openledger_client::Node;
use openledger_contracts::{InferenceRouter, VoucherChannels};
use openledger_primitives::predeploys::{INFERENCE_ROUTER, VOUCHER_CHANNELS};
use std::collections::BTreeMap;

/// A better witness leaves at most this part of the squared residual.
const IMPROVEMENT: u64 = 4;

/// What an entry of the fee log was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A request with escrow.
    Request(B256),
    /// The calls of a channel up to a voucher's count.
    Channel {
        /// The channel.
        channel: B256,
        /// How many calls the voucher is for.
        count: u64,
    },
}

impl Source {
    /// Of the entry that was recorded by log `index` of a transaction: the request or voucher is the event before.
    async fn read(node: &Node, transaction: B256, index: u64) -> anyhow::Result<Self> {
        let receipt = node
            .receipt(transaction)
            .await?
            .with_context(|| format!("the node has no receipt of {transaction}"))?;
        let before = receipt
            .logs
            .iter()
            .rev()
            .filter(|log| log.log_index < Some(index));
        for log in before {
            if log.address() == INFERENCE_ROUTER
                && let Ok(fulfilled) = log.log_decode::<InferenceRouter::Fulfilled>()
            {
                return Ok(Self::Request(fulfilled.inner.data.requestId));
            }
            if log.address() == VOUCHER_CHANNELS
                && let Ok(settled) = log.log_decode::<VoucherChannels::Settled>()
            {
                return Ok(Self::Channel {
                    channel: settled.inner.data.channel,
                    count: settled.inner.data.count,
                });
            }
        }
        Err(anyhow!("{transaction} records a fee that nobody paid"))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(request) => write!(f, "request {request}"),
            Self::Channel { channel, count } => write!(f, "channel {channel} up to call {count}"),
        }
    }
}

/// The drawn calls as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// The draws, empty where they can't be shown.
    pub draws: Vec<Draw>,
    /// Draws that can't be shown, and why.
    pub missing: Vec<(usize, String)>,
}

/// Looks for the calls of all draws in the workers' directories.
///
/// # Errors
/// A node that doesn't answer.
pub async fn gather(
    node: &Node,
    fees: &Fees,
    epoch: u64,
    draws: &Draws,
    void_draws: u16,
    sets: &[Set],
    directories: &[CallsDirectory],
) -> anyhow::Result<Gathered> {
    let mut known: BTreeMap<Source, Result<Calls, String>> = BTreeMap::new();
    let mut gathered = Gathered::default();
    if sets.is_empty() {
        // There is nothing to score by, and so nothing to show.
        gathered.draws = vec![Draw::default(); DRAWS];
        return Ok(gathered);
    }
    for i in 0..DRAWS {
        let mut shown = Draw::default();
        if is_void(void_draws, i) {
            gathered
                .missing
                .push((i, "it is void: a jury rejected its sketch".to_owned()));
        } else if let Some((offset, entry)) = draws.entry(i) {
            let fee = fees
                .recorded(epoch, offset)
                .context("each entry of the fee log that is drawn has its event")?;
            let source = Source::read(node, fee.transaction, fee.place.index).await?;
            let calls = known
                .entry(source)
                .or_insert_with(|| Calls::find(source, entry, directories));
            match calls
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|calls| calls.show(entry, offset, sets))
            {
                Ok(draw) => shown = draw,
                Err(why) => gathered.missing.push((i, format!("{source}: {why}"))),
            }
        }
        gathered.draws.push(shown);
    }
    Ok(gathered)
}

/// The calls under an entry of the fee log.
struct Calls {
    tree: FeeTree,
    calls: Vec<(Leaf, Vec<Bytes>)>,
}

impl Calls {
    /// What one of the directories has, whatever the others have: only the right calls have the entry's root and sum.
    fn find(
        source: Source,
        entry: &FeeEntry,
        directories: &[CallsDirectory],
    ) -> Result<Self, String> {
        let mut fault = None;
        for directory in directories {
            match Self::read(source, directory) {
                Ok(Some(calls)) if calls.is_paid_by(entry) => return Ok(calls),
                Ok(Some(_)) => {
                    fault = Some("the published calls aren't those that were paid".to_owned());
                }
                Ok(None) => {}
                Err(error) => fault = Some(format!("{error:#}")),
            }
        }
        Err(fault.unwrap_or_else(|| "no directory of calls has it".to_owned()))
    }

    fn is_paid_by(&self, entry: &FeeEntry) -> bool {
        let root = self.tree.root();
        root.is_some_and(|root| (root.hash, root.sum) == (entry.root, entry.root_sum))
    }

    fn read(source: Source, directory: &CallsDirectory) -> anyhow::Result<Option<Self>> {
        let calls = match source {
            Source::Request(id) => {
                let Some(call) = directory.request(id)? else {
                    return Ok(None);
                };
                vec![(call.leaf(), call.sketches)]
            }
            Source::Channel { channel, count } => {
                let Some(channel) = directory.channel(channel)? else {
                    return Ok(None);
                };
                let leaves = channel.leaves(count);
                let leaves = leaves.context("the file has fewer calls than the voucher")?;
                let sketches = channel.calls.into_iter().map(|call| call.sketches);
                leaves.into_iter().zip(sketches).collect()
            }
        };
        let tree = FeeTree::new(calls.iter().map(|(leaf, _)| leaf))?;
        Ok(Some(Self { tree, calls }))
    }

    /// The call that covers a wei of the fee log, as a proposal shows it.
    fn show(&self, entry: &FeeEntry, offset: u128, sets: &[Set]) -> Result<Draw, String> {
        let place = self.tree.place_of(entry.in_tree(offset));
        let found = place.and_then(|place| Some((self.calls.get(place)?, self.tree.proof(place)?)));
        let Some(((leaf, sketches), proof)) = found else {
            return Err("no call covers the wei".to_owned());
        };
        let lengths = sketches.iter().map(|sketch| sketch.len());
        if !lengths.eq(sets.iter().map(|set| usize::from(set.dim))) {
            return Err(format!(
                "{} sketches of the call don't fit the adapter's {} sets",
                sketches.len(),
                sets.len()
            ));
        }
        Ok(Draw {
            request_id: leaf.request_id,
            price: leaf.price,
            sketches: sketches.clone(),
            proof,
        })
    }
}

/// Scores of what was gathered, with a witness for each query; draws that have none are left out.
///
/// Takes seconds of computing for large sets.
///
/// # Errors
/// Sets that are too large to be settled by scores.
pub fn scores(gathered: &mut Gathered, sets: &[Set]) -> anyhow::Result<Scores> {
    let mut scores = Scores {
        draws: std::mem::take(&mut gathered.draws),
        witnesses: Vec::new(),
    };
    scores.draws.resize(DRAWS, Draw::default());
    let empty = Witnesses {
        x: vec![Bytes::new(); DRAWS],
        shift: vec![0; DRAWS],
    };
    scores.witnesses.resize(sets.len(), empty);
    check_form(
        &Scores {
            draws: vec![Draw::default(); DRAWS],
            ..scores.clone()
        },
        sets.len(),
        sets,
    )?;
    for (place, set) in sets.iter().enumerate() {
        let system = System::new(set.rows(), usize::from(set.dim), set.lambda)?;
        for i in 0..DRAWS {
            let sketch = scores
                .draws
                .get(i)
                .and_then(|draw| draw.sketches.get(place))
                .cloned();
            let Some(sketch) = sketch else { continue };
            match witness(set, &system, &sketch) {
                Ok((x, shift)) => put(&mut scores, place, i, x, shift),
                Err(error) => {
                    leave_out(&mut scores, i);
                    gathered
                        .missing
                        .push((i, format!("set {}: {error:#}", set.id)));
                }
            }
        }
    }
    while scores.encode().len() > SCORES_BYTES_MAX {
        let last = scores.draws.iter().rposition(Draw::is_shown);
        let last = last.context("scores without draws fit in a transaction")?;
        leave_out(&mut scores, last);
        let why = "the data of all draws don't fit in a transaction";
        gathered.missing.push((last, why.to_owned()));
    }
    check_form(&scores, sets.len(), sets)?;
    Ok(scores)
}

/// A sketch's witness and shift. A sketch without an entry has none to find: it counts without a score.
fn witness(set: &Set, system: &System, sketch: &[u8]) -> anyhow::Result<(Bytes, u8)> {
    if sketch.iter().all(|byte| *byte == 0) {
        return Ok((vec![0; 2 * sketch.len()].into(), 0));
    }
    let solution = solve(system, || set.rows(), set.lambda, sketch)?;
    let bytes: Vec<u8> = solution
        .witness
        .iter()
        .flat_map(|x| x.to_be_bytes())
        .collect();
    ensure!(
        bytes.len() == 2 * sketch.len(),
        "a witness of {} bytes",
        bytes.len()
    );
    Ok((bytes.into(), solution.shift))
}

fn put(scores: &mut Scores, set: usize, draw: usize, x: Bytes, shift: u8) {
    let Some(witnesses) = scores.witnesses.get_mut(set) else {
        return;
    };
    if let (Some(place), Some(power)) = (witnesses.x.get_mut(draw), witnesses.shift.get_mut(draw)) {
        (*place, *power) = (x, shift);
    }
}

fn leave_out(scores: &mut Scores, draw: usize) {
    if let Some(shown) = scores.draws.get_mut(draw) {
        *shown = Draw::default();
    }
    for set in 0..scores.witnesses.len() {
        put(scores, set, draw, Bytes::new(), 0);
    }
}

/// The standing scores with what of ours is better: draws that they leave out and that have a score, and witnesses with at most a quarter
/// of the squared residual (`EpochScoring.checkImproved`, which takes nothing else). `None` if nothing is.
///
/// Takes seconds of computing for large sets.
pub fn improved(standing: &Scores, ours: &Scores, void_draws: u16, sets: &[Set]) -> Option<Scores> {
    let mut better = standing.clone();
    for (i, draw) in ours.draws.iter().enumerate() {
        let has_query = draw
            .sketches
            .iter()
            .any(|sketch| sketch.iter().any(|byte| *byte != 0));
        let place = better.draws.get_mut(i)?;
        if !has_query || is_void(void_draws, i) {
            continue;
        }
        let is_shown = place.is_shown();
        if is_shown && *place != *draw {
            // What stands is wrong: that is no matter of improving it.
            continue;
        }
        *place = draw.clone();
        for (number, set) in sets.iter().enumerate() {
            if is_shown && !is_nearer(set, standing, ours, number, i) {
                continue;
            }
            let witnesses = ours.witnesses.get(number)?;
            let (x, shift) = (witnesses.x.get(i)?.clone(), *witnesses.shift.get(i)?);
            put(&mut better, number, i, x, shift);
        }
    }
    (better != *standing).then_some(better)
}

/// Whether our witness of a draw leaves at most a quarter of the squared residual, both in proportion to the query, which the shifts scale.
fn is_nearer(set: &Set, standing: &Scores, ours: &Scores, number: usize, draw: usize) -> bool {
    let old = set.residual(standing, number, draw);
    let new = set.residual(ours, number, draw);
    let (Some(old), Some(new)) = (old, new) else {
        return false;
    };
    // Squares are below 2^150.
    let wide = |a: U256, b: U256| U512::from(a) * U512::from(b);
    let scaled = wide(new.residual2, old.query2) * U512::from(IMPROVEMENT);
    !old.residual2.is_zero() && scaled <= wide(old.residual2, new.query2)
}

/// A better proposal with as many of the draws that it adds as leave its scores `room` bytes; `None` if nothing better is that short.
pub fn shortened(standing: &Scores, mut better: Scores, room: usize) -> Option<Scores> {
    for i in (0..DRAWS).rev() {
        if better.encode().len() <= room {
            break;
        }
        if standing.draws.get(i).is_some_and(|draw| !draw.is_shown()) {
            leave_out(&mut better, i);
        }
    }
    (better.encode().len() <= room && better != *standing).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{
        calls::{RequestCall, request_path},
        worker::write_request,
    };

    /// A set of two orthogonal rows of 64 entries, of clusters 0 and 1.
    fn set() -> Set {
        let row = |cluster: u32, sign: i8| {
            let entries = (0..64).map(|d| if d % 2 == 0 { 100 } else { 100 * sign } as u8);
            [&cluster.to_be_bytes()[..], &[0, 0]]
                .concat()
                .into_iter()
                .chain(entries)
                .collect::<Vec<u8>>()
        };
        Set {
            id: 1,
            dim: 64,
            lambda: openledger_precompiles::sketch::lambda(2 * 64 * 10_000),
            records: [row(0, 1), row(1, -1)].concat(),
        }
    }

    fn draw(entries: impl Fn(usize) -> i8) -> Draw {
        Draw {
            request_id: B256::repeat_byte(1),
            price: 1,
            sketches: vec![(0..64).map(|d| entries(d) as u8).collect::<Vec<_>>().into()],
            proof: Vec::new(),
        }
    }

    #[test]
    fn queries_get_witnesses_and_empty_ones_none() {
        let sets = [set()];
        let mut gathered = Gathered {
            draws: vec![draw(|_| 25), draw(|_| 0), Draw::default()],
            missing: Vec::new(),
        };
        let found = scores(&mut gathered, &sets).unwrap();
        assert!(gathered.missing.is_empty());
        assert_eq!(found.draws.len(), DRAWS);
        let residual = sets[0].residual(&found, 0, 0).unwrap();
        assert!(residual.is_within(openledger_precompiles::sketch::limits::RESIDUAL_DIVISOR));
        assert_eq!(sets[0].residual(&found, 0, 1), None);
        assert_eq!(found.witnesses[0].x[1], Bytes::from(vec![0; 128]));
        assert_eq!(found.witnesses[0].x[2], Bytes::new());
        assert_eq!(Scores::decode(&found.encode()), Ok(found));
    }

    fn scored(draws: Vec<Draw>, sets: &[Set]) -> Scores {
        let missing = Vec::new();
        scores(&mut Gathered { draws, missing }, sets).unwrap()
    }

    #[test]
    fn only_draws_that_were_left_out_and_have_a_score_are_added() {
        let sets = [set()];
        let ours = scored(vec![draw(|_| 25), draw(|_| 0), draw(|d| d as i8)], &sets);
        let standing = scored(vec![draw(|_| 24)], &sets);
        let better = improved(&standing, &ours, 0, &sets).unwrap();
        assert_eq!(better.draws[0], standing.draws[0]);
        assert_eq!(better.witnesses[0].x[0], standing.witnesses[0].x[0]);
        assert!(!better.draws[1].is_shown());
        assert_eq!(better.draws[2], ours.draws[2]);
        assert_eq!(better.witnesses[0].x[2], ours.witnesses[0].x[2]);
        assert_eq!(improved(&better, &ours, 0, &sets), None);
        assert_eq!(improved(&ours, &standing, 0, &sets), None);
        // What a jury rejected counts without a score.
        assert_eq!(improved(&standing, &ours, 0b100, &sets), None);
    }

    #[test]
    fn a_witness_is_replaced_by_one_with_a_quarter_of_the_residual() {
        let sets = [set()];
        let ours = scored(vec![draw(|d| d as i8), draw(|_| 25)], &sets);
        let moved = |by: i16| {
            let mut standing = ours.clone();
            let mut x = standing.witnesses[0].x[0].to_vec();
            for entry in x.chunks_mut(2) {
                let x = i16::from_be_bytes([entry[0], entry[1]]);
                // Towards 0, so that it stays in range.
                let moved = if x > 0 { x - by } else { x + by };
                entry.copy_from_slice(&moved.to_be_bytes());
            }
            standing.witnesses[0].x[0] = x.into();
            standing
        };
        let square = |scores: &Scores| sets[0].residual(scores, 0, 0).unwrap().residual2;
        let far = moved(40);
        assert!(square(&far) >= square(&ours) * U256::from(4));
        assert_eq!(improved(&far, &ours, 0, &sets), Some(ours.clone()));
        // The other way round, for nothing, for a void draw, and where the draw is another one, it is none.
        assert_eq!(improved(&ours, &far, 0, &sets), None);
        assert_eq!(improved(&ours, &ours, 0, &sets), None);
        assert_eq!(improved(&far, &ours, 1, &sets), None);
        let mut other = far.clone();
        other.draws[0].price += 1;
        assert_eq!(improved(&other, &ours, 0, &sets), None);
        // As little as isn't a quarter.
        let near = (1..40).map(moved).find(|near| {
            let (old, new) = (square(near), square(&ours));
            old > new && old < new * U256::from(4)
        });
        if let Some(near) = near {
            assert_eq!(improved(&near, &ours, 0, &sets), None);
        }
    }

    #[test]
    fn an_improvement_that_is_too_long_adds_fewer_draws() {
        let sets = [set()];
        let all =
            |count: usize| scored((0..count).map(|i| draw(|d| (d + i) as i8)).collect(), &sets);
        let (standing, ours) = (all(1), all(6));
        let better = improved(&standing, &ours, 0, &sets).unwrap();
        let length = better.encode().len();
        assert_eq!(
            shortened(&standing, better.clone(), length),
            Some(better.clone())
        );
        let short = shortened(&standing, better.clone(), all(3).encode().len()).unwrap();
        assert_eq!(short, all(3));
        let least = standing.encode().len();
        assert_eq!(shortened(&standing, better.clone(), least), None);
        assert_eq!(shortened(&standing, better, 0), None);
    }

    #[test]
    fn a_directory_with_wrong_calls_hides_nobody_s_right_ones() {
        let right = RequestCall {
            version: crate::infer::calls::VERSION,
            request_id: B256::repeat_byte(9),
            prompt_hash: B256::ZERO,
            output_hash: B256::ZERO,
            tokens_out: 0,
            price: 5,
            sketches: draw(|_| 25).sketches,
        };
        let wrong = RequestCall {
            price: 6,
            ..right.clone()
        };
        let places: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let directories: Vec<CallsDirectory> = places
            .iter()
            .map(|place| CallsDirectory::open(place.path()).unwrap())
            .collect();
        write_request(places[0].path(), &wrong).unwrap();
        let broken = request_path(places[1].path(), right.request_id);
        std::fs::write(broken, "{}").unwrap();
        write_request(places[2].path(), &right).unwrap();
        let root = FeeTree::new([right.leaf()].iter()).unwrap().root().unwrap();
        let entry = FeeEntry {
            start: 10,
            end: 15,
            root: root.hash,
            root_sum: root.sum,
            worker: alloy_primitives::Address::ZERO,
        };
        let source = Source::Request(right.request_id);
        let find = |directories: &[CallsDirectory]| Calls::find(source, &entry, directories);
        let calls = find(&directories).unwrap_or_else(|why| panic!("{why}"));
        let shown = calls.show(&entry, 12, &[set()]).unwrap();
        assert_eq!(shown.price, 5);
        // Alone they are told apart.
        let why = |directories: &[CallsDirectory]| find(directories).err().unwrap();
        assert!(why(&directories[..1]).contains("aren't those that were paid"));
        assert!(
            why(&directories[1..2]).contains("line"),
            "{}",
            why(&directories[1..2])
        );
        assert!(why(&[]).contains("no directory"));
    }
}
