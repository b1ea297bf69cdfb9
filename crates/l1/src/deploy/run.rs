use super::{
    DeployConfig, DeployError, Expectations, GenesisAnchor, Standing,
    evidence::require_done,
    inspect::inspect,
    plan::{OPENING_STEPS, Plan},
    step::Step,
};
use crate::{L1Client, SendError, SendResult, SenderJournal, TxSender, TxSenderConfig, TxSigner};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, U256};
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
    pub const fn opening_steps(&self) -> usize {
        OPENING_STEPS
    }

    /// How many transactions the last part has.
    pub fn hand_over_steps(&self) -> usize {
        self.plan.hand_over().len()
    }

    /// Carries out the first part, as far as that was not done before. The chain may begin at any L1
    /// block from then on.
    ///
    /// # Errors
    /// A step that fails, or had no effect when it was sent before; an account that is used elsewhere.
    pub async fn set_up(&mut self) -> Result<(), DeployError> {
        let first = self
            .plan
            .opening_nonce()
            .saturating_sub(self.plan.set_up.len() as u64);
        let steps = self.plan.set_up.clone();
        self.carry_out(first, steps).await
    }

    /// Whether anything of the second part was sent: until then the chain may begin at another block.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn opening_begun(&self) -> Result<bool, DeployError> {
        Ok(self.next_nonce().await? > self.plan.opening_nonce())
    }

    /// Carries out the second part, as far as that was not done before, and reads everything back:
    /// before the code is handed over nothing may differ from the configuration.
    ///
    /// # Errors
    /// As [`Self::set_up`]; [`DeployError::Check`] with the first value that is another.
    pub async fn open(&mut self, anchor: GenesisAnchor) -> Result<(), DeployError> {
        let steps = self.plan.opening(&self.config, anchor)?;
        self.carry_out(self.plan.opening_nonce(), steps).await?;
        if self.next_nonce().await? > self.plan.hand_over_nonce() {
            // An earlier run came as far, which it does only after this check. The contracts may have
            // been handed over and changed by whom they belong to since.
            return Ok(());
        }
        let expectations = Expectations {
            deployer: Some(self.sender.account()),
            ..Expectations::of(&self.config, anchor)
        };
        self.read_back(&expectations, |standing| {
            matches!(standing, Standing::Right | Standing::Shown)
        })
        .await
    }

    /// Carries out the last part, as far as that was not done before, and reads everything back.
    ///
    /// # Errors
    /// As [`Self::set_up`]; [`DeployError::Check`] with the first value that is wrong.
    pub async fn hand_over(&mut self, anchor: GenesisAnchor) -> Result<(), DeployError> {
        let steps = self.plan.hand_over();
        self.carry_out(self.plan.hand_over_nonce(), steps).await?;
        self.check(anchor).await
    }

    /// Reads everything back, after it was handed over.
    ///
    /// # Errors
    /// [`DeployError::Check`] with the first value that is wrong; an L1 that doesn't answer.
    pub async fn check(&self, anchor: GenesisAnchor) -> Result<(), DeployError> {
        let expectations = Expectations::of(&self.config, anchor);
        self.read_back(&expectations, |standing| standing != Standing::Wrong)
            .await
    }

    async fn read_back(
        &self,
        expectations: &Expectations,
        is_fine: impl Fn(Standing) -> bool,
    ) -> Result<(), DeployError> {
        let readings = inspect(&self.client, &self.plan.contracts, expectations).await?;
        match readings
            .into_iter()
            .find(|reading| !is_fine(reading.standing))
        {
            Some(reading) => Err(DeployError::Check(reading)),
            None => Ok(()),
        }
    }

    /// The nonce of the next transaction that nobody sent.
    async fn next_nonce(&self) -> Result<u64, DeployError> {
        let account = self.sender.account();
        let pending = self.client.nonce(account, BlockId::pending()).await?;
        let resumed = self.resumed.last_key_value();
        Ok(resumed.map_or(pending, |(nonce, _)| pending.max(nonce.saturating_add(1))))
    }

    /// Sends the steps that were not sent, with nonces from `first` on, and waits until all of them are
    /// seen to be done. Nothing is sent after an earlier step that had no effect.
    async fn carry_out(&mut self, first: u64, steps: Vec<Step>) -> Result<(), DeployError> {
        let account = self.sender.account();
        let next = self.next_nonce().await?;
        if next < first {
            return Err(DeployError::Behind {
                deployer: account,
                first,
                actual: next,
            });
        }
        let numbered = || (first..).zip(&steps);
        let is_earlier = |nonce: u64| nonce < next && !self.resumed.contains_key(&nonce);
        let earlier: Vec<_> = numbered().filter(|(nonce, _)| is_earlier(*nonce)).collect();
        if let Some((last, _)) = earlier.last() {
            self.wait_for_nonce(*last).await?;
            self.require_done(earlier.iter().map(|(_, step)| *step))
                .await?;
        }
        let mut waiting = Vec::new();
        for (nonce, step) in numbered() {
            let result = if nonce >= next {
                self.sender
                    .send(step.candidate.clone())
                    .await
                    .map_err(|source| failed(step.name, source))?
            } else if let Some(result) = self.resumed.remove(&nonce) {
                result
            } else {
                continue;
            };
            waiting.push((nonce, step, result));
        }
        let mut done = Vec::new();
        for (nonce, step, result) in waiting {
            let result = result.await.unwrap_or(Err(SendError::Stopped));
            let confirmed = result.map_err(|source| failed(step.name, source))?;
            if !confirmed.success {
                return Err(DeployError::Reverted {
                    step: step.name,
                    tx_hash: confirmed.tx_hash,
                    block: confirmed.block.number,
                });
            }
            if confirmed.nonce != nonce {
                return Err(DeployError::Nonce {
                    step: step.name,
                    expected: nonce,
                    actual: confirmed.nonce,
                });
            }
            tracing::debug!(
                step = step.name,
                tx_hash = %confirmed.tx_hash,
                l1_block = confirmed.block.number,
                gas_used = confirmed.gas_used,
                contract = step.contract().map(tracing::field::display),
                "l1 deployment step"
            );
            done.push(step);
        }
        self.require_done(done).await
    }

    /// Waits until the transaction with this nonce, which an earlier run sent, is on the L1.
    async fn wait_for_nonce(&self, nonce: u64) -> Result<(), DeployError> {
        let account: Address = self.sender.account();
        while self.client.nonce(account, BlockId::latest()).await? <= nonce {
            tokio::time::sleep(self.poll_interval).await;
        }
        Ok(())
    }

    async fn require_done<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a Step>,
    ) -> Result<(), DeployError> {
        require_done(
            &self.client,
            self.sender.account(),
            self.plan.contracts.system_config,
            steps,
        )
        .await
    }
}

fn failed(step: &'static str, source: SendError) -> DeployError {
    DeployError::Send {
        step,
        source: Box::new(source),
    }
}

/// Deploys everything at once, for a chain whose genesis gives out nothing and is made at the newest L1
/// block's time: then any root will do as the first anchor.
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
    let anchor = GenesisAnchor {
        output_root: B256::ZERO,
        timestamp: client.latest().await?.timestamp,
    };
    deployment.open(anchor).await?;
    deployment.hand_over(anchor).await?;
    Ok(*deployment.contracts())
}
