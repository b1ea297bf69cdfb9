//! What a watcher does beside challenging, where that is wanted: what moves epochs to their end, and better proposals.

use super::{CALLS_INTERVAL, Identity, Key, Watcher};
use crate::{
    epoch::{
        audit::Settlement,
        close::{close, draw_seeds, unseeded},
        finalize::{UnknownResults, carry, carry_from, finalize},
        pots::{current_epoch, settlement},
        propose::Draft,
    },
    jury::{Question, advance, open_questions},
};
use anyhow::Context;
use openledger_client::{View, is_refusal};
use openledger_contracts::EpochSettlement;
use std::time::Instant;
use tracing::{info, warn};

impl Watcher {
    /// Closes an epoch in which something was paid for, and draws seeds.
    pub(super) async fn begin(&mut self, view: &View) {
        let Some(sender) = &mut self.sender else {
            return;
        };
        let begun = async {
            let current = current_epoch(view).await?;
            if self.open.iter().any(|(epoch, _)| *epoch == current)
                && let Some(epoch) = close(sender, false).await?
            {
                info!(epoch, "epoch closed");
            }
            let watched = self.open.iter().map(|(epoch, _)| *epoch);
            for epoch in unseeded(&sender.view().await?, watched).await? {
                for (epoch, seed) in draw_seeds(sender, Some(epoch)).await? {
                    info!(epoch, %seed, "seed drawn");
                }
            }
            anyhow::Ok(())
        };
        if let Err(error) = begun.await {
            warn!("epochs can't be closed or seeds drawn, trying again: {error:#}");
        }
    }

    /// Has juries drawn and counted and acts on their verdicts, which the epoch waits for, if that is wanted. A fault in one question holds up
    /// neither the others nor anything else.
    pub(super) async fn answer(&mut self, (epoch, adapter): Key) {
        let Some(sender) = self.sender.as_mut().filter(|_| self.finalizes) else {
            return;
        };
        let questions = match open_questions(&self.node, false).await {
            Ok(questions) => questions,
            Err(error) => {
                self.is_troubled = true;
                warn!(
                    epoch,
                    adapter, "questions can't be looked at, trying again: {error:#}"
                );
                return;
            }
        };
        let of_it = |of: &&Question| (of.epoch, of.adapter) == (epoch, adapter);
        for question in questions.iter().filter(of_it) {
            let id = question.question;
            match advance(sender, id).await {
                Ok(true) => info!(epoch, adapter, question = %id, "question answered"),
                Ok(false) => {}
                Err(error) => {
                    self.is_troubled = true;
                    warn!(
                        epoch,
                        adapter,
                        question = %id,
                        "a question can't be brought forward, trying again: {error:#}"
                    );
                }
            }
        }
    }

    /// Improves a right proposal by what the directories have, which is looked at now and then: workers publish later, too.
    pub(super) async fn improve(
        &mut self,
        view: &View,
        key: Key,
        settled: &Settlement,
    ) -> anyhow::Result<()> {
        let identity = Identity::of(settled);
        let is_done = self
            .searched
            .get(&key)
            .is_some_and(|(of, at)| *of == identity && at.elapsed() < CALLS_INTERVAL);
        let Some(sender) = self
            .sender
            .as_mut()
            .filter(|_| !self.calls.is_empty() && !is_done)
        else {
            return Ok(());
        };
        self.searched.insert(key, (identity, Instant::now()));
        let draft = Draft::make(view, key, &self.calls).await?;
        // It may be gone: nothing is proposed anew.
        let Some(draft) = draft.filter(|draft| draft.old.is_some()) else {
            return Ok(());
        };
        let (epoch, adapter) = key;
        match draft.send(sender).await {
            Ok(transaction) => {
                let shown = draft.shown();
                info!(epoch, adapter, %transaction, shown, "proposal improved");
                Ok(())
            }
            Err(error) => self.unless_somebody_was_faster(key, settled, error).await,
        }
    }

    /// Pays what is due, if that is wanted.
    pub(super) async fn pay(
        &mut self,
        view: &View,
        key: Key,
        settled: &Settlement,
    ) -> anyhow::Result<()> {
        if self.waits_for_earlier(key) {
            return Ok(());
        }
        let (epoch, adapter) = key;
        let Some(sender) = self.sender.as_mut().filter(|_| self.finalizes) else {
            return Ok(());
        };
        match finalize(sender, key).await {
            Ok(transactions) => {
                let transactions = transactions.len();
                info!(epoch, adapter, transactions, "epoch finalized");
                Ok(())
            }
            // Whatever else went wrong may go right the next time: carrying can't be undone.
            Err(error) if error.is::<UnknownResults>() => {
                self.settle_without_scores(view, key).await
            }
            Err(error) => self.unless_somebody_was_faster(key, settled, error).await,
        }
    }

    /// Carries what nobody proposed for in time, or nobody can pay, if that is wanted and can be done yet.
    pub(super) async fn settle_without_scores(
        &mut self,
        view: &View,
        key: Key,
    ) -> anyhow::Result<()> {
        if !self.finalizes
            || self.waits_for_earlier(key)
            || view.node().time().await? <= carry_from(view, key).await?
        {
            return Ok(());
        }
        let settled = settlement(view, key).await?;
        let sender = self.sender.as_mut().context("--finalize has a key")?;
        let (epoch, adapter) = key;
        match carry(sender, key).await {
            Ok(transaction) => {
                info!(epoch, adapter, %transaction, "epoch carried");
                Ok(())
            }
            // It counts from the end of the adapter's earlier epoch where that was later.
            Err(error) if is_refusal::<EpochSettlement::ProposalsNotOver>(&error) => Ok(()),
            Err(error) => self.unless_somebody_was_faster(key, &settled, error).await,
        }
    }

    /// What went wrong, unless the settlement moved on meanwhile: then another one did it.
    async fn unless_somebody_was_faster(
        &self,
        key: Key,
        before: &Settlement,
        error: anyhow::Error,
    ) -> anyhow::Result<()> {
        let now = settlement(&self.node.at(None).await?, key).await?;
        let place = |settled: &Settlement| (settled.stage, settled.set, settled.cluster);
        if place(&now) == place(before) && Identity::of(&now) == Identity::of(before) {
            return Err(error);
        }
        let (epoch, adapter) = key;
        info!(epoch, adapter, "somebody else was faster");
        Ok(())
    }
}
