//! Going on with what an earlier run sent.

use super::{Pipeline, PipelineError, go_back::is_canonical};
use crate::{
    BlockSource,
    channel::{ChannelTxInfo, ClosedChannel},
    tag::ChannelTag,
};

impl Pipeline {
    /// Takes up channels that an earlier run sent as a whole, by the tags of their transactions in
    /// the order in which they were sent. Answers what each of them is about, `None` for those that
    /// are of no use: what they carry is safe, or posted again. Blocking.
    ///
    /// A channel that begins no later than one before it was sent in its place.
    ///
    /// # Errors
    /// If a block can't be read.
    pub(crate) fn resume(
        &mut self,
        tags: &[Option<ChannelTag>],
        source: &dyn BlockSource,
        now: u64,
    ) -> Result<Vec<Option<ChannelTxInfo>>, PipelineError> {
        let mut infos = vec![None; tags.len()];
        let mut at = 0;
        while let Some(first) = tags.get(at).copied() {
            let Some(first) = first.filter(|tag| tag.index == 0) else {
                at = at.saturating_add(1);
                continue;
            };
            let end = at.saturating_add(usize::from(first.total));
            let whole = tags.get(at..end).is_some_and(|tags| {
                (0..first.total)
                    .zip(tags)
                    .all(|(index, tag)| *tag == Some(ChannelTag { index, ..first }))
            });
            let number = first.to.number;
            let follows = first.from <= self.cursor.number.saturating_add(1);
            if !whole || first.total == 0 {
                // Its run gave it up in the middle.
                at = at.saturating_add(1);
                continue;
            }
            if !follows || !is_canonical(source, first.to)? {
                at = end;
                continue;
            }
            while let Some(replaced) = self
                .closed
                .pop_back_if(|channel| channel.range.from >= first.from)
            {
                let total = usize::from(replaced.txs_total);
                self.pending_txs = self.pending_txs.saturating_sub(total);
                self.go_back_to_closed();
                for info in &mut infos {
                    info.take_if(|info: &mut ChannelTxInfo| info.channel == replaced.sequence);
                }
            }
            if number > self.cursor.number {
                let resumed = ClosedChannel::resumed(self.sequence, first, now);
                for (info, index) in infos.iter_mut().skip(at).zip(0..first.total) {
                    *info = Some(ChannelTxInfo {
                        channel: self.sequence,
                        index,
                    });
                }
                self.sequence = self.sequence.wrapping_add(1);
                self.pending_txs = self.pending_txs.saturating_add(usize::from(first.total));
                self.cursor = first.to;
                self.submitted_to = number;
                self.closed.push_back(resumed);
            }
            at = end;
        }
        Ok(infos)
    }
}
