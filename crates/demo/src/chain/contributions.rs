//! From contributions to clusters and trained adapters.

use super::{
    Play,
    actor::Actor,
    adapters,
    cast::Cast,
    datanet::{self, Datanet, File},
};
use crate::{
    data::Settled,
    service::{Service, form_of},
    study::Trained,
    world::{COPIER, Cheats, Contribution, Field},
};
use alloy_primitives::{B256, keccak256};
use anyhow::ensure;
use futures::future::try_join;
use openledger_attribution::sketch::SketchForm;
use std::{path::PathBuf, sync::Arc};

/// A Datanet that was contributed to.
pub(super) struct Contributed {
    pub(super) datanet: Datanet,
    last_block: u64,
    pub(super) contributions: Vec<Contribution>,
    pub(super) settled: Settled,
    data_root: B256,
}

/// An adapter that is trained, with its set opened.
pub(super) struct Prepared {
    pub(super) service: Arc<Service>,
    pub(super) file: PathBuf,
}

impl Play<'_> {
    /// Commits and reveals.
    pub(super) async fn contribute(
        &self,
        cast: &Cast,
        first: Datanet,
        second: Datanet,
    ) -> anyhow::Result<(Contributed, Contributed)> {
        let contributed = async |field, datanet: Datanet| {
            let contributions = self.world.contributions(field, Cheats::ALL);
            let files: Vec<File> = contributions
                .iter()
                .map(File::new)
                .collect::<anyhow::Result<_>>()?;
            let bytes: Vec<u8> = files
                .iter()
                .flat_map(|file| file.document.bytes.clone())
                .collect();
            // Who copies saw what was committed to.
            let (copies, originals): (Vec<File>, Vec<File>) =
                files.into_iter().partition(|file| file.from.0 == COPIER);
            let waves = [originals, copies];
            let (last_block, numbers) = datanet::contribute(cast, &datanet, &waves).await?;
            // In the order in which the chain has them, which is that of the commitments.
            let mut order: Vec<usize> = (0..numbers.len()).collect();
            order.sort_unstable_by_key(|place| numbers[*place]);
            let in_order: Vec<_> = order
                .iter()
                .map(|place| contributions[*place].clone())
                .collect();
            anyhow::Ok(Contributed {
                datanet,
                last_block,
                settled: Settled::new(datanet.space, &in_order)?,
                contributions: in_order,
                data_root: keccak256(bytes),
            })
        };
        // Nobody contributes to both.
        let (first, second) = try_join(
            contributed(Field::First, first),
            contributed(Field::Second, second),
        )
        .await?;
        self.progress.say(format!(
            "{} contributions committed to and revealed",
            first.contributions.len() + second.contributions.len()
        ));
        Ok((first, second))
    }

    pub(super) fn trained(
        &self,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<(Trained, Trained)> {
        let trained = Trained::on(self.world, first.settled.clone())?;
        let derived = trained.further(second.settled.clone())?;
        Ok((trained, derived))
    }

    /// A trained adapter's file, and its set with the seed that the chain drew.
    pub(super) async fn prepare(
        &self,
        developer: &Actor,
        on: &Contributed,
        trained: &Trained,
        name: &str,
    ) -> anyhow::Result<Prepared> {
        let file = self.directory.join(format!("{name}.safetensors"));
        candle_core::safetensors::save(&trained.adapter.safetensors()?, &file)?;
        let gradients = trained
            .adapter
            .gradients(&trained.base, &on.settled.samples())?;
        let form: SketchForm = form_of(&gradients);
        let (form, set) = adapters::open(developer, &on.datanet, &form, on.data_root).await?;
        let service = Service::new(&trained.base, &trained.adapter, &on.settled, form, set)?;
        Ok(Prepared {
            service: Arc::new(service),
            file,
        })
    }

    /// Clusters; fails if the chain settles anything otherwise than computed here.
    pub(super) async fn settle(
        &self,
        cast: &Cast,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<()> {
        for contributed in [first, second] {
            let outcomes = datanet::settle(
                &cast.datanet_owner,
                &contributed.datanet,
                contributed.last_block,
            )
            .await?;
            let expected: Vec<datanet::Settled> = contributed
                .settled
                .outcomes
                .iter()
                .map(|(cluster, is_new)| match is_new {
                    true => datanet::Settled::Cluster(*cluster),
                    false => datanet::Settled::Duplicate,
                })
                .collect();
            ensure!(
                outcomes == expected,
                "the chain settled other clusters than the same rule here"
            );
        }
        let clusters = |contributed: &Contributed| contributed.settled.owners.len() as u32;
        self.progress.say(format!(
            "{} clusters; {} contributions are copies and own nothing",
            clusters(first) + clusters(second),
            first
                .settled
                .outcomes
                .iter()
                .filter(|(_, is_new)| !is_new)
                .count()
        ));
        Ok(())
    }

    /// Reviews of the clusters.
    pub(super) async fn review(
        &self,
        cast: &Cast,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<()> {
        let clusters = |contributed: &Contributed| contributed.settled.owners.len() as u32;
        for contributed in [first, second] {
            datanet::review(cast, &contributed.datanet, clusters(contributed)).await?;
        }
        for contributed in [first, second] {
            datanet::finish_reviews(cast, &contributed.datanet, clusters(contributed)).await?;
        }
        self.progress.say("all clusters reviewed and accepted: their form is right, their worth is to be measured".to_owned());
        Ok(())
    }
}
