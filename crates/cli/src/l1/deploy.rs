use super::{
    config::DeployFile,
    state::{DeployState, Origin},
};
use crate::{
    derivation::connect,
    genesis::{GenesisParameters, chain_files, genesis_output_root},
    shutdown::or_interrupted,
};
use alloy_eips::BlockId;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_chain::ChainFiles;
use openledger_l1::{
    DeployConfig, DeployOptions, Deployment, GenesisAnchor, L1Client, TxSigner, key_from_env,
    key_from_file,
};
use openledger_primitives::{GenesisId, L1Contracts};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Names the key of the account that deploys.
const KEY_VARIABLE: &str = "OPENLEDGER_DEPLOYER_KEY";
/// Directory of the deployer's L1 transactions, in the chain's.
const JOURNAL: &str = "deploy-transactions";
/// Seconds after which a transaction that is in no block is sent again.
const RESUBMIT_AFTER: Duration = Duration::from_secs(48);
const WEI_PER_GWEI: u128 = 1_000_000_000;

/// Flags of `openledger l1 deploy`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The account that deploys holds no role afterwards, unless the file gives it one; it needs ETH, and must not be \
used elsewhere until all is done. Without --key-file, OPENLEDGER_DEPLOYER_KEY holds its key.")]
pub(super) struct DeployArgs {
    /// What to deploy (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Directory of the chain's files, and of what a run that is interrupted leaves
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// L1 RPC URLs, tried in order
    #[arg(
        long = "l1.rpc-url",
        env = "OPENLEDGER_L1_RPC_URL",
        value_name = "URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    l1_rpc_url: Vec<String>,
    /// File with the private key of the account that deploys
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Deploys, or goes on deploying, until all is done.
///
/// # Errors
/// Settings that can't be used; an L1 that is another one; a step that failed.
pub(super) async fn run(args: DeployArgs) -> anyhow::Result<ExitCode> {
    or_interrupted(deploy(args), ": run the same command again to go on.").await
}

async fn deploy(args: DeployArgs) -> anyhow::Result<ExitCode> {
    let file = DeployFile::read(&args.config)?;
    let key = match &args.key_file {
        Some(path) => key_from_file(path)?,
        None => key_from_env(KEY_VARIABLE)
            .with_context(|| format!("name the deployer's key by --key-file or {KEY_VARIABLE}"))?,
    };
    let signer = TxSigner::from(key);
    let client = connect(&args.l1_rpc_url, file.l1.chain_id).await?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("--out {} can't be used", args.out.display()))?;

    let config = file.contracts()?;
    let account = signer.address();
    let state = match DeployState::read(&args.out)? {
        Some(state) => {
            state.check(file.l1.chain_id, account, config.digest())?;
            Some(state)
        }
        None => {
            ensure!(
                !ChainFiles::exist(&args.out),
                "{} has the files of a chain, but no deploy.json: choose another --out",
                args.out.display()
            );
            None
        }
    };
    if state.as_ref().is_none_or(|state| !state.complete) {
        let balance = client.balance(account, BlockId::latest()).await?;
        ensure!(
            !balance.is_zero(),
            "the deployer {account} has no ETH on the L1"
        );
    }
    let first_nonce = match &state {
        Some(state) => state.first_nonce,
        None => Deployment::first_nonce(&client, &signer).await?,
    };
    let mut options = DeployOptions {
        confirmations: file.l1.confirmations,
        resubmit_after: RESUBMIT_AFTER,
        ..DeployOptions::default()
    };
    if let Some(gwei) = file.l1.fee_max_gwei {
        options.fee_max_wei = u128::from(gwei) * WEI_PER_GWEI;
    }
    let journal = args.out.join(JOURNAL);
    let digest = config.digest();
    // A genesis that can't be made is refused before anything is sent.
    let anywhere = Origin {
        block: GenesisId::default(),
        timestamp: 0,
    };
    files(&file, &L1Contracts::default(), anywhere, &config)?;
    let mut deployment = Deployment::begin(
        client.clone(),
        signer,
        first_nonce,
        config.clone(),
        options,
        Some(&journal),
    )?;
    let mut state = state.unwrap_or_else(|| DeployState {
        l1_chain_id: file.l1.chain_id,
        deployer: account,
        first_nonce,
        config: digest,
        contracts: *deployment.contracts(),
        origin: None,
        complete: false,
    });
    state.write(&args.out)?;

