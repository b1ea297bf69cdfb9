//! `submit contributions`: committed, revealed, settled into clusters.

use super::{
    super::{
        chain::{Commitment, SpaceState},
        contributions::{self, CHUNK_LOG2, Contribution},
    },
    SubmissionArgs,
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use anyhow::{Context, bail};
use clap::Args;
use openledger_client::{IN_FLIGHT_MAX, Progress, Receipt, Sender, Step, TooMuchGas, files};
use openledger_precompiles::{
    SKETCH,
    sketch::{
        IAttrSketch, Signature, commitment,
        limits::{REVEAL_DELAY, SETTLE_MAX},
        space,
    },
};
use serde::Serialize;
use std::{collections::BTreeMap, ops::Range, path::PathBuf, process::ExitCode};

/// Commitments whose slots are read at once.
const COMMITMENTS_PER_READ: u64 = 32;
/// How often a commitment is made again after its time to be revealed ran out.
const ATTEMPTS_MAX: u32 = 8;

/// Flags of `openledger attribution submit contributions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A line of LIST is CONTRIBUTOR KIND PATH; CONTRIBUTOR is an address, or - for the account that sends. KIND is text, table \
(CSV or TSV with a header), rows (without one), image (PNG) or tokens. The space is that of the account and the datanet: \
clusters of a registry's space are the registry's to write.\n\n\
Clusters are assigned 51 blocks after the last commitment.")]
pub(super) struct ContributionsArgs {
    /// The contributions
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// The datanet, 32 bytes in hexadecimal
    #[arg(long, value_name = "BYTES32")]
    datanet: B256,
    /// Where commitments, salts and clusters are written, as JSON
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Chunks of the data root have 2^N bytes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u8).range(CHUNK_LOG2)
    )]
    chunk_log2: u8,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// A contribution on chain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
    path: PathBuf,
    contributor: Address,
    data_root: B256,
    salt: B256,
    signature: Signature,
    commit_id: B256,
    commit_block: u64,
    cluster: u32,
    is_new: bool,
}

/// What is known of a contribution underway.
#[derive(Debug, Clone, Copy)]
struct Committed {
    /// Which commitment it is, counted from 0.
    attempt: u32,
    block: u64,
    id: B256,
    number: u64,
}

/// All that a contribution's transactions are made of.
struct Draft<'a> {
    place: usize,
    contribution: &'a Contribution,
    contributor: Address,
    salt: B256,
    hash: B256,
}

/// Runs the command.
pub(super) async fn run(args: ContributionsArgs) -> anyhow::Result<ExitCode> {
    let list = args.list.clone();
    let chunk_log2 = args.chunk_log2;
    let contributions =
        tokio::task::spawn_blocking(move || contributions::read(&list, chunk_log2)).await??;
    let mut inputs = args.datanet.to_vec();
    for contribution in &contributions {
        inputs.extend(contribution.contributor.unwrap_or_default());
        inputs.extend(contribution.data_root);
        inputs.extend(
            contribution
                .signature
                .iter()
                .flat_map(|word| word.to_be_bytes()),
        );
    }
    let sender = args.account.open("contributions", &inputs).await?;
    let mut submission = Submission {
        space: space(sender.account(), args.datanet),
        datanet: args.datanet,
        sender,
        known: BTreeMap::new(),
        read: 0..0,
    };
    let settled = submission.run(&contributions).await?;
    files::write_json(&args.out, &settled)?;
    let (transactions, gas) = submission.sender.spent();
    if args.account.json {
        println!("{}", serde_json::to_string_pretty(&settled)?);
    } else {
        for contribution in &settled {
            println!(
                "cluster {}, {}: {}",
                contribution.cluster,
                if contribution.is_new { "new" } else { "a copy" },
                contribution.path.display()
            );
        }
        println!(
            "{} contributions in space {}; {transactions} transactions, {gas} gas",
            settled.len(),
            submission.space
        );
    }
    Ok(ExitCode::SUCCESS)
}

struct Submission {
    sender: Sender,
    datanet: B256,
    space: B256,
    /// Commitments of the space by hash and block, as far as they were read.
    known: BTreeMap<(B256, u64), Commitment>,
    /// Which numbers those are.
    read: Range<u64>,
}

