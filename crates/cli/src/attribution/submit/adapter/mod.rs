//! `submit base` and `submit adapter`: the LoRA registry.

mod file;

use super::{
    super::{chain::Node, files},
    sender::{AccountArgs, Sender, Step, event, signer},
};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use anyhow::{Context, ensure};
use clap::Args;
use file::{AdapterFile, BaseFile};
use openledger_precompiles::{
    LORA, PAGE_PAYLOAD_MAX,
    lora::{COMMITMENT_AGE_MIN, ILoraRegistry, LAYERS_MAX},
};
use serde::Deserialize;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Longest configuration file that is read, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// What PEFT writes beside an adapter's weights.
const CONFIG_NAME: &str = "adapter_config.json";
/// Number of the salt that a journal gives an adapter's commitment.
const SALT: u64 = 0;

/// Flags of `openledger attribution submit base`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The modules, their sizes and the prefix of the tensors' names are taken from an adapter's file that targets all of them. \
The base has no absolute share: those are the timelock's to give.")]
pub(super) struct BaseArgs {
    /// An adapter of the base, as PEFT writes it: safetensors
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The base model's name, which is hashed
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The base model's config.json, which is hashed
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The base model's layers
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=LAYERS_MAX as i64)
    )]
    layers: u16,
    /// Hash of the licence
    #[arg(long, value_name = "BYTES32", default_value_t = B256::ZERO)]
    licence: B256,
    /// Where the base's number and modules are written, as JSON, for `submit adapter`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    account: AccountArgs,
}

/// Flags of `openledger attribution submit adapter`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Rank, layers, modules and data type are taken from the file's header, alpha from adapter_config.json beside it. The \
registry checks all of it; what it refuses is told by its name.")]
pub(super) struct AdapterArgs {
    /// The adapter's weights, as PEFT writes them: safetensors
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its base, as `submit base` writes it
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// The adapter's alpha, if it isn't in adapter_config.json
    #[arg(long, value_name = "ALPHA")]
    alpha: Option<u32>,
    /// Its version
    #[arg(long, value_name = "N", default_value_t = 1)]
    version: u32,
    /// The adapter of the account's that it takes the place of
    #[arg(long, value_name = "ID", default_value_t = 0)]
    supersedes: u64,
    /// An adapter that it is made of, and that one's share of its royalties in basis points; may be repeated
    #[arg(long = "parent", value_name = "ID:BPS", value_parser = parent)]
    parents: Vec<(u64, u16)>,
    /// Hash of the licence
    #[arg(long, value_name = "BYTES32", default_value_t = B256::ZERO)]
    licence: B256,
    #[command(flatten)]
    account: AccountArgs,
}

/// What is no parent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not ID:BPS")]
struct BadParent;

fn parent(text: &str) -> Result<(u64, u16), BadParent> {
    let (id, share) = text.split_once(':').ok_or(BadParent)?;
    match (id.parse(), share.parse()) {
        (Ok(id), Ok(share)) => Ok((id, share)),
        _ => Err(BadParent),
    }
}

