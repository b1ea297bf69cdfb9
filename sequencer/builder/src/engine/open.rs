//! Opening a block, showing it to the node, and journaling what is executed into it.

use super::Engine;
use crate::{BuilderError, draft::Draft, journal};
use alloy_primitives::{Address, Bytes};
use openledger_execution::{L1Fees, evm_env};
use std::sync::Arc;
use tracing::warn;

impl Engine {
    /// Opens the next block, unless an L1 block that it needs is unknown: then a later turn does.
    pub(super) fn open(&mut self) -> Result<(), BuilderError> {
        if let Some(attributes) = self.next_attributes()? {
            let draft = Draft::open(&self.chain, attributes)?;
            self.adopt(draft);
        }
        Ok(())
    }

    /// Takes a draft as the open block: everything in the pool has its chance again.
    pub(super) fn adopt(&mut self, draft: Draft) {
        let env = evm_env(self.chain.config(), &draft.view().header);
        self.fees = match L1Fees::read(&draft.view().state, draft.number(), env.cfg_env.spec) {
            Ok(fees) => Some(fees),
            Err(error) => {
                warn!(%error, "L1 fee parameters can't be read");
                None
            }
        };
        self.mempool.return_aside();
        self.full = false;
        self.more = !self.mempool.is_empty();
        self.draft = Some(draft);
        self.publish();
    }

    /// Opens the block anew with the present time, its transactions executed again (local chains only).
    pub(super) fn refresh(&mut self) -> Result<(), BuilderError> {
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        let transactions = draft.pooled();
        self.open()?;
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        let mut group = Vec::with_capacity(transactions.len());
        for transaction in &transactions {
            match draft.execute(transaction) {
                Ok(_) => group.push((transaction.sender, transaction.encoded.clone())),
                Err(error) => {
                    warn!(hash = %transaction.hash, %error, "transaction left the open block")
                }
            }
        }
        self.journal(&group)?;
        self.publish();
        Ok(())
    }

    /// Shows the open block to the node.
    pub(super) fn publish(&self) {
        self.chain.set_open_block(
            self.draft
                .as_ref()
                .map(|draft| Arc::new(draft.view().clone())),
        );
    }

    /// Whether the open block holds transactions beyond those prescribed.
    pub(super) fn has_pooled(&self) -> bool {
        self.draft
            .as_ref()
            .is_some_and(|draft| draft.pooled_transactions() > 0)
    }

    /// Writes the transactions just executed to the journal, in one synced write.
    pub(super) fn journal(&mut self, group: &[(Address, Bytes)]) -> Result<(), BuilderError> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        if group.is_empty() {
            return Ok(());
        }
        let number = draft.number();
        let mut records = Vec::with_capacity(group.len() + 1);
        if draft.journaled == 0 {
            records.push(journal::encode_attributes(&draft.view().attributes));
        }
        records.extend(
            group
                .iter()
                .map(|(sender, encoded)| journal::encode(*sender, encoded)),
        );
        let first = draft.journaled;
        let keyed: Vec<(u64, u32, &[u8])> = records
            .iter()
            .zip(first..)
            .map(|(record, index)| (number, index, record.as_slice()))
            .collect();
        self.chain.store().journal_append(&keyed)?;
        draft.journaled = first.saturating_add(u32::try_from(keyed.len()).unwrap_or(u32::MAX));
        Ok(())
    }
}
