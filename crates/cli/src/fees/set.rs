//! `openledger fees set`.

use super::{
    change::{Owner, changes, present},
    ledger::{Ledger, Posted},
    price::{ByteCost, FeeSettings, L1Prices, OperatorFeeRule, Pricing, Terms, TypicalTx},
};
use crate::{
    bridge::{AccountArgs, Connection, ConnectionArgs, L1Account, SendArgs, decimal, open, say},
    config::BlobFlags,
    derivation::with_blobs,
};
use alloy_primitives::U256;
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use openledger_batcher::{BatcherConfig, OpenPerEth, posting_gas};
use openledger_l1::{Carrier, TxCandidate};
use openledger_primitives::OpHardforks;
use std::{process::ExitCode, sync::Arc};

const WEI_PER_GWEI: u128 = 1_000_000_000;
/// Compressed bytes that fill a blob and a calldata transaction, about.
const FULL_BLOB_BYTES: usize = 130_000;
const FULL_CALLDATA_BYTES: usize = 119_900;
/// Batch transactions that are looked at, unless said otherwise and at most.
const BATCHES: usize = 20;
const BATCHES_MAX: u64 = 1_000;
/// What is taken for typical where no transaction says more: a transfer.
const TRANSFER: TypicalTx = TypicalTx {
    bytes: 100,
    gas: 21_000,
};

/// What batches are carried in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CarrierArg {
    /// What carried the last one
    Auto,
    /// Blobs
    Blobs,
    /// Calldata
    Calldata,
}

/// Flags of `openledger fees set`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without --key-file, OPENLEDGER_KEY holds the account's key. It must own SystemConfig; it needs ETH for gas.")]
pub(super) struct SetArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    send: SendArgs,
    /// OPEN that an ETH costs, as in 7500.25
    #[arg(long, value_name = "OPEN")]
    open_per_eth: OpenPerEth,
    /// What is charged beyond the cost, percent
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..=1_000_000)
    )]
    margin_percent: u32,
    /// What batches are carried in
    #[arg(long, value_enum, default_value_t = CarrierArg::Auto)]
    carrier: CarrierArg,
    /// Compressed bytes that a batch transaction carries [default: as many as fit]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    batch_bytes: Option<u64>,
    /// Base fee of the L1, gwei, at which the operator fee makes up for scalars at their limit [default: the
    /// present one]
    #[arg(long = "l1.base-fee-gwei", value_name = "GWEI")]
    l1_base_fee_gwei: Option<u64>,
    /// The same of blob gas
    #[arg(long = "l1.blob-base-fee-gwei", value_name = "GWEI")]
    l1_blob_base_fee_gwei: Option<u64>,
    /// Leave the operator fee as it is
    #[arg(long)]
    keep_operator_fee: bool,
    /// Batch transactions of the past that are looked at
    #[arg(
        long,
        value_name = "N",
        default_value_t = BATCHES as u64,
        value_parser = clap::value_parser!(u64).range(1..=BATCHES_MAX)
    )]
    batches: u64,
    #[command(flatten)]
    blobs: BlobFlags,
    /// Print what would be changed and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Computes, compares, prints, and sends what is to change.
///
/// # Errors
/// A layer that doesn't answer; an account that may not change the settings; a change that fails.
pub(super) async fn run(args: SetArgs) -> anyhow::Result<ExitCode> {
    let mut connection = args.connection.open().await?;
    connection.l1 = with_blobs(connection.l1, args.blobs.sources()?)?;
    let key = match args.dry_run {
        true => None,
        false => args.account.key_if_any(connection.local())?,
    };
    let owner = Owner::read(&connection).await?;
    let config = connection.contracts().system_config;
    say(
        "SystemConfig",
        format_args!("{config}, owned by {}", owner.words()),
    );

    let ledger = past(&connection, usize::try_from(args.batches)?).await?;
    print_ledger(&ledger.posted, args.open_per_eth);
    let from = present(&connection).await?;
    let to = settings(&args, &connection, &ledger, from).await?;
    print_settings(from, to);

    let changes = changes(from, to);
    if changes.is_empty() {
        say("done", "nothing is to be changed");
        return Ok(ExitCode::SUCCESS);
    }
    let Owner::Account(account) = owner else {
        owner.print(config, &changes);
        return Ok(ExitCode::SUCCESS);
    };
    if args.dry_run {
        owner.print(config, &changes);
        say("dry run", "nothing is sent");
        return Ok(ExitCode::SUCCESS);
    }
    let key = key.with_context(|| {
        format!("name the key of {account} by --key-file or OPENLEDGER_KEY, or give --dry-run")
    })?;
    ensure!(
        key.address() == account,
        "SystemConfig is owned by {account}, and the key is of {}: with --dry-run the calls are printed for the \
         owner",
        key.address()
    );
    let sender = L1Account::new(&connection, key, &args.send);
    sender.require_eth().await?;
    for change in &changes {
        let sent = sender
            .send(change.what, TxCandidate::call(config, change.data.clone()))
            .await?;
        say(
            "sent",
            format_args!(
                "{}: L1 transaction {} in block {}",
                change.what, sent.tx_hash, sent.block.number
            ),
        );
    }
    say(
        "done",
        "L2 blocks whose L1 origin is that block or a later one charge by it",
    );
    Ok(ExitCode::SUCCESS)
}

