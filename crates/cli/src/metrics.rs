//! What the node's roles on L1 say of themselves: the L1 part of `optimism_syncStatus`, and lines of
//! `/metrics` beside those of the JSON-RPC server.

use alloy_primitives::U256;
use openledger_batcher::BatcherStatus;
use openledger_l1::{BlobStatus, L1Client, L1Heads, Obstacle, SenderStatus};
use openledger_primitives::SealedHeader;
use openledger_proposer::{ChallengerStatus, ProposerStatus};
use openledger_rpc::{L1BlockRef, L1Status, MetricsHook};
use std::{fmt::Write, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where the roles report their state.
#[derive(Debug, Default, Clone)]
pub(crate) struct RoleStatus {
    pub(crate) l1: Option<watch::Receiver<L1Heads>>,
    /// Who reads the L1, and knows which endpoints lag.
    pub(crate) l1_client: Option<L1Client>,
    pub(crate) batcher: Option<watch::Receiver<BatcherStatus>>,
    pub(crate) sender: Option<watch::Receiver<SenderStatus>>,
    pub(crate) blobs: Option<watch::Receiver<BlobStatus>>,
    pub(crate) proposer: Option<watch::Receiver<ProposerStatus>>,
    pub(crate) proposer_sender: Option<watch::Receiver<SenderStatus>>,
    pub(crate) challenger: Option<watch::Receiver<ChallengerStatus>>,
    pub(crate) challenger_sender: Option<watch::Receiver<SenderStatus>>,
}

impl RoleStatus {
    /// Writes the metrics of the roles that run.
    pub(crate) fn hook(self) -> MetricsHook {
        Arc::new(move |out| self.write(out))
    }

    fn write(&self, out: &mut String) {
        let mut line = |name: &str, kind: &str, help: &str, value: u128| {
            // Writing to a string can't fail.
            let _ = writeln!(
                out,
                "# HELP openledger_{name} {help}\n# TYPE openledger_{name} {kind}\nopenledger_{name} {value}"
            );
        };
        if let Some(heads) = &self.l1 {
            let heads = heads.borrow();
            let number =
                |header: &Option<SealedHeader>| header.as_ref().map_or(0, |header| header.number);
            line(
                "l1_reachable",
                "gauge",
                "Whether the L1 answers.",
                u128::from(heads.reachable),
            );
            line(
                "l1_head",
                "gauge",
                "Newest L1 block.",
                number(&heads.latest).into(),
            );
            line(
                "l1_finalized",
                "gauge",
                "Newest finalized L1 block.",
                number(&heads.finalized).into(),
            );
        }
        if let Some(client) = &self.l1_client {
            let status = client.lag_status();
            let waited = status.waiting.map(|block| block.since.elapsed().as_secs());
            line(
                "l1_block_wait_seconds",
                "gauge",
                "How long an L1 block that exists has been waited for, which no endpoint gives.",
                waited.unwrap_or_default().into(),
            );
            line(
                "l1_absences_total",
                "counter",
                "Answers of L1 endpoints that lacked what exists.",
                status.absences.into(),
            );
        }
        if let Some(status) = &self.batcher {
            let status = status.borrow();
            line(
                "batcher_confirmed_block",
                "gauge",
                "Last L2 block whose batch is on L1.",
                status.confirmed_to.into(),
            );
            line(
                "batcher_backlog_blocks",
                "gauge",
                "Sealed blocks in no channel.",
                status.backlog_blocks.into(),
            );
            line(
                "batcher_pending_transactions",
                "gauge",
                "L1 transactions sent and not confirmed.",
                status.pending_txs as u128,
            );
            line(
                "batcher_restarts_total",
                "counter",
                "Restarts from the safe head.",
                status.restarts.into(),
            );
            line(
                "batcher_backlog_bytes",
                "gauge",
                "Bytes of transactions that are sealed and not on L1, about.",
                status.backlog_bytes.into(),
            );
            if let Some(bytes) = status.block_bytes_max {
                line(
                    "batcher_block_bytes_max",
                    "gauge",
                    "Most bytes that a block may hold because of the backlog.",
                    bytes.into(),
                );
            }
            line(
                "batcher_deadline_near",
                "gauge",
                "Whether blocks that are not on L1 are near the end of their sequencing window.",
                u128::from(status.deadline_near),
            );
            if let Some(left) = status.window_left {
                line(
                    "batcher_window_left",
                    "gauge",
                    "L1 blocks left of that window.",
                    left.into(),
                );
            }
            line(
                "batcher_posted_bytes_total",
                "counter",
                "Compressed bytes posted.",
                status.posted_bytes.into(),
            );
            line(
                "batcher_fee_gwei",
                "counter",
                "What posting cost since the start, gwei of ETH.",
                status.fee_wei / 1_000_000_000,
            );
            if let Some(posting) = &status.posting {
                let gwei = |wei: U256| (wei / U256::from(1_000_000_000)).saturating_to();
                line(
                    "batcher_posting_cost_open_gwei",
                    "gauge",
                    "What posting cost in the last window at the configured rate, gwei of OPEN.",
                    gwei(posting.cost_open_wei),
                );
                line(
                    "batcher_posting_fees_open_gwei",
                    "gauge",
                    "What the blocks posted in it paid for that, gwei of OPEN.",
                    gwei(posting.fees_open_wei),
                );
                line(
                    "batcher_posting_deficit",
                    "gauge",
                    "Whether the cost is above the fees.",
                    u128::from(posting.is_deficit()),
                );
            }
            line(
                "batcher_refused_channels_total",
                "counter",
                "Channels that were not posted because they would have come out wrong.",
                status.refused_channels.into(),
            );
        }
        if let Some(status) = &self.proposer {
            let status = status.borrow();
            line(
                "proposer_claimed_block",
                "gauge",
                "L2 block that the newest right claim is about.",
                status.claimed_to.into(),
            );
            line(
                "proposer_claimed_at",
                "gauge",
                "When that claim was made, seconds since 1970 by the L1's clock.",
                status.claimed_at.into(),
            );
            line(
                "proposer_bonds_out",
                "gauge",
                "Own games whose bonds are not back.",
                status.bonds_out as u128,
            );
            line(
                "proposer_failures",
                "gauge",
                "Rounds that failed since the last that did not.",
                status.failures.into(),
            );
        }
        for (sender, balance, low, obstacle) in [
            (
                &self.proposer_sender,
                ("proposer_balance_gwei", "ETH of the proposer on L1, gwei."),
                "proposer_balance_low",
                (
                    "proposer_obstacle",
                    "Whether something keeps the proposer from sending.",
                ),
            ),
            (
                &self.challenger_sender,
                (
                    "challenger_balance_gwei",
                    "ETH of the challenger on L1, gwei.",
                ),
                "challenger_balance_low",
                (
                    "challenger_obstacle",
                    "Whether something keeps the challenger from sending.",
                ),
            ),
        ] {
            let Some(status) = sender else { continue };
            let status = status.borrow();
            if let Some(wei) = status.balance {
                let gwei: u64 = (wei / alloy_primitives::U256::from(1_000_000_000)).saturating_to();
                line(balance.0, "gauge", balance.1, gwei.into());
            }
            line(
                low,
                "gauge",
                "Whether that is too little.",
                u128::from(status.balance_low),
            );
            line(
                obstacle.0,
                "gauge",
                obstacle.1,
                u128::from(status.obstacle.is_some()),
            );
        }
        if let Some(status) = &self.challenger {
            let status = status.borrow();
            for (name, help, value) in [
                (
                    "challenger_watched_games",
                    "Games that are watched.",
                    status.watched,
                ),
                (
                    "challenger_wrong_claims",
                    "Wrong claims that can still be vetoed.",
                    status.wrong,
                ),
                (
                    "challenger_missed_claims",
                    "Wrong claims whose clock ran out: the guardian must set them aside.",
                    status.missed,
                ),
                (
                    "challenger_undecided_claims",
                    "Claims of whose clock less than half is left, about blocks that this node does not have.",
                    status.undecided,
                ),
            ] {
                line(name, "gauge", help, value as u128);
            }
            line(
                "challenger_vetoes_total",
                "counter",
                "Wrong claims vetoed since the start.",
                status.vetoes.into(),
            );
            line(
                "challenger_failures",
                "gauge",
                "Rounds that failed since the last that did not.",
                status.failures.into(),
            );
        }
        if let Some(status) = &self.blobs {
            let status = *status.borrow();
            line(
                "blobs_missing",
                "gauge",
                "Whether derivation waits for a blob.",
                u128::from(status.missing.is_some()),
            );
            line(
                "blobs_fetched_total",
                "counter",
                "Blobs fetched and verified.",
                status.fetched.into(),
            );
            line(
                "blobs_refused_total",
                "counter",
                "Blobs that failed verification.",
                status.refused.into(),
            );
        }
        if let Some(status) = &self.sender {
            let status = status.borrow();
            if let Some(balance) = status.balance {
                // In gwei, so that the number stays exact where metrics are 64-bit floats.
                let gwei: u64 =
                    (balance / alloy_primitives::U256::from(1_000_000_000)).saturating_to();
                line(
                    "batcher_balance_gwei",
                    "gauge",
                    "ETH of the batcher on L1, gwei.",
                    gwei.into(),
                );
            }
            line(
                "batcher_balance_low",
                "gauge",
                "Whether that is too little.",
                u128::from(status.balance_low),
            );
            // Waiting for its own transactions is no trouble.
            let obstacle = status
                .obstacle
                .filter(|obstacle| *obstacle != Obstacle::OtherCarrier);
            line(
                "batcher_obstacle",
                "gauge",
                "Whether something keeps the sender from sending.",
                u128::from(obstacle.is_some()),
            );
            line(
                "batcher_fee_ceiling_gwei",
                "gauge",
                "Most that is offered now, gwei a gas.",
                status.ceiling.fee_wei / 1_000_000_000,
            );
        }
    }
}

/// The L1's heads in the form of `optimism_syncStatus`, kept until `shutdown`.
pub(crate) fn l1_status(
    mut heads: watch::Receiver<L1Heads>,
    shutdown: CancellationToken,
) -> watch::Receiver<L1Status> {
    let (sender, receiver) = watch::channel(status(&heads.borrow()));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
            }
            sender.send_replace(status(&heads.borrow_and_update()));
        }
    });
    receiver
}

