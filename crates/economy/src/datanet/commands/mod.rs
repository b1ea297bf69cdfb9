//! The commands: flags, calls, lines.

mod contribute;
mod review;
mod status;

use super::{
    Access, AllowList,
    args::{ClusterArgs, CreateArgs, DatanetArgs, DatanetCommand, RotateArgs},
    close, create, datanet_at, publish_version, set_allow_root, version_root, withdraw,
};
use crate::{
    claim::rotate, contracts::datanet_registry::IDatanetRegistry::Terms, output::print,
    parameter::parameter,
};
use alloy_primitives::{B256, U256};
use anyhow::Context;
use openledger_client::{AccountArgs, open, say};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use std::process::ExitCode;

/// Runs the command.
pub(crate) async fn run(args: DatanetArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DatanetCommand::Create(args) => run_create(*args).await?,
        DatanetCommand::Contribute(args) => contribute::run(*args).await?,
        DatanetCommand::Validate(args) => review::run(args).await?,
        DatanetCommand::Status(args) => status::run(args).await?,
        DatanetCommand::Version(args) => {
            let mut sender = args.sender.open().await?;
            let root = match args.root {
                Some(root) => root,
                None => version_root(sender.node(), args.datanet.number).await?,
            };
            let number = publish_version(&mut sender, args.datanet.number, root, &args.uri).await?;
            say("version", number);
            say("root", root);
        }
        DatanetCommand::Allow(args) => {
            let list = AllowList::read(&args.allow_list)?;
            let mut sender = args.sender.open().await?;
            set_allow_root(&mut sender, args.datanet.number, list.root()).await?;
            say("root", list.root());
        }
        DatanetCommand::Appeal(args) => review::run_appeal(args).await?,
        DatanetCommand::Withdraw(args) => {
            let mut sender = args.sender.open().await?;
            let ClusterArgs { datanet, cluster } = args.which;
            let epoch = withdraw(&mut sender, datanet.number, cluster).await?;
            say("withdrawn", format_args!("from epoch {epoch} on"));
        }
        DatanetCommand::Close(args) => {
            let mut sender = args.sender.open().await?;
            close(&mut sender, args.datanet.number).await?;
            let info = datanet_at(sender.node(), args.datanet.number).await?;
            say("closed", args.datanet.number);
            if info.bond > 0 {
                say(
                    "bond",
                    format_args!(
                        "{} stay until {} contributions are settled and {} reviews are over; then close again",
                        open(U256::from(info.bond)),
                        info.contributions.saturating_sub(info.settled),
                        info.inReview
                    ),
                );
            }
        }
        DatanetCommand::Rotate(args) => run_rotate(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_create(args: CreateArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let bond = match args.contribution_bond {
        Some(bond) => bond.wei(),
        None => parameter(sender.node(), DATANET_REGISTRY, "contributionBond").await?,
    };
    let (access, allow_root) = match &args.allow_list {
        Some(list) => (Access::AllowList, AllowList::read(list)?.root()),
        None if args.checker.is_some() => (Access::Checker, B256::ZERO),
        None => (Access::Public, B256::ZERO),
    };
    let mut reviewers = args.reviewers;
    reviewers.sort_unstable();
    let terms = Terms {
        dataType: args.data_type.number(),
        access: access.number(),
        ownerBps: args.owner_bps,
        contributionBond: bond
            .try_into()
            .ok()
            .context("the bond is more than a Datanet can have")?,
        licence: args.licence.0,
        allowRoot: allow_root,
        checker: args.checker.unwrap_or_default(),
        adapterLicences: args.adapter_licences.iter().map(|hash| hash.0).collect(),
        reviewers,
    };
    let datanet = create(&mut sender, terms, &args.uri).await?;
    let status = super::status(sender.node(), datanet, 0).await?;
    print(args.json, &status, || {
        say("Datanet", datanet);
        say("space", status.space);
        say("bond", open(status.contribution_bond));
    })
}

async fn run_rotate(args: RotateArgs) -> anyhow::Result<()> {
    let local = args.sender.node.local()?;
    let to = AccountArgs {
        key_file: args.to_key_file,
        account: args.to_account,
    }
    .key(local.as_ref())?;
    let mut sender = args.sender.open().await?;
    rotate(&mut sender, &to).await?;
    say(
        "rotated",
        format_args!("{} has the place of {}", to.address(), sender.account()),
    );
    Ok(())
}
