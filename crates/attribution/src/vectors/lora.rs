//! LORA's vectors, and those of the Merkle form.

use super::case::{Case, same};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use anyhow::{Context, bail, ensure};
use openledger_precompiles::{
    Stop,
    lora::{
        lineage::{Lineage, Node, Parent},
        royalty::{BPS, PPM, Weight, flatten_datanets, royalty_flow},
        safetensors::{Dtype, Tensor, parse},
        signature::digest,
        tensors::{Expected, Target, check},
    },
};
use std::collections::BTreeMap;

/// A chunk's proof under the root.
pub(super) fn merkle(section: Case<'_>, case: Case<'_>) -> anyhow::Result<()> {
    let index = case.get("index")?.integer()?;
    let leaf = openledger_precompiles::merkle::leaf(index, &case.get("chunk")?.bytes()?);
    let proof: Vec<B256> = case
        .get("proof")?
        .items()?
        .map(Case::word)
        .collect::<anyhow::Result<_>>()?;
    let root = section.get("root")?.word()?;
    let leaves = section.get("n")?.integer()?;
    let holds = openledger_precompiles::merkle::verify(&root, leaves, index, leaf, &proof);
    same("proof", holds, true)
}

fn graph(dag: Case<'_>) -> anyhow::Result<BTreeMap<u64, Node>> {
    dag.members()?
        .map(|(id, node)| {
            let parents = node
                .get("parents")?
                .items()?
                .map(|pair| {
                    Ok(Parent {
                        id: pair.at(0)?.integer()?,
                        rel_bps: pair.at(1)?.integer()?,
                    })
                })
                .collect::<anyhow::Result<_>>()?;
            let base: u64 = node.optional("base").map_or(Ok(0), |base| base.integer())?;
            let node = Node {
                abs_bps: node.get("abs")?.integer()?,
                base: (base != 0).then_some(base),
                parents,
            };
            Ok((id.parse()?, node))
        })
        .collect()
}

fn lineage_of(dag: Case<'_>, start: Case<'_>) -> anyhow::Result<Lineage> {
    let mut graph = graph(dag)?;
    let start = start.integer()?;
    let node = graph.get(&start).cloned().context("no such start")?;
    Ok(Lineage::read(start, node, &mut graph)?)
}

fn check_flow(lineage: &Lineage, case: Case<'_>) -> anyhow::Result<()> {
    let flow =
        royalty_flow(lineage, case.get("total")?.uint256()?).context("shares above a whole")?;
    let expected = case
        .get("pay")?
        .members()?
        .map(|(id, amount)| Ok((id.parse()?, amount.uint256()?)))
        .collect::<anyhow::Result<BTreeMap<u64, U256>>>()?;
    same("pay", flow.into_iter().collect(), expected)
}

/// A payment's flow through the section's graph.
pub(super) fn royalty(section: Case<'_>, case: Case<'_>) -> anyhow::Result<()> {
    let lineage = lineage_of(section.get("dag")?, case.get("start")?)?;
    check_flow(&lineage, case)
}

