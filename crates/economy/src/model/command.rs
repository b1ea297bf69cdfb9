//! The command: flags, calls, lines.

use super::{
    Stage, begin_tuning, bring_feedback, decide, finish, gathered, give_feedback, model_at,
    propose, retire, sign_feedback, status::ModelStatus, submit_artefact,
};
use crate::{
    contracts::{ModelRegistry, model_registry::IModelRegistry::Proposal},
    document::DocumentHash,
    output::print,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use openledger_attribution::submit::adapter::{BaseFile, read_file};
use openledger_client::{Node, NodeArgs, Sender, SenderArgs, files, say};
use openledger_precompiles::lora::LAYERS_MAX;
use openledger_primitives::predeploys::MODEL_REGISTRY;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

/// Longest configuration file that is read, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Most models that are listed.
const LISTED_MAX: u64 = 100;

/// Flags of `openledger model`.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ModelCommand {
    /// Propose a model, with its stake
    Propose(Box<ProposeArgs>),
    /// Approve or deny a proposal, as the council
    Decide(DecideArgs),
    /// Wait until the Datanets have the clusters, and end the gathering, as the proposer
    Gather(GatherArgs),
    /// Submit the tuned weights and register the base, as the proposer
    Tune(Box<TuneArgs>),
    /// Score a tuned model, in one's own name or by a signature
    Feedback(FeedbackArgs),
    /// End a stage whose deadline is over
    Finish(FinishArgs),
    /// Retire a live model, as the proposer
    Retire(RetireArgs),
    /// Say where a model is, or list all
    Status(StatusArgs),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Purpose, architecture, base and use case are hashes: 32 bytes in hexadecimal, @FILE for the hash of a file, or a text that is \
hashed. The architecture is the hash of the config.json that `tune` registers the base with.")]
struct ProposeArgs {
    /// What the model is for
    #[arg(long, value_name = "DOCUMENT")]
    purpose: DocumentHash,
    /// Its configuration: @config.json
    #[arg(long, value_name = "DOCUMENT")]
    architecture: DocumentHash,
    /// The weights that tuning begins with
    #[arg(long, value_name = "DOCUMENT")]
    base: DocumentHash,
    /// How it will be used
    #[arg(long, value_name = "DOCUMENT")]
    use_case: DocumentHash,
    /// A Datanet that it is tuned on; may be repeated
    #[arg(long = "datanet", value_name = "DATANET", required = true)]
    datanets: Vec<U256>,
    /// Accepted clusters that the Datanets must have together
    #[arg(long, value_name = "N")]
    clusters: u32,
    /// Time for gathering
    #[arg(long, value_name = "SECONDS")]
    gather_seconds: u32,
    /// Time for tuning
    #[arg(long, value_name = "SECONDS")]
    tune_seconds: u32,
    /// Time for feedback
    #[arg(long, value_name = "SECONDS")]
    feedback_seconds: u32,
    /// Where the documents are
    #[arg(long, value_name = "URI", default_value = "")]
    uri: String,
    #[command(flatten)]
    sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct DecideArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    /// Approve it
    #[arg(long, required_unless_present = "deny")]
    approve: bool,
    /// Deny it
    #[arg(long, conflicts_with = "approve")]
    deny: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct GatherArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    /// Say how far it is, and don't wait
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The base's modules, their sizes and the prefix of the tensors' names are taken from an adapter's file that targets all of them.")]
struct TuneArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    /// The tuned weights
    #[arg(long, value_name = "DOCUMENT")]
    artefact: DocumentHash,
    /// An adapter of the base, as PEFT writes it: safetensors
    #[arg(long, value_name = "FILE")]
    adapter: PathBuf,
    /// The base's name, which is hashed
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The base's config.json: the architecture that was proposed
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The base's layers
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=LAYERS_MAX as i64)
    )]
    layers: u16,
    /// The base's licence
    #[arg(long, value_name = "DOCUMENT")]
    licence: Option<DocumentHash>,
    /// Where the weights are
    #[arg(long, value_name = "URI", default_value = "")]
    uri: String,
    /// Where the base's number and modules are written, as JSON, for `openledger adapter register`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Feedback weighs what its voter held of gOPEN, delegated to itself, in the second before the artefact was submitted.")]
