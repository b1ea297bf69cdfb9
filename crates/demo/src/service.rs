//! An adapter in service: its sketch set, and the sketches and scores of what it answers.

use crate::{
    data::Settled,
    network::{Adapter, Base},
    task::Example,
    world::Request,
};
use openledger_attribution::{
    sketch::{Gradient, SketchForm, sketch_gradient},
    solve::{System, solve},
};
use openledger_economy::epoch::scoring::Set;
use openledger_precompiles::sketch::{CertifiedQuery, Row, influence, lambda};
use rayon::prelude::*;

/// Entries of a row.
const DIM: u16 = 256;
/// Values are multiplied by two to this power before they are rounded.
const FRAC_BITS: i8 = 24;
/// Spread of an entry of a row at the norm cap; the limit is 127.
const ENTRY_SPREAD: f64 = 30.0;
/// Part of the rows that is shorter than what the norm cap is taken from.
const BELOW_CAP: f64 = 0.25;
/// Part of that squared norm that is the cap. The chain wants half of the rows near it, and the projection of rows that are much
/// alike may shorten all of them, by an eleventh on average.
const CAP_MARGIN: f64 = 0.7;

/// The parameters of the set of these gradients, of which there is one at least; the seed is to be drawn.
pub(crate) fn form_of(gradients: &[Vec<f32>]) -> SketchForm {
    let mut norms: Vec<f64> = gradients.iter().map(|g| norm(g)).collect();
    norms.sort_unstable_by(f64::total_cmp);
    let cap = norms[((norms.len() - 1) as f64 * BELOW_CAP) as usize].max(f64::MIN_POSITIVE);
    let shift = (f64::from(FRAC_BITS) + (cap / ENTRY_SPREAD).log2())
        .round()
        .max(0.0);
    let entry = cap * (f64::from(FRAC_BITS) - shift).exp2();
    SketchForm {
        dim: DIM,
        seed: 0,
        frac_bits: FRAC_BITS,
        shift: shift as u8,
        sparsity: 0,
        norm_cap2: Some((CAP_MARGIN * entry * entry * f64::from(DIM)) as u32),
    }
}

fn norm(gradient: &[f32]) -> f64 {
    let squares = gradient.iter().map(|value| f64::from(*value).powi(2));
    squares.sum::<f64>().sqrt()
}

/// An answer of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The class.
    pub(crate) label: usize,
    /// The query's sketch: what of the adapter the answer rests on.
    pub(crate) sketch: Vec<u8>,
}

/// An adapter with a sealed set over the rows that it was trained on.
pub(crate) struct Service {
    base: Base,
    adapter: Adapter,
    form: SketchForm,
    set: Set,
    system: System,
    clusters: Vec<u32>,
}

impl Service {
    /// Of an adapter that was trained on settled rows; `form` has the set's seed.
    ///
    /// # Errors
    /// candle's, or rows that no set takes.
    pub(crate) fn new(
        base: &Base,
        adapter: &Adapter,
        settled: &Settled,
        form: SketchForm,
        id: u64,
    ) -> anyhow::Result<Self> {
        let gradients = adapter.gradients(base, &settled.samples())?;
        let rows = gradients
            .par_iter()
            .map(|gradient| Ok(sketch_gradient(&form, &Gradient::of_values(gradient)?)?.entries))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut records = Vec::new();
        for ((cluster, sample), entries) in settled.rows.iter().zip(&rows) {
            records.extend(cluster.to_be_bytes());
            records.extend((sample.label as u16).to_be_bytes());
            records.extend(entries.iter().map(|entry| *entry as u8));
        }
        let norm2 = |entry: &i8| u64::from(entry.unsigned_abs()).pow(2);
        let set = Set {
            id,
            dim: form.dim,
            lambda: lambda(rows.iter().flatten().map(norm2).sum()),
            records,
        };
        let system = System::new(set.rows(), usize::from(form.dim), set.lambda)?;
        let mut clusters: Vec<u32> = set.rows().map(|row| row.cluster).collect();
        clusters.dedup();
        Ok(Self {
            base: base.clone(),
            adapter: adapter.clone(),
            form,
            set,
            system,
            clusters,
        })
    }

