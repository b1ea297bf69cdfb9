//! An agent and its policy.

use super::world::{AGENT, DEVELOPER, OPEN, PAYER, WORKER, World, bad, good, text};
use alloy_primitives::{B256, U256};
use anyhow::ensure;
use openledger_economy::infer::{Voucher, chain};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output};

#[tokio::test]
async fn an_agent_is_held_to_its_policy() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    let agent = |account: u32, arguments: &[&str]| -> anyhow::Result<Output> {
        Ok(world.command("agent", account, arguments)?.output()?)
    };
    // "hello" costs 0.012 OPEN with the platform fee.
    let register = [
        "register",
        "--stake",
        "5",
        "--call-max",
        "0.012",
        "--channel-max",
        "1",
        "--day-max",
        "1",
        "--payee",
        &worker,
    ];
    good(agent(AGENT, &register)?, &register)?;
    let address = world.address(AGENT)?.to_string();
    let status = good(agent(PAYER, &["status", &address, "--json"])?, &["status"])?;
    let status: Value = serde_json::from_str(&status)?;
    assert_eq!(status["version"], json!(1));

    let open = [
        "open",
        "--adapter",
        &adapter,
        "--worker",
        &worker,
        "--lock",
        "2",
        "--data-dir",
        "agent",
    ];
    let opened = world.json(AGENT, &open)?;
    assert_eq!(opened["policyVersion"], json!(1));
    let id: B256 = text(&opened, "channel")?.parse()?;
    let server = world.serve()?;
    world.write("prompt", "hello")?;
    let call = [
        "call",
        "--data-dir",
        "agent",
        "--prompt",
        "prompt",
        "--tokens-out-max",
        "3",
        "--worker-url",
        &server.url,
    ];
    assert_eq!(world.ok(AGENT, &call)?, "re: hello\n");
    // A byte more would raise the mean above the policy: the worker says so before the agent signs.
    world.write("prompt", "hello!")?;
    let refused = world.fails(AGENT, &call)?;
    ensure!(refused.contains("policy"), "{refused}");

    // One that it signs all the same is its stake's end. Its stake answers for no other voucher.
    let view = chain::channel_view(&world.node, id).await?;
    let within = Voucher {
        channel: id,
        payer: view.channel.payer,
        payee: view.channel.payee,
        cumulative: U256::from(OPEN / 1_000 * 12),
        count: 1,
        leaves_root: B256::ZERO,
        expiry: u64::MAX,
    };
    let above = Voucher {
        cumulative: within.cumulative + U256::from(1),
        ..within
    };
    let write = |name: &str, voucher: Voucher| -> anyhow::Result<()> {
        let signed = voucher.sign(&world.signer(AGENT)?, world.node.chain_id())?;
        world.write(name, &serde_json::to_string(&signed)?)
    };
    write("within.json", within)?;
    let refused = bad(agent(DEVELOPER, &["report", "within.json"])?, &["report"])?;
    ensure!(refused.contains("breaks nothing"), "{refused}");
    write("above.json", above)?;
    let said = good(agent(DEVELOPER, &["report", "above.json"])?, &["report"])?;
    ensure!(said.contains("2.5 OPEN"), "{said}");
    let refused = bad(agent(PAYER, &["status", &address])?, &["status"])?;
    ensure!(refused.contains("no registered agent"), "{refused}");

    // It begins anew, for somebody else this time, changes its policy and leaves.
    let key_file = world.path("agent.key");
    fs::write(&key_file, world.key(AGENT)?)?;
    restrict(&key_file)?;
    let again = [
        &register[..],
        &["--agent-key-file", "agent.key", "--signer", &worker],
    ]
    .concat();
    good(agent(PAYER, &again)?, &again)?;
    let policy = [
        "policy",
        &address,
        "--call-max",
        "1",
        "--channel-max",
        "1",
        "--day-max",
        "1",
    ];
    let refused = bad(agent(AGENT, &policy)?, &policy)?;
    ensure!(refused.contains("NotOwner"), "{refused}");
    good(agent(PAYER, &policy)?, &policy)?;
    good(agent(PAYER, &["exit", &address])?, &["exit"])?;
    let refused = bad(agent(PAYER, &["withdraw", &address])?, &["withdraw"])?;
    ensure!(refused.contains("can be withdrawn in"), "{refused}");
    world.pass(300).await?;
    good(agent(PAYER, &["withdraw", &address])?, &["withdraw"])?;
    Ok(())
}

/// A key's file is its owner's alone.
fn restrict(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
