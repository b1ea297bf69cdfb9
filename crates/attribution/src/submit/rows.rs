//! `submit rows`: appended page by page, and sealed.

use super::{
    super::{
        chain::{SketchSet, SpaceState},
        rows::Counted,
    },
    SubmissionArgs,
};
use anyhow::{Context, bail, ensure};
use clap::Args;
use openledger_client::{Sender, Step, TooMuchGas, files};
use openledger_precompiles::{
    CALLDATA_LEN_MAX, SKETCH,
    sketch::{
        IAttrSketch,
        limits::{ENTRIES_MAX, ROWS_MAX, rows_per_page},
        record_len,
    },
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Longest file of rows that is read, bytes.
const FILE_BYTES_MAX: u64 = ENTRIES_MAX + ROWS_MAX as u64 * 6;
/// Calldata beside the rows: selector, set, offset, length and padding.
const CALLDATA_OVERHEAD: usize = 4 + 4 * 32;
/// Kind of a set of gradients.
const KIND_INFLUENCE: u8 = 0;

/// Flags of `openledger attribution submit rows`.
#[derive(Debug, Clone, Args)]
pub(super) struct RowsArgs {
    /// The rows, as `sketch` writes them
    #[arg(value_name = "ROWS")]
    rows: PathBuf,
    /// The set, whose seed is drawn
    #[arg(long, value_name = "ID")]
    set: u64,
    /// Leave the set open
    #[arg(long)]
    no_seal: bool,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// Runs the command.
pub(super) async fn run(args: RowsArgs) -> anyhow::Result<ExitCode> {
    let records = files::read(&args.rows, FILE_BYTES_MAX)?;
    let inputs = [&args.set.to_be_bytes()[..], &records].concat();
    let mut sender = args.account.open("rows", &inputs).await?;
    let header = append_rows(&mut sender, args.set, &records, !args.no_seal)
        .await
        .with_context(|| args.rows.display().to_string())?
        .header;
    let (transactions, gas) = sender.spent();
    if args.account.json {
        let result = json!({
            "setId": args.set,
            "rows": header.rows,
            "lambda": header.lambda,
            "digest": header.digest,
            "sealedBlock": header.sealedBlock,
            "transactions": transactions,
            "gasUsed": gas,
        });
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!(
            "set {}: {} rows, lambda {}, sealed in block {}; {transactions} transactions, {gas} gas",
            args.set, header.rows, header.lambda, header.sealedBlock
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Appends the records that a set of the sender's account doesn't hold yet, in as many transactions as it takes, and
/// seals the set if `seals`.
///
/// # Errors
/// Rows that the set can't have, or that aren't those that it holds already; what the chain refuses, by its name.
pub async fn append_rows(
    sender: &mut Sender,
    set_id: u64,
    records: &[u8],
    seals: bool,
) -> anyhow::Result<SketchSet> {
    check(sender, set_id, records, seals).await?;
    let mut pages = usize::MAX;
    loop {
        let view = sender.view().await?;
        let set = SketchSet::read(&view, set_id).await?;
        let dim = set.header.dim;
        let done = set.records().len();
        ensure!(
            records.starts_with(set.records()),
            "set {set_id} holds other rows than these"
        );
        if done == records.len() {
            break;
        }
        let page = rows_per_page(dim) as usize * record_len(dim);
        ensure!(
            done.is_multiple_of(page),
            "set {set_id} has a last page that isn't full, so nothing can follow (PartialPage)"
        );
        let rows = records.len() / record_len(dim);
        pages = pages
            .min((CALLDATA_LEN_MAX - CALLDATA_OVERHEAD) / page)
            .max(1);
        let end = records.len().min(done + pages * page);
        let append = IAttrSketch::appendRowsCall {
            setId: set_id,
            rows: records.get(done..end).unwrap_or_default().to_vec().into(),
        };
        let step = Step::call(format!("rows/{done}/{end}"), SKETCH, &append);
        match sender.send(step).await {
            Ok(_) => eprintln!("{} of {rows} rows", end / record_len(dim)),
            Err(error) if error.is::<TooMuchGas>() && pages > 1 => pages /= 2,
            Err(error) => return Err(error),
        }
    }
    let set = SketchSet::header(&sender.view().await?, set_id).await?;
    if seals && set.header.sealedBlock == 0 {
        let seal = IAttrSketch::sealCall { setId: set_id };
        sender.send(Step::call("seal", SKETCH, &seal)).await?;
    }
    SketchSet::header(&sender.view().await?, set_id).await
}

/// Refuses rows that the chain would refuse later, before anything is paid for.
async fn check(sender: &Sender, set: u64, records: &[u8], seals: bool) -> anyhow::Result<()> {
    let view = sender.view().await?;
    let set = SketchSet::header(&view, set).await?;
    let header = &set.header;
    ensure!(
        header.owner == sender.account(),
        "set {} is {}'s, not {}'s (Unauthorized)",
        set.id,
        header.owner,
        sender.account()
    );
    ensure!(
        set.is_drawn,
        "the seed of set {} isn't drawn (NoSeed)",
        set.id
    );
    let is_influence = header.kind == KIND_INFLUENCE;
    let counted = Counted::of(records, header.dim, is_influence.then_some(header.normCap2))?;
    let space = SpaceState::read(&view, header.subject).await?;
    ensure!(
        counted.last_cluster < space.clusters,
        "the last row's cluster is {}, and the subject's space has {} (BadRow): clusters are made by settling \
         contributions",
        counted.last_cluster,
        space.clusters
    );
    let needed = counted.rows.div_ceil(2);
    if seals && is_influence && counted.at_cap < needed {
        bail!(
            "{} of {} rows are near the norm cap of {}, and sealing needs {needed} (CapTooLoose)",
            counted.at_cap,
            counted.rows,
            header.normCap2
        );
    }
    Ok(())
}
