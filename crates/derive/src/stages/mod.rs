//! The stages of derivation, in the order in which data passes them.

mod attributes_queue;
mod batch_queue;
mod batch_validator;
mod channel_assembler;
mod channel_reader;
mod frame_queue;
mod l1_retrieval;
mod l1_traversal;

pub(crate) use attributes_queue::{AttributesQueue, DerivedAttributes, Next};
pub(crate) use batch_queue::BatchQueue;
pub use batch_validator::{BatchDrop, BatchValidity};
pub(crate) use channel_assembler::ChannelStage;
pub(crate) use channel_reader::ChannelReaderStage;
pub(crate) use frame_queue::FrameQueue;
pub(crate) use l1_retrieval::L1Retrieval;
pub use l1_traversal::Epoch;
pub(crate) use l1_traversal::L1Traversal;

/// What a stage has to give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pull<T> {
    /// An item.
    Ready(T),
    /// Nothing yet: something was dropped, pull again.
    Again,
    /// Nothing before the next L1 block.
    Empty,
}
