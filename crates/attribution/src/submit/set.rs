//! `submit set`: opened, and its seed drawn.

use super::{super::chain::SketchSet, SubmissionArgs};
use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use anyhow::ensure;
use clap::Args;
use openledger_client::{Sender, Step, event};
use openledger_precompiles::{
    SKETCH,
    sketch::{
        IAttrSketch,
        limits::{DIMENSIONS, SEED_DELAY},
        space,
    },
};
use serde_json::json;
use std::process::ExitCode;

/// Flags of `openledger attribution submit set`.
#[derive(Debug, Clone, Args)]
pub(super) struct SetArgs {
    /// The datanet: the set's subject is its space, of which the account is the registry
    #[arg(long, value_name = "BYTES32", required_unless_present = "subject")]
    datanet: Option<B256>,
    /// The set's subject: a space of another registry
    #[arg(long, value_name = "BYTES32", conflicts_with = "datanet")]
    subject: Option<B256>,
    /// Entries of a row: 64, 128, 256, 512 or 1024
    #[arg(long, value_name = "N", default_value_t = 256)]
    dim: u16,
    /// 0 for gradients (influence), 1 for embeddings
    #[arg(long, value_name = "KIND", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    kind: u8,
    /// Largest squared norm of a row of gradients
    #[arg(long, value_name = "NORM2", required_if_eq("kind", "0"))]
    norm_cap2: Option<u32>,
    /// Gradients are multiplied by 2^BITS before they are rounded
    #[arg(
        long,
        value_name = "BITS",
        default_value_t = 16,
        allow_negative_numbers = true
    )]
    frac_bits: i8,
    /// Projected sums are divided by 2^BITS
    #[arg(long, value_name = "BITS", default_value_t = 16)]
    shift: u8,
    /// Sparsity of the projection: 0 for dense, or 4 or 8
    #[arg(long, value_name = "S", default_value_t = 0)]
    sparsity: u8,
    /// Root of what the rows are computed from, fixed before the seed is known
    #[arg(long, value_name = "BYTES32")]
    data_root: B256,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// Opens a set, waits until its seed can be drawn, and draws it.
///
/// # Errors
/// What the chain refuses, by its name.
pub async fn open_set(
    sender: &mut Sender,
    open: &IAttrSketch::openSetCall,
) -> anyhow::Result<SketchSet> {
    let receipt = sender.send(Step::call("open", SKETCH, open)).await?;
    let set_id = event::<IAttrSketch::SetOpened>(&receipt)?.setId;
    eprintln!("set {set_id} is open since block {}", receipt.block());
    sender
        .await_block(receipt.block() + SEED_DELAY.0, "its seed can be drawn")
        .await?;
    let draw = IAttrSketch::drawSeedCall { setId: set_id };
    sender.send(Step::call("draw", SKETCH, &draw)).await?;
    SketchSet::header(&sender.view().await?, set_id).await
}

/// Runs the command.
pub(super) async fn run(args: SetArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        DIMENSIONS.contains(&args.dim),
        "--dim {} is not one of {DIMENSIONS:?} (BadDim)",
        args.dim
    );
    ensure!(
        matches!(args.sparsity, 0 | 4 | 8),
        "--sparsity {} is not 0, 4 or 8 (BadSparsity)",
        args.sparsity
    );
    let subject = match (args.subject, args.datanet) {
        (Some(subject), _) => subject,
        (None, datanet) => space(args.account.address()?, datanet.unwrap_or_default()),
    };
    let open = IAttrSketch::openSetCall {
        subject,
        dim: args.dim,
        kind: args.kind,
        normCap2: args.norm_cap2.unwrap_or_default(),
        fracBits: args.frac_bits,
        shift: args.shift,
        sparsity: args.sparsity,
        dataRoot: args.data_root,
    };
    let mut sender = args.account.open("set", &open.abi_encode()).await?;
    let set = open_set(&mut sender, &open).await?;
    let (set_id, header) = (set.id, set.header);
    if args.account.json {
        let result = json!({
            "setId": set_id,
            "subject": header.subject,
            "seed": header.seed.to_string(),
            "dim": header.dim,
            "kind": header.kind,
            "fracBits": header.fracBits,
            "shift": header.shift,
            "sparsity": header.sparsity,
            "normCap2": header.normCap2,
        });
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!("set {set_id}, seed {}", header.seed);
        let cap = if header.kind == 0 {
            format!(" --norm-cap2 {}", header.normCap2)
        } else {
            String::new()
        };
        println!(
            "rows: openledger attribution sketch LIST --out FILE --dim {} --seed {} --frac-bits {} --shift {} \
             --sparsity {}{cap}",
            header.dim, header.seed, header.fracBits, header.shift, header.sparsity
        );
    }
    Ok(ExitCode::SUCCESS)
}
