//! OPEN that went into the portal and out of it, by the events of L1 and L2.

use crate::genesis::genesis_supply;
use alloy_eips::BlockId;
use alloy_primitives::{B256, U256};
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, ensure};
use openledger_chain::ChainFiles;
use openledger_l1::{
    L1Client,
    contracts::{L2ToL1MessagePasser, OPEN, RollupPortal},
};
use openledger_primitives::predeploys;

/// Blocks of one log query: what public endpoints allow on L1, and our own node on L2.
const LOG_QUERY_BLOCKS: u64 = 1_000;
/// Most blocks that are looked through on a layer.
const RANGE_MAX: u64 = 50_000_000;

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
pub(super) async fn l1_flows(client: &L1Client, files: &ChainFiles) -> anyhow::Result<Flows> {
    let contracts = &files.l1.contracts;
    let latest = client.latest().await?.number;
    let balance = OPEN::balanceOfCall {
        account: contracts.portal,
    };
    let locked = client
        .call(
            contracts.open,
            balance.abi_encode().into(),
            BlockId::number(latest),
        )
        .await?;
    let mut flows = Flows {
        genesis: genesis_supply(
            &files
                .genesis
                .alloc
                .iter()
                .map(|(address, account)| (*address, account.balance))
                .collect(),
        ),
        locked: OPEN::balanceOfCall::abi_decode_returns(&locked).context("OPEN.balanceOf")?,
        ..Flows::default()
    };
    // The portal opened after the block that the chain begins after.
    for (from, to) in ranges(files.rollup.genesis.l1.number, latest)? {
        let deposits = Filter::new()
            .address(contracts.portal)
            .event_signature(RollupPortal::TransactionDeposited::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        for log in client.logs(&deposits).await? {
            let event = RollupPortal::TransactionDeposited::decode_log(&log.inner)
                .context("a log of the portal")?;
            flows.deposited = flows.deposited.saturating_add(mint_of(&event.opaqueData)?);
        }
        let payments = Filter::new()
            .address(contracts.open)
            .event_signature(OPEN::Transfer::SIGNATURE_HASH)
            .topic1(contracts.portal.into_word())
            .from_block(from)
            .to_block(to);
        for log in client.logs(&payments).await? {
            let event = OPEN::Transfer::decode_log(&log.inner).context("a log of OPEN")?;
            flows.paid = flows.paid.saturating_add(event.value);
        }
    }
    Ok(flows)
}

/// OPEN with which withdrawals began on L2, wei.
///
/// # Errors
/// A node that doesn't answer, or answers what is no such event.
pub(super) async fn l2_withdrawn(provider: &RootProvider) -> anyhow::Result<U256> {
    const UNREACHABLE: &str = "the node at the URL of l2.rpc-url";
    let latest = provider.get_block_number().await.context(UNREACHABLE)?;
    let mut withdrawn = U256::ZERO;
    for (from, to) in ranges(0, latest)? {
        let filter = Filter::new()
            .address(predeploys::L2_TO_L1_MESSAGE_PASSER)
            .event_signature(L2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        for log in provider.get_logs(&filter).await.context(UNREACHABLE)? {
            let event = L2ToL1MessagePasser::MessagePassed::decode_log(&log.inner)
                .context("a log of the message passer")?;
            withdrawn = withdrawn.saturating_add(event.value);
        }
    }
    Ok(withdrawn)
}

/// The first word of a deposit's data: what it mints (docs/spec/deposits.md).
fn mint_of(opaque: &[u8]) -> anyhow::Result<U256> {
    let word = opaque.get(..32).context("a deposit without a mint")?;
    Ok(B256::from_slice(word).into())
}

/// Ranges that queries may have, both ends included.
fn ranges(first: u64, last: u64) -> anyhow::Result<impl Iterator<Item = (u64, u64)>> {
    ensure!(
        last.saturating_sub(first) <= RANGE_MAX,
        "{} blocks are more than can be looked through",
        last.saturating_sub(first)
    );
    // No more numbers than the line above allows.
    let starts = (first..=last).step_by(LOG_QUERY_BLOCKS as usize);
    Ok(starts.map(move |start| (start, last.min(start + LOG_QUERY_BLOCKS - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_block_once() {
        let all = |first, last| ranges(first, last).unwrap().collect::<Vec<_>>();
        assert_eq!(all(5, 5), [(5, 5)]);
        assert_eq!(all(0, 999), [(0, 999)]);
        assert_eq!(all(0, 2_000), [(0, 999), (1_000, 1_999), (2_000, 2_000)]);
        assert!(all(6, 5).is_empty());
        assert!(ranges(0, u64::MAX).is_err());
    }

    #[test]
    fn the_mint_is_the_first_word() {
        let mut opaque = [0; 73];
        opaque[31] = 7;
        opaque[63] = 9;
        assert_eq!(mint_of(&opaque).unwrap(), U256::from(7));
        assert!(mint_of(&opaque[..31]).is_err());
    }
}
