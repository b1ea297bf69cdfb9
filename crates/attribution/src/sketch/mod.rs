//! `openledger attribution sketch`: gradients to int8 rows, by the projection that a set's seed fixes.

mod gradient;
mod list;

use alloy_primitives::keccak256;
use anyhow::{Context, bail};
use clap::Args;
pub use gradient::Gradient;
use list::Source;
use openledger_client::{Progress, files};
use openledger_precompiles::sketch::Projection;
use rayon::prelude::*;
use std::{path::PathBuf, process::ExitCode};

/// How often a row whose norm is above the cap is projected anew, with a smaller factor each time.
const CAP_ATTEMPTS_MAX: u32 = 64;
/// By how much its factor is lowered if rounding keeps it above the cap.
const CAP_STEP: f64 = 0.995;
/// Largest magnitude of an entry.
const ENTRY_MAX: u8 = 127;

/// Flags of `openledger attribution sketch`.
#[derive(Debug, Clone, Args)]
pub(super) struct SketchArgs {
    /// The gradients: a text file with a line `CLUSTER LABEL PATH` for each, PATH being a safetensors file
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// Where the rows are written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    form: SketchForm,
    /// Write the entries alone, without cluster and label: for queries
    #[arg(long)]
    raw: bool,
}

/// How gradients are projected: what a set's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct SketchForm {
    /// Entries of a row: the set's dimension
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub dim: u16,
    /// The set's seed
    #[arg(long, value_name = "SEED")]
    pub seed: u64,
    /// The set's fracBits: values are multiplied by 2^BITS before they are rounded
    #[arg(
        long,
        value_name = "BITS",
        default_value_t = 16,
        allow_negative_numbers = true
    )]
    pub frac_bits: i8,
    /// The set's shift: sums are divided by 2^BITS
    #[arg(long, value_name = "BITS", default_value_t = 16)]
    pub shift: u8,
    /// The set's sparsity: 0 for dense, or 4 or 8
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub sparsity: u8,
    /// The set's normCap2: scale rows down until their squared norm is at most this
    #[arg(long, value_name = "NORM2")]
    pub norm_cap2: Option<u32>,
}

/// A projected gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct SketchedRow {
    /// The row's entries.
    pub entries: Vec<i8>,
    /// What the gradient was multiplied with to meet the cap; 1 if nothing.
    pub factor: f64,
    /// Squared norm of the entries.
    pub norm2: u64,
}

/// Runs the command.
pub(super) fn run(args: &SketchArgs) -> anyhow::Result<ExitCode> {
    // Refuses what no set can have before any work.
    Projection::new(args.form.dim, args.form.seed, args.form.sparsity)?;
    let mut sources = list::read(&args.list)?;
    // A set's rows come in nondecreasing cluster order.
    sources.sort_by_key(|source| source.cluster);
    let progress = Progress::new(sources.len(), "rows");
    let rows: Vec<SketchedRow> = sources
        .par_iter()
        .map(|source| {
            let row = sketch(args, source)
                .with_context(|| format!("sketching {}", source.path.display()))?;
            progress.step();
            Ok(row)
        })
        .collect::<anyhow::Result<_>>()?;
    let records = encode(&sources, &rows, args.raw);
    files::write(&args.out, &records)?;
    for (source, row) in sources.iter().zip(&rows) {
        if row.factor != 1.0 {
            println!("{}: scaled by {:e}", source.path.display(), row.factor);
        }
    }
    let saturated = rows
        .iter()
        .flat_map(|row| &row.entries)
        .filter(|entry| entry.unsigned_abs() == ENTRY_MAX)
        .count();
    let norms = || rows.iter().map(|row| row.norm2);
    println!(
        "{} rows of {} entries, {} bytes, keccak256 {}",
        rows.len(),
        args.form.dim,
        records.len(),
        keccak256(&records)
    );
    println!(
        "squared norms {} to {}, {saturated} entries at the limit of ±127",
        norms().min().unwrap_or_default(),
        norms().max().unwrap_or_default()
    );
    Ok(ExitCode::SUCCESS)
}

/// The rows as `appendRows` takes them, or, raw, as `scoreInfluence` takes queries.
fn encode(sources: &[Source], rows: &[SketchedRow], raw: bool) -> Vec<u8> {
    let mut records = Vec::new();
    for (source, row) in sources.iter().zip(rows) {
        if !raw {
            records.extend(source.cluster.to_be_bytes());
            records.extend(source.label.to_be_bytes());
        }
        records.extend(row.entries.iter().map(|entry| *entry as u8));
    }
    records
}

fn sketch(args: &SketchArgs, source: &Source) -> anyhow::Result<SketchedRow> {
    let gradient = Gradient::read(&source.path)?;
    sketch_gradient(&args.form, &gradient)
}

/// Projects a gradient, scaled down until it meets the cap.
///
/// # Errors
/// A form that no set has; a value that isn't finite; a cap that can't be met.
pub fn sketch_gradient(args: &SketchForm, gradient: &Gradient) -> anyhow::Result<SketchedRow> {
    let row = |factor: f64| -> anyhow::Result<(SketchedRow, Projection)> {
        let mut projection = Projection::new(args.dim, args.seed, args.sparsity)?;
        gradient.for_each_part(factor, args.frac_bits, |values| projection.add(values))?;
        let entries = projection.finish(args.shift);
        let norm2 = norm2(&entries);
        let row = SketchedRow {
            entries,
            factor,
            norm2,
        };
        Ok((row, projection))
    };
    let (mut sketched, projection) = row(1.0)?;
    let Some(cap) = args.norm_cap2.map(u64::from) else {
        return Ok(sketched);
    };
    if sketched.norm2 <= cap && !is_saturated(&sketched.entries) {
        return Ok(sketched);
    }
    let true_norm = unsaturated_norm(&projection, args.shift);
    let mut factor = ((cap as f64).sqrt() / true_norm).min(1.0);
    for _ in 0..CAP_ATTEMPTS_MAX {
        (sketched, _) = row(factor)?;
        if sketched.norm2 <= cap {
            return Ok(sketched);
        }
        factor *= CAP_STEP;
    }
    bail!(
        "the squared norm stays at {}, above {cap}: raise the shift",
        sketched.norm2
    )
}

fn is_saturated(entries: &[i8]) -> bool {
    entries
        .iter()
        .any(|entry| entry.unsigned_abs() >= ENTRY_MAX)
}

fn norm2(entries: &[i8]) -> u64 {
    entries
        .iter()
        .map(|entry| u64::from(entry.unsigned_abs()).pow(2))
        .sum()
}

/// The norm that a row would have if its entries weren't limited, by a shift that brings all of them
/// within the limit.
fn unsaturated_norm(projection: &Projection, shift: u8) -> f64 {
    let mut extra = 0u8;
    loop {
        let entries = projection.finish(shift.saturating_add(extra));
        if !is_saturated(&entries) || extra == u8::MAX {
            return (norm2(&entries) as f64).sqrt() * f64::from(extra).exp2();
        }
        extra += 1;
    }
}

#[cfg(test)]
mod tests;
