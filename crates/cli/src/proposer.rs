//! Proposer and challenger as roles of a node: the chain as they read it, and the accounts that they
//! send from.

use crate::l1_roles::L1Roles;
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_chain::Chain;
use openledger_l1::TxSigner;
use openledger_primitives::SealedBlock;
use openledger_proposer::{
    Challenger, ChallengerConfig, Output, OutputSource, Proposer, ProposerConfig, SourceError,
};
use openledger_protocol::OutputRoot;
use std::sync::Arc;

/// Directory of the proposer's L1 transactions, beside the store.
const PROPOSER_JOURNAL: &str = "l1-proposer";
/// Directory of the challenger's L1 transactions, beside the store.
const CHALLENGER_JOURNAL: &str = "l1-challenger";

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
pub(crate) fn start_proposer(senders: &mut L1Roles<'_>, role: &ProposerRole) -> anyhow::Result<()> {
    let own = senders.start_sender("proposer's L1 sender", PROPOSER_JOURNAL, &role.signer)?;
    let (proposer, task) = Proposer::run(
        role.config,
        Arc::new(ChainOutputs(senders.chain.clone())),
        senders.client.clone(),
        own.sender,
        own.resumed,
        senders.services.clone(),
    );
    senders.status.proposer_sender = Some(own.status);
    senders.status.proposer = Some(proposer.status());
    senders
        .roles
        .spawn("proposer", async move { Ok(task.await?) });
    Ok(())
}

/// Starts the challenger and the L1 sender that it vetoes through.
///
/// # Errors
/// A journal that can't be read.
pub(crate) fn start_challenger(
    senders: &mut L1Roles<'_>,
    role: &ChallengerRole,
) -> anyhow::Result<()> {
    let own = senders.start_sender("challenger's L1 sender", CHALLENGER_JOURNAL, &role.signer)?;
    let (challenger, task) = Challenger::run(
        role.config,
        Arc::new(ChainOutputs(senders.chain.clone())),
        senders.client.clone(),
        own.sender,
        own.resumed,
        senders.services.clone(),
    );
    senders.status.challenger_sender = Some(own.status);
    senders.status.challenger = Some(challenger.status());
    senders
        .roles
        .spawn("challenger", async move { Ok(task.await?) });
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
