//! An L1 whose rules change while the sender is at work.

use crate::sending::{INBOX, Sending, confirmed};
use anyhow::Result;
use openledger_l1::{BlobSidecar, TxCandidate};
use openledger_testing::simulated_l1::SidecarRule;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_that_wait_are_proved_anew() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let mut results = Vec::new();
    for tag in [1_u8, 2] {
        let blobs = BlobSidecar::build(&[[tag]])?;
        let candidate = TxCandidate::blobs(INBOX, blobs).with_gas_limit(100_000);
        results.push(sending.send(candidate).await?);
    }
    sending.until_waiting(2).await?;
    // Since Osaka nodes take proofs of cells only, and forget what has none.
    {
        let mut l1 = sending.l1.state();
        l1.sidecars = SidecarRule::CellProofs;
        l1.pool.forget(None);
    }
    sending.mine(2).await?;
    for receiver in results {
        confirmed(receiver).await?;
    }
    sending.stop().await
}
