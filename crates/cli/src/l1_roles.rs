//! The roles of a node that send to its L1: what they share, and how each gets a sender of its own.

use crate::{metrics::RoleStatus, roles::Roles};
use openledger_chain::Chain;
use openledger_l1::{
    L1Client, ResumedTx, SenderJournal, SenderStatus, TxSender, TxSenderConfig, TxSigner,
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// L1 blocks after which a transaction that is in none is sent again with a higher fee.
const RESUBMIT_AFTER_BLOCKS: u32 = 4;

/// What the roles on L1 are started with, and where they are entered.
pub(crate) struct L1Roles<'a> {
    pub(crate) chain: &'a Arc<Chain>,
    pub(crate) client: &'a L1Client,
    /// How transactions are sent.
    pub(crate) sender: TxSenderConfig,
    /// Where the senders' journals are: beside the store.
    pub(crate) directory: &'a Path,
    /// Stops the roles.
    pub(crate) services: &'a CancellationToken,
    pub(crate) roles: &'a Roles,
    pub(crate) status: &'a mut RoleStatus,
}

/// A role's way to L1.
pub(crate) struct OwnSender {
    pub(crate) sender: TxSender,
    /// What an earlier run sent and did not see confirmed.
    pub(crate) resumed: Vec<ResumedTx>,
    pub(crate) status: watch::Receiver<SenderStatus>,
}

impl L1Roles<'_> {
    /// Starts the sender of a role, under `name`, with its journal in the directory of that name.
    ///
    /// # Errors
    /// A journal that can't be read.
    pub(crate) fn start_sender(
        &mut self,
        name: &'static str,
        journal: &str,
        signer: &TxSigner,
    ) -> anyhow::Result<OwnSender> {
        let (sender, resumed, task) = TxSender::spawn_with_journal(
            self.client.clone(),
            signer.clone(),
            self.sender,
            SenderJournal::open(&self.directory.join(journal))?,
            self.services.clone(),
        )?;
        self.roles.spawn(name, async move { Ok(task.await?) });
        Ok(OwnSender {
            status: sender.status(),
            sender,
            resumed,
        })
    }
}

/// How the roles of a chain send to its L1.
pub(crate) fn sender_config(
    sender: TxSenderConfig,
    l1_block_time: Duration,
    chain: &Chain,
) -> TxSenderConfig {
    TxSenderConfig {
        chain_id: Some(chain.config().l1_chain_id),
        resubmit_after: l1_block_time * RESUBMIT_AFTER_BLOCKS,
        ..sender
    }
}
