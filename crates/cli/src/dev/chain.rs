//! Makes the chain of a data directory, or finds it there.

use super::{
    DevArgs,
    accounts::{DevAccounts, MNEMONIC, balance_wei},
    anvil::{self, Anvil},
};
use crate::{
    genesis::{
        BASE_FEE_SCALAR, BLOB_BASE_FEE_SCALAR, DEFAULT_GAS_LIMIT, GenesisParameters,
        LOCAL_CHAIN_ID, chain_files, genesis_output_root, local_settings, sum,
    },
    proposer::{ChallengerRole, ProposerRole},
    unsettled,
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, address};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, bail, ensure};
use openledger_chain::ChainFiles;
use openledger_l1::{
    DeployConfig, DeployError, DeployOptions, Deployment, GameClocks, GenesisAnchor, L1Client,
    RequestConfig, TimelockConfig, VETO_GAME, key_from_env,
};
use openledger_primitives::{ForkTimes, GENESIS_EXTRA_KEY, GenesisExtra, GenesisId, L1Contracts};
use openledger_proposer::{ChallengerConfig, ProposerConfig};
use std::{
    env,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Names the key that deploys to and posts on an L1 that is not ours.
const KEY_VARIABLE: &str = "OPENLEDGER_L1_KEY";
/// Accounts unless a flag says otherwise.
const DEFAULT_ACCOUNTS: u32 = 10;
/// Names the key that claims output roots on an L1 that is not ours.
const PROPOSER_KEY_VARIABLE: &str = "OPENLEDGER_L1_PROPOSER_KEY";
/// How often the local L1's pool is looked at while contracts are deployed.
const MINE_POLL: Duration = Duration::from_millis(5);
/// Looks after which transactions that are fewer than expected are mined all the same.
const MINE_LOOKS_MAX: u32 = 40;
/// Most transactions that are waited for before a block is mined: what a block of the local L1 surely
/// holds.
const MINE_STEPS_MAX: u64 = 60;

/// Multicall3, which every public L1 has and a local one is given: viem lists games with it.
const MULTICALL: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

/// How long claims and withdrawals wait on a local chain: short, so that a withdrawal takes less than
/// two minutes from its beginning to its end.
const CLOCKS: GameClocks = GameClocks {
    max_clock_seconds: 10,
    finality_delay_seconds: 2,
    proof_maturity_seconds: 5,
    proposer_fallback_seconds: 60,
    // 0.01 ETH.
    init_bond_wei: 10_000_000_000_000_000,
};
/// Time between claims on a local chain: less than after which the proposer counts as silent.
const PROPOSAL_INTERVAL: Duration = Duration::from_secs(45);
/// The same while a withdrawal waits.
const PROPOSAL_INTERVAL_WITHDRAWAL: Duration = Duration::from_secs(6);

/// For how long a claim is watched on a local chain: its clocks are over in seconds, and with a claim every 45 s
/// the list stays short.
const WATCH: Duration = Duration::from_secs(3_600);

/// How the L1 is reached.
#[derive(Debug, Clone)]
pub(crate) struct L1Access {
    /// In the order in which they are tried.
    pub(crate) urls: Vec<String>,
    /// Whether what it doesn't have does not exist ([`L1Client::of_whole_l1`]).
    pub(crate) whole: bool,
    /// Deploys the contracts and posts the batches.
    pub(crate) operator: PrivateKeySigner,
    /// Claims output roots; `None` where nobody does.
    pub(crate) proposer: Option<PrivateKeySigner>,
    /// May veto claims and pause withdrawals.
    pub(crate) guardian: Address,
    /// The guardian's key, where claims are watched.
    pub(crate) challenger: Option<PrivateKeySigner>,
    /// Where its blobs are got from, if anywhere.
    pub(crate) beacon_urls: Vec<String>,
}

impl L1Access {
    /// The role that claims output roots, if somebody does and the chain has games.
    pub(crate) fn proposer_role(&self, files: &ChainFiles) -> Option<ProposerRole> {
        let factory = factory(files)?;
        Some(ProposerRole {
            signer: self.proposer.clone()?.into(),
            config: ProposerConfig {
                interval: PROPOSAL_INTERVAL,
                withdrawal_interval: PROPOSAL_INTERVAL_WITHDRAWAL,
                poll_interval: Duration::from_secs(anvil::BLOCK_TIME) / 2,
                ..ProposerConfig::new(factory, VETO_GAME)
            },
        })
    }

    /// The role that vetoes wrong claims, if somebody does and the chain has games.
    pub(crate) fn challenger_role(&self, files: &ChainFiles) -> Option<ChallengerRole> {
        let factory = factory(files)?;
        Some(ChallengerRole {
            signer: self.challenger.clone()?.into(),
            config: ChallengerConfig {
                watch: WATCH,
                // A claim is vetoed in the second half of its clock, which is shorter than three L1 blocks.
                poll_interval: Duration::from_secs(anvil::BLOCK_TIME) / 2,
                ..ChallengerConfig::new(factory, VETO_GAME)
            },
        })
    }
}

/// The factory of a chain's games, if it has any.
fn factory(files: &ChainFiles) -> Option<Address> {
    Some(files.l1.contracts.dispute_game_factory).filter(|factory| !factory.is_zero())
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

/// The key that claims output roots on an L1 that is not ours: the second test account's, where the
/// operator's is the first's. `None` if only the operator's is named.
///
/// # Errors
/// If the variable is set and holds no key.
pub(crate) fn proposer_key() -> anyhow::Result<Option<PrivateKeySigner>> {
    if env::var_os(PROPOSER_KEY_VARIABLE).is_some() {
        return Ok(Some(key_from_env(PROPOSER_KEY_VARIABLE)?));
    }
    let is_test = env::var_os(KEY_VARIABLE).is_none();
    Ok(is_test.then(|| MnemonicBuilder::from_phrase_nth(MNEMONIC, 1)))
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
        settings: local_settings(owner)?,
        forks: ForkTimes::ISTHMUS,
    };
    let files = match l1 {
        None => {
            parameters.timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            parameters.l1_origin = unsettled::origin_id(parameters.timestamp);
            chain_files(&parameters)?
        }
        Some(l1) => deploy(parameters, l1, anvil).await?,
    };
    Ok(DevChain { files })
}

/// Deploys the L1 contracts and makes the chain's files; the chain starts from the L1 block before
/// which the contracts were set up.
async fn deploy(
    mut parameters: GenesisParameters,
    l1: &L1Access,
    anvil: Option<&Anvil>,
) -> anyhow::Result<ChainFiles> {
    const FAILED: &str = "the L1 contracts could not be deployed";
    let client = client(l1)?;
    let operator = l1.operator.address();
    parameters.l1_chain_id = client
        .chain_id()
        .await
        .context("no L1 answers at --l1.rpc-url")?;
    parameters.batcher = operator;
    if let Some(anvil) = anvil {
        let proposer = l1.proposer.as_ref().map(PrivateKeySigner::address);
        let roles = [Some(operator), proposer, Some(l1.guardian)];
        for account in roles.into_iter().flatten() {
            anvil.fund(account).await?;
        }
    }
    let balance = client.balance(operator, BlockId::latest()).await?;
    ensure!(
        !balance.is_zero(),
        "{operator} has no ETH on the L1: send it some, or set {KEY_VARIABLE} to the key of an account that has"
    );
    let signer = l1.operator.clone().into();
    let first_nonce = Deployment::first_nonce(&client, &signer)
        .await
        .context(FAILED)?;
    let options = DeployOptions {
        poll_interval: match anvil {
            Some(_) => Duration::from_millis(20),
            None => DeployOptions::default().poll_interval,
        },
        ..DeployOptions::default()
    };
    let config = deploy_config(&parameters, l1);
    let roles = config.roles();
    let mut deployment =
        Deployment::begin(client.clone(), signer, first_nonce, config, options, None)
            .context(FAILED)?;
    parameters.l1_contracts = *deployment.contracts();

    let steps = deployment.set_up_steps();
    carried_out(deployment.set_up(), steps, anvil)
        .await
        .context(FAILED)?;
    let latest = client.latest().await?;
    parameters.l1_origin = GenesisId {
        hash: latest.hash(),
        number: latest.number,
    };
    parameters.timestamp = latest.timestamp;
    let mut files = chain_files(&parameters)?;
    files.l1.roles = Some(roles);
    let multicall = files.genesis.alloc.get(&MULTICALL);
    if let (Some(anvil), Some(code)) = (anvil, multicall.and_then(|account| account.code.as_ref()))
    {
        anvil.set_code(MULTICALL, code).await?;
    }
    let anchor = GenesisAnchor {
        output_root: genesis_output_root(&files.genesis)?,
        timestamp: parameters.timestamp,
    };
    let steps = deployment.opening_steps();
    carried_out(deployment.open(anchor), steps, anvil)
        .await
        .context(FAILED)?;
    let steps = deployment.hand_over_steps();
    carried_out(deployment.hand_over(anchor), steps, anvil)
        .await
        .context(FAILED)?;
    Ok(files)
}

/// What a local chain's contracts are set up with: the operator owns them, the accounts that have OPEN
/// on L2 have as much on L1.
fn deploy_config(parameters: &GenesisParameters, l1: &L1Access) -> DeployConfig {
    let operator = l1.operator.address();
    DeployConfig {
        proposer: l1
            .proposer
            .as_ref()
            .map_or(operator, PrivateKeySigner::address),
        challenger: l1.guardian,
        guardian: l1.guardian,
        gas_limit: parameters.gas_limit,
        block_time: parameters.block_time,
        base_fee_scalar: BASE_FEE_SCALAR,
        blob_base_fee_scalar: BLOB_BASE_FEE_SCALAR,
        genesis_supply: sum(parameters.funded.values()),
        grants: parameters
            .funded
            .iter()
            .map(|(account, amount)| (*account, *amount))
            .collect(),
        clocks: CLOCKS,
        code_timelock: TimelockConfig::of(operator, 0),
        ..DeployConfig::new(operator, operator)
    }
}

/// Waits for a part of the deployment. The local L1 need not wait for its next block.
async fn carried_out(
    part: impl Future<Output = Result<(), DeployError>>,
    steps: usize,
    anvil: Option<&Anvil>,
) -> anyhow::Result<()> {
    match anvil {
        None => Ok(part.await?),
        Some(anvil) => tokio::select! {
            outcome = part => Ok(outcome?),
            error = mine_what_waits(anvil, steps as u64) => Err(error),
        },
    }
}

/// Mines a block whenever `expected` transactions wait, or fewer and no more of them come. Each block
/// advances the L1's clock by a second at least, so that there should be few.
async fn mine_what_waits(anvil: &Anvil, expected: u64) -> anyhow::Error {
    let mut left = expected;
    let (mut before, mut looks) = (0, 0);
    loop {
        tokio::time::sleep(MINE_POLL).await;
        let waiting = match anvil.waiting().await {
            Ok(waiting) => waiting,
            Err(error) => return error,
        };
        looks = if waiting == before { looks + 1 } else { 0 };
        before = waiting;
        let enough = left.clamp(1, MINE_STEPS_MAX);
        if waiting >= enough || (waiting > 0 && looks >= MINE_LOOKS_MAX) {
            if let Err(error) = anvil.mine().await {
                return error;
            }
            left = left.saturating_sub(waiting);
            (before, looks) = (0, 0);
        }
    }
}

fn client(l1: &L1Access) -> anyhow::Result<L1Client> {
    Ok(L1Client::new(&l1.urls, RequestConfig::default())?)
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
