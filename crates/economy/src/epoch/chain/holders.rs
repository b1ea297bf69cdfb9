//! Who held an address's place at the vault, and so was credited what it was paid.

use super::{Found, Place, ask, events};
use alloy_primitives::Address;
use anyhow::ensure;
use openledger_client::View;
use openledger_contracts::ClaimVault;
use openledger_primitives::predeploys::CLAIM_VAULT;
use std::collections::BTreeMap;

/// Most addresses of a place that are looked at.
const PLACES_MAX: usize = 1_024;

/// Holders of the places of some addresses, with when they changed.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// Of addresses that were looked up: to whom each gave its place, if it did.
    given: BTreeMap<Address, Option<(Place, Address)>>,
}

impl Holders {
    /// Looks an address up, with all that its place went to.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs aren't what was asked for.
    pub async fn read(&mut self, view: &View, account: Address) -> anyhow::Result<()> {
        if self.given.contains_key(&account) {
            return Ok(());
        }
        let call = ClaimVault::holderOfCall { account };
        if ask(view, CLAIM_VAULT, call).await? == account {
            self.given.insert(account, None);
            return Ok(());
        }
        let mut giver = account;
        for _ in 0..PLACES_MAX {
            if self.given.contains_key(&giver) {
                return Ok(());
            }
            let rotated: Vec<Found<ClaimVault::Rotated>> =
                events(view, CLAIM_VAULT, &[Some(giver.into_word())]).await?;
            // An address gives its place once.
            let Some(found) = rotated.into_iter().next() else {
                self.given.insert(giver, None);
                return Ok(());
            };
            self.given
                .insert(giver, Some((found.place, found.event.to)));
            giver = found.event.to;
        }
        ensure!(
            self.given.contains_key(&giver),
            "the place of {account} went to more than {PLACES_MAX} addresses"
        );
        Ok(())
    }

    /// Who held an address's place before something happened; the address itself if it wasn't looked up.
    pub fn at(&self, account: Address, at: Place) -> Address {
        let mut holder = account;
        // No longer than the line of those that were looked up.
        for _ in 0..=self.given.len() {
            match self.given.get(&holder) {
                Some(Some((place, to))) if *place < at => holder = *to,
                _ => break,
            }
        }
        holder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_whose_it_was_at_the_time() {
        let [first, second, third] = [1, 2, 3].map(Address::repeat_byte);
        let at = |block| Place { block, index: 0 };
        let holders = Holders {
            given: BTreeMap::from([
                (first, Some((at(5), second))),
                (second, Some((at(9), third))),
                (third, None),
            ]),
        };
        let whose = |block| holders.at(first, at(block));
        assert_eq!(
            [whose(5), whose(6), whose(9), whose(10)],
            [first, second, second, third]
        );
        assert_eq!(holders.at(Address::ZERO, at(99)), Address::ZERO);
        // A node that makes up a ring is no reason to go round for ever.
        let ring = Holders {
            given: BTreeMap::from([
                (first, Some((at(1), second))),
                (second, Some((at(1), first))),
            ]),
        };
        ring.at(first, at(9));
    }
}
