//! The load that the node is killed under, and the record of what it answers.

use crate::record::{Position, Record};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use anyhow::{Context as _, Result, bail, ensure};
use openledger_testing::{
    load::{Accounts, Random, call_data},
    process::NodeProcess,
    rpc::{Client, quantity},
    wallet::{SignedTransaction, Wallet},
};
use serde_json::json;
use std::{cell::Cell, net::SocketAddr, time::Duration};

/// Accounts that send: the last one leaves gaps, the others wait for each preconfirmation.
pub(crate) const COUNT: usize = 9;
/// Of three transactions, how many wait for the preconfirmation; the others are only accepted.
const SYNC_OF_THREE: u64 = 2;
/// How often the head is looked at.
const HEAD_TICK: Duration = Duration::from_millis(20);
/// Time between two transactions behind the gap.
const GAP_TICK: Duration = Duration::from_millis(400);
/// Transactions behind the gap, in all: below what the pool keeps for one account.
const GAPPED_MAX: u64 = 40;

/// The accounts, and what they call.
pub(crate) struct Senders {
    chain_id: u64,
    wallets: Vec<Wallet>,
    token: Address,
    /// Time that each account lets pass between two transactions.
    pause: Duration,
}

/// What one task was answered.
#[derive(Default)]
struct Answers {
    preconfirmed: Vec<(B256, Position)>,
    accepted: Vec<B256>,
    nonce: Option<(Address, u64)>,
    gapped: Option<(Address, u64)>,
    blocks: Vec<(u64, B256)>,
}

impl Senders {
    pub(crate) fn new(accounts: &Accounts, pause: Duration) -> Result<Self> {
        Ok(Self {
            chain_id: accounts.chain_id(),
            wallets: accounts.senders().to_vec(),
            token: accounts.token().context("no token")?,
            pause,
        })
    }

    /// Sends from all accounts at once, kills the node after `work` and records what was answered until
    /// then.
    pub(crate) async fn work_until_killed(
        &self,
        node: NodeProcess,
        work: Duration,
        seed: u64,
        record: &mut Record,
    ) -> Result<()> {
        let address = node.address();
        let killed = &Cell::new(false);
        let (gapper, senders) = self.wallets.split_last().context("no senders")?;
        let gap_from = record.gapped.get(&gapper.address()).copied();
        let sends = senders.iter().zip(0..).map(|(wallet, index)| async move {
            let mut answers = Answers::default();
            let result = self
                .send(address, wallet, Random::new(seed ^ index), &mut answers)
                .await;
            ended(killed, result)?;
            anyhow::Ok(answers)
        });
        let gaps = async {
            let mut answers = Answers::default();
            let result = self
                .leave_gaps(address, gapper, gap_from, killed, &mut answers)
                .await;
            ended(killed, result)?;
            anyhow::Ok(answers)
        };
        let heads = async {
            let mut answers = Answers::default();
            ended(killed, watch_heads(address, &mut answers).await)?;
            anyhow::Ok(answers)
        };
        let kill = async {
            tokio::time::sleep(work).await;
            killed.set(true);
            node.kill()
        };
        let (sent, gaps, heads, ()) =
            futures::try_join!(futures::future::try_join_all(sends), gaps, heads, kill)?;
        for answers in sent.into_iter().chain([gaps, heads]) {
            answers
                .preconfirmed
                .into_iter()
                .for_each(|(hash, at)| record.preconfirmed(hash, at));
            answers
                .accepted
                .into_iter()
                .for_each(|hash| record.accepted(hash));
            if let Some((sender, next)) = answers.nonce {
                record.nonce(sender, next);
            }
            record.gapped.extend(answers.gapped);
            for (number, hash) in answers.blocks {
                record.block(number, hash)?;
            }
        }
        Ok(())
    }

