//! What an earlier run left on its way to L1.

use openledger_l1::{ResumedTx, SendError};
use tracing::{info, warn};

/// Waits until all of it is in blocks, or can't get there any more. Nobody knows before what it did.
pub(crate) async fn await_resumed(role: &'static str, resumed: Vec<ResumedTx>) {
    if resumed.is_empty() {
        return;
    }
    info!(
        role,
        transactions = resumed.len(),
        "waiting for l1 transactions of an earlier run"
    );
    for ResumedTx { nonce, result, .. } in resumed {
        match result.await {
            Ok(Ok(confirmed)) => info!(
                role,
                nonce,
                tx = %confirmed.tx_hash,
                success = confirmed.success,
                "an l1 transaction of an earlier run is confirmed"
            ),
            // The sender has stopped, and so will the role.
            Err(_) | Ok(Err(SendError::Stopped)) => return,
            Ok(Err(problem)) => {
                warn!(role, nonce, %problem, "an l1 transaction of an earlier run was not confirmed");
            }
        }
    }
}