struct FeedbackArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    /// 0 to 100
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=100))]
    score: u8,
    /// Print a signature that somebody else can bring, and send nothing
    #[arg(long, conflicts_with_all = ["voter", "signature"])]
    sign: bool,
    /// Bring the feedback of this voter
    #[arg(long, value_name = "ADDRESS", requires = "signature")]
    voter: Option<Address>,
    /// The voter's signature
    #[arg(long, value_name = "BYTES", requires = "voter")]
    signature: Option<Bytes>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct FinishArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    /// Wait until the deadline is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct RetireArgs {
    /// The model's number
    #[arg(value_name = "MODEL")]
    model: U256,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct StatusArgs {
    /// The model's number [default: all of them]
    #[arg(value_name = "MODEL")]
    model: Option<U256>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        ModelCommand::Propose(args) => run_propose(*args).await?,
        ModelCommand::Decide(args) => {
            let mut sender = args.sender.open().await?;
            decide(&mut sender, args.model, args.approve).await?;
            tell(sender.node(), args.model).await?;
        }
        ModelCommand::Gather(args) => run_gather(args).await?,
        ModelCommand::Tune(args) => run_tune(*args).await?,
        ModelCommand::Feedback(args) => run_feedback(args).await?,
        ModelCommand::Finish(args) => {
            let mut sender = args.sender.open().await?;
            let until = model_at(sender.node(), args.model).await?.until;
            if args.wait {
                sender
                    .await_time(until.to::<u64>(), "the deadline is over")
                    .await?;
            }
            finish(&mut sender, args.model).await?;
            tell(sender.node(), args.model).await?;
        }
        ModelCommand::Retire(args) => {
            let mut sender = args.sender.open().await?;
            retire(&mut sender, args.model).await?;
            tell(sender.node(), args.model).await?;
        }
        ModelCommand::Status(args) => run_status(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_propose(args: ProposeArgs) -> anyhow::Result<()> {
    let mut datanets = args.datanets;
    datanets.sort_unstable();
    datanets.dedup();
    let proposal = Proposal {
        purpose: args.purpose.0,
        architecture: args.architecture.0,
        base: args.base.0,
        useCase: args.use_case.0,
        datanets,
        clusters: args.clusters,
        gatherSeconds: args.gather_seconds,
        tuneSeconds: args.tune_seconds,
        feedbackSeconds: args.feedback_seconds,
    };
    let mut sender = args.sender.open().await?;
    let model = propose(&mut sender, proposal, &args.uri).await?;
    let status = ModelStatus::read(sender.node(), model).await?;
    print(args.json, &status, || status.show())
}

async fn run_gather(args: GatherArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let mut told = None;
    loop {
        let found = model_at(sender.node(), args.model).await?;
        let stage = Stage::try_from(found.stage)?;
        ensure!(
            stage == Stage::Gathering,
            "model {} is {stage}, not gathering",
            args.model
        );
        let clusters = gathered(sender.node(), &found.proposal).await?;
        let wanted = u64::from(found.proposal.clusters);
        if clusters >= wanted {
            begin_tuning(&mut sender, args.model).await?;
            return tell(sender.node(), args.model).await;
        }
        if told != Some(clusters) {
            eprintln!("{clusters} of {wanted} accepted clusters");
            told = Some(clusters);
        }
        if args.no_wait {
            return Ok(());
        }
        ensure!(
            sender.node().time().await? <= found.until.to::<u64>(),
            "the time for gathering is over with {clusters} of {wanted} accepted clusters: `openledger model finish {}` \
             gives the stake back",
            args.model
        );
        sender.pause().await?;
    }
}

/// What tuning came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tuned {
    model: U256,
    artefact: B256,
    base: BaseFile,
}

async fn run_tune(args: TuneArgs) -> anyhow::Result<()> {
    let file = read_file(&args.adapter).await?;
    let config = files::read(&args.config, CONFIG_BYTES_MAX)?;
    let licence = args.licence.map(|licence| licence.0).unwrap_or_default();
    let base = file.base(&args.name, &config, args.layers, licence);
    let mut sender = args.sender.open().await?;
    check_architecture(&sender, args.model, base.configHash).await?;
    let artefact = args.artefact.0;
    files::require_writable(&args.out).context("--out")?;
    let id = submit_artefact(&mut sender, args.model, artefact, &base, &args.uri).await?;
    let tuned = Tuned {
        model: args.model,
        artefact,
        base: file.base_file(id, args.layers),
    };
    files::write_json(&args.out, &tuned.base).with_context(|| {
        let text = serde_json::to_string(&tuned.base).unwrap_or_default();
        format!("base {id} is registered; write this into a file by hand: {text}")
    })?;
    print(args.json, &tuned, || {
        say("model", args.model);
        say("base", id);
        say(
            "next",
            "adapters of it can be registered, and people score the model",
        );
    })
}

/// Refuses a configuration that the registry would refuse, with what to do.
async fn check_architecture(sender: &Sender, model: U256, config: B256) -> anyhow::Result<()> {
    let proposed = model_at(sender.node(), model).await?.proposal.architecture;
    ensure!(
        config == proposed,
        "--config has hash {config}, and the proposal names {proposed} as its architecture (WrongArchitecture): it is the file \
         that was named by --architecture @FILE"
    );
    Ok(())
}

async fn run_feedback(args: FeedbackArgs) -> anyhow::Result<()> {
    if args.sign {
        let key = args
            .sender
            .account
            .key(args.sender.node.local()?.as_ref())?;
        let node = args.sender.node.connect().await?;
        let signature = sign_feedback(&node, &key, args.model, args.score).await?;
        say("voter", key.address());
        say("signature", signature);
        return Ok(());
    }
    let mut sender = args.sender.open().await?;
    match (args.voter, args.signature) {
        (Some(voter), Some(signature)) => {
            bring_feedback(&mut sender, args.model, voter, args.score, signature).await?;
        }
        (None, None) => give_feedback(&mut sender, args.model, args.score).await?,
        _ => bail!("--voter and --signature go together"),
    }
    tell(sender.node(), args.model).await
}

/// Says where a model is.
async fn tell(node: &Node, model: U256) -> anyhow::Result<()> {
    ModelStatus::read(node, model).await?.show();
    Ok(())
}

async fn run_status(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    if let Some(model) = args.model {
        let status = ModelStatus::read(&node, model).await?;
        return print(args.json, &status, || status.show());
    }
    let count = node
        .ask(MODEL_REGISTRY, ModelRegistry::modelCountCall {})
        .await?;
    let count: u64 = count.saturating_to();
    let mut all = Vec::new();
    for number in count.saturating_sub(LISTED_MAX)..count {
        all.push(ModelStatus::read(&node, U256::from(number + 1)).await?);
    }
    print(args.json, &all, || {
        for one in &all {
            println!("model {}: {}, base {}", one.model, one.stage, one.base);
        }
    })
}