    let files = if let (true, Some(origin)) = (state.complete, state.origin) {
        let files = files(&file, &state.contracts, origin, &config)?;
        deployment.check(anchor(&files)?).await?;
        files
    } else {
        carry_out(
            &mut deployment,
            &client,
            &file,
            &config,
            &mut state,
            &args.out,
        )
        .await?
    };
    files.write(&args.out)?;
    state.complete = true;
    state.write(&args.out)?;
    print_contracts(&state.contracts);
    println!("The chain's files are in {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Carries out what is left of a deployment, and answers the files of its chain.
///
/// # Errors
/// A step that failed; an L1 that lost the block that the chain begins after.
async fn carry_out(
    deployment: &mut Deployment,
    client: &L1Client,
    file: &DeployFile,
    config: &DeployConfig,
    state: &mut DeployState,
    out: &Path,
) -> anyhow::Result<ChainFiles> {
    println!(
        "Setting up the contracts: {} transactions from nonce {} of {}",
        deployment.set_up_steps(),
        state.first_nonce,
        state.deployer
    );
    deployment.set_up().await?;
    let origin = match state.origin {
        // Until the portal opens, nothing rests on it.
        Some(origin) if stands(client, origin).await? || deployment.opening_begun().await? => {
            origin
        }
        _ => {
            let origin = origin(client, file.l1.confirmations, &state.contracts).await?;
            state.origin = Some(origin);
            state.write(out)?;
            origin
        }
    };
    let files = files(file, &state.contracts, origin, config)?;
    let anchor = anchor(&files)?;
    println!(
        "The chain begins after L1 block {}: genesis {}",
        origin.block.number, files.rollup.genesis.l2.hash
    );
    require_origin(client, origin).await?;
    println!(
        "Opening the portal: {} transactions",
        deployment.opening_steps()
    );
    deployment.open(anchor).await?;
    // The transactions took their time, too. As yet nothing is given away.
    require_origin(client, origin).await?;
    println!(
        "Handing over to the timelock: {} transactions",
        deployment.hand_over_steps()
    );
    deployment.hand_over(anchor).await?;
    Ok(files)
}

/// What the contracts must know of a chain's genesis block.
fn anchor(files: &ChainFiles) -> anyhow::Result<GenesisAnchor> {
    Ok(GenesisAnchor {
        output_root: genesis_output_root(&files.genesis)?,
        timestamp: files.rollup.genesis.l2_time,
    })
}

/// Whether the L1 still has the block that the chain begins after.
async fn stands(client: &L1Client, origin: Origin) -> anyhow::Result<bool> {
    let header = client.header_by_number(origin.block.number).await?;
    Ok(header.is_some_and(|header| header.hash() == origin.block.hash))
}

async fn require_origin(client: &L1Client, origin: Origin) -> anyhow::Result<()> {
    ensure!(
        stands(client, origin).await?,
        "L1 block {} is another one since a reorg, and the genesis rests on it: begin anew in another --out, \
         with more l1.confirmations",
        origin.block.number
    );
    Ok(())
}

/// The L1 block that the chain begins after: one that is as deep as steps must be, and no older than the
/// last event of the set-up, which is `SystemConfig`'s.
async fn origin(
    client: &L1Client,
    confirmations: u64,
    contracts: &L1Contracts,
) -> anyhow::Result<Origin> {
    use alloy_sol_types::SolCall;
    use openledger_l1::contracts::SystemConfig;
    let call = SystemConfig::startBlockCall {}.abi_encode();
    let answer = client
        .call(contracts.system_config, call.into(), BlockId::latest())
        .await?;
    let set_up = SystemConfig::startBlockCall::abi_decode_returns(&answer)
        .context("SystemConfig.startBlock")?
        .saturating_to::<u64>();
    let latest = client.latest().await?.number;
    let number = latest
        .saturating_sub(confirmations.saturating_sub(1))
        .max(set_up);
    let header = client
        .header_by_number(number)
        .await?
        .with_context(|| format!("the L1 has no block {number}"))?;
    Ok(Origin {
        block: GenesisId {
            hash: header.hash(),
            number,
        },
        timestamp: header.timestamp,
    })
}

/// The chain's files.
fn files(
    file: &DeployFile,
    contracts: &L1Contracts,
    origin: Origin,
    config: &DeployConfig,
) -> anyhow::Result<ChainFiles> {
    let roles = &file.roles;
    let mut files = chain_files(&GenesisParameters {
        chain_id: file.l2.chain_id,
        timestamp: origin.timestamp,
        block_time: file.l2.block_time,
        gas_limit: file.l2.gas_limit,
        fee_recipient: roles.fee_recipient,
        funded: file.funded()?,
        settled: true,
        l1_origin: origin.block,
        l1_chain_id: file.l1.chain_id,
        l1_contracts: *contracts,
        batcher: roles.batcher,
        settings: file.settings()?,
        forks: file.forks(),
    })?;
    // None of it is part of the genesis block.
    files.rollup.genesis.system_config = config.system_config();
    files.l1.roles = Some(config.roles());
    files.l1.blob_schedule = file.blob_schedule();
    Ok(files)
}

fn print_contracts(contracts: &L1Contracts) {
    let L1Contracts {
        system_config,
        portal,
        batch_inbox,
        proxy_admin,
        l1_cross_domain_messenger,
        l1_standard_bridge,
        open,
        dispute_game_factory,
        anchor_state_registry,
        optimism_mintable_erc20_factory,
        code_timelock,
        parameter_timelock,
        code_executor,
        parameter_executor,
    } = contracts;
    for (name, address) in [
        ("OPEN", open),
        ("RollupPortal", portal),
        ("SystemConfig", system_config),
        ("BatchInbox", batch_inbox),
        ("DisputeGameFactory", dispute_game_factory),
        ("AnchorStateRegistry", anchor_state_registry),
        ("L1CrossDomainMessenger", l1_cross_domain_messenger),
        ("L1StandardBridge", l1_standard_bridge),
        (
            "OptimismMintableERC20Factory",
            optimism_mintable_erc20_factory,
        ),
        ("ProxyAdmin", proxy_admin),
        ("code timelock", code_timelock),
        ("parameter timelock", parameter_timelock),
        ("code timelock's executor", code_executor),
        ("parameter timelock's executor", parameter_executor),
    ] {
        if !address.is_zero() {
            println!("{name:<30} {address}");
        }
    }
}
