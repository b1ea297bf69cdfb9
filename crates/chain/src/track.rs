//! Follows L1 and keeps the safe and finalized heads: the shell around [`Derivation`].

use crate::{
    Chain, ChainError, Derivation, DerivedL1, DriverError, GiveWay, OnContradiction,
    unwind_lost_origins,
};
use openledger_derive::{L1InputError, Severity};
use openledger_l1::{L1Client, L1Error, L1Heads};
use openledger_protocol::BlockRefError;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Pause before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Why the safe head can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// The L1 could not be read.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// An L1 block's data can't be used.
    #[error("L1: {0}")]
    Input(#[from] L1InputError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Derivation.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A block of ours is malformed.
    #[error("block {number}: {source}")]
    Block {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: BlockRefError,
    },
    /// A block of ours is missing.
    #[error("block {number} is missing from the store")]
    Missing {
        /// Its number.
        number: u64,
    },
    /// The L1 does not hold the block that the chain started from.
    #[error(
        "the L1 has no block {number} ({hash}), from which this chain started: \
         it is another L1, or it was reset; use the right --l1.rpc-url or start a new chain"
    )]
    OtherL1 {
        /// Number of the L1 block.
        number: u64,
        /// Its hash.
        hash: alloy_primitives::B256,
    },
    /// The L1 has another block in place of the finalized head's origin.
    #[error(
        "the L1 has another block than {origin} ({hash}), which was final: it is the origin of finalized block \
         {number}; ask others what the L1 is, and give this node a data directory that follows it"
    )]
    FinalizedGone {
        /// Number of the finalized block of ours.
        number: u64,
        /// Number of its origin.
        origin: u64,
        /// Hash of its origin.
        hash: alloy_primitives::B256,
    },
    /// An L1 block is of another branch than what was read before, which the L1 still holds.
    #[error("L1 endpoints are of different branches at block {number}")]
    Branches {
        /// Number of the L1 block.
        number: u64,
    },
    /// The task was cut off.
    #[error("derivation was interrupted")]
    Interrupted,
}

impl TrackError {
    /// Whether the L1 could not be read: what was derived stands, and reading is tried again.
    pub const fn is_reading(&self) -> bool {
        matches!(self, Self::L1(_) | Self::Branches { .. })
    }

    /// The number of the first block of which L1 holds another than the chain, if that is what is wrong.
    pub const fn contradiction(&self) -> Option<u64> {
        match self {
            Self::Driver(DriverError::Contradiction { number, .. }) => Some(*number),
            _ => None,
        }
    }

    /// Whether the L1 was reorganized, so that derivation must begin again further back.
    pub fn is_reset(&self) -> bool {
        match self {
            Self::Driver(DriverError::Derive(error)) => error.severity() == Severity::Reset,
            Self::Driver(DriverError::Moved { .. }) => true,
            _ => false,
        }
    }
}

/// Keeps safe and finalized heads until `shutdown`; an L1 that can't be reached is waited for.
pub async fn track(
    chain: Arc<Chain>,
    l1: L1Client,
    heads: watch::Receiver<L1Heads>,
    shutdown: CancellationToken,
) {
    keep(chain, l1, heads, None, shutdown).await;
}

/// [`track`] beside a builder, which gives way where L1 holds other blocks than it has built, and goes on
/// once all is derived that the L1 has by then.
pub async fn track_beside(
    chain: Arc<Chain>,
    l1: L1Client,
    heads: watch::Receiver<L1Heads>,
    builder: Arc<dyn GiveWay>,
    shutdown: CancellationToken,
) {
    keep(chain, l1, heads, Some(builder), shutdown).await;
}

async fn keep(
    chain: Arc<Chain>,
    l1: L1Client,
    heads: watch::Receiver<L1Heads>,
    builder: Option<Arc<dyn GiveWay>>,
    shutdown: CancellationToken,
) {
    let policy = match builder {
        Some(_) => OnContradiction::Report,
        None => OnContradiction::Follow,
    };
    let mut failing = false;
    // The builder stands still until derivation has come to the L1's head.
    let mut given_way = false;
    while !shutdown.is_cancelled() {
        let outcome = tokio::select! {
            () = shutdown.cancelled() => return,
            outcome = run(&chain, &l1, &heads, policy, given_way, &mut failing) => outcome,
        };
        let error = match (outcome, &builder) {
            (Ok(()), Some(builder)) if given_way => {
                given_way = false;
                builder.go_on();
                info!(
                    block = chain.head().number,
                    "derived what the L1 holds, blocks are built again"
                );
                continue;
            }
            (Ok(()), _) => return,
            (Err(error), _) => error,
        };
        if let (Some(number), Some(builder)) = (error.contradiction(), &builder) {
            error!(%error, "L1 holds other blocks than this chain: giving way");
            given_way = true;
            match builder.give_way(number).await {
                Ok(blocks) => {
                    warn!(from = number, blocks, "unwound blocks that contradict L1");
                    continue;
                }
                Err(error) => error!(%error, "blocks that contradict L1 can't be unwound"),
            }
        } else if error.is_reset() {
            info!(%error, "the L1 reorganized, derivation begins again");
        } else {
            report(&error, &mut failing);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Says what is wrong: what an operator must act on each time, anything else when it begins.
fn report(error: &TrackError, failing: &mut bool) {
    match error {
        TrackError::FinalizedGone { .. } | TrackError::OtherL1 { .. } => {
            error!(%error, "the L1 contradicts what is final: the safe head can't move");
        }
        _ if !*failing => {
            *failing = true;
            warn!(%error, "the safe head can't be followed, trying again");
        }
        _ => {}
    }
}

/// Derives along the L1; with `up_to_head`, until nothing is left to derive.
async fn run(
    chain: &Arc<Chain>,
    l1: &L1Client,
    heads: &watch::Receiver<L1Heads>,
    policy: OnContradiction,
    up_to_head: bool,
    failing: &mut bool,
) -> Result<(), TrackError> {
    if policy == OnContradiction::Follow {
        unwind_lost_origins(chain, l1).await?;
    }
    let (chain, l1) = (chain.clone(), l1.clone());
    let mut derivation = Derivation::start(chain, l1, heads.clone(), policy, |_| true).await?;
    loop {
        let newest = heads.borrow().latest.as_ref().map(|head| head.number);
        if up_to_head && newest.is_some_and(|newest| newest < derivation.next_l1()) {
            return Ok(());
        }
        match derivation.next().await {
            Ok(Some(DerivedL1 { .. })) => {
                if std::mem::take(failing) {
                    info!("the safe head can be followed again");
                }
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_reading() => {
                report(&error, failing);
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}
