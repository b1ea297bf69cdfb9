use alloy_primitives::U256;
use op_revm::{L1BlockInfo, OpSpecId};
use openledger_primitives::StateReader;

use crate::{StateDatabase, database::DatabaseError};

/// What L1 charges in a block: the values that the L1 attributes deposit wrote.
///
/// Source: OP specification, "Fjord L1-cost fees", "Isthmus operator fee". All fees are in wei of OPEN.
#[derive(Debug, Clone)]
pub struct L1Fees {
    info: L1BlockInfo,
    spec: OpSpecId,
}

impl L1Fees {
    /// Reads the L1 block contract in `state`, as of block `number`.
    ///
    /// # Errors
    /// A failed state read.
    pub fn read<R: StateReader>(
        state: R,
        number: u64,
        spec: OpSpecId,
    ) -> Result<Self, DatabaseError<R::Error>> {
        let info = L1BlockInfo::try_fetch(&mut StateDatabase(state), U256::from(number), spec)?;
        Ok(Self { info, spec })
    }

    /// The L1 data fee of a transaction with these EIP-2718 bytes.
    pub fn data_fee(&self, encoded: &[u8]) -> U256 {
        // The fee of the last transaction is cached inside: a fresh copy has none.
        let mut info = self.info.clone();
        info.tx_l1_cost = None;
        info.calculate_tx_l1_cost(encoded, self.spec)
    }

    /// The operator fee charged for `gas` gas: before execution the limit, after it what was used.
    pub fn operator_fee(&self, encoded: &[u8], gas: u64) -> U256 {
        self.info
            .operator_fee_charge(encoded, U256::from(gas), self.spec)
    }

    /// L1 data gas of a transaction (`l1GasUsed`).
    pub fn data_gas(&self, encoded: &[u8]) -> U256 {
        self.info.data_gas(encoded, self.spec)
    }

    /// The values themselves.
    pub const fn info(&self) -> &L1BlockInfo {
        &self.info
    }
}
