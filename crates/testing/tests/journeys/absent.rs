//! The sequencer is dead past the sequencing window: what was forced on L1 is in every verifier's chain.

use crate::{Tuning, World, l1::L1, until};
use anyhow::{Result, ensure};
use openledger_batcher::DataAvailability;
use openledger_primitives::Transaction;

on_each_l1!(dead_past_the_window);

async fn dead_past_the_window<L: L1>() -> Result<()> {
    let tuning = Tuning {
        window: 12,
        batcher: |config| config.data_availability = DataAvailability::Calldata,
        ..Tuning::default()
    };
    let Some(mut world) = World::<L>::start(tuning).await? else {
        return Ok(());
    };
    world.transfers(3, 100).await?;
    world.ticks(3).await?;
    world.settle().await?;
    let batcher = world.batcher.address();
    // Acknowledged, sealed, and never posted.
    for _ in 0..2 {
        world.transfers(2, 100).await?;
        world.l1.mine_only(batcher, 0).await?;
        world.catch_up().await?;
    }
    world.kill_sequencer().await?;
    world.l1.forget(batcher).await?;
    let safe = world.verifier()?.heads().safe.number;
    let forced = world.deposit().await?;
    let blocks = 14 + world.random.below(8);
    world.ticks(blocks).await?;
    let chain = world.verifier()?.chain.clone();
    until("the forced deposit", || async {
        let head = chain.heads().safe.number;
        for number in safe + 1..=head {
            let block = chain.block(number)?;
            let transactions = block
                .iter()
                .flat_map(|block| &block.block.body.transactions);
            for tx in transactions {
                if let Transaction::Deposit(deposit) = tx
                    && deposit.to == forced.to.into()
                {
                    ensure!(deposit.mint == u128::from(forced.mint));
                    return Ok(Some(()));
                }
            }
        }
        Ok(None)
    })
    .await?;
    // The sequencer comes back: its blocks of then contradict the chain, their transactions don't.
    world.start_sequencer().await?;
    world.catch_up().await?;
    world.transfers(2, 100).await?;
    world.ticks(2).await?;
    world.finish().await
}
