//! The command: flags, calls, lines.

use super::{
    Access, AllowList, DataType, DatanetStatus, Fate, Goal, Offer, OpenReview, Revealed, Voter,
    Votes,
    args::{
        ContributeArgs, CreateArgs, DatanetArgs, DatanetCommand, RotateArgs, StatusArgs,
        ValidateArgs,
    },
    close, commit_and_reveal, create, datanet_at, fates, open_reviews, publish_version, review,
    set_allow_root, settle, status, version_root, withdraw,
};
use crate::{
    claim::rotate,
    contracts::{DatanetRegistry, datanet_registry::IDatanetRegistry::Terms},
    output::print,
    parameter::parameter,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use anyhow::{Context, ensure};
use openledger_attribution::{contributions::Contribution, stream::Kind};
use openledger_client::{AccountArgs, Node, duration, open, say};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Most Datanets that are listed.
const LISTED_MAX: u64 = 100;

/// Runs the command.
pub(crate) async fn run(args: DatanetArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DatanetCommand::Create(args) => run_create(*args).await?,
        DatanetCommand::Contribute(args) => run_contribute(*args).await?,
        DatanetCommand::Validate(args) => run_validate(args).await?,
        DatanetCommand::Status(args) => run_status(args).await?,
        DatanetCommand::Version(args) => {
            let mut sender = args.sender.open().await?;
            let root = match args.root {
                Some(root) => root,
                None => version_root(sender.node(), args.datanet).await?,
            };
            let number = publish_version(&mut sender, args.datanet, root, &args.uri).await?;
            say("version", number);
            say("root", root);
        }
        DatanetCommand::Allow(args) => {
            let list = AllowList::read(&args.allow_list)?;
            let mut sender = args.sender.open().await?;
            set_allow_root(&mut sender, args.datanet, list.root()).await?;
            say("root", list.root());
        }
        DatanetCommand::Withdraw(args) => {
            let mut sender = args.sender.open().await?;
            let epoch = withdraw(&mut sender, args.datanet, args.cluster).await?;
            say("withdrawn", format_args!("from epoch {epoch} on"));
        }
        DatanetCommand::Close(args) => {
            let mut sender = args.sender.open().await?;
            close(&mut sender, args.datanet).await?;
            let info = datanet_at(sender.node(), args.datanet).await?;
            say("closed", args.datanet);
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
    let status = status(sender.node(), datanet, 0).await?;
    print(args.json, &status, || {
        say("Datanet", datanet);
        say("space", status.space);
        say("bond", open(status.contribution_bond));
    })
}

/// A contribution and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Contributed {
    #[serde(flatten)]
    revealed: Revealed,
    #[serde(flatten)]
    fate: Fate,
}

async fn run_contribute(args: ContributeArgs) -> anyhow::Result<()> {
    let local = args.sender.node.local()?;
    let account = args.sender.account.key(local.as_ref())?.address();
    let node = args.sender.node.connect().await?;
    let info = datanet_at(&node, args.datanet).await?;
    let kind = match args.kind {
        Some(kind) => kind,
        None => match DataType::try_from(info.dataType)? {
            DataType::Text => Kind::Text,
            DataType::Table => Kind::Table,
            DataType::Image => Kind::Image,
        },
    };
    let permission = match (&args.allow_list, &args.permission) {
        (Some(path), _) => AllowList::read(path)?
            .permission(account)
            .with_context(|| format!("{account} isn't in {}", path.display()))?,
        (None, Some(permission)) => permission.clone(),
        (None, None) => Bytes::new(),
    };
    let (paths, uri_base, chunk_log2) = (args.files, args.uri_base, args.chunk_log2);
    let offers =
        tokio::task::spawn_blocking(move || read_offers(kind, paths, &uri_base, chunk_log2))
            .await??;
    let inputs = inputs(args.datanet, &offers);
    let journal = args
        .journal
        .unwrap_or_else(|| journal_name(account, &inputs));
    let mut sender = args
        .sender
        .open_with_journal(&journal, "datanet contribute", &inputs)
        .await?;
    let revealed = commit_and_reveal(&mut sender, args.datanet, &offers, &permission).await?;
    let first_block = revealed.iter().map(|one| one.commit_block).min();
    if !args.no_settle {
        let last = revealed.iter().map(|one| one.contribution).max();
        let last_block = revealed.iter().map(|one| one.commit_block).max();
        if let (Some(last), Some(last_block)) = (last, last_block) {
            settle(&mut sender, args.datanet, last, last_block).await?;
        }
    }
    let numbers: Vec<u64> = revealed.iter().map(|one| one.contribution).collect();
    let first_block = first_block.unwrap_or_default();
    let fates = fates(sender.node(), args.datanet, &numbers, first_block).await?;
    let contributed: Vec<Contributed> = revealed
        .into_iter()
        .zip(fates)
        .map(|(revealed, fate)| Contributed { revealed, fate })
        .collect();
    let (transactions, gas) = sender.spent();
    print(args.json, &contributed, || {
        for Contributed { revealed, fate } in &contributed {
            println!(
                "contribution {}: {} ({} bytes, {} tokens): {}",
                revealed.contribution,
                revealed.path.display(),
                revealed.size,
                revealed.tokens,
                words(*fate)
            );
        }
        println!("{transactions} transactions, {gas} gas");
    })
}

/// What became of a contribution, in words.
fn words(fate: Fate) -> String {
    match fate {
        Fate::Pending => {
            "revealed; it is settled 51 blocks after its commitment, by whoever comes first"
                .to_owned()
        }
        Fate::Clustered { cluster } => {
            format!("cluster {cluster}, a new one; validators review it now")
        }
        Fate::Duplicate {
            cluster,
            of,
            contributor,
        } => format!(
            "a near-duplicate of contribution {of}, by {contributor}, which began cluster {cluster}: it owns nothing, and its \
             bond is back"
        ),
        Fate::Unrevealed => "not revealed in time: its bond is lost".to_owned(),
    }
}

fn read_offers(
    kind: Kind,
    paths: Vec<PathBuf>,
    uri_base: &str,
    chunk_log2: u8,
) -> anyhow::Result<Vec<Offer>> {
    let mut offers = Vec::with_capacity(paths.len());
    for path in paths {
        let name = path
            .file_name()
            .with_context(|| format!("{} is no file", path.display()))?;
        let uri = format!("{uri_base}{}", name.to_string_lossy());
        let content = Contribution::read(None, kind, path, chunk_log2)?;
        ensure!(
            offers
                .iter()
                .all(|offer: &Offer| offer.content.data_root != content.data_root),
            "{} is named twice, or another file with the same content",
            content.path.display()
        );
        offers.push(Offer { content, uri });
    }
    Ok(offers)
}

/// All that decides what is sent.
fn inputs(datanet: U256, offers: &[Offer]) -> Vec<u8> {
    let mut inputs = datanet.to_be_bytes_vec();
    for Offer { content, uri } in offers {
        inputs.extend(content.data_root);
        inputs.extend(content.signature.iter().flat_map(|word| word.to_be_bytes()));
        inputs.extend((uri.len() as u64).to_be_bytes());
        inputs.extend(uri.bytes());
    }
    inputs
}

/// A name that only the same command of the same account has.
fn journal_name(account: Address, inputs: &[u8]) -> PathBuf {
    let hash = keccak256([account.as_slice(), inputs].concat());
    let hash = alloy_primitives::hex::encode(&hash[..8]);
    Path::new(&format!("contributions-{hash}.journal")).to_owned()
}

async fn run_validate(args: ValidateArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let (datanet, account) = (args.datanet, sender.account());
    let to_review = open_reviews(sender.node(), datanet, account).await?;
    let mut scores: BTreeMap<u32, u8> = args.scores.into_iter().collect();
    if let Some(score) = args.score_all {
        for open in &to_review {
            scores.entry(open.cluster).or_insert(score);
        }
    }
    if scores.is_empty() {
        let now = sender.node().time().await?;
        return print(args.json, &to_review, || list(&to_review, now));
    }
    let voter = Voter::of(sender.node(), account).await?;
    let mut votes = Votes::open(&args.votes, voter)?;
    let goal = if args.finish {
        Goal::Final
    } else {
        Goal::Outcome
    };
    let reviewed = review(&mut sender, &mut votes, datanet, &scores, goal).await?;
    print(args.json, &reviewed, || {
        for one in &reviewed {
            let part = if one.on_panel {
                ""
            } else {
                " (not on the panel)"
            };
            println!(
                "cluster {}: {:?}, {:?}{part}",
                one.cluster, one.outcome, one.status
            );
        }
    })
}

/// What is to be reviewed.
fn list(to_review: &[OpenReview], now: u64) {
    if to_review.is_empty() {
        println!("nothing is to be reviewed");
    }
    for open in to_review {
        let part = match (open.on_panel, open.committed, open.revealed) {
            (false, ..) => "not on its panel",
            (_, false, _) => "you are asked",
            (_, true, false) => "you committed",
            (_, _, true) => "you revealed",
        };
        let left = match open.until {
            0 => "its panel is to be drawn".to_owned(),
            until => format!("{} left", duration(until.saturating_sub(now))),
        };
        println!(
            "cluster {}: {:?}, round {}, {left}; {part}; contribution {}, {} bytes, {} tokens, root {} at {:?}",
            open.cluster,
            open.status,
            open.round,
            open.contribution,
            open.size,
            open.tokens,
            open.data_root,
            // Quoted: whoever wrote it chose its characters.
            open.uri
        );
    }
}

async fn run_status(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    if let Some(datanet) = args.datanet {
        let status = status(&node, datanet, args.clusters).await?;
        return print(args.json, &status, || show(&status));
    }
    let all = list_all(&node).await?;
    print(args.json, &all, || {
        for one in &all {
            println!(
                "Datanet {}: {:?}, {:?}, {} contributions, {} accepted clusters{}",
                one.datanet,
                one.data_type,
                one.access,
                one.contributions,
                one.accepted,
                if one.closed { ", closed" } else { "" }
            );
        }
    })
}

/// The last Datanets, without their clusters.
async fn list_all(node: &Node) -> anyhow::Result<Vec<DatanetStatus>> {
    let count: u64 = node
        .ask(DATANET_REGISTRY, DatanetRegistry::datanetCountCall {})
        .await?
        .saturating_to();
    let mut all = Vec::new();
    for number in count.saturating_sub(LISTED_MAX)..count {
        all.push(status(node, U256::from(number + 1), 0).await?);
    }
    Ok(all)
}

fn show(status: &DatanetStatus) {
    let state = if status.closed { "closed" } else { "open" };
    say(
        "Datanet",
        format_args!(
            "{}, {:?}, {:?}, {state}",
            status.datanet, status.data_type, status.access
        ),
    );
    say("space", status.space);
    say(
        "owner",
        format_args!("{}, {} bps", status.owner, status.owner_bps),
    );
    say("licence", status.licence);
    say(
        "contributions",
        format_args!(
            "{}, {} settled; bond {}",
            status.contributions,
            status.settled,
            open(status.contribution_bond)
        ),
    );
    say(
        "clusters",
        format_args!(
            "{} accepted, {} in review",
            status.accepted, status.in_review
        ),
    );
    say("versions", status.versions);
    for cluster in &status.clusters {
        let withdrawn = match cluster.withdrawn_from {
            0 => String::new(),
            epoch => format!(", withdrawn from epoch {epoch} on"),
        };
        println!(
            "cluster {}: contribution {} by {}, {:?} ({:?}){withdrawn}, dividends {}",
            cluster.cluster,
            cluster.contribution,
            cluster.contributor,
            cluster.outcome,
            cluster.review,
            open(cluster.shares)
        );
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_offered_once_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let text = "one two three four five six ".repeat(9);
        for name in ["a.txt", "b.txt"] {
            std::fs::write(path(name), &text).unwrap();
        }
        let read = |paths: &[PathBuf]| read_offers(Kind::Text, paths.to_vec(), "ipfs://x/", 16);
        let offers = read(&[path("a.txt")]).unwrap();
        assert_eq!(offers[0].uri, "ipfs://x/a.txt");
        assert_eq!(offers[0].content.size, text.len() as u64);
        let error = read(&[path("a.txt"), path("b.txt")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("named twice"), "{error}");
        // The journal is the same command's alone.
        let (one, two) = (inputs(U256::ONE, &offers), inputs(U256::from(2), &offers));
        let account = Address::repeat_byte(1);
        assert_eq!(journal_name(account, &one), journal_name(account, &one));
        assert_ne!(journal_name(account, &one), journal_name(account, &two));
        assert_ne!(
            journal_name(account, &one),
            journal_name(Address::ZERO, &one)
        );
    }
}
