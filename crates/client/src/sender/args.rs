//! Who sends, and how, on the command line.

use super::Sender;
use crate::{AccountArgs, NodeArgs};
use clap::Args;
use std::path::Path;

/// Most gas of a transaction unless said otherwise (EIP-7825).
const GAS_MAX: u64 = 16_777_216;

/// Who sends, and how.
#[derive(Debug, Clone, Args)]
pub struct SenderArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub account: AccountArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SenderLimits,
}

/// How transactions are sent.
#[derive(Debug, Clone, Copy, Args)]
pub struct SenderLimits {
    /// Most gas of a transaction
    #[arg(
        long,
        value_name = "GAS",
        default_value_t = GAS_MAX,
        value_parser = clap::value_parser!(u64).range(100_000..=1_000_000_000)
    )]
    pub gas_max: u64,
    /// Mine the blocks that are waited for (evm_mine): on a local chain that seals on demand
    #[arg(long)]
    pub mine: bool,
}

impl Default for SenderLimits {
    fn default() -> Self {
        Self {
            gas_max: GAS_MAX,
            mine: false,
        }
    }
}

impl SenderArgs {
    /// Connects, without a journal: for commands of a single transaction, or whose steps the chain itself remembers.
    ///
    /// # Errors
    /// A node that doesn't answer, a key that isn't there.
    pub async fn open(&self) -> anyhow::Result<Sender> {
        let key = self.account.key(self.node.local()?.as_ref())?;
        Ok(Sender::new(self.node.connect().await?, key, self.limits))
    }

    /// Connects, and opens the journal of a command with these inputs, which is all that decides what is sent.
    ///
    /// # Errors
    /// As [`Self::open`], or a journal that is another submission's or in use.
    pub async fn open_with_journal(
        &self,
        journal: &Path,
        command: &str,
        inputs: &[u8],
    ) -> anyhow::Result<Sender> {
        self.open()
            .await?
            .with_journal(journal, command, inputs)
            .await
    }
}
