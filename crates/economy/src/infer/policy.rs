//! What an agent promises to keep to, and whether a voucher does (`AgentRegistry.breachOf`).

use super::Voucher;
use alloy_primitives::{Address, U256};
use serde::Serialize;
use std::fmt;

/// Days are UTC days.
const DAY_SECONDS: u64 = 86_400;

/// An agent's spending policy, sums in wei, platform fees included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Most for a call, as the mean of a channel's calls.
    pub call_max: u128,
    /// Most for a channel.
    pub channel_max: u128,
    /// Most for a day and a channel.
    pub day_max: u128,
    /// Whose signature counts as the agent's; zero: nobody else's.
    pub signer: Address,
    /// The adapters that it pays for; none listed: any.
    pub adapters: Vec<u64>,
    /// Whom it pays; none listed: anybody.
    pub payees: Vec<Address>,
}

/// What of its policy a voucher breaks, the first of them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Breach {
    /// Another adapter than it lists.
    Adapter,
    /// Another payee than it lists.
    Payee,
    /// More a call than it allows.
    Call,
    /// More for the channel.
    Channel,
    /// More for the days since the channel was opened.
    Day,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adapter => "an adapter that the policy doesn't list",
            Self::Payee => "a payee whom the policy doesn't list",
            Self::Call => "more than callMax a call",
            Self::Channel => "more than channelMax for the channel",
            Self::Day => "more than dayMax for each day since the channel was opened",
        })
    }
}

impl Policy {
    /// What a voucher of a channel for `adapter`, opened at `opened_at`, breaks at the time `now`; `None` if nothing. Seconds.
    ///
    /// A channel's days are counted up to now: what breaks `day_max` today may not break it tomorrow.
    pub fn breach(
        &self,
        adapter: u64,
        opened_at: u64,
        voucher: &Voucher,
        now: u64,
    ) -> Option<Breach> {
        let lists = |empty: bool, contains: bool| empty || contains;
        if !lists(self.adapters.is_empty(), self.adapters.contains(&adapter)) {
            return Some(Breach::Adapter);
        }
        if !lists(self.payees.is_empty(), self.payees.contains(&voucher.payee)) {
            return Some(Breach::Payee);
        }
        let spent = voucher.cumulative;
        // Products of 128 and 64 bits.
        if spent > U256::from(self.call_max) * U256::from(voucher.count) {
            return Some(Breach::Call);
        }
        if spent > U256::from(self.channel_max) {
            return Some(Breach::Channel);
        }
        let days = (now / DAY_SECONDS).saturating_sub(opened_at / DAY_SECONDS) + 1;
        if spent > U256::from(self.day_max) * U256::from(days) {
            return Some(Breach::Day);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    const OPENED_AT: u64 = 10 * DAY_SECONDS + 5;

    fn policy() -> Policy {
        Policy {
            call_max: 10,
            channel_max: 100,
            day_max: 40,
            signer: Address::ZERO,
            adapters: vec![7, 8],
            payees: vec![Address::repeat_byte(1)],
        }
    }

    fn breach(policy: &Policy, cumulative: u64, count: u64, days: u64) -> Option<Breach> {
        let voucher = Voucher {
            channel: B256::ZERO,
            payer: Address::ZERO,
            payee: Address::repeat_byte(1),
            cumulative: U256::from(cumulative),
            count,
            leaves_root: B256::ZERO,
            expiry: 0,
        };
        // In the last second of a day.
        policy.breach(8, OPENED_AT, &voucher, (11 + days) * DAY_SECONDS - 1)
    }

    #[test]
    fn each_bound_holds_to_the_wei() {
        let policy = policy();
        assert_eq!(breach(&policy, 0, 1, 0), None);
        assert_eq!(breach(&policy, 30, 3, 0), None);
        assert_eq!(breach(&policy, 31, 3, 0), Some(Breach::Call));
        assert_eq!(breach(&policy, 40, 9, 0), None);
        assert_eq!(breach(&policy, 41, 9, 0), Some(Breach::Day));
        assert_eq!(breach(&policy, 41, 9, 1), None);
        assert_eq!(breach(&policy, 81, 9, 1), Some(Breach::Day));
        assert_eq!(breach(&policy, 100, 11, 2), None);
        assert_eq!(breach(&policy, 101, 11, 2), Some(Breach::Channel));
    }

    #[test]
    fn lists_bind_unless_they_are_empty() {
        let mut policy = policy();
        policy.adapters = vec![7];
        assert_eq!(breach(&policy, 1, 1, 0), Some(Breach::Adapter));
        policy.adapters.clear();
        assert_eq!(breach(&policy, 1, 1, 0), None);
        policy.payees = vec![Address::repeat_byte(2)];
        assert_eq!(breach(&policy, 1, 1, 0), Some(Breach::Payee));
        policy.payees.clear();
        assert_eq!(breach(&policy, 1, 1, 0), None);
    }
}
