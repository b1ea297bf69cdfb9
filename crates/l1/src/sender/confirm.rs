//! What the L1 made of the transactions: in a block, deep enough, dropped, or taken by another.

use super::{
    Confirmed, SendError,
    in_flight::{InFlight, Retained, deliver},
    task::Task,
};
use crate::L1Error;
use alloy_eips::{BlockId, BlockNumHash};
use alloy_rpc_types_eth::TransactionReceipt;
use openledger_primitives::SealedHeader;
use tokio::time::Instant;

/// Confirmed transactions that are kept, whatever their age in blocks.
const RETAINED_MAX: usize = 128;
/// Blocks for which a used nonce without a receipt is put down to an endpoint that lags.
const TAKEN_BLOCKS_MIN: u64 = 3;

impl Task {
    /// Nonces below the oldest in flight must be in a block or in the L1's pool. If not, a reorg
    /// dropped them and nothing later can be included: sends them again, if they are ours.
    pub(super) async fn restore_dropped(&mut self, mined: u64) -> Result<(), L1Error> {
        let Some(floor) = self
            .in_flight
            .front()
            .map(|tx| tx.nonce)
            .or(self.next_nonce)
        else {
            return Ok(());
        };
        let pending = if mined < floor {
            self.client
                .nonce(self.account(), BlockId::pending())
                .await?
        } else {
            mined
        };
        if pending >= floor {
            self.gap_since = None;
            return Ok(());
        }
        let kept = self.retained.iter().position(|kept| kept.nonce == pending);
        // Nonces of confirmed transactions are consecutive, up to the oldest in flight.
        if let Some(first) = kept
            && self
                .retained
                .back()
                .is_some_and(|last| last.nonce.saturating_add(1) == floor)
        {
            let dropped = self.retained.split_off(first);
            tracing::warn!(
                transactions = dropped.len(),
                nonce_from = pending,
                "l1 reorg dropped confirmed transactions: sending them again"
            );
            let brought_back = dropped
                .into_iter()
                .rev()
                .filter_map(|kept| InFlight::restore(kept.record));
            for tx in brought_back {
                self.in_flight.push_front(tx);
            }
            self.gap_since = None;
            return Ok(());
        }
        if self.in_flight.is_empty() {
            self.next_nonce = None;
            self.forget_retained(|_| false).await;
            return Ok(());
        }
        // The endpoint may only lag: give it time.
        let since = *self.gap_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.config.resubmit_after {
            let account = self.account();
            tracing::error!(%account, missing = pending, "l1 nonce vanished: dropping what waits behind it");
            for tx in std::mem::take(&mut self.in_flight) {
                self.forget(tx.nonce).await;
                let error = SendError::NonceGap {
                    account,
                    missing: pending,
                    nonce: tx.nonce,
                };
                deliver(tx.result, Err(error));
            }
            self.next_nonce = None;
            self.gap_since = None;
            self.forget_retained(|_| false).await;
        }
        Ok(())
    }

