//! What is tampered with, a claim, a file, the state or a node's answers, is named.

use super::{
    World, block_on,
    lying::{Lie, LyingNode},
};
use alloy_primitives::{Address, Bytes};
use alloy_provider::{Provider, RootProvider};
use anyhow::Context;
use openledger_precompiles::{SKETCH, page_address};
use serde_json::Value;

const OTHER_BLOCK: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

/// Whatever is changed, claims, files or the chain, is named.
pub(super) fn files_and_state(world: &World, claim: Value, space: &[&str]) -> anyhow::Result<()> {
    let changed = |pointer: &str, value: Value| -> anyhow::Result<()> {
        let mut claim = claim.clone();
        *claim.pointer_mut(pointer).context("a member")? = value;
        world.write("changed.json", claim.to_string())
    };
    changed("/answer/clusters/1/score", "5".into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(
        error.starts_with("DIFFERENT: cluster 1, score: 5 claimed,"),
        "{error}"
    );
    changed("/answer/clusters/2/sumSq", "5".into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(
        error.contains("cluster 2, sum of squares: 5 claimed"),
        "{error}"
    );
    changed("/question/queries/0/shift", 3.into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(error.contains("WitnessRejected"), "{error}");
    changed("/blockHash", OTHER_BLOCK.into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(error.contains("no such block"), "{error}");

    let rows = world.read("rows.bin")?;
    let mut other = rows.clone();
    other[70 * 2 + 6 + 9] ^= 1;
    world.write("other.bin", &other)?;
    let error = world.fails(&["verify", "set", "1", "--rows", "other.bin"])?;
    assert!(error.contains("DIFFERENT: row 2, entry 9"), "{error}");

    // The page on chain, by a method that local chains alone have.
    let page = page_address(SKETCH, 1, 0);
    let honest: Bytes = [&[0], &rows[..]].concat().into();
    let mut code = honest.to_vec();
    // An entry of row 5 that isn't zero becomes zero, whatever the seed made of it.
    let row = 1 + 70 * 5 + 6;
    let entry = (row..row + 64).find(|at| code[*at] != 0);
    code[entry.context("a row of zeros")?] = 0;
    set_code(world, page, code.into())?;
    let error = world.fails(&["verify", "set", "1"])?;
    assert!(error.contains("DIFFERENT: sumNorm2"), "{error}");
    // The claim is about an earlier block, whose state is as it was.
    world.ok(&["verify", "claim", "claim.json"])?;
    set_code(world, page, honest)?;
    world.ok(&["verify", "set", "1"])?;
    world.ok(space)?;
    Ok(())
}

/// A node that lies is found out, whatever it lies about.
pub(super) fn answers(world: &World) -> anyhow::Result<()> {
    let url = world.dev.text("/rpcUrl")?;
    let claim = &["verify", "claim", "claim.json"][..];
    let set = &["verify", "set", "1"][..];
    // What is turned, for whom, and how the command says so.
    for (method, pointer, arguments, message) in [
        ("eth_call", "", claim, "on chain"),
        (
            "eth_getProof",
            "/storageProof/4/value",
            claim,
            "the proof of slot",
        ),
        ("eth_getProof", "/codeHash", claim, "the proof of account"),
        ("eth_getCode", "", claim, "as the state says"),
        ("eth_getBlockByHash", "/stateRoot", claim, "header of block"),
        (
            "eth_getLogs",
            "/1/data",
            set,
            "DIFFERENT: digest after row 11",
        ),
    ] {
        let node = LyingNode::start(url, Lie { method, pointer })?;
        let error = world.fails(&[arguments, &["--rpc-url", &node.url]].concat())?;
        assert!(error.contains(message), "{method} {pointer}: {error}");
    }
    Ok(())
}

fn set_code(world: &World, address: Address, code: Bytes) -> anyhow::Result<()> {
    let rpc: RootProvider = world.dev.rpc()?;
    block_on(async {
        let _: Value = rpc
            .raw_request("hardhat_setCode".into(), (address, code))
            .await?;
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    })
}
