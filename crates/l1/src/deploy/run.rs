use super::{
    DeployConfig, DeployError, Expectations, Standing,
    inspect::inspect,
    plan::{Plan, Step},
};
use crate::{L1Client, SendError, SendResult, SenderJournal, TxSender, TxSenderConfig, TxSigner};
use alloy_eips::BlockId;
use alloy_primitives::{B256, U256};
use openledger_primitives::L1Contracts;
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Transactions of a deployment that wait for a block at the same time.
const IN_FLIGHT_MAX: usize = 64;

/// How a deployment sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployOptions {
    /// L1 blocks, its own included, after which a step is done.
    pub confirmations: u64,
    /// Time between looks at the L1.
    pub poll_interval: Duration,
    /// Time after which a transaction that is in no block is sent again with higher fees.
    pub resubmit_after: Duration,
    /// Highest fee per gas that is ever offered, wei.
    pub fee_max_wei: u128,
}

impl Default for DeployOptions {
    fn default() -> Self {
        let sender = TxSenderConfig::default();
        Self {
            confirmations: 1,
            poll_interval: Duration::from_millis(100),
            resubmit_after: sender.resubmit_after,
            fee_max_wei: sender.fee_max_wei,
        }
    }
}

/// A deployment under way. Dropping it stops what it sends; what was sent stays with the L1.
#[derive(Debug)]
pub struct Deployment {
    client: L1Client,
    config: DeployConfig,
    plan: Plan,
    sender: TxSender,
    /// What an earlier run sent and did not see confirmed, by nonce.
    resumed: BTreeMap<u64, oneshot::Receiver<SendResult>>,
    poll_interval: Duration,
    _stop: DropGuard,
}

