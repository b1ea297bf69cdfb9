//! A channel.

use super::world::{DEVELOPER, PAYER, TIMEOUT, WORKER, World, text};
use crate::process::until;
use alloy_primitives::{B256, U256};
use anyhow::{Context, ensure};
use openledger_client::Step;
use openledger_economy::infer::{
    CallsDirectory, FeeTree, PayerChannel, Voucher, WorkerClient, chain, channel,
    message::OutputRequest,
};
use openledger_primitives::predeploys::VOUCHER_CHANNELS;
use serde_json::json;

/// Calls of the channel, one of them by the command.
const CALLS: u64 = 300;

/// One call, as `infer call` does it.
async fn call(
    world: &World,
    worker: &WorkerClient,
    payer: &mut PayerChannel,
    prompt: String,
) -> anyhow::Result<String> {
    let id = payer.replay().header().channel;
    let request = payer.request(prompt, 3)?;
    let offer = worker.call(&request).await?;
    let view = chain::channel_view(&world.node, id).await?;
    let prices = chain::prices(&world.node, world.adapter).await?;
    let signed = payer.pay(
        &request,
        offer,
        &view,
        &prices,
        u128::MAX,
        view.now + 864_000,
    )?;
    Ok(worker.pay(&signed).await?.output)
}

#[tokio::test]
async fn a_channel_of_300_calls_outlives_its_worker_s_deaths() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (adapter, worker) = (
        world.adapter.to_string(),
        world.address(WORKER)?.to_string(),
    );
    let open = [
        "open",
        "--adapter",
        &adapter,
        "--worker",
        &worker,
        "--lock",
        "10",
        "--data-dir",
        "payer",
    ];
    let opened = world.json(PAYER, &open)?;
    let id: B256 = text(&opened, "channel")?.parse()?;
    let mut server = world.serve()?;

    // The first by the command, whose output alone is on standard output.
    world.write("prompt", "first")?;
    let by_command = |url: &str| -> Vec<String> {
        [
            "call",
            "--data-dir",
            "payer",
            "--prompt",
            "prompt",
            "--tokens-out-max",
            "3",
            "--worker-url",
            url,
        ]
        .map(ToOwned::to_owned)
        .to_vec()
    };
    let arguments = by_command(&server.url);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(world.ok(PAYER, &arguments)?, "re: first\n");

    {
        let key = world.signer(PAYER)?;
        let (mut payer, _lock) = channel::payer_channel(&world.path("payer"), id, key)?;
        let refused = world.fails(PAYER, &arguments)?;
        ensure!(refused.contains("another process"), "{refused}");
        for number in 2..=CALLS {
            match number {
                // Between an offer and its voucher.
                100 => {
                    let request = payer.request(number.to_string(), 3)?;
                    let before = server.client.call(&request).await?;
                    server.kill()?;
                    server = world.serve()?;
                    assert_eq!(server.client.call(&request).await?, before);
                }
                // Between two calls.
                200 => {
                    server.kill()?;
                    server = world.serve()?;
                }
                _ => {}
            }
            let output = call(&world, &server.client, &mut payer, number.to_string()).await?;
            assert_eq!(output, format!("re: {number}"));
            // Between a voucher and its answer: the voucher again gives it.
            if number == 250 {
                server.kill()?;
                server = world.serve()?;
                let request = payer.output_request()?;
                assert_eq!(server.client.output(&request).await?.output, output);
                // Its voucher, which the chain will show to everybody, doesn't.
                let signed = payer.replay().voucher().context("a voucher")?;
                let refused = server.client.pay(&signed).await.unwrap_err().to_string();
                ensure!(refused.contains("alreadyPaid"), "{refused}");
                let by_other = OutputRequest::new(
                    &world.signer(DEVELOPER)?,
                    world.node.chain_id(),
                    id,
                    number,
                )?;
                let refused = server
                    .client
                    .output(&by_other)
                    .await
                    .unwrap_err()
                    .to_string();
                ensure!(refused.contains("notSigned"), "{refused}");
                // Signed again, good for longer, it is the payer's own.
                let view = chain::channel_view(&world.node, id).await?;
                let again = payer
                    .renew(&view, signed.voucher.expiry + 1)?
                    .context("a voucher")?;
                assert_eq!(server.client.pay(&again).await?.output, output);
            }
        }
        // A voucher of an earlier call, one for nothing, and one of somebody else's key.
        let newest = payer.replay().voucher().context("a voucher")?;
        let refusal = async |voucher: Voucher, account: u32| -> anyhow::Result<String> {
            let signed = voucher.sign(&world.signer(account)?, world.node.chain_id())?;
            Ok(server.client.pay(&signed).await.unwrap_err().to_string())
        };
        let mut other = newest.voucher;
        other.count -= 1;
        let refused = refusal(other, PAYER).await?;
        ensure!(refused.contains("nothingOffered"), "{refused}");
        let request = payer.request("more".to_owned(), 3)?;
        let offer = server.client.call(&request).await?;
        let voucher = payer
            .replay()
            .voucher_with(&offer.call, newest.voucher.expiry)?;
        let refused = refusal(voucher, WORKER).await?;
        ensure!(refused.contains("notSigned"), "{refused}");
        let mut less = voucher;
        less.cumulative -= U256::from(1);
        let refused = refusal(less, PAYER).await?;
        ensure!(refused.contains("otherVoucher"), "{refused}");
        let mut soon = voucher;
        soon.expiry = 1;
        let refused = refusal(soon, PAYER).await?;
        ensure!(refused.contains("expiresTooSoon"), "{refused}");
        // Of those nothing stayed.
        assert_eq!(server.client.channel(id).await?.count, newest.voucher.count);
    }

    // All of it in one transaction.
    assert_eq!(world.counted(id).await?, 0);
    let refused = world.fails(WORKER, &["settle", "--data-dir", "worker"])?;
    ensure!(refused.contains("another process"), "{refused}");
    server.kill()?;
    let settled = world.json(WORKER, &["settle", "--data-dir", "worker"])?;
    assert_eq!(settled.as_array().map(Vec::len), Some(1));
    assert_eq!(settled[0]["count"], json!(CALLS));
    assert_eq!(world.counted(id).await?, CALLS);
    let calls = CallsDirectory::open(&world.path("worker/calls"))?
        .channel(id)?
        .context("published")?;
    let root = FeeTree::new(&calls.leaves(CALLS).context("all calls")?)?
        .root()
        .context("a root")?;
    let view = chain::channel_view(&world.node, id).await?;
    let fees = view.channel.platformFee * u128::from(CALLS);
    assert_eq!(root.sum, view.channel.paid - fees);
    assert_eq!(
        world.json(WORKER, &["settle", "--data-dir", "worker"])?,
        json!([])
    );

    // What was settled isn't settled again.
    let newest = {
        let key = world.signer(PAYER)?;
        let (payer, _lock) = channel::payer_channel(&world.path("payer"), id, key)?;
        payer.replay().voucher().context("a voucher")?
    };
    assert_eq!(newest.voucher.leaves_root, root.hash);
    let step = Step::call("settle", VOUCHER_CHANNELS, &chain::settle_call(&newest));
    let refused = format!(
        "{:#}",
        world.sender(DEVELOPER)?.send(step).await.unwrap_err()
    );
    ensure!(refused.contains("CountNotRising"), "{refused}");

    // The payer leaves; what it owes by then is settled in time, without being asked for.
    let server = world.serve()?;
    let arguments = by_command(&server.url);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(world.ok(PAYER, &arguments)?, "re: first\n");
    assert_eq!(world.counted(id).await?, CALLS);
    let name = id.to_string();
    world.ok(PAYER, &["exit", &name])?;
    until(
        "the late voucher is settled",
        TIMEOUT,
        || world.counted(id),
        |counted| *counted == CALLS + 1,
    )
    .await?;
    let refused = world.fails(PAYER, &arguments)?;
    ensure!(refused.contains("channelClosing"), "{refused}");
    let refused = world.fails(PAYER, &["close", &name])?;
    ensure!(refused.contains("may settle for another"), "{refused}");
    world.pass(300).await?;
    world.ok(PAYER, &["close", &name])?;
    let status = world.json(PAYER, &["status", &name, "--data-dir", "payer"])?;
    assert_eq!(status["closed"], json!(true));
    assert_eq!(status["kept"], json!(CALLS + 1));
    Ok(())
}
