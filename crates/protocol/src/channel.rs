use crate::{Frame, frame::FRAME_OVERHEAD};
use alloc::vec::Vec;

/// A channel's id: opaque, chosen by the batcher, unique among channels that are open together.
pub type ChannelId = [u8; 16];

/// What a buffered frame counts beside its data when a channel's size is taken (OP specification,
/// "Pruning").
pub const FRAME_MEMORY_OVERHEAD: usize = 200;

// The overhead that is counted is never below the bytes that a frame really takes on the wire.
const _: () = assert!(FRAME_MEMORY_OVERHEAD >= FRAME_OVERHEAD);

/// The channel that is being put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChannel {
    /// Its id.
    pub id: ChannelId,
    /// Number of the L1 block that held its first frame.
    pub open_block: u64,
    /// Frames so far: the number that the next frame must have.
    pub frames: u32,
    /// Its size as the limit counts it: data plus [`FRAME_MEMORY_OVERHEAD`] a frame.
    pub size: usize,
    data: Vec<u8>,
}

/// What became of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameOutcome {
    /// The frame was added and its channel is still open.
    Added,
    /// The frame was the last of its channel, whose compressed bytes these are.
    Complete(Vec<u8>),
    /// The frame was of no use.
    Ignored(IgnoredFrame),
}

/// Why a frame was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredFrame {
    /// No channel is open, and the frame is not a first one.
    #[error("frame {number} opens no channel")]
    NoChannel {
        /// Its number.
        number: u16,
    },
    /// The frame belongs to another channel than the open one.
    #[error("frame belongs to another channel")]
    OtherChannel {
        /// The open channel.
        open: ChannelId,
        /// The frame's channel.
        found: ChannelId,
    },
    /// The frame is not the next of the open channel.
    #[error("frame {number} is not frame {expected}")]
    OutOfOrder {
        /// The number that comes next.
        expected: u32,
        /// The frame's number.
        number: u16,
    },
    /// With this frame the channel was larger than it may be: it is gone.
    #[error("channel of {size} bytes is larger than {limit}")]
    TooLarge {
        /// Its size, as [`OpenChannel::size`] counts.
        size: usize,
        /// The limit.
        limit: usize,
    },
}

/// Puts frames together into channels by the Holocene rules: at most one channel is open, its frames
/// come strictly in order, and a first frame starts a new channel whatever was open.
///
/// Source: OP specification, Holocene, "Channel bank".
#[derive(Debug, Clone, Default)]
pub struct ChannelAssembler {
    open: Option<OpenChannel>,
}

impl ChannelAssembler {
    /// The channel that is being put together.
    pub const fn open_channel(&self) -> Option<&OpenChannel> {
        self.open.as_ref()
    }

    /// Drops the open channel if it was opened more than `timeout` L1 blocks before `l1_number`.
    ///
    /// Call this before frames of that L1 block are added.
    pub fn expire(&mut self, l1_number: u64, timeout: u64) {
        if let Some(open) = &self.open
            && open.open_block.saturating_add(timeout) < l1_number
        {
            self.open = None;
        }
    }

    /// Drops the open channel.
    pub fn clear(&mut self) {
        self.open = None;
    }

