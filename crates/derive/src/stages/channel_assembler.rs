use crate::stages::{FrameQueue, Pull};
use alloc::{sync::Arc, vec::Vec};
use openledger_primitives::ChainConfig;
use openledger_protocol::{ChannelAssembler, FrameOutcome};

/// Puts frames together into compressed channels.
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
        let origin = *self.prev.prev.prev.origin();
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
            if let FrameOutcome::Complete(channel) = outcome {
                return Pull::Ready(channel);
            }
        }
    }

    /// Forgets the open channel.
    pub(crate) fn flush(&mut self) {
        self.assembler.clear();
    }
}
