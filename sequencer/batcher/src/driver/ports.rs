//! What the driver needs of the L1, and how it ends.

use crate::L1Point;
use openledger_l1::{L1Client, L1Error, Pressure, SendError, SendResult, TxCandidate, TxSender};
use std::future::Future;
use tokio::sync::oneshot;

/// Tells the L1's head.
pub trait L1Head: Send + Sync + 'static {
    /// The newest L1 block.
    ///
    /// # Errors
    /// If the L1 can't be reached: the batcher goes on with the head it knows.
    fn head(&self) -> impl Future<Output = Result<L1Point, L1Error>> + Send;
}

impl L1Head for L1Client {
    async fn head(&self) -> Result<L1Point, L1Error> {
        let header = self.latest().await?;
        Ok(L1Point {
            number: header.number,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap_or_default().into(),
            excess_blob_gas: header.excess_blob_gas,
        })
    }
}

/// Sends transactions to the L1, in the order given.
pub trait TxSubmit: Send + Sync + 'static {
    /// Takes a transaction; its result comes when it is confirmed.
    ///
    /// # Errors
    /// If it can't be taken now, or never again.
    fn submit(&self, candidate: TxCandidate) -> Result<oneshot::Receiver<SendResult>, SendError>;

    /// Says how urgent the transactions are.
    fn set_pressure(&self, pressure: Pressure);
}

impl TxSubmit for TxSender {
    fn submit(&self, candidate: TxCandidate) -> Result<oneshot::Receiver<SendResult>, SendError> {
        self.try_send(candidate)
    }

    fn set_pressure(&self, pressure: Pressure) {
        Self::set_pressure(self, pressure);
    }
}

/// Why the batcher stopped by itself: an operator must act.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// The L1 sender has stopped.
    #[error("the L1 sender has stopped")]
    SenderStopped,
    /// A block can't be posted.
    #[error("blocks can't be posted: {source}")]
    Block {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The step that reads blocks panicked.
    #[error("the batcher's worker was interrupted")]
    Interrupted,
}
