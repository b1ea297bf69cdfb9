//! What an operator stakes for.

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;

/// What an operator stakes for. An address may be both, with separate stakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reviews clusters and sits on juries.
    Validator,
    /// Serves inference.
    Worker,
}

impl Role {
    /// As the contract numbers it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Role {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::Validator,
            1 => Self::Worker,
            _ => bail!("the contract answers role {number}"),
        })
    }
}
