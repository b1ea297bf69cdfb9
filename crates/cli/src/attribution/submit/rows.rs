//! `submit rows`: appended page by page, and sealed.

use super::{
    super::{
        chain::{Node, SketchSet, SpaceState},
        files,
        rows::Counted,
    },
    sender::{AccountArgs, Sender, Step, TooMuchGas, signer},
};
use alloy_sol_types::SolCall;
use anyhow::{bail, ensure};
use clap::Args;
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
    account: AccountArgs,
}

/// Runs the command.
pub(super) async fn run(args: RowsArgs) -> anyhow::Result<ExitCode> {
    let records = files::read(&args.rows, FILE_BYTES_MAX)?;
    let signer = signer(&args.account)?;
    let node = Node::connect(&args.account.node).await?;
    let inputs = [&args.set.to_be_bytes()[..], &records].concat();
    let mut sender = Sender::new(&args.account, node, signer, "rows", &inputs).await?;
    check(&sender, args.set, &records, !args.no_seal).await?;

    let mut pages = usize::MAX;
    loop {
        let view = sender.view().await?;
        let set = SketchSet::read(&view, args.set).await?;
        let dim = set.header.dim;
        let done = set.records().len();
        ensure!(
            records.starts_with(set.records()),
            "set {} holds other rows than {}",
            args.set,
            args.rows.display()
        );
        if done == records.len() {
            break;
        }
        let page = rows_per_page(dim) as usize * record_len(dim);
        ensure!(
            done.is_multiple_of(page),
            "set {} has a last page that isn't full, so nothing can follow (PartialPage)",
            args.set
        );
        let rows = records.len() / record_len(dim);
        pages = pages
            .min((CALLDATA_LEN_MAX - CALLDATA_OVERHEAD) / page)
            .max(1);
        let end = records.len().min(done + pages * page);
        let step = Step {
            name: format!("rows/{done}/{end}"),
            to: SKETCH,
            data: IAttrSketch::appendRowsCall {
                setId: args.set,
                rows: records.get(done..end).unwrap_or_default().to_vec().into(),
            }
            .abi_encode()
            .into(),
        };
        match sender.send(step).await {
            Ok(_) => eprintln!("{} of {rows} rows", end / record_len(dim)),
            Err(error) if error.is::<TooMuchGas>() && pages > 1 => pages /= 2,
            Err(error) => return Err(error),
        }
    }
    let set = SketchSet::header(&sender.view().await?, args.set).await?;
    if !args.no_seal && set.header.sealedBlock == 0 {
        let step = Step {
            name: "seal".to_owned(),
            to: SKETCH,
            data: IAttrSketch::sealCall { setId: args.set }
                .abi_encode()
                .into(),
        };
        sender.send(step).await?;
    }
    let header = SketchSet::header(&sender.view().await?, args.set)
        .await?
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
