//! `verify set`.

use super::super::{
    chain::{SketchSet, SpaceState},
    rows::Counted,
    score::{Difference, ON_CHAIN, RECOMPUTED, differ, verdict},
};
use alloy_primitives::{B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, bail};
use clap::Args;
use openledger_client::{Answer, BlockArgs, NodeArgs, View, describe, files};
use openledger_precompiles::{
    SKETCH,
    sketch::{
        IAttrSketch::{self, SetHeader},
        draw, lambda,
        limits::{ENTRIES_MAX, ROWS_MAX},
        next_digest, record_len,
    },
};
use std::{path::PathBuf, process::ExitCode};

/// Longest file of rows that is read, bytes.
const FILE_BYTES_MAX: u64 = ENTRIES_MAX + ROWS_MAX as u64 * 6;
/// Whose numbers are compared.
const IN_EVENT: &str = "in the event";
/// Whose numbers are compared.
const IN_STATE: &str = "in the state";
/// Kind of a set of gradients.
const KIND_INFLUENCE: u8 = 0;

/// Flags of `openledger attribution verify set`.
#[derive(Debug, Clone, Args)]
pub(super) struct SetArgs {
    /// The set
    #[arg(value_name = "ID")]
    set: u64,
    /// Rows that the set should hold, as `sketch` writes them
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    #[command(flatten)]
    block: BlockArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) async fn run(args: SetArgs) -> anyhow::Result<ExitCode> {
    let expected = match &args.rows {
        Some(path) => Some(files::read(path, FILE_BYTES_MAX)?),
        None => None,
    };
    let node = args.node.connect().await?;
    let view = node.at(args.block.block).await?;
    let set = SketchSet::read(&view, args.set).await?;
    let difference = first_difference(&view, &set, expected.as_deref()).await?;
    let sealed = match set.header.sealedBlock {
        0 => "open".to_owned(),
        block => format!("sealed in block {block}"),
    };
    Ok(verdict(
        difference,
        &format!(
            "equal: set {}, {} rows of {} entries, {sealed}, at block {} {}",
            set.id, set.header.rows, set.header.dim, view.block.number, view.block.hash
        ),
    ))
}

async fn first_difference(
    view: &View,
    set: &SketchSet,
    expected: Option<&[u8]>,
) -> anyhow::Result<Option<Difference>> {
    if let Some(difference) = expected.and_then(|expected| rows_difference(set, expected)) {
        return Ok(Some(difference));
    }
    if let Some(difference) = against_getter(view, set).await? {
        return Ok(Some(difference));
    }
    if let Some(difference) = counters(view, set).await? {
        return Ok(Some(difference));
    }
    if let Some(difference) = seed(view, set).await? {
        return Ok(Some(difference));
    }
    events(view, set).await
}

/// The first row, and entry, in which the set differs from a file.
fn rows_difference(set: &SketchSet, expected: &[u8]) -> Option<Difference> {
    const IN_FILE: &str = "in the file";
    let length = record_len(set.header.dim);
    let records = set.records();
    let at = records.iter().zip(expected).position(|(a, b)| a != b);
    let Some(at) = at else {
        return differ(
            "bytes of rows",
            (ON_CHAIN, records.len()),
            (IN_FILE, expected.len()),
        );
    };
    let (row, offset) = (at / length, at % length);
    let value = |bytes: &[u8]| match (offset, bytes.get(row * length..)) {
        (_, None) => String::new(),
        (0..4, Some([a, b, c, d, ..])) => u32::from_be_bytes([*a, *b, *c, *d]).to_string(),
        (4..6, Some([_, _, _, _, a, b, ..])) => u16::from_be_bytes([*a, *b]).to_string(),
        (_, Some(_)) => bytes.get(at).map_or(0, |byte| *byte as i8).to_string(),
    };
    let place = match offset {
        0..4 => format!("row {row}, cluster"),
        4..6 => format!("row {row}, label"),
        _ => format!("row {row}, entry {}", offset - 6),
    };
    Some(Difference {
        place,
        left: (ON_CHAIN, value(records)),
        right: (IN_FILE, value(expected)),
    })
}

