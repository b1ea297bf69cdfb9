//! `submit base` and `submit adapter`: the LoRA registry.

mod file;
mod flags;

use super::SubmissionArgs;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use anyhow::{Context, ensure};
use clap::Args;
pub use file::{AdapterFile, BaseFile, ModuleShape};
pub use flags::{AdapterFlags, BadTrain, train};
use openledger_client::{Sender, Step, event, files};
use openledger_precompiles::{
    LORA, PAGE_PAYLOAD_MAX,
    lora::{COMMITMENT_AGE_MIN, ILoraRegistry, LAYERS_MAX},
};
use serde::{Deserialize, Serialize};
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
    account: SubmissionArgs,
}

/// Flags of `openledger attribution submit adapter`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Rank, layers, modules and data type are taken from the file's header, alpha from adapter_config.json beside it. The \
registry checks all of it; what it refuses is told by its name.")]
pub(super) struct AdapterArgs {
    #[command(flatten)]
    flags: AdapterFlags,
    /// What it was trained on: the space, the SKETCH set, the SPAN index if any, and the weight in basis points; may be
    /// repeated
    #[arg(long = "train", value_name = TRAIN_FORM, value_parser = trained)]
    train: Vec<ILoraRegistry::Train>,
    /// Hash of the licence
    #[arg(long, value_name = "BYTES32", default_value_t = B256::ZERO)]
    licence: B256,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// How `--train` is written.
const TRAIN_FORM: &str = "SPACE:SET[:INDEX]:BPS";

fn trained(text: &str) -> Result<ILoraRegistry::Train, BadTrain> {
    train(text, TRAIN_FORM, |space| space.parse().ok())
}

/// What an adapter's registration says beside its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdapterTerms {
    /// LoRA's alpha; `None`: what adapter_config.json beside the file says.
    pub alpha: Option<u32>,
    /// Its version.
    pub version: u32,
    /// The adapter of the account's that it takes the place of; 0: none.
    pub supersedes: u64,
    /// Adapters that it is made of, with their shares of its royalties in basis points.
    pub parents: Vec<(u64, u16)>,
    /// What it was trained on, with weights of 10,000 together; nothing if that isn't said.
    pub train: Vec<ILoraRegistry::Train>,
    /// Hash of the licence.
    pub licence: B256,
}

/// An adapter in the registry.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredAdapter {
    /// Its number.
    pub id: u64,
    /// Its base's.
    pub base: u64,
    /// Rank of its matrices.
    pub rank: u16,
    /// First layer.
    pub layer_from: u16,
    /// The layer behind the last.
    pub layer_to: u16,
    /// Parameters.
    pub params: u64,
    /// Hash of the file's header.
    pub header_hash: B256,
    /// Root over the file's data.
    pub data_root: B256,
}

impl AdapterTerms {
    /// The declaration of `file` as an adapter of `base` by `developer`. `path` is where the file is.
    ///
    /// # Errors
    /// A file that doesn't fit the base; no alpha, or one that the registry can't record.
    pub fn declare(
        &self,
        path: &Path,
        file: &AdapterFile,
        base: &BaseFile,
        developer: Address,
    ) -> anyhow::Result<ILoraRegistry::Adapter> {
        let alpha = match self.alpha {
            Some(alpha) => alpha,
            None => configured_alpha(path)?,
        };
        let mut adapter = file.adapter(base, alpha)?;
        adapter.developer = developer;
        adapter.version = self.version;
        adapter.supersedes = self.supersedes;
        adapter.licence = self.licence;
        adapter.train.clone_from(&self.train);
        adapter.parents = self
            .parents
            .iter()
            .map(|(id, share)| ILoraRegistry::Share {
                id: *id,
                relBps: *share,
            })
            .collect();
        Ok(adapter)
    }
}

/// Registers the base that a file's tensors fit, and answers what its adapters are declared against.
///
/// # Errors
/// What the registry refuses, by its name.
pub async fn register_base(
    sender: &mut Sender,
    file: AdapterFile,
    base: ILoraRegistry::Base,
) -> anyhow::Result<BaseFile> {
    let layers = base.layers;
    let receipt = sender
        .send(step("register", &ILoraRegistry::registerBaseCall { base }))
        .await?;
    let id = event::<ILoraRegistry::BaseRegistered>(&receipt)?.id;
    Ok(file.base_file(id, layers))
}

