//! Reopening what a crash interrupted: the journaled block, then the pool.

use super::Engine;
use crate::{
    BuilderError,
    draft::Draft,
    journal::{self, PooledRecord},
};
use alloy_primitives::B256;
use openledger_mempool::RecoveredTransaction;
use tracing::{error, info};

impl Engine {
    /// Replays the journal and restores the pool.
    pub(crate) fn recover(&mut self) -> Result<(), BuilderError> {
        self.replay_journal()?;
        self.restore_pool()
    }

    fn replay_journal(&mut self) -> Result<(), BuilderError> {
        let number = self.chain.head().number + 1;
        let Some(recorded) = journal::read(self.chain.store(), number)? else {
            return Ok(());
        };
        let count = recorded.transactions.len();
        self.clock.resume(recorded.attributes.timestamp);
        let mut draft = Draft::open(&self.chain, recorded.attributes)?;
        for transaction in &recorded.transactions {
            if let Err(error) = draft.execute(transaction) {
                error!(hash = %transaction.hash, %error, "journaled transaction failed on replay");
            }
        }
        draft.journaled = u32::try_from(count + 1).unwrap_or(u32::MAX);
        info!(block = number, transactions = count, "replayed the journal");
        self.adopt(draft);
        Ok(())
    }

    fn restore_pool(&mut self) -> Result<(), BuilderError> {
        let mut stale: Vec<B256> = Vec::new();
        // Those that were in a block once are held to fewer rules, and go first.
        let mut reinjected: Vec<RecoveredTransaction> = Vec::new();
        let mut submitted: Vec<RecoveredTransaction> = Vec::new();
        for (hash, record) in self.records.load()? {
            let PooledRecord {
                is_reinjected,
                encoded,
                ..
            } = record;
            match RecoveredTransaction::decode(&encoded) {
                Ok(transaction) if is_reinjected => reinjected.push(transaction),
                Ok(transaction) => submitted.push(transaction),
                Err(_) => stale.push(hash),
            }
        }
        let hashes: Vec<B256> = reinjected.iter().map(|tx| tx.hash).collect();
        let results = self.reinject(reinjected);
        let refused = hashes.into_iter().zip(results);
        stale.extend(
            refused
                .filter(|(_, result)| result.is_err())
                .map(|(hash, _)| hash),
        );
        for transaction in submitted {
            let hash = transaction.hash;
            if self.insert(transaction).is_err() {
                stale.push(hash);
            }
        }
        self.records.remove(stale)?;
        if self.records.len() > 0 {
            info!(transactions = self.records.len(), "restored the pool");
        }
        Ok(())
    }
}