/// A payment's flow, and the datanets behind a node, in a graph of its own.
pub(super) fn lineage(case: Case<'_>) -> anyhow::Result<()> {
    let lineage = lineage_of(case.get("dag")?, case.get("start")?)?;
    check_flow(&lineage, case)?;
    let mut weights = BTreeMap::new();
    for (id, node) in case.get("dag")?.members()? {
        let declared = node
            .get("weights")?
            .items()?
            .map(|pair| {
                Ok(Weight {
                    datanet: pair.at(0)?.word()?,
                    weight_bps: pair.at(1)?.integer()?,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let sum: u32 = declared
            .iter()
            .map(|weight| u32::from(weight.weight_bps))
            .sum();
        ensure!(
            declared.is_empty() || sum == u32::from(BPS),
            "weights of {id} sum to {sum}"
        );
        weights.insert(id.parse()?, declared);
    }
    let flow = royalty_flow(&lineage, U256::from(PPM)).context("shares above a whole")?;
    let expected = case
        .get("datanets")?
        .items()?
        .map(|pair| Ok((pair.at(0)?.word()?, pair.at(1)?.integer()?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    same("datanets", flatten_datanets(&flow, &weights), expected)
}

fn parameters(tensors: &[Tensor<'_>]) -> u64 {
    tensors
        .iter()
        .map(|tensor| tensor.shape.dimensions().iter().product::<u64>())
        .sum()
}

/// A well-formed header: its hash, tensors, parameters, and where its data ends.
pub(super) fn safetensors(case: Case<'_>) -> anyhow::Result<()> {
    let header = case.get("header_hex")?.bytes()?;
    same(
        "hash",
        keccak256(&header),
        case.get("header_keccak")?.word()?,
    )?;
    let tensors = parse(&header)?;
    same("tensors", tensors.len(), case.get("tensors")?.integer()?)?;
    let end = tensors.iter().map(|tensor| tensor.end).max();
    same("data_len", end, Some(case.get("data_len")?.integer()?))?;
    let parameters = parameters(&tensors);
    same("params", parameters, case.get("params")?.integer()?)?;
    same(
        "expected_params",
        parameters,
        case.get("expected_params")?.integer()?,
    )
}

/// What a call reverts with, or not at all.
fn same_refusal(error: Option<Stop>, case: Case<'_>) -> anyhow::Result<()> {
    let native = match error {
        None => None,
        Some(Stop::Revert(data)) => Some(Bytes::from(data)),
        Some(other) => bail!("{other}"),
    };
    let vector = case
        .optional("revert")
        .map(|revert| revert.bytes().map(Bytes::from))
        .transpose()?;
    same("revert", native, vector)
}

/// A header by itself: how many tensors it has, or what it is refused with.
pub(super) fn header(case: Case<'_>) -> anyhow::Result<()> {
    let header = case.get("header_hex")?.bytes()?;
    let parsed = parse(&header);
    if let Ok(tensors) = &parsed
        && let Some(expected) = case.optional("tensors")
    {
        same("tensors", tensors.len(), expected.integer()?)?;
    }
    same_refusal(parsed.err().map(Stop::from), case)
}

/// A header against what an adapter declares.
pub(super) fn adapter(case: Case<'_>) -> anyhow::Result<()> {
    let mask: u32 = case.get("mask")?.integer()?;
    let mut targets = Vec::new();
    for (module, value) in (0u8..32).zip(case.get("modules")?.items()?) {
        if mask >> module & 1 == 1 {
            targets.push(Target {
                module,
                path: value.at(0)?.text()?.into(),
                in_dim: value.at(1)?.integer()?,
                out_dim: value.at(2)?.integer()?,
            });
        }
    }
    let expected = Expected {
        prefix: case.get("prefix")?.text()?.as_bytes(),
        layer_from: case.get("layer_from")?.integer()?,
        layer_to: case.get("layer_to")?.integer()?,
        targets: &targets,
        rank: case.get("rank")?.integer()?,
        dtype: Dtype::from_number(case.get("dtype")?.integer()?).context("no such data type")?,
        data_len: case.get("data_len")?.integer()?,
    };
    let header = case.get("header_hex")?.bytes()?;
    let tensors = match parse(&header) {
        Ok(tensors) => tensors,
        Err(error) => return same_refusal(Some(error.into()), case),
    };
    let checked = check(&tensors, &expected);
    if checked.is_ok() {
        same(
            "params",
            parameters(&tensors),
            case.get("params")?.integer()?,
        )?;
    }
    same_refusal(checked.err().map(Stop::from), case)
}

/// What a developer signs.
pub(super) fn signature(case: Case<'_>) -> anyhow::Result<()> {
    let digest = digest(
        case.get("chain_id")?.integer()?,
        case.get("adapter_hash")?.word()?,
        case.get("header_hash")?.word()?,
        case.get("nonce")?.uint256()?,
        case.get("deadline")?.uint256()?,
    );
    same("digest", digest, case.get("digest")?.word()?)
}
