//! An account's transactions on L1, one after another.

use super::{Connection, eth, explain};
use alloy_eips::BlockId;
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::{Context, anyhow, ensure};
use clap::Args;
use openledger_l1::{
    Confirmed, L1Client, Obstacle, SendError, TxCandidate, TxSender, TxSenderConfig,
};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

const WEI_PER_GWEI: u128 = 1_000_000_000;
/// Highest fee that is offered unless said otherwise, gwei a gas.
const FEE_MAX_GWEI: u64 = 300;
/// Gas above the estimate, percent. The price of L2 gas that deposits burn L1 gas for may rise by an
/// eighth a block; gas that isn't used isn't paid.
const GAS_MARGIN_PERCENT: u32 = 50;

/// How transactions on L1 are sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    /// Highest fee per gas, gwei, that is offered on L1; above it is waited
    #[arg(long, value_name = "GWEI", default_value_t = FEE_MAX_GWEI)]
    fee_max_gwei: u64,
}

/// What a contract on L1 answers now.
///
/// # Errors
/// An L1 that doesn't answer, or a contract that answers in another form.
pub(crate) async fn ask<C: SolCall>(
    client: &L1Client,
    to: Address,
    call: C,
) -> anyhow::Result<C::Return> {
    let answer = client
        .call(to, call.abi_encode().into(), BlockId::latest())
        .await
        .map_err(|error| anyhow!("{} of {to}: {}", C::SIGNATURE, explain(&error)))?;
    C::abi_decode_returns(&answer)
        .with_context(|| format!("{to} doesn't answer {} as it should", C::SIGNATURE))
}

/// An account that sends to L1. It stops sending when this is dropped.
#[derive(Debug)]
pub(crate) struct L1Account {
    client: L1Client,
    sender: TxSender,
    fee_max_wei: u128,
    _stop: DropGuard,
}

impl L1Account {
    /// The account of `key` on the chain's L1.
    pub(crate) fn new(connection: &Connection, key: PrivateKeySigner, args: &SendArgs) -> Self {
        let fee_max_wei = u128::from(args.fee_max_gwei).saturating_mul(WEI_PER_GWEI);
        let config = TxSenderConfig {
            chain_id: Some(connection.files.rollup.l1_chain_id),
            // There is somebody who waits: no reason to hesitate below the maximum.
            fee_target_wei: fee_max_wei,
            fee_max_wei,
            gas_margin_percent: GAS_MARGIN_PERCENT,
            // A person's account has what it has.
            balance_min_wei: U256::ZERO,
            ..TxSenderConfig::default()
        };
        let stop = CancellationToken::new();
        let (sender, _task) = TxSender::spawn(connection.l1.clone(), key, config, stop.clone());
        Self {
            client: connection.l1.clone(),
            sender,
            fee_max_wei,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) const fn address(&self) -> Address {
        self.sender.account()
    }

    /// Checks that there is something to pay gas with.
    ///
    /// # Errors
    /// If there isn't.
    pub(crate) async fn require_eth(&self) -> anyhow::Result<()> {
        let balance = self
            .client
            .balance(self.address(), BlockId::latest())
            .await?;
        ensure!(
            !balance.is_zero(),
            "{} has no ETH on the L1, which gas there is paid with",
            self.address()
        );
        Ok(())
    }

    /// Sends a transaction and waits until a block includes it. `what` is what it does, as in "deposit".
    ///
    /// # Errors
    /// If it would fail or fails, in words; if the account can't pay for it.
    pub(crate) async fn send(
        &self,
        what: &'static str,
        candidate: TxCandidate,
    ) -> anyhow::Result<Confirmed> {
        let confirmed = tokio::select! {
            sent = self.sender.send_and_confirm(candidate) => sent,
            error = self.obstructed(what) => return Err(error),
        };
        let confirmed = confirmed.map_err(|error| match error {
            SendError::WouldFail(error) | SendError::Refused(error) => {
                anyhow!("the {what} is refused: {}", explain(&error))
            }
            error => anyhow::Error::from(error).context(format!("the {what} was not sent")),
        })?;
        ensure!(
            confirmed.success,
            "the {what} failed: L1 transaction {} in block {}",
            confirmed.tx_hash,
            confirmed.block.number
        );
        Ok(confirmed)
    }

    /// Completes when the account can't pay; of anything else that has to be waited for it tells once.
    async fn obstructed(&self, what: &'static str) -> anyhow::Error {
        let mut status = self.sender.status();
        let mut told = None;
        loop {
            let seen = *status.borrow_and_update();
            match seen.obstacle {
                Some(Obstacle::InsufficientFunds) => {
                    let balance = self
                        .client
                        .balance(self.address(), BlockId::latest())
                        .await
                        .unwrap_or_default();
                    return anyhow!(
                        "{} has {} on the L1, which doesn't pay for the gas of the {what}",
                        self.address(),
                        eth(balance)
                    );
                }
                obstacle if obstacle != told => {
                    told = obstacle;
                    if let Some(reason) = obstacle.and_then(|obstacle| self.reason(obstacle)) {
                        eprintln!("waiting: {reason}");
                    }
                }
                _ => {}
            }
            if status.changed().await.is_err() {
                // The sender has ended, and says so itself.
                std::future::pending::<()>().await;
            }
        }
    }

    fn reason(&self, obstacle: Obstacle) -> Option<String> {
        match obstacle {
            Obstacle::Unreachable => Some("the L1 can't be reached".to_owned()),
            Obstacle::FeesTooHigh { needed_wei } => Some(format!(
                "the L1 asks for {} gwei a gas, and --fee-max-gwei is {}",
                needed_wei / WEI_PER_GWEI,
                self.fee_max_wei / WEI_PER_GWEI
            )),
            _ => None,
        }
    }
}

/// How long to wait between looks at what may take seconds.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(500);
