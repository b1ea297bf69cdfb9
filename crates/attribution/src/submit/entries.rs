//! `submit index`: opened, filled or its root committed, sealed.

use super::{
    super::{
        chain::{MODE_PROVED, SpanIndex},
        index::{IndexFile, Tree, drawn_salt},
    },
    SubmissionArgs,
};
use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::{Sender, Step, TooMuchGas, files};
use openledger_precompiles::{
    CALLDATA_LEN_MAX, SPAN,
    span::{ENTRIES_MAX, ENTRIES_PER_PAGE, ENTRY_BYTES, Entry, IAttrSpan},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Bytes of a full page.
const PAGE_BYTES: usize = ENTRIES_PER_PAGE * ENTRY_BYTES;
/// Calldata beside the entries: selector, index, offset, length and padding.
const CALLDATA_OVERHEAD: usize = 4 + 4 * 32;

/// Flags of `openledger attribution submit index`.
#[derive(Debug, Clone, Args)]
pub(super) struct IndexArgs {
    /// The index, as `index` writes it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The index that its tokens are committed as
    #[arg(long, value_name = "ID")]
    index: u64,
    /// Put the entries' root on chain even where the entries would fit
    #[arg(long)]
    proved: bool,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// Runs the command.
pub(super) async fn run(args: IndexArgs) -> anyhow::Result<ExitCode> {
    let file: IndexFile = files::read_json(&args.file)?;
    let tree = file.tree()?;
    let proved = args.proved || tree.entries().len() > ENTRIES_MAX;
    let (salt, token_root) =
        drawn_salt(&args.account.sender.node.connect().await?, args.index).await?;
    ensure!(
        (salt, token_root) == (file.salt, file.token_root),
        "{} has salt {} and token root {}, index {} has {salt} and {token_root}: build it again with --index {}",
        args.file.display(),
        file.salt,
        file.token_root,
        args.index,
        args.index
    );
    let mut inputs = args.index.to_be_bytes().to_vec();
    inputs.extend(file.root);
    inputs.extend([file.k, file.w, u8::from(proved)]);
    inputs.extend(file.tokenizer_hash);
    let mut sender = args.account.open("index", &inputs).await?;
    open(&mut sender, args.index, &file).await?;
    if proved {
        commit_root(&mut sender, args.index, &tree).await?;
    } else {
        fill(&mut sender, args.index, &file.entries).await?;
    }
    if read(&sender, args.index).await?.header.sealedBlock == 0 {
        let seal = IAttrSpan::sealCall { id: args.index };
        sender.send(step("seal", &seal)).await?;
    }
    let header = read(&sender, args.index).await?.header;
    let (transactions, gas) = sender.spent();
    if args.account.json {
        let result = json!({
            "indexId": args.index,
            "mode": header.mode,
            "length": header.length,
            "root": file.root,
            "sealedBlock": header.sealedBlock,
            "transactions": transactions,
            "gasUsed": gas,
        });
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        let how = if header.mode == MODE_PROVED {
            "under their root"
        } else {
            "on chain"
        };
        println!(
            "index {}: {} entries {how}, sealed in block {}; {transactions} transactions, {gas} gas",
            args.index, header.length, header.sealedBlock
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn step(name: &str, call: &impl SolCall) -> Step {
    Step::call(name, SPAN, call)
}

async fn read(sender: &Sender, id: u64) -> anyhow::Result<SpanIndex> {
    SpanIndex::header(&sender.view().await?, id).await
}

/// Opens the index, unless it is.
async fn open(sender: &mut Sender, id: u64, file: &IndexFile) -> anyhow::Result<()> {
    let committed = read(sender, id).await?.header;
    ensure!(
        committed.owner == sender.account(),
        "index {id} is {}'s, not {}'s (Unauthorized)",
        committed.owner,
        sender.account()
    );
    if committed.k == 0 {
        let call = IAttrSpan::openIndexCall {
            datanet: committed.datanet,
            k: file.k,
            w: file.w,
            tokenizerHash: file.tokenizer_hash,
            salt: file.salt,
        };
        sender.send(step("open", &call)).await?;
    }
    let opened = read(sender, id).await?.header;
    ensure!(
        opened.k != 0,
        "index {id} isn't open: a later commitment for its datanet took its place"
    );
    ensure!(
        (opened.k, opened.w, opened.tokenizerHash) == (file.k, file.w, file.tokenizer_hash),
        "index {id} is open with k {}, w {} and tokenizer {}, not as the file has it",
        opened.k,
        opened.w,
        opened.tokenizerHash
    );
    Ok(())
}

async fn commit_root(sender: &mut Sender, id: u64, tree: &Tree) -> anyhow::Result<()> {
    let header = read(sender, id).await?.header;
    if header.mode == MODE_PROVED {
        ensure!(
            header.root == tree.root() && header.length as usize == tree.entries().len(),
            "index {id} has another root already"
        );
        return Ok(());
    }
    let call = IAttrSpan::commitRootCall {
        id,
        root: tree.root(),
        leaves: u32::try_from(tree.entries().len()).context("more than 2^32 entries")?,
    };
    sender.send(step("root", &call)).await?;
    Ok(())
}

/// Appends the entries that the chain doesn't have yet.
async fn fill(sender: &mut Sender, id: u64, entries: &Bytes) -> anyhow::Result<()> {
    let mut pages = (CALLDATA_LEN_MAX - CALLDATA_OVERHEAD) / PAGE_BYTES;
    loop {
        let index = SpanIndex::read(&sender.view().await?, id).await?;
        let present: Vec<u8> = index
            .entries
            .iter()
            .copied()
            .flat_map(Entry::to_bytes)
            .collect();
        ensure!(
            entries.starts_with(&present) && index.header.mode != MODE_PROVED,
            "index {id} holds something else than the file's entries"
        );
        let done = present.len();
        if done == entries.len() {
            return Ok(());
        }
        ensure!(
            done.is_multiple_of(PAGE_BYTES),
            "index {id} has a last page that isn't full, so nothing can follow (PartialPage)"
        );
        let end = entries.len().min(done + pages * PAGE_BYTES);
        let call = IAttrSpan::appendEntriesCall {
            id,
            entries: entries.slice(done..end),
        };
        match sender
            .send(step(&format!("entries/{done}/{end}"), &call))
            .await
        {
            Ok(_) => eprintln!(
                "{} of {} entries",
                end / ENTRY_BYTES,
                entries.len() / ENTRY_BYTES
            ),
            Err(error) if error.is::<TooMuchGas>() && pages > 1 => pages /= 2,
            Err(error) => return Err(error),
        }
    }
}
