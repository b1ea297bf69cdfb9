//! A withdrawal as L2 recorded it.

use crate::bridge::{L2Node, L2Receipt};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use anyhow::{Context, bail, ensure};
use openledger_l1::contracts::{L2ToL1MessagePasser, RollupPortal};
use openledger_primitives::predeploys::L2_TO_L1_MESSAGE_PASSER;

/// A withdrawal that began in a sealed L2 block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Withdrawal {
    /// What L1 is shown, and pays.
    pub(super) fields: RollupPortal::Withdrawal,
    /// Its identity.
    pub(super) hash: B256,
    /// Number of the L2 block.
    pub(super) block: u64,
    /// Timestamp of that block, seconds.
    pub(super) timestamp: u64,
}

impl Withdrawal {
    /// The withdrawal with this index that a transaction began; waits until the transaction is in a sealed
    /// block.
    ///
    /// # Errors
    /// A transaction that the node doesn't know, that failed, or that began no such withdrawal.
    pub(super) async fn find(l2: &L2Node, tx: B256, index: usize) -> anyhow::Result<Self> {
        let receipt = match l2.receipt(tx).await? {
            Some(receipt) => receipt,
            None if l2.knows(tx).await? => l2.wait_for(tx).await?,
            None => bail!(
                "the node knows no L2 transaction {tx}: give the hash that `openledger withdraw start` printed"
            ),
        };
        Self::of(l2, tx, &receipt, index).await
    }

    /// The withdrawal with this index of a receipt.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) async fn of(
        l2: &L2Node,
        tx: B256,
        receipt: &L2Receipt,
        index: usize,
    ) -> anyhow::Result<Self> {
        ensure!(
            receipt.is_success(),
            "L2 transaction {tx} failed: nothing is withdrawn by it"
        );
        let block = receipt.block_number.to::<u64>();
        let mut passed = receipt.logs.iter().filter(|log| {
            log.address() == L2_TO_L1_MESSAGE_PASSER
                && log.topic0() == Some(&L2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH)
        });
        let count = passed.clone().count();
        let log = passed.nth(index).with_context(|| match count {
            0 => format!("L2 transaction {tx} began no withdrawal"),
            _ => format!("L2 transaction {tx} began {count} withdrawals: --index counts from 0"),
        })?;
        let event = L2ToL1MessagePasser::MessagePassed::decode_log(&log.inner)
            .context("a log of the message passer")?
            .data;
        let fields = RollupPortal::Withdrawal {
            nonce: event.nonce,
            sender: event.sender,
            target: event.target,
            value: event.value,
            gasLimit: event.gasLimit,
            data: event.data,
        };
        let hash = hash(&fields);
        ensure!(
            hash == event.withdrawalHash,
            "the node's log of the withdrawal says hash {}, and it hashes to {hash}",
            event.withdrawalHash
        );
        let header = l2
            .header(BlockNumberOrTag::Number(block))
            .await?
            .with_context(|| format!("the node has no block {block}"))?;
        Ok(Self {
            fields,
            hash,
            block,
            timestamp: header.timestamp,
        })
    }

    /// The message passer's storage slot in which it is recorded.
    pub(super) fn slot(&self) -> B256 {
        keccak256([self.hash.0, U256::ZERO.to_be_bytes::<32>()].concat())
    }
}

/// Identity of a withdrawal (`docs/spec/outputs.md`): the hash of its fields as ABI arguments.
fn hash(fields: &RollupPortal::Withdrawal) -> B256 {
    let RollupPortal::Withdrawal {
        nonce,
        sender,
        target,
        value,
        gasLimit: gas_limit,
        data,
    } = fields;
    let arguments = (*nonce, *sender, *target, *value, *gas_limit, data.clone());
    keccak256(arguments.abi_encode_params())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, address, b256};

    /// The example of docs/spec/outputs.md.
    #[test]
    fn identity_and_slot_are_the_contracts() {
        let fields = RollupPortal::Withdrawal {
            nonce: (U256::from(1) << 240) | U256::from(7),
            sender: address!("00000000000000000000000000000000000a11ce"),
            target: address!("0000000000000000000000000000000000000b0b"),
            value: U256::from(3_000_000_000_000_000_000_u64),
            gasLimit: U256::from(100_000),
            data: Bytes::new(),
        };
        let withdrawal = Withdrawal {
            hash: hash(&fields),
            fields,
            block: 0,
            timestamp: 0,
        };
        assert_eq!(
            withdrawal.hash,
            b256!("8d5fe7b41739ca6dd72df4099fe672b3d05705fc7680d38b1007d75bb9ac92b2")
        );
        assert_eq!(
            withdrawal.slot(),
            b256!("b5323183d246a9c2e9c25408ac112cd48790e4d1a524f76ae150c5f6bda8a7b3")
        );
    }
}
