//! `verify index`.

use super::super::{
    chain::{MODE_NATIVE, MODE_PROVED, SpanIndex},
    index::{BuildArgs, Documents, IndexFile, Tree},
    score::{Difference, ON_CHAIN, RECOMPUTED, differ, verdict},
};
use alloy_primitives::{B256, U256, hex};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, bail};
use clap::Args;
use openledger_client::{Answer, BlockArgs, NodeArgs, View, describe, files};
use openledger_precompiles::{
    SPAN,
    span::{
        Entry,
        IAttrSpan::{self, IndexHeader},
        MIN_SPAN_DEFAULT, build_index, salt_of,
    },
};
use std::{path::PathBuf, process::ExitCode};

/// Whose numbers are compared.
const IN_EVENT: &str = "in the event";
/// Whose numbers are compared.
const IN_STATE: &str = "in the state";

/// Flags of `openledger attribution verify index`.
#[derive(Debug, Clone, Args)]
pub(super) struct IndexArgs {
    /// The index
    #[arg(value_name = "ID")]
    index: u64,
    /// Entries that the index should have, as `index` writes them
    #[arg(long, value_name = "FILE")]
    entries: Option<PathBuf>,
    /// Documents that the index should be built of, as `index` takes them
    #[arg(long, value_name = "LIST")]
    documents: Option<PathBuf>,
    /// Fingerprints in a row that make a copy, where the index is built again of its documents
    #[arg(long, value_name = "N", default_value_t = MIN_SPAN_DEFAULT)]
    min_span: u16,
    #[command(flatten)]
    block: BlockArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) async fn run(args: IndexArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let view = node.at(args.block.block).await?;
    let index = SpanIndex::read(&view, args.index).await?;
    let difference = first_difference(&view, &index, &args).await?;
    let header = &index.header;
    Ok(verdict(
        difference,
        &format!(
            "equal: index {}, mode {}, {} entries, k {}, w {}, sealed in block {} (0: open), at block {} {}",
            index.id,
            header.mode,
            header.length,
            header.k,
            header.w,
            header.sealedBlock,
            view.block.number,
            view.block.hash
        ),
    ))
}

async fn first_difference(
    view: &View,
    index: &SpanIndex,
    args: &IndexArgs,
) -> anyhow::Result<Option<Difference>> {
    if let Some(difference) = against_getter(view, index).await? {
        return Ok(Some(difference));
    }
    let hash = view
        .node()
        .block_hash(index.header.committedBlock + 1)
        .await?;
    let drawn = salt_of(hash, index.id);
    if let Some(difference) = differ("salt", (ON_CHAIN, index.header.salt), (RECOMPUTED, drawn)) {
        return Ok(Some(difference));
    }
    let pairs = index.entries.iter().zip(index.entries.iter().skip(1));
    if let Some(at) = pairs.into_iter().position(|(entry, next)| entry >= next) {
        return Ok(Some(Difference {
            place: format!("order of entry {}", at + 1),
            left: (ON_CHAIN, "not above its predecessor".to_owned()),
            right: ("expected", "above".to_owned()),
        }));
    }
    if let Some(difference) = events(view, index).await? {
        return Ok(Some(difference));
    }
    if let Some(path) = &args.entries {
        let tree = files::read_json::<IndexFile>(path)?.tree()?;
        if let Some(difference) = entries_difference(index, &tree, "in the file") {
            return Ok(Some(difference));
        }
    }
    if let Some(path) = &args.documents {
        return rebuilt(index, path.clone(), args.min_span).await;
    }
    Ok(None)
}

/// The index against one built again of its documents.
async fn rebuilt(
    index: &SpanIndex,
    list: PathBuf,
    min_span: u16,
) -> anyhow::Result<Option<Difference>> {
    let header = &index.header;
    let parameters = BuildArgs {
        k: header.k,
        w: header.w,
        min_span,
    };
    let salt = header.salt;
    let (token_root, tree) = tokio::task::spawn_blocking(move || {
        let documents = Documents::read(&list)?;
        let BuildArgs { k, w, min_span } = parameters;
        let entries = build_index(&documents.as_slice(), k, w, salt, min_span)?;
        anyhow::Ok((documents.token_root(), Tree::new(entries)))
    })
    .await??;
    Ok(differ(
        "token root",
        (ON_CHAIN, header.tokenRoot),
        (RECOMPUTED, token_root),
    )
    .or_else(|| entries_difference(index, &tree, RECOMPUTED)))
}

/// The first entry, or the root, in which the index differs.
fn entries_difference(index: &SpanIndex, tree: &Tree, name: &'static str) -> Option<Difference> {
    let header = &index.header;
    if header.mode == MODE_PROVED {
        return differ(
            "leaves",
            (ON_CHAIN, header.length as usize),
            (name, tree.entries().len()),
        )
        .or_else(|| differ("root", (ON_CHAIN, header.root), (name, tree.root())));
    }
    let show = |entry: &Entry| {
        format!(
            "{} (cluster {}, locus {})",
            hex::encode_prefixed(entry.to_bytes()),
            entry.cluster,
            entry.locus
        )
    };
    let pairs = index.entries.iter().zip(tree.entries()).enumerate();
    pairs
        .into_iter()
        .find_map(|(number, (chain, other))| {
            differ(
                format!("entry {number}"),
                (ON_CHAIN, show(chain)),
                (name, show(other)),
            )
        })
        .or_else(|| {
            differ(
                "entries",
                (ON_CHAIN, index.entries.len()),
                (name, tree.entries().len()),
            )
        })
}

