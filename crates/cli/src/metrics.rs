//! Lines of `/metrics` about the node's roles on L1, beside those of the JSON-RPC server.

use crate::catch_up::Waits;
use alloy_primitives::U256;
use openledger_batcher::{BatcherStatus, PostingBalance};
use openledger_l1::{BlobStatus, Carrier, L1Client, L1Heads, LagStatus, Obstacle, SenderStatus};
use openledger_primitives::SealedHeader;
use openledger_proposer::{ChallengerStatus, ProposerStatus};
use openledger_rpc::MetricsHook;
use parking_lot::RwLock;
use std::{fmt::Write, sync::Arc};
use tokio::sync::watch;

/// Amounts are in gwei, so that they stay exact where metrics are 64-bit floats.
const WEI_PER_GWEI: u128 = 1_000_000_000;

/// Where the roles report their state.
#[derive(Debug, Default, Clone)]
pub(crate) struct RoleStatus {
    /// What the node waits for before it begins.
    pub(crate) waits: Option<Waits>,
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

/// [`RoleStatus`] of a node whose roles start one after the other.
pub(crate) type SharedStatus = Arc<RwLock<RoleStatus>>;

impl RoleStatus {
    /// Writes the metrics of the roles that run by then.
    pub(crate) fn hook(status: SharedStatus) -> MetricsHook {
        Arc::new(move |out| {
            let status = status.read().clone();
            status.write(&mut Lines(out));
        })
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if let Some(waits) = &self.waits {
            lines.gauge(
                "starting",
                "Whether what comes first at a start is not done yet.",
                waits.borrow().is_some(),
            );
        }
        if let Some(heads) = &self.l1 {
            lines.heads(&heads.borrow());
        }
        if let Some(client) = &self.l1_client {
            lines.lag(&client.lag_status());
        }
        if let Some(status) = &self.batcher {
            lines.batcher(&status.borrow());
        }
        if let Some(status) = &self.proposer {
            lines.proposer(&status.borrow());
        }
        if let Some(status) = &self.challenger {
            lines.challenger(&status.borrow());
        }
        if let Some(status) = &self.blobs {
            lines.blobs(&status.borrow());
        }
        for (role, status) in [
            ("batcher", &self.sender),
            ("proposer", &self.proposer_sender),
            ("challenger", &self.challenger_sender),
        ] {
            if let Some(status) = status {
                lines.sender(role, &status.borrow());
            }
        }
    }
}

/// Prometheus' text form.
struct Lines<'a>(&'a mut String);

