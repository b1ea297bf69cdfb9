//! Where a model is.

use anyhow::bail;
use serde::Serialize;
use std::fmt;

/// Where a model is. The last four are ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// There is no such model.
    None,
    /// To be approved or denied.
    Proposed,
    /// Its Datanets gather data.
    Gathering,
    /// It is trained.
    Tuning,
    /// People score it.
    Feedback,
    /// It earns.
    Live,
    /// It was live.
    Retired,
    /// It was not approved.
    Denied,
    /// A deadline was missed.
    Expired,
    /// People scored it too low.
    Refused,
}

impl Stage {
    /// Whether it ends by itself.
    pub const fn has_deadline(self) -> bool {
        matches!(
            self,
            Self::Proposed | Self::Gathering | Self::Tuning | Self::Feedback
        )
    }
}

impl TryFrom<u8> for Stage {
    type Error = anyhow::Error;

    fn try_from(number: u8) -> anyhow::Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Proposed,
            2 => Self::Gathering,
            3 => Self::Tuning,
            4 => Self::Feedback,
            5 => Self::Live,
            6 => Self::Retired,
            7 => Self::Denied,
            8 => Self::Expired,
            9 => Self::Refused,
            _ => bail!("the registry answers stage {number}"),
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "unknown",
            Self::Proposed => "proposed",
            Self::Gathering => "gathering",
            Self::Tuning => "tuning",
            Self::Feedback => "in feedback",
            Self::Live => "live",
            Self::Retired => "retired",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Refused => "refused",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_numbered_as_in_the_contract() {
        for number in 0..=9u8 {
            assert_eq!(Stage::try_from(number).unwrap() as u8, number);
        }
        assert!(Stage::try_from(10).is_err());
    }
}
