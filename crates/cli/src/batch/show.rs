use super::{Posted, Range, Source, commitment};
use alloy_primitives::hex;
use anyhow::Context;
use openledger_l1::{BatchSummary, BatchTx, ChannelSummary, CommitmentStatus};
use std::process::ExitCode;

/// Prints one batch transaction in full.
pub(crate) async fn run(number: usize, source: &Source) -> anyhow::Result<ExitCode> {
    let (files, client) = source.open().await?;
    let posted = Posted::scan(
        &files,
        &client,
        &Range {
            from: None,
            to: None,
        },
    )
    .await?;
    let transaction = posted.transactions.get(number).with_context(|| {
        format!(
            "there is no batch {number}: {} are in L1 blocks {} to {}",
            posted.transactions.len(),
            posted.from,
            posted.to
        )
    })?;
    show_transaction(number, transaction);
    let mut shown = 0;
    for channel in posted.channels_of(transaction) {
        show_channel(channel);
        shown += 1;
    }
    if shown == 0 {
        println!("\nno channel that it carries a part of is complete");
    }
    Ok(ExitCode::SUCCESS)
}

fn show_transaction(number: usize, transaction: &BatchTx) {
    println!("batch {number}");
    println!("  transaction   {}", transaction.tx_hash);
    println!(
        "  L1 block      {} {} (timestamp {}, index {})",
        transaction.l1_block.number,
        transaction.l1_block.hash,
        transaction.l1_timestamp,
        transaction.index
    );
    println!("  calldata      {} bytes", transaction.bytes);
    match transaction.commitment {
        CommitmentStatus::Recorded { index, head } => {
            println!("  inbox         entry {index}, head {head}")
        }
        CommitmentStatus::Broken {
            expected, recorded, ..
        } => println!(
            "  inbox         entry {}: head {recorded} is recorded, {expected} follows",
            commitment(transaction.commitment)
        ),
        CommitmentStatus::Missing => {
            println!("  inbox         MISSING: the inbox did not record it")
        }
    }
    match &transaction.frames {
        Ok(frames) => {
            for frame in frames {
                println!(
                    "  frame         channel {} number {}{}, {} bytes{}",
                    hex::encode(frame.channel),
                    frame.number,
                    if frame.is_last { " (last)" } else { "" },
                    frame.bytes,
                    frame
                        .ignored
                        .map_or(String::new(), |why| format!(", ignored: {why:?}"))
                );
            }
        }
        Err(error) => println!("  frames        none: {error}"),
    }
}

fn show_channel(channel: &ChannelSummary) {
    println!("\nchannel {}", hex::encode(channel.id));
    println!(
        "  L1 blocks     {} to {}",
        channel.opened.number, channel.closed.number
    );
    println!(
        "  frames        {} in {} transactions, {} bytes of {} uncompressed",
        channel.frames,
        channel.transactions.len(),
        channel.compressed_bytes,
        channel.uncompressed_bytes
    );
    println!(
        "  L2 blocks     {}, {} transactions",
        channel.batches.len(),
        channel.transaction_count()
    );
    if let Some(defect) = &channel.defect {
        println!("  defect        {defect}");
    }
    channel.batches.iter().for_each(show_block);
}

fn show_block(batch: &BatchSummary) {
    let number = batch
        .block_number
        .map_or("none".to_owned(), |number| number.to_string());
    println!(
        "  block {number}: timestamp {}, L1 origin {}, {} transactions, {} bytes{}",
        batch.timestamp,
        batch.epoch_num,
        batch.transactions,
        batch.transaction_bytes,
        batch
            .parent_hash
            .map_or(String::new(), |parent| format!(", parent {parent}"))
    );
    for hash in &batch.transaction_hashes {
        println!("    {hash}");
    }
}
