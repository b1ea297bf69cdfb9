//! The L1 wire codec: everything that the chain writes to L1 or reads from it, in both directions.
//!
//! The batcher turns blocks into [`Batch`]es, packs them into a compressed channel ([`ChannelOut`]),
//! cuts the channel into [`Frame`]s and puts frames into L1 transactions ([`encode_frames_tx`]), as
//! calldata or in blobs ([`encode_blob`]). Derivation goes the other way: [`decode_blob`],
//! [`decode_frames`], [`ChannelAssembler`], [`ChannelReader`],
//! [`Batch`]. Both use this crate, so that what one writes the other reads. Beside batches it holds
//! what else crosses from L1 to L2: deposits ([`decode_deposit`]), configuration updates
//! ([`ConfigUpdate`]), the L1 attributes transaction ([`L1Attributes`]), and the rules that sequencer
//! and verifier must share to the letter: which attributes a block gets ([`payload_attributes`]) and
//! which L1 origin it may name ([`origin_allowed`]).
//!
//! The sequencer's feed of blocks that are not on L1 yet ([`FeedMessage`]) is here too.
//!
//! Invariants: decoders accept exactly what the OP specification accepts, never panic, and bound
//! what they allocate by their input or by a named constant. No I/O, no clock, no floats. `no_std` +
//! `alloc`; only writing brotli, a feature, needs more. The byte tables stand in `docs/spec/batches.md`. Start reading at [`Frame`].
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::float_arithmetic)
)]

extern crate alloc;
#[cfg(feature = "brotli")]
extern crate std;

mod abi;
mod attributes;
mod batch;
mod blob;
mod block_ref;
mod channel;
mod channel_out;
mod channel_reader;
mod compress;
mod config_update;
mod decompress;
mod deposit;
mod feed;
mod forks;
mod frame;
mod l1_attributes;
mod l1_block;
mod origin;
mod output_root;
mod singular_batch;
mod span_batch;
mod span_transactions;
#[cfg(test)]
mod test_config;
mod upgrades;

pub use attributes::{AttributesError, payload_attributes};
pub use batch::{Batch, BatchError, SINGULAR_BATCH_TYPE, SPAN_BATCH_TYPE};
pub use blob::{
    BLOB_BYTES, BLOB_DATA_MAX, BLOB_ENCODING_VERSION, BlobBytes, BlobError, decode_blob,
    encode_blob,
};
pub use block_ref::{BlockRefError, L2BlockRef, system_config_after, system_config_of};
pub use channel::{
    ChannelAssembler, ChannelId, FRAME_MEMORY_OVERHEAD, FrameOutcome, IgnoredFrame, OpenChannel,
};
pub use channel_out::{ChannelError, ChannelOptions, ChannelOut, Full};
pub use channel_reader::{ChannelReader, ChannelReaderError};
pub use compress::Compression;
pub use config_update::{CONFIG_UPDATE_TOPIC, ConfigUpdate, ConfigUpdateError};
pub use decompress::{CHANNEL_VERSION_BROTLI, DecompressError};
pub use deposit::{
    DEPOSIT_OPAQUE_BYTES_MIN, DepositError, TRANSACTION_DEPOSITED_TOPIC, decode_deposit,
    encode_deposit,
};
pub use feed::{
    FEED_MESSAGE_BYTES_MAX, FeedError, FeedMessage, encode_feed_message, feed_block, feed_digest,
    feed_signer,
};
pub use forks::{
    first_active_block, has_no_sequencer_transactions, upgrade_fork_without_transactions,
};
pub use frame::{
    DERIVATION_VERSION_0, FRAME_OVERHEAD, Frame, FrameError, MAX_FRAME_LEN, decode_frames,
    encode_frames_tx,
};
pub use l1_attributes::{L1_ATTRIBUTES_GAS, L1Attributes, L1AttributesError};
pub use l1_block::L1Block;
pub use origin::{NextOrigin, OriginDecision, OriginViolation, next_origin, origin_allowed};
pub use output_root::OutputRoot;
pub use singular_batch::SingularBatch;
pub use span_batch::{
    MAX_SPAN_BATCH_ELEMENT_COUNT, SpanBatch, SpanBatchError, SpanBlock, SpanBlocks,
};
pub use upgrades::{
    JOVIAN_UPGRADE_GAS, UpgradeCodeError, check_jovian_upgrade, jovian_upgrade_deposits,
};
