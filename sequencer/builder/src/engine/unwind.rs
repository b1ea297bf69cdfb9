//! Unwinding blocks, and putting their transactions back into the pool.

use super::{Engine, pool_records::Arrival};
use crate::{BuilderError, draft::Draft};
use openledger_mempool::{InsertError, Inserted, RecoveredTransaction};
use openledger_primitives::BlockNumHash;
use openledger_protocol::L1Attributes;
use std::sync::atomic::Ordering;
use tracing::warn;

impl Engine {
    /// Unwinds the blocks whose origin is above L1 block `ancestor` and queues their transactions.
    pub(super) fn reorganize(&mut self, ancestor: u64) -> Result<usize, BuilderError> {
        let mut keep = self.chain.head().number;
        while keep > 0 {
            let Some(block) = self.chain.block(keep)? else {
                break;
            };
            let origin = self
                .current_origin(&block)?
                .map_or(0, |origin| origin.number);
            if origin <= ancestor {
                break;
            }
            keep -= 1;
        }
        let draft_origin = self.draft.as_ref().and_then(|draft| {
            L1Attributes::from_deposit(draft.view().attributes.transactions.first()?).ok()
        });
        if keep == self.chain.head().number
            && draft_origin.is_none_or(|attributes| attributes.number <= ancestor)
        {
            return Ok(0);
        }
        self.unwind(keep, true)
    }

    /// Unwinds the chain from block `number` on, of which L1 holds another, and opens no block until told
    /// otherwise.
    pub(super) fn give_way(&mut self, number: u64) -> Result<usize, BuilderError> {
        self.shared.gives_way.store(true, Ordering::Relaxed);
        let to = number.saturating_sub(1).min(self.chain.head().number);
        let result = self.unwind(to, true);
        self.chain.set_open_block(None);
        result
    }

    /// Unwinds to block `to`; with `requeue`, the transactions go back into the pool in order.
    pub(super) fn unwind(&mut self, to: u64, requeue: bool) -> Result<usize, BuilderError> {
        let mut transactions = Vec::new();
        if requeue {
            transactions = self.transactions_after(to)?;
            // Before they leave the chain, so that a crash in between loses none.
            self.record_reinjected(&transactions)?;
        }
        self.lower_finalized(to)?;
        self.draft = None;
        let head = self.chain.head().number;
        let removed = match self.chain.unwind(to) {
            Ok(removed) => removed,
            Err(error) => {
                // Some may be gone: what is still in a block is found to be by its nonce.
                if self.chain.head().number < head && requeue {
                    self.requeue(transactions)?;
                }
                return Err(error.into());
            }
        };
        self.chain.store().journal_clear()?;
        if requeue {
            warn!(
                to,
                blocks = removed.len(),
                transactions = transactions.len(),
                "unwound blocks, their transactions are queued again"
            );
            self.requeue(transactions)?;
        }
        Ok(removed.len())
    }

    /// The signed transactions of the blocks above `to` and of the open block, in order.
    fn transactions_after(&self, to: u64) -> Result<Vec<RecoveredTransaction>, BuilderError> {
        let mut transactions = Vec::new();
        for number in to.saturating_add(1)..=self.chain.head().number {
            let Some(block) = self.chain.block(number)? else {
                break;
            };
            let signed = block.block.body.transactions.iter().zip(&block.senders);
            transactions.extend(
                signed
                    .filter(|(transaction, _)| !transaction.is_deposit())
                    .map(|(transaction, sender)| {
                        RecoveredTransaction::new_unchecked(transaction.clone(), *sender)
                    }),
            );
        }
        transactions.extend(self.draft.as_ref().map(Draft::pooled).unwrap_or_default());
        Ok(transactions)
    }

    /// Lowers the safe and finalized heads to `to` if they are above: L1 blocks that were final are gone.
    fn lower_finalized(&self, to: u64) -> Result<(), BuilderError> {
        let heads = self.chain.heads();
        if to < heads.finalized.number
            && let Some(block) = self.chain.block(to)?
        {
            warn!(
                to,
                finalized = heads.finalized.number,
                "the L1 reorganized finalized blocks away"
            );
            let head = BlockNumHash {
                number: to,
                hash: block.hash,
            };
            self.chain.set_heads(head, head)?;
        }
        Ok(())
    }

    /// Puts transactions that were in a block back into the pool, in front and in order.
    pub(super) fn requeue(
        &mut self,
        transactions: Vec<RecoveredTransaction>,
    ) -> Result<(), BuilderError> {
        self.record_reinjected(&transactions)?;
        for error in self
            .reinject(transactions)
            .into_iter()
            .filter_map(Result::err)
        {
            warn!(%error, "unwound transaction was not queued again");
        }
        self.more = true;
        Ok(())
    }

    /// Stores transactions that were in a block as pooled ones.
    fn record_reinjected(
        &mut self,
        transactions: &[RecoveredTransaction],
    ) -> Result<(), BuilderError> {
        let encoded = transactions.iter().map(|tx| (tx.hash, tx.encoded.clone()));
        self.records.put(Arrival::Reinjected, encoded)
    }

    /// Reinjects transactions into the pool.
    pub(super) fn reinject(
        &self,
        transactions: Vec<RecoveredTransaction>,
    ) -> Vec<Result<Inserted, InsertError>> {
        let (state, base_fee) = self.preconfirmed();
        self.with_fees(base_fee, |fees| {
            self.mempool.reinject(transactions, &state, fees)
        })
    }
}