    /// Looks for the transactions in blocks and delivers those that are deep enough, in order.
    pub(super) async fn confirm(&mut self, head: &SealedHeader, mined: u64) -> Result<(), L1Error> {
        let mut confirmed = Vec::new();
        let mut taken = Vec::new();
        for index in 0..self.in_flight.len() {
            let tx = &self.in_flight[index];
            let receipt = if tx.nonce < mined {
                self.find_receipt(tx).await?
            } else {
                None
            };
            let Some((receipt, block)) = receipt else {
                let nonce_used = self.in_flight[index].nonce < mined;
                let tx = &mut self.in_flight[index];
                if let Some(block) = tx.seen_in.take() {
                    tracing::warn!(
                        nonce = tx.nonce,
                        l1_block = block.number,
                        "l1 reorg dropped a transaction"
                    );
                    tx.due = Instant::now();
                    tx.accepted = false;
                } else if nonce_used {
                    let since = *tx.taken_since.get_or_insert(head.number);
                    let patience = if tx.frees_nonce_of_others() {
                        // Its purpose is fulfilled, and who lags learns of it later.
                        0
                    } else {
                        self.config.confirmations.max(TAKEN_BLOCKS_MIN)
                    };
                    if head.number >= since.saturating_add(patience) {
                        taken.push(index);
                    }
                } else {
                    tx.taken_since = None;
                }
                continue;
            };
            let tx = &mut self.in_flight[index];
            tx.seen_in = Some(block);
            tx.taken_since = None;
            let depth = head.number.saturating_add(1).saturating_sub(block.number);
            let deep_enough = depth >= self.config.confirmations.max(1);
            if index == confirmed.len() && deep_enough && self.is_canonical(block, head).await? {
                confirmed.push(confirmation(self.in_flight[index].nonce, &receipt, block));
            }
        }
        for confirmation in confirmed.iter().copied() {
            let Some(tx) = self.in_flight.pop_front() else {
                break;
            };
            self.retained.push_back(Retained {
                nonce: tx.nonce,
                record: tx.record(),
                block_number: confirmation.block.number,
            });
            if tx.is_cancellation(confirmation.tx_hash) {
                self.give_back(tx, confirmation);
            } else {
                deliver(tx.result, Ok(confirmation));
            }
            if self.retained.len() > RETAINED_MAX
                && let Some(oldest) = self.retained.pop_front()
            {
                self.forget(oldest.nonce).await;
            }
        }
        let mut forgotten = 0_usize;
        // From the newest, so that the others keep their places.
        for index in taken.into_iter().rev() {
            let place = index.checked_sub(confirmed.len());
            let Some(tx) = place.and_then(|place| self.in_flight.remove(place)) else {
                continue;
            };
            let error = SendError::NonceTaken {
                account: self.account(),
                nonce: tx.nonce,
            };
            if tx.frees_nonce_of_others() {
                tracing::info!(nonce = tx.nonce, "l1 transaction of another is in a block");
            } else if tx.is_resumed {
                forgotten = forgotten.saturating_add(1);
            } else {
                tracing::error!(%error, "l1 transaction lost its nonce");
            }
            self.forget(tx.nonce).await;
            deliver(tx.result, Err(error));
        }
        if forgotten > 0 {
            // L1 nodes don't keep receipts for ever.
            tracing::warn!(
                transactions = forgotten,
                "l1 has no receipts of what an earlier run sent, though its nonces are used"
            );
        }
        Ok(())
    }

    async fn find_receipt(
        &self,
        tx: &InFlight,
    ) -> Result<Option<(TransactionReceipt, BlockNumHash)>, L1Error> {
        for hash in tx.hashes.iter().rev() {
            if let Some(receipt) = self.client.receipt(*hash).await?
                && let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash)
            {
                return Ok(Some((receipt, BlockNumHash { number, hash })));
            }
        }
        Ok(None)
    }

    async fn is_canonical(
        &self,
        block: BlockNumHash,
        head: &SealedHeader,
    ) -> Result<bool, L1Error> {
        if block.number == head.number {
            return Ok(block.hash == head.hash());
        }
        let at_height = self.client.header_by_number(block.number).await?;
        Ok(at_height.is_some_and(|header| header.hash() == block.hash))
    }
}

fn confirmation(nonce: u64, receipt: &TransactionReceipt, block: BlockNumHash) -> Confirmed {
    let contract = receipt.contract_address.filter(|_| receipt.to.is_none());
    Confirmed {
        tx_hash: receipt.transaction_hash,
        block,
        gas_used: receipt.gas_used,
        fee_wei: u128::from(receipt.gas_used)
            .saturating_mul(receipt.effective_gas_price)
            .saturating_add(blob_fee_wei(receipt)),
        success: receipt.inner.is_success(),
        nonce,
        contract,
    }
}

fn blob_fee_wei(receipt: &TransactionReceipt) -> u128 {
    let (Some(gas), Some(price)) = (receipt.blob_gas_used, receipt.blob_gas_price) else {
        return 0;
    };
    u128::from(gas).saturating_mul(price)
}
