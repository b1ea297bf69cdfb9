//! The batcher as a role of a node: the chain as it reads it, and the limits on blocks that follow from what
//! waits for L1.

use crate::l1_roles::L1Roles;
use alloy_primitives::{Address, U256};
use anyhow::ensure;
use openledger_batcher::{Batcher, BatcherConfig, BlockSource, DataAvailability, SourceError};
use openledger_builder::BuilderHandle;
use openledger_chain::{Chain, Sequencer};
use openledger_l1::{DaThrottle, L1Client, TxSigner};
use openledger_primitives::{Block, BlockNumHash, StateReader, predeploys};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Directory of the batcher's L1 transactions, beside the store.
const JOURNAL: &str = "l1-sender";
/// How often the batcher's throttle is looked at.
const THROTTLE_INTERVAL: Duration = Duration::from_millis(500);
/// The vaults of the fees that pay for posting.
pub(crate) const POSTING_FEE_VAULTS: [Address; 2] =
    [predeploys::L1_FEE_VAULT, predeploys::OPERATOR_FEE_VAULT];
/// Storage slot of a fee vault's `totalProcessed`: what left it (`contracts/src/L2/FeeVault.sol`).
pub(crate) const FEE_VAULT_PROCESSED_SLOT: U256 = U256::ZERO;

/// Settles what batches may be carried in by a node that reads its L1 through `client`.
///
/// # Errors
/// Blobs that could not be read back.
pub(crate) fn settle_carrier(config: &mut BatcherConfig, client: &L1Client) -> anyhow::Result<()> {
    if client.blobs().is_none() {
        // What this node could not read back would stop its own safe head.
        ensure!(
            config.data_availability != DataAvailability::Blobs,
            "batcher.data-availability is blobs, but no l1.beacon-url or l1.blob-archive is given to read them back"
        );
        config.data_availability = DataAvailability::Calldata;
    }
    Ok(())
}

/// Starts the batcher, the L1 sender that it posts through, and what passes its throttle on to `builder`.
///
/// # Errors
/// A journal that can't be read.
pub(crate) fn start_batcher(
    senders: &mut L1Roles<'_>,
    signer: &TxSigner,
    mut config: BatcherConfig,
    builder: &Arc<BuilderHandle>,
) -> anyhow::Result<()> {
    let batcher = senders.chain.config().genesis.system_config.batcher_address;
    if signer.address() != batcher {
        warn!(key = %signer.address(), %batcher, "the key is not of the chain's first batcher: is it the present one?");
    }
    config.l1_chain = Some(senders.chain.l1_config().clone());
    let throttle = config.throttle.clone();
    let own = senders.start_sender("L1 sender", JOURNAL, signer)?;
    let (batcher, task) = Batcher::run(
        config,
        Arc::new(ChainBlocks(senders.chain.clone())),
        senders.client.clone(),
        own.sender,
        own.resumed,
        senders.services.clone(),
    );
    senders.status.sender = Some(own.status);
    senders.status.batcher = Some(batcher.status());
    senders
        .roles
        .spawn("batcher", async move { Ok(task.await??) });
    let (builder, services) = (builder.clone(), senders.services.clone());
    senders.roles.spawn("throttle", async move {
        pass_throttle(throttle, builder, services).await;
        Ok(())
    });
    Ok(())
}

/// Passes the batcher's throttle on to the builder, as it says how large blocks may be while much waits
/// for L1.
async fn pass_throttle(
    throttle: DaThrottle,
    builder: Arc<BuilderHandle>,
    shutdown: CancellationToken,
) {
    let mut passed = (u64::MAX, u64::MAX);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(THROTTLE_INTERVAL) => {}
        }
        let limits = (throttle.tx_bytes_max(), throttle.block_bytes_max());
        if limits == passed {
            continue;
        }
        passed = limits;
        // Zero lifts a limit.
        let limit = |bytes| if bytes == u64::MAX { 0 } else { bytes };
        builder.set_data_limits(limit(limits.0), limit(limits.1));
        if throttle.is_active() {
            warn!(
                backlog_bytes = throttle.backlog_bytes(),
                block_bytes_max = limits.1,
                tx_bytes_max = limits.0,
                "much waits for L1: blocks are limited"
            );
        } else {
            info!("blocks are no longer limited");
        }
    }
}

/// The chain as the batcher reads it.
struct ChainBlocks(Arc<Chain>);

impl BlockSource for ChainBlocks {
    fn unsafe_head(&self) -> BlockNumHash {
        self.0.heads().unsafe_head
    }

    fn safe_head(&self) -> BlockNumHash {
        self.0.heads().safe
    }

    fn block(&self, number: u64) -> Result<Option<Block>, SourceError> {
        Ok(self.0.block(number)?.map(|sealed| sealed.block.clone()))
    }

    fn fees_collected(&self, number: u64) -> Result<Option<U256>, SourceError> {
        let state = match self.0.state_at(number) {
            Ok(state) => state,
            // Its history is gone, or it was unwound.
            Err(error) => {
                debug!(number, %error, "no state to read fees from");
                return Ok(None);
            }
        };
        let mut sum = U256::ZERO;
        for vault in POSTING_FEE_VAULTS {
            let held = state
                .account(vault)?
                .map_or(U256::ZERO, |vault| vault.balance);
            // What left the vault was collected as well.
            let processed = state.storage(vault, FEE_VAULT_PROCESSED_SLOT)?;
            sum = sum.saturating_add(held).saturating_add(processed);
        }
        Ok(Some(sum))
    }
}
