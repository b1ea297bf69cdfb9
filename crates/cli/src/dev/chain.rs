//! Makes the chain of a data directory, or finds it there.

use super::{
    DevArgs,
    accounts::{DevAccounts, MNEMONIC, balance_wei},
    anvil::Anvil,
};
use crate::{
    genesis::{
        BASE_FEE_SCALAR, BLOB_BASE_FEE_SCALAR, DEFAULT_GAS_LIMIT, GenesisParameters,
        LOCAL_CHAIN_ID, chain_files,
    },
    unsettled,
};
use alloy_eips::BlockId;
use alloy_primitives::Address;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, bail, ensure};
use openledger_chain::ChainFiles;
use openledger_l1::{DeployConfig, L1Client, RequestConfig, deploy_contracts, key_from_env};
use openledger_primitives::{GENESIS_EXTRA_KEY, GenesisExtra, GenesisId, L1Contracts};
use std::{
    env,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Names the key that deploys to and posts on an L1 that is not ours.
const KEY_VARIABLE: &str = "OPENLEDGER_L1_KEY";
/// Accounts unless a flag says otherwise.
const DEFAULT_ACCOUNTS: u32 = 10;
/// How often the local L1's pool is looked at while contracts are deployed.
const MINE_POLL: Duration = Duration::from_millis(5);

/// How the L1 is reached.
#[derive(Debug, Clone)]
pub(crate) struct L1Access {
    pub(crate) url: String,
    /// Deploys the contracts and posts the batches.
    pub(crate) operator: PrivateKeySigner,
}

/// The chain to run.
#[derive(Debug, Clone)]
pub(crate) struct DevChain {
    pub(crate) files: ChainFiles,
}

/// How many accounts are funded: those of a chain that is resumed, or what the flag says.
pub(crate) fn account_count(args: &DevArgs, kept: Option<&ChainFiles>) -> u32 {
    let Some(files) = kept else {
        return args.accounts.unwrap_or(DEFAULT_ACCOUNTS);
    };
    // Genesis accounts without code are the funded ones.
    let funded = files
        .genesis
        .alloc
        .values()
        .filter(|account| account.code.is_none())
        .count();
    u32::try_from(funded).unwrap_or(DEFAULT_ACCOUNTS)
}

/// Checks that the flags fit to a chain that exists.
///
/// # Errors
/// The first flag that doesn't.
pub(crate) fn check_flags(
    args: &DevArgs,
    files: &ChainFiles,
    directory: &Path,
) -> anyhow::Result<()> {
    let shown = directory.display();
    let settled = settled(files)?;
    if settled && !args.settled() {
        let flag = match (args.instant, args.manual) {
            (true, _) => "--instant",
            (_, true) => "--manual",
            _ => "--no-batcher",
        };
        bail!(
            "the chain in {shown} is settled on an L1: start it without {flag}, or use another --data-dir"
        );
    }
    if !settled && args.settled() {
        bail!(
            "the chain in {shown} is unsettled: start it with --no-batcher (or --instant, --manual), or use \
             another --data-dir"
        );
    }
    for (flag, given, actual) in [
        ("--block-time", args.block_time, files.rollup.block_time),
        ("--gas-limit", args.gas_limit, files.genesis.gas_limit),
        (
            "--accounts",
            args.accounts.map(u64::from),
            u64::from(account_count(args, Some(files))),
        ),
    ] {
        if let Some(given) = given.filter(|given| *given != actual) {
            bail!(
                "{flag} {given} is not what the chain in {shown} was made with ({actual}): leave it out"
            );
        }
    }
    Ok(())
}

/// Whether the chain posts to L1, by its own settings.
fn settled(files: &ChainFiles) -> anyhow::Result<bool> {
    let extra = files
        .genesis
        .config
        .extra_fields
        .get(GENESIS_EXTRA_KEY)
        .with_context(|| format!("genesis.json: config.{GENESIS_EXTRA_KEY} is missing"))?;
    let extra: GenesisExtra = serde_json::from_value(extra.clone())
        .with_context(|| format!("genesis.json: config.{GENESIS_EXTRA_KEY}"))?;
    Ok(extra.settled)
}

/// The key for an L1 that is not ours.
///
/// # Errors
/// If the variable is set and holds no key.
pub(crate) fn operator_key() -> anyhow::Result<PrivateKeySigner> {
    if env::var_os(KEY_VARIABLE).is_some() {
        return Ok(key_from_env(KEY_VARIABLE)?);
    }
    Ok(MnemonicBuilder::from_phrase_nth(MNEMONIC, 0))
}

/// Checks that an existing chain's L1 is the one at hand.
///
/// # Errors
/// If the L1 can't be reached or is another one.
pub(crate) async fn resume(files: ChainFiles, l1: Option<&L1Access>) -> anyhow::Result<DevChain> {
    if let Some(l1) = l1 {
        let client = client(l1)?;
        client
            .require_chain_id(files.rollup.l1_chain_id)
            .await
            .context("the chain's L1 is another one")?;
        let batcher = files.rollup.genesis.system_config.batcher_address;
        ensure!(
            batcher == l1.operator.address(),
            "the chain's batches are posted by {batcher}, but {KEY_VARIABLE} is the key of {}",
            l1.operator.address()
        );
    }
    Ok(DevChain { files })
}

/// Makes a new chain: deploys its contracts, where it has an L1, and builds its files.
///
/// # Errors
/// If the L1 can't be reached or the contracts can't be deployed.
pub(crate) async fn create(
    args: &DevArgs,
    accounts: &DevAccounts,
    l1: Option<&L1Access>,
    anvil: Option<&Anvil>,
) -> anyhow::Result<DevChain> {
    let owner = accounts
        .accounts
        .first()
        .map_or(Address::ZERO, |account| account.address);
    let mut parameters = GenesisParameters {
        chain_id: LOCAL_CHAIN_ID,
        timestamp: 0,
        block_time: args.block_time.unwrap_or(1),
        gas_limit: args.gas_limit.unwrap_or(DEFAULT_GAS_LIMIT),
        proxy_admin_owner: owner,
        fee_recipient: owner,
        funded: accounts
            .accounts
            .iter()
            .map(|account| (account.address, balance_wei()))
            .collect(),
        settled: args.settled(),
        l1_origin: GenesisId::default(),
        l1_chain_id: unsettled::L1_CHAIN_ID,
        l1_contracts: L1Contracts::default(),
        batcher: Address::ZERO,
    };
    match l1 {
        None => {
            parameters.timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            parameters.l1_origin = unsettled::origin_id(parameters.timestamp);
        }
        Some(l1) => deploy(&mut parameters, l1, anvil).await?,
    }
    Ok(DevChain {
        files: chain_files(&parameters)?,
    })
}

/// Deploys the L1 contracts; the chain starts from the L1 block after which they are complete.
async fn deploy(
    parameters: &mut GenesisParameters,
    l1: &L1Access,
    anvil: Option<&Anvil>,
) -> anyhow::Result<()> {
    let client = client(l1)?;
    let operator = l1.operator.address();
    parameters.l1_chain_id = client
        .chain_id()
        .await
        .context("no L1 answers at --l1.rpc-url")?;
    parameters.batcher = operator;
    if let Some(anvil) = anvil {
        anvil.fund(operator).await?;
    }
    let balance = client.balance(operator, BlockId::latest()).await?;
    ensure!(
        !balance.is_zero(),
        "{operator} has no ETH on the L1: send it some, or set {KEY_VARIABLE} to the key of an account that has"
    );
    let config = DeployConfig {
        owner: operator,
        batcher: operator,
        gas_limit: parameters.gas_limit,
        base_fee_scalar: BASE_FEE_SCALAR,
        blob_base_fee_scalar: BLOB_BASE_FEE_SCALAR,
        eip1559_denominator: 0,
        eip1559_elasticity: 0,
        operator_fee_scalar: 0,
        operator_fee_constant: 0,
        unsafe_block_signer: operator,
        batch_inbox: None,
    };
    let deployed = deploy_contracts(&client, l1.operator.clone(), &config);
    parameters.l1_contracts = match anvil {
        None => deployed.await,
        // The local L1 need not wait for its next block.
        Some(anvil) => tokio::select! {
            deployed = deployed => deployed,
            error = mine_what_waits(anvil) => return Err(error),
        },
    }
    .context("the L1 contracts could not be deployed")?;
    let latest = client.latest().await?;
    parameters.l1_origin = GenesisId {
        hash: latest.hash(),
        number: latest.number,
    };
    parameters.timestamp = latest.timestamp;
    Ok(())
}

/// Mines a block whenever transactions wait and no more of them come.
async fn mine_what_waits(anvil: &Anvil) -> anyhow::Error {
    let mut before = 0;
    loop {
        tokio::time::sleep(MINE_POLL).await;
        let waiting = match anvil.waiting().await {
            Ok(waiting) => waiting,
            Err(error) => return error,
        };
        if waiting > 0 && waiting == before {
            if let Err(error) = anvil.mine().await {
                return error;
            }
            before = 0;
        } else {
            before = waiting;
        }
    }
}

fn client(l1: &L1Access) -> anyhow::Result<L1Client> {
    Ok(L1Client::new(
        std::slice::from_ref(&l1.url),
        RequestConfig::default(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cli, Command};
    use clap::Parser;

    fn args(more: &[&str]) -> DevArgs {
        let cli = Cli::try_parse_from([&["openledger", "dev"], more].concat()).unwrap();
        let Command::Dev(args) = cli.command else {
            panic!("not dev")
        };
        args
    }

    async fn unsettled(more: &[&str]) -> ChainFiles {
        let args = args(&[&["--no-batcher"], more].concat());
        let accounts = DevAccounts::derive(account_count(&args, None)).unwrap();
        create(&args, &accounts, None, None).await.unwrap().files
    }

    #[tokio::test]
    async fn an_unsettled_chain_needs_no_l1_and_says_what_it_is() {
        let files = unsettled(&["--accounts", "3", "--block-time", "2"]).await;
        assert!(!settled(&files).unwrap());
        assert_eq!(
            files.rollup.genesis.l1,
            unsettled::origin_id(files.rollup.genesis.l2_time)
        );
        assert_eq!(account_count(&args(&[]), Some(&files)), 3);
        assert_eq!(files.rollup.block_time, 2);
    }

    #[tokio::test]
    async fn flags_that_do_not_fit_the_chain_are_named() {
        let files = unsettled(&[]).await;
        let refused = |more: &[&str]| {
            check_flags(&args(more), &files, Path::new("/chain")).map_err(|error| error.to_string())
        };
        assert_eq!(refused(&["--no-batcher"]), Ok(()));
        assert_eq!(
            refused(&["--instant"]),
            Ok(()),
            "unsettled chains may change their mode"
        );
        assert_eq!(
            refused(&["--no-batcher", "--block-time", "1", "--accounts", "10"]),
            Ok(())
        );
        for (flags, named) in [
            (&[][..], "--no-batcher"),
            (&["--no-batcher", "--block-time", "2"], "--block-time 2"),
            (
                &["--no-batcher", "--gas-limit", "30000000"],
                "--gas-limit 30000000",
            ),
            (&["--no-batcher", "--accounts", "3"], "--accounts 3"),
        ] {
            let error = refused(flags).unwrap_err();
            assert!(error.contains(named) && error.contains("/chain"), "{error}");
        }
    }
}