impl Lines<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl Into<u128>) {
        self.line(name, "gauge", help, value.into());
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Into<u128>) {
        self.line(name, "counter", help, value.into());
    }

    fn line(&mut self, name: &str, kind: &str, help: &str, value: u128) {
        // Writing to a string can't fail.
        let _ = writeln!(
            self.0,
            "# HELP openledger_{name} {help}\n# TYPE openledger_{name} {kind}\nopenledger_{name} {value}"
        );
    }

    fn heads(&mut self, heads: &L1Heads) {
        let number =
            |header: &Option<SealedHeader>| header.as_ref().map_or(0, |header| header.number);
        self.gauge("l1_reachable", "Whether the L1 answers.", heads.reachable);
        self.gauge("l1_head", "Newest L1 block.", number(&heads.latest));
        self.gauge(
            "l1_finalized",
            "Newest finalized L1 block.",
            number(&heads.finalized),
        );
    }

    fn lag(&mut self, status: &LagStatus) {
        let waited = status.waiting.map(|block| block.since.elapsed().as_secs());
        self.gauge(
            "l1_block_wait_seconds",
            "How long an L1 block that exists has been waited for, which no endpoint gives.",
            waited.unwrap_or_default(),
        );
        self.counter(
            "l1_absences_total",
            "Answers of L1 endpoints that lacked what exists.",
            status.absences,
        );
    }

    fn batcher(&mut self, status: &BatcherStatus) {
        self.gauge(
            "batcher_submitted_block",
            "Last L2 block whose batch was given to the L1 sender as a whole.",
            status.submitted_to,
        );
        self.gauge(
            "batcher_confirmed_block",
            "Last L2 block whose batch is on L1.",
            status.confirmed_to,
        );
        self.gauge(
            "batcher_inclusion_l1_block",
            "L1 block that completed that batch.",
            status.l1_inclusion.number,
        );
        if let Some(carrier) = status.carrier {
            self.gauge(
                "batcher_carries_blobs",
                "Whether the last batch was carried in blobs; in calldata if not.",
                carrier == Carrier::Blobs,
            );
        }
        self.gauge(
            "batcher_backlog_blocks",
            "Sealed blocks in no channel.",
            status.backlog_blocks,
        );
        self.gauge(
            "batcher_pending_transactions",
            "L1 transactions sent and not confirmed.",
            status.pending_txs as u128,
        );
        self.counter(
            "batcher_restarts_total",
            "Times that it had to start over.",
            status.restarts,
        );
        self.gauge(
            "batcher_backlog_bytes",
            "Bytes of transactions that are sealed and not on L1, about.",
            status.backlog_bytes,
        );
        if let Some(bytes) = status.block_bytes_max {
            self.gauge(
                "batcher_block_bytes_max",
                "Most bytes that a block may hold because of the backlog.",
                bytes,
            );
        }
        self.gauge(
            "batcher_deadline_near",
            "Whether blocks that are not on L1 are near the end of their sequencing window.",
            status.deadline_near,
        );
        if let Some(left) = status.window_left {
            self.gauge(
                "batcher_window_left",
                "L1 blocks left of that window.",
                left,
            );
        }
        self.counter(
            "batcher_posted_bytes_total",
            "Compressed bytes posted.",
            status.posted_bytes,
        );
        self.counter(
            "batcher_fee_gwei",
            "What posting cost since the start, gwei of ETH.",
            status.fee_wei / WEI_PER_GWEI,
        );
        if let Some(posting) = &status.posting {
            self.posting(posting);
        }
        self.counter(
            "batcher_refused_channels_total",
            "Channels that were not posted because they would have come out wrong.",
            status.refused_channels,
        );
        self.counter(
            "batcher_cancelled_transactions_total",
            "L1 transactions that were cancelled, or given back behind one that was.",
            status.cancelled_txs,
        );
    }

    fn posting(&mut self, posting: &PostingBalance) {
        self.gauge(
            "batcher_posting_cost_open_gwei",
            "What posting cost in the last window at the configured rate, gwei of OPEN.",
            gwei(posting.cost_open_wei),
        );
        self.gauge(
            "batcher_posting_fees_open_gwei",
            "What the blocks posted in it paid for that, gwei of OPEN.",
            gwei(posting.fees_open_wei),
        );
        self.gauge(
            "batcher_posting_deficit",
            "Whether the cost is above the fees.",
            posting.is_deficit(),
        );
    }

    fn proposer(&mut self, status: &ProposerStatus) {
        self.gauge(
            "proposer_claimed_block",
            "L2 block that the newest right claim is about.",
            status.claimed_to,
        );
        self.gauge(
            "proposer_claimed_at",
            "When that claim was made, seconds since 1970 by the L1's clock.",
            status.claimed_at,
        );
        self.gauge(
            "proposer_bonds_out",
            "Own games whose bonds are not back.",
            status.bonds_out as u128,
        );
        self.failures("proposer", status.failures);
    }

    fn challenger(&mut self, status: &ChallengerStatus) {
        self.gauge(
            "challenger_watched_games",
            "Games that are watched.",
            status.watched as u128,
        );
        self.gauge(
            "challenger_wrong_claims",
            "Wrong claims that can still be vetoed.",
            status.wrong as u128,
        );
        self.gauge(
            "challenger_missed_claims",
            "Wrong claims whose clock ran out: the guardian must set them aside.",
            status.missed as u128,
        );
        self.gauge(
            "challenger_undecided_claims",
            "Claims of whose clock less than half is left, about blocks that this node does not have.",
            status.undecided as u128,
        );
        self.counter(
            "challenger_vetoes_total",
            "Wrong claims vetoed since the start.",
            status.vetoes,
        );
        self.failures("challenger", status.failures);
    }

    fn failures(&mut self, role: &str, failures: u32) {
        self.gauge(
            &format!("{role}_failures"),
            "Rounds that failed since the last that did not.",
            failures,
        );
    }

    fn blobs(&mut self, status: &BlobStatus) {
        self.gauge(
            "blobs_missing",
            "Whether derivation waits for a blob.",
            status.missing.is_some(),
        );
        self.counter(
            "blobs_fetched_total",
            "Blobs fetched and verified.",
            status.fetched,
        );
        self.counter(
            "blobs_refused_total",
            "Blobs that failed verification.",
            status.refused,
        );
    }

    fn sender(&mut self, role: &str, status: &SenderStatus) {
        if let Some(balance) = status.balance {
            self.gauge(
                &format!("{role}_balance_gwei"),
                &format!("ETH of the {role} on L1, gwei."),
                gwei(balance),
            );
        }
        self.gauge(
            &format!("{role}_balance_low"),
            "Whether that is too little.",
            status.balance_low,
        );
        self.gauge(
            &format!("{role}_in_flight_transactions"),
            "L1 transactions of the account that are sent and not confirmed.",
            status.in_flight as u128,
        );
        self.gauge(
            &format!("{role}_cancelling_transactions"),
            "How many of them are being cancelled.",
            status.cancelling as u128,
        );
        if let Some(nonce) = status.next_nonce {
            self.gauge(
                &format!("{role}_next_nonce"),
                "Nonce that the account's next L1 transaction gets.",
                nonce,
            );
        }
        // Waiting for its own transactions is no trouble.
        let obstacle = status
            .obstacle
            .filter(|obstacle| *obstacle != Obstacle::OtherCarrier);
        self.gauge(
            &format!("{role}_obstacle"),
            &format!("Whether something keeps the {role} from sending."),
            obstacle.is_some(),
        );
        self.gauge(
            &format!("{role}_fee_ceiling_gwei"),
            "Most that is offered now, gwei a gas.",
            status.ceiling.fee_wei / WEI_PER_GWEI,
        );
        self.gauge(
            &format!("{role}_blob_fee_ceiling_gwei"),
            "The same, gwei a blob gas.",
            status.ceiling.blob_fee_wei / WEI_PER_GWEI,
        );
    }
}