    /// Adds a frame that L1 block `l1_number` holds. `size_max` bounds the channel's size
    /// ([`OpenChannel::size`]); the specification's limit is that of its decompressed bytes.
    pub fn add(&mut self, frame: Frame, l1_number: u64, size_max: usize) -> FrameOutcome {
        if frame.number == 0 {
            self.open = Some(OpenChannel {
                id: frame.id,
                open_block: l1_number,
                frames: 0,
                size: 0,
                data: Vec::new(),
            });
        }
        let Some(open) = &mut self.open else {
            return FrameOutcome::Ignored(IgnoredFrame::NoChannel {
                number: frame.number,
            });
        };
        if open.id != frame.id {
            return FrameOutcome::Ignored(IgnoredFrame::OtherChannel {
                open: open.id,
                found: frame.id,
            });
        }
        if open.frames != u32::from(frame.number) {
            return FrameOutcome::Ignored(IgnoredFrame::OutOfOrder {
                expected: open.frames,
                number: frame.number,
            });
        }
        open.size = open
            .size
            .saturating_add(frame.data.len())
            .saturating_add(FRAME_MEMORY_OVERHEAD);
        if open.size > size_max {
            let size = open.size;
            self.open = None;
            return FrameOutcome::Ignored(IgnoredFrame::TooLarge {
                size,
                limit: size_max,
            });
        }
        // Frame numbers are u16 and rise by one, so that this can't overflow.
        open.frames = open.frames.saturating_add(1);
        if open.data.is_empty() {
            open.data = frame.data;
        } else {
            open.data.extend_from_slice(&frame.data);
        }
        if frame.is_last {
            let data = core::mem::take(&mut open.data);
            self.open = None;
            return FrameOutcome::Complete(data);
        }
        FrameOutcome::Added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 10_000;

    fn frame(id: u8, number: u16, data: &[u8], is_last: bool) -> Frame {
        Frame {
            id: [id; 16],
            number,
            data: data.to_vec(),
            is_last,
        }
    }

    #[test]
    fn frames_in_order_make_a_channel() {
        let mut assembler = ChannelAssembler::default();
        assert_eq!(
            assembler.add(frame(1, 0, b"ab", false), 5, MAX),
            FrameOutcome::Added
        );
        assert_eq!(
            assembler.add(frame(1, 1, b"cd", false), 6, MAX),
            FrameOutcome::Added
        );
        assert_eq!(
            assembler.add(frame(1, 2, b"", true), 6, MAX),
            FrameOutcome::Complete(b"abcd".to_vec())
        );
        assert!(assembler.open_channel().is_none());
    }

    #[test]
    fn gaps_duplicates_and_foreign_frames_are_ignored() {
        let mut assembler = ChannelAssembler::default();
        assert_eq!(
            assembler.add(frame(1, 1, b"x", false), 5, MAX),
            FrameOutcome::Ignored(IgnoredFrame::NoChannel { number: 1 })
        );
        assembler.add(frame(1, 0, b"ab", false), 5, MAX);
        assert_eq!(
            assembler.add(frame(1, 2, b"x", true), 5, MAX),
            FrameOutcome::Ignored(IgnoredFrame::OutOfOrder {
                expected: 1,
                number: 2
            })
        );
        assert!(matches!(
            assembler.add(frame(2, 1, b"x", true), 5, MAX),
            FrameOutcome::Ignored(IgnoredFrame::OtherChannel { .. })
        ));
        assert_eq!(
            assembler.add(frame(1, 1, b"cd", true), 5, MAX),
            FrameOutcome::Complete(b"abcd".to_vec())
        );
    }

    #[test]
    fn a_first_frame_replaces_the_open_channel() {
        let mut assembler = ChannelAssembler::default();
        assembler.add(frame(1, 0, b"old", false), 5, MAX);
        assembler.add(frame(2, 0, b"new", false), 7, MAX);
        assert_eq!(
            assembler
                .open_channel()
                .map(|open| (open.id, open.open_block)),
            Some(([2; 16], 7))
        );
        // The same holds for a repeated first frame of the same channel.
        assembler.add(frame(2, 0, b"again", false), 8, MAX);
        assert_eq!(
            assembler.add(frame(2, 1, b"", true), 8, MAX),
            FrameOutcome::Complete(b"again".to_vec())
        );
    }

    #[test]
    fn timeout_and_size_limits_are_exact() {
        let mut assembler = ChannelAssembler::default();
        assembler.add(frame(1, 0, b"ab", false), 5, MAX);
        assembler.expire(55, 50);
        assert!(assembler.open_channel().is_some());
        assembler.expire(56, 50);
        assert!(assembler.open_channel().is_none());

        assert_eq!(
            assembler.add(frame(1, 0, b"ab", false), 5, 202),
            FrameOutcome::Added
        );
        assert_eq!(
            assembler.add(frame(1, 1, b"", false), 5, 401),
            FrameOutcome::Ignored(IgnoredFrame::TooLarge {
                size: 402,
                limit: 401
            })
        );
        assert!(assembler.open_channel().is_none());
    }
}
