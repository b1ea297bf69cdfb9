//! OPEN that went into the portal and out of it, by the events of L1 and L2.

use crate::{
    bridge::{Connection, L2Node, visit_logs},
    genesis::genesis_supply,
};
use alloy_eips::BlockId;
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::Context;
use openledger_l1::contracts::{L2ToL1MessagePasser, OPEN, RollupPortal};
use openledger_primitives::predeploys;

/// OPEN on L1, wei.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flows {
    /// What genesis gave out.
    pub(super) genesis: U256,
    /// What the portal holds.
    pub(super) locked: U256,
    /// What deposits brought.
    pub(super) deposited: U256,
    /// What the portal paid.
    pub(super) paid: U256,
}

/// Adds up what went into the portal and out of it, as of one L1 block.
///
/// # Errors
/// An L1 that doesn't answer, or answers what is no such event.
pub(super) async fn l1_flows(connection: &Connection) -> anyhow::Result<Flows> {
    let (l1, files, contracts) = (&connection.l1, &connection.files, connection.contracts());
    let latest = l1.latest().await?.number;
    let balance = OPEN::balanceOfCall {
        account: contracts.portal,
    };
    let balance = balance.abi_encode().into();
    let locked = l1.call(contracts.open, balance, BlockId::number(latest));
    let mut flows = Flows {
        genesis: genesis_supply(&files.genesis),
        locked: OPEN::balanceOfCall::abi_decode_returns(&locked.await?)
            .context("OPEN.balanceOf")?,
        ..Flows::default()
    };
    // The portal opened after the block that the chain begins after.
    let blocks = files.rollup.genesis.l1.number..=latest;
    let query = async |filter: &Filter| Ok(l1.logs(filter).await?);
    let deposits = Filter::new()
        .address(contracts.portal)
        .event_signature(RollupPortal::TransactionDeposited::SIGNATURE_HASH);
    visit_logs("L1 deposits", &deposits, blocks.clone(), query, |log| {
        let event = RollupPortal::TransactionDeposited::decode_log(&log.inner)
            .context("a log of the portal")?;
        flows.deposited = flows.deposited.saturating_add(mint_of(&event.opaqueData)?);
        Ok(())
    })
    .await?;
    let payments = Filter::new()
        .address(contracts.open)
        .event_signature(OPEN::Transfer::SIGNATURE_HASH)
        .topic1(contracts.portal.into_word());
    visit_logs("L1 payments", &payments, blocks, query, |log| {
        let event = OPEN::Transfer::decode_log(&log.inner).context("a log of OPEN")?;
        flows.paid = flows.paid.saturating_add(event.value);
        Ok(())
    })
    .await?;
    Ok(flows)
}

/// OPEN with which withdrawals began on L2, wei.
///
/// # Errors
/// A node that doesn't answer, or answers what is no such event.
pub(super) async fn l2_withdrawn(l2: &L2Node) -> anyhow::Result<U256> {
    let latest = l2.head().await?;
    let withdrawals = Filter::new()
        .address(predeploys::L2_TO_L1_MESSAGE_PASSER)
        .event_signature(L2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH);
    let query = async |filter: &Filter| l2.logs(filter).await;
    let mut withdrawn = U256::ZERO;
    visit_logs("L2 withdrawals", &withdrawals, 0..=latest, query, |log| {
        let event = L2ToL1MessagePasser::MessagePassed::decode_log(&log.inner)
            .context("a log of the message passer")?;
        withdrawn = withdrawn.saturating_add(event.value);
        Ok(())
    })
    .await?;
    Ok(withdrawn)
}

/// The first word of a deposit's data: what it mints (docs/spec/deposits.md).
fn mint_of(opaque: &[u8]) -> anyhow::Result<U256> {
    let word = opaque.get(..32).context("a deposit without a mint")?;
    Ok(B256::from_slice(word).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mint_is_the_first_word() {
        let mut opaque = [0; 73];
        opaque[31] = 7;
        opaque[63] = 9;
        assert_eq!(mint_of(&opaque).unwrap(), U256::from(7));
        assert!(mint_of(&opaque[..31]).is_err());
    }
}
