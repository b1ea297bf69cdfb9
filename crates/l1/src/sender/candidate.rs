//! What is to be sent.

use super::{SendError, TAG_BYTES_MAX};
use crate::BlobSidecar;
use alloy_primitives::{Address, Bytes, TxKind, U256};

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxCandidate {
    /// Whom it calls, or that it creates a contract.
    pub to: TxKind,
    /// Calldata or init code.
    pub data: Bytes,
    /// ETH that it carries, wei.
    pub value: U256,
    /// Its gas limit; estimated where it is `None`.
    pub gas_limit: Option<u64>,
    /// Its blobs, if it has any.
    pub blobs: Option<BlobSidecar>,
    /// What its giver wants to know of it after a restart, at most [`TAG_BYTES_MAX`] bytes: kept with
    /// it in the journal, not sent.
    pub tag: Bytes,
    /// Gas that its data takes. A sender that knows it cancels the transaction where it is stuck and the
    /// other [`Carrier`] is cheaper ([`SendError::Cancelled`]); `None`: never.
    pub data_gas: Option<CarrierGas>,
    /// It does not rely on candidates before it: it is sent though one of them was cancelled.
    pub begins: bool,
}

/// Gas that it takes to bring data to L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataGas {
    /// Gas of the transactions; above 0.
    pub gas: u64,
    /// Blob gas of their blobs.
    pub blob_gas: u64,
}

/// Gas that the same data takes in either carrier, both reckoned in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierGas {
    /// In the one that it is in.
    pub present: DataGas,
    /// In the other.
    pub other: DataGas,
}

impl DataGas {
    /// What it costs at these fees, wei a gas and a blob gas.
    pub(super) fn cost(self, fee: u128, blob_fee: u128) -> u128 {
        let gas = u128::from(self.gas).saturating_mul(fee);
        gas.saturating_add(u128::from(self.blob_gas).saturating_mul(blob_fee))
    }
}

/// What a transaction carries data in. The pools of L1 nodes keep the kinds apart and refuse one of an
/// account that has the other waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// Calldata (EIP-1559 transactions).
    #[default]
    Calldata,
    /// Blobs (EIP-4844 transactions).
    Blobs,
}

impl Carrier {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Calldata => Self::Blobs,
            Self::Blobs => Self::Calldata,
        }
    }
}

impl TxCandidate {
    /// A call.
    pub fn call(to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            to: TxKind::Call(to),
            data: data.into(),
            value: U256::ZERO,
            gas_limit: None,
            blobs: None,
            tag: Bytes::new(),
            data_gas: None,
            begins: false,
        }
    }

    /// A call without calldata that carries blobs.
    pub fn blobs(to: Address, blobs: BlobSidecar) -> Self {
        Self {
            blobs: Some(blobs),
            ..Self::call(to, Bytes::new())
        }
    }

    /// The same with ETH, wei.
    pub const fn with_value(mut self, value: U256) -> Self {
        self.value = value;
        self
    }

    /// The same with a tag.
    pub fn with_tag(mut self, tag: impl Into<Bytes>) -> Self {
        self.tag = tag.into();
        self
    }

    /// The same with what its data takes.
    pub const fn with_data_gas(mut self, data_gas: CarrierGas) -> Self {
        self.data_gas = Some(data_gas);
        self
    }

    /// The same, relying on candidates before it or not.
    pub const fn with_begins(mut self, begins: bool) -> Self {
        self.begins = begins;
        self
    }

    /// What it carries data in.
    pub const fn carrier(&self) -> Carrier {
        match self.blobs {
            Some(_) => Carrier::Blobs,
            None => Carrier::Calldata,
        }
    }

    /// A contract creation.
    pub fn create(init_code: impl Into<Bytes>) -> Self {
        Self {
            to: TxKind::Create,
            ..Self::call(Address::ZERO, init_code)
        }
    }

    /// The same with a gas limit.
    pub const fn with_gas_limit(mut self, gas_limit: u64) -> Self {
        self.gas_limit = Some(gas_limit);
        self
    }
}

/// # Errors
/// [`SendError::TagTooLong`].
pub(super) fn check(candidate: &TxCandidate) -> Result<(), SendError> {
    let bytes = candidate.tag.len();
    if bytes > TAG_BYTES_MAX {
        return Err(SendError::TagTooLong { bytes });
    }
    Ok(())
}