fn status(heads: &L1Heads) -> L1Status {
    let reference = |header: &Option<SealedHeader>| {
        header
            .as_ref()
            .map_or_else(L1BlockRef::default, |header| L1BlockRef {
                hash: header.hash(),
                number: header.number,
                parent_hash: header.parent_hash,
                timestamp: header.timestamp,
            })
    };
    let head = reference(&heads.latest);
    L1Status {
        current: head,
        head,
        safe: reference(&heads.safe),
        finalized: reference(&heads.finalized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_batcher::PostingBalance;
    use openledger_primitives::Header;

    fn header(number: u64) -> SealedHeader {
        SealedHeader::new(Header {
            number,
            timestamp: number * 2,
            ..Default::default()
        })
    }

    #[test]
    fn heads_become_a_sync_status() {
        let heads = L1Heads {
            latest: Some(header(9)),
            safe: Some(header(7)),
            finalized: None,
            reachable: true,
        };
        let status = status(&heads);
        assert_eq!(
            (status.head.number, status.head.timestamp, status.head.hash),
            (9, 18, header(9).hash())
        );
        assert_eq!(
            (status.safe.number, status.finalized),
            (7, L1BlockRef::default())
        );
    }

    #[test]
    fn metrics_are_prometheus_text() {
        let heads = L1Heads {
            latest: Some(header(9)),
            reachable: true,
            ..L1Heads::default()
        };
        let batcher = BatcherStatus {
            confirmed_to: 5,
            posting: Some(PostingBalance {
                blocks: (1, 5),
                cost_wei: 1,
                cost_open_wei: U256::from(3_000_000_000_u64),
                fees_open_wei: U256::from(2_000_000_000_u64),
            }),
            ..BatcherStatus::default()
        };
        let proposer = ProposerStatus {
            claimed_to: 4,
            bonds_out: 2,
            ..ProposerStatus::default()
        };
        let challenger = ChallengerStatus {
            missed: 3,
            ..ChallengerStatus::default()
        };
        let status = RoleStatus {
            l1: Some(watch::channel(heads).1),
            batcher: Some(watch::channel(batcher).1),
            proposer: Some(watch::channel(proposer).1),
            challenger: Some(watch::channel(challenger).1),
            ..RoleStatus::default()
        };
        let mut text = String::new();
        status.hook()(&mut text);
        assert!(text.contains("\nopenledger_l1_head 9\n"), "{text}");
        assert!(
            text.contains("\nopenledger_batcher_confirmed_block 5\n"),
            "{text}"
        );
        for line in ["cost_open_gwei 3", "fees_open_gwei 2", "deficit 1"] {
            let line = format!("\nopenledger_batcher_posting_{line}\n");
            assert!(text.contains(&line), "{line} {text}");
        }
        assert!(
            text.contains("\nopenledger_proposer_claimed_block 4\n"),
            "{text}"
        );
        assert!(
            text.contains("\nopenledger_proposer_bonds_out 2\n"),
            "{text}"
        );
        assert!(
            text.contains("\nopenledger_challenger_missed_claims 3\n"),
            "{text}"
        );
        assert!(!text.contains("balance"), "{text}");
        assert!(
            text.lines()
                .all(|line| line.starts_with("# ") || line.starts_with("openledger_"))
        );
    }
}