    /// A transfer of the native token or of the ERC-20.
    fn transaction(&self, wallet: &Wallet, nonce: u64, random: &mut Random) -> SignedTransaction {
        let to = random.address();
        let native = random.below(2) == 0;
        let amount = U256::from(1 + random.below(1_000));
        let (to, value, input) = if native {
            (to, amount, Bytes::new())
        } else {
            let input = call_data(
                "transfer(address,uint256)",
                &[to.into_word().into(), amount],
            );
            (self.token, U256::ZERO, input)
        };
        wallet.sign(&TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: 100_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        })
    }

    async fn send(
        &self,
        address: SocketAddr,
        wallet: &Wallet,
        mut random: Random,
        answers: &mut Answers,
    ) -> Result<()> {
        let mut client = Client::open(address).await?;
        let mut nonce = client.nonce(wallet.address(), "pending").await?;
        loop {
            let signed = self.transaction(wallet, nonce, &mut random);
            let raw = json!([hex::encode_prefixed(&signed.encoded)]);
            if random.below(3) < SYNC_OF_THREE {
                let receipt = client.call("eth_sendRawTransactionSync", raw).await?;
                ensure!(
                    receipt["status"] == "0x1",
                    "a transfer's receipt is {receipt}"
                );
                ensure!(
                    receipt["transactionHash"] == json!(signed.hash),
                    "{receipt}"
                );
                let position = Position {
                    block: quantity(&receipt["blockNumber"])?,
                    index: quantity(&receipt["transactionIndex"])?,
                };
                answers.preconfirmed.push((signed.hash, position));
            } else {
                client.call("eth_sendRawTransaction", raw).await?;
                answers.accepted.push(signed.hash);
            }
            nonce += 1;
            answers.nonce = Some((wallet.address(), nonce));
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    /// Sends transactions that no block can take yet: the account's next nonce stays unused.
    async fn leave_gaps(
        &self,
        address: SocketAddr,
        wallet: &Wallet,
        last: Option<u64>,
        killed: &Cell<bool>,
        answers: &mut Answers,
    ) -> Result<()> {
        let mut client = Client::open(address).await?;
        let next = client.nonce(wallet.address(), "latest").await?;
        let first = last.map_or(next + 1, |last| last + 1);
        for nonce in first..=next + GAPPED_MAX {
            // The nonce alone decides, so that a repetition is the same transaction.
            let signed = self.transaction(wallet, nonce, &mut Random::new(nonce));
            let raw = json!([hex::encode_prefixed(&signed.encoded)]);
            match client.try_call("eth_sendRawTransaction", raw).await? {
                Ok(_) => {}
                // Accepted before the kill, with the answer lost.
                Err(refusal) if refusal.message.contains("already known") => {}
                Err(refusal) => return Err(refusal.into()),
            }
            answers.accepted.push(signed.hash);
            answers.gapped = Some((wallet.address(), nonce));
            tokio::time::sleep(GAP_TICK).await;
            if killed.get() {
                break;
            }
        }
        Ok(())
    }

    /// Sends what is missing in front of the pooled transactions and waits until all are sealed.
    pub(crate) async fn fill_gaps(&self, client: &mut Client, record: &mut Record) -> Result<()> {
        for wallet in &self.wallets {
            let Some(last) = record.gapped.get(&wallet.address()).copied() else {
                continue;
            };
            let nonce = client.nonce(wallet.address(), "latest").await?;
            let signed = self.transaction(wallet, nonce, &mut Random::new(0));
            let raw = json!([hex::encode_prefixed(&signed.encoded)]);
            client.call("eth_sendRawTransaction", raw).await?;
            record.accepted(signed.hash);
            client
                .wait_for_nonces(vec![(wallet.address(), last + 1)], Duration::from_secs(5))
                .await
                .context("pooled transactions whose gap was filled")?;
        }
        Ok(())
    }
}

/// Records every sealed block as soon as it is there.
async fn watch_heads(address: SocketAddr, answers: &mut Answers) -> Result<()> {
    let mut client = Client::open(address).await?;
    let mut next = client.block_number().await?;
    loop {
        let head = client.block_number().await?;
        ensure!(
            head + 1 >= next,
            "the head went from {} back to {head}",
            next - 1
        );
        while next <= head {
            let Some(hash) = client.block_hash(next).await? else {
                bail!("block {next} is missing, the head is {head}");
            };
            answers.blocks.push((next, hash));
            next += 1;
        }
        tokio::time::sleep(HEAD_TICK).await;
    }
}

/// A task ends by the kill and by nothing else.
fn ended(killed: &Cell<bool>, result: Result<()>) -> Result<()> {
    match result {
        Err(error) if killed.get() && error.chain().any(|cause| cause.is::<std::io::Error>()) => {
            Ok(())
        }
        other => other,
    }
}
