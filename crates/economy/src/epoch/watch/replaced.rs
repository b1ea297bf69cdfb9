//! Proposals that an improvement replaced: challenged like the one that stands, until their own deadline; then their bonds go back.

use super::{Key, Watcher};
use crate::epoch::{
    chain::ask,
    challenge::{Outcome, Replaced, Standing, Verdict},
};
use alloy_primitives::U256;
use openledger_client::{Sender, Step, View, is_refusal};
use openledger_contracts::EpochSettlement;
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use tracing::{error, info, warn};

/// Most replaced proposals of an epoch that are looked at: each took a bond, and showed more or came nearer by a factor of four.
const REPLACED_MAX: u64 = 1 << 10;

impl Watcher {
    /// Looks at what improvements replaced in an epoch: what is wrong is challenged; what can't be challenged any more has its bond back,
    /// if that is wanted. A fault in one holds up none of the others.
    pub(super) async fn look_at_replaced(&mut self, view: &View, key: Key) -> anyhow::Result<()> {
        let (epoch, adapter) = key;
        let now = view.node().time().await?;
        for place in 0..REPLACED_MAX {
            let call = EpochSettlement::replacedOfCall {
                epoch,
                adapter,
                place: U256::from(place),
            };
            let replaced = ask(view, EPOCH_SETTLEMENT, call).await?;
            if replaced.proposer.is_zero() {
                break;
            }
            if replaced.bond == 0 {
                continue;
            }
            let done = if now > replaced.deadline.to::<u64>() {
                self.return_bond(key, place).await
            } else {
                self.check_replaced(view, key, place, &replaced).await
            };
            if let Err(error) = done {
                self.is_troubled = true;
                if self.told_replaced.insert((key, place)) {
                    error!(
                        epoch,
                        adapter,
                        place,
                        "a replaced proposal can't be checked or challenged: {error:#}"
                    );
                }
            }
        }
        Ok(())
    }

    async fn check_replaced(
        &mut self,
        view: &View,
        key: Key,
        place: u64,
        replaced: &Replaced,
    ) -> anyhow::Result<()> {
        if self.right_replaced.contains(&(key, place)) {
            return Ok(());
        }
        let (epoch, adapter) = key;
        let standing = Standing::replaced(view, key, replaced).await?;
        let Verdict::Wrong(wrong) = standing.judge(view).await? else {
            self.right_replaced.insert((key, place));
            return Ok(());
        };
        let paused = standing.paused_until(view, wrong.set).await?;
        if paused.is_some_and(|until| replaced.deadline.to::<u64>() > until) {
            return Ok(());
        }
        let proposer = replaced.proposer;
        warn!(epoch, adapter, place, %proposer, "replaced proposal is wrong: {wrong}");
        let Some(sender) = &mut self.sender else {
            anyhow::bail!("there is no key to challenge it: {wrong}");
        };
        match standing.challenge_replaced(sender, place, &wrong).await {
            Ok(Outcome::Refuted(transaction)) => {
                info!(epoch, adapter, place, %transaction, "replaced proposal refuted");
                Ok(())
            }
            Ok(Outcome::Moved(transaction)) => {
                info!(epoch, adapter, place, %transaction, "scores are paused, deadline moved");
                Ok(())
            }
            // Somebody was faster.
            Err(error) if is_refusal::<EpochSettlement::NoBond>(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn return_bond(&mut self, (epoch, adapter): Key, place: u64) -> anyhow::Result<()> {
        let Some(sender) = self.sender.as_mut().filter(|_| self.finalizes) else {
            return Ok(());
        };
        match give_back(sender, (epoch, adapter), place).await {
            Ok(()) => {
                info!(
                    epoch,
                    adapter, place, "bond of a replaced proposal given back"
                );
                Ok(())
            }
            Err(error) if is_refusal::<EpochSettlement::NoBond>(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

async fn give_back(sender: &mut Sender, (epoch, adapter): Key, place: u64) -> anyhow::Result<()> {
    let call = EpochSettlement::returnBondCall {
        epoch,
        adapter,
        place: U256::from(place),
    };
    let step = Step::call("return the bond", EPOCH_SETTLEMENT, &call);
    sender.send(step).await.map(drop)
}
