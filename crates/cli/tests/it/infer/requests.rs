//! Requests with escrow.

use super::world::{PAYER, PRICE_IN, PRICE_OUT, TIMEOUT, WORKER, World, good, text};
use crate::process::until;
use alloy_primitives::U256;
use anyhow::{Context, ensure};
use openledger_economy::infer::{CallsDirectory, chain, message::PromptMessage};
use std::process::Stdio;

#[tokio::test]
async fn requests_with_escrow_are_fulfilled_or_refunded() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    world.write("prompt", "hello")?;
    let request = |more: &[&str]| -> Vec<String> {
        let common = [
            "request",
            "--adapter",
            &adapter,
            "--worker",
            &worker,
            "--prompt",
            "prompt",
            "--tokens-in",
            "5",
            "--tokens-out-max",
            "10",
        ];
        common
            .iter()
            .chain(more)
            .map(|part| (*part).to_owned())
            .collect()
    };

    // One that nobody answers; it waits while the others are served.
    let unanswered = request(&["--nonce", "1"]);
    let unanswered: Vec<&str> = unanswered.iter().map(String::as_str).collect();
    let mut waiting = world.command("infer", PAYER, &unanswered)?;
    let waiting = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let payer = world.address(PAYER)?;
    let id = openledger_economy::infer::request_id(world.node.chain_id(), payer, U256::from(1));
    until(
        "the request is made",
        TIMEOUT,
        || async { Ok(chain::request(&world.node, id).await?.payer) },
        |found| *found == payer,
    )
    .await?;
    let refused = world.fails(PAYER, &["refund", &id.to_string()])?;
    ensure!(refused.contains("may still answer"), "{refused}");

    let server = world.serve()?;
    let with_url = request(&["--nonce", "2", "--worker-url", &server.url]);
    let with_url: Vec<&str> = with_url.iter().map(String::as_str).collect();
    let answered = world.json(PAYER, &with_url)?;
    assert_eq!(text(&answered, "output")?, "re: hello");
    assert_eq!(text(&answered, "status")?, "fulfilled");
    // The same command again, and the same message again, give the same.
    assert_eq!(world.json(PAYER, &with_url)?["output"], answered["output"]);
    let id = text(&answered, "requestId")?;
    let message = PromptMessage {
        request_id: id.parse()?,
        prompt: "hello".to_owned(),
    };
    assert_eq!(server.client.request(&message).await?.output, "re: hello");
    let other = PromptMessage {
        prompt: "hallo".to_owned(),
        ..message
    };
    let refused = server.client.request(&other).await.unwrap_err().to_string();
    ensure!(refused.contains("notOpen"), "{refused}");
    let published = CallsDirectory::open(&world.path("worker/calls"))?.request(id.parse()?)?;
    // Five tokens in and three out.
    assert_eq!(
        published.context("published")?.price,
        PRICE_IN / 1_000 * 5 + PRICE_OUT / 1_000 * 3
    );

    // One by hand.
    world.write("output", "by hand")?;
    let dear = request(&["--nonce", "3", "--price-max", "0.02"]);
    let dear: Vec<&str> = dear.iter().map(String::as_str).collect();
    let refused = world.fails(PAYER, &dear)?;
    ensure!(refused.contains("--price-max"), "{refused}");
    let by_hand = request(&["--nonce", "3"]);
    let by_hand: Vec<&str> = by_hand.iter().map(String::as_str).collect();
    let child = world
        .command("infer", PAYER, &by_hand)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = openledger_economy::infer::request_id(world.node.chain_id(), payer, U256::from(3));
    until(
        "the request is made",
        TIMEOUT,
        || async { Ok(chain::request(&world.node, id).await?.payer) },
        |found| *found == payer,
    )
    .await?;
    let id = id.to_string();
    let fulfil = [
        "fulfil",
        &id,
        "--prompt",
        "prompt",
        "--output",
        "output",
        "--tokens-out",
        "2",
        "--calls",
        "by-hand",
    ];
    let done = world.json(WORKER, &fulfil)?;
    assert_eq!(
        text(&done, "credited")?.parse::<U256>()?,
        U256::from(PRICE_OUT / 1_000 * 8)
    );
    good(child.wait_with_output()?, &by_hand)?;
    let refused = world.fails(WORKER, &fulfil)?;
    ensure!(refused.contains("is fulfilled"), "{refused}");

    world.pass(300).await?;
    let output = waiting.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains("refunded"), "{said}");
    Ok(())
}
