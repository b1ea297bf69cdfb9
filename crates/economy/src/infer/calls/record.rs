//! The lines of a channel's file.

use super::{Call, Fault, LINE_BYTES_MAX};
use crate::infer::{SignedVoucher, Voucher};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// The first line: what never changes of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// Version of the form, 1.
    pub version: u32,
    /// The chain's id.
    pub chain_id: u64,
    /// What names the channel.
    pub channel: B256,
    /// Who opened it.
    pub payer: Address,
    /// The worker.
    pub payee: Address,
    /// Which adapter serves.
    pub adapter: u64,
    /// Sum a call for the worker, wei.
    #[serde(with = "alloy_serde::quantity")]
    pub platform_fee: u128,
}

/// A voucher, without what the header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Paid {
    /// Prices and platform fees of all calls, wei.
    pub cumulative: U256,
    /// Number of all calls.
    pub count: u64,
    /// Root of the tree over all calls.
    pub leaves_root: B256,
    /// Last second in which it can be settled.
    pub expiry: u64,
    /// r ‖ s ‖ v.
    pub signature: Bytes,
}

impl Paid {
    /// The voucher whose line this is.
    pub fn of(signed: &SignedVoucher) -> Self {
        Self {
            cumulative: signed.voucher.cumulative,
            count: signed.voucher.count,
            leaves_root: signed.voucher.leaves_root,
            expiry: signed.voucher.expiry,
            signature: signed.signature.clone(),
        }
    }

    /// The voucher whole.
    pub fn voucher(&self, header: &Header) -> SignedVoucher {
        SignedVoucher {
            voucher: Voucher {
                channel: header.channel,
                payer: header.payer,
                payee: header.payee,
                cumulative: self.cumulative,
                count: self.count,
                leaves_root: self.leaves_root,
                expiry: self.expiry,
            },
            signature: self.signature.clone(),
        }
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Record {
    /// The first one.
    Begin(Header),
    /// A call that the worker would do for its price.
    Offered(Call),
    /// The voucher for all calls and that one.
    Paid(Paid),
}

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    /// If it is too long or isn't a record.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Fault::TooLong {
                max: LINE_BYTES_MAX as u64,
            });
        }
        serde_json::from_slice(line).map_err(Fault::Json)
    }

    /// Writes it as a line, with its break.
    ///
    /// # Errors
    /// If it would be too long to be read.
    pub fn line(&self) -> Result<Vec<u8>, Fault> {
        let mut line = serde_json::to_vec(self).map_err(Fault::Json)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(Fault::TooLong {
                max: LINE_BYTES_MAX as u64,
            });
        }
        line.push(b'\n');
        Ok(line)
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Begin(_) => "begin",
            Self::Offered(_) => "offered",
            Self::Paid(_) => "paid",
        }
    }
}
