//! Going back: to the safe head, to before what was cancelled, or to what is still canonical.

use super::{Pipeline, PipelineError};
use crate::{BlockSource, L1Point, channel::ChannelTxInfo};
use alloy_eips::BlockNumHash;

/// Blocks that are put into channels once more, and that wait for no others there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    /// The last of them.
    pub(super) to: u64,
    /// Timestamp of the L1's head when the oldest channel of them was closed, seconds.
    pub(super) closed_at: u64,
}

impl Pipeline {
    /// Forgets everything since the safe head. Results of transactions from before must not be
    /// given to the pipeline any more.
    pub(crate) fn restart(&mut self, safe: BlockNumHash) {
        self.cursor = safe;
        self.settled = safe;
        self.open = None;
        self.closed.clear();
        self.safe_watch.restart(safe.number);
        self.again = None;
        self.pending_txs = 0;
        self.submitted_to = safe.number;
        self.confirmed_to = safe.number;
    }

    /// Notes that a transaction was cancelled, or given back because one before it was. Its channel and
    /// those after it are forgotten: their blocks are put into channels anew, at once, and carried in what
    /// is cheaper by then. Results of their other transactions may still come. Answers whether there was
    /// something to forget.
    pub(crate) fn cancel(&mut self, info: ChannelTxInfo) -> bool {
        self.pending_txs = self.pending_txs.saturating_sub(1);
        let place = self
            .closed
            .iter()
            .position(|channel| channel.sequence == info.channel);
        // It may have been forgotten with one before it.
        let Some(place) = place else { return false };
        for channel in self.closed.drain(place..) {
            let (to, closed_at) = (channel.range.to.number, channel.closed_at);
            let before = self.again.unwrap_or(Again { to, closed_at });
            self.again = Some(Again {
                to: before.to.max(to),
                closed_at: before.closed_at.min(closed_at),
            });
        }
        // The wait for a switch is paid for.
        self.carrier = None;
        self.go_back_to_closed();
        true
    }

    /// Forgets the channels whose blocks are no longer canonical. Those before them are on their way to L1
    /// or there, also where the safe head went back with an L1 reorg: posting them again would be in vain.
    /// Results of forgotten channels must not be given to the pipeline any more. Blocking.
    ///
    /// # Errors
    /// If a block can't be read.
    pub(super) fn unwind(
        &mut self,
        source: &dyn BlockSource,
        l1: L1Point,
    ) -> Result<(), PipelineError> {
        while let Some(channel) = self.closed.back()
            && !is_canonical(source, channel.range.to)?
        {
            self.closed.pop_back();
        }
        self.pending_txs = self.closed.iter().map(|channel| channel.in_flight()).sum();
        self.again = None;
        if self.closed.is_empty() {
            let mut settled = None;
            for to in std::iter::once(self.settled).chain(self.safe_watch.newest_first()) {
                if is_canonical(source, to)? {
                    settled = Some(to);
                    break;
                }
            }
            let Some(settled) = settled else {
                self.restart(source.safe_head());
                return Ok(());
            };
            self.settled = settled;
            self.confirmed_to = settled.number;
        }
        self.safe_watch.truncate(self.settled.number, l1);
        self.go_back_to_closed();
        Ok(())
    }

    /// Goes back to the last block of the closed channels.
    pub(super) fn go_back_to_closed(&mut self) {
        self.open = None;
        self.cursor = self
            .closed
            .back()
            .map_or(self.settled, |channel| channel.range.to);
        self.submitted_to = self.submitted_to.min(self.cursor.number);
    }
}

/// Whether the chain still has this block.
///
/// # Errors
/// If it can't be read.
pub(super) fn is_canonical(
    source: &dyn BlockSource,
    id: BlockNumHash,
) -> Result<bool, PipelineError> {
    let block = source
        .block(id.number)
        .map_err(|source| PipelineError::Source {
            number: id.number,
            source,
        })?;
    Ok(block.is_some_and(|block| block.header.hash_slow() == id.hash))
}