impl Deployment {
    /// The nonce from which a new deployment by `signer`'s account begins.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn first_nonce(client: &L1Client, signer: &TxSigner) -> Result<u64, DeployError> {
        let pending = client.nonce(signer.address(), BlockId::pending()).await?;
        Ok(pending)
    }

    /// Begins a deployment from `first_nonce` on, or takes up the one that began there with the same
    /// configuration. Nothing is sent yet.
    ///
    /// `journal` is the directory that keeps what was sent until it is confirmed; without one a
    /// deployment that is interrupted can be taken up once the L1 has included or forgotten what was
    /// sent.
    ///
    /// # Errors
    /// A configuration that can't be; a journal that can't be read.
    pub fn begin(
        client: L1Client,
        signer: TxSigner,
        first_nonce: u64,
        config: DeployConfig,
        options: DeployOptions,
        journal: Option<&Path>,
    ) -> Result<Self, DeployError> {
        let plan = Plan::new(signer.address(), first_nonce, &config)?;
        let stop = CancellationToken::new();
        let defaults = TxSenderConfig::default();
        let sender_config = TxSenderConfig {
            poll_interval: options.poll_interval,
            confirmations: options.confirmations,
            resubmit_after: options.resubmit_after,
            fee_max_wei: options.fee_max_wei,
            fee_target_wei: defaults.fee_target_wei.min(options.fee_max_wei),
            in_flight_max: IN_FLIGHT_MAX,
            queue_max: IN_FLIGHT_MAX,
            ..defaults
        };
        let mut resumed = BTreeMap::new();
        let sender = match journal {
            Some(directory) => {
                let (sender, unconfirmed, _task) = TxSender::spawn_with_journal(
                    client.clone(),
                    signer,
                    sender_config,
                    SenderJournal::open(directory)?,
                    stop.clone(),
                )?;
                resumed.extend(unconfirmed.into_iter().map(|tx| (tx.nonce, tx.result)));
                sender
            }
            None => TxSender::spawn(client.clone(), signer, sender_config, stop.clone()).0,
        };
        Ok(Self {
            client,
            config,
            plan,
            sender,
            resumed,
            poll_interval: options.poll_interval,
            _stop: stop.drop_guard(),
        })
    }

    /// Where the contracts are or will be.
    pub const fn contracts(&self) -> &L1Contracts {
        &self.plan.contracts
    }

    /// How many transactions the first part has.
    pub const fn set_up_steps(&self) -> usize {
        self.plan.set_up.len()
    }

    /// How many transactions the second part has.
    pub fn opening_steps(&self) -> usize {
        self.plan.opening(&self.config, B256::ZERO).len()
    }

    /// Carries out the first part, as far as that was not done before. The chain may begin at any L1
    /// block from then on.
    ///
    /// # Errors
    /// A step that fails; an account that is used elsewhere.
    pub async fn set_up(&mut self) -> Result<(), DeployError> {
        let first = self
            .plan
            .opening_nonce()
            .saturating_sub(self.plan.set_up.len() as u64);
        let steps = self.plan.set_up.clone();
        self.carry_out(first, steps).await
    }

    /// Carries out the second part, as far as that was not done before, and reads everything back.
    /// `anchor_root` is the output root of the genesis block.
    ///
    /// # Errors
    /// As [`Self::set_up`]; contracts that don't answer what was set.
    pub async fn open(&mut self, anchor_root: B256) -> Result<(), DeployError> {
        let steps = self.plan.opening(&self.config, anchor_root);
        self.carry_out(self.plan.opening_nonce(), steps).await?;
        let expectations = Expectations::of(&self.config);
        let readings = inspect(&self.client, &self.plan.contracts, &expectations).await?;
        let wrong = readings
            .into_iter()
            .find(|reading| reading.standing == Standing::Wrong);
        match wrong {
            Some(reading) => Err(DeployError::Check(reading)),
            None => Ok(()),
        }
    }

    /// Sends the steps that were not sent, with nonces from `first` on, and waits for all of them.
    async fn carry_out(&mut self, first: u64, steps: Vec<Step>) -> Result<(), DeployError> {
        let account = self.sender.account();
        let pending = self.client.nonce(account, BlockId::pending()).await?;
        let behind = self.resumed.last_key_value();
        let next = behind.map_or(pending, |(nonce, _)| pending.max(nonce.saturating_add(1)));
        if next < first {
            return Err(DeployError::Behind {
                deployer: account,
                first,
                actual: next,
            });
        }
        let mut waiting = Vec::new();
        let mut earlier = Vec::new();
        for (nonce, step) in (first..).zip(steps) {
            let result = if nonce >= next {
                self.sender
                    .send(step.candidate)
                    .await
                    .map_err(|source| failed(step.name, source))?
            } else if let Some(result) = self.resumed.remove(&nonce) {
                result
            } else {
                earlier.push((nonce, step));
                continue;
            };
            waiting.push((nonce, step.name, step.contract, result));
        }
        for (nonce, step) in earlier {
            self.look_at_earlier(nonce, &step).await?;
        }
        for (nonce, step, contract, result) in waiting {
            let result = result.await.unwrap_or(Err(SendError::Stopped));
            let confirmed = result.map_err(|source| failed(step, source))?;
            if !confirmed.success {
                return Err(DeployError::Reverted {
                    step,
                    tx_hash: confirmed.tx_hash,
                    block: confirmed.block.number,
                });
            }
            if confirmed.nonce != nonce {
                return Err(DeployError::Nonce {
                    step,
                    expected: nonce,
                    actual: confirmed.nonce,
                });
            }
            tracing::debug!(
                step,
                tx_hash = %confirmed.tx_hash,
                l1_block = confirmed.block.number,
                gas_used = confirmed.gas_used,
                contract = contract.map(tracing::field::display),
                "l1 deployment step"
            );
        }
        Ok(())
    }

    /// A step that an earlier run sent: waits until its nonce is used, and looks for what it made. What
    /// calls did is seen when everything is read back.
    async fn look_at_earlier(&self, nonce: u64, step: &Step) -> Result<(), DeployError> {
        let account = self.sender.account();
        while self.client.nonce(account, BlockId::latest()).await? <= nonce {
            tokio::time::sleep(self.poll_interval).await;
        }
        if let Some(expected) = step.contract
            && self
                .client
                .code(expected, BlockId::latest())
                .await?
                .is_empty()
        {
            return Err(DeployError::Missing {
                step: step.name,
                expected,
            });
        }
        tracing::debug!(
            step = step.name,
            nonce,
            "l1 deployment step was done before"
        );
        Ok(())
    }
}

fn failed(step: &'static str, source: SendError) -> DeployError {
    DeployError::Send {
        step,
        source: Box::new(source),
    }
}

/// Deploys everything at once, for a chain whose genesis gives out nothing: then any root will do as the
/// first anchor.
///
/// # Errors
/// If a transaction fails or the contracts don't answer what was set.
pub async fn deploy_contracts(
    client: &L1Client,
    signer: impl Into<TxSigner>,
    config: &DeployConfig,
) -> Result<L1Contracts, DeployError> {
    let signer = signer.into();
    let first_nonce = Deployment::first_nonce(client, &signer).await?;
    let config = DeployConfig {
        genesis_supply: U256::ZERO,
        ..config.clone()
    };
    let options = DeployOptions::default();
    let mut deployment =
        Deployment::begin(client.clone(), signer, first_nonce, config, options, None)?;
    deployment.set_up().await?;
    deployment.open(B256::ZERO).await?;
    Ok(*deployment.contracts())
}