impl Submission {
    async fn run(&mut self, contributions: &[Contribution]) -> anyhow::Result<Vec<Settled>> {
        let account = self.sender.account();
        let drafts: Vec<Draft<'_>> = contributions
            .iter()
            .enumerate()
            .map(|(place, contribution)| {
                let contributor = contribution.contributor.unwrap_or(account);
                let salt = self.sender.salt(place as u64);
                let hash = commitment(
                    self.space,
                    contributor,
                    &contribution.signature,
                    contribution.data_root,
                    salt,
                );
                Draft {
                    place,
                    contribution,
                    contributor,
                    salt,
                    hash,
                }
            })
            .collect();
        let progress = Progress::new(drafts.len(), "contributions revealed");
        let mut committed = Vec::with_capacity(drafts.len());
        // A wave is small enough to be revealed long before its time runs out.
        for wave in drafts.chunks(IN_FLIGHT_MAX) {
            committed.extend(self.commit_and_reveal(wave).await?);
            wave.iter().for_each(|_| progress.step());
        }
        let last = committed.iter().map(|committed| committed.number).max();
        let last_block = committed.iter().map(|committed| committed.block).max();
        let (Some(last), Some(last_block)) = (last, last_block) else {
            bail!("there is nothing to submit")
        };
        let first_block = committed
            .iter()
            .map(|committed| committed.block)
            .min()
            .unwrap_or_default();
        self.settle(last, last_block).await?;
        let clusters = self.clusters(first_block).await?;
        drafts
            .iter()
            .zip(&committed)
            .map(|(draft, committed)| {
                let (cluster, is_new) =
                    clusters.get(&committed.id).copied().with_context(|| {
                        format!(
                            "{} was passed without a cluster",
                            draft.contribution.path.display()
                        )
                    })?;
                Ok(Settled {
                    path: draft.contribution.path.clone(),
                    contributor: draft.contributor,
                    data_root: draft.contribution.data_root,
                    salt: draft.salt,
                    signature: draft.contribution.signature,
                    commit_id: committed.id,
                    commit_block: committed.block,
                    cluster,
                    is_new,
                })
            })
            .collect()
    }