/// The slots against what `header` answers.
async fn against_getter(view: &View, index: &SpanIndex) -> anyhow::Result<Option<Difference>> {
    let call = IAttrSpan::headerCall { id: index.id };
    let answered = match view.call(SPAN, call.abi_encode().into()).await? {
        Answer::Returned(data) => IAttrSpan::headerCall::abi_decode_returns_validate(&data)
            .context("the answer isn't what header returns")?,
        Answer::Reverted(data) => bail!("header reverts with {}", describe(&data)),
    };
    let answered_fields = fields(&answered);
    Ok(fields(&index.header)
        .into_iter()
        .zip(answered_fields)
        .find_map(|((name, state), (_, answered))| {
            differ(name, (IN_STATE, state), ("answered by header", answered))
        }))
}

fn fields(header: &IndexHeader) -> [(&'static str, String); 12] {
    [
        ("datanet", header.datanet.to_string()),
        ("owner", header.owner.to_string()),
        ("k", header.k.to_string()),
        ("w", header.w.to_string()),
        ("mode", header.mode.to_string()),
        ("length", header.length.to_string()),
        ("salt", header.salt.to_string()),
        ("committedBlock", header.committedBlock.to_string()),
        ("sealedBlock", header.sealedBlock.to_string()),
        ("tokenizerHash", header.tokenizerHash.to_string()),
        ("tokenRoot", header.tokenRoot.to_string()),
        ("root", header.root.to_string()),
    ]
}

/// The index's events against its record.
async fn events(view: &View, index: &SpanIndex) -> anyhow::Result<Option<Difference>> {
    let header = &index.header;
    let id = B256::from(U256::from(index.id));
    let logs = view
        .logs(SPAN, &[None, Some(id)], header.committedBlock)
        .await?;
    let (mut committed, mut opened, mut sealed) = (0u32, 0u32, 0u32);
    let mut length = 0u32;
    for log in &logs {
        let block = log.block_number.unwrap_or_default();
        let difference = if let Ok(event) = IAttrSpan::TokensCommitted::decode_log(&log.inner) {
            committed += 1;
            differ(
                "block of TokensCommitted",
                (IN_EVENT, block),
                (IN_STATE, header.committedBlock),
            )
            .or_else(|| {
                differ(
                    "token root",
                    (IN_EVENT, event.tokenRoot),
                    (IN_STATE, header.tokenRoot),
                )
            })
            .or_else(|| {
                differ(
                    "datanet",
                    (IN_EVENT, event.datanet),
                    (IN_STATE, header.datanet),
                )
            })
            .or_else(|| differ("owner", (IN_EVENT, event.owner), (IN_STATE, header.owner)))
        } else if let Ok(event) = IAttrSpan::IndexOpened::decode_log(&log.inner) {
            opened += 1;
            differ("salt", (IN_EVENT, event.salt), (IN_STATE, header.salt))
        } else if let Ok(event) = IAttrSpan::EntriesAppended::decode_log(&log.inner) {
            let first = length;
            length = length.saturating_add(event.n);
            differ(
                format!("first entry of the append in block {block}"),
                (IN_EVENT, event.first),
                (RECOMPUTED, first),
            )
        } else if let Ok(event) = IAttrSpan::RootCommitted::decode_log(&log.inner) {
            length = length.saturating_add(event.leaves);
            differ("root", (IN_EVENT, event.root), (IN_STATE, header.root))
        } else if let Ok(event) = IAttrSpan::IndexSealed::decode_log(&log.inner) {
            sealed += 1;
            differ(
                "block of IndexSealed",
                (IN_EVENT, block),
                (IN_STATE, header.sealedBlock),
            )
            .or_else(|| differ("mode", (IN_EVENT, event.mode), (IN_STATE, header.mode)))
            .or_else(|| {
                differ(
                    "length",
                    (IN_EVENT, event.length),
                    (IN_STATE, header.length),
                )
            })
        } else {
            None
        };
        if difference.is_some() {
            return Ok(difference);
        }
    }
    let is_sealed = u32::from(header.sealedBlock != 0);
    let present = if header.mode == MODE_NATIVE {
        index.entries.len() as u32
    } else {
        header.length
    };
    Ok(differ(
        "events TokensCommitted",
        ("there", committed),
        ("expected", 1),
    )
    .or_else(|| differ("events IndexOpened", ("there", opened), ("expected", 1)))
    .or_else(|| differ("entries in events", ("there", length), (IN_STATE, present)))
    .or_else(|| {
        differ(
            "events IndexSealed",
            ("there", sealed),
            ("expected", is_sealed),
        )
    }))
}