/// What was posted of late. What can't be read is no reason not to set fees.
async fn past(connection: &Connection, batches: usize) -> anyhow::Result<Ledger> {
    let read = async {
        let l2 = connection.l2().await?;
        Ledger::read(connection, &l2, batches).await
    };
    match read.await {
        Ok(ledger) => Ok(ledger),
        Err(error) => {
            say(
                "note",
                format_args!(
                    "recent batches can't be compared: {}",
                    crate::one_line(&error)
                ),
            );
            Ok(Ledger::default())
        }
    }
}

/// The settings for the rate, with what there is to say about them.
async fn settings(
    args: &SetArgs,
    connection: &Connection,
    ledger: &Ledger,
    present: FeeSettings,
) -> anyhow::Result<FeeSettings> {
    let head = connection.l1.latest().await?;
    let schedule = &connection.files.l1;
    let prices = L1Prices {
        base_fee: match args.l1_base_fee_gwei {
            Some(gwei) => u128::from(gwei) * WEI_PER_GWEI,
            None => head.base_fee_per_gas.unwrap_or_default().into(),
        },
        blob_base_fee: match args.l1_blob_base_fee_gwei {
            Some(gwei) => u128::from(gwei) * WEI_PER_GWEI,
            None => schedule.blob_base_fee(head.timestamp, head.excess_blob_gas),
        },
    };
    let carrier = match args.carrier {
        CarrierArg::Blobs => Carrier::Blobs,
        CarrierArg::Calldata => Carrier::Calldata,
        // Where nothing is known: what batches are posted by when there is much to post.
        CarrierArg::Auto => ledger.carrier.unwrap_or(Carrier::Blobs),
    };
    let full = match carrier {
        Carrier::Blobs => FULL_BLOB_BYTES,
        Carrier::Calldata => FULL_CALLDATA_BYTES,
    };
    let bytes = match args.batch_bytes {
        Some(bytes) => usize::try_from(bytes)?,
        None => full,
    };
    let rollup = Arc::new(connection.files.rollup.clone());
    let rule = match rollup.is_jovian_active_at_timestamp(head.timestamp) {
        true => OperatorFeeRule::Jovian,
        false => OperatorFeeRule::Isthmus,
    };
    let batcher = BatcherConfig {
        blobs_per_tx: 1,
        ..BatcherConfig::new(rollup)
    };
    let byte = ByteCost::of(posting_gas(&batcher, carrier, bytes), bytes as u64);
    let terms = Terms {
        rate: args.open_per_eth,
        margin_percent: args.margin_percent,
    };
    let typical = ledger.typical.unwrap_or(TRANSFER);
    say(
        "posting",
        format_args!(
            "in {}, {bytes} bytes a transaction: {} gas and {} blob gas a byte",
            match carrier {
                Carrier::Blobs => "blobs",
                Carrier::Calldata => "calldata",
            },
            millionths(byte.gas),
            millionths(byte.blob_gas)
        ),
    );
    say(
        "L1 prices",
        format_args!(
            "{} gwei a gas, {} gwei a blob gas",
            gwei(prices.base_fee),
            gwei(prices.blob_base_fee)
        ),
    );
    say(
        "rate",
        format_args!(
            "{} OPEN per ETH, and {} % more",
            terms.rate, terms.margin_percent
        ),
    );
    let pricing = Pricing::of(byte, terms, prices, typical, rule);
    let mut settings = pricing.settings;
    if args.keep_operator_fee {
        settings.operator_fee_scalar = present.operator_fee_scalar;
        settings.operator_fee_constant = present.operator_fee_constant;
    }
    print_saturation(&pricing, typical, args.keep_operator_fee);
    Ok(settings)
}

/// Says which limits are reached, and what follows.
fn print_saturation(pricing: &Pricing, typical: TypicalTx, keeps_operator_fee: bool) {
    for (name, wanted, set) in [
        (
            "base fee scalar",
            pricing.base_fee_scalar_wanted,
            pricing.settings.base_fee_scalar,
        ),
        (
            "blob base fee scalar",
            pricing.blob_base_fee_scalar_wanted,
            pricing.settings.blob_base_fee_scalar,
        ),
    ] {
        if wanted > U256::from(set) {
            let permille = (U256::from(set) * U256::from(1_000) / wanted).saturating_to::<u64>();
            say(
                "SATURATED",
                format_args!(
                    "{name} would be {wanted}, and {set} is the highest: it covers {}.{} % of its part of the cost",
                    permille / 10,
                    permille % 10
                ),
            );
        }
    }
    if !pricing.is_saturated() {
        return;
    }
    let rest = open(pricing.rest_wei);
    let of = format!(
        "of a transaction of {} bytes and {} gas at these L1 prices",
        typical.bytes, typical.gas
    );
    if keeps_operator_fee {
        say("UNCOVERED", format_args!("{rest} {of}"));
        return;
    }
    say(
        "rest",
        format_args!(
            "{rest} {of}: the operator fee takes it. That doesn't follow the L1's prices: set fees again when these \
             change"
        ),
    );
    if pricing.rest_wei > U256::from(u64::MAX) {
        say(
            "SATURATED",
            format_args!(
                "operator fee constant: {} a transaction is the highest; its scalar takes what is left, by gas",
                open(U256::from(u64::MAX))
            ),
        );
    }
    if !pricing.uncovered_wei.is_zero() {
        say(
            "UNCOVERED",
            format_args!(
                "{} {of}: every limit is reached, posting costs more than is paid for it",
                open(pricing.uncovered_wei)
            ),
        );
    }
}

