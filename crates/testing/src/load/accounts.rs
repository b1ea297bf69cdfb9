//! Who sends: accounts made from a seed, funded by the development accounts and set up for the workload
//! (tokens, approvals) before anything is measured.

use super::{Workload, contracts::word, *};
use crate::{http::Request, rpc::Client, wallet::Wallet};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, uint};
use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// The most that is paid for a gas, wei: far above any base fee that a run reaches, so that fees never
/// decide what is included.
pub(super) const MAX_FEE_WEI: u128 = 100_000_000_000;
/// Tip, wei a gas; the same for all, so that arrival decides the order.
pub(super) const TIP_WEI: u128 = 1_000_000_000;
/// How long nothing may move before a run is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What each sender gets, wei: enough for thousands of transactions at [`MAX_FEE_WEI`].
const FUNDS_WEI: U256 = uint!(20_000_000_000_000_000_000_U256);
/// What the deployer gets, wei.
const DEPLOYER_FUNDS_WEI: U256 = uint!(100_000_000_000_000_000_000_U256);
/// Tokens that each sender mints to itself.
const TOKENS: U256 = uint!(1_000_000_000_000_000_000_000_000_U256);
/// Tokens that the pair holds of each kind.
const LIQUIDITY: U256 = uint!(1_000_000_000_000_000_000_000_000_000_U256);
/// Gas limit of a set-up call and of a deployment.
const CALL_GAS: u64 = 150_000;
const DEPLOY_GAS: u64 = 2_000_000;

/// The accounts of a run, ready to send.
#[derive(Debug, Clone)]
pub struct Accounts {
    pub(super) chain_id: u64,
    pub(super) senders: Vec<Wallet>,
    /// The nonce of every sender's first measured transaction.
    pub(super) first_nonce: u64,
    /// The tokens and the pair, as far as the workload has them.
    pub(super) token: Option<Address>,
    pub(super) pair: Option<Address>,
}

/// A transaction of the usual fees.
pub(super) fn transaction(
    chain_id: u64,
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
    gas_limit: u64,
) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: MAX_FEE_WEI,
        max_priority_fee_per_gas: TIP_WEI,
        to,
        value,
        access_list: Default::default(),
        input,
    }
}

impl Accounts {
    /// The chain's id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Who sends.
    pub fn senders(&self) -> &[Wallet] {
        &self.senders
    }

    /// The ERC-20 that every sender has some of, if the workload has one.
    pub const fn token(&self) -> Option<Address> {
        self.token
    }

    /// Makes `count` senders from `seed`, funds them from `funders` and sets them up for `workload`.
    ///
    /// # Errors
    /// The seed was used on this chain before; the funders are too poor; anything fails.
    pub async fn prepare(
        address: SocketAddr,
        funders: &[Wallet],
        seed: u64,
        count: usize,
        workload: Workload,
    ) -> Result<Self> {
        let mut client = Client::open(address).await?;
        let chain_id = client.chain_id().await?;
        let deployer = Wallet::from_seed(seed, usize::MAX)?;
        let senders = (0..count)
            .into_par_iter()
            .map(|index| Wallet::from_seed(seed, index))
            .collect::<Result<Vec<_>>>()?;
        for wallet in [&deployer, &senders[0]] {
            ensure!(
                client.nonce(wallet.address(), "pending").await? == 0,
                "the accounts of seed {seed} were used on this chain: take another seed"
            );
        }
        let mut accounts = Self {
            chain_id,
            senders,
            first_nonce: 0,
            token: None,
            pair: None,
        };
        accounts.fund(&mut client, funders, &deployer).await?;
        accounts.set_up(&mut client, &deployer, workload).await?;
        Ok(accounts)
    }

    async fn fund(&self, client: &mut Client, funders: &[Wallet], deployer: &Wallet) -> Result<()> {
        ensure!(!funders.is_empty(), "no account to fund the senders from");
        let mut receivers = vec![(deployer.address(), DEPLOYER_FUNDS_WEI)];
        receivers.extend(
            self.senders
                .iter()
                .map(|sender| (sender.address(), FUNDS_WEI)),
        );
        let share = receivers.len().div_ceil(funders.len());
        let mut expected = Vec::new();
        for (funder, receivers) in funders.iter().zip(receivers.chunks(share)) {
            let first = client.nonce(funder.address(), "pending").await?;
            let transfers: Vec<_> = (first..)
                .zip(receivers)
                .map(|(nonce, (to, value))| {
                    let to = TxKind::Call(*to);
                    transaction(self.chain_id, nonce, to, *value, Bytes::new(), 21_000)
                })
                .collect();
            expected.push((funder.address(), first + transfers.len() as u64));
            send_all(client, &[(funder, transfers)])
                .await
                .context("funding the senders")?;
        }
        client
            .wait_for_nonces(expected, PATIENCE)
            .await
            .context("funding the senders")
    }