fn gwei(wei: U256) -> u64 {
    (wei / U256::from(WEI_PER_GWEI)).saturating_to()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use openledger_batcher::PostingBalance;
    use openledger_l1::FeeCeiling;
    use openledger_primitives::Header;

    #[test]
    fn metrics_are_prometheus_text() {
        let heads = L1Heads {
            latest: Some(SealedHeader::new(Header {
                number: 9,
                ..Default::default()
            })),
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
            carrier: Some(Carrier::Blobs),
            cancelled_txs: 7,
            ..BatcherStatus::default()
        };
        let sender = SenderStatus {
            account: Address::ZERO,
            balance: None,
            balance_low: false,
            in_flight: 4,
            cancelling: 2,
            next_nonce: Some(6),
            obstacle: Some(Obstacle::Cancelling),
            ceiling: FeeCeiling {
                fee_wei: 8 * WEI_PER_GWEI,
                blob_fee_wei: 9 * WEI_PER_GWEI,
            },
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
            waits: Some(watch::channel(Some("the L1".into())).1),
            l1: Some(watch::channel(heads).1),
            batcher: Some(watch::channel(batcher).1),
            sender: Some(watch::channel(sender).1),
            proposer: Some(watch::channel(proposer).1),
            challenger: Some(watch::channel(challenger).1),
            ..RoleStatus::default()
        };
        let mut text = String::new();
        RoleStatus::hook(Arc::new(RwLock::new(status)))(&mut text);
        assert!(text.contains("\nopenledger_l1_head 9\n"), "{text}");
        assert!(text.contains("\nopenledger_starting 1\n"), "{text}");
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
        for line in [
            "carries_blobs 1",
            "cancelled_transactions_total 7",
            "in_flight_transactions 4",
            "cancelling_transactions 2",
            "next_nonce 6",
            "obstacle 1",
            "fee_ceiling_gwei 8",
            "blob_fee_ceiling_gwei 9",
        ] {
            let line = format!("\nopenledger_batcher_{line}\n");
            assert!(text.contains(&line), "{line} {text}");
        }
        assert!(!text.contains("balance_gwei"), "{text}");
        assert!(
            text.lines()
                .all(|line| line.starts_with("# ") || line.starts_with("openledger_"))
        );
    }
}
