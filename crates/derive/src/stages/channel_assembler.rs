use crate::stages::{FrameQueue, Pull};
use alloc::{sync::Arc, vec::Vec};
use openledger_primitives::ChainConfig;
use openledger_protocol::{ChannelAssembler, FrameOutcome};

/// Puts frames together into compressed channels.
///
/// What is open depends on frames alone, never on what became of batches: while a channel is read no frame
/// is taken, so that whoever drops the rest of it finds none open. And whatever was open before a first frame
/// is gone with it. So after a channel timeout of L1 blocks the same is open wherever reading began.
#[derive(Debug)]
pub(crate) struct ChannelStage {
    pub(crate) prev: FrameQueue,
    config: Arc<ChainConfig>,
    assembler: ChannelAssembler,
}

impl ChannelStage {
    pub(crate) fn new(prev: FrameQueue, config: Arc<ChainConfig>) -> Self {
        Self {
            prev,
            config,
            assembler: ChannelAssembler::default(),
        }
    }

    /// The compressed bytes of the next complete channel.
    pub(crate) fn next_channel(&mut self) -> Pull<Vec<u8>> {
        let traversal = &self.prev.prev.prev;
        let (origin, derived_to) = (*traversal.origin(), traversal.derived_to());
        self.assembler
            .expire(origin.number, self.config.channel_timeout(origin.timestamp));
        loop {
            let frame = match self.prev.next_frame() {
                Pull::Ready(frame) => frame,
                Pull::Again => return Pull::Again,
                Pull::Empty => return Pull::Empty,
            };
            let outcome =
                self.assembler
                    .add(frame, origin.number, self.config.channel_rlp_bytes_max());
            match outcome {
                // What was complete by then was read before.
                FrameOutcome::Complete(channel) if origin.number > derived_to.number => {
                    return Pull::Ready(channel);
                }
                _ => {}
            }
        }
    }

    /// Forgets the open channel.
    pub(crate) fn flush(&mut self) {
        self.assembler.clear();
    }
}
