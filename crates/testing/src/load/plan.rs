//! What is sent: a workload's transactions, signed and rendered as requests before the clock starts.

use super::{
    Accounts,
    accounts::{send_body, transaction},
    contracts::{call_data, word},
    random::Random,
};
use crate::http::Request;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::Serialize;

/// Gas limits of the three workloads' transactions: above what each uses.
const TRANSFER_GAS: u64 = 21_000;
const ERC20_GAS: u64 = 65_000;
const SWAP_GAS: u64 = 180_000;

/// What the transactions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Transfers of the native token.
    Transfers,
    /// Transfers of an ERC-20.
    Erc20,
    /// Swaps on a constant-product pair of two ERC-20s.
    Swap,
}

/// A run's requests, by connection. A sender's transactions all go over one connection, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each connection's requests with the number of transactions in each.
    pub(super) requests: Vec<Vec<(Request, usize)>>,
    /// The nonce that each sender has when all is included.
    pub(super) expected: Vec<(Address, u64)>,
    /// Transactions in all.
    pub(super) transactions: usize,
    /// Transactions in a request.
    pub(super) batch: usize,
}

impl Plan {
    /// Signs `transactions` transactions, spread evenly over the accounts, each to one of `recipients`
    /// addresses, and renders them in requests of `batch`, in turns over `connections` connections.
    ///
    /// # Errors
    /// The accounts were prepared for another workload; more connections than senders.
    pub fn sign(
        accounts: &Accounts,
        workload: Workload,
        transactions: usize,
        recipients: usize,
        batch: usize,
        connections: usize,
        seed: u64,
    ) -> Result<Self> {
        let senders = accounts.senders.len();
        ensure!(
            connections > 0 && connections <= senders,
            "there must be 1 to {senders} connections"
        );
        ensure!(
            batch > 0 && recipients > 0,
            "neither batch nor recipients may be 0"
        );
        let mut random = Random::new(seed);
        let recipients: Vec<Address> = (0..recipients).map(|_| random.address()).collect();
        let make = maker(accounts, workload, recipients)?;
        let count_of =
            |sender: usize| transactions / senders + usize::from(sender < transactions % senders);
        let signed: Vec<Vec<Vec<u8>>> = accounts
            .senders
            .par_iter()
            .enumerate()
            .map(|(index, sender)| {
                let mut random = Random::new(seed ^ (index as u64 + 1).rotate_left(32));
                (0..count_of(index) as u64)
                    .map(|offset| {
                        let nonce = accounts.first_nonce + offset;
                        let (to, value, input, gas_limit) = make(&mut random);
                        let to = TxKind::Call(to);
                        sender
                            .sign(&transaction(
                                accounts.chain_id,
                                nonce,
                                to,
                                value,
                                input,
                                gas_limit,
                            ))
                            .encoded
                    })
                    .collect()
            })
            .collect();
        let expected = accounts
            .senders
            .iter()
            .zip(&signed)
            .map(|(sender, signed)| (sender.address(), accounts.first_nonce + signed.len() as u64))
            .collect();
        let requests = (0..connections)
            .into_par_iter()
            .map(|connection| {
                let senders: Vec<_> = signed
                    .iter()
                    .skip(connection)
                    .step_by(connections)
                    .collect();
                render(&senders, batch)
            })
            .collect();
        Ok(Self {
            requests,
            expected,
            transactions,
            batch,
        })
    }

    /// Transactions in all.
    pub const fn transactions(&self) -> usize {
        self.transactions
    }
}

type Call = (Address, U256, Bytes, u64);

/// Makes one transaction of a workload.
fn maker(
    accounts: &Accounts,
    workload: Workload,
    recipients: Vec<Address>,
) -> Result<Box<dyn Fn(&mut Random) -> Call + Send + Sync>> {
    let recipient = move |random: &mut Random| {
        // A number below a length is an index.
        recipients[random.below(recipients.len() as u64) as usize]
    };
    const OTHER: &str = "the accounts were prepared for another workload";
    Ok(match workload {
        Workload::Transfers => Box::new(move |random| {
            let to = recipient(random);
            (
                to,
                U256::from(1 + random.below(1_000_000)),
                Bytes::new(),
                TRANSFER_GAS,
            )
        }),
        Workload::Erc20 => {
            let token = accounts.token.context(OTHER)?;
            Box::new(move |random| {
                let to = word(recipient(random));
                let amount = U256::from(1 + random.below(1_000_000));
                let input = call_data("transfer(address,uint256)", &[to, amount]);
                (token, U256::ZERO, input, ERC20_GAS)
            })
        }
        Workload::Swap => {
            let pair = accounts.pair.context(OTHER)?;
            Box::new(move |random| {
                let direction = U256::from(random.below(2));
                let amount = U256::from(1_000_000 + random.below(1_000_000_000));
                let input = call_data(
                    "swap(bool,uint256,uint256)",
                    &[direction, amount, U256::ONE],
                );
                (pair, U256::ZERO, input, SWAP_GAS)
            })
        }
    })
}

/// Requests of `batch` transactions that take the senders in turns.
fn render(senders: &[&Vec<Vec<u8>>], batch: usize) -> Vec<(Request, usize)> {
    let longest = senders.iter().map(|signed| signed.len()).max().unwrap_or(0);
    let turns: Vec<Vec<u8>> = (0..longest)
        .flat_map(|nonce| {
            senders
                .iter()
                .filter_map(move |signed| signed.get(nonce).cloned())
        })
        .collect();
    turns
        .chunks(batch)
        .map(|chunk| (Request::json(&send_body(chunk)), chunk.len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::Wallet;

    fn accounts(count: usize) -> Accounts {
        Accounts {
            chain_id: 1,
            senders: (0..count)
                .map(|index| Wallet::from_seed(1, index).unwrap())
                .collect(),
            first_nonce: 4,
            token: None,
            pair: Some(Address::repeat_byte(1)),
        }
    }

    #[test]
    fn every_transaction_is_in_one_request() {
        let plan = Plan::sign(&accounts(7), Workload::Swap, 100, 3, 9, 2, 5).unwrap();
        let counts: usize = plan.requests.iter().flatten().map(|(_, count)| count).sum();
        assert_eq!((counts, plan.requests.len()), (100, 2));
        let nonces: u64 = plan.expected.iter().map(|(_, nonce)| nonce - 4).sum();
        assert_eq!(nonces, 100);
        assert_eq!(plan.expected[1].1, 4 + 15);
        assert_eq!(plan.expected[2].1, 4 + 14);
    }

    #[test]
    fn accounts_of_another_workload_are_refused() {
        assert!(Plan::sign(&accounts(2), Workload::Erc20, 1, 1, 1, 1, 5).is_err());
        assert!(Plan::sign(&accounts(2), Workload::Transfers, 1, 1, 1, 3, 5).is_err());
    }
}