fn print_settings(from: FeeSettings, to: FeeSettings) {
    for (name, from, to) in [
        (
            "base fee scalar",
            u64::from(from.base_fee_scalar),
            u64::from(to.base_fee_scalar),
        ),
        (
            "blob base fee scalar",
            from.blob_base_fee_scalar.into(),
            to.blob_base_fee_scalar.into(),
        ),
        (
            "operator fee scalar",
            from.operator_fee_scalar.into(),
            to.operator_fee_scalar.into(),
        ),
        (
            "operator fee constant",
            from.operator_fee_constant,
            to.operator_fee_constant,
        ),
    ] {
        let change = match from == to {
            true => format!("{from}, as it is"),
            false => format!("{from} -> {to}"),
        };
        println!("{name:<22}{change}");
    }
}

/// Prints a line a channel, and the sum.
fn print_ledger(posted: &[Posted], rate: OpenPerEth) {
    if posted.is_empty() {
        say("batches", "none of late");
        return;
    }
    println!(
        "{:>9}  {:>17}  {:>6}  {:>8}  {:>16}  {:>16}  {:>16}  {:>8}",
        "L1 block", "L2 blocks", "txs", "bytes", "cost, ETH", "cost, OPEN", "fees, OPEN", "covered"
    );
    let mut sum = Posted {
        l1_block: 0,
        blocks: (u64::MAX, 0),
        transactions: 0,
        bytes: 0,
        cost_wei: U256::ZERO,
        fees_wei: U256::ZERO,
    };
    for channel in posted {
        print_line(&channel.l1_block.to_string(), channel, rate);
        sum.blocks = (
            sum.blocks.0.min(channel.blocks.0),
            sum.blocks.1.max(channel.blocks.1),
        );
        sum.transactions += channel.transactions;
        sum.bytes += channel.bytes;
        sum.cost_wei = sum.cost_wei.saturating_add(channel.cost_wei);
        sum.fees_wei = sum.fees_wei.saturating_add(channel.fees_wei);
    }
    print_line("all", &sum, rate);
}

fn print_line(name: &str, posted: &Posted, rate: OpenPerEth) {
    let cost = rate.open_wei(posted.cost_wei);
    println!(
        "{name:>9}  {:>17}  {:>6}  {:>8}  {:>16}  {:>16}  {:>16}  {:>8}",
        format!("{}-{}", posted.blocks.0, posted.blocks.1),
        posted.transactions,
        posted.bytes,
        short(posted.cost_wei),
        short(cost),
        short(posted.fees_wei),
        covered(cost, posted.fees_wei)
    );
}

/// How much of a cost fees are, percent.
fn covered(cost: U256, fees: U256) -> String {
    if cost.is_zero() {
        return "-".to_owned();
    }
    format!("{} %", fees.saturating_mul(U256::from(100)) / cost)
}

/// An amount with as many decimals as a column has room for, at least the first that isn't zero.
fn short(wei: U256) -> String {
    const WIDTH: usize = 16;
    let mut text = decimal(wei);
    if text.contains('.') && text.len() > WIDTH {
        text.truncate(WIDTH);
    }
    if !wei.is_zero() && text.trim_matches(['0', '.']).is_empty() {
        return format!("{wei} wei");
    }
    text
}

fn millionths(amount: u64) -> String {
    let (whole, fraction) = (amount / 1_000_000, amount % 1_000_000);
    format!("{whole}.{fraction:06}")
}

fn gwei(wei: u128) -> String {
    let (whole, fraction) = (wei / WEI_PER_GWEI, wei % WEI_PER_GWEI);
    match fraction {
        0 => whole.to_string(),
        _ => format!("{whole}.{fraction:09}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_fit_into_their_columns() {
        assert_eq!(short(U256::ZERO), "0");
        assert_eq!(short(U256::from(5)), "5 wei");
        assert_eq!(short(U256::from(5_000_000_000_u64)), "0.000000005");
        assert_eq!(
            short(U256::from(1_234_567_890_123_456_789_u64)),
            "1.23456789012345"
        );
        assert_eq!(covered(U256::from(200), U256::from(150)), "75 %");
        assert_eq!(covered(U256::ZERO, U256::from(1)), "-");
        assert_eq!(gwei(7), "0.000000007");
        assert_eq!(gwei(2_500_000_000), "2.5");
        assert_eq!(millionths(507_693), "0.507693");
    }
}