    /// Deploys what the workload needs and has every sender mint and approve.
    async fn set_up(
        &mut self,
        client: &mut Client,
        deployer: &Wallet,
        workload: Workload,
    ) -> Result<()> {
        if workload == Workload::Transfers {
            return Ok(());
        }
        let chain_id = self.chain_id;
        let call = |nonce: u64, to: Address, input: Bytes| {
            transaction(
                chain_id,
                nonce,
                TxKind::Call(to),
                U256::ZERO,
                input,
                CALL_GAS,
            )
        };
        let deploy = |nonce: u64, code: Bytes| {
            transaction(
                chain_id,
                nonce,
                TxKind::Create,
                U256::ZERO,
                code,
                DEPLOY_GAS,
            )
        };
        let mint =
            |to: Address, amount: U256| call_data("mint(address,uint256)", &[word(to), amount]);
        let token0 = deployer.address().create(0);
        self.token = Some(token0);
        let mut deployments = vec![deploy(0, token_creation()?)];
        let mut tokens = vec![token0];
        if workload == Workload::Swap {
            let token1 = deployer.address().create(1);
            let pair = deployer.address().create(2);
            self.pair = Some(pair);
            tokens.push(token1);
            deployments.push(deploy(1, token_creation()?));
            deployments.push(deploy(2, pair_creation(token0, token1)?));
            deployments.push(call(3, token0, mint(pair, LIQUIDITY)));
            deployments.push(call(4, token1, mint(pair, LIQUIDITY)));
            deployments.push(call(5, pair, call_data("sync()", &[])));
        }
        let deployed = deployments.len() as u64;
        send_all(client, &[(deployer, deployments)])
            .await
            .context("deploying contracts")?;
        client
            .wait_for_nonces(vec![(deployer.address(), deployed)], PATIENCE)
            .await?;
        for contract in tokens.iter().chain(&self.pair) {
            let code = client
                .call("eth_getCode", json!([contract, "latest"]))
                .await?;
            ensure!(
                code.as_str().is_some_and(|code| code.len() > 2),
                "{contract} was not deployed"
            );
        }
        let mut inputs: Vec<(Address, Bytes)> = Vec::new();
        if let Some(pair) = self.pair {
            let approve = call_data("approve(address,uint256)", &[word(pair), U256::MAX]);
            inputs.extend(tokens.iter().map(|token| (*token, approve.clone())));
        }
        self.first_nonce = (inputs.len() + tokens.len()) as u64;
        let batches: Vec<_> = self
            .senders
            .iter()
            .map(|sender| {
                let mints = tokens
                    .iter()
                    .map(|token| (*token, mint(sender.address(), TOKENS)));
                let calls = (0..)
                    .zip(mints.chain(inputs.iter().cloned()))
                    .map(|(nonce, (to, input))| call(nonce, to, input))
                    .collect();
                (sender, calls)
            })
            .collect();
        send_all(client, &batches)
            .await
            .context("setting up the senders")?;
        let expected = self
            .senders
            .iter()
            .map(|sender| (sender.address(), self.first_nonce))
            .collect();
        client
            .wait_for_nonces(expected, PATIENCE)
            .await
            .context("setting up the senders")
    }
}

/// Signs and sends transactions in batches, in order.
async fn send_all(client: &mut Client, batches: &[(&Wallet, Vec<TxEip1559>)]) -> Result<()> {
    let signed: Vec<Vec<u8>> = batches
        .par_iter()
        .flat_map_iter(|(wallet, transactions)| {
            transactions
                .iter()
                .map(|transaction| wallet.sign(transaction).encoded)
        })
        .collect();
    for chunk in signed.chunks(crate::rpc::BATCH_MAX) {
        let request = Request::json(&send_body(chunk));
        crate::rpc::check(client.post(&request).await?)?;
    }
    Ok(())
}

/// The body of a batch of `eth_sendRawTransaction`, or of a single call if it is one.
pub(super) fn send_body(transactions: &[Vec<u8>]) -> Vec<u8> {
    let size: usize = transactions
        .iter()
        .map(|transaction| 2 * transaction.len() + 100)
        .sum();
    let mut body = Vec::with_capacity(size + 2);
    let single = transactions.len() == 1;
    if !single {
        body.push(b'[');
    }
    for (id, transaction) in transactions.iter().enumerate() {
        if id > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        body.extend_from_slice(id.to_string().as_bytes());
        body.extend_from_slice(b",\"method\":\"eth_sendRawTransaction\",\"params\":[\"0x");
        body.extend_from_slice(hex::encode(transaction).as_bytes());
        body.extend_from_slice(b"\"]}");
    }
    if !single {
        body.push(b']');
    }
    body
}

/// The parameter of a raw transaction.
pub(super) fn raw(transaction: &[u8]) -> Value {
    json!([hex::encode_prefixed(transaction)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json() {
        let single: Value = serde_json::from_slice(&send_body(&[vec![2, 0xab]])).unwrap();
        assert_eq!(single["params"], json!(["0x02ab"]));
        let batch: Value = serde_json::from_slice(&send_body(&[vec![1], vec![2]])).unwrap();
        assert_eq!(batch[1]["id"], 1);
        assert_eq!(batch[1]["params"], json!(["0x02"]));
    }
}
