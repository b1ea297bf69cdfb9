//! What is stuck in one kind of transaction is cancelled where its data is cheaper to carry in the other.

use crate::{
    random,
    sending::{
        GWEI, INBOX, Sending, Stuck, cancelled, confirmed, excess_at, gas, in_blobs, in_calldata,
    },
};
use alloy_consensus::Transaction as _;
use anyhow::{Result, ensure};
use openledger_l1::{BlobSidecar, Carrier, CarrierGas, Obstacle, TxCandidate};
use openledger_testing::simulated_l1::Order;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_that_are_stuck_are_cancelled() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let stuck = sending.stuck_blobs().await?;
    let behind = sending.send(in_calldata(3)).await?;
    sending.until_emptied(2).await?;
    sending
        .until_status(|status| {
            status.cancelling == 2 && status.obstacle == Some(Obstacle::Cancelling)
        })
        .await?;
    sending.l1.state().mine();
    // A blob at 60 gwei, and nothing for what was not sent.
    for receiver in stuck.results {
        let fee_wei = cancelled(receiver).await?;
        ensure!(fee_wei > 60 * 131_072 * u128::from(GWEI), "{fee_wei}");
    }
    ensure!(cancelled(behind).await? == 0);
    // What relies on it is given back until something begins anew.
    ensure!(cancelled(sending.send(in_calldata(4)).await?).await? == 0);
    let anew = in_calldata(1).with_begins(true);
    let (anew, next) = (
        sending.send(anew).await?,
        sending.send(in_calldata(2)).await?,
    );
    sending.mine(2).await?;
    ensure!(confirmed(anew).await?.nonce == 2 && confirmed(next).await?.nonce == 3);
    sending.until_journal_is_empty().await?;
    sending
        .until_status(|status| status.cancelling == 0)
        .await?;
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calldata_that_is_stuck_is_cancelled() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    sending.prefer(Carrier::Blobs)?;
    let stuck = sending.send(in_calldata(1)).await?;
    sending.until_waiting(1).await?;
    // Below the ceiling, so that it could be replaced by itself as well, for twenty times as much.
    sending.l1.state().base_fee = Some(40 * GWEI);
    let behind = sending.send(in_blobs(2)?).await?;
    sending.until_emptied(1).await?;
    sending.l1.state().mine();
    let fee_wei = cancelled(stuck).await?;
    ensure!(fee_wei < 21_001 * 50 * u128::from(GWEI), "{fee_wei}");
    cancelled(behind).await?;
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_becomes_too_dear_waits_for_the_ceiling() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let stuck = sending.stuck_blobs().await?;
    sending.until_emptied(2).await?;
    // More than the empty ones offer, and than is saved by them; after a restart it knows that still.
    sending.l1.state().excess_blob_gas = Some(excess_at(130));
    let mut receivers = Vec::from(stuck.results);
    let restarts = random().below(2) == 0;
    println!("restarts: {restarts}");
    if restarts {
        sending.stop().await?;
        let resumed = sending.start()?.into_iter();
        receivers = resumed.map(|tx| tx.result).collect();
        sending.prefer(Carrier::Calldata)?;
    }
    let too_dear = |obstacle| match obstacle {
        Some(Obstacle::BlobFeesTooHigh { needed_wei }) => needed_wei > 200 * u128::from(GWEI),
        _ => false,
    };
    sending
        .until_status(|status| status.cancelling == 2 && too_dear(status.obstacle))
        .await?;
    sending.hurry()?;
    sending.until_offered(130, sending.wallet.address()).await?;
    sending.mine(2).await?;
    ensure!(receivers.len() == 2);
    for receiver in receivers {
        cancelled(receiver).await?;
    }
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_outlives_a_restart() -> Result<()> {
    let mut sending = Sending::new().await?;
    let mut random = random();
    sending.start()?;
    let _stuck = sending.stuck_blobs().await?;
    sending.until_emptied(2).await?;
    sending.stop().await?;
    let mines_away = random.below(2) == 0;
    let forgets = random.below(2) == 0;
    println!("mined while away: {mines_away}, forgotten: {forgets}");
    if mines_away {
        sending.l1.state().mine();
    } else if forgets {
        let account = sending.wallet.address();
        sending.l1.state().pool.forget(Some(account));
    }
    let resumed = sending.start()?;
    let tags: Vec<_> = resumed.iter().map(|tx| tx.tag.to_vec()).collect();
    ensure!(tags == [vec![1], vec![2]], "{tags:?}");
    if !mines_away {
        sending.until_emptied(2).await?;
        sending.l1.state().mine();
    }
    for tx in resumed {
        ensure!(cancelled(tx.result).await? > 0);
    }
    ensure!(sending.nonce() == 2);
    // A reorganization drops them: their nonces are filled again, with nothing.
    sending.l1.state().orphan(1, &|_| false);
    sending.l1.state().mine_with(&[], &|_| false);
    sending.until_emptied(2).await?;
    sending.l1.state().mine();
    let anew = sending.send(in_calldata(1).with_begins(true)).await?;
    sending.mine(1).await?;
    ensure!(confirmed(anew).await?.nonce == 2);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_included_after_all_is_confirmed() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    let Stuck { results, mut raw } = sending.stuck_blobs().await?;
    let [first, second] = results;
    let original = raw.swap_remove(0);
    sending.until_emptied(2).await?;
    // A block builder had kept the first, and blob gas is cheap again.
    {
        let mut l1 = sending.l1.state();
        l1.excess_blob_gas = Some(0);
        l1.mine_with(&[original], &|tx| tx.envelope.nonce() == 1);
    }
    ensure!(confirmed(first).await?.nonce == 0);
    ensure!(cancelled(second).await? > 0);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_costs_as_much_to_cancel_waits() -> Result<()> {
    let mut sending = Sending::new().await?;
    sending.start()?;
    sending.prefer(Carrier::Calldata)?;
    let one_blob = TxCandidate {
        blobs: Some(BlobSidecar::build(&[[1]])?),
        ..in_blobs(1)?
    }
    .with_data_gas(CarrierGas {
        present: gas(66_000, 1),
        other: gas(200_000, 0),
    });
    let stuck = sending.send(one_blob).await?;
    sending.until_waiting(1).await?;
    sending.l1.state().excess_blob_gas = Some(excess_at(60));
    let behind = sending.send(in_calldata(2)).await?;
    let too_dear = |obstacle| matches!(obstacle, Some(Obstacle::BlobFeesTooHigh { .. }));
    sending
        .until_status(|status| status.cancelling == 0 && too_dear(status.obstacle))
        .await?;
    // It goes itself as soon as it is worth it.
    sending.hurry()?;
    sending.until_offered(60, INBOX).await?;
    sending.l1.state().mine();
    ensure!(confirmed(stuck).await?.nonce == 0);
    sending.mine(1).await?;
    ensure!(confirmed(behind).await?.nonce == 1);
    sending.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_left_is_replaced() -> Result<()> {
    let mut sending = Sending::new().await?;
    let left = Order {
        blobs: vec![Default::default()],
        max_fee: 3 * u128::from(GWEI),
        max_blob_fee: 1,
        tip: 1,
        ..Order::call(INBOX, Vec::new())
    };
    // Before the sender starts, which then begins behind it, or while it runs, in its next place.
    let runs = random().below(2) == 0;
    println!("left while it runs: {runs}");
    if runs {
        sending.start()?;
        let before = sending.send(in_calldata(0)).await?;
        sending.until_waiting(1).await?;
        sending.l1.state().mine();
        confirmed(before).await?;
    }
    sending.l1.state().excess_blob_gas = Some(excess_at(1));
    let wallet = sending.wallet.clone();
    sending.l1.state().order(&left, &wallet)?;
    if !runs {
        sending.l1.state().order(&left, &wallet)?;
        sending.start()?;
    }
    let count = if runs { 1 } else { 2 };
    let ours = sending.send(in_calldata(1)).await?;
    sending.until_emptied(count).await?;
    sending.l1.state().mine();
    sending.mine(1).await?;
    confirmed(ours).await?;
    ensure!(sending.nonce() == 3);
    sending.until_journal_is_empty().await?;
    sending.stop().await
}