    /// Commits to a wave and reveals it; what an earlier run did is done.
    async fn commit_and_reveal(&mut self, wave: &[Draft<'_>]) -> anyhow::Result<Vec<Committed>> {
        let mut attempts = vec![0u32; wave.len()];
        for round in 0..ATTEMPTS_MAX {
            // The latest attempt that was begun, or that this round makes.
            for (draft, attempt) in wave.iter().zip(&mut attempts) {
                while self
                    .sender
                    .is_begun(&step("commit", draft.place, *attempt + 1))
                {
                    *attempt += 1;
                }
            }
            let commits = wave.iter().zip(&attempts).map(|(draft, attempt)| {
                let commit = IAttrSketch::commitContributionCall {
                    datanet: self.datanet,
                    h: draft.hash,
                };
                Step::call(step("commit", draft.place, *attempt), SKETCH, &commit)
            });
            let receipts = self.sender.send_all(commits.collect()).await?;
            let blocks: Vec<u64> = receipts.iter().map(Receipt::block).collect();
            let committed = self.find(wave, &attempts, &blocks).await?;
            let latest = blocks.iter().max().copied().unwrap_or_default();
            self.sender
                .await_block(latest + REVEAL_DELAY.0, "reveals begin")
                .await?;
            let head = self.sender.node().head().await?;
            let mut late = false;
            let view = self.sender.view().await?;
            let numbers = committed.iter().map(|committed| committed.number);
            let states = Commitment::read(&view, self.space, numbers).await?;
            for (state, attempt) in states.iter().zip(&mut attempts) {
                // The next block has to be in time.
                if state.signature.is_none() && head >= state.block + REVEAL_DELAY.1 {
                    late = true;
                    *attempt += 1;
                }
            }
            if late {
                eprintln!(
                    "round {}: commitments were not revealed in time, and are made again",
                    round + 1
                );
                continue;
            }
            let reveals = wave.iter().zip(&committed).map(|(draft, committed)| {
                let reveal = IAttrSketch::revealCall {
                    datanet: self.datanet,
                    commitId: committed.id,
                    contributor: draft.contributor,
                    dataRoot: draft.contribution.data_root,
                    salt: draft.salt,
                    mh: draft.contribution.signature,
                };
                let name = step("reveal", draft.place, committed.attempt);
                Step::call(name, SKETCH, &reveal)
            });
            self.sender.send_all(reveals.collect()).await?;
            return Ok(committed);
        }
        bail!("commitments could not be revealed in time {ATTEMPTS_MAX} times")
    }

    /// The commitments' numbers, by hash and block.
    async fn find(
        &mut self,
        wave: &[Draft<'_>],
        attempts: &[u32],
        blocks: &[u64],
    ) -> anyhow::Result<Vec<Committed>> {
        let view = self.sender.view().await?;
        let state = SpaceState::read(&view, self.space).await?;
        let is_known = |known: &BTreeMap<(B256, u64), Commitment>| {
            let mut pairs = wave.iter().zip(blocks);
            pairs.all(|(draft, block)| known.contains_key(&(draft.hash, *block)))
        };
        if self.read.is_empty() {
            self.read = state.commits..state.commits;
        }
        // First what is new; then, for what an earlier run committed to, from the oldest known back.
        while !is_known(&self.known) {
            let part = if self.read.end < state.commits {
                let end = state.commits.min(self.read.end + COMMITMENTS_PER_READ);
                std::mem::replace(&mut self.read.end, end)..end
            } else if self.read.start > 0 {
                let first = self.read.start.saturating_sub(COMMITMENTS_PER_READ);
                first..std::mem::replace(&mut self.read.start, first)
            } else {
                break;
            };
            for commitment in Commitment::read(&view, self.space, part).await? {
                let key = (commitment.hash, commitment.block);
                self.known.insert(key, commitment);
            }
        }
        wave.iter()
            .zip(attempts)
            .zip(blocks)
            .map(|((draft, attempt), block)| {
                let commitment = self.known.get(&(draft.hash, *block)).with_context(|| {
                    format!(
                        "the commitment to {} isn't in the space",
                        draft.contribution.path.display()
                    )
                })?;
                Ok(Committed {
                    attempt: *attempt,
                    block: *block,
                    id: commitment.id,
                    number: commitment.number,
                })
            })
            .collect()
    }

    /// Settles up to commitment `last`, once the time to reveal it is over.
    async fn settle(&mut self, last: u64, last_block: u64) -> anyhow::Result<()> {
        let mut max = SETTLE_MAX;
        loop {
            let view = self.sender.view().await?;
            let state = SpaceState::read(&view, self.space).await?;
            if state.settled > last {
                return Ok(());
            }
            self.sender
                .await_block(last_block + REVEAL_DELAY.1 + 1, "clusters are assigned")
                .await?;
            let settle = IAttrSketch::settleCall {
                datanet: self.datanet,
                max,
            };
            let settle = Step::call(format!("settle/{}/{max}", state.settled), SKETCH, &settle);
            match self.sender.send(settle).await {
                Ok(_) => eprintln!("settled from commitment {} on", state.settled),
                Err(error) if error.is::<TooMuchGas>() && max > 1 => max /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    /// Clusters of the space's commitments from a block on, by commitment.
    async fn clusters(&self, first_block: u64) -> anyhow::Result<BTreeMap<B256, (u32, bool)>> {
        let view = self.sender.view().await?;
        let topics = [
            Some(IAttrSketch::Clustered::SIGNATURE_HASH),
            Some(self.datanet),
        ];
        let logs = view.logs(SKETCH, &topics, first_block).await?;
        logs.iter()
            .map(|log| {
                let event = IAttrSketch::Clustered::decode_log(&log.inner)?;
                Ok((event.commitId, (event.cluster, event.isNew)))
            })
            .collect()
    }
}

fn step(what: &str, place: usize, attempt: u32) -> String {
    format!("{what}/{place}/{attempt}")
}
