//! Answers to submissions, after storing what stays in the pool.

use super::{Engine, group::Outcome, pool_records::Arrival};
use crate::BuilderError;
use alloy_primitives::B256;
use openledger_chain::{PreconfirmedTransaction, Submission, SubmitError};
use std::{collections::HashMap, sync::Arc};

impl Engine {
    /// Answers everyone who waits, after storing what stays in the pool.
    pub(super) fn answer(&mut self, outcome: &Outcome) -> Result<(), BuilderError> {
        let Outcome { included, rejected } = outcome;
        let included_hashes = included.iter().map(|transaction| transaction.hash);
        self.records
            .remove(included_hashes.chain(rejected.keys().copied()))?;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let included: HashMap<B256, &Arc<PreconfirmedTransaction>> = included
            .iter()
            .map(|transaction| (transaction.hash, transaction))
            .collect();
        let mut pooled = Vec::new();
        let mut replies = Vec::with_capacity(self.waiting.len());
        for (results, reply) in std::mem::take(&mut self.waiting) {
            let results: Vec<_> = results
                .into_iter()
                .map(|result| {
                    let hash = result?;
                    if let Some(preconfirmed) = included.get(&hash) {
                        return Ok(Submission::Preconfirmed((*preconfirmed).clone()));
                    }
                    if let Some(reason) = rejected.get(&hash) {
                        return Err(SubmitError::Execution {
                            reason: reason.clone(),
                        });
                    }
                    if let Some(transaction) = self.mempool.get(&hash) {
                        pooled.push((hash, transaction.encoded.clone()));
                    }
                    Ok(Submission::Pooled)
                })
                .collect();
            replies.push((results, reply));
        }
        self.records.put(Arrival::Submitted, pooled)?;
        for (results, reply) in replies {
            // A client that went away needs no answer.
            let _ = reply.send(results);
        }
        Ok(())
    }
}
