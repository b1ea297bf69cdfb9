//! The length that FastLZ (level 1, with the parameters that OP's Fjord fee prescribes) compresses bytes to,
//! written here a second time, so that the fee is not checked against itself.

/// Positions that may be referred to.
const WINDOW: usize = 8_191;
/// Bytes at the end that are never part of a match's start.
const TAIL: usize = 13;
/// Longest run of literals that one instruction covers.
const LITERALS_MAX: usize = 32;
/// Longest match that one instruction covers, and the shortest that needs a length byte.
const MATCH_MAX: usize = 262;
const MATCH_LONG: usize = 6;

fn three(data: &[u8], at: usize) -> u32 {
    u32::from(data[at]) | u32::from(data[at + 1]) << 8 | u32::from(data[at + 2]) << 16
}

fn bucket(value: u32) -> usize {
    (value.wrapping_mul(2_654_435_769) >> 19) as usize & WINDOW
}

fn literals(count: usize) -> usize {
    let (full, rest) = (count / LITERALS_MAX, count % LITERALS_MAX);
    full * (LITERALS_MAX + 1) + if rest > 0 { rest + 1 } else { 0 }
}

/// Cost of a match; `length` counts the bytes after the first.
fn reference(length: usize) -> usize {
    3 * (length / MATCH_MAX)
        + if length % MATCH_MAX >= MATCH_LONG {
            3
        } else {
            2
        }
}

/// Bytes after compression.
pub(crate) fn compressed_len(data: &[u8]) -> usize {
    let limit = data.len().saturating_sub(TAIL);
    let mut seen = vec![0usize; WINDOW + 1];
    let mut written = 0;
    // Where the literals that wait begin.
    let mut anchor = 0;
    let mut at = 2;
    'search: while at < limit {
        let (start, earlier) = loop {
            let value = three(data, at);
            let slot = &mut seen[bucket(value)];
            let earlier = std::mem::replace(slot, at);
            if at >= limit {
                break 'search;
            }
            at += 1;
            if at - 1 - earlier <= WINDOW && three(data, earlier) == value {
                break (at - 1, earlier);
            }
        };
        if at >= limit {
            break;
        }
        if start > anchor {
            written += literals(start - anchor);
        }
        // Three bytes are equal; how many more are, the last nine bytes aside but four.
        let end = limit + 9;
        let more = (start + 3..end)
            .take_while(|position| data[*position] == data[earlier + position - start])
            .count();
        let length = more + usize::from(start + 3 + more < end);
        written += reference(length - 1);
        at = start + length;
        for _ in 0..2 {
            seen[bucket(three(data, at))] = at;
            at += 1;
        }
        anchor = at;
    }
    written + literals(data.len() - anchor)
}
