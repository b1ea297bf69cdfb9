//! `datanet validate` and `datanet appeal`.

use crate::{
    datanet::{
        Goal, OpenReview, Score, appeal,
        args::{AppealArgs, ClusterArgs, ValidateArgs},
        open_reviews, review,
    },
    output::print,
    votes::{Voter, Votes},
};
use openledger_client::{duration, open, say};
use std::collections::BTreeMap;

pub(super) async fn run(args: ValidateArgs) -> anyhow::Result<()> {
    let mut sender = args.sender.open().await?;
    let (datanet, account) = (args.datanet.number, sender.account());
    let to_review = open_reviews(sender.node(), datanet, account).await?;
    let mut scores: BTreeMap<u32, Score> = args.scores.into_iter().collect();
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

pub(super) async fn run_appeal(args: AppealArgs) -> anyhow::Result<()> {
    let ClusterArgs { datanet, cluster } = args.which;
    let mut sender = args.sender.open().await?;
    let (bond, until) = appeal(&mut sender, datanet.number, cluster, &args.uri).await?;
    let left = until.saturating_sub(sender.node().time().await?);
    say(
        "appealed",
        format_args!("cluster {cluster} of Datanet {}", datanet.number),
    );
    say("bond", open(bond));
    say(
        "decision",
        format_args!("governance has {}", duration(left)),
    );
    Ok(())
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
