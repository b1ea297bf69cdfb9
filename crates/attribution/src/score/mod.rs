//! `openledger attribution score`: scores recomputed from what the chain holds, beside what it answers.

mod claim;
mod recompute;

pub(super) use claim::{Claim, Difference, HitJson, Question, Scores, differ};
pub(super) use recompute::recompute;

use super::{
    chain::{MODE_PROVED, SpanIndex},
    index::IndexFile,
    rows::{Rows, RowsArgs, read_vectors},
    solve::Batch,
    stream::{self, Kind},
};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use openledger_client::{Answer, BlockArgs, NodeArgs, View, describe, files};
use openledger_precompiles::{
    CALLDATA_LEN_MAX,
    span::{DF_CAP_DEFAULT, MIN_SPAN_DEFAULT},
};
use std::{path::PathBuf, process::ExitCode};

/// Whose numbers are compared.
pub(super) const RECOMPUTED: &str = "recomputed";
/// Whose numbers are compared.
pub(super) const ON_CHAIN: &str = "on chain";

/// Flags of `openledger attribution score`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The rows or entries are read from the chain with Merkle proofs, the scores computed by the native integer code here, \
and compared with what the chain answers to the same call (eth_call). A difference is printed and the exit code is 1. \
With --rows the rows are a file's, and there is nothing to compare.")]
pub(super) struct ScoreArgs {
    #[command(subcommand)]
    what: ScoreCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ScoreCommand {
    /// Certified influence of each cluster on a batch of queries
    Influence(InfluenceArgs),
    /// Dot products with a query: the cheap baseline
    Dot(DotArgs),
    /// KNN-Shapley values for a query and its label
    Knn(KnnArgs),
    /// Which clusters a text was copied from
    Spans(SpansArgs),
}

/// How the scores are given out.
#[derive(Debug, Clone, Args)]
struct OutputArgs {
    /// Write question, block and answer to this file, for `verify claim`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct InfluenceArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// Queries with their witnesses, as `solve` writes them
    #[arg(long, value_name = "FILE")]
    witness: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Args)]
struct DotArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// The query: entries alone, as `sketch --raw` writes them
    #[arg(long, value_name = "FILE")]
    query: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Args)]
struct KnnArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// The query: entries alone, as `sketch --raw` writes them
    #[arg(long, value_name = "FILE")]
    query: PathBuf,
    /// The query's label
    #[arg(long, value_name = "LABEL")]
    label: u16,
    /// Neighbours that count, K
    #[arg(long, value_name = "K", default_value_t = 5)]
    neighbours: u8,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Args)]
struct SpansArgs {
    /// The SPAN index
    #[arg(long, value_name = "ID")]
    index: u64,
    /// The text, or its tokens
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// What --tokens is: tokens (u32, most significant byte first, or .json), or text, table, rows or image,
    /// whose canonical stream is taken
    #[arg(long, value_name = "KIND", default_value_t = Kind::Tokens)]
    kind: Kind,
    /// The index's entries, as `index` writes them: for an index that has its root alone on chain
    #[arg(long, value_name = "FILE")]
    entries: Option<PathBuf>,
    /// Positions whose entries belong to more clusters don't count
    #[arg(long, value_name = "N", default_value_t = DF_CAP_DEFAULT)]
    df_cap: u8,
    /// Shorter spans don't count, in tokens
    #[arg(long, value_name = "N", default_value_t = MIN_SPAN_DEFAULT)]
    min_span: u16,
    #[command(flatten)]
    block: BlockArgs,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command.
pub(super) async fn run(args: ScoreArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        ScoreCommand::Influence(args) => {
            let batch: Batch = files::read_json(&args.witness)?;
            let ask = |set| Question::Influence {
                set,
                queries: batch.queries.clone(),
            };
            score_rows(&args.rows, &args.output, ask).await
        }
        ScoreCommand::Dot(args) => {
            let rows = Rows::load(&args.rows).await?;
            let query = one_query(&args.query, rows.dim)?;
            score_loaded(rows, &args.output, |set| Question::Dot { set, query }).await
        }
        ScoreCommand::Knn(args) => {
            let rows = Rows::load(&args.rows).await?;
            let query = one_query(&args.query, rows.dim)?;
            let ask = |set| Question::Knn {
                set,
                query,
                label: args.label,
                neighbours: args.neighbours,
            };
            score_loaded(rows, &args.output, ask).await
        }
        ScoreCommand::Spans(args) => score_spans(&args).await,
    }
}

fn one_query(path: &std::path::Path, dim: u16) -> anyhow::Result<alloy_primitives::Bytes> {
    let [query] = <[Vec<u8>; 1]>::try_from(read_vectors(path, dim, 1)?)
        .map_err(|_| anyhow::anyhow!("{} holds more than one query", path.display()))?;
    Ok(query.into())
}

