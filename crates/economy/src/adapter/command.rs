//! The command: flags, calls, lines.

use super::{
    ListingStatus, Prices, last_uri, list, listing, set_payee, status::AdapterStatus, update,
};
use crate::{contracts::AdapterMarket, datanet::space_of, document::DocumentHash, output::print};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolEvent, SolValue};
use anyhow::ensure;
use clap::{Args, Subcommand};
use openledger_attribution::submit::adapter::{
    AdapterFlags, BadTrain, RegisteredAdapter, register_adapter, train,
};
use openledger_client::{Node, NodeArgs, OpenAmount, SenderArgs, open, say};
use openledger_precompiles::{SKETCH, lora::ILoraRegistry, sketch::IAttrSketch};
use openledger_primitives::predeploys::ADAPTER_MARKET;
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

/// Flags of `openledger adapter`.
#[derive(Debug, Clone, Args)]
pub struct AdapterArgs {
    #[command(subcommand)]
    command: AdapterCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AdapterCommand {
    /// Register an adapter's file, and offer it at a price
    Register(Box<RegisterArgs>),
    /// List the adapters that are offered
    List(ListArgs),
    /// Change an adapter's prices or metadata
    Price(PriceArgs),
    /// Pause an adapter
    Pause(IdArgs),
    /// Offer a paused adapter again
    Resume(IdArgs),
    /// Withdraw an adapter, for ever
    Withdraw(IdArgs),
    /// Set whom royalties of an adapter or a base go to
    Payee(PayeeArgs),
    /// Say what an adapter is, what it costs and whom it pays
    Status(StatusArgs),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Rank, layers, modules and data type are taken from the file's header, alpha from adapter_config.json beside it. --train names \
what the adapter was trained on: a Datanet, its sealed sketch set, a sealed span index if there is one, and the weight; the \
weights are 10000 together. The Datanets' terms must allow the licence. The journal holds what was sent: after an \
interruption the same command goes on with it.")]
struct RegisterArgs {
    #[command(flatten)]
    flags: AdapterFlags,
    /// What it was trained on: Datanet, sketch set, span index if any, and weight in basis points; may be repeated
    #[arg(long = "train", value_name = TRAIN_FORM, value_parser = trained)]
    train: Vec<ILoraRegistry::Train>,
    /// Its licence: 32 bytes, @FILE or a text that is hashed
    #[arg(long, value_name = "LICENCE")]
    licence: DocumentHash,
    #[command(flatten)]
    prices: PriceFlags,
    /// Whom its royalties go to [default: the account that registers it]
    #[arg(long, value_name = "ADDRESS")]
    payee: Option<Address>,
    /// Where the file and its description are
    #[arg(long, value_name = "URI", default_value = "")]
    uri: String,
    /// What was sent [default: FILE with .journal behind it]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, Args)]
struct PriceFlags {
    /// OPEN for a thousand tokens in
    #[arg(long, value_name = "OPEN")]
    price_in: OpenAmount,
    /// OPEN for a thousand tokens out
    #[arg(long, value_name = "OPEN")]
    price_out: OpenAmount,
}

impl PriceFlags {
    /// The prices: an amount of OPEN is below 2^90 wei.
    fn prices(self) -> Prices {
        Prices {
            price_in: self.price_in.wei().to(),
            price_out: self.price_out.wei().to(),
        }
    }
}

#[derive(Debug, Clone, Args)]
struct ListArgs {
    /// Those that aren't offered any more, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct PriceArgs {
    /// The adapter
    #[arg(value_name = "ID")]
    adapter: u64,
    #[command(flatten)]
    prices: PriceFlags,
    /// Where the file and its description are [default: where they were]
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct IdArgs {
    /// The adapter
    #[arg(value_name = "ID")]
    adapter: u64,
    /// Where the file and its description are [default: where they were]
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct PayeeArgs {
    /// The adapter or base
    #[arg(value_name = "ID")]
    id: u64,
    /// Whom its royalties go to; the zero address unsets it
    #[arg(value_name = "ADDRESS")]
    payee: Address,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
struct StatusArgs {
    /// The adapter or base
    #[arg(value_name = "ID")]
    id: u64,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How `--train` is written.
const TRAIN_FORM: &str = "DATANET:SET[:INDEX]:BPS";

fn trained(text: &str) -> Result<ILoraRegistry::Train, BadTrain> {
    train(text, TRAIN_FORM, |datanet| {
        // An empty text would be zero to the parser.
        let number = (!datanet.is_empty()).then(|| datanet.parse().ok());
        number.flatten().map(space_of)
    })
}

/// Runs the command.
pub(crate) async fn run(args: AdapterArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        AdapterCommand::Register(args) => run_register(*args).await?,
        AdapterCommand::List(args) => run_list(args).await?,
        AdapterCommand::Price(args) => {
            let mut sender = args.sender.open().await?;
            let found = listing(sender.node(), args.adapter).await?;
            let status = ListingStatus::try_from(found.status)?;
            let prices = args.prices.prices();
            let uri = uri_or_last(sender.node(), args.adapter, args.uri).await?;
            update(&mut sender, args.adapter, status, prices, &uri).await?;
            tell(sender.node(), args.adapter).await?;
        }
        AdapterCommand::Pause(args) => set_status(args, ListingStatus::Paused).await?,
        AdapterCommand::Resume(args) => set_status(args, ListingStatus::Active).await?,
        AdapterCommand::Withdraw(args) => set_status(args, ListingStatus::Withdrawn).await?,
        AdapterCommand::Payee(args) => {
            let mut sender = args.sender.open().await?;
            set_payee(&mut sender, args.id, args.payee).await?;
            tell(sender.node(), args.id).await?;
        }
        AdapterCommand::Status(args) => {
            let node = args.node.connect().await?;
            let status = AdapterStatus::read(&node, args.id).await?;
            print(args.json, &status, || status.show())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was registered and listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    #[serde(flatten)]
    adapter: RegisteredAdapter,
    price_in: U256,
    price_out: U256,
    payee: Address,
}

async fn run_register(args: RegisterArgs) -> anyhow::Result<()> {
    let local = args.sender.node.local()?;
    let account = args.sender.account.key(local.as_ref())?.address();
    let declared = args.flags.declare(args.train, args.licence.0, account);
    let (file, adapter) = declared.await?;
    let journal = args.journal.unwrap_or_else(|| {
        let mut name = args.flags.file.into_os_string();
        name.push(".journal");
        name.into()
    });
    let mut sender = args
        .sender
        .open_with_journal(&journal, "adapter register", &adapter.abi_encode())
        .await?;
    check_licences(sender.node(), &adapter).await?;
    check_sets(sender.node(), &adapter).await?;
    let adapter = register_adapter(&mut sender, &file, adapter).await?;
    let prices = args.prices.prices();
    // What an earlier run did is done, whoever did it.
    if listing(sender.node(), adapter.id).await?.status == ListingStatus::None.number() {
        list(&mut sender, adapter.id, prices, &args.uri).await?;
    }
    if let Some(payee) = args.payee {
        set_payee(&mut sender, adapter.id, payee).await?;
    }
    let call = AdapterMarket::payeeOfCall { id: adapter.id };
    let registered = Registered {
        payee: sender.node().ask(ADAPTER_MARKET, call).await?,
        price_in: U256::from(prices.price_in),
        price_out: U256::from(prices.price_out),
        adapter,
    };
    print(args.json, &registered, || {
        let adapter = &registered.adapter;
        say(
            "adapter",
            format_args!(
                "{} of base {}: rank {}, {} parameters",
                adapter.id, adapter.base, adapter.rank, adapter.params
            ),
        );
        say(
            "offered",
            format_args!(
                "{} for 1000 tokens in, {} for 1000 out",
                open(registered.price_in),
                open(registered.price_out)
            ),
        );
        say("payee", registered.payee);
    })
}

/// Refuses a licence that the market would refuse, before anything is registered.
async fn check_licences(node: &Node, adapter: &ILoraRegistry::Adapter) -> anyhow::Result<()> {
    use crate::contracts::DatanetRegistry;
    use openledger_primitives::predeploys::DATANET_REGISTRY;
    let spaces: BTreeSet<B256> = adapter.train.iter().map(|train| train.datanet).collect();
    for space in spaces {
        let call = DatanetRegistry::licenceAllowsCall {
            space,
            licence: adapter.licence,
        };
        let call_datanet = DatanetRegistry::datanetOfCall { space };
        let datanet = node.ask(DATANET_REGISTRY, call_datanet).await?;
        ensure!(!datanet.is_zero(), "there is no Datanet with space {space}");
        ensure!(
            node.ask(DATANET_REGISTRY, call).await?,
            "the terms of Datanet {datanet} don't allow licence {} (LicenceNotAllowed): `openledger datanet status {datanet}` says \
             what it has",
            adapter.licence
        );
    }
    Ok(())
}

/// Refuses several sets of a Datanet that would be scored, as the market does, before anything is registered.
async fn check_sets(node: &Node, adapter: &ILoraRegistry::Adapter) -> anyhow::Result<()> {
    let mut scored: BTreeSet<B256> = BTreeSet::new();
    for train in &adapter.train {
        if train.sketchSet == 0 {
            continue;
        }
        let call = IAttrSketch::headerCall {
            setId: train.sketchSet,
        };
        let header = node.ask(SKETCH, call).await?;
        ensure!(
            header.kind != 0 || scored.insert(train.datanet),
            "set {} is a second one of gradients of the same Datanet (SeveralSets): epochs are scored by one; register another adapter \
             for it",
            train.sketchSet
        );
    }
    Ok(())
}

async fn set_status(args: IdArgs, status: ListingStatus) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let found = listing(sender.node(), args.adapter).await?;
    let prices = Prices {
        price_in: found.priceIn,
        price_out: found.priceOut,
    };
    let uri = uri_or_last(sender.node(), args.adapter, args.uri).await?;
    update(&mut sender, args.adapter, status, prices, &uri).await?;
    tell(sender.node(), args.adapter).await
}

/// The URI that is given, or the last one that the market was told.
async fn uri_or_last(node: &Node, adapter: u64, uri: Option<String>) -> anyhow::Result<String> {
    match uri {
        Some(uri) => Ok(uri),
        None => last_uri(node, adapter).await,
    }
}

async fn tell(node: &Node, id: u64) -> anyhow::Result<()> {
    AdapterStatus::read(node, id).await?.show();
    Ok(())
}

async fn run_list(args: ListArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    let filter = Filter::new()
        .address(ADAPTER_MARKET)
        .event_signature(AdapterMarket::Listed::SIGNATURE_HASH);
    let head = node.head().await?;
    let mut adapters = BTreeSet::new();
    for log in node.logs_between(&filter, 0, head).await? {
        adapters.insert(AdapterMarket::Listed::decode_log(&log.inner)?.adapter);
    }
    let mut all = Vec::new();
    for adapter in adapters {
        let status = AdapterStatus::read(&node, adapter).await?;
        if args.all || status.offered {
            all.push(status);
        }
    }
    print(args.json, &all, || {
        for one in &all {
            println!(
                "adapter {} of base {}: {}, {} for 1000 tokens in, {} for 1000 out",
                one.id,
                one.base,
                one.listing,
                open(one.price_in),
                open(one.price_out)
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_sets_are_named_by_their_datanets() {
        let named = trained("2:7:10000").unwrap();
        assert_eq!(named.datanet, space_of(U256::from(2)));
        for wrong in ["x:7:1", "-1:7:1", ":7:1"] {
            assert!(trained(wrong).is_err(), "{wrong}");
        }
    }
}
