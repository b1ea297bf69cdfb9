use crate::stages::{ChannelStage, Pull};
use alloc::sync::Arc;
use openledger_primitives::ChainConfig;
use openledger_protocol::{Batch, ChannelReader};

/// Reads the batches of one channel after the other.
pub(crate) struct ChannelReaderStage {
    pub(crate) prev: ChannelStage,
    config: Arc<ChainConfig>,
    reader: Option<ChannelReader>,
}

impl ChannelReaderStage {
    pub(crate) const fn new(prev: ChannelStage, config: Arc<ChainConfig>) -> Self {
        Self {
            prev,
            config,
            reader: None,
        }
    }

    /// The next batch. A channel ends where it can't be read any further.
    pub(crate) fn next_batch(&mut self) -> Pull<Batch> {
        let Some(reader) = &mut self.reader else {
            return match self.prev.next_channel() {
                Pull::Ready(channel) => {
                    let limit = self.config.channel_rlp_bytes_max();
                    self.reader = ChannelReader::new(channel, limit, self.config.l2_chain_id).ok();
                    Pull::Again
                }
                Pull::Again => Pull::Again,
                Pull::Empty => Pull::Empty,
            };
        };
        if let Ok(Some(batch)) = reader.next_batch() {
            return Pull::Ready(batch);
        }
        self.reader = None;
        Pull::Again
    }

    /// Drops what is left of the channel.
    pub(crate) fn flush(&mut self) {
        self.reader = None;
        self.prev.flush();
    }
}
