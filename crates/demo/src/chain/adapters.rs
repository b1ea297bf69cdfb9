//! Sketch sets and adapters: opened, seeded, filled, sealed, registered, listed.

use super::{
    actor::Actor,
    datanet::{Datanet, LICENCE},
};
use crate::{network::ALPHA, service::Service};
use alloy_primitives::{B256, U256, uint};
use anyhow::{Context, ensure};
use openledger_attribution::{
    sketch::SketchForm,
    submit::{
        adapter::{AdapterFile, AdapterTerms, BaseFile, register_adapter},
        rows::append_rows,
        set::open_set,
    },
};
use openledger_contracts::AdapterMarket;
use openledger_precompiles::{lora::ILoraRegistry::Train, sketch::IAttrSketch};
use openledger_primitives::predeploys::ADAPTER_MARKET;
use std::path::Path;

/// Price of a thousand tokens of an answer, wei; the prompt is free, so that an answer's length alone is its price.
pub(crate) const PRICE_OUT: U256 = uint!(10_000_000_000_000_000_000_U256);

/// Opens a set for a Datanet's space, and draws its seed: `form` with the seed, and the set's number.
pub(crate) async fn open(
    developer: &Actor,
    datanet: &Datanet,
    form: &SketchForm,
    data_root: B256,
) -> anyhow::Result<(SketchForm, u64)> {
    let call = IAttrSketch::openSetCall {
        subject: datanet.space,
        dim: form.dim,
        kind: 0,
        normCap2: form.norm_cap2.context("a set of gradients has a cap")?,
        fracBits: form.frac_bits,
        shift: form.shift,
        sparsity: form.sparsity,
        dataRoot: data_root,
    };
    let set = open_set(&mut developer.sender(), &call).await?;
    let form = SketchForm {
        seed: set.header.seed,
        ..*form
    };
    Ok((form, set.id))
}

/// Fills a set with a service's rows, and seals it.
pub(crate) async fn fill(developer: &Actor, service: &Service) -> anyhow::Result<()> {
    let set = service.set();
    let sealed = append_rows(&mut developer.sender(), set.id, &set.records, true).await?;
    ensure!(
        sealed.header.sealedBlock != 0 && sealed.header.lambda == set.lambda,
        "set {} isn't sealed with the rows of the service",
        set.id
    );
    Ok(())
}

/// What an adapter is registered with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lineage<'a> {
    /// Its base.
    pub(crate) base: &'a BaseFile,
    /// What it was trained on, and the set of that.
    pub(crate) datanet: &'a Datanet,
    /// That set.
    pub(crate) set: u64,
    /// What it is derived from, and that one's part of its royalties in hundredths of a percent.
    pub(crate) parent: Option<(u64, u16)>,
}

/// Registers an adapter's file and offers it.
pub(crate) async fn register(
    developer: &Actor,
    path: &Path,
    lineage: Lineage<'_>,
) -> anyhow::Result<u64> {
    let file = AdapterFile::read(path)?;
    let terms = AdapterTerms {
        alpha: Some(ALPHA as u32),
        version: 1,
        parents: lineage.parent.into_iter().collect(),
        train: vec![Train {
            datanet: lineage.datanet.space,
            sketchSet: lineage.set,
            spanIndex: 0,
            weightBps: 10_000,
        }],
        licence: LICENCE,
        ..AdapterTerms::default()
    };
    let adapter = terms.declare(path, &file, lineage.base, developer.address())?;
    let registered = register_adapter(&mut developer.sender(), &file, adapter).await?;
    let list = AdapterMarket::listCall {
        adapter: registered.id,
        priceIn: 0,
        priceOut: PRICE_OUT.to(),
        uri: format!("demo:adapter/{}", registered.id),
    };
    developer.call(ADAPTER_MARKET, &list).await?;
    Ok(registered.id)
}
