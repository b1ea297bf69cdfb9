use super::{Posted, Range, Source, block_range, commitment, short};
use std::{collections::BTreeSet, process::ExitCode};

/// Prints a line for each batch transaction.
pub(crate) async fn run(source: &Source, range: &Range) -> anyhow::Result<ExitCode> {
    let (files, client) = source.open().await?;
    let posted = Posted::scan(&files, &client, range).await?;
    println!(
        "{:>6}  {:>9}  {:<66}  {:>7}  {:>6}  {:<18}  {:<15}  inbox",
        "batch", "L1 block", "transaction", "bytes", "frames", "channels", "L2 blocks"
    );
    for (number, transaction) in posted.transactions.iter().enumerate() {
        let (frames, channels) = match &transaction.frames {
            Ok(frames) => {
                let ids: BTreeSet<String> =
                    frames.iter().map(|frame| short(&frame.channel)).collect();
                (
                    frames.len().to_string(),
                    ids.into_iter().collect::<Vec<_>>().join(" "),
                )
            }
            Err(_) => ("invalid".to_owned(), String::new()),
        };
        let blocks: Vec<String> = posted.channels_of(transaction).map(block_range).collect();
        println!(
            "{number:>6}  {:>9}  {:<66}  {:>7}  {frames:>6}  {channels:<18}  {:<15}  {}",
            transaction.l1_block.number,
            transaction.tx_hash,
            transaction.bytes,
            if blocks.is_empty() {
                "incomplete".to_owned()
            } else {
                blocks.join(" ")
            },
            commitment(transaction.commitment)
        );
    }
    let bytes: usize = posted
        .transactions
        .iter()
        .map(|transaction| transaction.bytes)
        .sum();
    let blocks: usize = posted
        .channels
        .iter()
        .map(|channel| channel.batches.len())
        .sum();
    println!(
        "{} batch transactions, {} channels, {blocks} L2 blocks, {bytes} bytes in L1 blocks {} to {}",
        posted.transactions.len(),
        posted.channels.len(),
        posted.from,
        posted.to
    );
    Ok(ExitCode::SUCCESS)
}
