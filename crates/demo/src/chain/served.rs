//! Epochs of paid calls: served, settled, lied about, proposed, paid and claimed.

use super::{
    Play,
    cast::Cast,
    contributions::Contributed,
    epochs, inference,
    inference::Serving,
    outcome::{Outcome, Record},
};
use crate::{
    service::Service,
    study::{EPOCHS, requests},
    world::{FLOODER, Field, Request},
};
use alloy_primitives::U256;
use anyhow::Context;
use futures::future::{try_join, try_join_all};
use std::{collections::BTreeMap, sync::Arc};

/// The derived adapter has one in so many of the requests.
const DERIVED_PART: usize = 3;

/// The adapters in service.
pub(super) struct Served {
    pub(super) adapter: u64,
    pub(super) derived: u64,
    pub(super) service: Arc<Service>,
    pub(super) derived_service: Arc<Service>,
}

impl Play<'_> {
    pub(super) async fn inference(
        &self,
        cast: &Cast,
        first: Contributed,
        served: Served,
    ) -> anyhow::Result<Outcome> {
        let worker = self.directory.join("worker");
        let derived_worker = self.directory.join("derived-worker");
        let serving = Serving::begin(
            &cast.worker,
            served.adapter,
            served.service.clone(),
            &worker,
        )
        .await?;
        let derived = Serving::begin(
            &cast.derived_worker,
            served.derived,
            served.derived_service.clone(),
            &derived_worker,
        )
        .await?;
        let directories: Vec<_> = (0..cast.payers.len())
            .map(|number| self.directory.join(format!("payer-{number}")))
            .collect();
        let opened = cast.payers.iter().zip(&directories);
        let opened = opened.map(|(payer, directory)| serving.open(payer, directory));
        let derived_payer = self.directory.join("derived-payer");
        let (mut payers, opened) = try_join(
            try_join_all(opened),
            derived.open(&cast.council, &derived_payer),
        )
        .await?;
        let mut derived_payers = vec![opened];
        let mut watcher = epochs::watch(self.binary, self.chain)?;
        let verifier = self.verifier()?;
        let mut record = Record::default();
        // A fresh epoch, so that all of its time is there.
        let current = inference::current_epoch(&self.node).await?;
        inference::close_epoch(&cast.council, current).await?;
        for number in 0..EPOCHS {
            let asked = requests(self.world, Field::First, number);
            let more: Vec<Request> = requests(self.world, Field::Second, number)
                .into_iter()
                .step_by(DERIVED_PART)
                .collect();
            try_join(
                serving.serve(&mut payers, &asked),
                derived.serve(&mut derived_payers, &more),
            )
            .await?;
            inference::await_room(&self.node).await?;
            try_join(
                serving.settle(payers.len()),
                derived.settle(derived_payers.len()),
            )
            .await?;
            record.calls += asked.len() + more.len();
            record.asked.extend(asked);
            self.progress.say(format!(
                "{} calls paid by vouchers and settled",
                record.calls
            ));
            let epoch = inference::recorded(&self.node, served.adapter).await?;
            let derived_epoch = inference::recorded(&self.node, served.derived).await?;
            inference::close_epoch(&cast.council, epoch.max(derived_epoch)).await?;
            record
                .keys
                .extend([(epoch, served.adapter), (derived_epoch, served.derived)]);
            record.epochs.push(epoch);
            let directories = epochs::directories(&[&serving.calls, &derived.calls])?;
            let closed = [epoch, derived_epoch];
            epochs::seeds(&self.node, &closed, &mut watcher).await?;
            let (honest, more) = try_join(
                epochs::draft(&self.node, (epoch, served.adapter), &directories),
                epochs::draft(&self.node, (derived_epoch, served.derived), &directories),
            )
            .await?;
            let mut sender = cast.proposer.sender();
            if number == 0 {
                let target = first
                    .settled
                    .owners
                    .iter()
                    .position(|owner| *owner == FLOODER);
                let target = target.context("the flooder has a cluster")? as u32;
                let mut liar = cast.liar.sender();
                let (by, _) = try_join(
                    epochs::lie(&mut liar, &honest, target, &mut watcher),
                    more.send(&mut sender),
                )
                .await?;
                record.refuted_by = cast.name(by);
                self.progress.say(format!(
                    "epoch {epoch}: a proposal that gives all to {} was refuted by the {}",
                    crate::world::name(FLOODER),
                    record.refuted_by
                ));
            } else {
                more.send(&mut sender).await?;
            }
            honest.send(&mut sender).await?;
            self.progress
                .say(format!("epoch {epoch}: honest proposals for both adapters"));
            record.drafts.push(honest);
        }
        epochs::paid(&self.node, &record.keys, &mut watcher).await?;
        watcher.stop().await?;
        self.progress.say("all epochs paid".to_owned());
        let claims = epochs::claim(cast).await?;
        let total: U256 = claims.iter().map(|(_, amount)| *amount).sum();
        self.progress.say(format!(
            "claims: {} OPEN",
            openledger_client::decimal(total)
        ));
        record.prompts(&serving.calls, &payers)?;
        let mut outcome = self.outcome(cast, &served, record).await?;
        let mut by_name: BTreeMap<String, U256> = BTreeMap::new();
        for (address, amount) in claims.into_iter().filter(|(_, amount)| !amount.is_zero()) {
            *by_name.entry(cast.name(address)).or_default() += amount;
        }
        outcome.claims = by_name.into_iter().collect();
        self.verify(verifier, &mut outcome).await?;
        (outcome.contributions, outcome.settled) = (first.contributions, first.settled);
        Ok(outcome)
    }
}