/// Runs `submit base`.
pub(super) async fn run_base(args: BaseArgs) -> anyhow::Result<ExitCode> {
    let file = read_file(&args.file).await?;
    let config = files::read(&args.config, CONFIG_BYTES_MAX)?;
    let call = ILoraRegistry::registerBaseCall {
        base: file.base(&args.name, &config, args.layers, args.licence),
    };
    let data: Bytes = call.abi_encode().into();
    let signer = signer(&args.account)?;
    let node = Node::connect(&args.account.node).await?;
    let mut sender = Sender::new(&args.account, node, signer, "base", &data).await?;
    let receipt = sender.send(step("register", data)).await?;
    let id = event::<ILoraRegistry::BaseRegistered>(&receipt)?.id;
    let base = BaseFile {
        id,
        prefix: file.prefix,
        layers: args.layers,
        modules: file.modules,
    };
    files::write_json(&args.out, &base)?;
    if args.account.json {
        println!("{}", serde_json::to_string_pretty(&base)?);
    } else {
        println!(
            "base {id}: {} modules in each of {} layers, names from {}",
            base.modules.len(),
            base.layers,
            base.prefix
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `submit adapter`.
pub(super) async fn run_adapter(args: AdapterArgs) -> anyhow::Result<ExitCode> {
    let file = read_file(&args.file).await?;
    let base: BaseFile = files::read_json(&args.base)?;
    let alpha = match args.alpha {
        Some(alpha) => alpha,
        None => configured_alpha(&args.file)?,
    };
    let signer = signer(&args.account)?;
    let node = Node::connect(&args.account.node).await?;
    let mut adapter = file.adapter(&base, alpha)?;
    adapter.developer = signer.address();
    adapter.version = args.version;
    adapter.supersedes = args.supersedes;
    adapter.licence = args.licence;
    adapter.parents = args
        .parents
        .iter()
        .map(|(id, share)| ILoraRegistry::Share {
            id: *id,
            relBps: *share,
        })
        .collect();
    let mut sender = Sender::new(
        &args.account,
        node,
        signer,
        "adapter",
        &adapter.abi_encode(),
    )
    .await?;
    let salt = sender.salt(SALT);
    let commitment = (
        adapter.developer,
        adapter.headerHash,
        adapter.dataRoot,
        salt,
    );
    let commit = ILoraRegistry::commitAdapterCall {
        h: keccak256(commitment.abi_encode()),
    };
    let committed = sender
        .send(step("commit", commit.abi_encode().into()))
        .await?;
    if file.needs_upload() {
        upload(&mut sender, &file, adapter.headerHash).await?;
    }
    sender
        .await_block(
            committed.block() + COMMITMENT_AGE_MIN,
            "the commitment is old enough",
        )
        .await?;
    let register = ILoraRegistry::registerAdapterCall {
        adapter: adapter.clone(),
        header: if file.needs_upload() {
            Bytes::new()
        } else {
            file.header.clone()
        },
        salt,
    };
    let receipt = sender
        .send(step("register", register.abi_encode().into()))
        .await?;
    let registered = event::<ILoraRegistry::AdapterRegistered>(&receipt)?;
    let (transactions, gas) = sender.spent();
    if args.account.json {
        let result = json!({
            "id": registered.id,
            "base": base.id,
            "rank": adapter.rank,
            "layerFrom": adapter.layerFrom,
            "layerTo": adapter.layerTo,
            "params": registered.params,
            "headerHash": adapter.headerHash,
            "dataRoot": adapter.dataRoot,
            "transactions": transactions,
            "gasUsed": gas,
        });
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!(
            "adapter {} of base {}: rank {}, layers {} to {}, {} parameters; {transactions} transactions, {gas} gas",
            registered.id,
            base.id,
            adapter.rank,
            adapter.layerFrom,
            adapter.layerTo - 1,
            registered.params
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a header on chain that is too long for the registration's calldata.
async fn upload(sender: &mut Sender, file: &AdapterFile, header_hash: B256) -> anyhow::Result<()> {
    let mut begin = 0;
    for part in 0u32.. {
        if begin >= file.header.len() {
            break;
        }
        let end = file.header.len().min(begin + PAGE_PAYLOAD_MAX);
        let call = ILoraRegistry::uploadHeaderCall {
            headerHash: header_hash,
            part,
            chunk: file.header.slice(begin..end),
        };
        sender
            .send(step(&format!("upload/{part}"), call.abi_encode().into()))
            .await?;
        eprintln!("{end} of {} bytes of the header", file.header.len());
        begin = end;
    }
    Ok(())
}

async fn read_file(path: &Path) -> anyhow::Result<AdapterFile> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || AdapterFile::read(&path)).await?
}

/// Alpha as PEFT writes it; refuses what the registry can't record.
fn configured_alpha(file: &Path) -> anyhow::Result<u32> {
    #[derive(Deserialize)]
    struct Config {
        lora_alpha: f64,
        #[serde(default)]
        use_dora: bool,
    }
    let path = file.with_file_name(CONFIG_NAME);
    let text = files::read(&path, CONFIG_BYTES_MAX)
        .with_context(|| format!("name the adapter's alpha by --alpha, or have {CONFIG_NAME}"))?;
    let config: Config = serde_json::from_slice(&text)
        .with_context(|| format!("{} isn't PEFT's", path.display()))?;
    ensure!(
        !config.use_dora,
        "{} says use_dora (DoraUnsupported)",
        path.display()
    );
    ensure!(
        config.lora_alpha.fract() == 0.0 && (1.0..=65_535.0).contains(&config.lora_alpha),
        "alpha {} is no integer within 1 to 65,535 (BadAlpha)",
        config.lora_alpha
    );
    // An integer in range.
    Ok(config.lora_alpha as u32)
}

fn step(name: &str, data: Bytes) -> Step {
    Step {
        name: name.to_owned(),
        to: LORA,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_named_with_their_shares() {
        assert_eq!(parent("12:500").unwrap(), (12, 500));
        for wrong in ["12", "12:", ":5", "12:70000", "-1:5"] {
            assert!(parent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn alpha_is_what_peft_writes() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("adapter_model.safetensors");
        assert!(configured_alpha(&file).is_err());
        for (text, alpha) in [
            ("{\"lora_alpha\": 16, \"r\": 4}", Some(16)),
            ("{\"lora_alpha\": 16.5}", None),
            ("{\"lora_alpha\": 0}", None),
            ("{\"lora_alpha\": 16, \"use_dora\": true}", None),
            ("{}", None),
        ] {
            std::fs::write(directory.path().join(CONFIG_NAME), text).unwrap();
            assert_eq!(configured_alpha(&file).ok(), alpha, "{text}");
        }
    }
}
