//! Where reviews are, and what they came to.

use anyhow::bail;
use serde::Serialize;

/// Where a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReviewStatus {
    /// There is none.
    None,
    /// Its panel is to be drawn.
    Waiting,
    /// Its panel votes.
    Voting,
    /// It has an outcome that can be appealed.
    Decided,
    /// Governance is to decide an appeal.
    Appealed,
    /// It is over.
    Final,
}

/// What a review came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Nothing yet.
    None,
    /// The cluster shares in dividends.
    Accepted,
    /// The cluster earns nothing.
    Rejected,
    /// No round had its quorum: the cluster earns by scores alone.
    Unreviewed,
}

impl TryFrom<u8> for Outcome {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Accepted,
            2 => Self::Rejected,
            3 => Self::Unreviewed,
            _ => bail!("the registry answers outcome {number}"),
        })
    }
}

impl TryFrom<u8> for ReviewStatus {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Waiting,
            2 => Self::Voting,
            3 => Self::Decided,
            4 => Self::Appealed,
            5 => Self::Final,
            _ => bail!("the review answers status {number}"),
        })
    }
}
