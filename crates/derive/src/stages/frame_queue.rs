use crate::stages::{L1Retrieval, Pull};
use alloc::{collections::VecDeque, vec::Vec};
use openledger_protocol::{Frame, decode_frames};

/// Cuts a batcher transaction into frames and drops those out of order.
#[derive(Debug)]
pub(crate) struct FrameQueue {
    pub(crate) prev: L1Retrieval,
    frames: VecDeque<Frame>,
}

impl FrameQueue {
    pub(crate) const fn new(prev: L1Retrieval) -> Self {
        Self {
            prev,
            frames: VecDeque::new(),
        }
    }

    /// The next frame.
    pub(crate) fn next_frame(&mut self) -> Pull<Frame> {
        if self.frames.is_empty() {
            let data = match self.prev.next_data() {
                Pull::Ready(data) => data,
                Pull::Again => return Pull::Again,
                Pull::Empty => return Pull::Empty,
            };
            // A transaction with anything malformed in it holds no frame.
            self.frames = prune(decode_frames(&data).unwrap_or_default()).into();
        }
        self.frames.pop_front().map_or(Pull::Again, Pull::Ready)
    }
}

/// Keeps, of the frames of one transaction, those that are in order: a frame that doesn't continue
/// the one before it is dropped, unless it is a first frame, which instead drops an unfinished
/// channel before it (Holocene, "Frame queue").
///
/// What precedes the transaction isn't looked at: the channel assembler sees to that.
fn prune(frames: Vec<Frame>) -> Vec<Frame> {
    let mut kept: Vec<Frame> = Vec::with_capacity(frames.len());
    for frame in frames {
        loop {
            let Some(last) = kept.last() else {
                kept.push(frame);
                break;
            };
            if last.id == frame.id {
                // Numbers wrap, as they do in op-node.
                if !last.is_last && frame.number == last.number.wrapping_add(1) {
                    kept.push(frame);
                }
                break;
            }
            if frame.number != 0 {
                break;
            }
            if last.is_last {
                kept.push(frame);
                break;
            }
            kept.pop();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame((id, number, is_last): (u8, u16, bool)) -> Frame {
        Frame {
            id: [id; 16],
            number,
            data: Vec::new(),
            is_last,
        }
    }

    fn pruned(frames: &[(u8, u16, bool)]) -> Vec<(u8, u16, bool)> {
        prune(frames.iter().copied().map(frame).collect())
            .into_iter()
            .map(|frame| (frame.id[0], frame.number, frame.is_last))
            .collect()
    }

    #[test]
    fn frames_out_of_order_are_dropped() {
        let cases: &[(&[(u8, u16, bool)], &[(u8, u16, bool)])] = &[
            (&[], &[]),
            // A continuation of what an earlier transaction began stays.
            (
                &[(1, 3, false), (1, 4, true)],
                &[(1, 3, false), (1, 4, true)],
            ),
            // Gaps and repetitions.
            (
                &[(1, 0, false), (1, 2, false), (1, 1, true)],
                &[(1, 0, false), (1, 1, true)],
            ),
            (
                &[(1, 0, false), (1, 0, false), (1, 1, true)],
                &[(1, 0, false), (1, 1, true)],
            ),
            // Nothing follows the last frame of its channel.
            (
                &[(1, 0, true), (1, 1, false), (1, 0, false)],
                &[(1, 0, true)],
            ),
            // A first frame drops an unfinished channel, all of it, and only that.
            (
                &[(1, 0, true), (2, 0, false), (2, 1, false), (3, 0, false)],
                &[(1, 0, true), (3, 0, false)],
            ),
            (&[(1, 5, false), (2, 0, true)], &[(2, 0, true)]),
            // A later frame of another channel is dropped.
            (
                &[(1, 0, false), (2, 1, true), (1, 1, true)],
                &[(1, 0, false), (1, 1, true)],
            ),
            (&[(1, 0, true), (2, 1, true)], &[(1, 0, true)]),
            (
                &[(1, 0, true), (2, 0, true), (3, 0, false)],
                &[(1, 0, true), (2, 0, true), (3, 0, false)],
            ),
        ];
        for (frames, expected) in cases {
            assert_eq!(&pruned(frames), expected, "{frames:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_in_order(frames in proptest::collection::vec((0..3_u8, 0..4_u16, any::<bool>()), 0..30)) {
            let kept = pruned(&frames);
            for pair in kept.windows(2) {
                let ((id, number, is_last), (next_id, next_number, _)) = (pair[0], pair[1]);
                if id == next_id {
                    prop_assert!(!is_last && next_number == number + 1);
                } else {
                    prop_assert!(is_last && next_number == 0);
                }
            }
            // Pruning again changes nothing.
            prop_assert_eq!(pruned(&kept), kept);
        }
    }
}
