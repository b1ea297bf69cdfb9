//! `openledger attribution solve`: the witnesses of certified influence scoring.

mod system;
mod witness;

use super::rows::{Rows, RowsArgs, read_vectors};
use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::files;
use openledger_precompiles::sketch::{
    CertifiedQuery, IAttrSketch,
    limits::{BATCH_MAX, SHIFT_MAX, WITNESS_MAX},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, process::ExitCode};
pub use system::System;
use witness::ratio;
pub use witness::{Method, Solution, SolveError, solve};

/// Flags of `openledger attribution solve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The rows are a set's on the chain (--set ID) or a file's (--rows FILE --dim N). Fails, and names the query, if no \
witness meets the chain's bound.")]
pub(super) struct SolveArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// The queries, 1 to 16: entries alone, as `sketch --raw` writes them
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Where queries, witnesses and shifts are written, as JSON
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The set that the calldata is for, if the rows are a file's
    #[arg(long, value_name = "ID", requires = "rows")]
    for_set: Option<u64>,
}

/// A batch of queries with their witnesses, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Batch {
    /// Entries of a vector.
    pub(super) dim: u16,
    /// The set's ridge.
    pub(super) lambda: u64,
    /// The queries.
    pub(super) queries: Vec<CertifiedQueryJson>,
    /// Calldata of `scoreInfluence`, if the set is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calldata: Option<Bytes>,
}

/// A query with its witness, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CertifiedQueryJson {
    /// Entries, int8.
    pub(super) query: Bytes,
    /// Entries, int16, most significant byte first.
    pub(super) witness: Bytes,
    /// Power of two that the witness is scaled by.
    pub(super) shift: u8,
    /// How the witness was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
    /// Norm of the query over the residual's; the chain asks for 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
}

impl CertifiedQueryJson {
    fn new(solution: &Solution) -> Self {
        let witness = solution.witness.iter().flat_map(|x| x.to_be_bytes());
        let precision = ratio(&solution.residual);
        Self {
            query: solution.query.clone(),
            witness: witness.collect::<Vec<u8>>().into(),
            shift: solution.shift,
            method: Some(solution.method),
            // An exact witness has no finite one.
            precision: precision.is_finite().then_some(precision),
        }
    }

    /// The query, refused as the chain refuses it.
    pub(super) fn certified(&self, dim: u16) -> anyhow::Result<CertifiedQuery<'_>> {
        let dim = usize::from(dim);
        ensure!(
            self.query.len() == dim && self.witness.len() == 2 * dim,
            "a query of {} and a witness of {} bytes for {dim} entries (BadLength)",
            self.query.len(),
            self.witness.len()
        );
        let witness: Vec<i16> = self
            .witness
            .as_chunks::<2>()
            .0
            .iter()
            .map(|bytes| i16::from_be_bytes(*bytes))
            .collect();
        ensure!(
            witness
                .iter()
                .all(|x| x.unsigned_abs() <= WITNESS_MAX.unsigned_abs()),
            "an entry of the witness is beyond ±{WITNESS_MAX} (WitnessRange)"
        );
        ensure!(
            self.shift <= SHIFT_MAX,
            "shift {} is above {SHIFT_MAX} (BadShift)",
            self.shift
        );
        ensure!(
            self.query.iter().any(|entry| *entry != 0),
            "the query is zero (ZeroQuery)"
        );
        Ok(CertifiedQuery {
            query: &self.query,
            witness,
            shift: self.shift,
        })
    }
}

/// Calldata of `scoreInfluence`.
pub(super) fn influence_calldata(set: u64, queries: &[CertifiedQueryJson]) -> Bytes {
    let call = IAttrSketch::scoreInfluenceCall {
        setId: set,
        q: queries.iter().map(|query| query.query.clone()).collect(),
        x: queries.iter().map(|query| query.witness.clone()).collect(),
        shift: queries.iter().map(|query| query.shift).collect(),
    };
    call.abi_encode().into()
}

/// Runs the command.
pub(super) async fn run(args: SolveArgs) -> anyhow::Result<ExitCode> {
    let rows = Rows::load(&args.rows).await?;
    let queries = read_vectors(&args.queries, rows.dim, BATCH_MAX)?;
    let (rows, queries) = tokio::task::spawn_blocking(move || {
        let solved = solve_all(&rows, &queries)?;
        anyhow::Ok((rows, solved))
    })
    .await??;
    for (number, query) in queries.iter().enumerate() {
        let method = query.method.map(|method| method.to_string());
        println!(
            "query {number}: shift {}, {}, residual 1/{:.0} of the query",
            query.shift,
            method.unwrap_or_default(),
            query.precision.unwrap_or(f64::INFINITY)
        );
    }
    let set = args.for_set.or(rows.origin.as_ref().map(|(_, set)| set.id));
    let calldata = set.map(|set| influence_calldata(set, &queries));
    println!(
        "{} queries against {} rows of {} entries, lambda {}{}",
        queries.len(),
        rows.iter().count(),
        rows.dim,
        rows.lambda,
        calldata
            .as_ref()
            .map(|data| format!(", {} bytes of calldata", data.len()))
            .unwrap_or_default()
    );
    let batch = Batch {
        dim: rows.dim,
        lambda: rows.lambda,
        queries,
        calldata,
    };
    files::write_json(&args.out, &batch)?;
    Ok(ExitCode::SUCCESS)
}

/// Witnesses of all queries.
fn solve_all(rows: &Rows, queries: &[Vec<u8>]) -> anyhow::Result<Vec<CertifiedQueryJson>> {
    let system = System::new(rows.iter(), usize::from(rows.dim), rows.lambda)?;
    queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let solution = witness::solve(&system, || rows.iter(), rows.lambda, query)
                .with_context(|| format!("query {number}"))?;
            Ok(CertifiedQueryJson::new(&solution))
        })
        .collect()
}
