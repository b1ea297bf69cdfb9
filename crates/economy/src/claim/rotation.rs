//! Rotation: an address gives its place at the vault to another one.

use crate::contracts::ClaimVault;
use alloy_primitives::Bytes;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use openledger_client::{Sender, Step};
use openledger_primitives::predeploys::CLAIM_VAULT;

/// For how long the signatures can be used, seconds. They are used in the transaction that holds them.
const SIGNATURE_SECONDS: u64 = 3_600;

sol! {
    /// What both sign.
    struct Rotate {
        address from;
        address to;
        uint256 nonce;
        uint256 deadline;
    }
}

/// Gives the sender's place, with its claims, clusters and the places that it was given, to `to`, for good.
///
/// # Errors
/// An address that has given or taken a place before; what the vault refuses.
pub async fn rotate(sender: &mut Sender, to: &PrivateKeySigner) -> anyhow::Result<()> {
    let account = sender.account();
    let nonce = sender
        .node()
        .ask(CLAIM_VAULT, ClaimVault::noncesCall { account })
        .await?;
    let deadline = sender.node().pending_time().await? + SIGNATURE_SECONDS;
    let rotation = Rotate {
        from: account,
        to: to.address(),
        nonce,
        deadline: alloy_primitives::U256::from(deadline),
    };
    let hash = rotation.eip712_signing_hash(&domain(sender.node().chain_id()));
    let sign = |key: &PrivateKeySigner| -> anyhow::Result<Bytes> {
        Ok(key.sign_hash_sync(&hash)?.as_bytes().to_vec().into())
    };
    let call = ClaimVault::rotateCall {
        from: rotation.from,
        to: rotation.to,
        deadline: rotation.deadline,
        fromSignature: sign(sender.signer())?,
        toSignature: sign(to)?,
    };
    let step = Step::call("rotate", CLAIM_VAULT, &call);
    sender.send(step).await.map(drop)
}

fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "ClaimVault",
        version: "1",
        chain_id: chain_id,
        verifying_contract: CLAIM_VAULT,
    }
}