async fn score_rows(
    args: &RowsArgs,
    output: &OutputArgs,
    ask: impl FnOnce(u64) -> Question,
) -> anyhow::Result<ExitCode> {
    score_loaded(Rows::load(args).await?, output, ask).await
}

/// Scores rows; those of a set are compared with what the chain answers.
async fn score_loaded(
    rows: Rows,
    output: &OutputArgs,
    ask: impl FnOnce(u64) -> Question,
) -> anyhow::Result<ExitCode> {
    let set = rows.origin.as_ref().map_or(0, |(_, set)| set.id);
    let question = ask(set);
    match &rows.origin {
        None => {
            ensure!(
                output.out.is_none(),
                "--out writes a claim about the chain: leave it out with --rows, or take --json"
            );
            print_scores(output, &recompute::of_rows(&rows, &question)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some((view, _)) => conclude(view, question, output).await,
    }
}

async fn score_spans(args: &SpansArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let view = node.at(args.block.block).await?;
    let (tokens, _) = stream::read(args.kind, &args.tokens)?;
    let index = SpanIndex::header(&view, args.index).await?;
    let hits = match (&args.entries, index.header.mode == MODE_PROVED) {
        (None, true) => bail!(
            "index {} has its root alone on chain: name its entries by --entries",
            args.index
        ),
        (_, false) => None,
        (Some(path), true) => {
            let file: IndexFile = files::read_json(path)?;
            let tree = file.tree()?;
            ensure!(
                tree.root() == index.header.root,
                "{} has root {}, index {} has {}",
                path.display(),
                tree.root(),
                args.index,
                index.header.root
            );
            let hits = tree.hits(&tokens, index.header.k, index.header.salt)?;
            Some(hits.iter().map(HitJson::new).collect())
        }
    };
    let question = Question::Spans {
        index: args.index,
        tokens,
        df_cap: args.df_cap,
        min_span: args.min_span,
        hits,
    };
    conclude(&view, question, &args.output).await
}

/// Recomputes, compares with the chain's answer, and gives out the claim.
async fn conclude(
    view: &View,
    question: Question,
    output: &OutputArgs,
) -> anyhow::Result<ExitCode> {
    let recomputed = recompute(view, &question).await?;
    let claim = Claim {
        chain_id: view.chain_id(),
        block_number: view.block.number,
        block_hash: view.block.hash,
        question,
        answer: recomputed,
    };
    if let Some(path) = &output.out {
        files::write_json(path, &claim)?;
    }
    print_scores(output, &claim.answer)?;
    let difference = against_chain(view, &claim.question, &claim.answer).await?;
    Ok(verdict(
        difference,
        &format!(
            "equal to the chain's answer at block {} {}",
            view.block.number, view.block.hash
        ),
    ))
}

/// How scores differ from what the chain answers to the call.
pub(super) async fn against_chain(
    view: &View,
    question: &Question,
    recomputed: &Scores,
) -> anyhow::Result<Option<Difference>> {
    let (to, data) = question.call();
    ensure!(
        data.len() <= CALLDATA_LEN_MAX,
        "the call has {} bytes, more than {CALLDATA_LEN_MAX}",
        data.len()
    );
    match view.call(to, data).await? {
        Answer::Returned(data) => {
            let answered = question.decode(&data)?;
            Ok(recomputed.difference(RECOMPUTED, &answered, ON_CHAIN))
        }
        Answer::Reverted(data) => Ok(differ(
            "the call",
            (RECOMPUTED, "succeeds".to_owned()),
            (ON_CHAIN, format!("reverts with {}", describe(&data))),
        )),
    }
}

/// Says how a comparison ended, on standard error.
pub(super) fn verdict(difference: Option<Difference>, equal: &str) -> ExitCode {
    match difference {
        None => {
            eprintln!("{equal}");
            ExitCode::SUCCESS
        }
        Some(difference) => {
            eprintln!("DIFFERENT: {difference}");
            ExitCode::FAILURE
        }
    }
}

fn print_scores(output: &OutputArgs, scores: &Scores) -> anyhow::Result<()> {
    if output.json {
        let text = serde_json::to_string_pretty(scores).context("writing the scores")?;
        println!("{text}");
        return Ok(());
    }
    for score in &scores.clusters {
        match score.sum_sq {
            Some(square) => println!(
                "cluster {}: {} (squares {square})",
                score.cluster, score.score
            ),
            None => println!("cluster {}: {}", score.cluster, score.score),
        }
    }
    if let Some(covered) = scores.covered {
        println!("{covered} tokens covered");
    }
    Ok(())
}
