//! Proposer and challenger as roles of a node: the chain as they read it, and the accounts that they
//! send from.

use crate::{metrics::RoleStatus, roles::Roles};
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_chain::Chain;
use openledger_l1::{L1Client, SenderJournal, TxSender, TxSenderConfig, TxSigner};
use openledger_primitives::SealedBlock;
use openledger_proposer::{
    Challenger, ChallengerConfig, Output, OutputSource, Proposer, ProposerConfig, SourceError,
};
use openledger_protocol::OutputRoot;
use std::{path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Directory of the proposer's L1 transactions, beside the store.
pub(crate) const PROPOSER_JOURNAL: &str = "l1-proposer";
/// Directory of the challenger's L1 transactions, beside the store.
pub(crate) const CHALLENGER_JOURNAL: &str = "l1-challenger";

/// Who proposes, and how.
#[derive(Debug, Clone)]
pub struct ProposerRole {
    /// Signs the claims. The account is the proposer's alone.
    pub signer: TxSigner,
    /// When claims are made.
    pub config: ProposerConfig,
}

/// Who vetoes wrong claims, and how.
#[derive(Debug, Clone)]
pub struct ChallengerRole {
    /// Signs the vetoes. The account is the challenger's alone.
    pub signer: TxSigner,
    /// How claims are watched.
    pub config: ChallengerConfig,
}

/// The output root of a block; `None` if the block is older than Isthmus.
pub(crate) fn output_root(block: &SealedBlock) -> Option<B256> {
    let header = &block.block.header;
    let output = OutputRoot {
        state_root: header.state_root,
        message_passer_storage_root: header.withdrawals_root?,
        block_hash: block.hash,
    };
    Some(output.hash())
}

/// Starts the proposer and the L1 sender that it claims through.
///
/// # Errors
/// A journal that can't be read.
pub(crate) fn start_proposer(
    role: &ProposerRole,
    sender: TxSenderConfig,
    journal: &Path,
    chain: &Arc<Chain>,
    client: &L1Client,
    services: &CancellationToken,
    roles: &mut Roles,
    status: &mut RoleStatus,
) -> anyhow::Result<()> {
    let (sender, resumed, task) = TxSender::spawn_with_journal(
        client.clone(),
        role.signer.clone(),
        sender,
        SenderJournal::open(journal)?,
        services.clone(),
    )?;
    status.proposer_sender = Some(sender.status());
    roles.spawn("proposer's L1 sender", async move { Ok(task.await?) });
    let source = Arc::new(ChainOutputs(chain.clone()));
    let (proposer, task) = Proposer::run(
        role.config,
        source,
        client.clone(),
        sender,
        resumed,
        services.clone(),
    );
    status.proposer = Some(proposer.status());
    roles.spawn("proposer", async move { Ok(task.await?) });
    Ok(())
}

/// Starts the challenger and the L1 sender that it vetoes through.
///
/// # Errors
/// A journal that can't be read.
pub(crate) fn start_challenger(
    role: &ChallengerRole,
    sender: TxSenderConfig,
    journal: &Path,
    chain: &Arc<Chain>,
    client: &L1Client,
    services: &CancellationToken,
    roles: &mut Roles,
    status: &mut RoleStatus,
) -> anyhow::Result<()> {
    let (sender, resumed, task) = TxSender::spawn_with_journal(
        client.clone(),
        role.signer.clone(),
        sender,
        SenderJournal::open(journal)?,
        services.clone(),
    )?;
    status.challenger_sender = Some(sender.status());
    roles.spawn("challenger's L1 sender", async move { Ok(task.await?) });
    let (challenger, task) = Challenger::run(
        role.config,
        Arc::new(ChainOutputs(chain.clone())),
        client.clone(),
        sender,
        resumed,
        services.clone(),
    );
    status.challenger = Some(challenger.status());
    roles.spawn("challenger", async move { Ok(task.await?) });
    Ok(())
}

/// The chain as proposer and challenger read it.
struct ChainOutputs(Arc<Chain>);

impl OutputSource for ChainOutputs {
    fn safe_head(&self) -> BlockNumHash {
        self.0.heads().safe
    }

    fn finalized_head(&self) -> BlockNumHash {
        self.0.heads().finalized
    }

    fn output(&self, number: u64) -> Result<Option<Output>, SourceError> {
        let Some(block) = self.0.block(number)? else {
            return Ok(None);
        };
        Ok(output_root(&block).map(|root| Output {
            block_hash: block.hash,
            root,
        }))
    }

    fn withdrawals_root(&self, number: u64) -> Result<Option<B256>, SourceError> {
        let block = self.0.block(number)?;
        Ok(block.and_then(|block| block.block.header.withdrawals_root))
    }
}