/// Commits to an adapter of the sender's account, uploads a header that is too long for calldata, waits until the
/// commitment is old enough, and registers it.
///
/// # Errors
/// What the registry refuses, by its name.
pub async fn register_adapter(
    sender: &mut Sender,
    file: &AdapterFile,
    adapter: ILoraRegistry::Adapter,
) -> anyhow::Result<RegisteredAdapter> {
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
    let committed = sender.send(step("commit", &commit)).await?;
    if file.needs_upload() {
        upload(sender, file, adapter.headerHash).await?;
    }
    sender
        .await_block(
            committed.block() + COMMITMENT_AGE_MIN,
            "the commitment is old enough",
        )
        .await?;
    let header = if file.needs_upload() {
        Bytes::new()
    } else {
        file.header.clone()
    };
    let mut registered = RegisteredAdapter {
        id: 0,
        base: adapter.base,
        rank: adapter.rank,
        layer_from: adapter.layerFrom,
        layer_to: adapter.layerTo,
        params: 0,
        header_hash: adapter.headerHash,
        data_root: adapter.dataRoot,
    };
    let register = ILoraRegistry::registerAdapterCall {
        adapter,
        header,
        salt,
    };
    let receipt = sender.send(step("register", &register)).await?;
    let event = event::<ILoraRegistry::AdapterRegistered>(&receipt)?;
    (registered.id, registered.params) = (event.id, event.params);
    Ok(registered)
}

/// Runs `submit base`.
pub(super) async fn run_base(args: BaseArgs) -> anyhow::Result<ExitCode> {
    let file = read_file(&args.file).await?;
    let config = files::read(&args.config, CONFIG_BYTES_MAX)?;
    let base = file.base(&args.name, &config, args.layers, args.licence);
    let inputs = ILoraRegistry::registerBaseCall { base: base.clone() }.abi_encode();
    let mut sender = args.account.open("base", &inputs).await?;
    let base = register_base(&mut sender, file, base).await?;
    files::write_json(&args.out, &base)?;
    if args.account.json {
        println!("{}", serde_json::to_string_pretty(&base)?);
    } else {
        println!(
            "base {}: {} modules in each of {} layers, names from {}",
            base.id,
            base.modules.len(),
            base.layers,
            base.prefix
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `submit adapter`.
pub(super) async fn run_adapter(args: AdapterArgs) -> anyhow::Result<ExitCode> {
    let developer = args.account.address()?;
    let declared = args.flags.declare(args.train, args.licence, developer);
    let (file, adapter) = declared.await?;
    let mut sender = args.account.open("adapter", &adapter.abi_encode()).await?;
    let adapter = register_adapter(&mut sender, &file, adapter).await?;
    let (transactions, gas) = sender.spent();
    if args.account.json {
        let mut result = serde_json::to_value(&adapter)?;
        if let Some(result) = result.as_object_mut() {
            result.insert("transactions".to_owned(), transactions.into());
            result.insert("gasUsed".to_owned(), gas.into());
        }
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!(
            "adapter {} of base {}: rank {}, layers {} to {}, {} parameters; {transactions} transactions, {gas} gas",
            adapter.id,
            adapter.base,
            adapter.rank,
            adapter.layer_from,
            adapter.layer_to - 1,
            adapter.params
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
        sender.send(step(&format!("upload/{part}"), &call)).await?;
        eprintln!("{end} of {} bytes of the header", file.header.len());
        begin = end;
    }
    Ok(())
}

/// Reads an adapter's file on a thread that may wait for the disk.
///
/// # Errors
/// A file that can't be read, or isn't an adapter's.
pub async fn read_file(path: &Path) -> anyhow::Result<AdapterFile> {
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

fn step(name: &str, call: &impl SolCall) -> Step {
    Step::call(name, LORA, call)
}

#[cfg(test)]
mod tests {
    use super::*;

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