    /// The set.
    pub(crate) const fn set(&self) -> &Set {
        &self.set
    }

    /// The seed of its projection.
    pub(crate) const fn seed(&self) -> u64 {
        self.form.seed
    }

    /// Its clusters, ascending.
    pub(crate) fn clusters(&self) -> &[u32] {
        &self.clusters
    }

    /// What the model answers, with the sketch of each answer: the gradient of the answer's loss, brought to the length of the
    /// norm cap, so that a request weighs by its price alone.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn answers(&self, requests: &[Request]) -> anyhow::Result<Vec<Answer>> {
        let mut asked: Vec<Example> = requests.iter().map(|request| request.sample).collect();
        let labels = self.adapter.answers(&self.base, &asked)?;
        for (sample, label) in asked.iter_mut().zip(&labels) {
            sample.label = *label;
        }
        let gradients = self.adapter.gradients(&self.base, &asked)?;
        let sketches = gradients.par_iter().map(|gradient| self.query(gradient));
        let sketches = sketches.collect::<anyhow::Result<Vec<_>>>()?;
        let answers = labels.into_iter().zip(sketches);
        Ok(answers
            .map(|(label, sketch)| Answer { label, sketch })
            .collect())
    }

    /// The sketch of a gradient, whatever its length, at the length of the cap.
    fn query(&self, gradient: &[f32]) -> anyhow::Result<Vec<u8>> {
        let cap =
            (f64::from(self.form.norm_cap2.unwrap_or_default()) / f64::from(self.form.dim)).sqrt();
        let cap = cap * (f64::from(self.form.shift) - f64::from(self.form.frac_bits)).exp2();
        let factor = cap / norm(gradient).max(f64::MIN_POSITIVE);
        let scaled: Vec<f32> = gradient
            .iter()
            .map(|v| (f64::from(*v) * factor) as f32)
            .collect();
        let form = SketchForm {
            norm_cap2: None,
            ..self.form
        };
        let row = sketch_gradient(&form, &Gradient::of_values(&scaled)?)?;
        Ok(row.entries.into_iter().map(|entry| entry as u8).collect())
    }

    /// Scores by cluster of a query, certified as the chain does it; `None` if it has no witness.
    pub(crate) fn scores(&self, query: &[u8]) -> Option<Vec<i128>> {
        let solution = solve(&self.system, || self.set.rows(), self.set.lambda, query).ok()?;
        let certified = CertifiedQuery {
            query,
            witness: solution.witness,
            shift: solution.shift,
        };
        let scores = influence(self.set.rows(), self.set.lambda, &[certified]);
        Some(scores.ok()?.sum)
    }

    /// Scores of many queries.
    pub(crate) fn all_scores(&self, answers: &[Answer]) -> Vec<Option<Vec<i128>>> {
        let scored = answers.par_iter().map(|answer| self.scores(&answer.sketch));
        scored.collect()
    }

    /// The query that rewards a cluster most: the sum of its rows, as long as int8 goes.
    pub(crate) fn steering_query(&self, cluster: u32) -> Vec<u8> {
        let mut sums = vec![0i64; usize::from(self.form.dim)];
        for row in self
            .set
            .rows()
            .filter(|row: &Row<'_>| row.cluster == cluster)
        {
            for (sum, entry) in sums.iter_mut().zip(row.vector) {
                *sum += i64::from(*entry as i8);
            }
        }
        let largest = sums
            .iter()
            .map(|sum| sum.abs())
            .max()
            .unwrap_or_default()
            .max(1);
        let entries = sums.iter().map(|sum| (sum * 127 / largest) as i8 as u8);
        entries.collect()
    }
}