/// The slots against what `header` answers.
async fn against_getter(view: &View, set: &SketchSet) -> anyhow::Result<Option<Difference>> {
    let call = IAttrSketch::headerCall { setId: set.id };
    let answered = match view.call(SKETCH, call.abi_encode().into()).await? {
        Answer::Returned(data) => IAttrSketch::headerCall::abi_decode_returns_validate(&data)
            .context("the answer isn't what header returns")?,
        Answer::Reverted(data) => bail!("header reverts with {}", describe(&data)),
    };
    let answered_fields = fields(&answered);
    Ok(fields(&set.header)
        .into_iter()
        .zip(answered_fields)
        .find_map(|((name, state), (_, answered))| {
            differ(name, (IN_STATE, state), ("answered by header", answered))
        }))
}

fn fields(header: &SetHeader) -> [(&'static str, String); 16] {
    [
        ("subject", header.subject.to_string()),
        ("owner", header.owner.to_string()),
        ("dim", header.dim.to_string()),
        ("kind", header.kind.to_string()),
        ("rows", header.rows.to_string()),
        ("normCap2", header.normCap2.to_string()),
        ("sumNorm2", header.sumNorm2.to_string()),
        ("lambda", header.lambda.to_string()),
        ("seed", header.seed.to_string()),
        ("seedBlock", header.seedBlock.to_string()),
        ("fracBits", header.fracBits.to_string()),
        ("shift", header.shift.to_string()),
        ("sparsity", header.sparsity.to_string()),
        ("dataRoot", header.dataRoot.to_string()),
        ("digest", header.digest.to_string()),
        ("sealedBlock", header.sealedBlock.to_string()),
    ]
}

/// The set's counters against its rows.
async fn counters(view: &View, set: &SketchSet) -> anyhow::Result<Option<Difference>> {
    let header = &set.header;
    let is_influence = header.kind == KIND_INFLUENCE;
    let counted = if header.rows == 0 {
        Counted::default()
    } else {
        // The chain counts rows near the cap of either kind; the cap itself holds for gradients.
        let cap = is_influence.then_some(header.normCap2);
        match Counted::of(set.records(), header.dim, cap) {
            Ok(counted) => counted,
            Err(refused) => {
                return Ok(Some(Difference {
                    place: "rows that no set takes".to_owned(),
                    left: (ON_CHAIN, "accepted".to_owned()),
                    right: (RECOMPUTED, format!("{refused:#}")),
                }));
            }
        }
    };
    let mut pairs = vec![
        ("rows", u64::from(header.rows), u64::from(counted.rows)),
        (
            "distinct clusters",
            u64::from(set.clusters),
            u64::from(counted.clusters),
        ),
        ("sumNorm2", header.sumNorm2, counted.sum_norm2),
    ];
    if is_influence {
        let at_cap = (
            "rows at the cap",
            u64::from(set.at_cap),
            u64::from(counted.at_cap),
        );
        pairs.push(at_cap);
    }
    if header.sealedBlock != 0 {
        pairs.push(("lambda", header.lambda, lambda(counted.sum_norm2)));
    }
    let differing = pairs
        .into_iter()
        .find_map(|(name, chain, here)| differ(name, (ON_CHAIN, chain), (RECOMPUTED, here)));
    if differing.is_some() || counted.rows == 0 {
        return Ok(differing);
    }
    let space = SpaceState::read(view, header.subject).await?;
    if counted.last_cluster >= space.clusters {
        return Ok(Some(Difference {
            place: "clusters of the subject's space".to_owned(),
            left: (ON_CHAIN, space.clusters.to_string()),
            right: ("is the last row's", counted.last_cluster.to_string()),
        }));
    }
    let needed = counted.rows.div_ceil(2);
    if header.sealedBlock != 0 && is_influence && counted.at_cap < needed {
        return Ok(Some(Difference {
            place: "rows at the cap of a sealed set".to_owned(),
            left: (RECOMPUTED, counted.at_cap.to_string()),
            right: ("needed", needed.to_string()),
        }));
    }
    Ok(None)
}

/// The seed against the block hash that it is drawn from.
async fn seed(view: &View, set: &SketchSet) -> anyhow::Result<Option<Difference>> {
    if !set.is_drawn {
        return Ok(None);
    }
    let hash = view.node().block_hash(set.header.seedBlock + 1).await?;
    Ok(differ(
        "seed",
        (ON_CHAIN, set.header.seed),
        (RECOMPUTED, draw(hash, set.id)),
    ))
}

/// The set's events against its record and rows.
async fn events(view: &View, set: &SketchSet) -> anyhow::Result<Option<Difference>> {
    let header = &set.header;
    let id = B256::from(U256::from(set.id));
    let logs = view
        .logs(SKETCH, &[None, Some(id)], header.seedBlock)
        .await?;
    let (mut opened, mut sealed) = (0u32, 0u32);
    let mut rows = 0u32;
    let mut digest = B256::ZERO;
    for log in &logs {
        let block = log.block_number.unwrap_or_default();
        if let Ok(event) = IAttrSketch::SetOpened::decode_log(&log.inner) {
            opened += 1;
            let difference = differ(
                "block of SetOpened",
                (IN_EVENT, block),
                (IN_STATE, header.seedBlock),
            )
            .or_else(|| differ("owner", (IN_EVENT, event.owner), (IN_STATE, header.owner)))
            .or_else(|| {
                differ(
                    "subject",
                    (IN_EVENT, event.subject),
                    (IN_STATE, header.subject),
                )
            });
            if difference.is_some() {
                return Ok(difference);
            }
        } else if let Ok(event) = IAttrSketch::RowsAppended::decode_log(&log.inner) {
            let length = record_len(header.dim);
            let first = rows as usize * length;
            let end = (rows.saturating_add(event.n)) as usize * length;
            let Some(records) = set.records().get(first..end) else {
                return Ok(Some(Difference {
                    place: "rows appended".to_owned(),
                    left: ("in the events", rows.saturating_add(event.n).to_string()),
                    right: (IN_STATE, header.rows.to_string()),
                }));
            };
            digest = next_digest(digest, records);
            let difference = differ(
                format!("first row of the append in block {block}"),
                (IN_EVENT, event.first),
                (RECOMPUTED, rows),
            )
            .or_else(|| {
                differ(
                    format!("digest after row {}", rows + event.n - 1),
                    (IN_EVENT, event.digest),
                    (RECOMPUTED, digest),
                )
            });
            if difference.is_some() {
                return Ok(difference);
            }
            rows += event.n;
        } else if let Ok(event) = IAttrSketch::SetSealed::decode_log(&log.inner) {
            sealed += 1;
            let difference = differ(
                "block of SetSealed",
                (IN_EVENT, block),
                (IN_STATE, header.sealedBlock),
            )
            .or_else(|| {
                differ(
                    "rows sealed",
                    (IN_EVENT, event.rows),
                    (IN_STATE, header.rows),
                )
            })
            .or_else(|| {
                differ(
                    "lambda",
                    (IN_EVENT, event.lambda),
                    (IN_STATE, header.lambda),
                )
            });
            if difference.is_some() {
                return Ok(difference);
            }
        }
    }
    let is_sealed = u32::from(header.sealedBlock != 0);
    Ok(
        differ("events SetOpened", ("there", opened), ("expected", 1))
            .or_else(|| differ("rows in events", ("there", rows), (IN_STATE, header.rows)))
            .or_else(|| differ("digest", (RECOMPUTED, digest), (IN_STATE, header.digest)))
            .or_else(|| {
                differ(
                    "events SetSealed",
                    ("there", sealed),
                    ("expected", is_sealed),
                )
            }),
    )
}
