//! What is read from an L1 block whose data was verified against its hash.

use crate::TrackError;
use openledger_derive::{L1Input, L1Transaction, parse_l1_block};
use openledger_l1::{BatchBlobs, L1BlockData};
use openledger_primitives::{ChainConfig, L1ChainConfig};

/// What a block builder reads from an L1 block whose data was verified against its hash: all but what
/// its blobs hold.
///
/// # Errors
/// Malformed deposits.
pub fn l1_input(
    config: &ChainConfig,
    l1: &L1ChainConfig,
    data: &L1BlockData,
) -> Result<L1Input, TrackError> {
    input_with_blobs(config, l1, data, &BatchBlobs::default())
}

/// [`l1_input`] with what the blobs of the block's batches hold, which only derivation reads.
///
/// # Errors
/// Malformed deposits.
pub(crate) fn input_with_blobs(
    config: &ChainConfig,
    l1: &L1ChainConfig,
    data: &L1BlockData,
    blobs: &BatchBlobs,
) -> Result<L1Input, TrackError> {
    let transactions: Vec<L1Transaction> = data
        .transactions
        .iter()
        .filter(|tx| tx.to() == Some(config.batch_inbox_address))
        .filter_map(|tx| {
            Some(L1Transaction {
                tx_type: tx.envelope.tx_type().into(),
                to: tx.to(),
                sender: tx.sender()?,
                input: tx.input().clone(),
                blobs: blobs.of(tx.hash()).to_vec(),
            })
        })
        .collect();
    Ok(parse_l1_block(
        config,
        l1,
        &data.header,
        &transactions,
        &data.receipts,
    )?)
}
